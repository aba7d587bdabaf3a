//! What travels through a state machine, and what a run ends with. All of it is small and of fixed size: tokens, plans and ledgers
//! live in the table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CallStats, Category, Ceilings, Counts, Execution, ExistingForecast, Forecast, JobsForecast, JobsReport, Note, PoolId, Pruned,
    RecordKind, RestoreState, RetentionReport, RunId, RunKind, SnapshotState, Tally, Totals, Tps, VerificationResult,
};
use crate::format::{grouped, listed, plural};

/// What each function hands to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What the run does.
    pub operation: RunKind,
    /// The execution.
    pub execution: Execution,
    /// The pool worked on: the source of an export, the target of an import.
    pub user_pool_id: PoolId,
    /// The snapshot or restore.
    pub run_id: RunId,
    /// The limit.
    pub tps: Tps,
    /// Lower limits of single categories.
    #[serde(default, skip_serializing_if = "Ceilings::is_empty")]
    pub ceilings: Ceilings,
    /// Whether nothing is to be written to the target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether the same function is to be called again.
    pub more: bool,
    /// How long to wait before that, seconds: an import job is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
    /// What retention has removed so far, once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Pruned>,
    /// Calls sent so far in this execution.
    pub calls: CallStats,
}

impl Progress {
    /// Calls of a category that the run may make in a second.
    pub fn rate(&self, category: Category) -> u32 {
        self.ceilings.rate(category, self.tps)
    }
}

/// Why a run failed: the name and the sentence of its error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The error's name.
    pub error: String,
    /// What happened and what to do.
    pub cause: String,
}

/// What finalize returns.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RunReport {
    /// Not finished: call finalize again.
    Unfinished(Progress),
    /// An export ended.
    Export(ExportReport),
    /// An import ended.
    Import(Box<ImportReport>),
    /// A dry run ended.
    Plan(Box<PlanReport>),
    /// A run failed, was recorded as failed and announced.
    Failed(FailureReport),
    /// No run: the newest snapshots were looked at.
    Watched(WatchReport),
}

/// How old the newest sealed snapshots are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchReport {
    /// Pool by pool.
    pub pools: Vec<WatchedPool>,
}

/// How old a pool's newest sealed snapshot is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedPool {
    /// The pool.
    pub user_pool_id: PoolId,
    /// The snapshot; none where none was ever sealed.
    pub snapshot_id: Option<RunId>,
    /// The time since it was sealed, in seconds.
    pub age_seconds: Option<f64>,
}

/// How an export ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportReport {
    /// `export`.
    pub operation: RunKind,
    /// `SEALED`.
    pub status: SnapshotState,
    /// Always false: nothing is left to do.
    pub more: bool,
    /// The snapshot.
    pub snapshot_id: RunId,
    /// The pool.
    pub user_pool_id: PoolId,
    /// What it holds.
    #[serde(flatten)]
    pub counts: Counts,
    /// The calls that it took.
    pub calls: CallStats,
    /// What retention did, where there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionReport>,
    /// All of this in plain words.
    pub summary: String,
    /// Whether the topic was told.
    pub notified: bool,
}

/// How an import ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// `import`.
    pub operation: RunKind,
    /// `SUCCEEDED` or `PARTIAL`.
    pub status: RestoreState,
    /// Always false: nothing is left to do.
    pub more: bool,
    /// The restore.
    pub restore_id: RunId,
    /// The snapshot.
    pub snapshot_id: RunId,
    /// The pool that the snapshot was taken of.
    pub source_user_pool_id: PoolId,
    /// The pool restored into.
    pub target_user_pool_id: PoolId,
    /// Outcomes.
    #[serde(flatten)]
    pub totals: Totals,
    /// What the target was found to hold afterwards.
    pub verification: VerificationResult,
    /// What came of import jobs, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsReport>,
    /// The calls that this execution took.
    pub calls: CallStats,
    /// All of this in plain words.
    pub summary: String,
    /// Whether the topic was told.
    pub notified: bool,
}

impl ImportReport {
    /// How an import ended, in plain words. Counts only: no names.
    pub fn summary(totals: &Totals, jobs: Option<&JobsReport>, verification: Option<&VerificationResult>) -> String {
        let jobs = jobs.map(JobsReport::summary).unwrap_or_default();
        let verification = verification.map(|verification| format!(" {}", verification.summary())).unwrap_or_default();
        format!("{}{jobs}{verification}", totals.summary())
    }
}

/// The status of a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Planned {
    /// What the import would do is known.
    Planned,
}

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// `import`.
    pub operation: RunKind,
    /// `PLANNED`.
    pub status: Planned,
    /// Always true.
    pub dry_run: bool,
    /// Always false: nothing is left to do.
    pub more: bool,
    /// The snapshot.
    pub snapshot_id: RunId,
    /// The pool that the snapshot was taken of.
    pub source_user_pool_id: PoolId,
    /// The pool that would be restored into.
    pub target_user_pool_id: PoolId,
    /// What the snapshot holds.
    pub expected: Counts,
    /// What would become of its users.
    #[serde(flatten)]
    pub forecast: Forecast,
    /// The name of the error that the import would be refused with, as things are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Calls to Cognito that it would take, from an empty target.
    pub total_calls: u64,
    /// The time it would take at least, seconds, at the limit of this run.
    pub least_seconds: u64,
    /// All of this in plain words.
    pub summary: String,
}

/// How a run failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReport {
    /// What the run was to do.
    pub operation: RunKind,
    /// `FAILED`.
    pub status: RestoreState,
    /// Always false: nothing is left to do.
    pub more: bool,
    /// The snapshot or restore, where it had come so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The error's name.
    pub error: String,
    /// What happened and what to do.
    pub cause: String,
    /// Whether the topic was told.
    pub notified: bool,
}

impl Counts {
    /// `5 users, 1 group and 7 memberships`.
    pub fn summary(&self) -> String {
        listed(RecordKind::ALL.map(|kind| plural(self.of(kind), kind.singular(), kind.plural())))
    }
}

impl VerificationResult {
    /// What was found, in plain words.
    pub fn summary(&self) -> String {
        let users = |count| plural(count, "user", "users");
        let mut words = format!("Listed again and compared: {} as in the snapshot", users(self.same));
        for (count, what) in [(self.different, "different"), (self.missing, "missing"), (self.extra, "not of this restore")] {
            if count > 0 {
                words += &format!(", {} {what}", users(count));
            }
        }
        words + "."
    }
}

impl Totals {
    /// The outcomes in plain words, and what to do about them. Counts only: no names.
    pub fn summary(&self) -> String {
        let line = |(kind, tally): (RecordKind, &Tally)| {
            let all = tally.handled() + tally.pending;
            format!("{} of {}", grouped(tally.present()), plural(all, kind.singular(), kind.plural()))
        };
        let mut words = format!("Restored {}.", listed(self.by_kind().map(line)));
        for (kind, tally) in self.by_kind() {
            for (reason, count) in &tally.reasons {
                words += &format!(" Not restored: {} ({reason}).", plural(*count, kind.singular(), kind.plural()));
            }
        }
        if self.damaged_pages > 0 {
            words += &format!(
                " {} of the snapshot could not be read: {}.",
                plural(self.damaged_pages, "page", "pages"),
                self.damaged_keys.join(", ")
            );
        }
        words + &notes_in_words(&self.notes)
    }
}

impl JobsReport {
    /// What came of the jobs, in plain words.
    pub fn summary(&self) -> String {
        let mut words = String::new();
        if self.jobs > 0 {
            let (jobs, users) = (plural(self.jobs.into(), "import job", "import jobs"), plural(self.imported, "user", "users"));
            words += &format!(" {jobs} created {users}.");
        }
        let by_api = [(self.skipped, "were in the target before a job"), (self.failed, "could not be created by a job")];
        for (count, why) in by_api {
            if count > 0 {
                words += &format!(" Through the API: {}, who {why}.", plural(count, "user", "users"));
            }
        }
        for (reason, count) in &self.by_api {
            words += &format!(" Through the API: {} ({reason}).", plural(*count, "user", "users"));
        }
        if let Some(reason) = &self.unread_log {
            let users = plural(self.unaccounted, "user", "users");
            words += &format!(" The log of a job could not be read ({reason}), which leaves {users} to the verification.");
        }
        if let Some(reason) = &self.fallback {
            let who = if self.jobs > 0 { "Everybody else" } else { "Everybody" };
            words += &format!(" {who} went through the API: {reason}");
        }
        words
    }
}

impl JobsForecast {
    fn summary(&self) -> String {
        if let Some(reason) = &self.fallback {
            return format!(" No import job can be run, so everybody goes through the API: {reason}");
        }
        let mut words =
            format!(" Import jobs can carry {}; the time they take is Cognito's.", plural(self.by_job, "user", "users"));
        for (reason, count) in &self.by_api {
            words += &format!(" Through the API: {} ({reason}).", plural(*count, "user", "users"));
        }
        words
    }
}

impl Forecast {
    /// What would happen, in plain words, with `calls` calls at `tps` a second, which take `seconds`. Counts only: no names.
    pub fn summary(&self, calls: u64, tps: Tps, seconds: u64) -> String {
        let of = plural(self.users, "user", "users");
        let mut words = match &self.existing {
            None => format!("{} of {of} can be restored, as far as the target's settings tell.", grouped(self.creatable)),
            Some(existing) => existing.summary(&of, self.creatable),
        };
        for (reason, objection) in &self.objections {
            words += &format!(" Not: {} ({reason}).", plural(objection.users, "user", "users"));
        }
        if self.must_reset > 0 {
            let users = plural(self.must_reset, "user", "users");
            words += &format!(" {users} will have to set a new password by \"forgot password\".");
        }
        if self.groups_too_many > 0 {
            words += &format!(" Too many groups for one pool, by {}.", grouped(self.groups_too_many));
        }
        if self.damaged_pages > 0 {
            words += &format!(" {} of the snapshot cannot be read.", plural(self.damaged_pages, "page", "pages"));
        }
        let time = match seconds {
            seconds @ 0..120 => plural(seconds, "second", "seconds"),
            seconds @ 120..7_200 => plural(seconds.div_ceil(60), "minute", "minutes"),
            seconds => plural(seconds.div_ceil(3_600), "hour", "hours"),
        };
        words += &notes_in_words(&self.notes);
        if let Some(jobs) = &self.jobs {
            words += &jobs.summary();
        }
        let to = if self.existing.is_some() { "" } else { " to an empty target" };
        let pace = match seconds > calls.div_ceil(u64::from(tps.get())) {
            true => format!("at up to {tps} a second, within the quotas of their categories"),
            false => format!("at {tps} a second"),
        };
        words + &format!(" It takes {}{to}: {time} {pace}.", plural(calls, "call", "calls"))
    }
}

impl ExistingForecast {
    fn summary(&self, of: &str, creatable: u64) -> String {
        let mut words =
            format!("{} of {of} are missing and can be created, as far as the pool's settings tell.", grouped(creatable));
        words += &format!(" There and as in the snapshot: {}.", grouped(self.same));
        if self.kept > 0 {
            words += &format!(" There, other than in the snapshot, and left so: {}.", grouped(self.kept));
        }
        if self.updated > 0 {
            words += &format!(" There, other than in the snapshot, and made as they are in it: {}.", grouped(self.updated));
        }
        words
    }
}

/// What there is to say about users.
fn notes_in_words(notes: &BTreeMap<Note, u64>) -> String {
    let summary = |(note, count): (&Note, &u64)| {
        let users = plural(*count, "user", "users");
        match note {
            Note::StatusNotKept => format!(" {users} had another status than CONFIRMED before."),
            Note::CannotResetPassword => {
                format!(" {users} cannot reset the password alone, for want of a verified e-mail address or phone number.")
            }
            Note::IdentitiesNotLinked => format!(" {users} must be linked to their identity providers again."),
            Note::MfaNotKept => format!(" {users} must turn codes by text message or e-mail on again."),
            Note::MustEnrolAgain => format!(" {users} must enrol an authenticator app or key again."),
            Note::Invited => format!(" Invitations: {users}."),
            Note::ResetRequired => {
                format!(" {users} came by import jobs and set a new password with a code at the next sign-in (RESET_REQUIRED).")
            }
        }
    };
    notes.iter().map(summary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (count, words) in
            [(0, "0 users"), (1, "1 user"), (999, "999 users"), (1000, "1,000 users"), (1_234_567, "1,234,567 users")]
        {
            assert_eq!(plural(count, "user", "users"), words);
        }
    }

    #[test]
    fn the_outcome_of_a_restore_reads_as_sentences() {
        let users = Tally {
            created: 399_998,
            failed: 1,
            skipped: 1,
            lost: 2,
            reasons: [("usernameTaken".into(), 1), ("federatedUser".into(), 1)].into(),
            ..Tally::default()
        };
        let totals = Totals { users, notes: [(Note::CannotResetPassword, 1)].into(), ..Totals::default() };
        assert_eq!(
            totals.summary(),
            "Restored 399,998 of 400,000 users, 0 of 0 groups and 0 of 0 memberships. Not restored: 1 user (federatedUser). \
             Not restored: 1 user (usernameTaken). 1 user cannot reset the password alone, for want of a verified e-mail address or phone number."
        );
    }
}
