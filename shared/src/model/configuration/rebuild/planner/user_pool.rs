//! The pool itself, and its second factors.

use serde_json::{Value, json};

use super::super::super::path::{at_mut, remove};
use super::super::super::{ObjectKind, ObjectName, Tier};
use super::super::domains::new_host;
use super::super::{LeftReason, Step};
use super::Planner;

/// The member that lets clients register themselves.
const REGISTRATION: &str = "DcrConfiguration";

impl Planner<'_> {
    pub(super) fn prepare_user_pool(&mut self, document: &mut Value, label: &str) -> bool {
        self.is_protected = document["DeletionProtection"] == "ACTIVE";
        self.rewrite(ObjectKind::UserPool, document, label);
        if let Some(triggers) = at_mut(document, "LambdaConfig") {
            self.triggers = triggers.take();
            remove(document, "LambdaConfig");
        }
        if let Some(registration) = at_mut(document, REGISTRATION) {
            self.registration = registration.take();
            remove(document, REGISTRATION);
        }
        document["DeletionProtection"] = "INACTIVE".into();
        let mode = document["UserPoolAddOns"]["AdvancedSecurityMode"].as_str().unwrap_or("OFF");
        // A pool of old prices can have it below its tier. No new pool can.
        if mode != "OFF" && self.is_below(Tier::Plus) {
            remove(document, "UserPoolAddOns");
            self.is_unprotected = true;
            self.leave(label, Some("UserPoolAddOns"), LeftReason::Tier);
        }
        let has_sms = document["SmsConfiguration"].is_object();
        let factors = at_mut(document, "Policies.SignInPolicy.AllowedFirstAuthFactors");
        if let Some(Value::Array(factors)) = factors
            && !has_sms
            && factors.contains(&json!("SMS_OTP"))
        {
            factors.retain(|factor| factor != "SMS_OTP");
            self.leave(
                label,
                Some("Policies.SignInPolicy.AllowedFirstAuthFactors"),
                LeftReason::NamesLeftOut,
            );
        }
        true
    }

    /// Adds the step that lets clients register themselves. It may name scopes, so it comes after the resource servers.
    /// It comes after the clients, too, so that the creation takes no client that registers itself for one of its own.
    pub fn add_registration(&mut self) {
        if self.registration.is_null() {
            return;
        }
        let name = ObjectName::single(ObjectKind::UserPool);
        let document = json!({ REGISTRATION: self.registration.take() });
        let label = format!("{name} {REGISTRATION}");
        self.steps.push(Step { name, part: Some(REGISTRATION), label, document, generates_secret: false });
    }

    pub(super) fn prepare_mfa(&mut self, document: &mut Value, label: &str) -> bool {
        self.rewrite(ObjectKind::Mfa, document, label);
        let has_sms = self.user_pool()["SmsConfiguration"].is_object();
        let has_sender = self.user_pool()["EmailConfiguration"]["EmailSendingAccount"] == "DEVELOPER";
        if !has_sms && remove(document, "SmsMfaConfiguration") {
            self.leave(label, Some("SmsMfaConfiguration"), LeftReason::NamesLeftOut);
        }
        if !has_sender && remove(document, "EmailMfaConfiguration") {
            self.leave(label, Some("EmailMfaConfiguration"), LeftReason::NamesLeftOut);
        }
        let party = at_mut(document, "WebAuthnConfiguration.RelyingPartyId");
        if let Some(Value::String(party)) = party
            && let Some(new) = new_host(&self.rewrites.domains, party, &self.from, self.to)
        {
            *party = new;
        }
        let has_factor = document["SmsMfaConfiguration"].is_object()
            || document["EmailMfaConfiguration"].is_object()
            || document["SoftwareTokenMfaConfiguration"]["Enabled"] == true;
        // A question for an absent member leaves a null, which a request does not have.
        if !has_factor && document["MfaConfiguration"].as_str().is_some_and(|mode| mode != "OFF") {
            document["MfaConfiguration"] = "OFF".into();
            self.leave(label, Some("MfaConfiguration"), LeftReason::NamesLeftOut);
        }
        true
    }
}
