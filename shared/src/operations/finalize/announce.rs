//! The message to the topic at the end of a run. It holds counts and ids, and no personal data.

use crate::model::{Counts, ExportReport, Failure, ImportReport, PoolId, RestoreState, RunKind, lost_users};
use crate::ports::{Announcement, Backend};

/// Sends a message to the topic; returns whether it was sent.
///
/// The run has ended and is recorded, so an error here does not fail it. The report says that the
/// topic was not notified.
pub(super) async fn announce<B: Backend>(backend: &B, announcement: &Announcement) -> bool {
    match backend.announce(announcement).await {
        Ok(notified) => notified,
        Err(error) => {
            tracing::error!(error = error.kind().name(), message = %error, "the topic was not notified");
            false
        }
    }
}

impl Announcement {
    fn new(subject: String, body: String, is_error: bool) -> Self {
        let subject = subject.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(100).collect();
        Self { subject, body, is_error }
    }

    /// The message about a sealed snapshot.
    pub fn sealed(report: &ExportReport) -> Self {
        let body = format!("{}\n\nSnapshot: {}\nUser pool: {}\n", report.summary, report.snapshot_id, report.user_pool_id);
        let failed = report.retention.as_ref().is_some_and(|retention| retention.failure.is_some());
        let outcome = if failed { "exported, retention NOT APPLIED" } else { "exported" };
        Self::new(format!("Cognito backup: user pool {} {outcome}", report.user_pool_id), body, failed)
    }

    /// The message about a restore that was closed.
    pub fn restored(report: &ImportReport) -> Self {
        let partial = report.status == RestoreState::Partial;
        let next =
            if partial { "\nStart the import again with the same input to try again what could not be restored.\n" } else { "" };
        let body = format!(
            "{}\n\nRestore: {}\nSnapshot: {}\nSource user pool: {}\nTarget user pool: {}\n{next}",
            report.summary, report.restore_id, report.snapshot_id, report.source_user_pool_id, report.target_user_pool_id,
        );
        let outcome = if partial { "restored in part" } else { "restored" };
        Self::new(format!("Cognito backup: user pool {} {outcome}", report.target_user_pool_id), body, partial)
    }

    /// The message about a run that failed.
    pub fn failed(operation: RunKind, pool: Option<&PoolId>, execution: &str, failure: &Failure) -> Self {
        let (what, next) = match operation {
            RunKind::Export => ("export", "Earlier snapshots are untouched."),
            RunKind::Import => {
                ("import", "Remove the cause, then start the import again with the same input: it continues where it stopped.")
            }
        };
        let of = pool.map(|pool| format!(" of user pool {pool}")).unwrap_or_default();
        let body = format!("{}: {}\n\n{next}\n\nExecution: {execution}\n", failure.error, failure.cause);
        Self::new(format!("Cognito backup: {what}{of} FAILED ({})", failure.error), body, true)
    }
}

/// Compares the counts of a snapshot with those of the snapshot before it, for the operator.
pub fn comparison(now: Counts, before: Option<Counts>) -> String {
    match before {
        None => "It is the first sealed snapshot of this pool.".to_owned(),
        Some(before) if lost_users(before.users, now.users) => format!(
            "ATTENTION: the snapshot before held {}. Check that the missing users were deleted on purpose. Earlier snapshots still hold them.",
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
    fn the_summary_warns_of_an_emptied_pool() {
        assert!(comparison(counts(0), Some(counts(300))).starts_with("ATTENTION: the snapshot before held 300 users"));
        assert!(!comparison(counts(290), Some(counts(300))).contains("ATTENTION"));
        assert!(comparison(counts(1), None).contains("first"));
    }

    #[test]
    fn the_subject_of_an_announcement_is_short_ascii() {
        let failure = Failure { error: "Ä".repeat(200), cause: "c".into() };
        let announcement = Announcement::failed(RunKind::Export, None, "e", &failure);
        assert!(announcement.subject.is_ascii() && announcement.subject.len() <= 100 && announcement.is_error);
    }
}
