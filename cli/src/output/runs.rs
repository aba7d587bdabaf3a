//! The answers of `export` and `import`.

use jiff::Timestamp;
use serde::Serialize;
use shared::model::{
    CallStats, Existing, ImportInput, ImportOptions, JobsReport, Note, PoolId, ReasonCode, Restore,
    RestoreState, RunId, RunKind, Shrunk, SnapshotSelector, Totals, UnmatchedNames, VerificationResult,
};
use shared::report::{ExportReport, ImportReport, SkipReport, still_open};

use super::Report;
use super::damage::recovery;
use super::flags::command;
use super::next_import::{file_of_roles, next_import};
use super::restores::outcomes;
use super::sign_in;
use crate::aws::ExecutionArn;
use crate::losses::Loss;

/// An export that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportEnd {
    pub execution_arn: ExecutionArn,
    /// The report of finalize.
    #[serde(flatten)]
    pub report: ExportReport,
}

impl Report for ExportEnd {
    fn human(&self, _: Timestamp) -> String {
        let report = &self.report;
        format!(
            "{}\n{}\nRestore it with: {}",
            report.summary,
            calls(&report.calls),
            command(format!(
                "import --pool {} --into TARGET --snapshot {}",
                report.user_pool_id, report.snapshot_id
            ))
        )
    }
}

/// A scheduled export that left its pool to another execution.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedEnd {
    pub execution_arn: ExecutionArn,
    /// The report of enumerate.
    #[serde(flatten)]
    pub report: SkipReport,
}

impl Report for SkippedEnd {
    fn human(&self, _: Timestamp) -> String {
        let SkipReport { summary, running_execution_arn, .. } = &self.report;
        match ExecutionArn::parse(running_execution_arn) {
            Ok(running) => format!("{summary}\nWatch that execution with: {}", watch_with(&running)),
            Err(_) => summary.clone(),
        }
    }
}

/// An import that ended, in full or in part.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportEnd {
    pub execution_arn: ExecutionArn,
    /// `import`.
    pub operation: RunKind,
    /// `SUCCEEDED` or `PARTIAL`.
    pub status: RestoreState,
    pub restore_id: RunId,
    pub snapshot_id: RunId,
    pub source_user_pool_id: PoolId,
    pub target_user_pool_id: PoolId,
    #[serde(flatten)]
    pub totals: Totals,
    /// What the verification found in the target.
    pub verification: Option<VerificationResult>,
    /// What the import jobs did. None if the input asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsReport>,
    /// The first losses of each kind and reason, and the first users that the verification found different or missing.
    pub losses: Vec<Loss>,
    /// An earlier snapshot that holds many more users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
    /// The names of the selection that match nothing in the snapshot, by list.
    #[serde(skip_serializing_if = "UnmatchedNames::is_empty")]
    pub unmatched_names: UnmatchedNames,
    /// The calls of this execution.
    pub calls: Option<CallStats>,
    /// The command that takes the tag of the target away. None if the target had no tag that opens it to imports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untag_with: Option<String>,
    /// The outcomes in words.
    pub summary: String,
    /// The input of the import.
    #[serde(skip)]
    input: ImportInput,
    /// The file of the roles of groups, if its name is known.
    #[serde(skip)]
    roles: Option<String>,
}

impl ImportEnd {
    /// The end of an import that restored everything.
    pub fn complete(execution_arn: ExecutionArn, input: &ImportInput, report: ImportReport) -> Self {
        Self {
            execution_arn,
            operation: RunKind::Import,
            status: report.status,
            restore_id: report.restore_id,
            snapshot_id: report.snapshot_id,
            source_user_pool_id: report.source_user_pool_id,
            target_user_pool_id: report.target_user_pool_id,
            totals: report.totals,
            verification: Some(report.verification),
            jobs: report.jobs,
            losses: Vec::new(),
            shrunk: report.shrunk,
            unmatched_names: report.unmatched_names,
            calls: Some(report.calls),
            untag_with: report.untag_with,
            summary: report.summary,
            input: input.clone(),
            roles: None,
        }
    }

    /// The end of an import, from its header and ledger in the table.
    pub fn of_restore(
        execution_arn: ExecutionArn,
        input: &ImportInput,
        restore: Restore,
        totals: Totals,
        losses: Vec<Loss>,
    ) -> Self {
        Self {
            execution_arn,
            operation: RunKind::Import,
            status: restore.state,
            untag_with: restore.untag_line(),
            restore_id: restore.id,
            snapshot_id: restore.snapshot,
            source_user_pool_id: restore.source,
            target_user_pool_id: restore.target,
            summary: ImportReport::summary(
                &totals,
                restore.jobs.as_ref(),
                restore.verification.as_ref(),
                restore.has_succeeded,
                restore.shrunk.as_ref(),
                &restore.unmatched_names,
            ),
            totals,
            verification: restore.verification,
            jobs: restore.jobs,
            losses,
            shrunk: restore.shrunk,
            unmatched_names: restore.unmatched_names,
            calls: restore.calls,
            input: ImportInput { options: restore.options, ..input.clone() },
            roles: None,
        }
    }

    /// The same end of an import whose roles of groups are in the file `roles`.
    pub fn with_roles(self, roles: Option<&str>) -> Self {
        Self { roles: roles.map(str::to_owned), ..self }
    }

    fn next(&self) -> String {
        if self.status == RestoreState::Succeeded {
            let (tally, source, target) =
                (&self.totals.users, &self.source_user_pool_id, &self.target_user_pool_id);
            let is_repair = source == target;
            if is_repair && tally.created == 0 {
                return "The restore created no user, so every user keeps its sub.".to_owned();
            }
            // With `skip`, the target may have users of the snapshot that differ.
            if tally.present() == 0 && !tally.reasons.contains_key(&ReasonCode::AlreadyInTarget) {
                return format!(
                    "Next: the target has no user of the snapshot. Look for another snapshot, with:\n  {}",
                    command(format!("snapshots --pool {source}"))
                );
            }
            let (next, users) = if is_repair {
                let list = command(format!("sub-map --into {target}"));
                (format!("list the new subs of the users that were created, with: {list}"), "these users")
            } else {
                ("configure the application to use the target pool.".to_owned(), "users")
            };
            let sign_in = sign_in::after_restore(users, &self.totals, self.input.options.passwords);
            return format!("Next: {next}\n{sign_in}");
        }
        let found = self.verification.unwrap_or_default();
        let changed = found.missing + found.different;
        let damaged = self.totals.damaged();
        if damaged > 0 && changed == 0 && !self.totals.lacks_more_than_damaged() {
            return format!(
                "Next: {} Then start the same import again with --snapshot {}: it restores only missing entries.",
                recovery(&self.source_user_pool_id, damaged, ["item", "items"]),
                self.snapshot_id
            );
        }
        if changed == 0 && self.totals.lacks_only_parts() {
            return self.next_of_parts();
        }
        let (may_hold_others, has_failures) =
            (self.input.options.existing != Existing::Fail, self.totals.has_failures());
        let (what, existing) = if found.different > 0 && !may_hold_others && !has_failures {
            // All users of such a target are of the restore.
            ("Then change the users that differ back, with:", Existing::Update)
        } else {
            ("Then try only the missing entries again, with:", self.input.options.existing)
        };
        let options = ImportOptions { existing, ..self.input.options.clone() };
        let later = if has_failures && (found.different > 0 || may_hold_others && found.missing > 0) {
            "\nThis import changes back no users that differ, and creates no lost users that existed before the restore. \
             `verify` names them, and the import for them."
        } else {
            ""
        };
        let causes = if damaged > 0 {
            let recovery = recovery(&self.source_user_pool_id, damaged, ["item", "items"]);
            format!("{recovery} Remove the other causes above.")
        } else {
            "remove the causes above.".to_owned()
        };
        format!("Next: {causes} {what}\n  {}{later}", self.import_with(&options))
    }

    /// What to do if the target has every entry, and some without a part.
    fn next_of_parts(&self) -> String {
        if !self.totals.lossy_notes().any(|(note, _)| note == Note::ValueNotRestored) {
            return "Next: the table of reasons says what each user needs. Another import adds nothing."
                .to_owned();
        }
        // With the same options, the import would continue this restore, which has an outcome for each user. Without
        // accepted losses it also says whether the target accepts the values.
        let options =
            ImportOptions { existing: Existing::Update, accept_losses: false, ..self.input.options.clone() };
        format!(
            "Next: every user is restored. If the target accepts the refused values later, add them with:\n  {}",
            self.import_with(&options)
        )
    }

    /// The import of the same snapshot with `options`.
    fn import_with(&self, options: &ImportOptions) -> String {
        let input = ImportInput {
            source: self.source_user_pool_id.clone(),
            target: self.target_user_pool_id.clone(),
            // `latest` may be another snapshot by then.
            snapshot: SnapshotSelector::Id(self.snapshot_id.clone()),
            options: options.clone(),
            accept_shrunk: self.shrunk.is_some(),
            ..self.input.clone()
        };
        let roles = self.roles.as_deref();
        format!("{}{}", next_import(&input, roles), file_of_roles(&input, roles))
    }
}

impl Report for ImportEnd {
    fn human(&self, _: Timestamp) -> String {
        let complete = if self.status == RestoreState::Succeeded { "complete" } else { "PARTIAL" };
        let mut text = format!(
            "The restore of snapshot {} of user pool {} into {} is {complete}.\n\n{}\n\n{}\n",
            self.snapshot_id,
            self.source_user_pool_id,
            self.target_user_pool_id,
            outcomes(&self.totals, &self.losses),
            self.summary,
        );
        if let Some(stats) = &self.calls {
            text += &format!("{}\n", calls(stats));
        }
        let untag = self.untag_with.as_deref().map(|line| format!("\n\n{}", still_open(line)));
        text + &self.next() + &untag.unwrap_or_default()
    }
}

/// The calls of a run or a command.
pub(super) fn calls(stats: &CallStats) -> String {
    format!(
        "Cognito calls: {}, {:.1} a second on average, {} at most, limit {}; {} throttled.",
        super::text::number(stats.total),
        stats.mean_per_second,
        stats.peak_per_second,
        stats.limit_per_second,
        super::text::number(stats.throttled)
    )
}

/// A run that continues without the command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StillRunning {
    pub operation: RunKind,
    /// `RUNNING`.
    pub status: crate::aws::RunStatus,
    pub execution_arn: ExecutionArn,
    /// The command that watches it.
    pub watch_with: String,
}

impl StillRunning {
    /// The run of `execution`.
    pub fn new(operation: RunKind, execution: ExecutionArn) -> Self {
        Self {
            operation,
            status: crate::aws::RunStatus::Running,
            watch_with: watch_with(&execution),
            execution_arn: execution,
        }
    }
}

/// The command that watches `execution` to its end.
pub fn watch_with(execution: &ExecutionArn) -> String {
    command(format!("status --execution {execution} --wait"))
}

impl Report for StillRunning {
    fn human(&self, _: Timestamp) -> String {
        let what = if self.operation == RunKind::Export { "export" } else { "import" };
        format!("The {what} continues without this command. Watch it with:\n  {}", self.watch_with)
    }
}

#[cfg(test)]
mod tests {
    use shared::model::{Ceilings, Passwords, SubMapLifetime, Tps};

    use super::*;
    use crate::testing;

    #[test]
    fn an_export_ends_with_its_summary_and_the_way_back() {
        let end = ExportEnd { execution_arn: testing::arn(), report: testing::export_report() };
        insta::assert_snapshot!(end.human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end).unwrap());
    }

    #[test]
    fn a_skipped_export_says_which_execution_exports_the_pool() {
        let view = testing::skipped_export();
        let end = SkippedEnd { report: view.skipped().unwrap(), execution_arn: view.arn };
        let text = end.human(testing::now());
        assert!(text.starts_with("This scheduled export of user pool eu-west-1_a did nothing"), "{text}");
        let watch = "\nWatch that execution with: cognito-backup status --execution ";
        let arn = &end.report.running_execution_arn;
        assert!(text.ends_with(&format!("{watch}{arn} --wait")), "{text}");
        let json = serde_json::to_value(&end).unwrap();
        assert_eq!(json["status"], "SKIPPED");
        assert_eq!(json["executionArn"], serde_json::json!(end.execution_arn));
    }

    #[test]
    fn a_complete_import_says_what_comes_next() {
        let end = ImportEnd::complete(testing::arn(), &testing::import_input(), testing::import_report());
        insta::assert_snapshot!(end.human(testing::now()));
        let invited = ImportInput {
            options: ImportOptions { passwords: Passwords::Temporary, ..ImportOptions::default() },
            ..testing::import_input()
        };
        let end = ImportEnd::complete(testing::arn(), &invited, testing::import_report());
        assert!(end.human(testing::now()).contains("invitation"));
    }

    #[test]
    fn a_complete_repair_says_how_to_list_new_subs() {
        let report = testing::import_report();
        let report = ImportReport { target_user_pool_id: report.source_user_pool_id.clone(), ..report };
        let end = ImportEnd::complete(testing::arn(), &testing::import_input(), report);
        let text = end.human(testing::now());
        assert!(
            text.ends_with(
                "Next: list the new subs of the users that were created, with: cognito-backup sub-map --into eu-west-1_a\n\
             No restore brings back passwords: these users sign in after \"forgot password\"."
            ),
            "{text}"
        );
    }

    #[test]
    fn an_import_that_restored_no_user_does_not_advise_to_use_the_target() {
        let report = || ImportReport { totals: Totals::default(), ..testing::import_report() };
        let end = ImportEnd::complete(testing::arn(), &testing::import_input(), report());
        let text = end.human(testing::now());
        assert!(!text.contains("application") && text.contains("cognito-backup snapshots --pool"), "{text}");
        let mut kept = report();
        kept.totals.users.reasons.insert(ReasonCode::AlreadyInTarget, 3);
        let text = ImportEnd::complete(testing::arn(), &testing::import_input(), kept).human(testing::now());
        assert!(!text.contains("no user of the snapshot"), "{text}");
        let target_user_pool_id = testing::pool("a");
        let report = ImportReport { target_user_pool_id, ..report() };
        let text =
            ImportEnd::complete(testing::arn(), &testing::import_input(), report).human(testing::now());
        assert!(text.ends_with("The restore created no user, so every user keeps its sub."), "{text}");
    }

    #[test]
    fn a_partial_import_says_what_is_missing_and_how_to_try_again() {
        let restore = testing::restore(RestoreState::Partial);
        let end = ImportEnd::of_restore(
            testing::arn(),
            &testing::import_input(),
            restore,
            testing::partial_totals(),
            testing::losses(),
        );
        insta::assert_snapshot!(end.human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end).unwrap());
    }

    #[test]
    fn a_restore_that_lacks_only_damaged_entries_leads_to_their_recovery() {
        let next = |reasons: &[ReasonCode], different| {
            let mut restore = testing::restore(RestoreState::Partial);
            restore.options.existing = Existing::Update;
            restore.verification = Some(VerificationResult { different, ..VerificationResult::default() });
            let mut totals = Totals::default();
            totals.users.failed = reasons.len() as u64;
            totals.users.reasons = reasons.iter().map(|reason| (reason.clone(), 1)).collect();
            ImportEnd::of_restore(testing::arn(), &testing::import_input(), restore, totals, vec![]).next()
        };
        let damage = [ReasonCode::RecordMissing, ReasonCode::RecordDamaged];
        let line = next(&damage, 0);
        assert!(line.starts_with("Next: 2 items are damaged. "), "{line}");
        assert!(line.contains("  cognito-backup export --pool eu-west-1_a\n"), "{line}");
        assert!(!line.contains("--existing") && line.contains("--snapshot 20261121T"), "{line}");
        // The recovery comes first, if another import helps against the other causes.
        for line in [next(&[damage[0].clone(), ReasonCode::UsernameTaken], 0), next(&damage[..1], 1)] {
            assert!(
                line.starts_with("Next: 1 item is damaged. ") && line.contains("export --pool"),
                "{line}"
            );
            assert!(line.contains("--existing update"), "{line}");
        }
        assert!(!next(&[ReasonCode::UsernameTaken], 0).contains("recover"));
    }

    #[test]
    fn the_next_import_repeats_the_limits_that_the_operator_gave() {
        let ceilings = serde_json::json!({"UserCreation": 40, "UserList": 5});
        let input = ImportInput {
            tps: Tps::new(25).ok(),
            ceilings: Ceilings::parse(&ceilings).unwrap(),
            ..testing::import_input()
        };
        let restore = testing::restore(RestoreState::Partial);
        let next =
            ImportEnd::of_restore(testing::arn(), &input, restore, testing::partial_totals(), vec![]).next();
        let limits = " --tps 25 --tps-by-category UserCreation=40 --tps-by-category UserList=5";
        assert!(next.contains(limits), "{next}");
    }

    #[test]
    fn the_next_import_keeps_the_sub_map_as_long_as_this_one() {
        let input = ImportInput { sub_map_lifetime: SubMapLifetime::Forever, ..testing::import_input() };
        let restore = testing::restore(RestoreState::Partial);
        let end = ImportEnd::of_restore(testing::arn(), &input, restore, testing::partial_totals(), vec![]);
        let next = end.next();
        assert!(next.contains(" --sub-map-retention forever"), "{next}");
    }

    #[test]
    fn a_partial_restore_advises_the_import_that_restores_lost_and_changed_users() {
        let next = |existing, failed, missing, different| {
            let mut restore = testing::restore(RestoreState::Partial);
            restore.options.existing = existing;
            restore.verification =
                Some(VerificationResult { missing, different, ..VerificationResult::default() });
            let totals = if failed { testing::partial_totals() } else { Totals::default() };
            ImportEnd::of_restore(testing::arn(), &testing::import_input(), restore, totals, vec![]).next()
        };
        let existing_of = |line: &str| {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            words.iter().position(|word| word == "--existing").map(|at| words[at + 1].clone())
        };
        let cases = [
            (next(Existing::Fail, false, 0, 0), None),
            (next(Existing::Fail, false, 0, 1), Some("update")),
            // The same input continues what failed. So do users that the restore created and the target lost.
            (next(Existing::Fail, true, 1, 1), None),
            // `update` would change users that the restore has kept.
            (next(Existing::Skip, false, 1, 1), Some("skip")),
            (next(Existing::Update, true, 1, 0), Some("update")),
        ];
        for (line, expected) in cases {
            assert_eq!(existing_of(&line).as_deref(), expected, "{line}");
        }
        for (line, is_left) in [
            (next(Existing::Fail, true, 1, 0), false),
            (next(Existing::Fail, true, 0, 1), true),
            // The target may have had the lost users before.
            (next(Existing::Skip, true, 1, 0), true),
            (next(Existing::Skip, false, 1, 0), false),
        ] {
            assert_eq!(line.contains("`verify` names them"), is_left, "{line}");
        }
    }

    #[test]
    fn a_run_that_continues_says_how_to_watch_it() {
        let running = StillRunning::new(RunKind::Import, testing::arn());
        assert!(running.human(testing::now()).ends_with("--wait"));
        assert_eq!(serde_json::to_value(&running).unwrap()["status"], "RUNNING");
    }
}
