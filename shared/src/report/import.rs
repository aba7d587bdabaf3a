//! How an import ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format::{form, grouped, listed, plural};
use crate::model::{
    CallStats, JobsReport, NotInJob, Note, PoolId, PoolTag, ReasonCode, RecordKind, RestoreState, RunId,
    RunKind, Shrunk, Tally, Totals, UnmatchedNames, VerificationResult,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// `import`.
    pub operation: RunKind,
    /// `SUCCEEDED` or `PARTIAL`.
    pub status: RestoreState,
    /// Always false: the state machine does not call finalize again.
    pub more: bool,
    pub restore_id: RunId,
    pub snapshot_id: RunId,
    pub source_user_pool_id: PoolId,
    pub target_user_pool_id: PoolId,
    /// The outcomes.
    #[serde(flatten)]
    pub totals: Totals,
    /// What the verification found in the target.
    pub verification: VerificationResult,
    /// What the import jobs did. None if the input asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsReport>,
    /// An earlier snapshot that holds many more users. The input accepted that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
    /// The names of the selection that match nothing in the snapshot, by list.
    #[serde(default, skip_serializing_if = "UnmatchedNames::is_empty")]
    pub unmatched_names: UnmatchedNames,
    /// The calls of this execution.
    pub calls: CallStats,
    /// The command that takes the tag of the target away. None if the target had no tag that opens it to imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untag_with: Option<String>,
    /// All of this in words.
    pub summary: String,
    /// Whether a message went to the topic.
    pub notified: bool,
}

impl ImportReport {
    /// How an import ended, in words. `had_succeeded` tells whether an earlier pass of the restore
    /// succeeded.
    pub fn summary(
        totals: &Totals,
        jobs: Option<&JobsReport>,
        verification: Option<&VerificationResult>,
        had_succeeded: bool,
        shrunk: Option<&Shrunk>,
        unmatched: &UnmatchedNames,
    ) -> String {
        let jobs = jobs.map(JobsReport::summary).unwrap_or_default();
        let in_words = |verification: &VerificationResult| {
            let may_be_on_purpose = had_succeeded && !verification.is_clean();
            let on_purpose = " Users have changed since the restore succeeded, which is no failure.";
            format!(" {}{}", verification.summary(), if may_be_on_purpose { on_purpose } else { "" })
        };
        let verification = verification.map(in_words).unwrap_or_default();
        let shrunk = shrunk.map(Shrunk::summary).unwrap_or_default();
        format!("{}{jobs}{verification}{shrunk}{}", totals.summary(), unmatched.summary())
    }
}

/// Says that the target is still open to imports. `line` takes its tag away.
pub fn still_open(line: &str) -> String {
    format!(
        "The tag {} still opens the target user pool to imports. If you need no more, take it away:\n  {line}",
        PoolTag::KEY
    )
}

impl UnmatchedNames {
    /// A warning in words, with a blank before it. Empty if each name matches.
    pub fn summary(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        format!(" ATTENTION: names of the selection match nothing in the snapshot: {self}.")
    }
}

impl Totals {
    pub fn summary(&self) -> String {
        let restored = |(kind, tally): (RecordKind, &Tally)| {
            let wanted = plural(tally.wanted(), kind.singular(), kind.plural());
            format!("{} of {wanted}", grouped(tally.present()))
        };
        let mut words = format!("Restored {}.", listed(self.by_kind().map(restored)));
        for (kind, tally) in self.by_kind() {
            if tally.not_selected > 0 {
                let entries = plural(tally.not_selected, kind.singular(), kind.plural());
                words += &format!(" Not selected: {entries}.");
                if kind == RecordKind::Group && self.memberships.present() > 0 {
                    words += " The target has such a group if a restored user needs it.";
                }
            }
            for (reason, count) in &tally.reasons {
                let entries = plural(*count, kind.singular(), kind.plural());
                words += &if *reason == ReasonCode::LeftToSignIn {
                    format!(" Left to the next federated sign-in: {entries}.")
                } else if *reason == ReasonCode::ListedTwice {
                    format!(" Listed twice, and restored once: {entries}.")
                } else if *reason == ReasonCode::RoleNotRestored && kind == RecordKind::Membership {
                    format!(
                        " In a group that lacks its role: {entries} ({reason}). A role needs iam:PassRole."
                    )
                } else if *reason == ReasonCode::RoleNotRestored {
                    format!(" Restored without a role: {entries} ({reason}). A role needs iam:PassRole.")
                } else if *reason == ReasonCode::GroupDiffers && kind == RecordKind::Membership {
                    format!(" In a group that lacks its role: {entries} ({reason}).")
                } else if *reason == ReasonCode::PreferredUsernameNotSet {
                    format!(" Created without the preferred_username: {entries} ({reason}).")
                } else if *reason == ReasonCode::NotInvited {
                    format!(" Created without an invitation: {entries} ({reason}).")
                } else if *reason == ReasonCode::MemberWithoutUser {
                    let verb = form(*count, "names", "name");
                    format!(" Warning: {entries} {verb} a user that the snapshot does not hold ({reason}).")
                } else if reason.is_loss() {
                    format!(" Not restored: {entries} ({reason}).")
                } else {
                    format!(" Skipped: {entries} ({reason}).")
                };
            }
        }
        if self.damaged_pages > 0 {
            let pages = plural(self.damaged_pages, "page", "pages");
            words +=
                &format!(" {pages} of the snapshot could not be read: {}.", self.damaged_keys.join(", "));
        }
        words + &notes(&self.notes)
    }
}

impl JobsReport {
    /// What the import jobs did, in words, with a blank before it.
    pub fn summary(&self) -> String {
        let users = |count| plural(count, "user", "users");
        let mut words = String::new();
        if self.jobs > 0 {
            let jobs = plural(self.jobs.into(), "import job", "import jobs");
            words += &format!(" {jobs} created {}.", users(self.imported));
        }
        let by_api = [
            (self.skipped, "were in the target before a job"),
            (self.failed, "could not be created by a job"),
        ];
        for (count, why) in by_api {
            if count > 0 {
                words += &format!(" Through the API: {}, who {why}.", users(count));
            }
        }
        words += &through_the_api(&self.by_api);
        if let Some(reason) = &self.unread_log {
            words += &format!(
                " The restore could not read the log of a job ({reason}). The verification looks for {}.",
                users(self.unaccounted)
            );
        }
        if let Some(reason) = &self.fallback {
            let rest = if self.jobs > 0 { "All other users" } else { "All users" };
            words += &format!(" {rest} went through the API: {reason}");
        }
        words
    }
}

/// The users that no file of an import job can carry, by reason.
pub(super) fn through_the_api(by_api: &BTreeMap<NotInJob, u64>) -> String {
    let line = |(reason, count): (&NotInJob, &u64)| {
        format!(" Through the API: {} ({reason}).", plural(*count, "user", "users"))
    };
    by_api.iter().map(line).collect()
}

/// What the operator has to know about restored users.
pub(super) fn notes(notes: &BTreeMap<Note, u64>) -> String {
    let line = |(note, count): (&Note, &u64)| {
        let users = plural(*count, "user", "users");
        match note {
            Note::StatusNotKept => format!(" {users} had a status other than CONFIRMED before."),
            Note::CannotResetPassword => {
                format!(" {users} cannot reset the password alone.")
            }
            Note::OnlyAdminResets => {
                format!(" Only an administrator resets passwords in the target: {users}.")
            }
            Note::NoVerifiedAddress => {
                format!(" No verified address to which the target sends codes: {users}.")
            }
            Note::OnlyAddressIsFactor => {
                format!(" The only such address is the only second factor: {users}.")
            }
            Note::WasUnconfirmed => format!(" {users} had not confirmed the sign-up before."),
            Note::IdentitiesNotLinked => {
                format!(" {users} must be linked to their identity providers again.")
            }
            Note::MfaNotKept => format!(" {users} must turn codes by text message or e-mail on again."),
            Note::MustEnrolAgain => format!(" {users} must enrol an authenticator app or key again."),
            Note::Invited => format!(" Invitations: {users}."),
            Note::RoleLeftOut => {
                format!(" Restored without a role, as the input says: {}.", plural(*count, "group", "groups"))
            }
            Note::ValueNotRestored => {
                format!(" Restored without a value that the target refuses: {users} (valueNotRestored).")
            }
            Note::ResetRequired => {
                format!(
                    " {users} created by import jobs set a new password with a code at the next sign-in (RESET_REQUIRED)."
                )
            }
        }
    };
    notes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_of_a_restore_reads_as_sentences() {
        let users = Tally {
            created: 399_998,
            failed: 1,
            skipped: 1,
            lost: 2,
            reasons: [(ReasonCode::UsernameTaken, 1), (ReasonCode::FederatedUser, 1)].into(),
            ..Tally::default()
        };
        let totals = Totals {
            users,
            notes: [(Note::CannotResetPassword, 1), (Note::NoVerifiedAddress, 1)].into(),
            ..Totals::default()
        };
        assert_eq!(
            totals.summary(),
            "Restored 399,998 of 400,000 users, 0 of 0 groups and 0 of 0 memberships. Not restored: 1 user (federatedUser). \
             Not restored: 1 user (usernameTaken). 1 user cannot reset the password alone. No verified address to which the target sends codes: 1 user."
        );
    }

    #[test]
    fn a_user_that_is_listed_twice_is_restored_and_not_missing() {
        let users = Tally {
            created: 59,
            skipped: 1,
            reasons: [(ReasonCode::ListedTwice, 1)].into(),
            ..Tally::default()
        };
        let words = Totals { users, ..Totals::default() }.summary();
        assert!(words.starts_with("Restored 59 of 59 users, "), "{words}");
        assert!(
            words.ends_with(" Listed twice, and restored once: 1 user.") && !words.contains("Skipped"),
            "{words}"
        );
    }

    #[test]
    fn members_without_a_user_are_a_warning() {
        let memberships = Tally {
            created: 1,
            skipped: 2,
            reasons: [(ReasonCode::MemberWithoutUser, 2)].into(),
            ..Tally::default()
        };
        let totals = Totals { memberships, ..Totals::default() };
        let words = totals.summary();
        let warning =
            " Warning: 2 memberships name a user that the snapshot does not hold (memberWithoutUser).";
        assert!(words.ends_with(warning), "{words}");
        assert!(totals.is_complete());
    }

    #[test]
    fn groups_that_were_not_selected_may_have_come_with_a_member() {
        let groups = Tally { not_selected: 2, ..Tally::default() };
        let memberships = Tally { created: 1, ..Tally::default() };
        let sentence = "The target has such a group if a restored user needs it.";
        let words = Totals { groups: groups.clone(), memberships, ..Totals::default() }.summary();
        assert!(words.contains(&format!(" Not selected: 2 groups. {sentence}")), "{words}");
        let words = Totals { groups, ..Totals::default() }.summary();
        assert!(!words.contains(sentence), "{words}");
    }

    #[test]
    fn users_that_were_not_selected_are_not_missing() {
        let users = Tally { created: 1, not_selected: 499, ..Tally::default() };
        let words = Totals { users, ..Totals::default() }.summary();
        assert!(
            words.starts_with("Restored 1 of 1 user, ") && words.ends_with(" Not selected: 499 users."),
            "{words}"
        );
    }
}
