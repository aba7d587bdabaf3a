//! Goal: a write comes after the writes that it needs.
//!
//! Method: plans of two documents, without any call.

use serde_json::json;

use super::super::*;
use super::{done, everything, left, planned, pool, requests};

#[test]
fn a_lower_tier_comes_last_and_a_higher_one_first() {
    let of = |tier: &str, version: u8| {
        json!({
            "userPool": pool(json!({"UserPoolTier": tier, "Policies": {"PasswordPolicy": {"PasswordHistorySize": if tier == "LITE" { 0 } else { 3 }}}})),
            "domains": [{"Domain": "login", "ManagedLoginVersion": version}],
        })
    };
    let names = |plan: &ApplyPlan| -> Vec<_> {
        requests(plan)
            .into_iter()
            .map(|(name, request)| (name, request["UserPoolTier"].as_str().map(str::to_owned)))
            .collect()
    };
    let tier = |tier: &str| Some(tier.to_owned());
    let plan = planned(of("LITE", 1), of("PLUS", 2), &everything());
    assert_eq!(
        names(&plan),
        [("UpdateUserPool", tier("PLUS")), ("UpdateUserPoolDomain", None), ("UpdateUserPool", tier("LITE"))]
    );
    let plan = planned(of("PLUS", 2), of("LITE", 1), &everything());
    assert_eq!(names(&plan), [("UpdateUserPool", tier("PLUS")), ("UpdateUserPoolDomain", None)]);
    let plan = planned(of("PLUS", 2), of("LITE", 1), &ApplyChoices::default());
    assert_eq!(names(&plan), []);
    assert!(
        left(&plan).iter().all(|(_, reason)| *reason == ApplyReason::NeedsAllow(Allow::Tier)),
        "{:?}",
        left(&plan)
    );
}

#[test]
fn scopes_come_before_the_clients_that_name_them_and_go_after_these() {
    let of = |scope: &str| {
        json!({
            "userPool": pool(json!({})),
            "resourceServers": [{"Identifier": "api", "Name": "api", "Scopes": [{"ScopeName": scope, "ScopeDescription": "d"}]}],
            "clients": [{"ClientId": "1", "ClientName": "web", "AllowedOAuthScopes": [format!("api/{scope}")]}],
        })
    };
    let plan = planned(of("read"), of("write"), &ApplyChoices::default());
    let sent = requests(&plan);
    let names: Vec<_> = sent.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["UpdateResourceServer", "UpdateUserPoolClient", "UpdateResourceServer"]);
    assert_eq!([0, 2].map(|n| sent[n].1["Scopes"].as_array().unwrap().len()), [2, 1]);
    assert_eq!(plan.steps.len(), 2);
}

#[test]
fn the_registration_of_clients_is_switched_off_also_before_the_tier_falls() {
    let registration = |status: &str| json!({"DcrConfiguration": {"EnableStatus": status}});
    for (wanted, live) in
        [(json!({}), registration("Enabled")), (registration("Disabled"), registration("Enabled"))]
    {
        for tier in ["PLUS", "LITE"] {
            let mut wanted = pool(wanted.clone());
            wanted["UserPoolTier"] = tier.into();
            let plan =
                planned(json!({"userPool": wanted}), json!({"userPool": pool(live.clone())}), &everything());
            let sent = requests(&plan);
            assert_eq!(sent[0].1["DcrConfiguration"]["EnableStatus"], "Disabled", "{tier}");
            assert_eq!(sent.last().unwrap().1["UserPoolTier"], tier);
        }
    }
    // Nothing removes it, and one that is switched off is as good as none.
    let plan = planned(
        json!({"userPool": pool(json!({}))}),
        json!({"userPool": pool(registration("Disabled"))}),
        &everything(),
    );
    assert_eq!((done(&plan), left(&plan)), (vec![], vec![]));
}

#[test]
fn a_write_names_the_steps_that_must_come_before_it() {
    let email =
        |sender: &str| json!({"EmailConfiguration": {"EmailSendingAccount": sender, "SourceArn": "arn"}});
    let live = json!({
        "userPool": pool(email("DEVELOPER")),
        "mfa": {"MfaConfiguration": "ON", "EmailMfaConfiguration": {"Message": "{####}", "Subject": "s"}},
        "resourceServers": [{"Identifier": "api", "Name": "api", "Scopes": [{"ScopeName": "read", "ScopeDescription": "d"}]}],
        "clients": [{"ClientId": "1", "ClientName": "web", "AllowedOAuthScopes": ["api/read"]}],
    });
    let wanted = json!({
        "userPool": pool(email("COGNITO_DEFAULT")), "mfa": {"MfaConfiguration": "OFF"},
        "clients": [{"ClientId": "1", "ClientName": "web", "AllowedOAuthScopes": ["openid"]}],
    });
    let plan = planned(wanted, live, &everything());
    let needs = |label: &str| -> Vec<&str> {
        let of_label = plan.writes.iter().filter(|write| plan.steps[write.step].label == label);
        of_label.flat_map(|write| write.needs()).map(|step| &*plan.steps[*step].label).collect()
    };
    assert_eq!(needs("userPool"), ["mfa"]);
    assert_eq!(needs("resourceServers/api"), ["clients/web"]);
    assert_eq!(needs("clients/web"), Vec::<&str>::new());
}
