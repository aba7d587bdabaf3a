//! The bench at the limit. It runs the steps of the functions against a simulated service in this process.
//! Time is virtual, so hours run in minutes. Users are computed from their numbers and never stored, so a
//! pool of 10 million users fits in memory.
//!
//! Each layer uses only the layers above it:
//!
//! * State: [`population`], [`schema`], [`target`], [`import_jobs`], [`table`] on [`store`], [`latency`],
//!   [`quotas`]. [`service`] holds all of it.
//! * Counts: [`traffic`], and [`units`] by [`kind`] of item. The package `heap` counts the memory of the
//!   functions.
//! * Ports: [`pool`], [`vault`] and [`job_files`] on the service. [`backend`] hands them out.
//! * Runs: [`machine`] plays the definitions of the state machines. [`scenario`] exports and restores.
//!   [`matrix`] says which pools are measured.
//! * Results: [`measures`] of each run, [`figures`] with their targets, [`plots`] drawn by [`chart`], and
//!   [`document`]. The bench on the local AWS shares [`report`].

pub mod backend;
pub mod chart;
#[cfg(test)]
mod contracts;
pub mod document;
pub mod figures;
pub mod import_jobs;
pub mod job_files;
pub mod kind;
pub mod latency;
pub mod machine;
pub mod matrix;
mod measures;
mod options;
pub mod packed;
pub mod plots;
pub mod pool;
pub mod population;
pub mod quotas;
pub mod report;
pub mod scenario;
pub mod schema;
pub mod service;
pub mod store;
pub mod table;
pub mod target;
pub mod traffic;
pub mod units;
pub mod vault;

pub use options::{Options, RunChoice};
