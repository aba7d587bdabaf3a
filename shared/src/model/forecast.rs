//! The forecast: what a restore will do, counted page by page before it touches the target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Category, Existing, NoJobs, NotInJob, Note, Objection, ObjectionReason, Pages, Restore, RolesForecast,
    Sub, setting_name,
};

/// The calls that most updates of a user take: one look-up, and one for the attributes or for the enabled
/// flag.
const CALLS_OF_AN_UPDATE: [Category; 2] = [Category::UserRead, Category::UserUpdate];

/// The restore as planned, and how far its forecast is. A dry run ends with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastCheckpoint {
    pub restore: Restore,
    /// The pages that list the snapshot's users.
    pub users: Pages,
    /// The next page to count, from 1.
    pub next_page: u64,
    /// How far the pages of memberships are read. Only a dry run reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<MembersRead>,
    /// The counts so far.
    pub forecast: Forecast,
}

/// How far a dry run has read the pages of memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MembersRead {
    /// Groups whose pages are read.
    pub groups: u64,
    pub is_done: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ForecastCheckpoint {
    /// Whether every page is counted.
    pub fn is_complete(&self) -> bool {
        self.has_counted_users() && self.members.is_none_or(|members| members.is_done)
    }

    /// Whether every page of users is counted. The first step counts the groups, also if the snapshot has no users.
    pub fn has_counted_users(&self) -> bool {
        self.next_page > self.users.count().max(1)
    }

    /// Counts the pages of users and the groups that are done, from 1.
    pub fn step(&self) -> u64 {
        self.next_page + self.members.map_or(0, |members| members.groups)
    }

    /// Whether the settings of the target refuse a part of the snapshot, and the operator accepts no
    /// losses. Or whether the old `sub` would overwrite values, which no operator accepts.
    pub fn is_refused(&self) -> bool {
        let has_losses =
            self.forecast.groups_too_many > 0 || self.forecast.caused_by_target().next().is_some();
        let overwrites = !self.forecast.old_sub_attribute_filled.is_none();
        overwrites || (has_losses && !self.restore.options.accept_losses)
    }

    /// Whether the restore may write to the target. Until then the target is untouched.
    pub fn allows_writing(&self) -> bool {
        self.is_complete() && !self.is_refused()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Forecast {
    /// Users of the snapshot. A user that Cognito listed twice counts twice.
    pub users: u64,
    /// Users that the settings of the target allow to be created.
    pub creatable: u64,
    /// Users that the target has already. Counted if the input says what happens to them.
    #[serde(rename = "there", skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingForecast>,
    /// The reasons for which users cannot be created or updated.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub objections: BTreeMap<ObjectionReason, Objection>,
    /// The users whose values are left out, because the target refuses them, by attribute. Counted if the
    /// input accepts losses.
    #[serde(rename = "valuesLeftOut", skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out_values: BTreeMap<String, Objection>,
    /// The users to create that have another value in the attribute that is to keep the old `sub`.
    #[serde(rename = "oldSubAttributeFilled", skip_serializing_if = "Objection::is_none")]
    pub old_sub_attribute_filled: Objection,
    /// Notes about the users that can be created, and the values that users of the target do not get.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Note, u64>,
    /// Users who must set a new password before they can sign in, and can do so alone. A note counts the others.
    pub must_reset: u64,
    /// The calls about users, by category.
    #[serde(rename = "callsByCategory", skip_serializing_if = "BTreeMap::is_empty")]
    pub user_calls: BTreeMap<Category, u64>,
    /// The roles of groups. None if no group has one.
    #[serde(skip_serializing_if = "RolesForecast::is_empty")]
    pub group_roles: RolesForecast,
    /// The groups above the target's limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub groups_too_many: u64,
    /// Groups whose records are missing from the backup table or altered.
    #[serde(skip_serializing_if = "is_zero")]
    pub damaged_groups: u64,
    /// Pages of the snapshot that cannot be read.
    pub damaged_pages: u64,
    /// The forecast of import jobs, if the operator asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsForecast>,
}

/// Users of the target that exist: in the own pool found by `sub` or by the sub map of an earlier restore,
/// otherwise by sign-in name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExistingForecast {
    /// Users that are as in the snapshot.
    pub same: u64,
    /// Users that differ and are left as they are.
    pub kept: u64,
    /// Users that differ and are updated.
    pub updated: u64,
}

/// The forecast of import jobs, in users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobsForecast {
    /// Users that a file can carry.
    pub by_job: u64,
    /// Users that the API creates, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_api: BTreeMap<NotInJob, u64>,
    /// Why the API creates all users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<NoJobs>,
}

impl Forecast {
    /// The most users that the forecast names for one reason.
    pub const NAMED: usize = 5;

    /// Counts a user that can be created.
    pub fn count_creatable(&mut self, calls: impl IntoIterator<Item = Category>, notes: &[Note]) {
        self.users += 1;
        self.creatable += 1;
        self.count_calls(calls);
        self.count_notes(notes);
    }

    /// Counts notes about one user.
    pub fn count_notes<'a>(&mut self, notes: impl IntoIterator<Item = &'a Note>) {
        for note in notes {
            *self.notes.entry(*note).or_default() += 1;
        }
    }

    fn count_calls(&mut self, calls: impl IntoIterator<Item = Category>) {
        for category in calls {
            *self.user_calls.entry(category).or_default() += 1;
        }
    }

    /// Counts a user that exists, and whether it is as in the snapshot.
    pub fn count_existing(&mut self, is_same: bool, existing: Existing) {
        self.users += 1;
        let counts = self.existing.get_or_insert_default();
        match (is_same, existing) {
            (true, _) => counts.same += 1,
            (false, Existing::Update) => {
                counts.updated += 1;
                self.count_calls(CALLS_OF_AN_UPDATE);
            }
            (false, _) => counts.kept += 1,
        }
    }

    /// Users and groups whose records are missing from the backup table or altered.
    pub fn damaged(&self) -> u64 {
        let is_damaged =
            |reason: &ObjectionReason| matches!(reason, ObjectionReason::Reason(code) if code.is_damage());
        let users = self.objections.iter().filter(|(reason, _)| is_damaged(reason));
        users.map(|(_, objection)| objection.users).sum::<u64>() + self.damaged_groups
    }

    /// Whether an import that meets what the forecast counts ends `PARTIAL`.
    pub fn has_losses(&self) -> bool {
        self.caused_by_target().next().is_some()
            || self.lost_in_any_case().next().is_some()
            || self.notes.keys().any(|note| note.is_loss())
            || self.group_roles.groups_with_foreign_role > 0
            || self.groups_too_many > 0
            || self.damaged_groups > 0
            || self.damaged_pages > 0
    }

    /// Whether the target has users of the snapshot that the restore adds to their groups. Then it may have some of the
    /// memberships, too.
    pub fn may_have_members(&self) -> bool {
        self.existing.as_ref().is_some_and(|existing| existing.same + existing.updated > 0)
    }

    /// The objections that only the settings of this target cause.
    pub fn caused_by_target(&self) -> impl Iterator<Item = (&ObjectionReason, &Objection)> {
        self.objections.iter().filter(|(reason, _)| matches!(reason, ObjectionReason::Violation(_)))
    }

    /// The objections to users that the import leaves out and counts as lost, also if the operator accepts no losses.
    pub fn lost_in_any_case(&self) -> impl Iterator<Item = (&ObjectionReason, &Objection)> {
        let is_lost =
            |reason: &ObjectionReason| matches!(reason, ObjectionReason::Reason(code) if code.is_loss());
        self.objections.iter().filter(move |(reason, _)| is_lost(reason))
    }

    pub fn count_objection(&mut self, sub: Sub, reason: impl Into<ObjectionReason>) {
        self.users += 1;
        self.objections.entry(reason.into()).or_default().count(sub, Self::NAMED);
    }

    /// Counts a user whose value the old `sub` would overwrite.
    pub fn count_overwritten(&mut self, sub: &Sub) {
        self.old_sub_attribute_filled.count(sub.clone(), Self::NAMED);
    }

    /// Counts the values of a user that are left out.
    pub fn count_left_out(&mut self, sub: &Sub, attributes: &[String]) {
        for name in attributes {
            let name = setting_name(name).to_owned();
            self.left_out_values.entry(name).or_default().count(sub.clone(), Self::NAMED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Listing, PoolId, ReasonCode, SchemaViolation, Unit};

    fn checkpoint(forecast: Forecast) -> ForecastCheckpoint {
        let restore = crate::model::restore::fixture();
        ForecastCheckpoint { restore, users: Pages::default(), next_page: 2, members: None, forecast }
    }

    #[test]
    fn a_restore_may_write_once_its_forecast_is_complete_and_accepted() {
        let mut fine = checkpoint(Forecast::default());
        assert!(fine.allows_writing());
        let unit = Unit { pages: 2, ..Unit::open(PoolId::parse("eu-west-1_A").unwrap(), Listing::Users) };
        fine.users = Pages::of(&unit);
        assert!(!fine.allows_writing(), "a page is left");
    }

    #[test]
    fn objections_refuse_the_restore_unless_losses_are_accepted() {
        let mut of_settings = Forecast::default();
        of_settings
            .count_objection(Sub::new("sub-1"), SchemaViolation::RequiredAttribute("email".to_owned()));
        let mut of_the_user = Forecast::default();
        of_the_user.count_objection(Sub::new("sub-1"), ReasonCode::NoSignInName);
        let too_many = Forecast { groups_too_many: 1, ..Forecast::default() };
        let refused = [of_settings, too_many, of_the_user].map(|forecast| checkpoint(forecast).is_refused());
        assert_eq!(
            refused,
            [true, true, false],
            "another target would not take a user without a name either"
        );
        let mut accepted = checkpoint(Forecast { groups_too_many: 1, ..Forecast::default() });
        accepted.restore.options.accept_losses = true;
        assert!(accepted.allows_writing());
        accepted.forecast.count_overwritten(&Sub::new("sub-1"));
        assert!(!accepted.allows_writing(), "another attribute can keep the old subs");
    }

    #[test]
    fn an_import_with_a_loss_ends_partial_and_one_with_a_choice_does_not() {
        let sub = || Sub::new("sub-1");
        let mut forecast = Forecast::default();
        forecast.count_objection(sub(), ReasonCode::LeftToSignIn);
        forecast.count_notes(&[Note::CannotResetPassword]);
        forecast.group_roles.groups_without_role = 1;
        assert!(!forecast.has_losses(), "{forecast:?}");
        let mut of_role = forecast.clone();
        of_role.group_roles.groups_with_foreign_role = 1;
        let mut of_value = forecast.clone();
        of_value.count_notes(&[Note::ValueNotRestored]);
        let mut of_user = forecast.clone();
        of_user.count_objection(sub(), ReasonCode::NoSignInName);
        let mut of_rule = forecast;
        of_rule.count_objection(sub(), SchemaViolation::limits("email"));
        assert!([of_role, of_value, of_user, of_rule].iter().all(Forecast::has_losses));
    }
}
