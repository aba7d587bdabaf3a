//! The second factors and passkeys: GetUserPoolMfaConfig and SetUserPoolMfaConfig. The call replaces all of
//! them.
//!
//! Source of the rules, unless one names another: measured, us-east-1, 2026-08-19 (go-to-k/cdkd #1923, #1968,
//! #1975, #1977).

use serde_json::{Value, json};

use crate::Account;
use crate::json::{Object, get, object};
use crate::pool::{self, Pool};
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::settings::ConfigurationSettings;

/// The blocks of the MFA configuration that are set. A block that was never set is absent from reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Factors {
    /// Its content is in the pool object: `SmsConfiguration` and `SmsAuthenticationMessage`.
    pub sms: bool,
    pub software_token: Option<Value>,
    pub email: Option<Value>,
    pub web_authn: Option<Value>,
}

impl Factors {
    /// A pool that is created with MFA has SMS codes. `CreateUserPool` can set no other factor.
    pub fn of_creation(settings: &Object) -> Self {
        Self { sms: get(settings, "MfaConfiguration") != "OFF", ..Self::default() }
    }

    /// The factors after an update of the pool object.
    pub fn after_update(&self, before: &Object, settings: &Object) -> Result<Self, ConfigurationRefusal> {
        let mode = get(settings, "MfaConfiguration");
        if mode == "OFF" {
            return Ok(Self { web_authn: self.web_authn.clone(), ..Self::default() });
        }
        if self.sms && get(settings, "SmsConfiguration").is_null() {
            return Err(sms_is_on());
        }
        if self.email.is_some()
            && get(settings, "EmailConfiguration")["EmailSendingAccount"] == "COGNITO_DEFAULT"
        {
            return Err(default_sender());
        }
        let was_off = get(before, "MfaConfiguration") == "OFF";
        Ok(Self { sms: self.sms || was_off, ..self.clone() })
    }

    /// Refuses ways of recovery that are also the second factor.
    /// Sources: `AccountRecoverySetting`, CreateUserPool, API reference; terraform-provider-aws #41049.
    pub fn check_recovery(&self, ways: &[&str]) -> Result<(), ConfigurationRefusal> {
        let clashes = [
            (
                self.email.is_some(),
                "verified_email",
                "Email MFA needs another recovery mechanism than verified_email",
            ),
            (
                self.sms,
                "verified_phone_number",
                "SMS MFA needs another recovery mechanism than verified_phone_number",
            ),
        ];
        match clashes.into_iter().find(|(is_on, way, _)| *is_on && ways == [*way]) {
            Some((.., message)) => Err(ConfigurationRefusal::invalid(message)),
            None => Ok(()),
        }
    }
}

/// The ways to recover an account, by name.
pub(crate) fn recovery_ways(settings: &Object) -> Vec<&str> {
    let ways = get(settings, "AccountRecoverySetting")["RecoveryMechanisms"].as_array();
    ways.into_iter().flatten().filter_map(|way| way["Name"].as_str()).collect()
}

/// Refuses an SMS configuration without a sender.
pub(crate) fn check_sms(sms: &Value, settings: &ConfigurationSettings) -> Result<(), ConfigurationRefusal> {
    let caller = &sms["SnsCallerArn"];
    let has_eums = !sms["EumsSms"].is_null();
    let is_empty = *caller == "";
    if is_empty && has_eums && !settings.accepts_empty_caller_beside_eums {
        return Err(ConfigurationRefusal::invalid("SnsCallerArn must not be empty"));
    }
    if !has_eums && (caller.is_null() || is_empty) {
        return Err(ConfigurationRefusal::invalid("SmsConfiguration needs SnsCallerArn or EumsSms"));
    }
    let is_unusable = |role: &Value| settings.unusable_sms_roles.iter().any(|unusable| role == unusable);
    if is_unusable(caller) || is_unusable(&sms["EumsSms"]["CallerArn"]) {
        let message = "Role does not have permission to publish with SNS";
        return Err(ConfigurationRefusal::new("InvalidSmsRoleAccessPolicyException", message));
    }
    Ok(())
}

/// Refuses an SES identity that Cognito cannot use. Source: aws-cdk #18964, terraform-provider-aws.
pub(crate) fn check_sender(
    identity: &Value,
    settings: &ConfigurationSettings,
) -> Result<(), ConfigurationRefusal> {
    if settings.unusable_senders.iter().any(|unusable| identity == unusable) {
        let message = "Cognito is not allowed to use your email identity";
        return Err(ConfigurationRefusal::new("InvalidEmailRoleAccessPolicyException", message));
    }
    Ok(())
}

/// Without the empty `SnsCallerArn` that a typed SDK sends beside `EumsSms`.
pub(crate) fn without_empty_caller(sms: Value) -> Value {
    let mut kept = object(&sms);
    kept.retain(|name, value| name != "SnsCallerArn" || *value != "");
    Value::Object(kept)
}

fn sms_is_on() -> ConfigurationRefusal {
    ConfigurationRefusal::invalid("Can't turn off SMS_MFA when SMS configuration is set for the user pool")
}

fn default_sender() -> ConfigurationRefusal {
    ConfigurationRefusal::invalid(
        "Cannot set EmailMfaConfiguration when user pool EmailConfiguration contains an EmailSendingAccount of \
         COGNITO_DEFAULT",
    )
}

/// GetUserPoolMfaConfig.
pub(crate) fn get_config(pool: &Pool) -> Value {
    let mut config = json!({"MfaConfiguration": get(&pool.settings, "MfaConfiguration")});
    if pool.factors.sms {
        let mut sms = Object::new();
        for name in ["SmsConfiguration", "SmsAuthenticationMessage"] {
            sms.extend(pool.settings.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        config["SmsMfaConfiguration"] = Value::Object(sms);
    }
    let blocks = [
        ("SoftwareTokenMfaConfiguration", &pool.factors.software_token),
        ("EmailMfaConfiguration", &pool.factors.email),
        ("WebAuthnConfiguration", &pool.factors.web_authn),
    ];
    for (name, block) in blocks {
        if let Some(block) = block {
            config[name] = block.clone();
        }
    }
    config
}

/// GetUserPoolMfaConfig.
pub(crate) fn get_of_pool(pool: &mut Pool, _: &mut Account, _: &Request<'_>) -> Answer {
    Ok(get_config(pool))
}

/// SetUserPoolMfaConfig.
pub(crate) fn set(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let mode = request.member("MfaConfiguration").cloned().unwrap_or_else(|| "OFF".into());
    let [sms, token, email] =
        ["SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration"]
            .map(|name| request.member(name));
    check_blocks(&mode, sms, token, email)?;
    let mut settings = pool.settings.clone();
    settings.insert("MfaConfiguration".to_owned(), mode.clone());
    if let Some(sms) = sms {
        check_sms(&sms["SmsConfiguration"], &account.settings)?;
        settings.insert("SmsConfiguration".to_owned(), without_empty_caller(sms["SmsConfiguration"].clone()));
        match sms.get("SmsAuthenticationMessage") {
            Some(message) => {
                settings.insert("SmsAuthenticationMessage".to_owned(), message.clone());
            }
            None if account.settings.resets_undocumented => {
                settings.remove("SmsAuthenticationMessage");
            }
            None => {}
        }
    } else if mode != "OFF" && pool.factors.sms && settings.contains_key("SmsConfiguration") {
        // Source: aws-amplify/amplify-backend #1481, cloudformation-coverage-roadmap #1981.
        return Err(sms_is_on());
    }
    if email.is_some() && get(&settings, "EmailConfiguration")["EmailSendingAccount"] == "COGNITO_DEFAULT" {
        return Err(default_sender());
    }
    let web_authn = request.member("WebAuthnConfiguration").cloned();
    let kept = pool.factors.web_authn.clone().filter(|_| account.settings.keeps_omitted_web_authn);
    let factors = Factors {
        sms: sms.is_some(),
        software_token: token.cloned(),
        email: email.cloned(),
        web_authn: web_authn.or(kept),
    };
    pool::check_factors((&settings, &factors))?;
    let before = pool.features(account);
    let updated = Pool { settings, factors, modified: request.now, ..pool.clone() };
    pool::check_tier(&before, &updated, account)?;
    *pool = updated;
    Ok(get_config(pool))
}

/// Checks the blocks of a request against its mode.
fn check_blocks(
    mode: &Value,
    sms: Option<&Value>,
    token: Option<&Value>,
    email: Option<&Value>,
) -> Result<(), ConfigurationRefusal> {
    let has_block = sms.is_some() || token.is_some() || email.is_some();
    if *mode == "OFF" {
        let message = "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.";
        return if has_block { Err(ConfigurationRefusal::invalid(message)) } else { Ok(()) };
    }
    if sms.is_some_and(|sms| sms["SmsConfiguration"].is_null()) {
        return Err(ConfigurationRefusal::invalid("SmsMfaConfiguration needs SmsConfiguration"));
    }
    let has_factor = sms.is_some() || email.is_some() || token.is_some_and(|token| token["Enabled"] == true);
    if !has_factor {
        let message = "Invalid MFA configuration given, can't disable all MFAs and require an MFA together.";
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, ROLE, SES};

    const OPERATION: &str = "SetUserPoolMfaConfig";

    fn totp() -> Value {
        json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}})
    }

    fn config(fixture: &mut Fixture) -> Value {
        fixture.call("GetUserPoolMfaConfig", json!({}))
    }

    #[test]
    fn a_call_with_the_pool_alone_turns_mfa_off() {
        let mut fixture = Fixture::new();
        assert_eq!(config(&mut fixture), json!({"MfaConfiguration": "OFF"}));
        fixture.call(OPERATION, totp());
        assert_eq!(config(&mut fixture), totp());
        assert_eq!(fixture.described()["MfaConfiguration"], "OPTIONAL");
        fixture.call(OPERATION, json!({}));
        assert_eq!(config(&mut fixture), json!({"MfaConfiguration": "OFF"}));
    }

    #[test]
    fn mfa_that_is_off_takes_no_block_but_passkeys() {
        let mut fixture = Fixture::new();
        let block = json!({"SoftwareTokenMfaConfiguration": {"Enabled": false}});
        let message = fixture.refused(OPERATION, block).message;
        assert!(message.contains("can't turn off MFA and configure an MFA together"), "{message}");
        let passkeys = json!({"WebAuthnConfiguration": {"RelyingPartyId": "example.com"}});
        fixture.call(OPERATION, passkeys.clone());
        assert_eq!(config(&mut fixture)["WebAuthnConfiguration"], passkeys["WebAuthnConfiguration"]);
    }

    #[test]
    fn mfa_needs_a_factor() {
        let mut fixture = Fixture::new();
        for mode in ["ON", "OPTIONAL"] {
            assert!(
                fixture
                    .refused(OPERATION, json!({"MfaConfiguration": mode}))
                    .message
                    .contains("can't disable all MFAs")
            );
        }
        let disabled = json!({"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": false}});
        fixture.refused(OPERATION, disabled);
        fixture.refused(OPERATION, json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {}}));
    }

    #[test]
    fn e_mail_mfa_needs_a_sender_of_its_own_and_another_way_of_recovery() {
        let mut fixture = Fixture::new();
        let email = json!({"MfaConfiguration": "ON", "EmailMfaConfiguration": {"Subject": "Code"}});
        assert!(
            fixture
                .refused(OPERATION, email.clone())
                .message
                .contains("EmailSendingAccount of COGNITO_DEFAULT")
        );
        let ways = |name: &str| json!({"RecoveryMechanisms": [{"Name": name, "Priority": 1}]});
        let sender = json!({"EmailSendingAccount": "DEVELOPER", "SourceArn": SES});
        let update = |way| json!({"EmailConfiguration": sender, "AccountRecoverySetting": ways(way)});
        fixture.call("UpdateUserPool", update("verified_email"));
        assert!(fixture.refused(OPERATION, email.clone()).message.contains("verified_email"));
        fixture.call("UpdateUserPool", update("verified_phone_number"));
        fixture.call(OPERATION, email);
        assert_eq!(config(&mut fixture)["EmailMfaConfiguration"], json!({"Subject": "Code"}));
        fixture.refused("UpdateUserPool", update("verified_email"));
        fixture.refused("UpdateUserPool", json!({}));
    }

    #[test]
    fn e_mail_mfa_and_passkeys_as_a_factor_need_essentials() {
        let sender = json!({"EmailSendingAccount": "DEVELOPER", "SourceArn": SES});
        let mut fixture = Fixture::with(json!({"UserPoolTier": "LITE", "EmailConfiguration": sender}));
        let email = json!({"MfaConfiguration": "ON", "EmailMfaConfiguration": {}});
        assert_eq!(fixture.refused(OPERATION, email).code, "FeatureUnavailableInTierException");
        let passkeys =
            json!({"WebAuthnConfiguration": {"FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"}});
        assert_eq!(fixture.refused(OPERATION, passkeys).code, "FeatureUnavailableInTierException");
    }

    #[test]
    fn sms_mfa_shares_its_message_and_sender_with_the_pool_and_cannot_be_dropped() {
        let mut fixture = Fixture::new();
        let sms = json!({"SmsAuthenticationMessage": "{####}", "SmsConfiguration": {"SnsCallerArn": ROLE}});
        fixture.call(OPERATION, json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": sms}));
        let pool = fixture.described();
        assert_eq!(
            (&pool["SmsAuthenticationMessage"], &pool["SmsConfiguration"]),
            (&json!("{####}"), &sms["SmsConfiguration"])
        );
        assert_eq!(config(&mut fixture)["SmsMfaConfiguration"], sms);
        assert!(fixture.refused(OPERATION, totp()).message.starts_with("Can't turn off SMS_MFA"));
        assert!(fixture.refused("UpdateUserPool", json!({})).message.starts_with("Can't turn off SMS_MFA"));
        fixture.call(OPERATION, json!({}));
        fixture.call(OPERATION, totp());
    }

    #[test]
    fn an_sms_configuration_needs_one_sender() {
        let mut fixture = Fixture::new();
        let update = |sms: Value| json!({"SmsConfiguration": sms});
        fixture.refused("UpdateUserPool", update(json!({})));
        fixture.refused("UpdateUserPool", update(json!({"SnsCallerArn": ""})));
        let eums = json!({"SnsCallerArn": "", "EumsSms": {"CallerArn": ROLE}});
        fixture.call("UpdateUserPool", update(eums.clone()));
        assert_eq!(fixture.described()["SmsConfiguration"], json!({"EumsSms": {"CallerArn": ROLE}}));
        fixture.settings().accepts_empty_caller_beside_eums = false;
        fixture.refused("UpdateUserPool", update(eums));
    }

    #[test]
    fn a_role_or_an_identity_that_cognito_cannot_use_is_refused() {
        let mut fixture = Fixture::new();
        fixture.settings().unusable_sms_roles = vec![ROLE.to_owned()];
        fixture.settings().unusable_senders = vec![SES.to_owned()];
        let sms = json!({"SmsConfiguration": {"SnsCallerArn": ROLE}});
        assert_eq!(
            fixture.refused("UpdateUserPool", sms.clone()).code,
            "InvalidSmsRoleAccessPolicyException"
        );
        let mfa = json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": sms});
        assert_eq!(fixture.refused(OPERATION, mfa).code, "InvalidSmsRoleAccessPolicyException");
        let email = json!({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": SES}});
        let refusal = fixture.create(email).unwrap_err();
        assert_eq!(refusal.code, "InvalidEmailRoleAccessPolicyException");
    }

    #[test]
    fn sms_mfa_needs_another_way_of_recovery_than_the_phone() {
        let ways = json!({"RecoveryMechanisms": [{"Name": "verified_phone_number", "Priority": 1}]});
        let mut fixture = Fixture::with(json!({"AccountRecoverySetting": ways}));
        let sms = json!({"SmsConfiguration": {"SnsCallerArn": ROLE}});
        fixture.refused(OPERATION, json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": sms}));
    }

    #[test]
    fn a_setting_says_whether_omitted_passkeys_are_kept() {
        for keeps in [true, false] {
            let mut fixture = Fixture::new();
            fixture.settings().keeps_omitted_web_authn = keeps;
            fixture.call(OPERATION, json!({"WebAuthnConfiguration": {"UserVerification": "required"}}));
            fixture.call(OPERATION, json!({}));
            assert_eq!(config(&mut fixture)["WebAuthnConfiguration"].is_object(), keeps);
        }
    }

    #[test]
    fn an_update_of_the_pool_that_turns_mfa_off_drops_the_factors() {
        let mut fixture = Fixture::new();
        fixture.call(OPERATION, totp());
        fixture.call("UpdateUserPool", json!({}));
        assert_eq!(config(&mut fixture), totp(), "an omitted mode is kept");
        fixture.call("UpdateUserPool", json!({"MfaConfiguration": "OFF"}));
        assert_eq!(config(&mut fixture), json!({"MfaConfiguration": "OFF"}));
    }
}
