//! Any two configurations of a pool: after a roll back with everything allowed, only what cannot change differs.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::operations::apply::AfterReason;
use shared_memory::MemoryPool;

use super::{apply, client_id, everything, found, left, plan_of, rich, snapshot_of, writes};
use crate::support::in_paused_time;

const LAMBDA: &str = "arn:aws:lambda:eu-west-1:123456789012:function:x";
const SENDER: &str = "arn:aws:ses:eu-west-1:123456789012:identity/example.com";

/// Changes a rich pool by the bits that are set. Every set of bits is possible.
fn change(pool: &MemoryPool, bits: u32) {
    let is_set = |bit: u32| bits & (1 << bit) != 0;
    let mut settings = json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}, "UserPoolTags": {"team": "login"}, "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}}});
    let choices = [
        json!({"Policies": {"PasswordPolicy": {"MinimumLength": 12, "RequireSymbols": true, "TemporaryPasswordValidityDays": 3, "PasswordHistorySize": 4}}}),
        json!({"AutoVerifiedAttributes": ["email"], "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}}),
        json!({"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false}}),
        json!({"LambdaConfig": {"PreSignUp": LAMBDA, "PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": LAMBDA}}}),
        json!({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER, "From": "a@example.com"}}),
        json!({"UserPoolTags": {"team": "other", "owner": "x"}, "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}),
        json!({"AcrConfiguration": {"Level2": {"AcrValue": "high"}}}),
        json!({"DeletionProtection": "ACTIVE"}),
        json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}}),
    ];
    for (_, choice) in choices.into_iter().enumerate().filter(|(bit, _)| is_set(*bit as u32)) {
        for (name, value) in choice.as_object().unwrap() {
            match (settings.get_mut(name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
                _ => settings[name] = value.clone(),
            }
        }
    }
    let has_protection = !is_set(20);
    if !has_protection {
        settings["UserPoolTier"] = json!("ESSENTIALS");
        settings["UserPoolAddOns"] = json!({"AdvancedSecurityMode": "OFF"});
    }
    // Factors of before may exclude the settings.
    pool.change_configuration("SetUserPoolMfaConfig", json!({"MfaConfiguration": "OFF"}));
    pool.change_configuration("UpdateUserPool", settings);
    let mode = match (is_set(9), is_set(10)) {
        (true, true) if !is_set(8) => "ON",
        (true, _) => "OPTIONAL",
        _ => "OFF",
    };
    let mut factors = json!({"MfaConfiguration": mode});
    if mode != "OFF" {
        factors["SoftwareTokenMfaConfiguration"] = json!({"Enabled": true});
        if is_set(4) && is_set(11) {
            factors["EmailMfaConfiguration"] = json!({"Message": "Code {####}", "Subject": "Code"});
        }
    }
    pool.change_configuration("SetUserPoolMfaConfig", factors);
    let scope = |name: &str| json!({"ScopeName": name, "ScopeDescription": "d"});
    let scopes = if is_set(12) { vec![scope("admin")] } else { vec![scope("read"), scope("write")] };
    let server = json!({"Identifier": "https://api.example.com", "Name": "other", "Scopes": scopes});
    pool.change_configuration("UpdateResourceServer", server);
    let mut web = json!({
        "ClientId": client_id(pool, "web"), "ClientName": "web", "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"],
        "SupportedIdentityProviders": ["COGNITO"], "CallbackURLs": ["https://b.example.com"],
    });
    if is_set(13) {
        web["SupportedIdentityProviders"] = json!(["COGNITO", "Google"]);
        let scope = if is_set(12) { "admin" } else { "read" };
        web["AllowedOAuthScopes"] = json!(["openid", format!("https://api.example.com/{scope}")]);
    }
    if is_set(14) {
        web["AccessTokenValidity"] = json!(30);
        web["TokenValidityUnits"] = json!({"AccessToken": "minutes"});
        web["RefreshTokenRotation"] = json!({"Feature": "ENABLED", "RetryGracePeriodSeconds": 10});
    }
    pool.change_configuration("UpdateUserPoolClient", web);
    if is_set(15) {
        pool.change_configuration("CreateIdentityProvider", json!({
            "ProviderName": "Okta", "ProviderType": "OIDC",
            "ProviderDetails": {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "oidc_issuer": "https://example.com", "attributes_request_method": "GET"},
        }));
    }
    if is_set(16) {
        super::client(pool, json!({"ClientName": "another", "GenerateSecret": true}));
    }
    if is_set(17) {
        pool.change_configuration(
            "AddCustomAttributes",
            json!({"CustomAttributes": [{"Name": "x", "AttributeDataType": "String", "Mutable": true}]}),
        );
    }
    if is_set(18) && has_protection {
        pool.change_configuration("SetRiskConfiguration", json!({"ClientId": client_id(pool, "web"), "CompromisedCredentialsRiskConfiguration": {"Actions": {"EventAction": "BLOCK"}}}));
    }
    if is_set(19) {
        pool.change_configuration(
            "UpdateUserPoolDomain",
            json!({"Domain": "login-example", "ManagedLoginVersion": 1}),
        );
    }
}

/// Whether a difference can stay although everything is allowed.
fn can_stay(name: &str, resets: bool) -> bool {
    // Nothing removes an attribute.
    name == "userPool SchemaAttributes[custom:x]"
        // The update without it keeps it in a Cognito that resets nothing.
        || (!resets && name.starts_with("userPool EmailConfiguration."))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_change_is_rolled_back_with_everything_allowed(old in any::<u32>(), new in any::<u32>(), resets in any::<bool>()) {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(|pool| {
                rich(pool);
                change(pool, old);
            }).await;
            source.configure_configuration(|settings| settings.resets_undocumented = resets);
            // What one of them creates cannot be created twice.
            change(&source, new & !(old & (1 << 15 | 1 << 17)));
            let plan = plan_of(&backend, &snapshot, &everything()).await;
            let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
            let refused: Vec<_> = applied.left.iter().filter(|left| !matches!(left.reason, AfterReason::Planned(_))).collect();
            assert!(refused.iter().all(|left| can_stay(&super::names([&left.difference])[0], resets)), "{old} {new} {resets}: {refused:?}");
            assert!(left(&applied).iter().all(|name| can_stay(name, resets)), "{old} {new} {resets}: {:?} of {:?}", left(&applied), found(&plan));
            let from = backend.script().log().len();
            let again = apply(&backend, &snapshot, &everything()).await.unwrap();
            if left(&again).iter().all(|name| can_stay(name, true)) {
                assert_eq!((again.done, writes(&backend, from)), (vec![], vec![]), "{old} {new} {resets}");
            }
        });
    }
}
