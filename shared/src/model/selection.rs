//! Selections: the users of a snapshot that an import restores.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Digest, DigestBuilder, PoolId, Sub, UserRecord};

/// A filter of users. A user matches if any of the lists names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UserFilter {
    /// Usernames, as in the snapshot.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub usernames: BTreeSet<String>,
    /// E-mail addresses, as in the snapshot.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub emails: BTreeSet<String>,
    /// Subs, as in the snapshot.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub subs: BTreeSet<String>,
    /// Groups. They match themselves and their members.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
}

/// The users to restore: all, or those that `select` matches, without those that `except` matches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selection {
    /// None selects all users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<UserFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<UserFilter>,
}

/// The id of a stored selection: 32 digits from 0 to f.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionId(String);

impl SelectionId {
    const DIGITS: usize = 32;

    /// The id with these bits. They must be random: then no two selections have the same id.
    pub fn of_random(bits: u128) -> Self {
        Self(format!("{bits:0digits$x}", digits = Self::DIGITS))
    }

    /// Reads an id. None for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == Self::DIGITS && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SelectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the input of an import has its selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectionSource {
    /// In `select` and `except`. Without them: all users.
    Input(Selection),
    /// In the table. Until the selection is read, nothing says which users it restores.
    Stored(SelectionId),
}

/// A selection in the table, for imports whose input has only its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSelection {
    /// The pool of the snapshots whose users it selects.
    pub source: PoolId,
    #[serde(deserialize_with = "without_other_members")]
    pub selection: Selection,
}

/// Reads a selection that another program may have written. A misspelt `select` must not select all users.
fn without_other_members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Selection, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Members {
        select: Option<UserFilter>,
        except: Option<UserFilter>,
    }
    let Members { select, except } = Members::deserialize(deserializer)?;
    Ok(Selection { select, except })
}

/// Whether a user is a member of a group that the selection names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupMatch {
    /// Of a group in `select`.
    pub select: bool,
    /// Of a group in `except`.
    pub except: bool,
}

impl UserFilter {
    /// What is wrong with a text of a list, as the input names the list. None if nothing is.
    pub fn fault_of(list: &str, text: &str) -> Option<&'static str> {
        match list {
            _ if text.trim().is_empty() => Some("is empty"),
            "subs" if Sub::new(text).uuid_bytes().is_none() => {
                Some("is no `sub`: 32 digits from 0 to f in five groups")
            }
            _ => None,
        }
    }

    /// Whether the filter names something, and no text of it has a fault.
    fn is_sound(&self) -> bool {
        let lists = [
            ("usernames", &self.usernames),
            ("emails", &self.emails),
            ("subs", &self.subs),
            ("groups", &self.groups),
        ];
        let has_fault = |(list, texts): (&str, &BTreeSet<String>)| {
            texts.iter().any(|text| Self::fault_of(list, text).is_some())
        };
        !self.is_empty() && !lists.into_iter().any(has_fault)
    }

    /// Whether the filter names no user and no group.
    pub fn is_empty(&self) -> bool {
        [&self.usernames, &self.emails, &self.subs, &self.groups].into_iter().all(BTreeSet::is_empty)
    }

    fn names(&self, sub: &Sub, record: &UserRecord) -> bool {
        let email = record.attributes.get("email").filter(|email| !email.is_empty());
        self.subs.contains(sub.as_str())
            || self.usernames.contains(record.username.as_str())
            || email.is_some_and(|email| self.emails.contains(email))
    }

    fn by_list(&self) -> [(FilterList, &BTreeSet<String>); 4] {
        [
            (FilterList::Usernames, &self.usernames),
            (FilterList::Emails, &self.emails),
            (FilterList::Subs, &self.subs),
            (FilterList::Groups, &self.groups),
        ]
    }

    /// The lists that name anything.
    pub fn lists(&self) -> Vec<FilterList> {
        self.by_list().into_iter().filter(|(_, names)| !names.is_empty()).map(|(list, _)| list).collect()
    }

    /// The place of each entry, counted through all lists.
    pub fn places(&self) -> FilterPlaces<'_> {
        let entries = self
            .by_list()
            .into_iter()
            .flat_map(|(list, names)| names.iter().map(move |name| (list, name.as_str())));
        FilterPlaces(entries.zip(0..).collect())
    }

    /// Whether the filter names a user. None if only the record of the user can tell.
    fn names_without_record(&self, sub: &Sub, is_member: bool) -> Option<bool> {
        if is_member || self.subs.contains(sub.as_str()) {
            Some(true)
        } else if self.usernames.is_empty() && self.emails.is_empty() {
            Some(false)
        } else {
            None
        }
    }
}

/// A list of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FilterList {
    Usernames,
    Emails,
    Subs,
    Groups,
}

impl FilterList {
    /// Its name in an input.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usernames => "usernames",
            Self::Emails => "emails",
            Self::Subs => "subs",
            Self::Groups => "groups",
        }
    }
}

/// The places of the entries of a filter.
#[derive(Debug, Default)]
pub struct FilterPlaces<'a>(HashMap<(FilterList, &'a str), usize>);

impl FilterPlaces<'_> {
    /// The entries that name a user. Without its record, only its `sub` can tell.
    pub fn of_user(&self, sub: &Sub, record: Option<&UserRecord>) -> Vec<usize> {
        let username = record.map(|record| (FilterList::Usernames, record.username.as_str()));
        let email = record.and_then(|record| record.attributes.get("email"));
        let email = email.map(|email| (FilterList::Emails, email.as_str()));
        let names = [Some((FilterList::Subs, sub.as_str())), username, email];
        names.into_iter().flatten().filter_map(|name| self.0.get(&name).copied()).collect()
    }

    pub fn of_group(&self, group: &str) -> Option<usize> {
        self.0.get(&(FilterList::Groups, group)).copied()
    }

    /// How many entries of each list are not among these.
    pub fn others(&self, is_among: impl Fn(usize) -> bool) -> UnmatchedNames {
        let mut others = BTreeMap::new();
        for ((list, _), _) in self.0.iter().filter(|(_, place)| !is_among(**place)) {
            *others.entry(*list).or_default() += 1;
        }
        UnmatchedNames(others)
    }
}

/// How many entries of each list of a filter match nothing in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnmatchedNames(pub BTreeMap<FilterList, u64>);

impl UnmatchedNames {
    /// Whether each entry matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Such as `1 of usernames, 2 of groups`.
impl fmt::Display for UnmatchedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists: Vec<_> =
            self.0.iter().map(|(list, entries)| format!("{entries} of {}", list.name())).collect();
        f.write_str(&lists.join(", "))
    }
}

impl Selection {
    /// Whether the selection has a filter, and no filter has a fault. The item of a stored selection can be written by
    /// hand, so a selection without a filter is a mistake there, and not all users.
    pub fn is_sound(&self) -> bool {
        let filters = || [&self.select, &self.except].into_iter().flatten();
        filters().next().is_some() && filters().all(UserFilter::is_sound)
    }

    /// The digest by which two selections are compared. None for all users.
    pub fn digest(&self) -> Option<Digest> {
        (*self != Self::default()).then(|| DigestBuilder::new("selection").json(self).finish())
    }

    /// Whether the selection restores a user.
    pub fn selects(&self, sub: &Sub, record: &UserRecord, in_groups: GroupMatch) -> bool {
        let is_selected =
            self.select.as_ref().is_none_or(|people| in_groups.select || people.names(sub, record));
        is_selected
            && !self.except.as_ref().is_some_and(|people| in_groups.except || people.names(sub, record))
    }

    /// Whether the selection restores a user whose record cannot be read. None if only the record can tell.
    pub fn selects_without_record(&self, sub: &Sub, in_groups: GroupMatch) -> Option<bool> {
        let named = |people: &UserFilter, is_member| people.names_without_record(sub, is_member);
        let is_selected = self.select.as_ref().map_or(Some(true), |people| named(people, in_groups.select));
        let is_excepted = self.except.as_ref().map_or(Some(false), |people| named(people, in_groups.except));
        match (is_selected, is_excepted) {
            (Some(false), _) | (_, Some(true)) => Some(false),
            (Some(true), Some(false)) => Some(true),
            _ => None,
        }
    }

    /// Whether the selection names the group itself. The restore creates other groups with their
    /// first selected member.
    pub fn selects_group(&self, group: &str) -> bool {
        let among = |people: &UserFilter| people.groups.contains(group);
        self.select.as_ref().is_none_or(among) && !self.except.as_ref().is_some_and(among)
    }

    /// The groups whose members the selection needs, with what a membership means.
    pub fn groups(&self) -> Vec<(&str, GroupMatch)> {
        let of = |people: &Option<UserFilter>| {
            people.iter().flat_map(|people| &people.groups).cloned().collect::<BTreeSet<_>>()
        };
        let (select, except) = (of(&self.select), of(&self.except));
        let all = [&self.select, &self.except]
            .into_iter()
            .flatten()
            .flat_map(|people| &people.groups)
            .collect::<BTreeSet<_>>();
        let meaning =
            |group: &str| GroupMatch { select: select.contains(group), except: except.contains(group) };
        all.into_iter().map(|group| (group.as_str(), meaning(group))).collect()
    }
}

/// How far the members of the selection's groups, and then the selected users, have been found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectionCheckpoint {
    /// Raised at every checkpoint, so only one of two invocations continues from each.
    pub step: u64,
    /// The group under work, as an index into [`Selection::groups`]. After the last group, the users are
    /// under work.
    pub group: usize,
    /// The next page, from 1.
    pub next_page: u64,
    /// Selected users found so far.
    pub selected: u64,
    /// Selected users so far whose records cannot be read.
    #[serde(default)]
    pub damaged: u64,
    /// Users so far whose records cannot be read and who may be selected. A page of users that cannot be read counts
    /// as one.
    #[serde(default)]
    pub unreadable: u64,
    /// The exceptions that name a user or a group, one bit for each: see [`UserFilter::places`].
    #[serde(default, with = "super::binary::bytes", skip_serializing_if = "Vec::is_empty")]
    pub excepted: Vec<u8>,
    /// The same for the names of `select`.
    #[serde(default, with = "super::binary::bytes", skip_serializing_if = "Vec::is_empty")]
    pub matched: Vec<u8>,
    /// The names of `select` that match nothing in the snapshot. Counted at the end.
    #[serde(default, skip_serializing_if = "UnmatchedNames::is_empty")]
    pub unmatched: UnmatchedNames,
    pub done: bool,
}

impl SelectionCheckpoint {
    /// Notes that exceptions name a user or a group.
    pub fn note_excepted(&mut self, places: impl IntoIterator<Item = usize>) {
        set(&mut self.excepted, places);
    }

    pub fn is_excepted(&self, place: usize) -> bool {
        is_set(&self.excepted, place)
    }

    /// Notes that names of `select` match a user or a group.
    pub fn note_matched(&mut self, places: impl IntoIterator<Item = usize>) {
        set(&mut self.matched, places);
    }

    pub fn is_matched(&self, place: usize) -> bool {
        is_set(&self.matched, place)
    }
}

fn set(bits: &mut Vec<u8>, places: impl IntoIterator<Item = usize>) {
    for place in places {
        if bits.len() <= place / 8 {
            bits.resize(place / 8 + 1, 0);
        }
        if let Some(byte) = bits.get_mut(place / 8) {
            *byte |= 1 << (place % 8);
        }
    }
}

fn is_set(bits: &[u8], place: usize) -> bool {
    bits.get(place / 8).is_some_and(|byte| byte & (1 << (place % 8)) != 0)
}

impl Default for SelectionCheckpoint {
    fn default() -> Self {
        Self {
            step: 0,
            group: 0,
            next_page: 1,
            selected: 0,
            damaged: 0,
            unreadable: 0,
            excepted: Vec::new(),
            matched: Vec::new(),
            unmatched: UnmatchedNames::default(),
            done: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(usernames: &[&str], emails: &[&str], subs: &[&str], groups: &[&str]) -> Option<UserFilter> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Some(UserFilter {
            usernames: names(usernames),
            emails: names(emails),
            subs: names(subs),
            groups: names(groups),
        })
    }

    #[test]
    fn a_user_that_any_list_of_select_names_is_selected_unless_except_names_it() {
        let anna = UserRecord::confirmed("anna", &[("email", "a@example.com")]);
        let selects = |select: Option<UserFilter>, except: Option<UserFilter>, in_groups| {
            Selection { select, except }.selects(&Sub::new("sub-1"), &anna, in_groups)
        };
        let (nowhere, inside) = (GroupMatch::default(), GroupMatch { select: true, except: false });
        assert!(selects(None, None, nowhere));
        for named in [
            people(&["anna"], &[], &[], &[]),
            people(&[], &["a@example.com"], &[], &[]),
            people(&[], &[], &["sub-1"], &[]),
        ] {
            assert!(selects(named.clone(), None, nowhere) && !selects(None, named, nowhere));
        }
        let group = people(&[], &[], &[], &["admins"]);
        assert!(selects(group.clone(), None, inside) && !selects(group.clone(), None, nowhere));
        assert!(!selects(None, group.clone(), GroupMatch { select: false, except: true }));
        assert!(!selects(group, people(&["anna"], &[], &[], &[]), inside));
    }

    #[test]
    fn without_its_record_a_user_is_selected_by_sub_and_groups_only() {
        let selects = |select, except, in_groups| {
            Selection { select, except }.selects_without_record(&Sub::new("sub-1"), in_groups)
        };
        let (nowhere, both) = (GroupMatch::default(), GroupMatch { select: true, except: true });
        let (this, other) = (people(&[], &[], &["sub-1"], &[]), people(&[], &[], &["sub-2"], &[]));
        let (name, email) = (people(&["anna"], &[], &[], &[]), people(&[], &["a@example.com"], &[], &[]));
        assert_eq!(selects(None, None, nowhere), Some(true));
        assert_eq!(selects(this.clone(), None, nowhere), Some(true));
        assert_eq!(selects(other.clone(), None, nowhere), Some(false));
        assert_eq!(selects(None, this.clone(), nowhere), Some(false));
        assert_eq!(selects(None, other.clone(), nowhere), Some(true));
        assert_eq!(selects(name.clone(), None, nowhere), None);
        assert_eq!(selects(name.clone(), None, both), Some(true));
        assert_eq!(selects(this.clone(), email.clone(), nowhere), None);
        assert_eq!(selects(other, email.clone(), nowhere), Some(false));
        assert_eq!(selects(name, email, both), Some(false));
    }

    #[test]
    fn exceptions_that_name_a_user_or_a_group_are_noted() {
        let names: Vec<String> = (0..20).map(|number| format!("user-{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let filter = people(&names, &["a@example.com"], &["sub-1", "sub-2"], &["admins", "users"]).unwrap();
        let places = filter.places();
        let anna = UserRecord::confirmed("user-17", &[("email", "a@example.com")]);
        let mut state = SelectionCheckpoint::default();
        state.note_excepted(places.of_user(&Sub::new("sub-1"), Some(&anna)));
        state.note_excepted(places.of_user(&Sub::new("sub-2"), None));
        state.note_excepted(places.of_user(&Sub::new("sub-3"), None));
        state.note_excepted(places.of_group("users"));
        let others = places.others(|place| state.is_excepted(place));
        assert_eq!(others, UnmatchedNames([(FilterList::Usernames, 19), (FilterList::Groups, 1)].into()));
        let item: serde_dynamo::Item = serde_dynamo::to_item(&state).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, SelectionCheckpoint>(item).unwrap(), state);
    }

    #[test]
    fn the_id_of_a_stored_selection_is_32_digits() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef] {
            let id = SelectionId::of_random(bits);
            assert_eq!((id.as_str().len(), SelectionId::parse(id.as_str())), (32, Some(id.clone())));
        }
        let digits = "0123456789abcdef0123456789abcdef";
        assert!(SelectionId::parse(digits).is_some());
        for wrong in
            ["", &digits[1..], &format!("{digits}0"), &digits.to_uppercase(), &digits.replace('0', "#")]
        {
            assert_eq!(SelectionId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_selection_of_all_users_has_no_digest_and_select_and_except_have_their_own_groups() {
        assert_eq!(Selection::default().digest(), None);
        let selection =
            Selection { select: people(&[], &[], &[], &["a", "b"]), except: people(&[], &[], &[], &["b"]) };
        assert!(selection.digest().is_some());
        let (both, first) =
            (GroupMatch { select: true, except: true }, GroupMatch { select: true, except: false });
        assert_eq!(selection.groups(), [("a", first), ("b", both)]);
        assert!(
            selection.selects_group("a") && !selection.selects_group("b") && !selection.selects_group("c")
        );
    }
}
