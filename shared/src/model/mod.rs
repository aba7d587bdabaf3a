//! The data of backups: pure types and functions, no AWS types, no I/O.

mod calls;
mod digest;
mod forecast;
mod group;
mod ids;
mod import_job;
mod input;
mod lease;
mod ledger;
mod met;
mod metrics;
mod options;
mod outcome;
mod page;
mod pool;
mod pruning;
mod restore;
mod retention;
mod run;
mod selection;
mod snapshot;
mod sub_map;
mod unit;
mod user;
mod verification;

pub use calls::{CallStats, Tps};
pub use digest::{Digest, DigestBuilder};
pub use forecast::{Demand, Forecast, JobsForecast, Objection, Outlook, ThereForecast};
pub use group::GroupRecord;
pub use ids::{Execution, GroupName, PoolId, RunId, SnapshotSelector, Sub, Username};
pub use import_job::{CurrentJob, ImportJobs, InJob, JobId, JobStage, JobUnderWay, JobsReport, NameKey, Place};
pub use input::{ExportInput, ImportInput, Operation};
pub use lease::Lease;
pub use ledger::{Entry, LedgerPage, Tally, Totals};
pub use met::{Meeting, Met};
pub use metrics::{Metric, Metrics};
pub use options::{Existing, Federated, ImportOptions, Method, Passwords};
pub use outcome::{Note, Outcome, Reason};
pub use page::{Page, PageContent, PageEntry};
pub use pool::{AttributeSchema, PasswordPolicy, PoolDescription, TargetSettings};
pub use pruning::{Hold, PruneCheckpoint, Pruned, RemovalMark, RetentionReport};
pub use restore::{Restore, RestoreState, RestoreUnit};
pub use retention::{KeptFor, Past, Retention, Rule, Verdict, lost_users};
pub use run::{
    ExportReport, Failure, FailureReport, ImportReport, PlanReport, Planned, Progress, RunReport, WatchReport, WatchedPool,
};
pub use selection::{InGroups, People, Selecting, Selection};
pub use snapshot::{Counts, SCHEMA_VERSION, Seal, SealBuilder, Snapshot, SnapshotState};
pub use sub_map::{RestoredUser, SubMapEntry};
pub use unit::{EntryKind, Listing, Unit, UnitId};
pub use user::{Identity, MfaPreference, User, UserRecord, UserStatus};
pub use verification::{Finding, FindingKind, Marks, Verification, VerificationResult, VerificationStage};
