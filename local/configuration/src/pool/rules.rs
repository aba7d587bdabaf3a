//! The rules between the members of a pool object, and between them and the second factors.

use serde_json::Value;

use crate::Account;
use crate::json::{Object, get, has, is_empty_list, texts};
use crate::mfa::{self, Factors};
use crate::refusal::ConfigurationRefusal;
use crate::request::Request;

type Checked = Result<(), ConfigurationRefusal>;

/// A pool object and its factors.
pub(crate) type State<'a> = (&'a Object, &'a Factors);

/// Checks a request that creates a pool.
pub(super) fn check_creation(request: &Request<'_>) -> Checked {
    let is_set = |name: &str| !request.input[name].is_null() && !is_empty_list(&request.input[name]);
    if is_set("AliasAttributes") && is_set("UsernameAttributes") {
        let message = "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.";
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(())
}

/// Checks the pool object and the factors after a request.
pub(crate) fn check(
    before: Option<State<'_>>,
    (settings, factors): State<'_>,
    request: &Request<'_>,
    account: &Account,
) -> Checked {
    check_messages(request)?;
    if let Some(sms) = request.member("SmsConfiguration") {
        mfa::check_sms(sms, &account.settings)?;
    }
    mfa::check_sender(&request.input["EmailConfiguration"]["SourceArn"], &account.settings)?;
    check_mode(before.map(|(settings, _)| settings), settings)?;
    check_sms_codes(before.is_none(), settings)?;
    check_verification(settings, request)?;
    check_factors((settings, factors))?;
    let key = get(settings, "KeyConfiguration");
    if key["KeyType"] == "CUSTOMER_MANAGED_KEY" && key["KmsKeyArn"].is_null() {
        return Err(ConfigurationRefusal::invalid("KmsKeyArn is required for a customer managed key"));
    }
    let is_protected =
        get(settings, "UserPoolAddOns")["AdvancedSecurityMode"].as_str().is_some_and(|mode| mode != "OFF");
    if is_protected && !account.settings.has_threat_protection {
        return Err(no_threat_protection());
    }
    Ok(())
}

/// Source: a report from GovCloud.
pub(crate) fn no_threat_protection() -> ConfigurationRefusal {
    ConfigurationRefusal::invalid("Advanced security features are not supported in this region")
}

fn check_messages(request: &Request<'_>) -> Checked {
    let template = &request.input["VerificationMessageTemplate"];
    if !template["EmailMessage"].is_null() && !template["EmailMessageByLink"].is_null() {
        let message = "EmailMessage and EmailMessageByLink cannot both be set";
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(())
}

/// Checks the mode of MFA. Sources: aws-cdk #12075 for creations, cloudformation-coverage-roadmap #1176 for
/// updates.
fn check_mode(before: Option<&Object>, settings: &Object) -> Checked {
    let mode = get(settings, "MfaConfiguration");
    if before.is_some_and(|before| get(before, "MfaConfiguration") == mode) || mode == "OFF" {
        return Ok(());
    }
    if before.is_some() && mode == "ON" {
        let message = "Cannot turn MFA functionality ON, once the user pool has been created";
        return Err(ConfigurationRefusal::invalid(message));
    }
    let was_on = before.is_some_and(|before| get(before, "MfaConfiguration") == "ON");
    let has_sms = !get(settings, "SmsConfiguration").is_null();
    let can_send = has_sms && has(get(settings, "AutoVerifiedAttributes"), "phone_number");
    if !was_on && !can_send {
        return Err(ConfigurationRefusal::invalid(
            "SMS configuration and Auto verification for phone_number are required \
             when MFA is required/optional",
        ));
    }
    Ok(())
}

/// The first factors of a pool.
fn first_factors(settings: &Object) -> Vec<&str> {
    texts(&get(settings, "Policies")["SignInPolicy"]["AllowedFirstAuthFactors"])
}

/// Checks that a new pool can send the codes of its sign-in policy. Source: measured, us-east-1, 2026-08-19.
fn check_sms_codes(is_creation: bool, settings: &Object) -> Checked {
    if is_creation
        && first_factors(settings).contains(&"SMS_OTP")
        && get(settings, "SmsConfiguration").is_null()
    {
        return Err(ConfigurationRefusal::invalid("SMS_OTP needs an SmsConfiguration"));
    }
    Ok(())
}

/// Checks first factors, second factors and ways of recovery against each other.
pub(crate) fn check_factors((settings, factors): State<'_>) -> Checked {
    check_first_factors(settings, factors)?;
    check_recovery(settings, factors)
}

/// Checks the first factors. Source: measured, us-east-1, 2026-08-19 (go-to-k/cdkd #1975, #2064).
fn check_first_factors(settings: &Object, factors: &Factors) -> Checked {
    let first = first_factors(settings);
    if first.contains(&"SOFTWARE_TOKEN") {
        return Err(ConfigurationRefusal::invalid("SOFTWARE_TOKEN is not supported as a first factor"));
    }
    if get(settings, "MfaConfiguration") != "ON" {
        return Ok(());
    }
    if first.iter().any(|factor| ["EMAIL_OTP", "SMS_OTP"].contains(factor)) {
        let message = "Only PASSWORD and WEB_AUTHN are allowed as first factors when MFA is required";
        return Err(ConfigurationRefusal::invalid(message));
    }
    let configuration =
        factors.web_authn.as_ref().map_or(&Value::Null, |passkeys| &passkeys["FactorConfiguration"]);
    if first.contains(&"WEB_AUTHN") && configuration != "MULTI_FACTOR_WITH_USER_VERIFICATION" {
        let message = "WEB_AUTHN needs MULTI_FACTOR_WITH_USER_VERIFICATION when MFA is required";
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(())
}

/// Attributes that need a verification before an update must be verified automatically, in the same request.
/// Source: aws-cli #7151.
fn check_verification(settings: &Object, request: &Request<'_>) -> Checked {
    let sent = &request.input["UserAttributeUpdateSettings"]["AttributesRequireVerificationBeforeUpdate"];
    let verified = get(settings, "AutoVerifiedAttributes");
    match texts(sent).into_iter().find(|attribute| !has(verified, attribute)) {
        Some(attribute) => Err(ConfigurationRefusal::invalid(format!(
            "Invalid AttributesRequireVerificationBeforeUpdate: {attribute} must be an auto verified attribute"
        ))),
        None => Ok(()),
    }
}

/// Checks the ways to recover an account. Sources: AccountRecoverySettingType, API reference;
/// terraform-provider-aws #41049.
fn check_recovery(settings: &Object, factors: &Factors) -> Checked {
    let ways = mfa::recovery_ways(settings);
    if ways.contains(&"admin_only") && ways.len() > 1 {
        return Err(ConfigurationRefusal::invalid("admin_only must be the only recovery mechanism"));
    }
    factors.check_recovery(&ways)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Fixture, ROLE};

    #[test]
    fn aliases_exclude_username_attributes() {
        let mut fixture = Fixture::new();
        let pool = json!({"AliasAttributes": ["email"], "UsernameAttributes": ["email"]});
        assert!(fixture.create(pool).unwrap_err().message.starts_with("Only one of"));
        fixture.create(json!({"AliasAttributes": [], "UsernameAttributes": ["email"]})).unwrap();
    }

    #[test]
    fn mfa_at_creation_needs_sms_and_a_verified_phone_number() {
        let mut fixture = Fixture::new();
        let mut pool = json!({"MfaConfiguration": "OPTIONAL"});
        assert!(fixture.create(pool.clone()).unwrap_err().message.starts_with("SMS configuration and Auto"));
        pool["SmsConfiguration"] = json!({"SnsCallerArn": ROLE});
        assert!(fixture.create(pool.clone()).is_err());
        pool["AutoVerifiedAttributes"] = json!(["phone_number"]);
        fixture.create(pool).unwrap();
    }

    #[test]
    fn an_update_cannot_require_mfa() {
        let mut fixture = Fixture::new();
        let message = fixture.refused("UpdateUserPool", json!({"MfaConfiguration": "ON"})).message;
        assert!(message.starts_with("Cannot turn MFA functionality ON"), "{message}");
        fixture.refused("UpdateUserPool", json!({"MfaConfiguration": "OPTIONAL"}));
        fixture.call("UpdateUserPool", json!({"MfaConfiguration": "OFF"}));
    }

    #[test]
    fn codes_as_a_first_factor_exclude_required_mfa() {
        let mut fixture = Fixture::new();
        let enabled = json!({"Enabled": true});
        let totp = |mode: &str| json!({"MfaConfiguration": mode, "SoftwareTokenMfaConfiguration": enabled});
        fixture.call("SetUserPoolMfaConfig", totp("ON"));
        let sign_in = |factor: &str| {
            let factors = ["PASSWORD", factor];
            json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": factors}}})
        };
        assert!(
            fixture
                .refused("UpdateUserPool", sign_in("EMAIL_OTP"))
                .message
                .starts_with("Only PASSWORD and WEB_AUTHN")
        );
        fixture.refused("UpdateUserPool", sign_in("WEB_AUTHN"));
        let mut passkeys = totp("ON");
        passkeys["WebAuthnConfiguration"] =
            json!({"FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"});
        fixture.call("SetUserPoolMfaConfig", passkeys);
        fixture.call("UpdateUserPool", sign_in("WEB_AUTHN"));
        fixture.call("SetUserPoolMfaConfig", totp("OPTIONAL"));
        fixture.call("UpdateUserPool", sign_in("EMAIL_OTP"));
        fixture.refused("SetUserPoolMfaConfig", totp("ON"));
        fixture.refused("UpdateUserPool", sign_in("SOFTWARE_TOKEN"));
    }

    #[test]
    fn sms_codes_at_creation_need_an_sms_configuration() {
        let mut fixture = Fixture::new();
        let mut pool =
            json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SMS_OTP"]}}});
        assert!(fixture.create(pool.clone()).is_err());
        pool["SmsConfiguration"] = json!({"SnsCallerArn": ROLE});
        fixture.create(pool).unwrap();
    }

    #[test]
    fn verification_before_an_update_needs_the_attribute_in_the_same_request() {
        let mut fixture = Fixture::with(json!({"AutoVerifiedAttributes": ["email"]}));
        let mut update =
            json!({"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}});
        fixture.refused("UpdateUserPool", update.clone());
        update["AutoVerifiedAttributes"] = json!(["email"]);
        fixture.call("UpdateUserPool", update);
    }

    #[test]
    fn an_administrator_is_the_only_way_of_recovery_or_none() {
        let ways = |names: &[&str]| {
            let ways =
                names.iter().zip(1..).map(|(name, priority)| json!({"Name": name, "Priority": priority}));
            json!({"AccountRecoverySetting": {"RecoveryMechanisms": ways.collect::<Vec<_>>()}})
        };
        let mut fixture = Fixture::with(ways(&["admin_only"]));
        fixture.refused("UpdateUserPool", ways(&["admin_only", "verified_email"]));
        fixture.call("UpdateUserPool", ways(&["verified_email", "verified_phone_number"]));
    }

    #[test]
    fn a_message_with_a_code_excludes_a_message_with_a_link() {
        let mut fixture = Fixture::new();
        let template = json!({"EmailMessage": "Code {####}", "EmailMessageByLink": "{##Click##}"});
        fixture.refused("UpdateUserPool", json!({"VerificationMessageTemplate": template}));
    }

    #[test]
    fn a_customer_managed_key_needs_its_arn() {
        let mut fixture = Fixture::new();
        fixture.refused("UpdateUserPool", json!({"KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY"}}));
        let arn = "arn:aws:kms:eu-central-1:123456789012:key/mrk-1";
        fixture.call(
            "UpdateUserPool",
            json!({"KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": arn}}),
        );
    }

    #[test]
    fn a_region_without_threat_protection_refuses_it() {
        let mut fixture = Fixture::with(json!({"UserPoolTier": "PLUS"}));
        fixture.settings().has_threat_protection = false;
        let refusal =
            fixture.refused("UpdateUserPool", json!({"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}));
        assert!(refusal.message.contains("not supported in this region"));
        fixture.refused("DescribeRiskConfiguration", json!({}));
    }
}
