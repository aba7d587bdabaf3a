//! What Cognito makes of the values in a request for the pool object.

use serde_json::{Value, json};

use crate::json::{Object, get, object};
use crate::mfa;
use crate::refusal::ConfigurationRefusal;
use crate::request::Request;
use crate::settings::ConfigurationSettings;

/// What Cognito keeps of a sent value.
pub(super) fn normal(name: &str, sent: Value, before: &Value) -> Result<Value, ConfigurationRefusal> {
    let with_defaults = |defaults: Value| {
        let mut all = object(&defaults);
        all.extend(object(&sent));
        Value::Object(all)
    };
    Ok(match name {
        "Policies" => {
            let mut policies = object(before);
            policies.extend(object(&sent));
            if let Some(policy) = sent.get("PasswordPolicy") {
                policies.insert("PasswordPolicy".to_owned(), password_policy(policy));
            }
            Value::Object(policies)
        }
        "LambdaConfig" => triggers(sent)?,
        // The presence is the switch: `{false, false}` remembers devices.
        "DeviceConfiguration" => with_defaults(
            json!({"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false}),
        ),
        "EmailConfiguration" => with_defaults(json!({"EmailSendingAccount": "COGNITO_DEFAULT"})),
        "AdminCreateUserConfig" => {
            let mut kept = object(&with_defaults(json!({"AllowAdminCreateUserOnly": false})));
            // It is a second name of `TemporaryPasswordValidityDays`. Reads derive it.
            kept.remove("UnusedAccountValidityDays");
            Value::Object(kept)
        }
        "UserAttributeUpdateSettings" => {
            with_defaults(json!({"AttributesRequireVerificationBeforeUpdate": []}))
        }
        "AccountRecoverySetting" if sent["RecoveryMechanisms"].is_null() => Value::Null,
        // An omitted status is on: `DcrConfiguration`, API reference.
        "DcrConfiguration" => with_defaults(json!({
            "EnableStatus": "Enabled", "OpenDcrEnabled": false, "AuthenticatedGrantTypes": [],
            "OpenDcrGrantTypes": [],
            "AllowedScopes": [],
        })),
        "SmsConfiguration" => mfa::without_empty_caller(sent),
        _ => sent,
    })
}

/// A password policy with the members that a request left out. Source: measured (go-to-k/cdk-real-drift
/// #1701). `0` days are 7: PasswordPolicyType, API reference.
pub(super) fn password_policy(sent: &Value) -> Value {
    let mut policy = object(&json!({
        "MinimumLength": 8, "RequireUppercase": false, "RequireLowercase": false, "RequireNumbers": false,
        "RequireSymbols": false,
    }));
    policy.extend(object(sent));
    if get(&policy, "TemporaryPasswordValidityDays").as_i64().unwrap_or_default() == 0 {
        policy.insert("TemporaryPasswordValidityDays".to_owned(), 7.into());
    }
    Value::Object(policy)
}

/// Triggers with both members for the pre token generation trigger. The older one alone is version 1:
/// LambdaConfigType, API reference.
fn triggers(sent: Value) -> Result<Value, ConfigurationRefusal> {
    let mut triggers = object(&sent);
    let (older, newer) = (sent["PreTokenGeneration"].clone(), &sent["PreTokenGenerationConfig"]["LambdaArn"]);
    match (older.is_null(), newer.is_null()) {
        (false, true) => {
            let config = json!({"LambdaVersion": "V1_0", "LambdaArn": older});
            triggers.insert("PreTokenGenerationConfig".to_owned(), config);
        }
        (true, false) => {
            triggers.insert("PreTokenGeneration".to_owned(), newer.clone());
        }
        (false, false) if older != *newer => {
            let message = "PreTokenGeneration and PreTokenGenerationConfig must have the same Lambda ARN";
            return Err(ConfigurationRefusal::invalid(message));
        }
        _ => {}
    }
    let has_sender = ["CustomSMSSender", "CustomEmailSender"].iter().any(|name| triggers.contains_key(*name));
    if has_sender && !triggers.contains_key("KMSKeyID") {
        return Err(ConfigurationRefusal::invalid("KMSKeyID is required for custom senders"));
    }
    Ok(Value::Object(triggers))
}

/// Takes `UnusedAccountValidityDays` for `TemporaryPasswordValidityDays`, unless the request has both.
/// Source of the refusal: aws-sdk-js #3817.
pub(super) fn set_validity(
    next: &mut Object,
    request: &Request<'_>,
    settings: &ConfigurationSettings,
) -> Result<(), ConfigurationRefusal> {
    let sent = request.input["AdminCreateUserConfig"]["UnusedAccountValidityDays"].as_i64();
    let has_both = !request.input["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"].is_null();
    match sent {
        None => Ok(()),
        Some(0) if !has_both || settings.accepts_zero_unused_account_days => Ok(()),
        Some(_) if has_both => Err(ConfigurationRefusal::invalid(
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
        )),
        Some(days) => {
            if let Some(policies) = next.get_mut("Policies") {
                policies["PasswordPolicy"]["TemporaryPasswordValidityDays"] = days.into();
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Fixture, LAMBDA};

    #[test]
    fn a_partial_password_policy_is_filled_and_leaves_the_sign_in_policy() {
        let sign_in = json!({"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]});
        let mut fixture = Fixture::with(json!({"Policies": {"SignInPolicy": sign_in}}));
        let policy = json!({"MinimumLength": 10, "TemporaryPasswordValidityDays": 0});
        fixture.call("UpdateUserPool", json!({"Policies": {"PasswordPolicy": policy}}));
        let expected = json!({
            "MinimumLength": 10, "RequireUppercase": false, "RequireLowercase": false,
            "RequireNumbers": false,
            "RequireSymbols": false, "TemporaryPasswordValidityDays": 7,
        });
        assert_eq!(
            fixture.described()["Policies"],
            json!({"PasswordPolicy": expected, "SignInPolicy": sign_in})
        );
    }

    #[test]
    fn the_days_of_unused_accounts_mirror_those_of_temporary_passwords() {
        let mut fixture = Fixture::new();
        fixture.call(
            "UpdateUserPool",
            json!({"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 30}}}),
        );
        assert_eq!(fixture.described()["AdminCreateUserConfig"]["UnusedAccountValidityDays"], 30);
        fixture.call("UpdateUserPool", json!({"AdminCreateUserConfig": {"UnusedAccountValidityDays": 9}}));
        assert_eq!(fixture.described()["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"], 9);
        let both = |days: u64| {
            json!({
                "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 7}},
                "AdminCreateUserConfig": {"UnusedAccountValidityDays": days},
            })
        };
        assert!(fixture.refused("UpdateUserPool", both(7)).message.starts_with("Please use Temporary"));
        fixture.call("UpdateUserPool", both(0));
        fixture.settings().accepts_zero_unused_account_days = false;
        fixture.refused("UpdateUserPool", both(0));
    }

    #[test]
    fn the_pre_token_trigger_has_two_equal_members() {
        let mut fixture = Fixture::with(json!({"LambdaConfig": {"PreTokenGeneration": LAMBDA}}));
        let first = json!({"LambdaVersion": "V1_0", "LambdaArn": LAMBDA});
        assert_eq!(fixture.described()["LambdaConfig"]["PreTokenGenerationConfig"], first);
        let second = json!({"LambdaVersion": "V2_0", "LambdaArn": LAMBDA});
        fixture.call("UpdateUserPool", json!({"LambdaConfig": {"PreTokenGenerationConfig": second}}));
        assert_eq!(fixture.described()["LambdaConfig"]["PreTokenGeneration"], LAMBDA);
        let other = json!({"PreTokenGeneration": format!("{LAMBDA}:2"), "PreTokenGenerationConfig": second});
        fixture.refused("UpdateUserPool", json!({"LambdaConfig": other}));
        let sender = json!({"CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": LAMBDA}});
        fixture.refused("UpdateUserPool", json!({"LambdaConfig": sender}));
    }

    #[test]
    fn an_omitted_dcr_status_is_on() {
        let mut fixture = Fixture::with(json!({"DcrConfiguration": {"OpenDcrEnabled": true}}));
        let dcr = fixture.described()["DcrConfiguration"].clone();
        assert_eq!((&dcr["EnableStatus"], &dcr["OpenDcrEnabled"]), (&json!("Enabled"), &json!(true)));
    }
}
