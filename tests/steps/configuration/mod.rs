//! Goal: a snapshot keeps the configuration of its pool, and nothing else keeps or loses it.
//!
//! Method: pools whose configuration the strict Cognito keeps, exports under faults, and removals and copies of their
//! snapshots.

mod applied;
mod captured;
mod compared;
mod copied_secrets;
mod disturbed;
mod fixture;
mod gaps;
mod given_up;
mod kept;
mod rebuild_again;
mod rebuild_faults;
mod rebuilt;
mod requests;
mod secrets;
mod stored;
mod stored_captures;
mod versions;

pub(crate) use fixture::{PLANTED, make_rich};
