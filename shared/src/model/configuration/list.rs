//! The list of a configuration: which records a snapshot holds, and what it lacks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    CapturedSecret, NotCaptured, NotCapturedReason, ObjectKind, ObjectName, SecretRecord, Uncaptured,
    is_secret,
};
use crate::model::{Digest, DigestBuilder, RunId};

/// A record of one object, as the list names it. `N` is a text if the kind of the object may be unknown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedEntry<N = ObjectName> {
    pub name: N,
    /// The digest of the record.
    pub digest: Digest,
    /// The digests of its assets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Digest>,
    /// Its secrets, each encrypted in a record of its own, in the order of their members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<CapturedSecret>,
    /// How many members are not stored, because they are secret.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub secrets_left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<N> CapturedEntry<N> {
    fn named<M>(self, name: M) -> CapturedEntry<M> {
        let Self { digest, assets, secrets, secrets_left_out, .. } = self;
        CapturedEntry { name, digest, assets, secrets, secrets_left_out }
    }
}

/// The records of a configuration, and what could not be read. It is a record itself, stored once under its
/// digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "StoredList", into = "StoredList")]
pub struct CapturedList {
    /// In the order of their names, each once.
    entries: Vec<CapturedEntry>,
    /// Objects of kinds that only a later version knows.
    unknown: Vec<CapturedEntry<String>>,
    /// In the order of their names.
    not_captured: Vec<NotCaptured>,
}

/// A list in JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredList {
    entries: Vec<CapturedEntry<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    not_captured: Vec<NotCaptured>,
}

impl From<StoredList> for CapturedList {
    fn from(stored: StoredList) -> Self {
        let (mut entries, mut unknown) = (Vec::with_capacity(stored.entries.len()), Vec::new());
        for entry in stored.entries {
            match ObjectName::parse(&entry.name) {
                Some(name) => entries.push(entry.named(name)),
                None => unknown.push(entry),
            }
        }
        // A later version may have kinds in another order.
        Self { unknown, ..Self::new(entries, stored.not_captured) }
    }
}

impl From<CapturedList> for StoredList {
    fn from(list: CapturedList) -> Self {
        let known = list.entries.into_iter().map(|entry| {
            let name = entry.name.to_string();
            entry.named(name)
        });
        Self { entries: known.chain(list.unknown).collect(), not_captured: list.not_captured }
    }
}

impl CapturedList {
    /// Sorts both. If an object is named twice, the last entry counts.
    pub fn new(entries: Vec<CapturedEntry>, mut not_captured: Vec<NotCaptured>) -> Self {
        let by_name: BTreeMap<ObjectName, CapturedEntry> =
            entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        not_captured.sort();
        not_captured.dedup();
        Self { entries: by_name.into_values().collect(), unknown: Vec::new(), not_captured }
    }

    pub fn entries(&self) -> &[CapturedEntry] {
        &self.entries
    }

    /// The objects of kinds that this version does not know.
    pub fn unknown(&self) -> &[CapturedEntry<String>] {
        &self.unknown
    }

    /// The digests of the records of all objects.
    pub fn objects(&self) -> impl Iterator<Item = Digest> {
        let known = self.entries.iter().map(|entry| entry.digest);
        known.chain(self.unknown.iter().map(|entry| entry.digest))
    }

    pub fn not_captured(&self) -> &[NotCaptured] {
        &self.not_captured
    }

    pub fn digest(&self) -> Digest {
        DigestBuilder::new("configuration list").json(self).finish()
    }

    /// The digest of a stored list. A later version may have written members that this one does not know.
    pub fn digest_of(json: &str) -> Digest {
        DigestBuilder::new("configuration list").bytes(json.as_bytes()).finish()
    }

    /// The digests of all assets, each once.
    pub fn assets(&self) -> Vec<Digest> {
        let known = self.entries.iter().flat_map(|entry| &entry.assets);
        let unknown = self.unknown.iter().flat_map(|entry| &entry.assets);
        let mut assets: Vec<_> = known.chain(unknown).copied().collect();
        assets.sort_unstable();
        assets.dedup();
        assets
    }

    /// The names of the records of all secrets, each once.
    pub fn secrets(&self) -> Vec<Digest> {
        let known = self.entries.iter().flat_map(|entry| &entry.secrets);
        let unknown = self.unknown.iter().flat_map(|entry| &entry.secrets);
        let mut secrets: Vec<_> = known.chain(unknown).map(|secret| secret.record).collect();
        secrets.sort_unstable();
        secrets.dedup();
        secrets
    }

    /// How many members are encrypted.
    pub fn secret_count(&self) -> u64 {
        let known = self.entries.iter().map(|entry| entry.secrets.len() as u64);
        known.chain(self.unknown.iter().map(|entry| entry.secrets.len() as u64)).sum()
    }

    /// The same list as the table of `records` has the secrets: a copy may have left some out, and encrypted the others
    /// with other keys. `records` are by name. An unknown member that was left out is noted, as a capture notes it.
    #[must_use]
    pub fn as_stored(mut self, records: &BTreeMap<Digest, SecretRecord>) -> Self {
        for entry in &mut self.entries {
            let (name, left_out) = (&entry.name, &mut entry.secrets_left_out);
            entry.secrets.retain_mut(|secret| {
                let record = records.get(&secret.record).filter(|record| record.sealed().is_some());
                if let Some(record) = record {
                    let mac = record.to_mac();
                    secret.mac = mac.mac;
                    secret.mac_key = mac.key.unwrap_or_default();
                } else if is_secret(name.kind, &secret.member) {
                    *left_out += 1;
                } else {
                    let object = Uncaptured::One(name.clone());
                    let note = NotCaptured::new(object, NotCapturedReason::UnknownMember);
                    self.not_captured.push(NotCaptured { member: Some(secret.member.clone()), ..note });
                }
                record.is_some()
            });
        }
        self.not_captured.sort();
        self.not_captured.dedup();
        self
    }

    pub fn secrets_left_out(&self) -> u64 {
        let known = self.entries.iter().map(|entry| entry.secrets_left_out);
        known.chain(self.unknown.iter().map(|entry| entry.secrets_left_out)).sum()
    }

    /// How many objects of each kind that this version knows are captured.
    pub fn counts(&self) -> BTreeMap<ObjectKind, u64> {
        let mut counts = BTreeMap::new();
        self.entries.iter().for_each(|entry| *counts.entry(entry.name.kind).or_default() += 1);
        counts
    }

    /// What the pool probably has and this list lacks.
    pub fn incomplete(&self) -> impl Iterator<Item = &NotCaptured> {
        self.not_captured.iter().filter(|lacking| lacking.is_incomplete())
    }

    /// The snapshots that hold what this list lacks, each once.
    pub fn holders(&self) -> BTreeSet<RunId> {
        self.not_captured.iter().filter_map(|lacking| lacking.held_by.clone()).collect()
    }

    /// The same list, which says of these holders that they were removed.
    #[must_use]
    pub fn without_holders(mut self, removed: &BTreeSet<RunId>) -> Self {
        for lacking in &mut self.not_captured {
            lacking.holder_removed = lacking.held_by.as_ref().is_some_and(|holder| removed.contains(holder));
        }
        self.not_captured.sort();
        self
    }

    /// The entry of this object.
    pub fn entry(&self, name: &ObjectName) -> Option<&CapturedEntry> {
        let index = self.entries.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
        self.entries.get(index)
    }

    /// Whether a record of this object is listed.
    pub fn has(&self, name: &ObjectName) -> bool {
        self.entry(name).is_some()
    }

    /// The same list after the list of an earlier snapshot: what it lacks names the last snapshot that holds
    /// it. The earlier list knows that from the lists before it.
    #[must_use]
    pub fn after(mut self, earlier: &Self, snapshot: &RunId) -> Self {
        for lacking in &mut self.not_captured {
            lacking.held_by = earlier.holder_of(lacking, &self.entries, snapshot);
        }
        self.not_captured.sort();
        self
    }

    /// Whether the list has the object, or names a snapshot that may have it.
    pub fn has_or_had(&self, name: &ObjectName) -> bool {
        self.has(name) || self.has_lost(name)
    }

    /// Whether Cognito had an answer about the object when `beside` was captured: the object, or that there is none.
    pub fn was_answered(&self, name: &ObjectName, beside: &ObjectName) -> bool {
        let is_lacking = |lacking: &NotCaptured| lacking.member.is_none() && lacking.object.includes(name);
        self.has(name) || self.has(beside) && !self.not_captured.iter().any(is_lacking)
    }

    /// Whether the list lacks the object, and names a snapshot that may have it.
    pub fn has_lost(&self, name: &ObjectName) -> bool {
        let may_have = |lacking: &NotCaptured| {
            lacking.member.is_none() && lacking.held_by.is_some() && lacking.object.includes(name)
        };
        !self.has(name) && self.not_captured.iter().any(may_have)
    }

    /// The same list, completed with the objects that `snapshot` holds. `earlier` is the list of `snapshot`.
    /// If `earlier` lacks an object, too, the result has the note of `earlier`.
    #[must_use]
    pub fn filled_from(self, earlier: &Self, snapshot: &RunId) -> Self {
        let is_filled =
            |lacking: &NotCaptured| lacking.member.is_none() && lacking.held_by.as_ref() == Some(snapshot);
        let (filled, mut notes): (Vec<_>, Vec<_>) = self.not_captured.into_iter().partition(is_filled);
        let is_lacking = |name: &ObjectName| filled.iter().any(|lacking| lacking.object.includes(name));
        let held = earlier.entries.iter().filter(|entry| is_lacking(&entry.name));
        // The first entries of a name do not count, so that this list comes last.
        let entries = held.cloned().chain(self.entries).collect();
        for other in earlier.not_captured.iter().filter(|other| other.member.is_none()) {
            let object = filled.iter().find_map(|lacking| match (&lacking.object, &other.object) {
                (object, Uncaptured::One(name)) if object.includes(name) => Some(&other.object),
                (Uncaptured::One(name), all) if all.includes(name) => Some(&lacking.object),
                (object, all) if object == all => Some(all),
                _ => None,
            });
            notes.extend(object.map(|object| NotCaptured { object: object.clone(), ..other.clone() }));
        }
        Self { unknown: self.unknown, ..Self::new(entries, notes) }
    }

    /// The last snapshot that holds what `lacking` names: `snapshot`, which has this list, or one before it. The
    /// objects of `captured` are not lacking.
    fn holder_of(
        &self,
        lacking: &NotCaptured,
        captured: &[CapturedEntry],
        snapshot: &RunId,
    ) -> Option<RunId> {
        // Cognito may have shown the member for the first time.
        if lacking.reason == NotCapturedReason::UnknownMember {
            return None;
        }
        let same_member = |other: &&NotCaptured| other.member == lacking.member;
        let lacks = self.not_captured.iter().filter(same_member);
        let lacks: Vec<&NotCaptured> = lacks
            .filter(|other| match (&other.object, &lacking.object) {
                (Uncaptured::One(name), object) => object.includes(name),
                (all, object) => all == object || all.kind().is_some_and(|kind| object.kind() == Some(kind)),
            })
            .collect();
        // The newest of the snapshots before: one of several objects may have been held longer.
        let before = lacks.iter().filter_map(|other| other.held_by.clone()).max();
        let is_captured = |name: &ObjectName| {
            lacking.member.is_none() && captured.binary_search_by(|entry| entry.name.cmp(name)).is_ok()
        };
        let mut of_these = self.entries.iter().filter(|entry| lacking.object.includes(&entry.name));
        let held = of_these.any(|entry| !is_captured(&entry.name));
        // A member of a captured object: the object is held, and the member is not if the list says so. A secret is held
        // if it is listed.
        let is_held = held
            && match &lacking.member {
                None => true,
                Some(member) if lacking.reason == NotCapturedReason::NotEncrypted => {
                    let mut of_object =
                        self.entries.iter().filter(|entry| lacking.object.includes(&entry.name));
                    of_object.any(|entry| entry.secrets.iter().any(|secret| secret.member == *member))
                }
                Some(_) => lacks.is_empty(),
            };
        if is_held { Some(snapshot.clone()) } else { before }
    }
}

/// What an invocation has captured, and leaves to the next one.
///
/// The next one may see only the first of several checkpoints. So they come in this order: notes, entries, and
/// settled names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureCheckpoint {
    pub entries: Vec<CapturedEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_captured: Vec<NotCaptured>,
    /// Names at which no invocation has to look again: of objects that the pool does not have, of terms by
    /// their ids, and of the secrets of clients.
    #[serde(default, alias = "absent", skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<ObjectName>,
    /// Whether the invocation ended without an answer that it needed. The capture ends after some of these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_in_vain: bool,
}

/// What the header of a snapshot says about its configuration.
///
/// Headers from before this version have none: their snapshots hold no configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedConfiguration {
    /// The digest of the [`CapturedList`].
    pub list: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: ObjectKind, id: &str, content: &str) -> CapturedEntry {
        CapturedEntry {
            name: ObjectName::of(kind, id),
            digest: DigestBuilder::new("t").text(content).finish(),
            assets: Vec::new(),
            secrets: Vec::new(),
            secrets_left_out: 1,
        }
    }

    fn lacking(object: &str) -> NotCaptured {
        NotCaptured::new(Uncaptured::parse(object).unwrap(), NotCapturedReason::AccessDenied)
    }

    fn run(day: u8) -> RunId {
        RunId::parse(&format!("202611{day:02}T020000123Z-1a2b3c4d")).unwrap()
    }

    #[test]
    fn the_order_in_which_objects_are_read_does_not_count() {
        let [one, two] = [entry(ObjectKind::Client, "1", "a"), entry(ObjectKind::Client, "2", "b")];
        let list = |entries: &[&CapturedEntry], lacking: Vec<NotCaptured>| {
            CapturedList::new(entries.iter().map(|&entry| entry.clone()).collect(), lacking)
        };
        let lacks = vec![lacking("terms"), lacking("mfa")];
        let first = list(&[&one, &two], lacks.clone());
        let second = list(&[&two, &one, &two], lacks.into_iter().rev().collect());
        assert_eq!(first.digest(), second.digest());
        assert_ne!(first.digest(), list(&[&one], Vec::new()).digest());
        assert_eq!((first.secrets_left_out(), first.counts()[&ObjectKind::Client]), (2, 2));
    }

    #[test]
    fn an_unknown_member_that_a_copy_left_out_counts_as_no_secret() {
        let secret = |member: &str| CapturedSecret {
            member: member.to_owned(),
            place: format!("/{member}"),
            mac: "mac".to_owned(),
            mac_key: "mrk-1".to_owned(),
            record: DigestBuilder::new("secret").text(member).finish(),
        };
        let mut client = entry(ObjectKind::Client, "1", "a");
        client.secrets_left_out = 0;
        client.secrets = vec![secret("ClientSecret"), secret("NewMember")];
        let list = CapturedList::new(vec![client], vec![]).as_stored(&BTreeMap::new());
        assert_eq!((list.secret_count(), list.secrets_left_out()), (0, 1));
        let object = Uncaptured::parse("clients/1").unwrap();
        let note = NotCaptured::new(object, NotCapturedReason::UnknownMember);
        assert_eq!(list.not_captured(), [NotCaptured { member: Some("NewMember".to_owned()), ..note }]);
    }

    #[test]
    fn a_lacking_object_names_the_last_snapshot_that_holds_it() {
        let held = CapturedList::new(vec![entry(ObjectKind::Client, "1", "a")], vec![]);
        let second =
            CapturedList::new(vec![], vec![lacking("clients/1"), lacking("mfa")]).after(&held, &run(1));
        let holders = |list: &CapturedList| -> Vec<_> {
            list.incomplete()
                .map(|lacking| (lacking.object.to_string(), lacking.held_by.clone().unwrap()))
                .collect()
        };
        assert_eq!(holders(&second), [("clients/1".to_owned(), run(1))]);
        // The third snapshot names the first, not the second, which lacks it too.
        let third = CapturedList::new(vec![], vec![lacking("clients")]).after(&second, &run(2));
        assert_eq!(holders(&third), [("clients".to_owned(), run(1))]);
        let fourth = CapturedList::new(vec![], vec![lacking("clients/1")]).after(&third, &run(3));
        assert_eq!(holders(&fourth), [("clients/1".to_owned(), run(1))]);
        // An object that can be read again, or is gone, is not lacking.
        let fifth = CapturedList::new(vec![], vec![]).after(&fourth, &run(4));
        assert_eq!(holders(&fifth), []);
        let sixth = CapturedList::new(vec![], vec![lacking("clients/1")]).after(&fifth, &run(5));
        assert_eq!(holders(&sixth), []);
    }

    #[test]
    fn an_object_that_is_captured_is_not_lacking_although_its_kind_is() {
        let look = || entry(ObjectKind::UiCustomization, "ALL", "css");
        let first = CapturedList::new(vec![look()], vec![]);
        let lacks = || vec![lacking("uiCustomizations")];
        let second = CapturedList::new(vec![look()], lacks()).after(&first, &run(1));
        assert_eq!(second.incomplete().count(), 0);
        let third = CapturedList::new(vec![], lacks()).after(&second, &run(2));
        assert_eq!(
            third.incomplete().map(|lacking| lacking.held_by.clone()).collect::<Vec<_>>(),
            [Some(run(2))]
        );
    }

    #[test]
    fn what_the_owner_turned_off_does_not_make_a_snapshot_incomplete() {
        let first = CapturedList::new(vec![entry(ObjectKind::RiskConfiguration, "ALL", "a")], vec![]);
        let off = NotCaptured { reason: NotCapturedReason::AddOnOff, ..lacking("riskConfigurations") };
        assert_eq!(CapturedList::new(vec![], vec![off]).after(&first, &run(1)).incomplete().count(), 0);
    }

    #[test]
    fn a_member_that_was_never_read_is_not_held() {
        let logo = || NotCaptured { member: Some("ImageFile".to_owned()), ..lacking("uiCustomizations/ALL") };
        let look = entry(ObjectKind::UiCustomization, "ALL", "css");
        let first = CapturedList::new(vec![look.clone()], vec![logo()]);
        let second = CapturedList::new(vec![look], vec![logo()]).after(&first, &run(1));
        assert_eq!(second.incomplete().count(), 0);
    }

    #[test]
    fn the_list_of_a_later_version_is_readable() {
        let later =
            r#"{"entries":[],"notCaptured":[{"object":"newKind/1","reason":"newReason","newMember":[1]}]}"#;
        let list: CapturedList = serde_json::from_str(later).unwrap();
        let lacking = &list.not_captured()[0];
        assert_eq!((lacking.shown_name().as_str(), lacking.reason.as_str()), ("newKind/1", "newReason"));
        assert_eq!(CapturedList::digest_of(&serde_json::to_string(&list).unwrap()), list.digest());
        assert_ne!(CapturedList::digest_of(later), list.digest(), "the member counts");
        assert_eq!(CapturedList::default().after(&list, &run(1)).incomplete().count(), 0);
    }

    #[test]
    fn what_a_list_lacks_is_filled_from_the_snapshots_that_hold_it() {
        let [one, two] = [entry(ObjectKind::Client, "1", "a"), entry(ObjectKind::Client, "2", "b")];
        let newer = entry(ObjectKind::Client, "2", "c");
        let first = CapturedList::new(vec![one.clone(), two], vec![]);
        let second =
            CapturedList::new(vec![newer.clone()], vec![lacking("clients/1")]).after(&first, &run(1));
        let third = CapturedList::new(vec![], vec![lacking("clients")]).after(&second, &run(2));
        let name = |id: &str| ObjectName::of(ObjectKind::Client, id);
        assert!(third.has_lost(&name("1")) && !second.has_lost(&name("2")) && second.has_or_had(&name("2")));
        let filled = third.filled_from(&second, &run(2));
        assert_eq!(filled.entries(), std::slice::from_ref(&newer));
        assert_eq!(filled.holders().into_iter().collect::<Vec<_>>(), [run(1)]);
        let filled = filled.filled_from(&first, &run(1));
        assert_eq!((filled.entries(), filled.not_captured()), ([one, newer].as_slice(), [].as_slice()));
    }

    #[test]
    fn objects_of_a_kind_that_only_a_later_version_knows_stay_in_the_list() {
        let digest = |digit: &str| Digest::parse(&digit.repeat(32)).unwrap();
        let later = serde_json::json!({"entries": [
            {"name": "newKind/1", "digest": digest("1"), "assets": [digest("2")], "secretsLeftOut": 3},
            {"name": "mfa", "digest": digest("4")},
        ]});
        let list: CapturedList = serde_json::from_value(later).unwrap();
        assert_eq!((list.entries().len(), list.unknown()[0].name.as_str()), (1, "newKind/1"));
        assert_eq!(list.objects().collect::<Vec<_>>(), [digest("4"), digest("1")]);
        assert_eq!((list.assets(), list.secrets_left_out()), (vec![digest("2")], 3));
        let json = serde_json::to_string(&list).unwrap();
        assert_eq!(serde_json::from_str::<CapturedList>(&json).unwrap(), list);
    }

    #[test]
    fn an_unknown_member_is_not_held_by_an_earlier_snapshot() {
        let client = entry(ObjectKind::Client, "1", "a");
        let first = CapturedList::new(vec![client.clone()], vec![]);
        let unknown = NotCaptured {
            member: Some("NewMember".to_owned()),
            reason: NotCapturedReason::UnknownMember,
            ..lacking("clients/1")
        };
        let second = CapturedList::new(vec![client], vec![unknown]).after(&first, &run(1));
        assert_eq!(second.incomplete().count(), 0);
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let list = CapturedList::new(vec![entry(ObjectKind::UserPool, "", "a")], vec![lacking("clients")]);
        let json = serde_json::to_string(&list).unwrap();
        assert_eq!(serde_json::from_str::<CapturedList>(&json).unwrap(), list);
        assert!(json.contains(r#""name":"userPool""#), "{json}");
    }
}
