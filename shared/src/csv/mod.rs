//! CSV import jobs: which users one can take, how they are written, which user each line was, and what a job's log says.
//!
//! Cognito reads a file of users faster than the API creates them and counts none of them as active. Whoever cannot be
//! written by the documented rules alone goes through the API instead: nothing is guessed about how a job reads what AWS does not
//! describe. Pure data and functions; no AWS types, no I/O.
//!
//! ```text
//! GetCSVHeader ─► Header ─┐
//! record, sign-in name ─► Row ─► Splitter ─► chunks of a body ─► the job's presigned URL
//!                          │          └────► Part: line ─► page and place
//!                          └─ NotInCsv ─► API           ▲
//!                              the job's log ─► LogLine ┘
//! ```
//!
//! A job knows neither whether a user was disabled nor its groups, and leaves it without a password: all that remains to be
//! done by calls.
//!
//! Sources, Amazon Cognito developer guide: "Importing users into user pools from a CSV file", with its sections "Formatting
//! the CSV file" and "Viewing the user pool import results in the CloudWatch console"; "Working with user attributes". `[?]`
//! marks what no primary source says.

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

pub use header::{Header, NoJob};
pub use log::{LineOutcome, LogLine};
pub use parts::{Finished, Limits, NotPushed, Part, Splitter};
pub use row::{NotInCsv, Row};
pub use value::Unwritable;
