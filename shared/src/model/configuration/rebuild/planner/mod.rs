//! What becomes of each object.

mod client;
mod domain;
mod user_pool;

use std::collections::{BTreeMap, BTreeSet};

pub(in super::super) use client::{STANDARD_SCOPES, is_made_by_itself, scopes_of, take_out};
use serde_json::{Value, json};

use super::super::difference::document::POOL_WIDE;
use super::super::not_captured::shown_member;
use super::super::request::{Purpose, missing_secrets, put_secret, secrets_of};
use super::super::{
    CapturedList, CapturedObject, NotCapturedReason, ObjectKind, ObjectName, Tier, Uncaptured, is_secret,
};
use super::supplied::Checked;
use super::{Home, LeftOut, LeftReason, PlanRefusal, RebuildPlan, Rewrites, Step, SuppliedMap};

/// Makes the steps, one object after another, and notes what it leaves out.
pub(super) struct Planner<'a> {
    list: &'a CapturedList,
    captured: BTreeMap<&'a ObjectName, &'a Value>,
    rewrites: &'a Rewrites,
    /// The supplied secrets.
    secrets: BTreeMap<ObjectName, &'a str>,
    from: Home,
    to: &'a Home,
    tier: Option<Tier>,
    /// The scopes of the captured resource servers. The new pool has all of them.
    scopes: BTreeSet<String>,
    /// The names that tell one client from the others, by id.
    labels: BTreeMap<&'a str, &'a str>,
    steps: Vec<Step>,
    /// The objects of the steps.
    made: BTreeSet<ObjectName>,
    left_out: Vec<LeftOut>,
    /// Whether the new pool cannot have the threat protection of the old one.
    is_unprotected: bool,
    /// `DcrConfiguration`, which has a step of its own. Null if the pool has none.
    registration: Value,
    triggers: Value,
    is_protected: bool,
}

impl<'a> Planner<'a> {
    pub fn new(
        list: &'a CapturedList,
        objects: &'a [CapturedObject],
        user_pool: &Value,
        map: &'a SuppliedMap,
        to: &'a Home,
    ) -> Result<Self, PlanRefusal> {
        let arn = user_pool["Arn"].as_str().unwrap_or_default();
        let clients = objects.iter().filter(|object| object.name.kind == ObjectKind::Client);
        let names: BTreeMap<&str, &str> = clients
            .filter_map(|object| Some((object.name.id.as_str(), object.document["ClientName"].as_str()?)))
            .collect();
        let captured = objects.iter().map(|object| (&object.name, &object.document)).collect();
        let from = Home::of_arn(arn).unwrap_or_else(|| to.clone());
        let secrets = map.check(&Checked { list, captured: &captured, names: &names, from: &from })?;
        Ok(Self {
            list,
            captured,
            rewrites: &map.rewrites,
            secrets,
            from,
            to,
            tier: user_pool["UserPoolTier"].as_str().and_then(Tier::parse),
            scopes: objects.iter().flat_map(client::scopes_of).collect(),
            labels: labels_of(&names),
            steps: Vec::new(),
            made: BTreeSet::new(),
            left_out: Vec::new(),
            is_unprotected: false,
            registration: Value::Null,
            triggers: json!({}),
            is_protected: false,
        })
    }

    pub fn finished(mut self) -> RebuildPlan {
        self.left_out.sort();
        self.left_out.dedup();
        let web_acl = self.captured.get(&ObjectName::single(ObjectKind::WebAcl));
        let web_acl = web_acl.and_then(|list| list["ARN"].as_str()).map(str::to_owned);
        let web_acl = web_acl.filter(|_| self.from == *self.to);
        let Self { steps, left_out, triggers, is_protected, tier, .. } = self;
        RebuildPlan { steps, left_out, triggers, is_protected, tier, web_acl }
    }

    fn leave(&mut self, object: &str, field: Option<&str>, reason: LeftReason) {
        self.left_out.push(LeftOut { object: object.to_owned(), field: field.map(str::to_owned), reason });
    }

    /// The name for a reader. A map that has it means the same object.
    fn label(&self, name: &ObjectName) -> String {
        let known = name.client().and_then(|client| self.labels.get(client));
        known.map_or_else(|| name.to_string(), |known| name.with_client(known).to_string())
    }

    fn has_made(&self, kind: ObjectKind, id: &str) -> bool {
        self.made.contains(&ObjectName::of(kind, id))
    }

    fn has_made_any(&self, kind: ObjectKind) -> bool {
        self.made.iter().any(|name| name.kind == kind)
    }

    /// Whether the pool certainly has a lower tier.
    fn is_below(&self, tier: Tier) -> bool {
        self.tier.is_some_and(|of_pool| of_pool < tier)
    }

    /// What the new pool itself gets.
    fn user_pool(&self) -> &Value {
        self.steps.first().map_or(&Value::Null, |step| &step.document)
    }

    /// Adds the step that makes an object, or notes why there is none.
    pub fn add(&mut self, object: &CapturedObject) {
        if self.is_default(object) {
            return;
        }
        let label = self.label(&object.name);
        if let Some(reason) = self.reason_to_leave_out(object) {
            self.leave(&label, None, reason);
            return;
        }
        let mut document = object.document.clone();
        let is_made = match object.name.kind {
            ObjectKind::UserPool => self.prepare_user_pool(&mut document, &label),
            ObjectKind::IdentityProvider => self.prepare_provider(object, &mut document, &label),
            ObjectKind::Client => self.prepare_client(object, &mut document, &label),
            ObjectKind::Domain => self.prepare_domain(object, &mut document, &label),
            ObjectKind::LogDelivery => self.prepare_logs(&mut document, &label),
            ObjectKind::Mfa => self.prepare_mfa(&mut document, &label),
            kind => self.rewrite(kind, &mut document, &label),
        };
        if is_made {
            let generates_secret = document["GenerateSecret"] == true;
            self.made.insert(object.name.clone());
            let (name, part) = (object.name.clone(), None);
            self.steps.push(Step { name, part, label, document, generates_secret });
        }
    }

    /// Whether every pool and client has this object, so that nothing is to do. Tiers without sessions refuse even the
    /// default ones.
    fn is_default(&self, object: &CapturedObject) -> bool {
        let document = &object.document;
        match object.name.kind {
            ObjectKind::Sessions if object.name.id == POOL_WIDE => {
                let most = document["TokenSession"]["MaxPerUser"].as_u64();
                !self.tracks_sessions() && most.is_none_or(|most| most == 20)
            }
            ObjectKind::Sessions => document["SSOSession"]["MaxValidityMinutes"] == 60,
            _ => false,
        }
    }

    fn tracks_sessions(&self) -> bool {
        let of_pool = self.captured.get(&ObjectName::of(ObjectKind::Sessions, POOL_WIDE));
        of_pool.is_some_and(|sessions| sessions["UserSessionTracking"] == "ENABLED")
    }

    /// Why the whole object is left out, if it is.
    fn reason_to_leave_out(&self, object: &CapturedObject) -> Option<LeftReason> {
        let (name, document) = (&object.name, &object.document);
        // The name of a policy for metadata documents does not have its client.
        let client = match name.kind {
            ObjectKind::Client => None,
            ObjectKind::CimdPolicy => Some(document["ClientId"].as_str().unwrap_or_default()),
            _ => name.client(),
        };
        if client.is_some_and(|client| !self.has_made(ObjectKind::Client, client)) {
            return Some(LeftReason::NamesLeftOut);
        }
        match name.kind {
            ObjectKind::ResourceServer if document["ManagedBy"] == "COGNITO" => {
                Some(LeftReason::MadeByItself)
            }
            ObjectKind::IdentityProvider => {
                let is_missing = !missing_secrets(name.kind, document, Purpose::Create).is_empty();
                let is_supplied = self.secrets.contains_key(name);
                (is_missing && !is_supplied).then_some(LeftReason::SecretMissing)
            }
            ObjectKind::Client if is_made_by_itself(document) => Some(LeftReason::MadeByItself),
            ObjectKind::Domain if !self.rewrites.domains.contains_key(&name.id) => {
                Some(LeftReason::DomainHeld)
            }
            ObjectKind::UiCustomization if !self.has_made_any(ObjectKind::Domain) => {
                Some(LeftReason::NoDomain)
            }
            ObjectKind::UiCustomization if document["CSS"].is_null() && document["ImageFile"].is_null() => {
                Some(LeftReason::NotCaptured)
            }
            // Cognito takes the sessions of a client only while the pool tracks sessions.
            ObjectKind::Sessions if name.id != POOL_WIDE && !self.tracks_sessions() => {
                Some(LeftReason::NotRestorable)
            }
            ObjectKind::RiskConfiguration if self.is_unprotected || self.is_below(Tier::Plus) => {
                Some(LeftReason::Tier)
            }
            _ => None,
        }
    }

    /// Rewrites what belongs to the old account and Region. Returns true, because the object is made without the rest.
    fn rewrite(&mut self, kind: ObjectKind, document: &mut Value, label: &str) -> bool {
        for (path, reason) in self.rewrites.apply(kind, document, &self.from, self.to) {
            self.leave(label, Some(&path), reason);
        }
        true
    }

    /// Cognito refuses a request with logs that the tier forbids. Without logs, there is nothing to make.
    fn prepare_logs(&mut self, document: &mut Value, label: &str) -> bool {
        let is_forbidden = |log: &Value| log["EventSource"] == "userAuthEvents" && self.is_below(Tier::Plus);
        let logs = document["LogConfigurations"].as_array().cloned().unwrap_or_default();
        let (forbidden, kept): (Vec<_>, Vec<_>) = logs.into_iter().partition(is_forbidden);
        document["LogConfigurations"] = kept.into();
        for log in forbidden {
            let source = log["EventSource"].as_str().unwrap_or_default();
            self.leave(label, Some(&format!("LogConfigurations[{source}]")), LeftReason::Tier);
        }
        self.rewrite(ObjectKind::LogDelivery, document, label);
        document["LogConfigurations"].as_array().is_some_and(|logs| !logs.is_empty())
    }

    /// A secret of the operator comes before that of the snapshot.
    fn prepare_provider(&mut self, object: &CapturedObject, document: &mut Value, label: &str) -> bool {
        let secret = self.secrets.get(&object.name);
        let path = secrets_of(object.name.kind, document, Purpose::Create).into_iter().next();
        if let (Some(path), Some(secret)) = (path, secret) {
            put_secret(document, path, secret);
        }
        self.rewrite(object.name.kind, document, label)
    }

    /// What no step makes, and what the snapshot lacks.
    pub fn leave_the_rest(&mut self, objects: &[CapturedObject]) {
        for object in objects {
            let label = self.label(&object.name);
            match object.name.kind {
                ObjectKind::SigningCertificate => self.leave(&label, None, LeftReason::NewInEachPool),
                ObjectKind::Replica | ObjectKind::WebAcl => {
                    self.leave(&label, None, LeftReason::NotRestorable);
                }
                ObjectKind::ClientSecrets
                    if object.document["ClientSecrets"]
                        .as_array()
                        .is_some_and(|secrets| secrets.len() > 1) =>
                {
                    self.leave(&label, Some("ClientSecrets"), LeftReason::NotRestorable);
                }
                _ => {}
            }
        }
        self.leave_what_is_not_captured();
        self.leave_what_is_unknown();
    }

    /// What the capture could not read, also if no earlier snapshot has it.
    fn leave_what_is_not_captured(&mut self) {
        let list = self.list;
        for lacking in list.not_captured() {
            // The export did not look for these objects, so the note says nothing about the pool. A noted member was there.
            let is_unread = lacking.reason == NotCapturedReason::NotRead && lacking.member.is_none();
            let is_secret = lacking.member.as_deref().is_some_and(|member| match &lacking.object {
                Uncaptured::One(name) => is_secret(name.kind, member),
                _ => false,
            });
            // The steps of clients and providers say what becomes of their secrets.
            if lacking.reason.is_absence() || is_unread || is_secret {
                continue;
            }
            let object = match &lacking.object {
                Uncaptured::One(name) if self.captured.contains_key(name) => self.label(name),
                object => object.shown_name(),
            };
            let reason = match lacking.object.kind() {
                Some(ObjectKind::SigningCertificate) => LeftReason::NewInEachPool,
                _ => LeftReason::NotCaptured,
            };
            self.leave(&object, lacking.shown_member().as_deref(), reason);
        }
    }

    /// Objects and members of a later version, which no request of this one has.
    fn leave_what_is_unknown(&mut self) {
        let list = self.list;
        for entry in list.unknown() {
            let name = Uncaptured::Other(entry.name.clone()).shown_name();
            self.leave(&name, None, LeftReason::Unknown);
        }
        for entry in list.entries() {
            let label = self.label(&entry.name);
            for secret in &entry.secrets {
                if !is_secret(entry.name.kind, &secret.member) {
                    self.leave(&label, Some(&shown_member(&secret.member)), LeftReason::Unknown);
                }
            }
        }
    }
}

/// The names of clients that no other client has as its name or id.
fn labels_of<'a>(names: &BTreeMap<&'a str, &'a str>) -> BTreeMap<&'a str, &'a str> {
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    let mut ambiguous = BTreeSet::new();
    for (&id, &name) in names {
        if ids.insert(name, id).is_some() || names.contains_key(name) {
            ambiguous.insert(name);
        }
    }
    names.iter().filter(|(_, name)| !ambiguous.contains(*name)).map(|(id, name)| (*id, *name)).collect()
}
