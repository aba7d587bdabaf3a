//! The differences between the contents of two pools.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::listing::{Contents, Group, User};

/// The attributes that only Cognito can set.
const SET_BY_COGNITO: [&str; 2] = ["sub", "identities"];
/// A restore gives each user a permanent random password. So the user is confirmed, and "forgot password"
/// works.
const EXPECTED_STATUS: &str = "CONFIRMED";
/// The maximum number of examples of each kind in a [`Comparison`].
pub const MAX_EXAMPLES: usize = 3;

/// The differences between a source pool and its restored pool. After a faithful restore, all counts are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Users that only the source has.
    pub missing_users: usize,
    /// Users that only the restored pool has.
    pub extra_users: usize,
    /// Users in both pools that have another attribute, enabled flag or status than expected.
    pub different_users: usize,
    /// Groups that only the source has.
    pub missing_groups: usize,
    /// Groups that only the restored pool has.
    pub extra_groups: usize,
    /// Groups in both pools that have another description, precedence or role.
    pub different_groups: usize,
    /// Memberships that only the source has.
    pub missing_memberships: usize,
    /// Memberships that only the restored pool has.
    pub extra_memberships: usize,
    /// Sentences about some of the differences. They name users by `sub` and hold no personal data.
    pub examples: Vec<String>,
}

impl Comparison {
    /// The number of all differences.
    pub fn differences(&self) -> usize {
        self.missing_users
            + self.extra_users
            + self.different_users
            + self.missing_groups
            + self.extra_groups
            + self.different_groups
            + self.missing_memberships
            + self.extra_memberships
    }

    /// Whether the pools have no differences.
    pub fn is_clean(&self) -> bool {
        self.differences() == 0
    }
}

/// Compares a restored pool with its source.
pub fn compare(source: &Contents, restored: &Contents) -> Comparison {
    let mut comparison = Comparison::default();
    users(source, restored, &mut comparison);
    groups(source, restored, &mut comparison);
    memberships(source, restored, &mut comparison);
    comparison
}

fn users(source: &Contents, restored: &Contents, comparison: &mut Comparison) {
    let mut missing = Findings::default();
    let mut different = Findings::default();
    for (name, user) in &source.users {
        match restored.users.get(name) {
            None => missing.add(|| format!("user {} is missing", user.sub())),
            Some(other) => {
                let differences = differences_of_user(user, other);
                if !differences.is_empty() {
                    different.add(|| format!("user {} differs in {}", user.sub(), differences.join(", ")));
                }
            }
        }
    }
    let mut extra = Findings::default();
    for (_, user) in absent(&restored.users, &source.users) {
        extra.add(|| format!("user {} of the restored pool is not in the source", user.sub()));
    }
    comparison.missing_users = missing.move_into(comparison);
    comparison.extra_users = extra.move_into(comparison);
    comparison.different_users = different.move_into(comparison);
}

/// Names what differs between two users. Never returns a value.
fn differences_of_user(source: &User, restored: &User) -> Vec<String> {
    let names: BTreeSet<&String> = source.attributes.keys().chain(restored.attributes.keys()).collect();
    let mut differences: Vec<String> = names
        .into_iter()
        .filter(|name| !SET_BY_COGNITO.contains(&name.as_str()))
        .filter(|name| source.attributes.get(*name) != restored.attributes.get(*name))
        .cloned()
        .collect();
    if source.enabled != restored.enabled {
        differences.push("the enabled flag".into());
    }
    if restored.status != EXPECTED_STATUS {
        differences.push(format!("the status ({} became {})", source.status, restored.status));
    }
    differences
}

fn groups(source: &Contents, restored: &Contents, comparison: &mut Comparison) {
    let mut missing = Findings::default();
    let mut different = Findings::default();
    for (name, group) in &source.groups {
        match restored.groups.get(name) {
            None => missing.add(|| format!("group {name} is missing")),
            Some(other) if other != group => {
                different.add(|| {
                    format!("group {name} differs in {}", differences_of_group(group, other).join(", "))
                });
            }
            Some(_) => {}
        }
    }
    let mut extra = Findings::default();
    for (name, _) in absent(&restored.groups, &source.groups) {
        extra.add(|| format!("group {name} of the restored pool is not in the source"));
    }
    comparison.missing_groups = missing.move_into(comparison);
    comparison.extra_groups = extra.move_into(comparison);
    comparison.different_groups = different.move_into(comparison);
}

fn differences_of_group(source: &Group, restored: &Group) -> Vec<&'static str> {
    let parts = [
        ("description", source.description != restored.description),
        ("precedence", source.precedence != restored.precedence),
        ("role", source.role_arn != restored.role_arn),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

fn memberships(source: &Contents, restored: &Contents, comparison: &mut Comparison) {
    let sub = |contents: &Contents, name: &String| {
        contents.users.get(name).map_or("without a listed sub".to_owned(), |user| user.sub().to_owned())
    };
    let mut missing = Findings::default();
    for (group, name) in source.memberships.difference(&restored.memberships) {
        missing.add(|| format!("user {} is missing in group {group}", sub(source, name)));
    }
    let mut extra = Findings::default();
    for (group, name) in restored.memberships.difference(&source.memberships) {
        extra.add(|| {
            format!("user {} of the restored pool should not be in group {group}", sub(restored, name))
        });
    }
    comparison.missing_memberships = missing.move_into(comparison);
    comparison.extra_memberships = extra.move_into(comparison);
}

/// The entries of `all` whose keys are not in `known`.
fn absent<'a, T>(
    all: &'a BTreeMap<String, T>,
    known: &BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a String, &'a T)> {
    all.iter().filter(|(key, _)| !known.contains_key(*key))
}

/// The differences of one kind: their number, and sentences about the first of them.
#[derive(Default)]
struct Findings {
    count: usize,
    examples: Vec<String>,
}

impl Findings {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(example());
        }
    }

    /// Moves the examples to the comparison and returns the number of differences.
    fn move_into(self, comparison: &mut Comparison) -> usize {
        comparison.examples.extend(self.examples);
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(sub: &str, attributes: &[(&str, &str)], status: &str) -> User {
        let sub = [("sub", sub)];
        let attributes = sub.iter().chain(attributes).map(|(name, value)| ((*name).into(), (*value).into()));
        User { attributes: attributes.collect(), enabled: true, status: status.into() }
    }

    fn pool(users: &[(&str, User)], groups: &[(&str, i32)], memberships: &[(&str, &str)]) -> Contents {
        let group = |precedence: i32| Group { precedence: Some(precedence), ..Group::default() };
        Contents {
            users: users.iter().map(|(name, user)| ((*name).into(), user.clone())).collect(),
            groups: groups.iter().map(|(name, precedence)| ((*name).into(), group(*precedence))).collect(),
            memberships: memberships.iter().map(|(group, name)| ((*group).into(), (*name).into())).collect(),
        }
    }

    #[test]
    fn the_comparison_of_a_faithful_restore_is_clean_for_every_status_in_the_source() {
        for status in ["CONFIRMED", "FORCE_CHANGE_PASSWORD", "UNCONFIRMED", "RESET_REQUIRED", "ARCHIVED"] {
            let original = user("s1", &[("email", "a@b.c"), ("identities", "[]")], status);
            let source = pool(&[("ann", original)], &[("g", 1)], &[("g", "ann")]);
            let copy = user("r1", &[("email", "a@b.c")], "CONFIRMED");
            let restored = pool(&[("ann", copy)], &[("g", 1)], &[("g", "ann")]);
            assert_eq!(compare(&source, &restored), Comparison::default());
        }
    }

    #[test]
    fn the_comparison_counts_every_kind_of_difference_and_names_users_by_sub() {
        let source = pool(
            &[("ann", user("s1", &[("email", "a@b.c")], "CONFIRMED")), ("bob", user("s2", &[], "CONFIRMED"))],
            &[("g", 1), ("h", 2)],
            &[("g", "ann"), ("h", "bob")],
        );
        let restored = pool(
            &[
                ("ann", user("r1", &[("email", "x@b.c")], "FORCE_CHANGE_PASSWORD")),
                ("eve", user("r3", &[], "CONFIRMED")),
            ],
            &[("g", 9), ("i", 3)],
            &[("g", "eve")],
        );
        let found = compare(&source, &restored);
        let examples = [
            "user s2 is missing",
            "user r3 of the restored pool is not in the source",
            "user s1 differs in email, the status (CONFIRMED became FORCE_CHANGE_PASSWORD)",
            "group h is missing",
            "group i of the restored pool is not in the source",
            "group g differs in precedence",
            "user s1 is missing in group g",
            "user s2 is missing in group h",
            "user r3 of the restored pool should not be in group g",
        ];
        assert_eq!(found.examples, examples);
        let counts = Comparison { examples: Vec::new(), ..found.clone() };
        assert_eq!(
            counts,
            Comparison {
                missing_users: 1,
                extra_users: 1,
                different_users: 1,
                missing_groups: 1,
                extra_groups: 1,
                different_groups: 1,
                missing_memberships: 2,
                extra_memberships: 1,
                examples: Vec::new(),
            }
        );
        assert!(!found.is_clean());
    }

    #[test]
    fn a_missing_attribute_an_extra_attribute_and_an_enabled_flag_are_differences() {
        let source = user("s", &[("name", "A"), ("locale", "de")], "CONFIRMED");
        let mut restored = user("r", &[("name", "A"), ("custom:x", "1")], "CONFIRMED");
        restored.enabled = false;
        assert_eq!(differences_of_user(&source, &restored), ["custom:x", "locale", "the enabled flag"]);
    }

    #[test]
    fn the_comparison_counts_all_differences_and_gives_few_examples() {
        let users = (0..50).map(|n| (format!("u{n}"), user(&format!("s{n}"), &[], "CONFIRMED")));
        let source = Contents { users: users.collect(), ..Contents::default() };
        let found = compare(&source, &Contents::default());
        assert_eq!((found.missing_users, found.examples.len()), (50, MAX_EXAMPLES));
    }
}
