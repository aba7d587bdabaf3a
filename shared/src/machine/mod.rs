//! The player of the state machines: it carries out the definitions of `statemachines/` without
//! Step Functions.
//!
//! It knows the states and fields that the definitions of exports, imports, removals and copies of one pool use, and refuses a
//! definition with any other. A [`Host`] invokes the functions and observes every step. The time is tokio's, so waits
//! take no time if it is paused.

mod definition;
mod function;
mod path;
mod play;
#[cfg(test)]
mod tests;

pub use definition::Definition;
pub use function::{Function, carry_out, failure_of};
pub use play::{Answer, End, Event, Host, Invocation};

use crate::{Error, ErrorKind};

/// The error for a definition that the player does not understand, or that leads nowhere.
fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("The definition of a state machine cannot be played: {what}."),
        "Correct the definition in statemachines/, or teach the player what it holds.",
    )
}
