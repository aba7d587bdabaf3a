//! The data of backups: pure types and functions, no AWS types, no I/O.

mod calls;
mod digest;
mod forecast;
mod group;
mod ids;
mod input;
mod lease;
mod ledger;
mod options;
mod page;
mod pool;
mod restore;
mod run;
mod snapshot;
mod unit;
mod user;
mod verification;

pub use calls::{CallStats, Tps};
pub use digest::{Digest, DigestBuilder};
pub use forecast::{DryRun, Forecast, Objection};
pub use group::GroupRecord;
pub use ids::{Execution, GroupName, PoolId, RunId, SnapshotSelector, Sub, Username};
pub use input::{ExportInput, ImportInput, Operation};
pub use lease::Lease;
pub use ledger::{Entry, LedgerPage, Note, Outcome, Reason, RestoredUser, SubMapEntry, Tally, Totals};
pub use options::{Existing, Federated, ImportOptions, Passwords};
pub use page::{Page, PageContent, PageEntry};
pub use pool::{AttributeSchema, PasswordPolicy, PoolDescription, TargetSettings};
pub use restore::{Restore, RestoreState, RestoreUnit};
pub use run::{ExportReport, Failure, FailureReport, ImportReport, PlanReport, Progress, RunReport};
pub use snapshot::{Counts, SCHEMA_VERSION, Seal, SealBuilder, Snapshot, SnapshotState};
pub use unit::{EntryKind, Listing, Unit, UnitId};
pub use user::{Identity, MfaPreference, User, UserRecord, UserStatus};
pub use verification::{Finding, FindingKind, Marks, Verification, VerificationResult, VerificationStage};
