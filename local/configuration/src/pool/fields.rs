//! The members of the pool object: their defaults, what Cognito makes of a sent value, and what an update
//! does with an omitted one.
//!
//! AWS documents that UpdateUserPool sets every omitted member to its default. That is false for several
//! members. The column `when_omitted` says what was measured.

use serde_json::{Value, json};

use super::messages;
use crate::json::{Object, get, object};
use crate::mfa;
use crate::refusal::ConfigurationRefusal;
use crate::request::Request;
use crate::settings::ConfigurationSettings;

/// What an update does with a member that the request omits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenOmitted {
    Kept,
    Reset,
    /// Never measured: [`ConfigurationSettings::resets_undocumented`].
    Undocumented,
    /// Only CreateUserPool has the member.
    Immutable,
}
use WhenOmitted::{Immutable, Kept, Reset, Undocumented};

/// A member, what happens if it is omitted, and its default. Null is an absent member.
type Field = (&'static str, WhenOmitted, fn() -> Value);

const FIELDS: [Field; 23] = [
    // Measured, us-east-1, 2026-08-19 (go-to-k/cdkd #1979, #1982): also kept if the request has only one of
    // its two members.
    ("Policies", Kept, || {
        json!({"PasswordPolicy": password_policy(&json!({
        "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true,
    })), "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}})
    }),
    ("DeletionProtection", Undocumented, || json!("INACTIVE")),
    // aws-cli #6698 and #6839: one update without it unhooks all triggers.
    ("LambdaConfig", Reset, || json!({})),
    // Measured, 2026-08-18, and serverless #6499.
    ("AutoVerifiedAttributes", Reset, || json!([])),
    ("AliasAttributes", Immutable, || json!([])),
    ("UsernameAttributes", Immutable, || json!([])),
    ("UsernameConfiguration", Immutable, || Value::Null),
    ("SmsAuthenticationMessage", Undocumented, || Value::Null),
    (messages::TEMPLATE, Undocumented, messages::default),
    // Measured, us-east-1, 2026-08-19 (go-to-k/cdkd #1968).
    ("MfaConfiguration", Kept, || json!("OFF")),
    // terraform-provider-aws: absent means no change, an empty list clears.
    ("UserAttributeUpdateSettings", Kept, || json!({"AttributesRequireVerificationBeforeUpdate": []})),
    // aws-cdk #33282: an update without it ends the memory of devices.
    ("DeviceConfiguration", Reset, || Value::Null),
    ("EmailConfiguration", Undocumented, || json!({"EmailSendingAccount": "COGNITO_DEFAULT"})),
    ("SmsConfiguration", Undocumented, || Value::Null),
    ("UserPoolTags", Undocumented, || json!({})),
    ("AdminCreateUserConfig", Undocumented, || json!({"AllowAdminCreateUserOnly": false})),
    ("UserPoolAddOns", Undocumented, || Value::Null),
    ("AccountRecoverySetting", Undocumented, || Value::Null),
    // The exception that AWS documents: UpdateUserPool, API reference.
    ("UserPoolTier", Kept, || json!("ESSENTIALS")),
    ("KeyConfiguration", Undocumented, || json!({"KeyType": "AWS_OWNED_KEY"})),
    ("IssuerConfiguration", Undocumented, || json!({"Type": "ORIGINAL"})),
    ("AcrConfiguration", Undocumented, || json!({})),
    // Kept: `DcrConfiguration`, UpdateUserPool, API reference.
    ("DcrConfiguration", Kept, || Value::Null),
];

/// The pool object after a request. `before` is the object that an update changes.
pub(super) fn resolved(
    before: Option<&Object>,
    request: &Request<'_>,
    settings: &ConfigurationSettings,
) -> Result<Object, ConfigurationRefusal> {
    let mut next = Object::new();
    let name = request.member("PoolName").or_else(|| before.and_then(|before| before.get("Name")));
    next.extend(name.map(|name| ("Name".to_owned(), name.clone())));
    for (name, when_omitted, default) in FIELDS {
        let kept = before.map(|before| get(before, name));
        let omitted = match (kept, when_omitted) {
            (Some(kept), Kept | Immutable) => kept.clone(),
            (Some(kept), Undocumented) if !settings.resets_undocumented => kept.clone(),
            _ => default(),
        };
        let sent = match name {
            messages::TEMPLATE => messages::sent(request, &omitted, settings),
            _ => request.member(name).cloned(),
        };
        let value = match sent {
            Some(_) if before.is_some() && when_omitted == Immutable => omitted,
            Some(sent) => normal(name, sent, kept.unwrap_or(&default()))?,
            None => omitted,
        };
        if !value.is_null() {
            next.insert(name.to_owned(), value);
        }
    }
    set_validity(&mut next, request, settings)?;
    Ok(next)
}

/// What Cognito keeps of a sent value.
fn normal(name: &str, sent: Value, before: &Value) -> Result<Value, ConfigurationRefusal> {
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
fn password_policy(sent: &Value) -> Value {
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
fn set_validity(
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

/// The members of a pool object that another Cognito described.
pub(crate) fn adopted(described: &Value) -> Object {
    let mut settings = Object::new();
    settings.insert("Name".to_owned(), described["Name"].clone());
    for (name, _, default) in FIELDS {
        // An emulator may show null or an empty object for what is absent.
        let is_absent = |value: &Value| value.is_null() || value.as_object().is_some_and(Object::is_empty);
        let shown = Some(&described[name]).filter(|value| !is_absent(value)).cloned();
        let shown = match name {
            messages::TEMPLATE => Some(messages::adopted(described)),
            "AcrConfiguration" => shown.map(|levels| super::reading::without_default_levels(&levels)),
            _ => shown,
        };
        let kept = shown.and_then(|value| normal(name, value, &default()).ok());
        let value = kept.filter(|value| !value.is_null()).unwrap_or_else(default);
        if !value.is_null() {
            settings.insert(name.to_owned(), value);
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, LAMBDA, ROLE};

    #[test]
    fn a_new_pool_has_the_defaults_of_cognito() {
        let pool = Fixture::new().described();
        let expected = json!({
            "PasswordPolicy": {
                "MinimumLength": 8, "RequireUppercase": true, "RequireLowercase": true,
                "RequireNumbers": true,
                "RequireSymbols": true, "TemporaryPasswordValidityDays": 7,
            },
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
        });
        assert_eq!(pool["Policies"], expected);
        assert_eq!(pool["LambdaConfig"], json!({}));
        assert_eq!((&pool["MfaConfiguration"], &pool["UserPoolTier"]), (&json!("OFF"), &json!("ESSENTIALS")));
        assert_eq!(pool["DeletionProtection"], "INACTIVE");
        assert_eq!(pool["KeyConfiguration"], json!({"KeyType": "AWS_OWNED_KEY"}));
        assert_eq!(pool["IssuerConfiguration"], json!({"Type": "ORIGINAL"}));
        for absent in
            ["UserPoolAddOns", "AccountRecoverySetting", "DeviceConfiguration", "SmsConfiguration", "Domain"]
        {
            assert!(pool[absent].is_null(), "{absent}");
        }
    }

    #[test]
    fn an_update_resets_some_omitted_members_and_keeps_others() {
        let mut fixture = Fixture::with(json!({
            "Policies": {
                "PasswordPolicy": {"MinimumLength": 12},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]},
            },
            "LambdaConfig": {"PreSignUp": LAMBDA}, "AutoVerifiedAttributes": ["email"],
            "DeviceConfiguration": {},
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
            "UserPoolTier": "PLUS", "DcrConfiguration": {}, "PoolName": "kept",
        }));
        let before = fixture.described();
        fixture.now += 60.0;
        fixture.call("UpdateUserPool", json!({}));
        let after = fixture.described();
        for name in [
            "Policies",
            "UserAttributeUpdateSettings",
            "UserPoolTier",
            "DcrConfiguration",
            "Name",
            "CreationDate",
        ] {
            assert_eq!(after[name], before[name], "{name}");
        }
        assert_eq!((&after["LambdaConfig"], &after["AutoVerifiedAttributes"]), (&json!({}), &json!([])));
        assert!(after["DeviceConfiguration"].is_null());
        assert_eq!(after["LastModifiedDate"], 1_060.0);
    }

    #[test]
    fn unmeasured_members_are_reset_or_kept_by_a_setting() {
        let pool = json!({
            "DeletionProtection": "ACTIVE", "UserPoolTags": {"a": "b"}, "EmailVerificationSubject": "Hello",
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"}]},
            "EmailConfiguration": {"ReplyToEmailAddress": "a@example.com"},
            "SmsConfiguration": {"SnsCallerArn": ROLE},
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true},
            "UserPoolAddOns": {"AdvancedSecurityMode": "OFF"},
            "IssuerConfiguration": {"Type": "UPDATED"}, "AcrConfiguration": {"Level1": {"AcrValue": "low"}},
            "SmsAuthenticationMessage": "Code {####}",
        });
        let default = Fixture::new().described();
        let members = [
            "DeletionProtection",
            "UserPoolTags",
            "EmailVerificationSubject",
            "VerificationMessageTemplate",
            "AccountRecoverySetting",
            "EmailConfiguration",
            "SmsConfiguration",
            "AdminCreateUserConfig",
            "UserPoolAddOns",
            "IssuerConfiguration",
            "AcrConfiguration",
            "SmsAuthenticationMessage",
        ];
        for resets in [true, false] {
            let mut fixture = Fixture::with(pool.clone());
            fixture.settings().resets_undocumented = resets;
            let before = fixture.described();
            fixture.call("UpdateUserPool", json!({}));
            let after = fixture.described();
            for name in members {
                assert_ne!(before[name], default[name], "{name}");
                let expected = if resets { &default } else { &before };
                assert_eq!(after[name], expected[name], "{name}");
            }
        }
    }

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
    fn triggers_are_replaced_as_a_whole() {
        let mut fixture =
            Fixture::with(json!({"LambdaConfig": {"PreSignUp": LAMBDA, "CustomMessage": LAMBDA}}));
        fixture.call("UpdateUserPool", json!({"LambdaConfig": {"PreSignUp": LAMBDA}}));
        assert_eq!(fixture.described()["LambdaConfig"], json!({"PreSignUp": LAMBDA}));
    }

    #[test]
    fn an_update_can_give_a_pool_another_name_but_no_other_sign_in() {
        let mut fixture = Fixture::with(json!({"UsernameAttributes": ["email"]}));
        fixture.call("UpdateUserPool", json!({"PoolName": "new", "UsernameAttributes": ["phone_number"]}));
        let pool = fixture.described();
        assert_eq!((&pool["Name"], &pool["UsernameAttributes"]), (&json!("new"), &json!(["email"])));
    }

    #[test]
    fn an_omitted_dcr_status_is_on() {
        let mut fixture = Fixture::with(json!({"DcrConfiguration": {"OpenDcrEnabled": true}}));
        let dcr = fixture.described()["DcrConfiguration"].clone();
        assert_eq!((&dcr["EnableStatus"], &dcr["OpenDcrEnabled"]), (&json!("Enabled"), &json!(true)));
    }
}
