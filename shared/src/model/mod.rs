//! The data of backups: pure types and functions, no AWS types, no I/O.

mod attribute;
pub(crate) mod binary;
mod bus_event;
mod calls;
mod collision;
pub mod configuration;
mod copying;
mod creation;
mod digest;
mod expiry;
mod explanation;
mod failure;
mod forecast;
mod group;
mod group_roles;
mod ids;
mod import_job;
mod input;
mod input_fields;
mod input_reader;
mod lease;
mod ledger;
mod listing_check;
mod listing_history;
mod listing_position;
mod lost_records;
mod metrics;
mod nameable;
mod objection;
mod operation;
mod options;
mod outcome;
mod page;
mod page_batch;
mod page_limit;
mod pages;
mod pool;
mod pool_tag;
mod pruning;
mod quota;
mod reason;
mod record_kind;
mod restore;
mod retention;
mod run;
mod selection;
mod snapshot;
mod started_run;
mod state_machine;
mod stored_capture;
mod sub_map;
mod table_name;
mod tally;
mod target_pool;
mod target_scan;
mod text_enum;
mod unit;
mod user;
mod user_bytes;
mod value_rules;
mod verification;

pub use attribute::{DataType, STANDARD_ATTRIBUTES, is_custom_attribute, is_standard_attribute};
pub use bus_event::{BusEvent, DEFAULT_BUS, Deployment, EVENT_SOURCE};
pub use calls::{CallStats, Tps};
pub use collision::{
    Collision, CollisionCheckpoint, CollisionStage, NameClaim, NameInTarget, NameRule, StoredHashes,
    UniqueName, collision_of,
};
pub use copying::{
    BatchPlace, CopiedItems, CopiedSoFar, CopyOperation, CopyPosition, CopyProgress, CopyStage,
    SnapshotToCopy, UncopiedSnapshot,
};
pub use creation::CreationWindows;
pub use digest::{Digest, DigestBuilder};
pub use expiry::{ExpiresAt, Renewal, SubMapLifetime, SubMapRetention};
pub use explanation::Explanation;
pub use failure::Failure;
pub use forecast::{ExistingForecast, Forecast, ForecastCheckpoint, JobsForecast, MembersRead};
pub use group::{GroupRecord, provider_group_in};
pub use group_roles::{GroupRoles, RolesForecast, account_of_role, is_role};
pub use ids::{Execution, GroupName, PoolId, RunId, SnapshotSelector, Sub, Username};
pub use import_job::{
    CurrentJob, ImportJobs, InJob, JobId, JobStage, JobUnderWay, JobsReport, NameKey, NoJobs, NotInJob, Place,
};
pub use input::{ExportInput, ImportInput, RunKind, StartedBy};
pub use input_fields::{EXPORT_FIELDS, IMPORT_FIELDS, InputField, InputValue, SELECTION_FIELDS};
pub use lease::{Lease, Released};
pub use ledger::{Entry, IncompleteEntry, LedgerPage};
pub use listing_check::{CheckStage, Doubt, ListingCheck, ListingQuestion, NamedBy};
pub use listing_history::ListingHistory;
pub use listing_position::{BreakOffs, ListingPosition};
pub use lost_records::LostRecords;
pub use metrics::{Metric, Metrics};
use nameable::holder_name;
pub use nameable::{ErrorCode, is_plain_id, object_name, setting_name};
pub use objection::{Objection, ObjectionReason, SchemaViolation};
pub use operation::Operation;
pub use options::{Existing, Federated, ImportOptions, Method, Passwords, Unconfirmed};
pub use outcome::{Note, Outcome};
pub use page::{PAGE_SIZE, PageContent, PageEntry};
pub use page_batch::PageBatch;
pub use page_limit::PageLimit;
pub use pages::{Pages, Span};
pub use pool::{
    AttributeSchema, MfaSetting, PREFERRED_USERNAME, PasswordPolicy, PoolDescription, Recovery,
    TargetSettings,
};
pub use pool_tag::{PoolArn, PoolTag, is_own_tag, tag_line};
pub use pruning::{Hold, PruneCheckpoint, Pruned, UserComparison, UserComparisons};
pub use quota::{Category, Ceilings, Headroom};
pub use reason::{Reason, ReasonCode, RefusedCall};
pub use record_kind::RecordKind;
pub use restore::{Ahead, Restore, RestoreState, RestoreUnit};
pub use retention::{Judgement, KeptFor, Past, Retention, Rule, Verdict, lost_users};
pub use run::{Progress, RemovalOperation, RemovalProgress};
pub use selection::{
    FilterList, FilterPlaces, GroupMatch, Selection, SelectionCheckpoint, SelectionId, SelectionSource,
    StoredSelection, UnmatchedNames, UserFilter,
};
pub use snapshot::{
    Counts, OneListing, RecordLookUps, RemovalMark, SCHEMA_VERSION, Seal, SealBuilder, Shrunk, Snapshot,
    SnapshotState, SplitListing, UserListing,
};
pub use started_run::{StartedRun, Stop};
pub use state_machine::MachineArn;
pub use stored_capture::StoredCapture;
pub use sub_map::{LeftOut, Origin, RestoredUser, SubMapEntry};
pub use table_name::TableName;
pub use tally::{Tally, Totals};
pub use target_pool::TargetPool;
pub use target_scan::{ListingCheckpoint, ScannedUser, ScannedValues};
pub use unit::{Listing, SubPrefix, Unit, UnitId, UnitState};
pub use user::{Identity, MfaPreference, User, UserRecord, UserStatus};
pub use user_bytes::UserBytes;
pub use value_rules::{
    ValueRules, alias_of_form, is_email_address, is_left_out, is_phone_number, is_well_formed,
};
pub use verification::{
    Finding, FindingKind, SeenUsers, Verification, VerificationResult, VerificationStage,
};
