//! Restores: their progress, their outcomes and their losses.

use jiff::Timestamp;
use serde::Serialize;
use shared::model::{
    Counts, Failure, JobsReport, PoolId, ReasonCode, RecordKind, Restore, RestoreState, RunId, Totals,
    VerificationResult,
};

use super::text::{ago, indented, number, so_far, table, time};
use crate::aws::RunStatus;
use crate::causes::cause_in_flags;
use crate::losses::{Loss, meaning, meaning_of_note, note_name};

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRow {
    pub restore_id: RunId,
    /// `RUNNING`, `SUCCEEDED`, `PARTIAL` or `FAILED`.
    pub status: RestoreState,
    pub snapshot_id: RunId,
    pub source_user_pool_id: PoolId,
    pub target_user_pool_id: PoolId,
    pub began_at: Timestamp,
    /// The number of the pass, from 1.
    pub pass: u32,
    /// What the snapshot holds.
    pub expected: Counts,
    /// How much of it is handled so far.
    pub handled: Counts,
    /// The outcomes. None before the restore has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// What the verification found in the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationResult>,
    /// What the import jobs did so far. None if the input asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsReport>,
    /// The first losses of each kind and reason, and the first users that the verification found different or missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
    /// The last execution of the restore.
    pub execution_arn: String,
    /// How that execution ended, if it left the restore `RUNNING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_status: Option<RunStatus>,
    /// Why the restore failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl RestoreRow {
    /// The row of `restore`. `losses` are the first ones.
    pub fn new(restore: Restore, losses: Vec<Loss>) -> Self {
        Self {
            began_at: restore.began(),
            restore_id: restore.id,
            status: restore.state,
            snapshot_id: restore.snapshot,
            source_user_pool_id: restore.source,
            target_user_pool_id: restore.target,
            pass: restore.pass,
            expected: restore.expected,
            handled: restore.handled,
            totals: restore.totals,
            verification: restore.verification,
            jobs: restore.jobs,
            losses,
            execution_arn: restore.execution.id,
            execution_status: None,
            failure: restore.failure,
        }
    }

    /// The restore in a paragraph, and its outcomes under it.
    pub fn human(&self, now: Timestamp) -> String {
        let began = self.began_at;
        let mut text = format!(
            "{}  {}  snapshot {} of {}, begun {} ({}){}",
            self.restore_id,
            state(self.status),
            self.snapshot_id,
            self.source_user_pool_id,
            time(began),
            ago(began, now),
            if self.pass > 1 { format!(", pass {}", self.pass) } else { String::new() }
        );
        match &self.totals {
            Some(totals) => text += &format!("\n{}", indented(&outcomes(totals, &self.losses))),
            None => {
                text += &format!("\n  {}", so_far(&self.handled, &self.expected));
            }
        }
        if let Some(words) = self.jobs.as_ref().map(JobsReport::summary).filter(|words| !words.is_empty()) {
            text += &format!("\n {words}");
        }
        if let Some(verification) = &self.verification {
            text += &format!("\n  {}", verification.summary());
        }
        if let Some(status) = self.execution_status {
            text += &format!(
                "\n  stopped: its execution is {status}. The same import continues where it stopped."
            );
        }
        if let Some(failure) = &self.failure {
            text += &format!("\n  failed: {}: {}", failure.error, cause_in_flags(&failure.cause));
        }
        text
    }
}

/// The state in words.
pub(super) fn state(state: RestoreState) -> &'static str {
    match state {
        RestoreState::Running => "RUNNING",
        RestoreState::Succeeded => "SUCCEEDED",
        RestoreState::Partial => "PARTIAL",
        RestoreState::Failed => "FAILED",
    }
}

/// The outcomes, the reasons for which entries are missing, and the first losses.
pub fn outcomes(totals: &Totals, losses: &[Loss]) -> String {
    let mut parts = vec![tally_table(totals)];
    let mut reasons: Vec<_> = totals
        .by_kind()
        .flat_map(|(kind, tally)| {
            let row = move |(reason, &count): (&ReasonCode, &u64)| {
                vec![
                    number(count),
                    kind.noun(count).to_owned(),
                    reason.to_string(),
                    meaning(reason).to_owned(),
                ]
            };
            tally.reasons.iter().map(row)
        })
        .collect();
    reasons.extend(totals.lossy_notes().map(|(note, count)| {
        let users = RecordKind::User.noun(count).to_owned();
        vec![number(count), users, note_name(note), meaning_of_note(note).to_owned()]
    }));
    if !reasons.is_empty() {
        parts.push(table(&[">COUNT", "OF", "REASON", "MEANING"], reasons));
    }
    if !losses.is_empty() {
        let row = |loss: &Loss| {
            let mut row = vec![loss.kind.noun(1).to_owned(), loss.key.clone(), loss.reason.to_string()];
            row.push(loss.detail.clone().unwrap_or_default());
            row
        };
        parts.push(table(&["FIRST LOSSES", "SUB OR NAME", "REASON", "DETAIL"], losses.iter().map(row)));
    }
    parts.join("\n\n")
}

fn tally_table(totals: &Totals) -> String {
    let is_selection = totals.by_kind().any(|(_, tally)| tally.not_selected > 0);
    let rows = totals.by_kind().map(|(kind, tally)| {
        let mut row = vec![kind.noun(0).to_owned()];
        row.extend(
            [
                tally.selected(),
                tally.created,
                tally.already_there,
                tally.updated,
                tally.skipped,
                tally.left_to_sign_in,
                tally.failed,
                tally.lost + tally.pending,
            ]
            .map(number),
        );
        row
    });
    table(
        &[
            "",
            if is_selection { ">SELECTED" } else { ">IN SNAPSHOT" },
            ">CREATED",
            ">ALREADY THERE",
            ">UPDATED",
            ">SKIPPED",
            ">LEFT TO SIGN IN",
            ">FAILED",
            ">OPEN",
        ],
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_running_restore_shows_its_progress() {
        let row = RestoreRow::new(testing::restore(RestoreState::Running), Vec::new());
        insta::assert_snapshot!(row.human(testing::now()));
    }

    #[test]
    fn a_partial_restore_names_reasons_and_losses() {
        let mut restore = testing::restore(RestoreState::Partial);
        restore.totals = Some(testing::partial_totals());
        restore.pass = 2;
        let row = RestoreRow::new(restore, testing::losses());
        insta::assert_snapshot!(row.human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&row).unwrap());
    }

    #[test]
    fn the_counts_of_a_selection_are_of_the_selection() {
        let mut totals = Totals::default();
        (totals.users.created, totals.users.not_selected) = (1, 499);
        let text = outcomes(&totals, &[]);
        let users: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(users, ["users", "1", "1", "0", "0", "0", "0", "0", "0"]);
        assert!(text.contains("SELECTED  CREATED") && !text.contains("499"), "{text}");
    }

    #[test]
    fn a_failed_restore_says_why() {
        let mut restore = testing::restore(RestoreState::Failed);
        restore.failure = Some(Failure {
            error: "AccessDenied".into(),
            cause: "The function may not call it. Allow it.".into(),
        });
        insta::assert_snapshot!(RestoreRow::new(restore, Vec::new()).human(testing::now()));
    }
}
