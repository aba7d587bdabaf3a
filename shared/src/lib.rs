//! The library of cognito-backup. It knows no AWS type, prints nothing and reads no environment.
//!
//! Each layer knows only the layers above it in this list:
//! 1. [`model`]: users, groups, snapshots, pages, digests, ledger. Pure data and functions. [`csv`]
//!    holds the files and logs of CSV import jobs, on top of the model alone.
//! 2. [`ports`]: the narrow traits for a pool, a vault, job files, a clock and announcements.
//! 3. [`report`]: the sentences of reports and notifications.
//! 4. [`pacing`]: the limiter, the lanes, the throttle and the retries in front of a pool.
//! 5. [`catalog`]: the table layout, typed, on top of [`ports::vault::Vault`].
//! 6. [`identity`]: which snapshot user is which target user.
//! 7. [`operations`]: what the functions and the command line do, written against the ports alone.
//!    [`steps`] names the four entry points that the functions call.
//! 8. [`machine`]: the player, which carries out the state machines' definitions without Step
//!    Functions.
//!
//! [`error`], [`guidance`], [`format`] and [`item_size`] serve all layers.
//!
//! The package `shared-aws` holds the adapters for AWS. The package `shared-memory` holds the
//! stand-ins for tests.

pub mod catalog;
pub mod csv;
pub mod error;
pub mod format;
pub mod guidance;
pub mod identity;
pub mod item_size;
pub mod machine;
pub mod model;
pub mod operations;
pub mod pacing;
pub mod ports;
pub mod report;
pub mod steps;

pub use error::{Error, ErrorKind, Result};
pub use guidance::Guidance;
