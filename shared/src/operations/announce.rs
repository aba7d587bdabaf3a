//! What the topic is told at the end of a run. Counts and ids only, no personal data.

use crate::model::{Counts, ExportReport, Failure, ImportReport, PoolId, RestoreState, RunKind, lost_users};
use crate::ports::Announcement;

impl Announcement {
    fn new(subject: String, body: String, is_error: bool) -> Self {
        let subject = subject.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(100).collect();
        Self { subject, body, is_error }
    }

    /// A snapshot was sealed.
    pub fn sealed(report: &ExportReport) -> Self {
        let body = format!("{}\n\nSnapshot: {}\nUser pool: {}\n", report.summary, report.snapshot_id, report.user_pool_id);
        let failed = report.retention.as_ref().is_some_and(|retention| retention.failure.is_some());
        let outcome = if failed { "exported, retention NOT APPLIED" } else { "exported" };
        Self::new(format!("Cognito backup: user pool {} {outcome}", report.user_pool_id), body, failed)
    }

    /// A restore came to its end.
    pub fn restored(report: &ImportReport) -> Self {
        let partial = report.status == RestoreState::Partial;
        let body = format!(
            "{}\n\nRestore: {}\nSnapshot: {}\nSource user pool: {}\nTarget user pool: {}\n{}",
            report.summary,
            report.restore_id,
            report.snapshot_id,
            report.source_user_pool_id,
            report.target_user_pool_id,
            match partial {
                true => "\nStart the import again with the same input to try once more what could not be restored.\n",
                false => "",
            }
        );
        let outcome = if partial { "restored in part" } else { "restored" };
        Self::new(format!("Cognito backup: user pool {} {outcome}", report.target_user_pool_id), body, partial)
    }

    /// A run failed.
    pub fn failed(operation: RunKind, pool: Option<&PoolId>, execution: &str, failure: &Failure) -> Self {
        let (what, next) = match operation {
            RunKind::Export => ("export", "Earlier snapshots are untouched."),
            RunKind::Import => {
                ("import", "Once the cause is mended, start the import again with the same input: it goes on where it stopped.")
            }
        };
        let of = pool.map(|pool| format!(" of user pool {pool}")).unwrap_or_default();
        let body = format!("{}: {}\n\n{next}\n\nExecution: {execution}\n", failure.error, failure.cause);
        Self::new(format!("Cognito backup: {what}{of} FAILED ({})", failure.error), body, true)
    }
}

/// What is worth saying about how a snapshot's counts differ from those of the one before.
pub fn comparison(now: Counts, before: Option<Counts>) -> String {
    match before {
        None => "It is the first sealed snapshot of this pool.".to_owned(),
        Some(before) if lost_users(before.users, now.users) => format!(
            "ATTENTION: the snapshot before held {}; check that the users missing now were meant to go. Earlier snapshots still hold them.",
            before.summary()
        ),
        Some(before) => format!("The snapshot before held {}.", before.summary()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(users: u64) -> Counts {
        Counts { users, groups: 1, memberships: 2, ..Counts::default() }
    }

    #[test]
    fn an_emptied_pool_is_called_to_attention() {
        assert!(comparison(counts(0), Some(counts(300))).starts_with("ATTENTION: the snapshot before held 300 users"));
        assert!(!comparison(counts(290), Some(counts(300))).contains("ATTENTION"));
        assert!(comparison(counts(1), None).contains("first"));
    }

    #[test]
    fn a_subject_is_short_and_plain() {
        let failure = Failure { error: "Ä".repeat(200), cause: "c".into() };
        let announcement = Announcement::failed(RunKind::Export, None, "e", &failure);
        assert!(announcement.subject.is_ascii() && announcement.subject.len() <= 100 && announcement.is_error);
    }
}
