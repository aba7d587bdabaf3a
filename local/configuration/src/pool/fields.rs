//! The members of the pool object: their defaults, what Cognito makes of a sent value, and what an update
//! does with an omitted one.
//!
//! AWS documents that UpdateUserPool sets every omitted member to its default. That is false for several
//! members. The column `when_omitted` says what was measured.

use serde_json::{Value, json};

use super::{messages, values};
use crate::json::{Object, get};
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
        json!({"PasswordPolicy": values::password_policy(&json!({
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
    let sent = request.member("PoolName").filter(|_| before.is_none() || settings.update_renames_pools);
    let name = sent.or_else(|| before.and_then(|before| before.get("Name")));
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
            Some(sent) => values::normal(name, sent, kept.unwrap_or(&default()))?,
            None => omitted,
        };
        if !value.is_null() {
            next.insert(name.to_owned(), value);
        }
    }
    values::set_validity(&mut next, request, settings)?;
    Ok(next)
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
        let kept = shown.and_then(|value| values::normal(name, value, &default()).ok());
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
        fixture.settings().update_renames_pools = false;
        fixture.call("UpdateUserPool", json!({"PoolName": "newer"}));
        assert_eq!(fixture.described()["Name"], "new");
    }
}
