//! End-to-end scenarios: the real functions, chained by the real state machines, on the local AWS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a scenario that cannot go on has failed")]

mod bad_input;
mod command_line;
mod contracts;
mod cross_account;
mod damage;
mod definitions;
mod deployed;
mod every_kind;
mod faults;
mod import_jobs;
mod limits;
mod notifications;
mod parallel_listings;
mod prune;
mod repair;
mod round_trip;
mod strict_cognito;
