//! Goal: MFA and its factors go back, and no factor loses what it needs.
//!
//! Method: plans of two documents, without any call.

use serde_json::json;

use super::super::*;
use super::{done, everything, left, planned, pool, requests};

#[test]
fn a_protection_and_mfa_that_the_pool_lacks_come_back_without_a_word() {
    let wanted = json!({"userPool": pool(json!({"DeletionProtection": "ACTIVE"})), "mfa": {"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": true}}});
    let live = json!({"userPool": pool(json!({"DeletionProtection": "INACTIVE"})), "mfa": {"MfaConfiguration": "OFF"}});
    let plan = planned(wanted, live, &ApplyChoices::default());
    assert_eq!(left(&plan), []);
    assert_eq!(
        requests(&plan).iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["UpdateUserPool", "SetUserPoolMfaConfig"]
    );
}

#[test]
fn factors_that_may_not_go_keep_what_they_need_in_the_pool() {
    let sender = json!({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn"}});
    let live = json!({
        "userPool": pool(sender.clone()),
        "mfa": {"MfaConfiguration": "ON", "EmailMfaConfiguration": {"Message": "{####}", "Subject": "s"}},
    });
    let wanted = json!({
        "userPool": pool(json!({"EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}, "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}})),
        "mfa": {"MfaConfiguration": "OFF"},
    });
    let plan = planned(wanted.clone(), live.clone(), &ApplyChoices::default());
    assert_eq!(done(&plan), Vec::<String>::new());
    assert!(
        left(&plan).iter().all(|(_, reason)| *reason == ApplyReason::NeedsAllow(Allow::MfaOff)),
        "{:?}",
        left(&plan)
    );
    let allowed = ApplyChoices { allow: [Allow::MfaOff].into(), ..ApplyChoices::default() };
    let plan = planned(wanted, live, &allowed);
    let names: Vec<_> = requests(&plan).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["SetUserPoolMfaConfig", "UpdateUserPool"],
        "the pool refuses the new sender beside the factor"
    );
    assert_eq!(left(&plan), []);
}

#[test]
fn the_pool_alone_keeps_what_the_present_factors_need() {
    let sms = json!({"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x"});
    let live = json!({
        "userPool": pool(json!({"SmsConfiguration": sms, "UserPoolTags": {"team": "a"}})),
        "mfa": {"MfaConfiguration": "ON", "SmsMfaConfiguration": {"SmsConfiguration": sms}},
    });
    let wanted = json!({
        "userPool": pool(json!({"UserPoolTags": {"team": "b"}})), "mfa": {"MfaConfiguration": "OFF"},
    });
    let only = vec!["userPool".parse().unwrap()];
    let plan = planned(wanted, live, &ApplyChoices { only, ..everything() });
    assert_eq!(done(&plan), ["userPool UserPoolTags.team"]);
    assert_eq!(requests(&plan)[0].1["SmsConfiguration"], sms);
    assert!(
        !left(&plan).is_empty() && left(&plan).iter().all(|(_, reason)| *reason == ApplyReason::NeededByMfa),
        "{:?}",
        left(&plan)
    );
}

#[test]
fn factors_that_may_not_go_get_the_new_sender() {
    let sms = |role: &str| json!({"SnsCallerArn": format!("arn:aws:iam::123456789012:role/{role}"), "ExternalId": "x"});
    let of = |role: &str, mode: &str, verification: &str| {
        let mut mfa = json!({
            "MfaConfiguration": mode,
            "WebAuthnConfiguration": {"RelyingPartyId": "example.com", "UserVerification": verification},
        });
        if mode != "OFF" {
            mfa["SmsMfaConfiguration"] = json!({"SmsConfiguration": sms(role)});
        }
        json!({"userPool": pool(json!({"SmsConfiguration": sms(role)})), "mfa": mfa})
    };
    let plan = planned(of("old", "OFF", "required"), of("new", "ON", "preferred"), &ApplyChoices::default());
    let sent = requests(&plan);
    let (_, factors) = sent.iter().find(|(name, _)| *name == "SetUserPoolMfaConfig").unwrap();
    assert_eq!(factors["MfaConfiguration"], "ON");
    assert_eq!(factors["SmsMfaConfiguration"]["SmsConfiguration"], sms("old"));
}
