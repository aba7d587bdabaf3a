//! The local AWS for the demo, the benches and the end-to-end tests: an emulator with the four functions in
//! it, and the tools that check what the functions did.
//!
//! - [`python`] installs the emulator, and [`emulator`] runs it, always on 127.0.0.1.
//! - [`build`] builds the functions and the command line, and [`provision`] deploys the backup into the emulator.
//! - [`stack`] does all of that in one call. [`executions`] runs a state machine and waits for it.
//! - [`state`] says which local AWS is up.
//! - [`recorder`] stands between the functions and the emulator. It measures calls and injects faults.
//! - [`strict`] stands behind the recorder. It refuses what Cognito refuses and the emulator accepts.
//!   [`strict_server`] runs it in front of a local AWS that stays up.
//! - [`roles`] and [`policy`] check the calls of a deployed function against its role. The emulator does not.
//!   [`partiql`] reads the inserts among these calls.
//! - [`templates`] makes the templates of a release, and deploys them.
//! - [`population`] makes the users and groups of a pool. [`comparison`] compares a source pool with the restored pool.
//!
//! Nothing here uses the library of the backup. A referee that shares code with the players proves little.

pub mod aws;
pub mod build;
pub mod comparison;
pub mod emulator;
pub mod executions;
pub mod form;
mod http;
mod lock;
pub mod partiql;
pub mod paths;
pub mod policy;
pub mod population;
mod process;
pub mod provision;
pub mod python;
pub mod recorder;
pub mod roles;
pub mod shell;
pub mod stack;
pub mod state;
pub mod strict;
pub mod strict_server;
pub mod templates;
