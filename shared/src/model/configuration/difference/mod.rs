//! What differs between two configurations: the engine of `pool diff`.
//!
//! The table of fields decides what is compared and how. These decisions come on top of it:
//!
//! - An object of which a pool has only one (`mfa`, `logDelivery`) is compared member by member. A lacking
//!   object is an empty one, but `userPool` and `mfa` are not compared then, because every pool has them.
//! - Another object that one side lacks is one difference without a field. If no operation creates objects of
//!   its kind, a lacking object means the defaults, and an object at its defaults is no difference.
//! - An element of a list of objects that one side lacks is one difference, not one for each of its members.
//!   The same is true of a [switch](super::is_switch).
//! - A set of values is one difference, with all values in order. A map is compared key by key, and free JSON
//!   member by member.
//! - A time is shown with its unit: `60 minutes`. A difference in the unit is a difference of the time.
//! - If an absent member has a default, the difference is `changed` and shows the default.
//! - An image is shown by its size and digest. An added image is a difference even if its bytes were not
//!   captured.
//! - A mirror is compared as its twin. A mirror with another value than its twin is compared by itself.
//! - A secret that one side lacks is not compared, because Cognito does not always answer it. The same is
//!   true of a member that Cognito never answers. An unknown member that one side lacks is a difference.
//! - Two secrets are compared by their values, or by their MACs if both are of one key. A value and a MAC are
//!   not compared.
//! - Clients are paired by id, by the map, and by a name that is unique on each side. In one pool, a pair by
//!   name has another id: the owner deleted the client and created it again. That is a difference of
//!   `ClientId`. Policies for metadata documents are paired in the same way.
//! - If a client of two pools was not captured, its name is not known. Then the diff does not compare a
//!   client without a partner, its objects, and the members that name it.
//! - The output uses the old name of an object. A client that is called `ALL` is named with its id, as if
//!   names repeated.
//! - Tags that begin with `aws:` and resource servers of Cognito are not compared, because the owner did not
//!   write them.
//! - If a capture left out secrets and kept no placeholder, the diff says so once for each object and side. The
//!   secrets of the other side are then not compared one by one.
//! - A member that a capture could not read or keep is not compared, on that side. If both sides have the object,
//!   the diff says so, unless it says something about the member anyway.
//! - The list of the secrets of a client is compared by their ids if the client has the same id on both
//!   sides. Otherwise it is compared by their number. It is also compared by number if AWS Secrets Manager
//!   keeps the secret, because that replaces it by itself.
//! - If a client shows a secret and its list has none, the list is not compared.
//! - The presence of `ClientSecretArn` says whether AWS Secrets Manager keeps the secret. A change of it is a
//!   difference of `PublishSecretsInAWSSecretsManager`.
//! - A live pool has MACs of its secrets if KMS makes them with the key of the capture. If KMS makes none, the diff says
//!   so, and does not compare the secret.
//! - If a side did not capture all objects of a kind, those that both sides have are compared. So is an object that only
//!   this side has. Whether this side has an object of the other one is not known.
//! - Objects of a kind that only a later version knows are not compared. The same record is the same object.
//! - A kind without settings (`signingCertificate`) is compared by its unknown members and secrets, if both
//!   sides have the object.
//!
//! # Expected differences
//!
//! A restore changes some values on purpose: a domain, or ARNs of another account or Region. They are
//! differences. A list of expected rewrites does not exist. It would become an argument of [`compare`],
//! beside the map of clients, and be applied to old values in two places:
//!
//! - `ObjectDiffer::settings` in `members.rs`, before it compares two values. There, the ids of clients are
//!   rewritten already. [`Bound`](super::Bound) says which rows a rewrite can concern.
//! - `pair_by_key` in `matching.rs`, for the ids of domains and replicas. There, `in_new_pool` rewrites the
//!   ids of objects that clients have.

mod captured;
mod client_secrets;
mod content;
pub mod document;
mod layout;
mod matching;
mod members;
mod mirrors;
mod normal;
mod output;
mod paths;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use client_secrets::shows_secret;
use content::Content;
use document::{Configuration, POOL_WIDE, is_of_client, name_members};
use layout::Node;
pub use matching::ClientMap;
use matching::{ClientPairs, Doubt, Pair, in_new_pool, named, pair_by_key, pair_named, split_client, texts};
use members::{ObjectDifference, compare_members};
use mirrors::{Singles, fold_mirrors};
pub use output::{
    Change, ComparedObject, ConfigurationDifference, Difference, NotCompared, NotComparedReason, Side, Values,
};

use super::{Comparison, Field, Nature, ObjectKind, ObjectName, field, fields_of, operations_of};

/// Compares two configurations of one pool, or of two pools.
///
/// `clients` has the old and the new ids of clients that a restore created again. It may be empty.
pub fn compare(old: &Configuration, new: &Configuration, clients: &ClientMap) -> ConfigurationDifference {
    let clients = ClientPairs::new(old, new, clients);
    let mut differ = Differ { old, new, clients: &clients, differences: vec![], not_compared: vec![] };
    differ.singles();
    for &kind in ObjectKind::ALL.iter().filter(|kind| !kind.is_single()) {
        differ.is_uncaptured(kind);
        differ.objects(kind);
    }
    differ.unknown();
    ConfigurationDifference::new(differ.differences, differ.not_compared)
}

struct Differ<'a> {
    old: &'a Configuration,
    new: &'a Configuration,
    clients: &'a ClientPairs<'a>,
    differences: Vec<Difference>,
    not_compared: Vec<NotCompared>,
}

impl<'a> Differ<'a> {
    fn side(&self, side: Side) -> &'a Configuration {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    /// Compares the objects of which a pool has only one. A member of one can mirror a member of another.
    fn singles(&mut self) {
        let [mut old, mut new] = [Singles::new(), Singles::new()];
        for &kind in ObjectKind::ALL.iter().filter(|kind| kind.is_single()) {
            if self.is_uncaptured(kind) || self.is_incomplete(kind) {
                continue;
            }
            for (side, contents) in [(self.old, &mut old), (self.new, &mut new)] {
                let content = side.single(kind).map(|object| Content::of(kind, object));
                contents.insert(kind, content.unwrap_or_else(Content::empty));
            }
        }
        fold_mirrors(&mut old, &mut new);
        for (kind, old) in &old {
            let Some(new) = new.get(kind) else { continue };
            let name = |side: &Configuration| side.single(*kind).map(|_| ObjectName::single(*kind));
            let object = ComparedObject {
                kind: Some(*kind),
                text: kind.name().to_owned(),
                old: name(self.old),
                new: name(self.new),
            };
            let found = compare_members(old, new, self.clients);
            self.add_captured(&object, found);
        }
    }

    fn objects(&mut self, kind: ObjectKind) {
        let [old, new] = [self.old, self.new];
        let clients = self.clients;
        match kind {
            ObjectKind::Client => {
                let text = |side, id: &str| clients.text(side, id).to_owned();
                self.pairs(kind, &clients.pairs, text, |_| clients.doubt.as_ref());
            }
            ObjectKind::CimdPolicy => {
                let [old_names, new_names] = [named(old, kind), named(new, kind)];
                let map = ClientMap::new();
                let pairs = pair_named(&old_names, &new_names, &map);
                let texts = texts(&pairs, &old_names, &new_names);
                let doubt = Doubt::of(kind, &pairs, old, new);
                let text = |side, id: &str| texts.get(&(side, id)).cloned().unwrap_or_default();
                self.pairs(kind, &pairs, text, |_| doubt.as_ref());
            }
            _ if is_of_client(kind) => {
                let pairs = pair_by_key(&ids(kind, old), &ids(kind, new), |id| in_new_pool(id, clients));
                let text = |side, id: &str| {
                    let (client, rest) = split_client(id);
                    format!("{}{rest}", clients.text(side, client))
                };
                self.pairs(kind, &pairs, text, |pair| {
                    let is_lone = |side| {
                        let client = pair.id(side).map(|id| split_client(id).0);
                        client.is_some_and(|id| id != POOL_WIDE && !clients.has_partner(side, id))
                    };
                    clients.doubt.as_ref().filter(|_| Side::BOTH.into_iter().any(is_lone))
                });
            }
            _ => {
                let pairs = pair_by_key(&ids(kind, old), &ids(kind, new), str::to_owned);
                self.pairs(kind, &pairs, |_, id| id.to_owned(), |_| None);
            }
        }
    }

    /// Compares the pairs of a kind. `text` names an object for a reader. `doubt` is the reason why an object
    /// without a partner may have a partner. What a side lacks that did not capture all of the kind is passed over: the
    /// note of the kind stands for it.
    fn pairs<'d>(
        &mut self,
        kind: ObjectKind,
        pairs: &[Pair<'_>],
        text: impl Fn(Side, &str) -> String,
        doubt: impl Fn(&Pair<'_>) -> Option<&'d Doubt>,
    ) {
        for pair in pairs {
            let present = Side::BOTH.into_iter().find_map(|side| Some((side, pair.id(side)?)));
            let Some((side, id)) = present else { continue };
            if Side::BOTH.into_iter().any(|side| self.may_have(side, kind, pair)) {
                continue;
            }
            let [old_name, new_name] = [pair.old, pair.new].map(|id| id.map(|id| ObjectName::of(kind, id)));
            let text = format!("{kind}/{}", text(side, id));
            let object = ComparedObject { kind: Some(kind), text, old: old_name, new: new_name };
            let uncaptured: Vec<_> = Side::BOTH
                .into_iter()
                .filter_map(|side| Some((side, self.side(side).why_uncaptured(kind, pair.id(side)?)?)))
                .collect();
            if !uncaptured.is_empty() {
                for (side, reason) in uncaptured {
                    self.not_captured(&object, side, reason);
                }
            } else if let Some(doubt) = doubt(pair).filter(|_| pair.is_one_sided()) {
                self.not_captured(&object, doubt.side, &doubt.reason);
            } else {
                self.pair(kind, pair, object);
            }
        }
    }

    /// Whether a side lacks the object, and did not capture all of its kind.
    fn may_have(&self, side: Side, kind: ObjectKind, pair: &Pair<'_>) -> bool {
        let configuration = self.side(side);
        let has = |id: &str| configuration.objects.contains_key(&ObjectName::of(kind, id));
        configuration.uncaptured_kind(kind).is_some() && !pair.id(side).is_some_and(has)
    }

    fn pair(&mut self, kind: ObjectKind, pair: &Pair<'_>, object: ComparedObject) {
        let [old, new] = [(self.old, &object.old), (self.new, &object.new)]
            .map(|(side, name)| name.as_ref().and_then(|name| side.objects.get(name)));
        if [old, new].into_iter().flatten().any(|object| object["ManagedBy"] == "COGNITO") {
            return;
        }
        if kind == ObjectKind::ClientSecrets && self.lacks_secrets(pair, &object) {
            return;
        }
        let mut contents =
            [old, new].map(|object| object.map_or_else(Content::empty, |object| Content::of(kind, object)));
        if kind == ObjectKind::ClientSecrets && !pair.is_one_sided() && !self.has_lasting_secrets(pair) {
            contents.iter_mut().for_each(|content| content.count_issued(kind));
        }
        let [old_content, new_content] = &contents;
        let found = compare_members(old_content, new_content, self.clients);
        let shown = |value: &Value| Node::of(kind, value).shown(value).unwrap_or_else(|| json!({}));
        let (change, values) = match (old, new) {
            (Some(_), Some(_)) => {
                self.add_new_id(kind, pair, &object);
                return self.add_captured(&object, found);
            }
            (None, Some(new)) => (Change::Added, Values::added(shown(new))),
            (Some(old), None) => (Change::Removed, Values::removed(shown(old))),
            (None, None) => return,
        };
        if has_settings(kind) && (is_created(kind) || !found.differences.is_empty()) {
            self.differences.push(Difference { object, field: None, change, values, row: None });
        }
    }

    /// Adds the difference of an object that has the same pool and name, and another id.
    fn add_new_id(&mut self, kind: ObjectKind, pair: &Pair<'_>, object: &ComparedObject) {
        if !pair.is_by_name || !self.old.is_of_same_pool(self.new) {
            return;
        }
        let (Some(old), Some(new), Some(member)) = (pair.old, pair.new, name_members(kind).next()) else {
            return;
        };
        self.differences.push(Difference {
            object: object.clone(),
            field: Some(member.to_owned()),
            change: Change::Changed,
            values: Values::changed(json!(old), json!(new)),
            row: field(kind, member),
        });
    }

    /// Whether a side did not capture the kind, or not all of it. Says so in the output.
    fn is_uncaptured(&mut self, kind: ObjectKind) -> bool {
        let object = ComparedObject::all(kind);
        let mut is_uncaptured = false;
        for side in Side::BOTH {
            if let Some(reason) = self.side(side).uncaptured_kind(kind) {
                is_uncaptured = true;
                self.not_captured(&object, side, reason);
            }
        }
        is_uncaptured
    }

    /// Whether only one side has the object, although every pool has it. Says so in the output. A comparison
    /// with defaults would invent values.
    fn is_incomplete(&mut self, kind: ObjectKind) -> bool {
        let is_lacking = |side: &Side| self.side(*side).single(kind).is_none();
        let lacking: Vec<_> = Side::BOTH.into_iter().filter(is_lacking).collect();
        let [side] = lacking[..] else { return false };
        if !matches!(kind, ObjectKind::UserPool | ObjectKind::Mfa) {
            return false;
        }
        let object = ComparedObject::all(kind);
        self.object_not_compared(&object, side, NotComparedReason::NotCaptured, None);
        true
    }

    /// Adds what was found in an object that both sides have, and says what a capture left out of it.
    fn add_captured(&mut self, object: &ComparedObject, mut found: ObjectDifference) {
        for (side, name) in [(Side::Old, &object.old), (Side::New, &object.new)] {
            let Some(name) = name else { continue };
            let lacks = |found: &str| {
                let lacking = self.side(side).lacking_members.get(name).into_iter().flatten();
                lacking.into_iter().any(|(member, _)| is_of_member(found, member))
            };
            // A member that the capture could not keep is not known to be absent. The note about it says so.
            let one_sided = if side == Side::Old { Change::Added } else { Change::Removed };
            found.differences.retain(|other| {
                let is_withheld = matches!(other.values, Values::Withheld {});
                !(other.change == one_sided && is_withheld && lacks(&other.field))
            });
            // One note for the object says that its secrets are left out.
            let is_left_out = self.side(side).left_out.contains(name);
            found.not_compared.retain(|other| {
                let is_lacking = other.reason == NotComparedReason::NotReadable && other.side == Some(side);
                !(is_lacking && (is_left_out && other.is_secret || lacks(&other.field)))
            });
        }
        self.say_left_out(object, &found);
        self.add(object, found);
    }

    /// Says on which sides the capture left out secrets of the object, or could not keep other members.
    fn say_left_out(&mut self, object: &ComparedObject, found: &ObjectDifference) {
        for (side, name) in [(Side::Old, &object.old), (Side::New, &object.new)] {
            let Some(name) = name else { continue };
            if self.side(side).left_out.contains(name) {
                self.object_not_compared(object, side, NotComparedReason::LeftOut, None);
            }
            for (member, lacking) in self.side(side).lacking_members.get(name).into_iter().flatten() {
                let differs = found.differences.iter().any(|other| other.field == *member);
                if differs || found.not_compared.iter().any(|other| other.field == *member) {
                    continue;
                }
                self.not_compared.push(NotCompared {
                    object: object.clone(),
                    field: Some(member.clone()),
                    reason: lacking.reason,
                    side: Some(side),
                    detail: Some(lacking.detail.clone()),
                });
            }
        }
    }

    /// Says what a later version captured, or could not read, of kinds that this one does not know.
    fn unknown(&mut self) {
        let [old, new] = [self.old, self.new].map(|side| &side.unknown_objects);
        let texts: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for text in texts.into_iter().filter(|text| old.get(*text) != new.get(*text)) {
            let object = ComparedObject { kind: None, text: text.clone(), old: None, new: None };
            let reason = NotComparedReason::UnknownKind;
            self.not_compared.push(NotCompared { object, field: None, reason, side: None, detail: None });
        }
        for side in Side::BOTH {
            for (text, reason) in &self.side(side).unknown_not_captured {
                let object = ComparedObject { kind: None, text: text.clone(), old: None, new: None };
                self.not_captured(&object, side, reason);
            }
        }
    }

    fn not_captured(&mut self, object: &ComparedObject, side: Side, detail: &str) {
        self.object_not_compared(object, side, NotComparedReason::NotCaptured, Some(detail));
    }

    fn object_not_compared(
        &mut self,
        object: &ComparedObject,
        side: Side,
        reason: NotComparedReason,
        detail: Option<&str>,
    ) {
        let detail = detail.map(str::to_owned);
        let object = object.clone();
        self.not_compared.push(NotCompared { object, field: None, reason, side: Some(side), detail });
    }

    fn add(&mut self, object: &ComparedObject, found: ObjectDifference) {
        self.differences.extend(found.differences.into_iter().map(|member| Difference {
            object: object.clone(),
            field: Some(member.field),
            change: member.change,
            values: member.values,
            row: member.row,
        }));
        self.not_compared.extend(found.not_compared.into_iter().map(|member| NotCompared {
            object: object.clone(),
            field: Some(member.field),
            reason: member.reason,
            side: member.side,
            detail: None,
        }));
    }
}

/// Whether the path of a difference is that of a member as a note names it: without the names of elements, and with `*`
/// for a key of a map.
fn is_of_member(path: &str, member: &str) -> bool {
    let mut plain = String::new();
    let mut depth = 0_usize;
    for c in path.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let [found, noted] = [plain.as_str(), member].map(|path| path.split('.').collect::<Vec<_>>());
    found.len() == noted.len()
        && found.iter().zip(&noted).all(|(found, noted)| *noted == "*" || found == noted)
}

/// The ids of a kind, also of objects that were not captured.
fn ids(kind: ObjectKind, side: &Configuration) -> BTreeSet<&str> {
    let mut ids: BTreeSet<_> = side.objects_of(kind).map(|(id, _)| id).collect();
    ids.extend(side.uncaptured_ids(kind).map(|(id, _)| id));
    if kind == ObjectKind::ClientSecrets {
        // Such a client has a list of secrets, even if the document lacks it.
        let clients = side.objects_of(ObjectKind::Client);
        ids.extend(clients.filter(|(_, client)| shows_secret(client)).map(|(id, _)| id));
    }
    ids
}

/// Whether a lacking object of the kind is one that does not exist, and not one at its defaults.
fn is_created(kind: ObjectKind) -> bool {
    // The operation that creates a secret adds it to a list that every client has.
    operations_of(kind).any(|operations| operations.create.is_some()) && kind != ObjectKind::ClientSecrets
}

/// Whether the owner decides anything in objects of the kind that Cognito answers.
fn has_settings(kind: ObjectKind) -> bool {
    let is_decided =
        |row: &Field| row.nature == Nature::Setting || matches!(row.comparison, Comparison::Issued(_));
    fields_of(kind).iter().any(|row| row.readable && is_decided(row))
}
