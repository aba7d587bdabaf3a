//! Errors, and the rules they follow.
//!
//! * An error has a **kind**: its name in the state machines and in the JSON of the command line.
//! * Its **message** says in whole sentences what happened, and to which run or item.
//! * Its **guidance** says what to do next. It is data, because each audience reads it in other
//!   words: see [`Guidance`].
//! * The kind alone decides whether another try can help: see [`ErrorKind::retryable`].
//! * No personal data: pool ids, snapshot ids, subs, counts and table keys may appear. Usernames
//!   and values of attributes may not.
//!
//! A step asks for another invocation in two ways. If Cognito throttles a call at each attempt, the
//! step ends with the error `Throttled`, and the state machine tries the step again. If the time
//! runs out, the step ends with a value whose `more` is true, and the state machine invokes the
//! function again.

use std::fmt;

use crate::guidance::Guidance;

/// The result of every function of this library that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do next. `Display` shows the message alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    guidance: Guidance,
}

impl Error {
    /// An error of `kind`: `message` says what happened and to what, `guidance` what to do next.
    pub fn new(kind: ErrorKind, message: impl Into<String>, guidance: impl Into<Guidance>) -> Self {
        Self { kind, message: message.into(), guidance: guidance.into() }
    }

    /// The kind, whose [name](ErrorKind::name) a state machine can match in `ErrorEquals`.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, without the guidance.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub fn guidance(&self) -> &Guidance {
        &self.guidance
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $retry:literal),+ $(,)?) => {
        /// Every named error. A `Catch` or `Retry` of Step Functions matches its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $kind),+ }

        impl ErrorKind {
            /// All kinds, in the order of their declaration.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind),+];

            /// The name, as in `ErrorEquals`.
            pub fn name(self) -> &'static str {
                match self { $(ErrorKind::$kind => stringify!($kind)),+ }
            }

            /// Whether the same call can succeed later, although nothing was changed.
            pub fn retryable(self) -> bool {
                match self { $(ErrorKind::$kind => $retry),+ }
            }
        }
    };
}

kinds! {
    /// The input of a run or of a function cannot be read, or holds a wrong value or an unknown
    /// name.
    InvalidInput false,
    /// A function's environment lacks a variable or holds a wrong value.
    InvalidConfiguration false,
    /// The table named in the environment does not exist, or not in this Region.
    TableNotFound false,
    /// AWS refused a call because a permission is missing.
    AccessDenied false,
    /// AWS refused a call, and the permission may be too new: the pool has no snapshot, and the export has just begun.
    AccessNotYet true,
    /// The user pool does not exist in this account and Region.
    PoolNotFound false,
    /// The deployment lets imports write only to pools with a tag, and the pool does not have the tag.
    PoolNotTagged false,
    /// A command has finished a pool, but the pool still has the tag that opens it to imports.
    PoolStillTagged false,
    /// Another execution is exporting the same pool.
    ExportAlreadyRunning false,
    /// Another execution is importing into the same pool, or a job or a recovery of Cognito works on its users.
    ImportAlreadyRunning false,
    /// Another execution took over the lease of this one, so this one stopped.
    LeaseLost false,
    /// Another invocation took the lease, or the pool was changed meanwhile, so this one stopped.
    Overtaken true,
    /// The run has ended: a late invocation found no work.
    RunEnded false,
    /// The pool does not have the snapshot.
    SnapshotNotFound false,
    /// The snapshot exists but was never completed.
    SnapshotNotSealed false,
    /// The snapshot is being removed, or was removed while the run needed it.
    SnapshotBeingRemoved false,
    /// A removal that is under way may remove the snapshot, and has not decided yet. Or an export or a copy waits for its
    /// end, or it waits for the end of a copy.
    RemovalUndecided true,
    /// The snapshot cannot be removed: an import uses it.
    SnapshotInUse false,
    /// One invocation was too short for any progress in the removal of snapshots.
    PruningTooLong false,
    /// The newest sealed snapshot of a pool is never removed.
    SnapshotNotRemovable false,
    /// The snapshot was taken of another pool.
    SnapshotOfAnotherPool false,
    /// Items of the snapshot are missing or altered.
    SnapshotDamaged false,
    /// The table that a snapshot is copied to holds another item under the same key.
    ItemConflict false,
    /// Items of a snapshot were missing or altered during the copy, in either table.
    CopyIncomplete false,
    /// The snapshot was written by a newer version.
    UnsupportedSchema false,
    /// The target pool holds users.
    TargetNotEmpty false,
    /// An unfinished restore of the same input is of an older snapshot than the newest one.
    UnfinishedRestore false,
    /// An earlier snapshot holds many more users: the pool had perhaps been emptied.
    SnapshotShrunk false,
    /// The selection of an import matches no user of the snapshot.
    SelectionEmpty false,
    /// The table does not have the selection that the input of an import names, or not any more.
    SelectionNotFound false,
    /// Source and target are the same pool, and the input does not say what happens to existing users.
    TargetIsSource false,
    /// The target pool is of a kind into which this snapshot cannot be restored.
    TargetNotSupported false,
    /// The settings of the target pool refuse some users, or links of users.
    UsersNotAccepted false,
    /// The target pool does not declare custom attributes that the snapshot's pool declares.
    MissingCustomAttributes false,
    /// Cognito broke a listing off too often, or overlooked a user twice.
    ListingFailed false,
    /// Cognito answered each attempt of a call with TooManyRequestsException.
    Throttled true,
    /// The time of an invocation ended before a call was answered.
    OutOfTime true,
    /// An AWS service did not answer, or answered with a fault of its own.
    ServiceUnavailable true,
    /// AWS refused a call, and neither a retry nor a known remedy helps.
    CallRefused false,
    /// A fault of this program.
    Internal false,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_only_passing_faults_are_retried() {
        let names: std::collections::BTreeSet<_> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        let retried: Vec<_> =
            ErrorKind::ALL.iter().filter(|kind| kind.retryable()).map(|kind| kind.name()).collect();
        assert_eq!(
            retried,
            ["AccessNotYet", "Overtaken", "RemovalUndecided", "Throttled", "OutOfTime", "ServiceUnavailable"]
        );
    }

    #[test]
    fn a_cause_is_the_message_and_the_guidance() {
        let error =
            Error::new(ErrorKind::PoolNotFound, "User pool us-east-1_A does not exist.", "Check the id.");
        assert_eq!(error.to_string(), "User pool us-east-1_A does not exist.");
        assert_eq!(crate::report::cause(&error), "User pool us-east-1_A does not exist. Check the id.");
        assert_eq!(crate::report::cause(&Error::new(ErrorKind::Internal, "No.", "")), "No.");
    }
}
