//! The pool itself, and its second factors.

use serde_json::{Value, json};

use super::super::super::path::{at, remove};
use super::super::super::{ObjectKind, ObjectName};
use super::super::tags::keep_own_tags;
use super::super::{Allow, ApplyReason};
use super::Planner;
use super::names::is_custom_attribute;

/// What only changes if the operator allows it, by member of the pool.
const ALLOWED: [(&str, Allow); 4] = [
    ("UserPoolAddOns", Allow::AddOns),
    ("UserPoolTier", Allow::Tier),
    ("IssuerConfiguration", Allow::Issuer),
    ("KeyConfiguration", Allow::Key),
];
/// The members that say how users sign in with a second factor. Passkeys are no second factor.
const FACTORS: [&str; 4] =
    ["MfaConfiguration", "SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration"];

impl Planner<'_> {
    pub(super) fn user_pool(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        self.keep(name, target, live, "Name", ApplyReason::CannotChange);
        for (member, allow) in ALLOWED {
            if self.differs(name, member) && !self.choices.allow.contains(&allow) {
                self.keep(name, target, live, member, ApplyReason::NeedsAllow(allow));
            }
        }
        let is_disarmed = live["DeletionProtection"] == "ACTIVE" && target["DeletionProtection"] != "ACTIVE";
        if is_disarmed && !self.choices.allow.contains(&Allow::DeletionProtectionOff) {
            let reason = ApplyReason::NeedsAllow(Allow::DeletionProtectionOff);
            self.keep(name, target, live, "DeletionProtection", reason);
        }
        keep_own_tags(target, live);
        self.attributes(target, live);
        self.registration(target, live);
    }

    /// The attributes that the pool has, and those that it gets. None can be changed or removed.
    fn attributes(&self, target: &mut Value, live: &Value) {
        let mut attributes = live["SchemaAttributes"].as_array().cloned().unwrap_or_default();
        let is_lacking = |attribute: &&Value| {
            let name = attribute["Name"].as_str().unwrap_or_default();
            is_custom_attribute(name) && !attributes.iter().any(|known| known["Name"] == name)
        };
        let wanted = target["SchemaAttributes"].as_array().into_iter().flatten();
        let lacking: Vec<Value> = wanted.filter(is_lacking).cloned().collect();
        if self.choices.add_attributes {
            attributes.extend(lacking);
        }
        if attributes.is_empty() {
            remove(target, "SchemaAttributes");
        } else {
            target["SchemaAttributes"] = attributes.into();
        }
    }

    /// An update without the registration of clients keeps it. So it is switched off.
    fn registration(&self, target: &mut Value, live: &Value) {
        let Some(of_live) = at(live, "DcrConfiguration").filter(|registration| !registration.is_null())
        else {
            return;
        };
        if target["DcrConfiguration"].is_null() {
            let mut registration = of_live.clone();
            registration["EnableStatus"] = json!("Disabled");
            target["DcrConfiguration"] = registration;
        }
    }

    pub(super) fn mfa(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        if strength(target) >= strength(live) || self.choices.allow.contains(&Allow::MfaOff) {
            return;
        }
        let reason = ApplyReason::NeedsAllow(Allow::MfaOff);
        // Cognito refuses factors beside `OFF`, so the capture has none.
        let kept = if strength(target) == 0 { &FACTORS[..] } else { &FACTORS[..1] };
        for member in kept {
            self.keep(name, target, live, member, reason);
        }
    }

    /// Leaves in the pool what the factors need that stay: they may not be switched off, or nobody asked for them.
    pub(super) fn keep_what_the_factors_need(&mut self) {
        let [mfa, pool] = [ObjectKind::Mfa, ObjectKind::UserPool].map(ObjectName::single);
        let is_withheld = ApplyReason::NeedsAllow(Allow::MfaOff);
        let may_not = self.reasons.iter().any(|(object, _, reason)| *object == mfa && *reason == is_withheld);
        let is_decided = self.found.iter().any(|found| found.object.kind == Some(ObjectKind::Mfa));
        let stays = self.reasons.iter().find(|(object, path, _)| *object == mfa && path.is_empty());
        let stays = stays.map(|(.., reason)| *reason);
        if is_decided && !may_not && stays.is_none() {
            return;
        }
        let reason = match stays {
            Some(reason) => reason,
            None if may_not => is_withheld,
            None => ApplyReason::NeededByMfa,
        };
        let [Some(mut factors), Some(mut target), Some(live)] = [
            self.target.object(&mfa).cloned(),
            self.target.object(&pool).cloned(),
            self.live.object(&pool).cloned(),
        ] else {
            return;
        };
        if strength(&factors) == 0
            || !self.found.iter().any(|found| found.object.kind == Some(ObjectKind::UserPool))
        {
            return;
        }
        if factors["SmsMfaConfiguration"].is_object() && !target["SmsConfiguration"].is_object() {
            self.keep(&pool, &mut target, &live, "SmsConfiguration", reason);
        }
        let has_email = factors["EmailMfaConfiguration"].is_object();
        if has_email && !sends_itself(&target) {
            self.keep(&pool, &mut target, &live, "EmailConfiguration", reason);
        }
        if !recovery_fits(&target, &factors) {
            self.keep(&pool, &mut target, &live, "AccountRecoverySetting", reason);
        }
        if !first_factors_fit(&target, &factors) {
            self.keep(&pool, &mut target, &live, "Policies.SignInPolicy", reason);
        }
        // A request of the factors has the sender of the pool, too. It must not bring the present one back.
        if may_not && stays.is_none() && factors["SmsMfaConfiguration"].is_object() {
            for member in ["SmsConfiguration", "SmsAuthenticationMessage"] {
                if !target[member].is_null() {
                    factors["SmsMfaConfiguration"][member] = target[member].clone();
                }
            }
            self.target.put(mfa, factors);
        }
        self.target.put(pool, target);
    }
}

/// How much MFA asks of users: 0 is off, 2 is required.
fn strength(mfa: &Value) -> u8 {
    match mfa["MfaConfiguration"].as_str() {
        Some("ON") => 2,
        Some("OPTIONAL") => 1,
        _ => 0,
    }
}

/// Whether the pool sends e-mail itself. Source: `SetUserPoolMfaConfig` refuses the factor otherwise (measured live,
/// 2026-08).
fn sends_itself(pool: &Value) -> bool {
    pool["EmailConfiguration"]["EmailSendingAccount"] == "DEVELOPER"
}

/// Whether the ways to recover an account are not only the second factor. Source: terraform-provider-aws #41049.
fn recovery_fits(pool: &Value, mfa: &Value) -> bool {
    let ways = pool["AccountRecoverySetting"]["RecoveryMechanisms"].as_array();
    let ways: Vec<&str> = ways.into_iter().flatten().filter_map(|way| way["Name"].as_str()).collect();
    let clashes = |factor: &str, way: &str| mfa[factor].is_object() && ways == [way];
    !clashes("EmailMfaConfiguration", "verified_email")
        && !clashes("SmsMfaConfiguration", "verified_phone_number")
}

/// Whether required MFA permits the first factors. Source: measured live, 2026-08-19 (go-to-k/cdkd #1975, #2064).
fn first_factors_fit(pool: &Value, mfa: &Value) -> bool {
    if strength(mfa) < 2 {
        return true;
    }
    let first = pool["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"].as_array();
    let has = |factor: &str| first.is_some_and(|first| first.iter().any(|known| known == factor));
    let is_strong =
        mfa["WebAuthnConfiguration"]["FactorConfiguration"] == "MULTI_FACTOR_WITH_USER_VERIFICATION";
    !has("EMAIL_OTP") && !has("SMS_OTP") && (is_strong || !has("WEB_AUTHN"))
}

/// Whether Cognito takes these factors beside this pool.
pub(in super::super) fn fit(pool: &Value, mfa: &Value) -> bool {
    let is_off = strength(mfa) == 0;
    let has = |factor: &str| mfa[factor].is_object();
    is_off
        || (first_factors_fit(pool, mfa)
            && recovery_fits(pool, mfa)
            && (!has("EmailMfaConfiguration") || sends_itself(pool))
            && (!has("SmsMfaConfiguration") || pool["SmsConfiguration"].is_object()))
}

/// The factors that both sides have, at the weaker of the two modes. None if MFA would be on without a factor.
pub(in super::super) fn common(one: &Value, other: &Value) -> Option<Value> {
    let weaker = if strength(one) <= strength(other) { one } else { other };
    let mut common = other.clone();
    common["MfaConfiguration"] = weaker["MfaConfiguration"].clone();
    for factor in ["SmsMfaConfiguration", "EmailMfaConfiguration"] {
        if !one[factor].is_object() || !other[factor].is_object() {
            remove(&mut common, factor);
        }
    }
    let is_enabled = |mfa: &Value| mfa["SoftwareTokenMfaConfiguration"]["Enabled"] == true;
    if !is_enabled(one) || !is_enabled(other) {
        remove(&mut common, "SoftwareTokenMfaConfiguration");
    }
    let has_factor = FACTORS[1..].iter().any(|factor| common[*factor].is_object());
    (strength(&common) > 0 && has_factor).then_some(common)
}
