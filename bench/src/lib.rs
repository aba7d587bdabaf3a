//! The bench at the limit: the functions' steps on a service in this process, in virtual time, so that hours run in minutes and a pool of
//! 10 million users fits. Users are worked out from their numbers and never kept.
//!
//! * The service: [`population`], [`pool`], [`target`], [`jobs`], [`table`] on [`store`], under [`latency`] and [`quotas`]; all of it in
//!   [`service`].
//! * What is counted: [`traffic`], [`units`] by [`kind`] of item, and by the package `heap` the memory of the functions' side.
//! * What is done: [`machine`] plays the state machines' definitions, [`scenario`] exports and restores, [`matrix`] says of which pools.
//! * What comes of it: [`figures`] with their targets, [`plots`] drawn by [`chart`], [`document`]. [`report`] is shared with the bench on the
//!   local AWS.

pub mod chart;
#[cfg(test)]
mod contracts;
pub mod document;
pub mod figures;
pub mod jobs;
pub mod kind;
pub mod latency;
pub mod machine;
pub mod matrix;
mod options;
pub mod packed;
pub mod plots;
pub mod pool;
pub mod population;
pub mod quotas;
pub mod report;
pub mod scenario;
pub mod service;
pub mod store;
pub mod table;
pub mod target;
pub mod traffic;
pub mod units;

pub use options::{Deeds, Options};
