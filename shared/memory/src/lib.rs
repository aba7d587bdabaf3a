//! User pools and a vault in memory, for tests. They are as strict as Cognito and DynamoDB wherever
//! a backup could go wrong. Tests order faults, and run thousands of steps in a few seconds.
//!
//! * [`MemoryBackend`] has any number of [`MemoryPool`]s, one [`MemoryVault`], a clock and a topic.
//! * Every call of a pool or of the vault passes one [`Script`]. It numbers the calls from 1. At a
//!   call that the test chooses, it throttles the call, loses the answer, ends the invocation, or
//!   changes a pool.
//! * The calls of an actor can wait at a [`Turnstile`], so that a scheduler decides their order.
//! * A [`MemoryGlobalTable`] is a vault with a replica in another Region.
//! * The time is tokio's. A test that pauses it runs hours in milliseconds.
//!
//! [`MemoryPool`] has methods that are not in [`shared::ports::pool::Pool`]. With these a test acts
//! as another client. They do not count as calls.

mod backend;
mod calls;
mod configuration;
mod fingerprint;
mod import_jobs;
mod job;
mod job_files;
mod keys;
mod listing;
mod pool;
mod regions;
mod script;
mod state;
mod turnstile;
mod vault;

pub use backend::{HeartbeatService, MemoryBackend};
pub use calls::{CallSite, Calls};
pub use job_files::{MemoryFile, MemoryJobFiles};
pub use keys::{KeyRing, KeyUse, MemoryKeys};
pub use listing::{PageShape, SplitListingBehaviour};
pub use pool::MemoryPool;
pub use regions::MemoryGlobalTable;
pub use script::{Applied, DeathOrder, Fault, Mishap, Script, Weather};
pub use turnstile::{Reach, Turnstile};
pub use vault::MemoryVault;
