//! The steps of a rebuild, in their order, and what they leave out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::super::difference::document::POOL_WIDE;
use super::super::request::{Purpose, missing_secrets, put_secret};
use super::super::{CapturedList, CapturedObject, ObjectKind, ObjectName, Tier};
use super::bound::remove;
use super::{Place, Rewrites, SuppliedSecrets};

/// The order in which the objects of a pool are made: an object comes after those that it names.
const ORDER: [ObjectKind; 12] = [
    ObjectKind::UserPool,
    ObjectKind::ResourceServer,
    ObjectKind::IdentityProvider,
    ObjectKind::Client,
    ObjectKind::Domain,
    ObjectKind::Mfa,
    ObjectKind::UiCustomization,
    ObjectKind::Branding,
    ObjectKind::Terms,
    ObjectKind::RiskConfiguration,
    ObjectKind::LogDelivery,
    ObjectKind::CimdPolicy,
];

/// Why a rebuild leaves something out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LeftReason {
    /// It belongs to another account or Region, and the map does not have it.
    Bound,
    /// The tier of the pool forbids it.
    Tier,
    /// Its secret was not captured and is not supplied.
    SecretMissing,
    /// The old pool may hold the domain, and the map does not name another one.
    DomainHeld,
    /// It needs a domain, and the new pool gets none.
    NoDomain,
    /// The snapshot does not have it.
    NotCaptured,
    /// AWS makes it, or a client that registers itself.
    MadeByItself,
    /// No call can make it again.
    NotRestorable,
    /// It names what is left out.
    NamesLeftOut,
}

impl LeftReason {
    /// The words for a reader.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bound => "belongs to another account or Region, and the map does not have it",
            Self::Tier => "the tier of the user pool forbids it",
            Self::SecretMissing => "its secret is not in the snapshot, and not supplied",
            Self::DomainHeld => "the old user pool may hold it, and the map does not name a domain",
            Self::NoDomain => "it needs a domain",
            Self::NotCaptured => "the snapshot does not have it",
            Self::MadeByItself => "AWS or the client makes it by itself",
            Self::NotRestorable => "no call can make it again",
            Self::NamesLeftOut => "it names what is left out",
        }
    }
}

/// One object, or one member of it, that a rebuild leaves out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    pub object: String,
    /// Null if the whole object is left out.
    pub field: Option<String>,
    pub reason: LeftReason,
}

/// One object to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name in the snapshot.
    pub name: ObjectName,
    /// The words for a reader: a client by its name.
    pub label: String,
    /// What the new pool gets, with the ids of the old pool. It can hold secrets, so it is never shown.
    document: Value,
    /// Whether the client gets a new secret.
    pub generates_secret: bool,
}

impl Step {
    /// The document, for the code that makes the request of it.
    pub fn reveal(&self) -> &Value {
        &self.document
    }
}

/// What a rebuild does.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuildPlan {
    pub steps: Vec<Step>,
    pub left: Vec<LeftOut>,
    /// `LambdaConfig`, for the end.
    pub triggers: Value,
    /// Whether deletion protection is switched on at the end.
    pub is_protected: bool,
    pub tier: Option<Tier>,
}

/// Why a rebuild cannot begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanRefusal {
    /// The capture lacks the pool itself.
    NoUserPool,
    /// A client names a provider that the snapshot does not have.
    UnknownProvider { client: String, provider: String },
    /// The map names an object that the snapshot does not have.
    UnknownInMap { name: String },
}

/// Plans a rebuild. The bytes of assets must be in the objects.
///
/// # Errors
/// If the rebuild cannot begin.
pub fn plan(
    list: &CapturedList,
    objects: &[CapturedObject],
    rewrites: &Rewrites,
    secrets: &SuppliedSecrets,
    to: &Place,
) -> Result<RebuildPlan, PlanRefusal> {
    let user_pool = objects.iter().find(|object| object.name.kind == ObjectKind::UserPool);
    let user_pool = user_pool.ok_or(PlanRefusal::NoUserPool)?;
    let arn = user_pool.document["Arn"].as_str().unwrap_or_default();
    let from = Place::of_arn(arn).unwrap_or_else(|| to.clone());
    let tier = user_pool.document["UserPoolTier"].as_str().and_then(Tier::parse);
    let names: BTreeMap<&str, &str> = objects
        .iter()
        .filter(|object| object.name.kind == ObjectKind::Client)
        .filter_map(|object| Some((object.name.id.as_str(), object.document["ClientName"].as_str()?)))
        .collect();
    check_map(objects, &names, rewrites, secrets)?;
    let mut planner = Planner {
        list,
        rewrites,
        secrets,
        from,
        to,
        tier,
        names,
        left: Vec::new(),
        providers: BTreeSet::new(),
        captured_providers: objects
            .iter()
            .filter(|object| object.name.kind == ObjectKind::IdentityProvider)
            .map(|object| object.name.id.as_str())
            .collect(),
        clients: BTreeSet::new(),
        has_domain: false,
        has_sms: false,
        has_sender: false,
        add_on_left: false,
        tracks_sessions: false,
        triggers: json!({}),
        is_protected: false,
    };
    let mut steps = Vec::new();
    for kind in ORDER.into_iter().chain([ObjectKind::Sessions]) {
        // The sessions of the pool come first: those of clients need them.
        let mut of_kind: Vec<_> = objects.iter().filter(|object| object.name.kind == kind).collect();
        of_kind.sort_by_key(|object| (object.name.id != POOL_WIDE, &object.name));
        for object in of_kind {
            steps.extend(planner.step(object)?);
        }
    }
    planner.leave_the_rest(objects);
    let Planner { mut left, triggers, is_protected, .. } = planner;
    left.sort();
    left.dedup();
    Ok(RebuildPlan { steps, left, triggers, is_protected, tier })
}

/// Refuses a map with a domain or a secret of an object that is not there: a slip of the pen would leave it out.
fn check_map(
    objects: &[CapturedObject],
    names: &BTreeMap<&str, &str>,
    rewrites: &Rewrites,
    secrets: &SuppliedSecrets,
) -> Result<(), PlanRefusal> {
    let has = |name: &ObjectName| objects.iter().any(|object| object.name == *name);
    for domain in rewrites.domains.keys() {
        let name = ObjectName::of(ObjectKind::Domain, domain.as_str());
        if !has(&name) {
            return Err(PlanRefusal::UnknownInMap { name: name.to_string() });
        }
    }
    for name in secrets.names() {
        let is_client = |client: &str| names.iter().any(|(id, known)| *id == client || *known == client);
        let is_known = match name.split_once('/') {
            Some(("clients", client)) => is_client(client),
            Some(("identityProviders", _)) => ObjectName::parse(name).is_some_and(|name| has(&name)),
            _ => false,
        };
        if !is_known {
            return Err(PlanRefusal::UnknownInMap { name: name.to_owned() });
        }
    }
    Ok(())
}

struct Planner<'a> {
    list: &'a CapturedList,
    rewrites: &'a Rewrites,
    secrets: &'a SuppliedSecrets,
    from: Place,
    to: &'a Place,
    tier: Option<Tier>,
    /// The names of clients, by id.
    names: BTreeMap<&'a str, &'a str>,
    left: Vec<LeftOut>,
    providers: BTreeSet<String>,
    captured_providers: BTreeSet<&'a str>,
    /// The ids of the clients that are made.
    clients: BTreeSet<String>,
    has_domain: bool,
    has_sms: bool,
    has_sender: bool,
    add_on_left: bool,
    tracks_sessions: bool,
    triggers: Value,
    is_protected: bool,
}

impl<'a> Planner<'a> {
    fn leave(&mut self, object: &str, field: Option<&str>, reason: LeftReason) {
        self.left.push(LeftOut { object: object.to_owned(), field: field.map(str::to_owned), reason });
    }

    /// The name for a reader.
    fn label(&self, name: &ObjectName) -> String {
        let known = name.client().and_then(|client| self.names.get(client));
        known.map_or_else(|| name.to_string(), |known| name.with_client(known).to_string())
    }

    fn step(&mut self, object: &CapturedObject) -> Result<Option<Step>, PlanRefusal> {
        let label = self.label(&object.name);
        let mut document = object.document.clone();
        if object.name.kind == ObjectKind::Sessions && self.is_default_session(&document) {
            return Ok(None);
        }
        if object.name.kind == ObjectKind::UserPool {
            self.is_protected = document["DeletionProtection"] == "ACTIVE";
        }
        for path in self.rewrites.apply(object.name.kind, &mut document, &self.from, self.to) {
            self.leave(&label, Some(&path), LeftReason::Bound);
        }
        if let Some(reason) = self.whole(object, &mut document, &label)? {
            self.leave(&label, None, reason);
            return Ok(None);
        }
        let mut generates_secret = false;
        match object.name.kind {
            ObjectKind::UserPool => self.user_pool(&mut document, &label),
            ObjectKind::Mfa => self.mfa(&mut document, &label),
            ObjectKind::Client => generates_secret = self.client(object, &mut document, &label)?,
            _ => {}
        }
        Ok(Some(Step { name: object.name.clone(), label, document, generates_secret }))
    }

    /// Whether the sessions are those that every pool and client has. Tiers without sessions refuse even these.
    fn is_default_session(&mut self, document: &Value) -> bool {
        if document["SSOSession"].is_null() {
            self.tracks_sessions = document["UserSessionTracking"] == "ENABLED";
            let most = document["TokenSession"]["MaxPerUser"].as_u64();
            return !self.tracks_sessions && most.is_none_or(|most| most == 20);
        }
        document["SSOSession"]["MaxValidityMinutes"] == 60
    }

    /// Why the whole object is left out, if it is.
    fn whole(
        &mut self,
        object: &CapturedObject,
        document: &mut Value,
        label: &str,
    ) -> Result<Option<LeftReason>, PlanRefusal> {
        let kind = object.name.kind;
        // The name of a policy for metadata documents does not have its client.
        let client = match kind {
            ObjectKind::Client => None,
            ObjectKind::CimdPolicy => Some(document["ClientId"].as_str().unwrap_or_default()),
            _ => object.name.client(),
        };
        if client.is_some_and(|client| !self.clients.contains(client)) {
            return Ok(Some(LeftReason::NamesLeftOut));
        }
        Ok(match kind {
            ObjectKind::ResourceServer if document["ManagedBy"] == "COGNITO" => {
                Some(LeftReason::MadeByItself)
            }
            ObjectKind::IdentityProvider => {
                let missing = missing_secrets(kind, document, Purpose::Create);
                match (missing.first(), self.secrets.of(&[object.name.to_string()])) {
                    (None, _) => {}
                    (Some(path), Some(secret)) => put_secret(document, path, secret),
                    (Some(_), None) => return Ok(Some(LeftReason::SecretMissing)),
                }
                self.providers.insert(object.name.id.clone());
                None
            }
            ObjectKind::Client => {
                let name = document["ClientName"].as_str().unwrap_or_default();
                let is_of_aws = ["AmazonOpenSearchService-", "AWSElasticsearch-"];
                let is_made = is_of_aws.iter().any(|prefix| name.starts_with(prefix));
                (document["ClientType"] == "DCR" || is_made).then_some(LeftReason::MadeByItself)
            }
            ObjectKind::Domain => match self.rewrites.domains.get(&object.name.id) {
                None => Some(LeftReason::DomainHeld),
                Some(_) if object.name.id.contains('.') && document["CustomDomainConfig"].is_null() => {
                    Some(LeftReason::Bound)
                }
                Some(new) => {
                    document["Domain"] = new.as_str().into();
                    if !new.contains('.') {
                        remove(document, "CustomDomainConfig");
                    }
                    if remove(document, "Routing") {
                        self.leave(label, Some("Routing"), LeftReason::NotRestorable);
                    }
                    self.has_domain = true;
                    None
                }
            },
            ObjectKind::UiCustomization if !self.has_domain => Some(LeftReason::NoDomain),
            ObjectKind::UiCustomization if document["CSS"].is_null() && document["ImageFile"].is_null() => {
                Some(LeftReason::NotCaptured)
            }
            // Cognito takes the sessions of a client only while the pool tracks sessions.
            ObjectKind::Sessions if object.name.id != POOL_WIDE && !self.tracks_sessions => {
                Some(LeftReason::NotRestorable)
            }
            ObjectKind::RiskConfiguration if self.add_on_left => Some(LeftReason::Tier),
            _ => None,
        })
    }

    fn user_pool(&mut self, document: &mut Value, label: &str) {
        self.triggers = document["LambdaConfig"].take();
        remove(document, "LambdaConfig");
        document["DeletionProtection"] = "INACTIVE".into();
        self.has_sms = document["SmsConfiguration"].is_object();
        self.has_sender = document["EmailConfiguration"]["EmailSendingAccount"] == "DEVELOPER";
        let mode = document["UserPoolAddOns"]["AdvancedSecurityMode"].as_str().unwrap_or("OFF");
        // A pool of old prices can have it below its tier. No new pool can.
        if mode != "OFF" && self.tier.is_some_and(|tier| tier < Tier::Plus) {
            remove(document, "UserPoolAddOns");
            self.add_on_left = true;
            self.leave(label, Some("UserPoolAddOns"), LeftReason::Tier);
        }
        let factors = document.pointer_mut("/Policies/SignInPolicy/AllowedFirstAuthFactors");
        if let Some(Value::Array(factors)) = factors
            && !self.has_sms
            && factors.contains(&json!("SMS_OTP"))
        {
            factors.retain(|factor| factor != "SMS_OTP");
            self.leave(
                label,
                Some("Policies.SignInPolicy.AllowedFirstAuthFactors"),
                LeftReason::NamesLeftOut,
            );
        }
    }

    fn mfa(&mut self, document: &mut Value, label: &str) {
        if !self.has_sms && remove(document, "SmsMfaConfiguration") {
            self.leave(label, Some("SmsMfaConfiguration"), LeftReason::NamesLeftOut);
        }
        if !self.has_sender && remove(document, "EmailMfaConfiguration") {
            self.leave(label, Some("EmailMfaConfiguration"), LeftReason::NamesLeftOut);
        }
        let party = document.pointer_mut("/WebAuthnConfiguration/RelyingPartyId");
        if let Some(Value::String(party)) = party
            && let Some(new) = self.rewrites.domains.get(party)
        {
            party.clone_from(new);
        }
        let has_factor = document["SmsMfaConfiguration"].is_object()
            || document["EmailMfaConfiguration"].is_object()
            || document["SoftwareTokenMfaConfiguration"]["Enabled"] == true;
        // The look at an absent member leaves a null, which a request does not have.
        if !has_factor && document["MfaConfiguration"].as_str().is_some_and(|mode| mode != "OFF") {
            document["MfaConfiguration"] = "OFF".into();
            self.leave(label, Some("MfaConfiguration"), LeftReason::NamesLeftOut);
        }
    }

    /// Returns whether the client gets a new secret.
    fn client(
        &mut self,
        object: &CapturedObject,
        document: &mut Value,
        label: &str,
    ) -> Result<bool, PlanRefusal> {
        let captured = &self.captured_providers;
        let list_is_complete = !self
            .list
            .not_captured()
            .iter()
            .any(|lacking| lacking.shown_name().starts_with(ObjectKind::IdentityProvider.name()));
        let mut lost = false;
        if let Some(Value::Array(providers)) = document.get_mut("SupportedIdentityProviders") {
            for provider in providers.iter().filter_map(Value::as_str) {
                if provider != "COGNITO" && !captured.contains(provider) && list_is_complete {
                    let client = label.to_owned();
                    return Err(PlanRefusal::UnknownProvider { client, provider: provider.to_owned() });
                }
            }
            let before = providers.len();
            let made = &self.providers;
            providers.retain(|provider| {
                provider.as_str().is_some_and(|name| name == "COGNITO" || made.contains(name))
            });
            lost = providers.len() < before;
        }
        if lost {
            self.leave(label, Some("SupportedIdentityProviders"), LeftReason::NamesLeftOut);
        }
        self.clients.insert(object.name.id.clone());
        let entry = self.list.entries().iter().find(|entry| entry.name == object.name);
        let in_manager = document["ClientSecretArn"].is_string();
        let of_secrets = ObjectName::of(ObjectKind::ClientSecrets, object.name.id.as_str());
        let has_secret = in_manager
            || document["ClientSecret"].is_string()
            || entry.is_some_and(|entry| entry.secrets_left_out > 0)
            || self.list.has(&of_secrets);
        if !has_secret {
            return Ok(false);
        }
        let names = [object.name.to_string(), label.to_owned()];
        if in_manager {
            document["PublishSecretsInAWSSecretsManager"] = true.into();
        }
        match self.secrets.of(&names) {
            Some(secret) => {
                document["ClientSecret"] = secret.into();
                Ok(false)
            }
            None if document["ClientSecret"].is_string() => Ok(false),
            None => {
                document["GenerateSecret"] = true.into();
                self.leave(label, Some("ClientSecret"), LeftReason::SecretMissing);
                Ok(true)
            }
        }
    }

    /// What no step makes, and what the snapshot lacks.
    fn leave_the_rest(&mut self, objects: &[CapturedObject]) {
        for object in objects {
            let label = self.label(&object.name);
            match object.name.kind {
                ObjectKind::Replica | ObjectKind::SigningCertificate | ObjectKind::WebAcl => {
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
        let lacking = self.list.incomplete().map(|lacking| (lacking.shown_name(), lacking.member.clone()));
        for (object, member) in lacking.collect::<Vec<_>>() {
            self.leave(&object, member.as_deref(), LeftReason::NotCaptured);
        }
    }
}
