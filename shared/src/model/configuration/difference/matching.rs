//! Which object of the old configuration is which object of the new one.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Configuration, POOL_WIDE};
use super::output::Side;
use crate::model::configuration::ObjectKind;

/// The ids of old clients, and of the clients that a restore created for them.
pub type ClientMap = BTreeMap<String, String>;

/// Two objects that are the same, or one that only one side has.
pub(super) struct Pair<'a> {
    pub old: Option<&'a str>,
    pub new: Option<&'a str>,
    /// Whether they have the same name and different ids.
    pub is_by_name: bool,
}

impl<'a> Pair<'a> {
    /// The id on one side.
    pub fn id(&self, side: Side) -> Option<&'a str> {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    /// Whether only one side has the object.
    pub fn is_one_sided(&self) -> bool {
        self.old.is_none() || self.new.is_none()
    }
}

/// The reason why an object without a partner may have a partner: an object of this side was not captured, so
/// its name is not known.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    pub side: Side,
    pub reason: String,
}

impl Doubt {
    /// None in one pool, because ids never change there.
    pub fn of(
        kind: ObjectKind,
        pairs: &[Pair<'_>],
        old: &Configuration,
        new: &Configuration,
    ) -> Option<Self> {
        if old.is_of_same_pool(new) {
            return None;
        }
        [(Side::Old, old), (Side::New, new)].into_iter().find_map(|(side, configuration)| {
            let lone: BTreeSet<_> =
                pairs.iter().filter(|pair| pair.is_one_sided()).filter_map(|pair| pair.id(side)).collect();
            let mut uncaptured = configuration.uncaptured_ids(kind).filter(|(id, _)| lone.contains(id));
            let reason = configuration.uncaptured_kind(kind).or_else(|| Some(uncaptured.next()?.1))?;
            Some(Self { side, reason: reason.to_owned() })
        })
    }
}

/// The names that the owner chose, by the ids that Cognito chose. The name is None if the object was not
/// captured.
type Named<'a> = BTreeMap<&'a str, Option<&'a str>>;

/// Pairs objects by id, by the map, and by their name if it is unique on each side.
pub(super) fn pair_named<'a>(old: &Named<'a>, new: &Named<'a>, map: &'a ClientMap) -> Vec<Pair<'a>> {
    let mut new_of = BTreeMap::<&str, &str>::new();
    let mut taken = BTreeSet::new();
    let mut by_name = BTreeSet::new();
    for id in old.keys().filter(|id| new.contains_key(*id)) {
        new_of.insert(id, id);
        taken.insert(*id);
    }
    for (old_id, new_id) in map {
        let is_free = !new_of.contains_key(old_id.as_str()) && !taken.contains(new_id.as_str());
        if let Some((old_id, _)) = old.get_key_value(old_id.as_str())
            && let Some((new_id, _)) = new.get_key_value(new_id.as_str())
            && is_free
        {
            new_of.insert(old_id, new_id);
            taken.insert(*new_id);
        }
    }
    let [old_names, new_names] = [unique_names(old), unique_names(new)];
    for (name, old_id) in old_names {
        let Some(new_id) = new_names.get(name) else { continue };
        if !new_of.contains_key(old_id) && !taken.contains(new_id) {
            new_of.insert(old_id, new_id);
            taken.insert(new_id);
            by_name.insert(old_id);
        }
    }
    let pairs = old.keys().map(|id| {
        let new = new_of.get(id).copied();
        Pair { old: Some(*id), new, is_by_name: by_name.contains(id) }
    });
    let added = new.keys().filter(|id| !taken.contains(*id));
    pairs.chain(added.map(|id| Pair { old: None, new: Some(*id), is_by_name: false })).collect()
}

fn unique_names<'a>(named: &Named<'a>) -> BTreeMap<&'a str, &'a str> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in named.values().flatten() {
        *counts.entry(name).or_default() += 1;
    }
    let unique = named.iter().filter_map(|(id, name)| Some(((*name)?, *id)));
    unique.filter(|(name, _)| counts.get(name) == Some(&1)).collect()
}

/// The clients of both configurations.
pub(super) struct ClientPairs<'a> {
    pub pairs: Vec<Pair<'a>>,
    new_of: BTreeMap<&'a str, &'a str>,
    old_of: BTreeMap<&'a str, &'a str>,
    /// What a reader calls a client, by its id.
    texts: BTreeMap<(Side, &'a str), String>,
    map: &'a ClientMap,
    /// The doubt about clients without a partner.
    pub doubt: Option<Doubt>,
}

impl<'a> ClientPairs<'a> {
    pub fn new(old: &'a Configuration, new: &'a Configuration, map: &'a ClientMap) -> Self {
        let [old_names, new_names] = [old, new].map(|side| named(side, ObjectKind::Client));
        let pairs = pair_named(&old_names, &new_names, map);
        let new_of: BTreeMap<_, _> = pairs.iter().filter_map(|pair| Some((pair.old?, pair.new?))).collect();
        let mut old_of: BTreeMap<_, _> = map.iter().map(|(old, new)| (new.as_str(), old.as_str())).collect();
        old_of.extend(new_of.iter().map(|(old, new)| (*new, *old)));
        let texts = texts(&pairs, &old_names, &new_names);
        let doubt = Doubt::of(ObjectKind::Client, &pairs, old, new);
        Self { pairs, new_of, old_of, texts, map, doubt }
    }

    /// Whether a client of this side has a partner on the other side.
    pub fn has_partner(&self, side: Side, id: &str) -> bool {
        match side {
            Side::Old => self.new_of.contains_key(id) || self.map.contains_key(id),
            Side::New => self.old_of.contains_key(id),
        }
    }

    /// The id that a client of this side has on the other side.
    pub fn partner_of<'b>(&'b self, side: Side, id: &'b str) -> &'b str {
        match side {
            Side::Old => self.new_id_of(id),
            Side::New => self.old_of.get(id).copied().unwrap_or(id),
        }
    }

    /// The id that an old client has in the new configuration. Its own id if it has no other.
    pub fn new_id_of<'b>(&'b self, old: &'b str) -> &'b str {
        // The map also tells about clients that were not captured.
        let is_free = |new: &&str| self.old_of.get(new) == Some(&old);
        let mapped = || self.map.get(old).map(String::as_str).filter(is_free);
        self.new_of.get(old).copied().or_else(mapped).unwrap_or(old)
    }

    /// What a reader calls the client: its name, its name with its id if names repeat, or only its id.
    pub fn text<'b>(&'b self, side: Side, id: &'b str) -> &'b str {
        self.texts.get(&(side, id)).map_or(id, String::as_str)
    }
}

/// The names that the owner chose for the objects of a kind, whose ids Cognito chose.
pub(super) fn named(side: &Configuration, kind: ObjectKind) -> Named<'_> {
    let member = if kind == ObjectKind::Client { "ClientName" } else { "PolicyName" };
    let captured = side.objects_of(kind).map(|(id, object)| {
        let name = object[member].as_str().filter(|name| !name.is_empty());
        (id, name)
    });
    side.uncaptured_ids(kind).map(|(id, _)| (id, None)).chain(captured).collect()
}

/// What a reader calls each object, by side and id.
pub(super) fn texts<'a>(
    pairs: &[Pair<'a>],
    old: &Named<'a>,
    new: &Named<'a>,
) -> BTreeMap<(Side, &'a str), String> {
    let name_of = |pair: &Pair<'a>| {
        let name = |named: &Named<'a>, id: Option<&'a str>| named.get(id?).copied().flatten();
        name(old, pair.old).or_else(|| name(new, pair.new))
    };
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in pairs.iter().filter_map(name_of) {
        *counts.entry(name).or_default() += 1;
    }
    let mut texts = BTreeMap::new();
    for pair in pairs {
        let id = pair.old.or(pair.new).unwrap_or_default();
        let text = match name_of(pair) {
            None => id.to_owned(),
            Some(name) => {
                let is_taken = name == POOL_WIDE || old.contains_key(name) || new.contains_key(name);
                let is_unique = !is_taken && counts.get(name) == Some(&1);
                // A line break in a name would look like another object.
                let is_plain = !name.contains(char::is_control);
                let name = if is_plain { name.to_owned() } else { format!("{name:?}") };
                if is_unique { name } else { format!("{name} ({id})") }
            }
        };
        let ids = [(Side::Old, pair.old), (Side::New, pair.new)];
        texts.extend(ids.into_iter().filter_map(|(side, id)| Some(((side, id?), text.clone()))));
    }
    texts
}

/// Pairs objects by their ids. `in_new_pool` is the id that an old object has in the new pool.
pub(super) fn pair_by_key<'a>(
    old: &BTreeSet<&'a str>,
    new: &BTreeSet<&'a str>,
    in_new_pool: impl Fn(&str) -> String,
) -> Vec<Pair<'a>> {
    let mut pairs: Vec<_> = vec![];
    let mut unpaired = new.clone();
    for &id in old {
        let new = unpaired.take(in_new_pool(id).as_str());
        pairs.push(Pair { old: Some(id), new, is_by_name: false });
    }
    pairs.extend(unpaired.into_iter().map(|id| Pair { old: None, new: Some(id), is_by_name: false }));
    pairs
}

/// The client in the id of an object that a client has, and what follows it.
pub(super) fn split_client(id: &str) -> (&str, &str) {
    id.split_at(id.find('/').unwrap_or(id.len()))
}

/// The id that such an object has in the new pool.
pub(super) fn in_new_pool(id: &str, clients: &ClientPairs<'_>) -> String {
    let (client, rest) = split_client(id);
    format!("{}{rest}", clients.new_id_of(client))
}
