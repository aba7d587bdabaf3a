//! Plans for another account or Region: no request names what the new pool cannot use.

use serde_json::{Value, json};

use super::super::*;
use super::{ACCOUNT, Case, OTHER_ACCOUNT, home, left_out, made, map, names};
use crate::model::PoolId;
use crate::model::configuration::request::ConfigurationWrite;
use crate::model::configuration::{Bound, ObjectName, fields_of};

#[test]
fn logs_that_the_new_pool_cannot_have_are_left_out_and_no_step_delivers_none() {
    let log = |source: &str, member: &str, value: Value| json!({"EventSource": source, "LogLevel": "INFO", member: value});
    let group = json!({"LogGroupArn": format!("arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:x")});
    let bucket = json!({"BucketArn": "arn:aws:s3:::b"});
    let of_tier = |tier: &str| {
        let logs = json!({"LogConfigurations": [
            log("userNotification", "CloudWatchLogsConfiguration", group.clone()),
            log("userAuthEvents", "S3Configuration", bucket.clone()),
        ]});
        Case::of(&[("userPool", json!({"UserPoolTier": tier})), ("logDelivery", logs)])
    };
    let sources = |plan: &RebuildPlan| -> Vec<String> {
        let step = plan.steps.iter().find(|step| step.name.to_string() == "logDelivery");
        let logs = step.map_or(&Value::Null, |step| &step.reveal()["LogConfigurations"]);
        logs.as_array()
            .into_iter()
            .flatten()
            .map(|log| log["EventSource"].as_str().unwrap().to_owned())
            .collect()
    };
    let plus = of_tier("PLUS").plan().unwrap();
    assert_eq!(
        (sources(&plus), left_out(&plus)),
        (vec!["userNotification".into(), "userAuthEvents".into()], vec![])
    );
    let lite = of_tier("LITE").plan().unwrap();
    assert_eq!(sources(&lite), ["userNotification"]);
    assert_eq!(
        left_out(&lite),
        names(&[("logDelivery LogConfigurations[userAuthEvents]", LeftReason::Tier)])
    );
    // A bucket has no account in its ARN, and belongs to one nevertheless.
    let elsewhere = of_tier("PLUS").in_other_account().plan().unwrap();
    let expected = [
        ("logDelivery LogConfigurations[userAuthEvents]", LeftReason::Bound),
        ("logDelivery LogConfigurations[userNotification]", LeftReason::Bound),
    ];
    assert_eq!(left_out(&elsewhere), names(&expected));
    assert!(elsewhere.steps.iter().all(|step| step.name.to_string() != "logDelivery"));
    let mapped = of_tier("PLUS").in_other_account().with_arns(&[("arn:aws:s3:::b", "arn:aws:s3:::c")]);
    assert_eq!(sources(&mapped.plan().unwrap()), ["userAuthEvents"]);
    let none = Case::of(&[("logDelivery", json!({"LogConfigurations": []}))]).plan().unwrap();
    assert_eq!((none.steps.len(), left_out(&none)), (1, vec![]));
}

#[test]
fn a_certificate_keeps_its_region() {
    let arn = |account: &str| format!("arn:aws:acm:us-east-1:{account}:certificate/1");
    let domain = json!({"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": arn(ACCOUNT)}});
    let mut case = Case::of(&[("domains/a.example.com", domain)]).in_other_account();
    case.map.rewrites.domains = map(&[("a.example.com", "b.example.com")]);
    case.map.rewrites.accounts = map(&[(ACCOUNT, OTHER_ACCOUNT)]);
    case.map.rewrites.regions = map(&[("us-east-1", "eu-west-1"), ("eu-west-1", "us-east-1")]);
    let plan = case.plan().unwrap();
    assert_eq!(
        made(&plan, "domains/a.example.com")["CustomDomainConfig"]["CertificateArn"],
        arn(OTHER_ACCOUNT)
    );
}

#[test]
fn threat_protection_stays_without_the_messages_of_another_account() {
    let action = |notify: bool| json!({"Notify": notify, "EventAction": "MFA_IF_CONFIGURED"});
    let risk = json!({"AccountTakeoverRiskConfiguration": {
        "NotifyConfiguration": {"From": "a@example.com", "SourceArn": format!("arn:aws:ses:eu-west-1:{ACCOUNT}:identity/x")},
        "Actions": {"LowAction": action(false), "HighAction": action(true)},
    }});
    let case = Case::of(&[("riskConfigurations/ALL", risk)]).in_other_account();
    let plan = case.plan().unwrap();
    let expected = json!({"Actions": {"LowAction": action(false), "HighAction": action(false)}});
    assert_eq!(made(&plan, "riskConfigurations/ALL")["AccountTakeoverRiskConfiguration"], expected);
    let expected = [
        (
            "riskConfigurations/ALL AccountTakeoverRiskConfiguration.Actions.HighAction.Notify",
            LeftReason::NamesLeftOut,
        ),
        ("riskConfigurations/ALL AccountTakeoverRiskConfiguration.NotifyConfiguration", LeftReason::Bound),
    ];
    assert_eq!(left_out(&plan), names(&expected));
}

/// Puts a value at a path. Each list gets one element.
fn fill(object: &mut Value, path: &str, value: Value) {
    let (segment, rest) = path.split_once('.').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
    let member = match segment.strip_suffix("[]") {
        Some(name) if object[name].is_array() => &mut object[name][0],
        Some(name) => {
            object[name] = json!([null]);
            &mut object[name][0]
        }
        None => &mut object[segment],
    };
    match rest {
        Some(rest) => fill(member, rest, value),
        None => *member = value,
    }
}

/// An object with a value of the old account and Region at each member that can have one.
fn bound_object(name: &str) -> (String, Value) {
    let name = ObjectName::parse(name).unwrap();
    let mut document = json!({"ClientId": "1", "ClientName": "web", "Domain": "a.example.com"});
    for row in fields_of(name.kind) {
        let value = match row.bound {
            Bound::Region => "eu-west-1".to_owned(),
            // Only together with the ARN beside it has it a meaning.
            Bound::AccountAndRegion if row.path.ends_with("From") => format!("{ACCOUNT}@example.com"),
            Bound::Account | Bound::AccountAndRegion => format!("arn:aws:x:eu-west-1:{ACCOUNT}:y"),
            Bound::Nothing | Bound::Pool | Bound::World => continue,
        };
        fill(&mut document, row.path, value.into());
    }
    (name.to_string(), document)
}

#[test]
fn no_request_has_a_value_of_the_old_account_or_region() {
    let names = [
        "userPool",
        "mfa",
        "clients/1",
        "domains/a.example.com",
        "riskConfigurations/ALL",
        "riskConfigurations/1",
        "logDelivery",
        "uiCustomizations/1",
        "branding/1",
        "terms/1/terms-of-use",
        "cimdPolicies/1",
        "resourceServers/api",
        "sessions/ALL",
    ];
    let objects = names.map(bound_object);
    let objects = objects.each_ref().map(|(name, document)| (name.as_str(), document.clone()));
    let case = || {
        let mut case = Case::of(&objects).with_domains(&[("a.example.com", "b.example.com")]);
        case.to = home(OTHER_ACCOUNT, "eu-central-1");
        case
    };
    let requests = |plan: &RebuildPlan| -> String {
        let pool = PoolId::parse("eu-central-1_B").unwrap();
        let writes = plan
            .steps
            .iter()
            .filter_map(|step| ConfigurationWrite::creating(&step.name, step.reveal(), &pool, plan.tier));
        let texts: Vec<_> = writes.map(|write| write.reveal().to_string()).collect();
        format!("{} {}", texts.join(" "), plan.triggers)
    };
    let plan = case().plan().unwrap();
    let text = requests(&plan);
    assert!(!text.contains(ACCOUNT) && !text.contains("eu-west-1"), "{text}");
    assert!(plan.left_out.iter().any(|left| left.reason == LeftReason::Bound));

    let mut mapped = case();
    mapped.map.rewrites.accounts = map(&[(ACCOUNT, OTHER_ACCOUNT)]);
    mapped.map.rewrites.regions = map(&[("eu-west-1", "eu-central-1")]);
    let plan = mapped.plan().unwrap();
    let lost = plan.left_out.iter().filter(|left| left.reason == LeftReason::Bound);
    assert_eq!(lost.collect::<Vec<_>>(), Vec::<&LeftOut>::new());
    assert!(requests(&plan).matches(OTHER_ACCOUNT).count() > 20);
}
