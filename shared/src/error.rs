//! Errors, and the rules they follow.
//!
//! * An error has a **kind** (its name in the state machines and in the command line's JSON), a **message** (what happened, to
//!   which run or item) and **guidance** (what to do next). Both are whole sentences.
//! * The kind alone decides whether trying again can help; see [`ErrorKind::retryable`].
//! * No personal data: pool ids, snapshot ids, subs, counts and table keys may appear, usernames and attribute values may not.

use std::fmt;

/// The result of everything in this library that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for the person who reads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    guidance: String,
}

impl Error {
    /// An error of `kind`: `message` says what happened and to what, `guidance` what to do next.
    pub fn new(kind: ErrorKind, message: impl Into<String>, guidance: impl Into<String>) -> Self {
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
    pub fn guidance(&self) -> &str {
        &self.guidance
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.guidance.is_empty() {
            write!(f, " {}", self.guidance)?;
        }
        Ok(())
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $retry:literal),+ $(,)?) => {
        /// Every named error. The name is what a Step Functions `Catch` or `Retry` sees.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $kind),+ }

        impl ErrorKind {
            /// All kinds, in the order of their declaration.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind),+];

            /// The name, as in `ErrorEquals`.
            pub fn name(self) -> &'static str {
                match self { $(ErrorKind::$kind => stringify!($kind)),+ }
            }

            /// Whether the same call can succeed later without anybody changing anything.
            pub fn retryable(self) -> bool {
                match self { $(ErrorKind::$kind => $retry),+ }
            }
        }
    };
}

kinds! {
    /// The input of a run or of a function cannot be read, or holds a wrong value or an unknown name.
    InvalidInput false,
    /// A function's environment lacks a variable or holds a wrong value.
    InvalidConfiguration false,
    /// The table named in the environment does not exist, or not in this Region.
    TableNotFound false,
    /// AWS refused a call for want of a permission.
    AccessDenied false,
    /// No such user pool in this account and Region.
    PoolNotFound false,
    /// Another execution is exporting the same pool.
    ExportAlreadyRunning false,
    /// Another execution is importing into the same pool.
    ImportAlreadyRunning false,
    /// This execution lost its lease to another one and stopped before it could disturb it.
    LeaseLost false,
    /// The run has ended already; a late invocation found nothing to work on.
    RunEnded false,
    /// The pool has no such snapshot, or no sealed one.
    SnapshotNotFound false,
    /// The snapshot exists but was never completed.
    SnapshotNotSealed false,
    /// The snapshot is being removed, or was while it was needed.
    SnapshotBeingRemoved false,
    /// The snapshot cannot be removed: an import is at work on it.
    SnapshotInUse false,
    /// Removing snapshots did not get on within one invocation.
    PruningTooLong false,
    /// The newest sealed snapshot of a pool is never removed.
    SnapshotNotRemovable false,
    /// The snapshot was taken of another pool.
    SnapshotOfAnotherPool false,
    /// Items of the snapshot are missing or altered.
    SnapshotDamaged false,
    /// The table that a snapshot is copied to holds an item of the same key with other content.
    ItemConflict false,
    /// Items of a snapshot were missing or altered while it was copied, in either table.
    CopyIncomplete false,
    /// The snapshot was written by a newer version.
    UnsupportedSchema false,
    /// The target pool already holds users.
    TargetNotEmpty false,
    /// The selection of an import names nobody of the snapshot.
    SelectionEmpty false,
    /// Source and target are the same pool, and the input does not say what becomes of the users that it holds.
    TargetIsSource false,
    /// The target pool is of a kind that cannot be restored into.
    TargetNotSupported false,
    /// The settings of the target pool keep some users, or links of users, from being restored.
    UsersNotAccepted false,
    /// The target pool does not declare custom attributes that the snapshot's pool declares.
    MissingCustomAttributes false,
    /// A listing was cut short again and again and could not be completed.
    ListingFailed false,
    /// Cognito kept refusing calls with TooManyRequestsException.
    Throttled true,
    /// An AWS service did not answer, or answered with a fault of its own.
    ServiceUnavailable true,
    /// AWS refused a call in a way that no retry and no known remedy covers.
    CallRefused false,
    /// Something that must never happen.
    Internal false,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_only_passing_faults_are_retried() {
        let names: std::collections::BTreeSet<_> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        let retried: Vec<_> = ErrorKind::ALL.iter().filter(|kind| kind.retryable()).map(|kind| kind.name()).collect();
        assert_eq!(retried, ["Throttled", "ServiceUnavailable"]);
    }

    #[test]
    fn an_error_reads_as_two_sentences() {
        let error = Error::new(ErrorKind::PoolNotFound, "User pool us-east-1_A does not exist.", "Check the id.");
        assert_eq!(error.to_string(), "User pool us-east-1_A does not exist. Check the id.");
    }
}
