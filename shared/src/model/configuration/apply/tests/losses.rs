//! Goal: a roll back loses nothing that no capture holds, unless the operator allows it by name.
//!
//! Method: plans of two documents, without any call.

use serde_json::{Value, json};

use super::super::*;
use super::{done, everything, lacking, left, planned, planned_without, pool, requests};
use crate::model::configuration::{NotCaptured, NotCapturedReason, ObjectKind, ObjectName};

fn everything_but(names: &[&str]) -> ApplyChoices {
    let mut choices = everything();
    choices.allow.retain(|allow| !names.contains(&allow.name()));
    choices
}

/// A pool with a look that has a logo.
fn with_logo(client: &str, css: &str) -> Value {
    let look = json!({"ClientId": client, "CSS": css, "ImageUrl": "https://example.com/logo"});
    json!({
        "userPool": pool(json!({})), "domains": [{"Domain": "login"}], "uiCustomizations": [look],
    })
}

/// The live pool lacks the logo of this look.
fn unread_logo(client: &str) -> [Vec<NotCaptured>; 2] {
    let name = ObjectName::of(ObjectKind::UiCustomization, client);
    [Vec::new(), vec![lacking(name, "ImageFile", NotCapturedReason::NotFetched)]]
}

#[test]
fn a_logo_that_could_not_be_read_is_replaced_and_deleted_only_with_a_word_of_its_own() {
    let without_logo = json!({
        "userPool": pool(json!({})), "domains": [{"Domain": "login"}],
        "uiCustomizations": [{"ClientId": "ALL", "CSS": "a"}],
    });
    let without_look = json!({"userPool": pool(json!({})), "domains": [{"Domain": "login"}]});
    for wanted in [without_logo, without_look] {
        let plan = |choices: &ApplyChoices| {
            planned_without(unread_logo("ALL"), wanted.clone(), with_logo("ALL", "b"), choices)
        };
        let refused = plan(&everything_but(&["lost-logo"]));
        assert_eq!(done(&refused), Vec::<String>::new());
        assert!(!refused.left.is_empty());
        for left in &refused.left {
            assert_eq!(left.reason.allow().map(Allow::name), Some("lost-logo"), "{left:?}");
        }
        let allowed = plan(&everything());
        assert!(!done(&allowed).is_empty());
        assert_eq!(left(&allowed), []);
        // A logo that the capture holds can be brought back.
        let plan = planned(wanted, with_logo("ALL", "b"), &everything_but(&["lost-logo"]));
        assert!(!done(&plan).is_empty() && left(&plan).is_empty());
    }
}

#[test]
fn a_client_with_a_logo_that_could_not_be_read_is_deleted_only_with_that_word() {
    let mut live = with_logo("1", "b");
    live["clients"] = json!([{"ClientId": "1", "ClientName": "web"}]);
    let wanted = json!({"userPool": pool(json!({})), "domains": [{"Domain": "login"}]});
    let plan =
        |choices: &ApplyChoices| planned_without(unread_logo("1"), wanted.clone(), live.clone(), choices);
    let refused = plan(&everything_but(&["lost-logo"]));
    assert_eq!(done(&refused), Vec::<String>::new());
    assert_eq!(refused.left.len(), 2);
    assert!(refused.left.iter().all(|left| left.reason.allow().map(Allow::name) == Some("lost-logo")));
    assert_eq!(left(&plan(&everything())), []);
}

/// A pool with one object of a kind, and the same with another value.
fn objects_that_change() -> Vec<(&'static str, Value, &'static str, Value)> {
    let client = json!({"ClientId": "1", "ClientName": "web"});
    let style =
        |radius: u8| json!({"ClientId": "1", "ManagedLoginBrandingId": "b", "Settings": {"radius": radius}});
    vec![
        ("clients", client, "RefreshTokenValidity", json!(7)),
        (
            "resourceServers",
            json!({"Identifier": "api", "Name": "api", "Scopes": []}),
            "Name",
            json!("other"),
        ),
        (
            "identityProviders",
            json!({"ProviderName": "Okta", "ProviderType": "OIDC", "ProviderDetails": {"client_id": "x", "client_secret": "y"}}),
            "IdpIdentifiers",
            json!(["example.com"]),
        ),
        ("domains", json!({"Domain": "login", "ManagedLoginVersion": 1}), "ManagedLoginVersion", json!(2)),
        ("uiCustomizations", json!({"ClientId": "ALL", "CSS": "a"}), "CSS", json!("b")),
        ("branding", style(1), "Settings", json!({"radius": 2})),
        (
            "riskConfigurations",
            json!({"ClientId": "ALL", "RiskExceptionConfiguration": {"BlockedIPRangeList": ["198.51.100.0/24"]}}),
            "RiskExceptionConfiguration",
            json!({"BlockedIPRangeList": ["203.0.113.0/24"]}),
        ),
        (
            "terms",
            json!({"ClientId": "1", "TermsName": "terms-of-use", "TermsId": "t", "Links": {"cognito:default": "https://a.example.com"}}),
            "Links",
            json!({"cognito:default": "https://b.example.com"}),
        ),
        (
            "cimdPolicies",
            json!({"CIMDPolicyId": "p", "PolicyName": "agents", "CacheDuration": 86_400}),
            "CacheDuration",
            json!(172_800),
        ),
        (
            "sessions",
            json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 5}}),
            "TokenSession",
            json!({"MaxPerUser": 9}),
        ),
    ]
}

#[test]
fn an_unknown_member_of_any_object_is_not_put_at_risk_without_a_word() {
    let mut cases = Vec::new();
    for (kind, object, member, value) in objects_that_change() {
        let of = |object: &Value| {
            let mut document = json!({
                "userPool": pool(json!({"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}})),
                "clients": [{"ClientId": "1", "ClientName": "web"}], "domains": [{"Domain": "login"}],
            });
            document[kind] = json!([object]);
            document
        };
        let mut changed = object.clone();
        changed[member] = value;
        cases.push((kind, of(&object), of(&changed), format!("/{kind}/0")));
    }
    let mfa = |mode: &str| {
        let totp = json!({"MfaConfiguration": mode, "SoftwareTokenMfaConfiguration": {"Enabled": true}});
        json!({"userPool": pool(json!({})), "mfa": totp})
    };
    cases.push(("mfa", mfa("ON"), mfa("OPTIONAL"), "/mfa".to_owned()));
    let logs = |level: &str| {
        let log = json!({"EventSource": "userNotification", "LogLevel": level, "CloudWatchLogsConfiguration": {"LogGroupArn": "arn"}});
        json!({"userPool": pool(json!({})), "logDelivery": {"LogConfigurations": [log]}})
    };
    cases.push(("logDelivery", logs("ERROR"), logs("INFO"), "/logDelivery".to_owned()));
    let policy = |length: u8| json!({"userPool": pool(json!({"Policies": {"PasswordPolicy": {"MinimumLength": length}}}))});
    cases.push(("userPool", policy(12), policy(8), "/userPool/Policies/PasswordPolicy".to_owned()));
    for (kind, wanted, live, place) in cases {
        let choices = ApplyChoices::default();
        assert!(!done(&planned(wanted.clone(), live.clone(), &choices)).is_empty(), "{kind}");
        let mut future = live;
        future.pointer_mut(&place).unwrap()["FutureMember"] = json!({"A": 1});
        let plan = planned(wanted.clone(), future.clone(), &choices);
        assert_eq!(done(&plan), Vec::<String>::new(), "{kind}");
        let needs = left(&plan)
            .into_iter()
            .filter(|(_, reason)| *reason == ApplyReason::NeedsAllow(Allow::UnknownMembers));
        assert!(needs.count() > 0, "{kind}: {:?}", left(&plan));
        let choices = ApplyChoices { allow: [Allow::UnknownMembers].into(), ..choices };
        assert!(!done(&planned(wanted, future, &choices)).is_empty(), "{kind}");
    }
}

#[test]
fn factors_that_stay_for_an_unknown_member_keep_what_they_need_in_the_pool() {
    let sms = json!({"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x"});
    let factors = json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {"SmsConfiguration": sms}, "FutureMember": "x"});
    let live = json!({
        "userPool": pool(json!({"SmsConfiguration": sms, "UserPoolTags": {"team": "a"}})), "mfa": factors,
    });
    let wanted = json!({
        "userPool": pool(json!({"UserPoolTags": {"team": "b"}})), "mfa": {"MfaConfiguration": "OFF"},
    });
    let plan = planned(wanted, live, &everything_but(&["unknown-members"]));
    assert_eq!(done(&plan), ["userPool UserPoolTags.team"]);
    assert_eq!(requests(&plan)[0].1["SmsConfiguration"], sms);
    let reason = ApplyReason::NeedsAllow(Allow::UnknownMembers);
    assert!(left(&plan).iter().all(|(_, known)| *known == reason), "{:?}", left(&plan));
}

#[test]
fn every_time_of_a_client_is_sent_with_its_unit() {
    for units in [
        Value::Null,
        json!({}),
        json!({"AccessToken": "minutes"}),
        json!({"RefreshToken": "hours", "IdToken": "minutes"}),
    ] {
        let client = |units: Value, flows: &[&str]| {
            json!({
                "ClientId": "1", "ClientName": "web", "RefreshTokenValidity": 30, "AccessTokenValidity": 5,
                "IdTokenValidity": 5, "TokenValidityUnits": units, "ExplicitAuthFlows": flows,
            })
        };
        let of = |client: Value| json!({"userPool": pool(json!({})), "clients": [client]});
        let wanted = of(client(units.clone(), &["ALLOW_USER_SRP_AUTH"]));
        // What the pool has instead must not stay.
        let other = json!({"AccessToken": "days", "IdToken": "days", "RefreshToken": "minutes"});
        let live = of(client(other, &["ALLOW_CUSTOM_AUTH"]));
        let plan = planned(wanted.clone(), live, &ApplyChoices::default());
        let (_, sent) = &requests(&plan)[0];
        for (unit, default) in [("AccessToken", "hours"), ("IdToken", "hours"), ("RefreshToken", "days")] {
            let expected = units[unit].as_str().unwrap_or(default);
            assert_eq!(sent["TokenValidityUnits"][unit], expected, "{units} {unit}");
        }
        // What Cognito has after that is no difference.
        let after = of(client(sent["TokenValidityUnits"].clone(), &["ALLOW_USER_SRP_AUTH"]));
        let plan = planned(wanted, after, &ApplyChoices::default());
        assert_eq!((done(&plan), left(&plan)), (vec![], vec![]), "{units}");
    }
}

#[test]
fn another_domain_of_the_same_form_has_a_reason_of_its_own() {
    let of = |domain: &str| json!({"userPool": pool(json!({})), "domains": [{"Domain": domain}]});
    let plan = planned(of("old"), of("new"), &everything());
    assert_eq!(done(&plan), Vec::<String>::new());
    let reasons: Vec<_> = plan.left.iter().map(|left| left.reason.name()).collect();
    assert_eq!(reasons, ["otherDomain", "otherDomain"]);
}

#[test]
fn a_policy_of_a_client_that_returns_differs_in_its_ids_alone() {
    let of = |client: &str, policy: &str| {
        json!({
            "userPool": pool(json!({})), "clients": [{"ClientId": client, "ClientName": "web"}],
            "cimdPolicies": [{"CIMDPolicyId": policy, "ClientId": client, "PolicyName": "agents", "CacheDuration": 86_400}],
        })
    };
    let plan = planned(of("1", "p"), of("2", "q"), &everything());
    assert_eq!(done(&plan), Vec::<String>::new());
    let names: Vec<_> = left(&plan).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["clients/web ClientId", "cimdPolicies/agents CIMDPolicyId"]);
}
