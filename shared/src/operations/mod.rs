//! Operations: what the functions and the command line do, written against the ports alone.
//!
//! [`crate::steps`] names the four entry points of the functions: [`enumerate`], [`export_pages`],
//! [`import_pages`] and [`finalize`]. The command line calls [`copy`], [`prune`]
//! and [`verify`], and asks [`EarlierRestore`], [`check_shrunk`] and [`check_group_roles`] what an import will do.

pub mod apply;
mod capture;
mod captured_configuration;
mod ceilings;
mod closed;
mod compared_pool;
pub mod copy;
mod enumerate;
mod event;
mod export;
mod finalize;
mod held_lease;
mod import;
mod listed;
mod patience;
pub mod prune;
pub mod rebuild;
mod refusals;
mod run;
mod second_look;
mod secrets;
mod sending;
mod stored_capture;
pub mod verify;

pub use capture::{LiveConfiguration, WatchReading, live_configuration};
pub use captured_configuration::{CapturedSnapshot, Holding, captured_configuration, comparable, last_known};
pub use compared_pool::compared_pool;
pub use enumerate::{Begun, enumerate};
pub use event::unreadable;
pub use export::export_pages;
pub use finalize::finalize;
pub use held_lease::{HeldLease, holder_name};
pub use import::{EarlierRestore, check_group_roles, check_shrunk, import_pages};
pub use secrets::reveal;
pub use sending::WatchWriting;
pub use stored_capture::{PreparedCapture, PresentPool, prepare_capture, table_keys};
