//! CSV import jobs: which users a job can take, how a file names them, which user each line is, and
//! what the log of a job says.
//!
//! Cognito reads a file of users faster than the API creates them, and counts none of them as
//! active. A user goes into a file only if the documented rules say how to write it. All others go
//! through the API: nothing here guesses how a job reads what AWS does not describe. Pure data and
//! functions: no AWS types, no I/O.
//!
//! ```text
//! GetCSVHeader ─► Header ─┐
//! record, sign-in name ─► Row ─► Splitter ─► chunks of a body ─► the job's presigned URL
//!                          │          └────► Part: line ─► page and place
//!                          └─ NotInCsv ─► API           ▲
//!                              the job's log ─► LogLine ┘
//! ```
//!
//! A job does not disable a user, adds it to no group, and leaves it without a password. Calls do
//! that afterwards.
//!
//! Sources, Amazon Cognito developer guide: "Importing users into user pools from a CSV file", with
//! its sections "Formatting the CSV file" and "Viewing the user pool import results in the
//! CloudWatch console"; "Working with user attributes". `[?]` marks a fact without a primary
//! source.

mod header;
mod lines;
mod log;
mod parts;
mod places;
pub mod read;
mod row;
mod value;

#[cfg(test)]
mod fixtures;

pub use header::Header;
pub use log::{LineOutcome, LogLine};
pub use parts::{Finished, Limits, NotPushed, Part, Splitter};
pub use row::{NotInCsv, Row};
pub use value::Unwritable;
