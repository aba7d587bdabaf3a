//! The message to the topic at the end of a run.

use super::{CopyReport, ExportReport, ImportReport, RemovalReport, RemovalStatus, still_open};
use crate::model::{Failure, PoolId, RestoreState, RunKind};
use crate::ports::Announcement;

/// The longest subject that SNS accepts, in ASCII characters.
/// Source: "Publish", `Subject`, in the Amazon SNS API reference.
const MAX_SUBJECT: usize = 100;

impl Announcement {
    fn new(subject: String, body: String, is_error: bool) -> Self {
        let subject =
            subject.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(MAX_SUBJECT).collect();
        Self { subject, body, is_error }
    }

    pub fn sealed(report: &ExportReport) -> Self {
        let body = format!(
            "{}\n\nSnapshot: {}\nUser pool: {}\n",
            report.summary, report.snapshot_id, report.user_pool_id
        );
        Self::new(format!("Cognito backup: user pool {} exported", report.user_pool_id), body, false)
    }

    /// A removal that an operator has to look at.
    pub fn removed(report: &RemovalReport) -> Self {
        let (pool, failed) = (&report.user_pool_id, report.status == RemovalStatus::Failed);
        let what = if failed { "retention NOT APPLIED to" } else { "snapshots held back of" };
        let body = format!("{}\n\nSnapshot: {}\nUser pool: {pool}\n", report.summary, report.snapshot_id);
        Self::new(format!("Cognito backup: {what} user pool {pool}"), body, failed)
    }

    /// A copy from another account that failed, for the whole pool or for some snapshots.
    pub fn not_copied(report: &CopyReport) -> Self {
        let pool = &report.user_pool_id;
        let body = format!("{}\n\nUser pool: {pool}\n", report.summary);
        Self::new(format!("Cognito backup: snapshots of user pool {pool} NOT COPIED"), body, true)
    }

    pub fn restored(report: &ImportReport) -> Self {
        let partial = report.status == RestoreState::Partial;
        let next = if partial {
            "\nStart the import again with the same input to try again what could not be restored.\n"
        } else {
            ""
        };
        let untag = paragraph(report.untag_with.as_deref());
        let body = format!(
            "{}\n\nRestore: {}\nSnapshot: {}\nSource user pool: {}\nTarget user pool: {}\n{next}{untag}",
            report.summary,
            report.restore_id,
            report.snapshot_id,
            report.source_user_pool_id,
            report.target_user_pool_id,
        );
        let outcome = if partial { "restored in part" } else { "restored" };
        Self::new(
            format!("Cognito backup: user pool {} {outcome}", report.target_user_pool_id),
            body,
            partial,
        )
    }

    /// A run failed. `untag_with` is the command that takes the tag of the target of an import away, if it has one.
    pub fn failed(
        operation: RunKind,
        pool: Option<&PoolId>,
        execution: &str,
        failure: &Failure,
        untag_with: Option<&str>,
    ) -> Self {
        let (what, next) = match operation {
            RunKind::Export => ("export", "Earlier snapshots are unchanged."),
            RunKind::Import => (
                "import",
                "Remove the cause, then start the import again with the same input: it continues where it stopped.",
            ),
        };
        let of = pool.map(|pool| format!(" of user pool {pool}")).unwrap_or_default();
        let untag = paragraph(untag_with);
        let body =
            format!("{}: {}\n\n{next}\n\nExecution: {execution}\n{untag}", failure.error, failure.cause);
        Self::new(format!("Cognito backup: {what}{of} FAILED ({})", failure.error), body, true)
    }
}

/// What to do about the tag that still opens the target. Empty if there is none.
fn paragraph(untag_with: Option<&str>) -> String {
    untag_with.map(|line| format!("\n{}\n", still_open(line))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_short_ascii_text() {
        let failure = Failure { error: "Ä".repeat(200), cause: "c".into() };
        let announcement = Announcement::failed(RunKind::Export, None, "e", &failure, None);
        assert!(
            announcement.subject.is_ascii()
                && announcement.subject.len() <= MAX_SUBJECT
                && announcement.is_error
        );
    }
}
