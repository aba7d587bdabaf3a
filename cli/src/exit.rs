//! Exit codes: a script reads the outcome of a command from its code alone.

use shared::ErrorKind;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// The command did what it was asked to do.
    Done = 0,
    /// The run failed, or AWS could not be reached. Or a comparison found no difference, and could not compare all of
    /// the live pool that the snapshot holds.
    Failed = 1,
    /// The command line cannot be read. clap uses this code.
    Usage = 2,
    /// The restore ended, but something could not be restored. Or a new pool lacks an object of its plan, or has one with other values. Or a pool
    /// differs from a snapshot. Or a plan or a comparison found damaged records.
    Partial = 3,
    /// The run was refused before anything was touched. Or a plan found that the import would be.
    Refused = 4,
    /// The run continues without this command.
    Running = 5,
}

impl ExitStatus {
    /// All statuses, by code.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Failed, Self::Usage, Self::Partial, Self::Refused, Self::Running];

    pub fn code(self) -> u8 {
        self as u8
    }

    /// What the code means, for the help text.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => {
                "the run failed, AWS did not answer, or `pool diff` could not compare all of the live pool"
            }
            Self::Usage => "the command line is wrong",
            Self::Partial => {
                "the restore is partial, a new pool lacks an object of its plan or has one with other values, the pool \
                 differs from the snapshot, or records of the snapshot are damaged"
            }
            Self::Refused => "refused before any change, or a plan says so: wrong input, target not empty, …",
            Self::Running => {
                "the run continues: --no-wait, Ctrl-C, or `status --execution` of a running execution"
            }
        }
    }

    /// The exit status for the error that is named `error`.
    ///
    /// `begun` says whether the run had written its header. From then on, the same error is no refusal.
    pub fn of_error(error: &str, begun: bool) -> Self {
        use ErrorKind as Kind;
        let Some(kind) = ErrorKind::ALL.iter().find(|kind| kind.name() == error) else {
            return if error == RESTORE_PARTIAL { Self::Partial } else { Self::Failed };
        };
        match kind {
            Kind::InvalidInput
            | Kind::InvalidConfiguration
            | Kind::TableNotFound
            | Kind::ExportAlreadyRunning
            | Kind::ImportAlreadyRunning
            | Kind::SnapshotNotFound
            | Kind::SnapshotNotSealed
            | Kind::SnapshotBeingRemoved
            | Kind::RemovalUndecided
            | Kind::SnapshotInUse
            | Kind::SnapshotNotRemovable
            | Kind::SnapshotOfAnotherPool
            | Kind::UnsupportedSchema
            | Kind::TargetNotEmpty
            | Kind::UnfinishedRestore
            | Kind::SnapshotShrunk
            | Kind::SelectionEmpty
            | Kind::SelectionNotFound
            | Kind::TargetIsSource
            | Kind::TargetNotSupported
            | Kind::PoolNotTagged
            | Kind::UsersNotAccepted => Self::Refused,
            Kind::AccessDenied
            | Kind::AccessNotYet
            | Kind::PoolNotFound
            | Kind::SnapshotDamaged
            | Kind::MissingCustomAttributes
                if !begun =>
            {
                Self::Refused
            }
            _ => Self::Failed,
        }
    }
}

/// The error with which the import state machine ends a partial restore.
pub const RESTORE_PARTIAL: &str = "RestorePartial";

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

/// The end of every help text.
pub fn help() -> String {
    let codes: String =
        ExitStatus::ALL.iter().map(|status| format!("  {}  {}\n", status.code(), status.meaning())).collect();
    format!("Exit codes:\n{}", codes.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_match_the_help() {
        assert_eq!(ExitStatus::ALL.map(ExitStatus::code), [0, 1, 2, 3, 4, 5]);
        assert!(help().contains("3  the restore is partial"));
    }

    #[test]
    fn errors_before_the_header_are_refusals_and_later_ones_are_not() {
        for kind in
            ["InvalidInput", "TargetNotEmpty", "ExportAlreadyRunning", "SnapshotNotFound", "TargetIsSource"]
        {
            assert_eq!(ExitStatus::of_error(kind, false), ExitStatus::Refused, "{kind}");
        }
        // These end an import that has its header, but has not touched its target.
        for kind in ["UsersNotAccepted", "SelectionEmpty"] {
            assert_eq!(ExitStatus::of_error(kind, true), ExitStatus::Refused, "{kind}");
        }
        // The restore may have declared attributes before it ends with the last one.
        for kind in ["PoolNotFound", "SnapshotDamaged", "AccessDenied", "MissingCustomAttributes"] {
            assert_eq!(ExitStatus::of_error(kind, false), ExitStatus::Refused, "{kind}");
            assert_eq!(ExitStatus::of_error(kind, true), ExitStatus::Failed, "{kind}");
        }
        for kind in
            ["Throttled", "ServiceUnavailable", "ListingFailed", "LeaseLost", "States.Timeout", "Internal"]
        {
            assert_eq!(ExitStatus::of_error(kind, false), ExitStatus::Failed, "{kind}");
        }
        assert_eq!(ExitStatus::of_error("RestorePartial", true), ExitStatus::Partial);
    }
}
