//! Goal: exports, restores and the command line work from end to end.
//!
//! Method: each scenario deploys the real functions and the real state machines to its own local AWS, runs
//! them, and compares pools, reports and items.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a scenario that cannot continue has failed"
)]

mod api_model;
mod bad_input;
mod command_line;
mod configuration;
mod contracts;
mod cross_account;
mod damage;
mod definitions;
mod deployed;
mod dist;
mod every_kind;
mod failed_deployments;
mod faults;
mod import_jobs;
mod limits;
mod lost_pool;
mod notifications;
mod parallel_listings;
mod people;
mod prune;
mod repair;
mod round_trip;
mod strict_proxy;
