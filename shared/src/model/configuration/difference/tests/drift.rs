//! Changes by hand in a live pool are named exactly.

use super::*;

struct ByHand {
    change: fn(&mut Value),
    expected: Value,
}

/// Twelve changes, in the order in which a diff names them.
fn twelve() -> [ByHand; 12] {
    [
        ByHand {
            change: |pool| {
                pool["userPool"]["AutoVerifiedAttributes"] = json!(["email"]);
            },
            expected: json!({
                "object": "userPool", "field": "AutoVerifiedAttributes", "change": "changed",
                "old": ["email", "phone_number"], "new": ["email"],
            }),
        },
        ByHand {
            change: |pool| {
                remove(&mut pool["userPool"], "DeviceConfiguration");
            },
            expected: json!({
                "object": "userPool", "field": "DeviceConfiguration", "change": "removed",
                "old": {"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": true},
            }),
        },
        ByHand {
            change: |pool| {
                remove(&mut pool["userPool"]["LambdaConfig"], "PostConfirmation");
            },
            expected: json!({
                "object": "userPool", "field": "LambdaConfig.PostConfirmation", "change": "removed",
                "old": "arn:aws:lambda:eu-west-1:111122223333:function:welcome",
            }),
        },
        // Cognito answers the days twice.
        ByHand {
            change: |pool| {
                let pool = &mut pool["userPool"];
                pool["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"] = json!(30);
                pool["AdminCreateUserConfig"]["UnusedAccountValidityDays"] = json!(30);
            },
            expected: json!({
                "object": "userPool", "field": "Policies.PasswordPolicy.TemporaryPasswordValidityDays",
                "change": "changed", "old": 7, "new": 30,
            }),
        },
        ByHand {
            change: |pool| {
                let attribute = json!({
                    "Name": "custom:plan", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
                    "Mutable": true, "Required": false, "StringAttributeConstraints": {},
                });
                push(&mut pool["userPool"]["SchemaAttributes"], attribute);
            },
            expected: json!({
                "object": "userPool", "field": "SchemaAttributes[custom:plan]", "change": "added",
                "new": {
                    "Name": "custom:plan", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
                    "Mutable": true, "Required": false,
                },
            }),
        },
        ByHand {
            change: |pool| {
                pool["userPool"]["UserPoolTags"]["owner"] = json!("ada");
            },
            expected: json!({
                "object": "userPool", "field": "UserPoolTags.owner", "change": "added", "new": "ada",
            }),
        },
        // Both objects answer whether MFA is on.
        ByHand {
            change: |pool| {
                pool["userPool"]["MfaConfiguration"] = json!("OFF");
                pool["mfa"]["MfaConfiguration"] = json!("OFF");
            },
            expected: json!({
                "object": "mfa", "field": "MfaConfiguration", "change": "changed",
                "old": "OPTIONAL", "new": "OFF",
            }),
        },
        // The pool keeps message and sender.
        ByHand {
            change: |pool| {
                remove(&mut pool["mfa"], "SmsMfaConfiguration");
            },
            expected: json!({
                "object": "mfa", "field": "SmsMfaConfiguration", "change": "removed",
                "old": {
                    "SmsAuthenticationMessage": "Sign in with {####}",
                    "SmsConfiguration": {
                        "SnsCallerArn": "arn:aws:iam::111122223333:role/sms", "ExternalId": "shop",
                        "SnsRegion": "eu-west-1",
                    },
                },
            }),
        },
        ByHand {
            change: |pool| {
                pool["clients"][0]["AccessTokenValidity"] = json!(2);
                pool["clients"][0]["TokenValidityUnits"]["AccessToken"] = json!("hours");
            },
            expected: json!({
                "object": "clients/web", "field": "AccessTokenValidity", "change": "changed",
                "old": "60 minutes", "new": "2 hours",
            }),
        },
        ByHand {
            change: |pool| push(&mut pool["clients"][0]["CallbackURLs"], json!("https://evil.example.net/")),
            expected: json!({
                "object": "clients/web", "field": "CallbackURLs", "change": "changed",
                "old": ["https://example.com/callback", "https://www.example.com/callback"],
                "new": [
                    "https://evil.example.net/", "https://example.com/callback",
                    "https://www.example.com/callback",
                ],
            }),
        },
        ByHand {
            change: |pool| {
                pool["identityProviders"][0]["ProviderDetails"]["client_secret"] = json!("canary-rotated");
            },
            expected: json!({
                "object": "identityProviders/Google", "field": "ProviderDetails.client_secret",
                "change": "changed",
            }),
        },
        ByHand {
            change: |pool| {
                pool["resourceServers"][0]["Scopes"].as_array_mut().unwrap().remove(1);
            },
            expected: json!({
                "object": "resourceServers/https://api.example.com", "field": "Scopes[write]",
                "change": "removed", "old": {"ScopeName": "write", "ScopeDescription": "Write orders"},
            }),
        },
    ]
}

fn remove(object: &mut Value, member: &str) {
    object.as_object_mut().unwrap().remove(member).unwrap();
}

fn push(list: &mut Value, element: Value) {
    list.as_array_mut().unwrap().push(element);
}

#[test]
fn each_of_twelve_changes_by_hand_is_named_exactly() {
    for ByHand { change, expected } in twelve() {
        let drifted = changed(change);
        assert_eq!(differences(&document(), &drifted), json!([expected]));
        assert_eq!(difference(&document(), &drifted).not_compared, []);
    }
}

#[test]
fn twelve_changes_by_hand_at_once_are_named_exactly() {
    let drifted = changed(|pool| {
        for by_hand in twelve() {
            (by_hand.change)(pool);
        }
    });
    let mut expected = twelve().map(|by_hand| by_hand.expected);
    // The clients stand in the order of their names, and so do all objects of a kind.
    assert!(difference(&document(), &drifted).differences.is_sorted_by_key(|found| found.object.kind));
    expected.sort_by_key(order);
    let mut found: Vec<_> = differences(&document(), &drifted).as_array().unwrap().clone();
    found.sort_by_key(order);
    assert_eq!(json!(found), json!(expected));
}

fn order(difference: &Value) -> String {
    format!("{} {}", difference["object"], difference["field"])
}

#[test]
fn a_pool_without_changes_is_the_same() {
    let difference = difference(&document(), &document());
    assert_eq!(json!(difference), json!({"same": true, "differences": [], "notCompared": []}));
}

#[test]
fn an_object_that_one_side_lacks_is_one_difference() {
    for (kind, removed, object) in [
        ("clients", 1, "clients/mobile"),
        ("identityProviders", 1, "identityProviders/Corporate"),
        ("resourceServers", 1, "resourceServers/audit"),
        ("domains", 0, "domains/shop-example"),
        ("uiCustomizations", 0, "uiCustomizations/ALL"),
        ("uiCustomizations", 1, "uiCustomizations/web"),
        ("branding", 0, "branding/web"),
        ("riskConfigurations", 0, "riskConfigurations/ALL"),
        ("riskConfigurations", 1, "riskConfigurations/web"),
        ("terms", 1, "terms/web/privacy-policy"),
        ("sessions", 0, "sessions/ALL"),
        ("sessions", 1, "sessions/web"),
        ("cimdPolicies", 0, "cimdPolicies/agents"),
        ("replicas", 0, "replicas/eu-central-1"),
    ] {
        let without = changed(|pool| {
            pool[kind].as_array_mut().unwrap().remove(removed);
        });
        for (old, new, change, value) in
            [(&document(), &without, "removed", "old"), (&without, &document(), "added", "new")]
        {
            let found = differences(old, new);
            assert_eq!(found.as_array().unwrap().len(), 1, "{object}: {found}");
            assert_eq!((&found[0]["object"], &found[0]["change"]), (&json!(object), &json!(change)));
            assert!(found[0]["field"].is_null() && found[0][value].is_object(), "{found}");
        }
    }
}

#[test]
fn a_removed_web_acl_and_log_delivery_are_named_by_their_members() {
    let without = changed(|pool| {
        pool["webAcl"] = Value::Null;
        pool["logDelivery"]["LogConfigurations"] = json!([pool["logDelivery"]["LogConfigurations"][0]]);
    });
    let expected = json!([
        {
            "object": "logDelivery", "field": "LogConfigurations[userAuthEvents, INFO]", "change": "removed",
            "old": {
                "LogLevel": "INFO", "EventSource": "userAuthEvents",
                "S3Configuration": {"BucketArn": "arn:aws:s3:::events"},
            },
        },
        {
            "object": "webAcl", "field": "ARN", "change": "removed",
            "old": "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/login/acl-1",
        },
    ]);
    assert_eq!(differences(&document(), &without), expected);
}
