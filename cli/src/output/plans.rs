//! The answer of `import --plan`: what the import would do.

use jiff::Timestamp;
use serde::Serialize;
use shared::ErrorKind;
use shared::format::{form, plural};
use shared::model::{GroupName, ObjectionReason};
use shared::report::PlanReport;

use super::Report;
use super::damage::recovery;
use super::flags::command;
use super::text::{number, table};
use crate::aws::ExecutionArn;
use crate::exit::ExitStatus;
use crate::losses::meaning_of_objection;

/// A dry run that ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanEnd {
    pub execution_arn: ExecutionArn,
    /// The report of finalize.
    #[serde(flatten)]
    pub report: PlanReport,
    /// The first groups whose records are damaged. The report only counts them, because histories hold no names of groups.
    #[serde(rename = "firstDamagedGroups", skip_serializing_if = "Vec::is_empty")]
    pub damaged_groups: Vec<GroupName>,
}

impl PlanEnd {
    /// How the command ends: as the import would, if the import would be refused. A snapshot that shrunk needs only a flag,
    /// so it does not decide.
    pub fn exit_status(&self) -> ExitStatus {
        match self.report.refusal.as_deref() {
            Some(refusal) if refusal != ErrorKind::SnapshotShrunk.name() => ExitStatus::Refused,
            _ if self.report.is_readable() => ExitStatus::Done,
            _ => ExitStatus::Partial,
        }
    }

    /// Whether the import would restore no user, because the target has each of them as the operator wants it.
    fn has_nothing_to_restore(&self) -> bool {
        let forecast = &self.report.forecast;
        let changes = forecast.existing.as_ref().map(|existing| existing.updated);
        changes == Some(0) && forecast.creatable == 0 && !forecast.has_losses()
    }

    /// The objections of which `is_loss` is true, or the others, as a table. None without any.
    fn objections(&self, heading: &str, is_loss: bool) -> Option<String> {
        let lost = |reason: &ObjectionReason| match reason {
            ObjectionReason::Violation(_) => true,
            ObjectionReason::Reason(code) => code.is_loss(),
        };
        let objections = self.report.forecast.objections.iter().filter(|(reason, _)| lost(reason) == is_loss);
        let rows: Vec<_> = objections
            .map(|(reason, objection)| {
                let first: Vec<_> = objection.first.iter().map(ToString::to_string).collect();
                let meaning = meaning_of_objection(reason).to_owned();
                vec![number(objection.users), reason.to_string(), first.join("\n"), meaning]
            })
            .collect();
        (!rows.is_empty()).then(|| table(&[">USERS", heading, "FIRST SUBS", "MEANING"], rows))
    }
}

impl Report for PlanEnd {
    fn human(&self, _: Timestamp) -> String {
        let report = &self.report;
        let creatable = number(report.forecast.creatable);
        let users = plural(report.forecast.users, "user", "users");
        let effect = match &report.forecast.existing {
            None => format!("would restore {creatable} of {users}"),
            Some(existing) => {
                let count = existing.same + existing.kept + existing.updated;
                format!(
                    "would create {creatable} of {users}. {} {} already",
                    number(count),
                    form(count, "exists", "exist")
                )
            }
        };
        let mut parts = vec![format!(
            "Restoring snapshot {} of user pool {} into {} {effect}. This plan changes nothing.",
            report.snapshot_id, report.source_user_pool_id, report.target_user_pool_id,
        )];
        parts.extend(self.objections("CANNOT BE RESTORED", true));
        parts.extend(self.objections("LEFT OUT, AND NO LOSS", false));
        if !self.damaged_groups.is_empty() {
            let names: Vec<_> = self.damaged_groups.iter().map(ToString::to_string).collect();
            parts.push(format!("First groups with a damaged record: {}", names.join(", ")));
        }
        let next = match (&report.refusal, &report.shrunk) {
            (Some(_), Some(shrunk)) if !shrunk.accepted => {
                let forecast = &report.forecast;
                let loses = forecast.groups_too_many > 0 || forecast.caused_by_target().next().is_some();
                let flags = if loses { "--accept-shrunk and --accept-losses" } else { "--accept-shrunk" };
                format!(
                    "Next: find out whether users were deleted on purpose. If not, give --snapshot with the newest one from \
                     before the loss: `{}` lists them. If so, give {flags} instead of --plan.",
                    command(format!("snapshots --pool {}", report.source_user_pool_id))
                )
            }
            (None, _) if !report.is_readable() => {
                let pages = report.forecast.damaged_pages;
                let nouns = if pages == 0 { ["record", "records"] } else { ["item", "items"] };
                let recovery = recovery(&report.source_user_pool_id, report.damaged + pages, nouns);
                format!("Next: {recovery} Then make the plan again.")
            }
            (None, _) if report.forecast.group_roles.groups_with_foreign_role > 0 => {
                "Next: the same command without --plan would end with code 3 (PARTIAL), because groups lose their role. To \
                 give them other roles or none, add --group-roles FILE or --group-roles skip."
                    .to_owned()
            }
            (None, _) if report.forecast.has_losses() => {
                "Next: the same command without --plan. It would end with code 3 (PARTIAL).".to_owned()
            }
            (None, _) if self.has_nothing_to_restore() => {
                let expected = &report.expected;
                if expected.groups + expected.memberships == 0 {
                    "Next: nothing has to be done.".to_owned()
                } else {
                    "Next: no user has to be restored. A plan does not look for missing groups and memberships: the same \
                     command without --plan restores those that are missing."
                        .to_owned()
                }
            }
            (None, _) => "Next: the same command without --plan.".to_owned(),
            (Some(_), _) if !report.forecast.old_sub_attribute_filled.is_none() => {
                format!(
                    "Next: name another attribute with --old-sub-attribute, or none. `{}` prints the old subs, too. Then make \
                     the plan again.",
                    command(format!("sub-map --into {}", report.target_user_pool_id))
                )
            }
            (Some(_), _) => {
                "Next: change the settings of the target and make the plan again. Or restore what the target accepts: the \
                 same command with --accept-losses instead of --plan."
                    .to_owned()
            }
        };
        let refused = match &report.refusal {
            Some(refusal) => {
                let code = ExitStatus::Refused.code();
                format!("This import would be refused: {refusal}, exit code {code}.\n")
            }
            None => String::new(),
        };
        parts.push(format!("{}\n{refused}{next}", report.summary));
        parts.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use shared::model::{
        Category, Existing, Forecast, Note, ReasonCode, Restore, RestoreState, RunKind, SchemaViolation,
        Shrunk, Sub, Tps, UnmatchedNames, UserListing,
    };
    use shared::report::Planned;

    use super::*;
    use crate::testing;

    /// The calls for a user that is created, given a password and disabled.
    const CALLS: [Category; 3] =
        [Category::UserCreation, Category::UserAccountRecovery, Category::UserUpdate];

    /// The end of a plan with `forecast`, whose import takes `calls` calls in `seconds`.
    fn planned(forecast: Forecast, calls: u64, seconds: u64) -> PlanEnd {
        let Restore { snapshot, source, target, expected, .. } = testing::restore(RestoreState::Running);
        let report = PlanReport {
            operation: RunKind::Import,
            status: Planned::Planned,
            dry_run: true,
            more: false,
            snapshot_id: snapshot,
            source_user_pool_id: source,
            target_user_pool_id: target,
            expected,
            listing: Some(UserListing::One),
            summary: forecast.summary(calls, Tps::DEFAULT, seconds),
            damaged: forecast.damaged(),
            restore_at_work: None,
            unmatched_names: UnmatchedNames::default(),
            forecast,
            refusal: None,
            shrunk: None,
            total_calls: calls,
            least_seconds: seconds,
        };
        PlanEnd { execution_arn: testing::arn(), report, damaged_groups: Vec::new() }
    }

    #[test]
    fn the_plan_of_a_repair_counts_existing_users() {
        let mut forecast = Forecast::default();
        (0..399_000).for_each(|_| forecast.count_existing(true, Existing::Update));
        (0..500).for_each(|_| forecast.count_existing(false, Existing::Update));
        (0..500).for_each(|_| forecast.count_creatable(CALLS, &[]));
        let mut end = planned(forecast, 15_000, 1_500);
        end.report.target_user_pool_id = end.report.source_user_pool_id.clone();
        insta::assert_snapshot!(end.human(testing::now()));
    }

    #[test]
    fn a_plan_names_users_that_cannot_be_created_and_what_the_import_takes() {
        let mut forecast = Forecast::default();
        (0..399_998).for_each(|_| forecast.count_creatable(CALLS.into_iter().take(2), &[]));
        forecast.count_creatable(CALLS, &[Note::CannotResetPassword]);
        forecast.count_objection(Sub::new("sub-7"), SchemaViolation::Limits("custom:plan".to_owned()));
        let mut end = planned(forecast, 806_686, 80_669);
        end.report.refusal = Some("UsersNotAccepted".to_owned());
        insta::assert_snapshot!(end.human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end).unwrap());
        assert_eq!(end.exit_status(), ExitStatus::Refused);
        let refused = "This import would be refused: UsersNotAccepted, exit code 4.";
        assert!(end.human(testing::now()).contains(refused));

        let mut shrunk = end;
        let snapshot = testing::snapshot(1, 0).id;
        shrunk.report.refusal = Some("SnapshotShrunk".to_owned());
        shrunk.report.shrunk = Some(Shrunk { snapshot, users: 900_000, accepted: false });
        assert_eq!(shrunk.exit_status(), ExitStatus::Done, "the plan needs no flag");
        let both = shrunk.human(testing::now());
        assert!(both.contains("This import would be refused: SnapshotShrunk, exit code 4."), "{both}");
        assert!(both.contains("If so, give --accept-shrunk and --accept-losses instead"), "{both}");

        let mut filled = shrunk;
        (filled.report.shrunk, filled.report.refusal) = (None, Some("InvalidInput".to_owned()));
        filled.report.forecast.count_overwritten(&Sub::new("sub-7"));
        let text = filled.human(testing::now());
        assert_eq!(filled.exit_status(), ExitStatus::Refused);
        assert!(
            text.contains("Next: name another attribute") && !text.contains("--accept-losses instead"),
            "{text}"
        );
    }

    #[test]
    fn a_plan_says_that_the_import_would_be_partial() {
        let next = |forecast: Forecast| planned(forecast, 0, 0).human(testing::now());
        let mut of_user = Forecast::default();
        of_user.count_objection(Sub::new("sub-9"), ReasonCode::NoSignInName);
        let text = next(of_user);
        assert!(text.ends_with("without --plan. It would end with code 3 (PARTIAL)."), "{text}");
        let mut of_role = Forecast::default();
        of_role.group_roles.groups_with_foreign_role = 3;
        let text = next(of_role);
        assert!(text.contains("PARTIAL") && text.contains("--group-roles skip"), "{text}");
        assert!(next(Forecast::default()).ends_with("without --plan."));
    }

    #[test]
    fn a_plan_with_damaged_records_ends_with_3_and_advises_no_import() {
        let mut forecast = Forecast::default();
        forecast.count_objection(Sub::new("sub-7"), ReasonCode::RecordMissing);
        forecast.count_objection(Sub::new("sub-8"), ReasonCode::RecordDamaged);
        forecast.count_objection(Sub::new("sub-9"), ReasonCode::NoSignInName);
        let damaged_groups = vec![GroupName::new("admins")];
        let end = PlanEnd { damaged_groups, ..planned(forecast, 0, 0) };
        assert_eq!((end.report.damaged, end.exit_status()), (2, ExitStatus::Partial));
        let text = end.human(testing::now());
        assert!(text.contains("sub-7") && text.contains("2 records are damaged"), "{text}");
        assert!(text.contains("First groups with a damaged record: admins\n"), "{text}");
        let export = format!("cognito-backup export --pool {}\n", end.report.source_user_pool_id);
        assert!(text.contains("\nNext: ") && text.contains(&export), "{text}");
        assert!(!text.contains("--existing"), "{text}");
    }

    #[test]
    fn a_plan_without_anything_to_do_does_not_advise_the_import() {
        let mut same = Forecast::default();
        (0..28).for_each(|_| same.count_existing(true, Existing::Skip));
        let mut end = planned(same.clone(), 2, 1);
        let text = end.human(testing::now());
        assert!(text.contains("Next: no user has to be restored."), "{text}");
        assert!(text.contains("groups and memberships"), "the forecast does not count them: {text}");
        end.report.expected.groups = 0;
        end.report.expected.memberships = 0;
        let text = end.human(testing::now());
        assert!(text.ends_with("Next: nothing has to be done."), "{text}");
        same.count_existing(false, Existing::Update);
        assert!(planned(same, 4, 1).human(testing::now()).ends_with("without --plan."));
    }

    #[test]
    fn a_plan_lists_what_the_operator_leaves_out_apart_from_what_cannot_be_restored() {
        let mut forecast = Forecast::default();
        forecast.count_objection(Sub::new("sub-1"), ReasonCode::LeftToSignIn);
        let text = planned(forecast.clone(), 0, 0).human(testing::now());
        assert!(text.contains("LEFT OUT, AND NO LOSS") && !text.contains("CANNOT BE RESTORED"), "{text}");
        forecast.count_objection(Sub::new("sub-2"), ReasonCode::NoSignInName);
        let text = planned(forecast, 0, 0).human(testing::now());
        let (lost, left) = text.split_once("LEFT OUT, AND NO LOSS").unwrap();
        assert!(lost.contains("CANNOT BE RESTORED") && lost.contains("sub-2"), "{text}");
        assert!(left.contains("sub-1") && !left.contains("sub-2"), "{text}");
    }
}
