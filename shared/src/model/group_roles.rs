//! The IAM roles of groups: which role a restored group gets, and which roles cannot be passed.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::GroupRecord;

/// What a restore does with the role of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupRoles {
    /// The group gets the role that it has in the snapshot.
    #[default]
    Keep,
    /// The group gets no role. A group of the target keeps its own.
    Skip,
    /// The group gets the role that this map names for its role in the snapshot, and keeps a role that the
    /// map does not name.
    Map(BTreeMap<String, String>),
}

impl GroupRoles {
    /// The most roles of a map. The header of the restore holds the map.
    pub const MAX_MAPPED: usize = 100;
    /// The most characters of an ARN. Source: `ArnType`, Amazon Cognito user pools API reference.
    pub const MAX_ARN: usize = 2_048;

    /// The record with the role that the restored group gets.
    pub fn apply(&self, record: GroupRecord) -> GroupRecord {
        let role_arn = match (self, record.role_arn) {
            (Self::Skip, _) | (_, None) => None,
            (Self::Keep, Some(role)) => Some(role),
            (Self::Map(map), Some(role)) => Some(map.get(&role).cloned().unwrap_or(role)),
        };
        GroupRecord { role_arn, ..record }
    }

    /// Whether the role of a group of the target counts. With `Skip`, the group keeps its own.
    pub fn compares_roles(&self) -> bool {
        *self != Self::Skip
    }

    /// The name of the entry at `place` in a map of `entries` entries. Its ARNs are values of the input,
    /// which no error repeats. JSON keeps no order of members, so `place` counts the sorted entries, from 0.
    pub fn entry_name(place: usize, entries: usize) -> String {
        format!("entry {} of {entries}, sorted by the role of the snapshot", place + 1)
    }

    /// The role of the snapshot in the entry that an error names. None if it names no entry of the map.
    pub fn entry_of(&self, error: &str) -> Option<&str> {
        let entries = self.mapped().count();
        let is_named = |place| error.contains(&Self::entry_name(place, entries));
        self.mapped().enumerate().find(|(place, _)| is_named(*place)).map(|(_, role)| role)
    }

    /// The roles of the snapshot that a map names, in their order.
    pub fn mapped(&self) -> impl Iterator<Item = &str> {
        let map = if let Self::Map(map) = self { Some(map) } else { None };
        map.into_iter().flat_map(|map| map.keys().map(String::as_str))
    }
}

/// The account in the ARN of an IAM role. None if the text is no such ARN.
/// Source: "Actions, resources, and condition keys for AWS Identity and Access Management".
pub fn account_of_role(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (prefix, partition, service, region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let name = resource.strip_prefix("role/")?;
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    let is_account = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
    let is_name =
        !name.is_empty() && !name.ends_with('/') && name.bytes().all(|byte| byte.is_ascii_graphic());
    (prefix == "arn" && is_partition && service == "iam" && region.is_empty() && is_account && is_name)
        .then_some(account)
}

/// Whether a text is the ARN of an IAM role that Cognito takes. Reports name such ARNs.
pub fn is_role(arn: &str) -> bool {
    arn.len() <= GroupRoles::MAX_ARN && account_of_role(arn).is_some()
}

/// The roles that a restore passes to Cognito, by group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolesForecast {
    /// Groups that get a role.
    pub groups: u64,
    /// The first roles that they get.
    #[serde(deserialize_with = "arns")]
    pub roles: Vec<String>,
    /// Groups whose role is of another account than the run. Nothing can pass such a role.
    pub groups_with_foreign_role: u64,
    /// The first of these roles.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "arns")]
    pub foreign_roles: Vec<String>,
    /// Groups that lose their role because the input says so.
    pub groups_without_role: u64,
    /// Groups with a role that the selection does not name and the target lacks. The restore creates
    /// those that have a selected member, with their roles.
    #[serde(skip_serializing_if = "is_zero")]
    pub groups_if_needed: u64,
    /// The first of these roles.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "arns")]
    pub roles_if_needed: Vec<String>,
}

/// The ARNs among some texts. A report names them.
fn arns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let mut roles = Vec::<String>::deserialize(deserializer)?;
    roles.retain(|role| is_role(role));
    Ok(roles)
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RolesForecast {
    /// The most roles that a forecast names.
    pub const NAMED: usize = 20;

    /// Counts a group that has a role in the snapshot, as the restore creates it. `account` is the account
    /// of the run.
    pub fn count(&mut self, wanted: &GroupRecord, account: Option<&str>) {
        let Some(role) = &wanted.role_arn else {
            self.groups_without_role += 1;
            return;
        };
        let is_foreign = account.is_some() && account_of_role(role) != account;
        let (groups, roles) = if is_foreign {
            (&mut self.groups_with_foreign_role, &mut self.foreign_roles)
        } else {
            (&mut self.groups, &mut self.roles)
        };
        *groups += 1;
        Self::name(roles, role);
    }

    /// Counts a group that the restore creates only if a selected user is a member.
    pub fn count_if_needed(&mut self, wanted: &GroupRecord) {
        if let Some(role) = &wanted.role_arn {
            self.groups_if_needed += 1;
            Self::name(&mut self.roles_if_needed, role);
        }
    }

    fn name(roles: &mut Vec<String>, role: &String) {
        if roles.len() < Self::NAMED && is_role(role) && !roles.contains(role) {
            roles.push(role.clone());
        }
    }

    /// Whether no group has a role.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupName;

    const EDITORS: &str = "arn:aws:iam::111122223333:role/editors";
    const OTHERS: &str = "arn:aws:iam::444455556666:role/path/others";

    fn group(role: Option<&str>) -> GroupRecord {
        GroupRecord {
            name: GroupName::new("g"),
            description: None,
            precedence: None,
            role_arn: role.map(str::to_owned),
            created: None,
            modified: None,
        }
    }

    #[test]
    fn only_the_arn_of_a_role_has_an_account() {
        assert_eq!(account_of_role(EDITORS), Some("111122223333"));
        assert_eq!(account_of_role("arn:aws-cn:iam::111122223333:role/a/b"), Some("111122223333"));
        for wrong in [
            "",
            "editors",
            "arn:aws:iam::111122223333:user/editors",
            "arn:aws:iam::11112222333:role/editors",
            "arn:aws:iam:eu-west-1:111122223333:role/editors",
            "arn:aws:s3::111122223333:role/editors",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:iam::111122223333:role/a/",
        ] {
            assert_eq!(account_of_role(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_restored_group_gets_the_role_that_the_input_says() {
        let role = |roles: &GroupRoles, role| roles.apply(group(role)).role_arn;
        let map = GroupRoles::Map([(EDITORS.to_owned(), OTHERS.to_owned())].into());
        assert_eq!(role(&GroupRoles::Keep, Some(EDITORS)).as_deref(), Some(EDITORS));
        assert_eq!(role(&GroupRoles::Skip, Some(EDITORS)), None);
        assert_eq!(role(&map, Some(EDITORS)).as_deref(), Some(OTHERS));
        assert_eq!(role(&map, Some(OTHERS)).as_deref(), Some(OTHERS));
        assert_eq!(role(&map, None), None);
        assert_eq!(
            [GroupRoles::Keep, map, GroupRoles::Skip].map(|roles| roles.compares_roles()),
            [true, true, false]
        );
    }

    #[test]
    fn the_entry_that_an_error_names_has_a_role() {
        let role = |number: usize| format!("arn:aws:iam::111122223333:role/{number:02}");
        let map = GroupRoles::Map((0..12).map(|number| (role(number), role(99))).collect());
        for place in [0, 1, 10, 11] {
            let error = format!("No group has it: {}.", GroupRoles::entry_name(place, 12));
            assert_eq!(map.entry_of(&error), Some(role(place).as_str()));
        }
        assert_eq!(map.entry_of("No group has it."), None);
        assert_eq!(GroupRoles::Skip.entry_of(&GroupRoles::entry_name(0, 12)), None);
    }

    #[test]
    fn a_forecast_tells_roles_of_another_account_from_those_that_can_be_passed() {
        let mut forecast = RolesForecast::default();
        for role in [Some(EDITORS), Some(EDITORS), Some(OTHERS), None] {
            forecast.count(&group(role), Some("111122223333"));
        }
        assert_eq!((forecast.groups, forecast.roles.len(), forecast.groups_without_role), (2, 1, 1));
        assert_eq!((forecast.groups_with_foreign_role, forecast.foreign_roles.len()), (1, 1));
        let mut unknown = RolesForecast::default();
        unknown.count(&group(Some(OTHERS)), None);
        assert_eq!((unknown.groups, unknown.groups_with_foreign_role), (1, 0));
    }

    #[test]
    fn a_forecast_names_no_text_that_is_no_arn() {
        let mut forecast = RolesForecast::default();
        let long = format!("{EDITORS}{}", "x".repeat(GroupRoles::MAX_ARN));
        for role in ["anna@example.com", &long] {
            forecast.count(&group(Some(role)), Some("111122223333"));
            forecast.count_if_needed(&group(Some(role)));
        }
        let named = |forecast: &RolesForecast| {
            [&forecast.roles, &forecast.foreign_roles, &forecast.roles_if_needed].map(Vec::len)
        };
        assert_eq!((forecast.groups + forecast.groups_with_foreign_role, forecast.groups_if_needed), (2, 2));
        assert_eq!(named(&forecast), [0; 3]);
        let altered =
            ["roles", "foreignRoles", "rolesIfNeeded"].map(|list| (list, ["anna@example.com", EDITORS]));
        let altered = serde_json::to_value(std::collections::BTreeMap::from(altered)).unwrap();
        assert_eq!(named(&serde_json::from_value(altered).unwrap()), [1; 3]);
    }

    #[test]
    fn the_choice_is_stored_as_the_input_has_it() {
        let map = GroupRoles::Map([(EDITORS.to_owned(), OTHERS.to_owned())].into());
        for (roles, stored) in [
            (GroupRoles::Keep, serde_json::json!("keep")),
            (GroupRoles::Skip, serde_json::json!("skip")),
            (map, serde_json::json!({"map": {EDITORS: OTHERS}})),
        ] {
            assert_eq!(serde_json::to_value(&roles).unwrap(), stored);
            let item: serde_dynamo::AttributeValue = serde_dynamo::to_attribute_value(&roles).unwrap();
            assert_eq!(serde_dynamo::from_attribute_value::<_, GroupRoles>(item).unwrap(), roles);
        }
    }
}
