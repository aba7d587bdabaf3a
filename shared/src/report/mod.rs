//! The reports of runs, and every sentence that the library writes for people.
//!
//! A report is what the last invocation of a run returns. Its `summary` says the same in words, and a notification
//! repeats it. Counts and ids only: no report holds personal data.

mod announcement;
mod configuration;
mod copy;
mod counts;
mod export;
mod failure;
mod guidance;
mod import;
mod plan;
mod removal;
mod retention;
mod run;
mod skip;
mod stop;
mod watch;

pub use configuration::{ConfigurationReport, NotCapturedObject};
pub use copy::{CopyReport, CopyStatus};
pub use export::{ExportReport, LargeUsers, SplitEnd};
pub use failure::{FailureReport, FailureStatus};
pub use guidance::{cause, in_members};
pub use import::{ImportReport, still_open};
pub use plan::{PlanReport, Planned};
pub use removal::{RemovalReport, RemovalStatus};
pub use retention::RetentionReport;
pub use run::RunReport;
pub use skip::{SkipReport, SkipStatus};
pub use stop::{StopOutcome, StopReport, StopStatus};
pub use watch::{WatchReport, WatchedPool};
