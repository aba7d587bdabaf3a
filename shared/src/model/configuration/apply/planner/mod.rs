//! What each object becomes. The rules take back into an object what must stay as the pool has it.

mod client;
mod fields;
mod names;
mod objects;
mod outcome;
mod pool;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::fields::{Reach, is_of};
pub(super) use self::pool::{common, fit};
use super::super::difference::document::{Configuration, POOL_WIDE};
use super::super::difference::{
    Change, ClientMap, ComparedObject, ConfigurationDifference, Difference, NotCompared, Values, compare,
};
use super::super::path::{at, put, remove};
use super::super::{
    NotCaptured, NotCapturedReason, ObjectKind, ObjectName, Tier, Uncaptured, unknown_members,
};
use super::order::ordered;
use super::{Allow, ApplyChoices, ApplyPlan, ApplyReason, ApplyRefusal, Side};

/// The order in which objects are decided: an object comes after those that it names.
const ORDER: [ObjectKind; 13] = [
    ObjectKind::UserPool,
    ObjectKind::Mfa,
    ObjectKind::ResourceServer,
    ObjectKind::IdentityProvider,
    ObjectKind::Client,
    ObjectKind::Domain,
    ObjectKind::UiCustomization,
    ObjectKind::Branding,
    ObjectKind::RiskConfiguration,
    ObjectKind::LogDelivery,
    ObjectKind::Terms,
    ObjectKind::CimdPolicy,
    ObjectKind::Sessions,
];

/// The member that holds the bytes of the logo of a look.
const LOGO: &str = "ImageFile";

pub(super) struct Planner<'a> {
    wanted: Side<'a>,
    /// The objects of the capture, as Cognito answered them.
    captured: BTreeMap<&'a ObjectName, &'a Value>,
    choices: &'a ApplyChoices,
    live: Configuration,
    /// What the pool becomes.
    target: Configuration,
    /// All of the capture.
    capture: Configuration,
    /// The differences of the parts that the operator asks for: from the pool to the capture.
    found: Vec<Difference>,
    not_compared: Vec<NotCompared>,
    /// Clients of the capture that the pool has under another id.
    clients: ClientMap,
    /// The labels of clients that differ, by their ids in the capture.
    client_labels: BTreeMap<String, String>,
    created: BTreeSet<ObjectName>,
    deleted: BTreeSet<ObjectName>,
    /// Why members stay, by object and path. The empty path means the whole object.
    reasons: Vec<(ObjectName, String, ApplyReason)>,
    /// The kinds that the tier or the add-ons of the pool hide now. Cognito may have kept their objects.
    hidden: BTreeSet<ObjectKind>,
    /// The objects of the pool whose logos could not be read.
    unread_logos: BTreeSet<ObjectName>,
    /// Names in lists of clients that the pool does not have. No request can have them.
    missing_names: BTreeMap<ObjectName, Vec<(&'static str, String)>>,
}

impl<'a> Planner<'a> {
    pub fn new(wanted: Side<'a>, live: Side<'_>, choices: &'a ApplyChoices) -> Result<Self, ApplyRefusal> {
        let is_hidden = |lacking: &&NotCaptured| lacking.member.is_none() && lacking.reason.is_absence();
        let hidden = live.list.not_captured().iter().filter(is_hidden);
        let hidden = hidden.filter_map(|lacking| lacking.object.kind()).collect();
        let is_logo = |lacking: &&NotCaptured| lacking.member.as_deref() == Some(LOGO);
        let unread_logos = live.list.not_captured().iter().filter(is_logo);
        let unread_logos = unread_logos.filter_map(|lacking| match &lacking.object {
            Uncaptured::One(name) => Some(name.clone()),
            _ => None,
        });
        let unread_logos = unread_logos.collect();
        let old = Configuration::of_answers(live.list, live.objects.to_vec());
        let new = Configuration::of_revealed(wanted.list, wanted.objects.to_vec());
        let (old, new) = (old.map_err(ApplyRefusal::Answer)?, new.map_err(ApplyRefusal::Document)?);
        let pool = new.single(ObjectKind::UserPool).ok_or(ApplyRefusal::NoUserPool)?;
        if old.single(ObjectKind::UserPool).is_none_or(|live| live["Id"] != pool["Id"]) {
            return Err(ApplyRefusal::OtherPool);
        }
        let ConfigurationDifference { differences, not_compared, .. } =
            compare(&old, &new, &ClientMap::new());
        let (mut clients, mut client_labels) = (ClientMap::new(), BTreeMap::new());
        for found in differences.iter().filter(|found| found.object.kind == Some(ObjectKind::Client)) {
            let ComparedObject { old, new: Some(new), text, .. } = &found.object else { continue };
            client_labels.insert(new.id.clone(), text.clone());
            if let Some(old) = old.as_ref().filter(|old| *old != new) {
                clients.insert(new.id.clone(), old.id.clone());
            }
        }
        let is_wanted = |object: &ComparedObject| {
            choices.only.is_empty() || choices.only.iter().any(|part| part.includes(object))
        };
        Ok(Self {
            wanted,
            captured: wanted.objects.iter().map(|object| (&object.name, &object.document)).collect(),
            choices,
            found: differences
                .iter()
                .filter(|found| is_wanted(&found.object))
                .filter(|found| {
                    !comes_with_client(found, &old, &new) && !goes_with_client(found, &differences)
                })
                .cloned()
                .collect(),
            not_compared: not_compared.into_iter().filter(|lacking| is_wanted(&lacking.object)).collect(),
            clients,
            client_labels,
            target: old.clone(),
            live: old,
            capture: new,
            created: BTreeSet::new(),
            deleted: BTreeSet::new(),
            reasons: Vec::new(),
            hidden,
            unread_logos,
            missing_names: BTreeMap::new(),
        })
    }

    pub fn planned(mut self) -> ApplyPlan {
        let objects: BTreeSet<ComparedObject> = self.found.iter().map(|found| found.object.clone()).collect();
        for kind in ORDER {
            let mut of_kind: Vec<_> = objects.iter().filter(|object| object.kind == Some(kind)).collect();
            // The object of the pool comes first: those of clients may need it.
            of_kind.sort_by_key(|object| key_of(object).id != POOL_WIDE);
            for object in of_kind {
                self.decide(kind, object);
            }
            if kind == ObjectKind::Mfa {
                self.keep_what_the_factors_need();
            }
        }
        self.drop_missing_names();
        let does = compare(&self.live, &self.target, &ClientMap::new()).differences;
        let does: Vec<Difference> = does.into_iter().filter(|found| self.is_done(found)).collect();
        let left = self.left(&does);
        let (steps, writes) = ordered(self.drafts(does), &self.live, &self.target, &self.hidden);
        let tags = self.live.single(ObjectKind::UserPool).map_or(&Value::Null, |pool| &pool["UserPoolTags"]);
        let stack = tags["aws:cloudformation:stack-name"].as_str().map(str::to_owned);
        let Self { not_compared, clients, client_labels, .. } = self;
        ApplyPlan { steps, writes, left, not_compared, stack, clients, client_labels }
    }

    /// Refuses a part that names an object which neither side has.
    ///
    /// # Errors
    /// `UnknownPart`
    pub fn check_parts(&self) -> Result<(), ApplyRefusal> {
        for part in self.choices.only.iter().filter(|part| part.object.is_some()) {
            let text = part.object.as_deref().unwrap_or_default();
            let is_known = has_named(&self.live, part.kind, text)
                || has_named(&self.capture, part.kind, text)
                || self.found.iter().any(|found| part.includes(&found.object));
            if !is_known {
                return Err(ApplyRefusal::UnknownPart { part: part.clone() });
            }
        }
        Ok(())
    }

    /// Decides what an object becomes.
    fn decide(&mut self, kind: ObjectKind, object: &ComparedObject) {
        let key = key_of(object);
        // An object of which a pool has only one is compared with an empty one if it lacks it.
        let (old, new) = match (&object.old, &object.new) {
            (None, None) => return,
            (old, new) if kind.is_single() => (old.as_ref().or(Some(&key)), new.as_ref().or(Some(&key))),
            (old, new) => (old.as_ref(), new.as_ref()),
        };
        match (old, new) {
            (Some(old), Some(new)) => self.change(kind, old, new),
            (None, Some(new)) => match self.reason_not_to_create(new) {
                Some(reason) => self.stays(new, "", reason),
                None => self.create(new),
            },
            (Some(old), None) => match self.reason_not_to_delete(old) {
                Some(reason) => self.stays(old, "", reason),
                None => {
                    self.target.take(old);
                    self.deleted.insert(old.clone());
                }
            },
            (None, None) => {}
        }
    }

    fn change(&mut self, kind: ObjectKind, old: &ObjectName, new: &ObjectName) {
        let live = self.live.object(old).cloned().unwrap_or_else(|| json!({}));
        let mut target = self.captured.get(new).map_or_else(|| json!({}), |document| (*document).clone());
        self.name_live_client(&mut target);
        self.keep_not_captured(old, new, &mut target, &live);
        match kind {
            ObjectKind::UserPool => self.user_pool(old, &mut target, &live),
            ObjectKind::Mfa => self.mfa(old, &mut target, &live),
            ObjectKind::IdentityProvider => self.provider(old, &mut target, &live),
            ObjectKind::Client => self.client(old, &mut target, &live),
            ObjectKind::UiCustomization => self.look(old, &mut target, &live),
            ObjectKind::LogDelivery => self.logs(old, &mut target, &live),
            ObjectKind::Sessions => self.sessions(old, &mut target, &live),
            _ => {}
        }
        self.keep_above_tier(old, &mut target, &live);
        // A request lacks what the table does not know, and may reset it.
        let may_reset = !unknown_members(kind, &live).is_empty();
        if may_reset && !self.choices.allow.contains(&Allow::UnknownMembers) {
            self.stays(old, "", ApplyReason::NeedsAllow(Allow::UnknownMembers));
            target.clone_from(&live);
        }
        if target == json!({}) && self.live.object(old).is_none() {
            return;
        }
        self.target.put(old.clone(), target);
    }

    /// Puts the id of the client in the pool in the place of that in the capture.
    fn name_live_client(&self, document: &mut Value) {
        let live = document["ClientId"].as_str().and_then(|old| self.clients.get(old)).cloned();
        if let Some(live) = live {
            document["ClientId"] = live.into();
        } else if document["ClientId"].is_null()
            && let Some(members) = document.as_object_mut()
        {
            members.remove("ClientId");
        }
    }

    /// Leaves in the object what the capture could not keep: that it lacks it, says nothing.
    fn keep_not_captured(&mut self, old: &ObjectName, new: &ObjectName, target: &mut Value, live: &Value) {
        use NotCapturedReason::{NotEncrypted, NotFetched, TooLarge};
        for lacking in self.wanted.list.not_captured() {
            let Some(member) = lacking.member.as_deref().filter(|member| !member.contains('[')) else {
                continue;
            };
            // Secrets and logos have rules of their own.
            let is_usual = !matches!(lacking.reason, NotEncrypted | NotFetched | TooLarge);
            let is_lacking = at(target, member).is_none_or(Value::is_null);
            if is_usual && is_lacking && !lacking.reason.is_absence() && lacking.object.includes(new) {
                self.keep(old, target, live, member, ApplyReason::Unknown);
            }
        }
    }

    /// Leaves in the object what the tier of the pool does not have.
    fn keep_above_tier(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        // A log needs the tier of its source, not that of its destination.
        if name.kind == ObjectKind::LogDelivery {
            return;
        }
        let pool = if name.kind == ObjectKind::UserPool { &*target } else { self.target_pool() };
        let Some(tier) = tier_of(pool) else { return };
        for found in self.found_in(name) {
            let reach = Reach::of(&found);
            if reach.tier() > tier && turns_on(&found, &reach) {
                self.keep(name, target, live, reach.member(&found), self.reason_of_tier(reach.tier()));
            }
        }
    }

    /// Why the tier of the pool keeps something away: the operator may have to allow another one.
    fn reason_of_tier(&self, least: Tier) -> ApplyReason {
        let captured = self.captured.get(&ObjectName::single(ObjectKind::UserPool));
        let had = captured.and_then(|pool| tier_of(pool));
        let is_allowed = self.choices.allow.contains(&Allow::Tier);
        if had.is_some_and(|had| had >= least) && !is_allowed {
            ApplyReason::NeedsAllow(Allow::Tier)
        } else {
            ApplyReason::Tier
        }
    }

    fn target_pool(&self) -> &Value {
        self.target.single(ObjectKind::UserPool).unwrap_or(&Value::Null)
    }

    /// Gives the object its present value at a path back.
    fn keep(&mut self, name: &ObjectName, target: &mut Value, live: &Value, path: &str, reason: ApplyReason) {
        match at(live, path).filter(|value| !value.is_null()) {
            Some(value) => put(target, path, value.clone()),
            None => drop(remove(target, path)),
        }
        self.stays(name, path, reason);
    }

    fn stays(&mut self, name: &ObjectName, path: &str, reason: ApplyReason) {
        self.reasons.push((name.clone(), path.to_owned(), reason));
    }

    /// The differences of an object.
    fn found_in(&self, name: &ObjectName) -> Vec<Difference> {
        self.found.iter().filter(|found| key_of(&found.object) == *name).cloned().collect()
    }

    /// Whether the pool and the capture differ in the member.
    fn differs(&self, name: &ObjectName, path: &str) -> bool {
        let fields = self.found.iter().filter(|found| key_of(&found.object) == *name);
        fields.filter_map(|found| found.field.as_deref()).any(|field| is_of(field, path))
    }
}

/// The name of an object in the pool, or in the capture if the pool does not have it.
fn key_of(object: &ComparedObject) -> ObjectName {
    let single = || ObjectName::single(object.kind.unwrap_or(ObjectKind::UserPool));
    object.old.clone().or_else(|| object.new.clone()).unwrap_or_else(single)
}

/// Whether two answers about an object mean the same.
pub fn is_same_object(name: &ObjectName, old: &Value, new: &Value) -> bool {
    compared(name, old, new).same
}

/// The fields in which two answers about an object differ. None is the whole object.
pub fn differing_fields(name: &ObjectName, old: &Value, new: &Value) -> BTreeSet<Option<String>> {
    compared(name, old, new).differences.into_iter().map(|found| found.field).collect()
}

fn compared(name: &ObjectName, old: &Value, new: &Value) -> ConfigurationDifference {
    let [mut one, mut other] = [Configuration::default(), Configuration::default()];
    one.put(name.clone(), old.clone());
    other.put(name.clone(), new.clone());
    compare(&one, &other, &ClientMap::new())
}

/// Whether a difference turns something on that a tier may lack.
fn turns_on(found: &Difference, reach: &Reach) -> bool {
    match (&found.values, found.change) {
        (_, Change::Removed) => false,
        (Values::Shown { new: Some(new), .. }, _) => !reach.is_default(new) && !is_off(new),
        _ => true,
    }
}

/// Whether a value says that something is off. Not every such member has a default.
fn is_off(value: &Value) -> bool {
    *value == false || value.as_str().is_some_and(|text| ["Disabled", "DISABLED", "OFF"].contains(&text))
}

fn tier_of(pool: &Value) -> Option<Tier> {
    pool["UserPoolTier"].as_str().and_then(Tier::parse)
}

/// Whether a difference is the one secret of a client that the pool does not have under its old id. A client is created
/// with its secret, which Cognito then hides.
fn comes_with_client(found: &Difference, live: &Configuration, wanted: &Configuration) -> bool {
    let Some(name) = found.object.new.as_ref().filter(|name| name.kind == ObjectKind::ClientSecrets) else {
        return false;
    };
    let secrets = wanted.object(name).and_then(|listed| listed["ClientSecrets"].as_array());
    found.object.old.is_none()
        && secrets.is_none_or(|secrets| secrets.len() <= 1)
        && live.object(&ObjectName::of(ObjectKind::Client, name.id.as_str())).is_none()
}

/// Whether a difference is the secrets of a client that only the pool has.
fn goes_with_client(found: &Difference, all: &[Difference]) -> bool {
    let Some(name) = found.object.old.as_ref().filter(|name| name.kind == ObjectKind::ClientSecrets) else {
        return false;
    };
    let is_client = |other: &&Difference| {
        let client = other.object.old.as_ref();
        client.is_some_and(|client| client.kind == ObjectKind::Client && client.id == name.id)
    };
    let is_extra = |other: &Difference| other.object.new.is_none() && other.field.is_none();
    all.iter().filter(is_client).any(is_extra)
}

/// Whether a side has an object with this id, or with this name.
fn has_named(side: &Configuration, kind: ObjectKind, text: &str) -> bool {
    side.objects_of(kind).any(|(id, object)| {
        let (client, rest) = id.split_once('/').map_or((id, None), |(client, rest)| (client, Some(rest)));
        let name = match kind {
            ObjectKind::Client => object["ClientName"].as_str(),
            ObjectKind::CimdPolicy => object["PolicyName"].as_str(),
            _ => side
                .object(&ObjectName::of(ObjectKind::Client, client))
                .and_then(|client| client["ClientName"].as_str()),
        };
        let named = name.map(|name| rest.map_or_else(|| name.to_owned(), |rest| format!("{name}/{rest}")));
        id == text || named.as_deref() == Some(text)
    })
}
