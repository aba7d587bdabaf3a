//! The local AWS for the demo, the benches and the end-to-end tests: an emulator, the four functions in it, and the tools
//! to judge what they did.
//!
//! - [`python`] and [`emulator`] get the emulator and run it, always on 127.0.0.1.
//! - [`build`] and [`provision`] put the backup into it, as a deployment would.
//! - [`stack`] is all of that in one call; [`executions`] runs a state machine and waits for it.
//! - [`recorder`] stands between the functions and the emulator, measures and injects faults.
//! - [`strict`] stands behind the recorder and refuses what Cognito refuses and the emulator does not.
//! - [`roles`] and [`policy`] judge what a deployed function asked for by what its role allows, which the emulator does not.
//! - [`population`] fills a pool; [`comparison`] is the referee between a source pool and the restored one.
//!
//! Nothing in here uses the library of the backup itself: a referee that shares code with the players proves little.

pub mod aws;
pub mod build;
pub mod comparison;
pub mod emulator;
pub mod executions;
pub mod form;
mod http;
pub mod paths;
pub mod policy;
pub mod population;
mod process;
pub mod provision;
pub mod python;
pub mod recorder;
pub mod roles;
pub mod stack;
pub mod state;
pub mod strict;
