//! The library of cognito-backup: everything the four Lambda functions and the command line do.
//!
//! Layers, each knowing only the ones above it in this list:
//! 1. [`model`]: users, groups, snapshots, pages, digests, ledger. Pure data, no AWS types, no I/O. On top of it alone: [`csv`],
//!    the files and logs of CSV import jobs.
//! 2. [`pool`], [`vault`] and [`job_files`]: the narrow traits, "a user pool", "a table that keeps items" and "what an import job
//!    needs beside the pool".
//! 3. [`pacing`]: the limiter, the per-category throttle and the retries in front of a pool.
//! 4. [`catalog`]: the table layout, typed; written once on top of [`vault::Vault`].
//! 5. [`steps`]: enumerate, export, import, finalize, written against the traits alone; [`verify`], which compares any pool with
//!    any snapshot; [`copy`](mod@copy), which brings a snapshot to another table; and [`mod@prune`], which removes snapshots.
//! 6. [`machine`]: the player, which carries out the state machines' definitions without Step Functions.
//! 7. [`adapters`]: Cognito, DynamoDB, SNS and Lambda; the only place where SDK types appear.
//!
//! [`words`] writes numbers for people. [`memory`] holds a pool and a vault behind the same traits, with faults to order, for tests and benches.

pub mod adapters;
pub mod catalog;
pub mod copy;
pub mod csv;
pub mod error;
pub mod item_size;
pub mod job_files;
pub mod machine;
pub mod memory;
pub mod model;
pub mod pacing;
pub mod pool;
pub mod prune;
pub mod steps;
pub mod vault;
pub mod verify;
pub mod words;

pub use error::{Error, ErrorKind, Result};
