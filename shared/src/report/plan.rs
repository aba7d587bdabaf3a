//! What an import would do.

use serde::{Deserialize, Serialize};

use super::import::{notes, through_the_api};
use crate::format::{form, grouped, plural};
use crate::model::{
    Counts, ExistingForecast, Forecast, ForecastCheckpoint, JobsForecast, Objection, ObjectionReason, PoolId,
    ReasonCode, RolesForecast, RunId, RunKind, Shrunk, Tps, UnmatchedNames, UserListing,
};
use crate::{Error, ErrorKind};

/// The status of a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Planned {
    /// The forecast is complete.
    Planned,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// `import`.
    pub operation: RunKind,
    /// `PLANNED`.
    pub status: Planned,
    /// Always true.
    pub dry_run: bool,
    /// Always false: the state machine does not call finalize again.
    pub more: bool,
    pub snapshot_id: RunId,
    pub source_user_pool_id: PoolId,
    pub target_user_pool_id: PoolId,
    /// What the snapshot holds.
    pub expected: Counts,
    /// How the users of the snapshot were listed. None if its header is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<UserListing>,
    /// What would happen to its users.
    #[serde(flatten)]
    pub forecast: Forecast,
    /// Users and groups whose records are missing from the backup table or altered. No import can restore them
    /// from this snapshot.
    #[serde(default)]
    pub damaged: u64,
    /// The name of the error with which the import would be refused now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// An earlier snapshot that holds many more users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
    /// The names of the selection that match nothing in the snapshot, by list.
    #[serde(default, skip_serializing_if = "UnmatchedNames::is_empty")]
    pub unmatched_names: UnmatchedNames,
    /// The restore on which an import works meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_at_work: Option<RunId>,
    /// The Cognito calls of the import, from an empty target.
    pub total_calls: u64,
    /// The least time that the import takes at the limit of this run, seconds.
    pub least_seconds: u64,
    /// All of this in words.
    pub summary: String,
}

impl PlanReport {
    /// Whether every record of users and groups can be read, and every page of users, groups and memberships.
    pub fn is_readable(&self) -> bool {
        self.damaged == 0 && self.forecast.damaged_pages == 0
    }

    /// A complete forecast in words, with its calls, the least time that they take, and why the import would be refused.
    pub fn summary(
        state: &ForecastCheckpoint,
        listing: Option<UserListing>,
        tps: Tps,
        calls: u64,
        seconds: u64,
        refusal: Option<&Error>,
        unmatched: &UnmatchedNames,
    ) -> String {
        let ForecastCheckpoint { restore, forecast, .. } = state;
        let mut words = forecast.summary(calls, tps, seconds);
        if restore.selection.is_some() {
            words += " Each membership of a selected user takes one more call.";
            if forecast.may_have_members() {
                words += " Finding the memberships that the target has takes calls, too.";
            }
        } else if restore.target_pool().holds_most_entries() {
            words += " Each missing membership takes one more call.";
        } else if forecast.may_have_members() {
            words += " Each membership that the target has takes one call less.";
        }
        words += &restore.shrunk.as_ref().map(Shrunk::summary).unwrap_or_default();
        words += &unmatched.summary();
        words += &listing.map(UserListing::summary).unwrap_or_default();
        if let Some(id) = &restore.at_work {
            words += &format!(" ATTENTION: an import works on restore {id} now, and changes these numbers.");
        }
        if refusal.is_none() && forecast.has_losses() {
            words += " The import would end PARTIAL.";
        }
        if let Some(refusal) = refusal {
            let unless = match refusal.kind() {
                ErrorKind::UsersNotAccepted => " unless you accept its losses",
                _ => "",
            };
            words += &format!(" The import ends with {}{unless}.", refusal.kind().name());
        }
        words
    }
}

impl Shrunk {
    /// The evidence in words, with a blank before it.
    pub fn summary(&self) -> String {
        let users = plural(self.users, "user", "users");
        let mut words = format!(
            " ATTENTION: the snapshot has over 20 % fewer users than snapshot {}, which holds {users}.",
            self.snapshot
        );
        if !self.accepted {
            words += &format!(
                " The import ends with {} unless you accept that.",
                ErrorKind::SnapshotShrunk.name()
            );
        }
        words
    }
}

impl Forecast {
    /// What would happen, in words, with `calls` calls at `tps` a second, which take `seconds`.
    pub fn summary(&self, calls: u64, tps: Tps, seconds: u64) -> String {
        let of = plural(self.users, "user", "users");
        let mut words = match &self.existing {
            None => format!(
                "{} of {of} can be restored, as far as the settings of the target show.",
                grouped(self.creatable)
            ),
            Some(existing) => existing.summary(self.creatable, self.users),
        };
        for (reason, objection) in &self.objections {
            words += &objection_in_words(reason, objection);
        }
        for (attribute, left_out) in &self.left_out_values {
            let users = plural(left_out.users, "user", "users");
            words += &format!(" Left out, because the target refuses it: {attribute} of {users}.");
        }
        if !self.old_sub_attribute_filled.is_none() {
            let users = plural(self.old_sub_attribute_filled.users, "user", "users");
            words += &format!(" The old sub would overwrite another value of its attribute: {users}.");
        }
        if self.must_reset > 0 {
            let users = plural(self.must_reset, "user", "users");
            words += &format!(" {users} must set a new password by \"forgot password\".");
        }
        words += &self.excess_of_groups();
        words += &self.group_roles.summary();
        words += &self.damage();
        words += &notes(&self.notes);
        words += &self.jobs.as_ref().map(JobsForecast::summary).unwrap_or_default();
        let to = if self.existing.is_some() { "" } else { " to an empty target" };
        let pace = if seconds > calls.div_ceil(u64::from(tps.get())) {
            format!("at up to {tps} a second, within the quotas of their categories")
        } else {
            format!("at {tps} a second")
        };
        words + &format!(" It takes {}{to}: {} {pace}.", plural(calls, "call", "calls"), time(seconds))
    }
}

impl Forecast {
    /// Why an import that meets what the forecast counts ends `PARTIAL`, for the operator who starts it. None if it does
    /// not.
    pub fn losses_ahead(&self) -> Option<String> {
        if !self.has_losses() {
            return None;
        }
        let mut words = "ATTENTION: the import will end PARTIAL.".to_owned();
        for (reason, objection) in self.caused_by_target().chain(self.lost_in_any_case()) {
            words += &objection_in_words(reason, objection);
        }
        let losses = self.notes.iter().filter(|(note, _)| note.is_loss());
        words += &notes(&losses.map(|(note, count)| (*note, *count)).collect());
        words += &self.excess_of_groups();
        words += &self.group_roles.foreign();
        words += &self.damage();
        Some(words)
    }

    fn excess_of_groups(&self) -> String {
        if self.groups_too_many == 0 {
            return String::new();
        }
        format!(" The target would have {} groups more than its limit.", grouped(self.groups_too_many))
    }

    fn damage(&self) -> String {
        let mut words = String::new();
        if self.damaged_pages > 0 {
            words +=
                &format!(" {} of the snapshot cannot be read.", plural(self.damaged_pages, "page", "pages"));
        }
        let damaged = self.damaged();
        if damaged > 0 {
            let records = plural(damaged, "record is", "records are");
            words += &format!(" {records} damaged: missing from the backup table, or altered.");
            if self.damaged_groups > 0 {
                words += &format!(" Of groups: {}.", grouped(self.damaged_groups));
            }
        }
        words
    }
}

fn objection_in_words(reason: &ObjectionReason, objection: &Objection) -> String {
    let users = plural(objection.users, "user", "users");
    if *reason == ObjectionReason::Reason(ReasonCode::LeftToSignIn) {
        format!(" Left to the next federated sign-in: {users}.")
    } else {
        format!(" Not: {users} ({reason}).")
    }
}

/// A time in the largest unit that gives at least 2, rounded up.
fn time(seconds: u64) -> String {
    match seconds {
        0..120 => plural(seconds, "second", "seconds"),
        120..7_200 => plural(seconds.div_ceil(60), "minute", "minutes"),
        _ => plural(seconds.div_ceil(3_600), "hour", "hours"),
    }
}

impl ExistingForecast {
    fn summary(&self, creatable: u64, users: u64) -> String {
        let mut words = format!(
            "Missing, and can be created as far as the settings of the target show: {} of {}.",
            grouped(creatable),
            plural(users, "user", "users")
        );
        words += &format!(" Existing and as in the snapshot: {}.", grouped(self.same));
        if self.kept > 0 {
            words += &format!(" Existing, different, and left as they are: {}.", grouped(self.kept));
        }
        if self.updated > 0 {
            words += &format!(" Existing, different, and changed back: {}.", grouped(self.updated));
        }
        words
    }
}

impl RolesForecast {
    fn foreign(&self) -> String {
        if self.groups_with_foreign_role == 0 {
            return String::new();
        }
        format!(
            " Restored without a role: {} ({}), because the role belongs to another account: {}.",
            plural(self.groups_with_foreign_role, "group", "groups"),
            ReasonCode::RoleNotRestored,
            named(&self.foreign_roles)
        )
    }

    fn summary(&self) -> String {
        let groups = |count| plural(count, "group", "groups");
        let mut words = String::new();
        if self.groups > 0 {
            let (get, roles) = (form(self.groups, "gets", "get"), named(&self.roles));
            words += &format!(
                " {} {get} a role, for which the import needs iam:PassRole: {roles}.",
                groups(self.groups)
            );
        }
        words += &self.foreign();
        if self.groups_without_role > 0 {
            words += &format!(
                " Restored without a role, as the input says: {}.",
                groups(self.groups_without_role)
            );
        }
        if self.groups_if_needed > 0 {
            words += &format!(
                " Created with a role only if a selected user is a member: up to {}. That needs iam:PassRole for: {}.",
                groups(self.groups_if_needed),
                named(&self.roles_if_needed)
            );
        }
        words
    }
}

/// The roles of a forecast, which names only the first.
fn named(roles: &[String]) -> String {
    if roles.is_empty() {
        return "no ARN of a role".to_owned();
    }
    let more = if roles.len() < RolesForecast::NAMED { "" } else { " and more" };
    format!("{}{more}", roles.join(", "))
}

impl JobsForecast {
    fn summary(&self) -> String {
        if let Some(reason) = &self.fallback {
            return format!(" No import job can run, so all users go through the API: {reason}");
        }
        let users = plural(self.by_job, "user", "users");
        let words = format!(" Import jobs can carry {users}. Cognito decides how long they take.");
        words + &through_the_api(&self.by_api)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Note, Sub};

    #[test]
    fn each_loss_ahead_has_its_reason() {
        let foreign = RolesForecast { groups_with_foreign_role: 1, ..RolesForecast::default() };
        let mut collides = Forecast::default();
        collides.count_objection(Sub::new("sub-1"), ReasonCode::UsernameCollides);
        let noted = |note| Forecast { notes: [(note, 2)].into(), ..Forecast::default() };
        let losses = [
            collides,
            noted(Note::MfaNotKept),
            noted(Note::IdentitiesNotLinked),
            noted(Note::ValueNotRestored),
            Forecast { groups_too_many: 3, ..Forecast::default() },
            Forecast { damaged_groups: 1, ..Forecast::default() },
            Forecast { damaged_pages: 1, ..Forecast::default() },
            Forecast { group_roles: foreign, ..Forecast::default() },
        ];
        for forecast in losses {
            let words = forecast.losses_ahead().unwrap();
            assert!(words.len() > "ATTENTION: the import will end PARTIAL.".len(), "{forecast:?}: {words}");
        }
        assert_eq!(noted(Note::StatusNotKept).losses_ahead(), None);
        let both = Forecast {
            notes: [(Note::MfaNotKept, 2), (Note::StatusNotKept, 7)].into(),
            ..Forecast::default()
        };
        assert!(!both.losses_ahead().unwrap().contains('7'), "no loss");
    }

    #[test]
    fn users_that_cannot_reset_the_password_are_not_told_to_reset_it() {
        let calls = [Category::UserCreation];
        let mut forecast = Forecast { must_reset: 2, ..Forecast::default() };
        (0..2).for_each(|_| forecast.count_creatable(calls, &[]));
        forecast.count_creatable(calls, &[Note::CannotResetPassword, Note::OnlyAdminResets]);
        let words = forecast.summary(3, Tps::DEFAULT, 1);
        assert!(words.contains(" 2 users must set a new password by \"forgot password\"."), "{words}");
        assert!(words.contains(" 1 user cannot reset the password alone."), "{words}");
    }
}
