//! Objects to create and to delete, and the rules of single kinds.

use serde_json::{Value, json};

use super::super::super::difference::document::POOL_WIDE;
use super::super::super::path::{at, remove};
use super::super::super::rebuild::is_made_by_itself;
use super::super::super::request::{Purpose, missing_secrets, put_secret};
use super::super::super::{ObjectKind, ObjectName, Tier};
use super::super::{Allow, ApplyReason};
use super::{Planner, tier_of};

impl Planner<'_> {
    /// Why an object of the capture is not created.
    pub(super) fn reason_not_to_create(&self, name: &ObjectName) -> Option<ApplyReason> {
        let document = *self.captured.get(name)?;
        let client = match name.kind {
            ObjectKind::Client => None,
            // Its name does not have its client.
            ObjectKind::CimdPolicy => Some(document["ClientId"].as_str().unwrap_or_default()),
            _ => name.client(),
        };
        if client.is_some_and(|client| !self.has_client(client)) {
            return Some(ApplyReason::NamesMissing);
        }
        match name.kind {
            ObjectKind::Client if is_made_by_itself(document) => Some(ApplyReason::MadeByAws),
            ObjectKind::Client if !self.choices.recreate_clients => Some(ApplyReason::NeedsRecreateClients),
            ObjectKind::Client | ObjectKind::CimdPolicy if !self.has_unique_name(name) => {
                Some(ApplyReason::AmbiguousName)
            }
            ObjectKind::IdentityProvider => {
                let is_missing = !missing_secrets(name.kind, document, Purpose::Create).is_empty();
                is_missing.then_some(ApplyReason::SecretMissing)
            }
            ObjectKind::Domain => self.has_domain_like(&name.id).then_some(ApplyReason::OtherDomain),
            ObjectKind::UiCustomization if document["CSS"].is_null() && document["ImageFile"].is_null() => {
                Some(ApplyReason::LogoNotCaptured)
            }
            ObjectKind::UiCustomization => {
                let has_domain = self.target.objects_of(ObjectKind::Domain).next().is_some();
                (!has_domain).then_some(ApplyReason::NoDomain)
            }
            ObjectKind::RiskConfiguration => self.reason_without_add_ons(),
            ObjectKind::Branding => self.reason_below(Tier::Essentials),
            ObjectKind::Sessions => self.reason_below(Tier::Essentials).or_else(|| {
                (name.id != POOL_WIDE && !self.tracks_sessions()).then_some(ApplyReason::NotTracked)
            }),
            ObjectKind::Client | ObjectKind::ResourceServer | ObjectKind::Terms => None,
            ObjectKind::CimdPolicy => self.reason_below(Tier::Essentials),
            _ => Some(ApplyReason::CannotChange),
        }
    }

    /// Creates an object of the capture.
    pub(super) fn create(&mut self, name: &ObjectName) {
        let Some(mut target) = self.captured.get(name).map(|document| (*document).clone()) else { return };
        if name.kind == ObjectKind::Client {
            self.new_client(name, &mut target);
        } else {
            self.name_live_client(&mut target);
        }
        let new = self.name_in_pool(name);
        self.target.put(new.clone(), target);
        self.created.insert(new);
    }

    /// The name of an object of the capture in the pool.
    pub(super) fn name_in_pool(&self, name: &ObjectName) -> ObjectName {
        let live = name.client().and_then(|client| self.clients.get(client));
        live.map_or_else(|| name.clone(), |live| name.with_client(live))
    }

    /// Why an object is not deleted that the capture does not have.
    pub(super) fn reason_not_to_delete(&self, name: &ObjectName) -> Option<ApplyReason> {
        let document = self.live.object(name)?;
        let owner = match name.kind {
            ObjectKind::Client => None,
            _ => name.client().map(|client| ObjectName::of(ObjectKind::Client, client)),
        };
        // What belongs to a client goes and stays with it.
        if let Some(owner) = &owner {
            if self.deleted.contains(owner) {
                return None;
            }
            let of_owner = self.reasons.iter().find(|(object, path, _)| object == owner && path.is_empty());
            if let Some((.., reason)) = of_owner {
                return Some(*reason);
            }
        }
        match name.kind {
            ObjectKind::Client if is_made_by_itself(document) => Some(ApplyReason::MadeByAws),
            // A client takes its look with it.
            ObjectKind::Client | ObjectKind::UiCustomization
                if self.choices.delete_extra && self.may_not_lose_logo(&name.id) =>
            {
                Some(ApplyReason::NeedsAllow(Allow::LostLogo))
            }
            ObjectKind::Domain if self.wants_domain_like(&name.id) => Some(ApplyReason::OtherDomain),
            ObjectKind::Client
            | ObjectKind::IdentityProvider
            | ObjectKind::ResourceServer
            | ObjectKind::Domain
            | ObjectKind::UiCustomization
            | ObjectKind::Branding
            | ObjectKind::RiskConfiguration
            | ObjectKind::Terms
            | ObjectKind::CimdPolicy => (!self.choices.delete_extra).then_some(ApplyReason::NeedsDeleteExtra),
            _ => Some(ApplyReason::CannotChange),
        }
    }

    /// Whether the pool has the client of the capture, or gets it.
    fn has_client(&self, id: &str) -> bool {
        let id = self.clients.get(id).map_or(id, String::as_str);
        self.target.object(&ObjectName::of(ObjectKind::Client, id)).is_some()
            || self.live.uncaptured_kind(ObjectKind::Client).is_some()
    }

    /// Whether the pool has another domain of the same form. A pool has at most one prefix and one custom domain.
    fn has_domain_like(&self, domain: &str) -> bool {
        let is_alike = |(id, _): (&str, &Value)| id != domain && id.contains('.') == domain.contains('.');
        self.live.objects_of(ObjectKind::Domain).any(is_alike)
    }

    fn wants_domain_like(&self, domain: &str) -> bool {
        let captured = self.captured.keys().filter(|name| name.kind == ObjectKind::Domain);
        captured.into_iter().any(|name| name.id != domain && name.id.contains('.') == domain.contains('.'))
    }

    fn tracks_sessions(&self) -> bool {
        let of_pool = self.target.object(&ObjectName::of(ObjectKind::Sessions, POOL_WIDE));
        of_pool.is_some_and(|sessions| sessions["UserSessionTracking"] == "ENABLED")
    }

    fn reason_below(&self, least: Tier) -> Option<ApplyReason> {
        tier_of(self.target_pool()).filter(|tier| *tier < least).map(|_| self.reason_of_tier(least))
    }

    fn reason_without_add_ons(&self) -> Option<ApplyReason> {
        let is_on = |pool: &Value| {
            pool["UserPoolAddOns"]["AdvancedSecurityMode"].as_str().is_some_and(|mode| mode != "OFF")
        };
        let is_wanted =
            self.captured.get(&ObjectName::single(ObjectKind::UserPool)).is_some_and(|pool| is_on(pool));
        let is_allowed = self.choices.allow.contains(&Allow::AddOns);
        if is_on(self.target_pool()) {
            None
        } else if is_wanted && !is_allowed {
            Some(ApplyReason::NeedsAllow(Allow::AddOns))
        } else {
            Some(ApplyReason::Tier)
        }
    }

    pub(super) fn provider(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        if target["ProviderType"] != live["ProviderType"] {
            target.clone_from(live);
            self.stays(name, "", ApplyReason::CannotChange);
            return;
        }
        for path in missing_secrets(name.kind, target, Purpose::Update) {
            if let Some(Value::String(secret)) = at(live, path) {
                put_secret(target, path, secret);
            }
        }
        if !missing_secrets(name.kind, target, Purpose::Update).is_empty() {
            self.keep(name, target, live, "ProviderDetails", ApplyReason::SecretMissing);
        }
    }

    /// A classic look. A request has all of it, and the bytes of a logo may not be known.
    pub(super) fn look(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        let [has_logo, wants_logo] = [live, target].map(|look| look["ImageUrl"].is_string());
        if has_logo && self.may_not_lose_logo(&name.id) {
            target.clone_from(live);
            self.stays(name, "", ApplyReason::NeedsAllow(Allow::LostLogo));
        } else if has_logo && wants_logo && target["ImageFile"].is_null() {
            // Whether a request without the logo removes it, is not measured.
            target.clone_from(live);
            self.stays(name, "", ApplyReason::LogoNotCaptured);
        } else if wants_logo && target["ImageFile"].is_null() {
            remove(target, "ImageUrl");
            self.stays(name, "ImageFile", ApplyReason::LogoNotCaptured);
            if target["CSS"].is_null() {
                target.clone_from(live);
                self.stays(name, "", ApplyReason::LogoNotCaptured);
            }
        }
        if target["ImageUrl"].is_null() {
            // It has no logo after the request, whether the present one could be read or not.
            self.target.set_complete(name);
        }
    }

    /// Whether the look has a logo that could not be read, and that the operator does not give up: no capture brings it
    /// back.
    fn may_not_lose_logo(&self, look: &str) -> bool {
        let name = ObjectName::of(ObjectKind::UiCustomization, look);
        self.unread_logos.contains(&name) && !self.choices.allow.contains(&Allow::LostLogo)
    }

    pub(super) fn logs(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        if tier_of(self.target_pool()).is_none_or(|tier| tier >= Tier::Plus) {
            return;
        }
        let is_of_plus = |log: &Value| log["EventSource"] == "userAuthEvents";
        let present: Vec<Value> = live["LogConfigurations"].as_array().cloned().unwrap_or_default();
        let Some(Value::Array(logs)) = target.get_mut("LogConfigurations") else { return };
        if !logs.iter().any(is_of_plus) {
            return;
        }
        logs.retain(|log| !is_of_plus(log));
        logs.extend(present.into_iter().filter(is_of_plus));
        let reason = self.reason_of_tier(Tier::Plus);
        for found in self.found_in(name) {
            let field = found.field.as_deref().unwrap_or_default();
            if field.starts_with("LogConfigurations[userAuthEvents") {
                self.stays(name, field, reason);
            }
        }
    }

    pub(super) fn sessions(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        if name.id != POOL_WIDE && !self.tracks_sessions() {
            target.clone_from(live);
            self.stays(name, "", ApplyReason::NotTracked);
        }
        if *target == json!({}) {
            target.clone_from(live);
        }
    }
}
