//! A pool and a vault in memory, behind the traits of [`shared::ports::pool`] and [`shared::ports::vault`], as strict as Cognito and DynamoDB where a
//! backup could go wrong, with faults to order: every step can be tested by the thousand, in milliseconds.
//!
//! * [`MemoryBackend`] has any number of [`MemoryPool`]s, one [`MemoryVault`], a clock and the announcements made so far.
//! * Every call of a pool or of the vault goes through one [`Script`], which numbers the calls from 1 and has a call throttled, lost or
//!   answered by death, or lets other parties change the pools, at a call of one's choice.
//! * Time is tokio's: where it is paused, hours take milliseconds.
//!
//! The methods of [`MemoryPool`] that are not in [`shared::ports::pool::Pool`] are what other parties do. They are no calls and count as none.

mod backend;
mod calls;
mod import_jobs;
mod listing;
mod pool;
mod script;
mod state;
mod vault;

pub use backend::MemoryBackend;
pub use calls::Calls;
pub use import_jobs::{MemoryFile, MemoryJobFiles};
pub use listing::{FindsBySub, PageShape};
pub use pool::MemoryPool;
pub use script::{Applied, Fault, Script};
pub use vault::MemoryVault;
