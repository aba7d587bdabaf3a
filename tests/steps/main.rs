//! Goal: the steps do what the verbs promise, under any disturbance.
//!
//! Method: the tests run the deployed state machines on a pool and a vault in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests and their helpers"
)]
#![allow(clippy::type_complexity, reason = "tables of cases")]

use step_tests as support;

mod adoption;
mod aliases;
mod ceilings;
mod checkpoints;
mod collisions;
mod configuration;
mod continued_restores;
mod contracts;
mod copied_daily;
mod copy;
mod copy_properties;
mod damaged_snapshots;
mod deadlines;
mod definitions;
mod dry_runs;
mod early_ends;
mod events;
mod expiry;
mod export_calls;
mod export_properties;
mod federated;
mod fidelity;
mod forecasts;
mod groups;
mod headers;
mod import_jobs;
mod import_properties;
mod interleavings;
mod interruptions;
mod large_people;
mod late_invocations;
mod latency;
mod leases;
mod lost_connections;
mod lost_records;
mod members_in_use;
mod memory_on_order;
mod metrics;
mod namesakes;
mod new_permissions;
mod old_intentions;
mod operations;
mod parallel_listings;
mod pool_tags;
mod prune;
mod prune_properties;
mod quiet;
mod refusals;
mod refused_users;
mod refused_values;
mod regions;
mod repair;
mod retention;
mod scheduled_exports;
mod sealing;
mod selections;
mod shrunk_snapshots;
mod sign_in;
mod stopped_executions;
mod unfinished_exports;
mod units;
mod verification;
mod verify;
mod working_ahead;
