//! Goal: each difference between a pool and a capture is removed by a write, or stays with its reason.
//!
//! Method: plans of two documents, without any call.

mod clients;
mod factors;
mod losses;
mod order;

use serde_json::{Value, json};

use super::*;
use crate::model::PoolId;
use crate::model::configuration::difference::document::Configuration;
use crate::model::configuration::{
    CapturedList, CapturedObject, NotCaptured, NotCapturedReason, ObjectKind, ObjectName, Uncaptured,
};

/// The objects of a document with one list for each kind, as in `pool diff`.
fn objects(document: Value) -> Vec<CapturedObject> {
    let configuration = Configuration::from_document(document).unwrap();
    let objects = configuration.all_objects();
    objects
        .map(|(name, document)| CapturedObject { name: name.clone(), document: document.clone() })
        .collect()
}

fn planned(wanted: Value, live: Value, choices: &ApplyChoices) -> ApplyPlan {
    planned_without([Vec::new(), Vec::new()], wanted, live, choices)
}

/// The same with what the capture and the pool lack.
fn planned_without(
    lacking: [Vec<NotCaptured>; 2],
    wanted: Value,
    live: Value,
    choices: &ApplyChoices,
) -> ApplyPlan {
    let [of_wanted, of_live] = lacking.map(|lacking| CapturedList::new(Vec::new(), lacking));
    let [wanted, live] = [wanted, live].map(objects);
    let wanted = Side { list: &of_wanted, objects: &wanted };
    plan(wanted, Side { list: &of_live, objects: &live }, choices).unwrap()
}

fn lacking(name: ObjectName, member: &str, reason: NotCapturedReason) -> NotCaptured {
    let lacking = NotCaptured::new(Uncaptured::One(name), reason);
    NotCaptured { member: Some(member.to_owned()), ..lacking }
}

fn pool(members: Value) -> Value {
    let mut pool = json!({"Id": "eu-west-1_A", "Name": "pool", "UserPoolTier": "PLUS"});
    pool.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    pool
}

fn everything() -> ApplyChoices {
    ApplyChoices {
        only: Vec::new(),
        allow: Allow::ALL.iter().copied().collect(),
        add_attributes: true,
        recreate_clients: true,
        delete_extra: true,
    }
}

fn done(plan: &ApplyPlan) -> Vec<String> {
    let steps = plan.steps.iter().flat_map(|step| {
        step.differences
            .iter()
            .map(|found| format!("{} {}", found.object.text, found.field.as_deref().unwrap_or("-")))
    });
    steps.collect()
}

fn left(plan: &ApplyPlan) -> Vec<(String, ApplyReason)> {
    let left = plan.left.iter().map(|left| {
        let field = left.difference.field.as_deref().unwrap_or("-");
        (format!("{} {field}", left.difference.object.text), left.reason)
    });
    left.collect()
}

fn requests(plan: &ApplyPlan) -> Vec<(&'static str, Value)> {
    let pool = PoolId::parse("eu-west-1_A").unwrap();
    let writes =
        plan.writes.iter().flat_map(|write| write.requests(Some(write.reveal()), &plan.clients, &pool));
    writes.map(|write| (write.operation().name(), write.reveal())).collect()
}

/// A change of a pool that only happens if it is allowed: the snapshot, the pool, and the member.
fn costly() -> Vec<(Allow, Value, Value, &'static str)> {
    let issuer = |kind: &str| json!({"IssuerConfiguration": {"Type": kind}});
    let key = |kind: &str, key: Value| json!({"KeyConfiguration": {"KeyType": kind, "KmsKeyArn": key}});
    vec![
        (
            Allow::DeletionProtectionOff,
            json!({"DeletionProtection": "INACTIVE"}),
            json!({"DeletionProtection": "ACTIVE"}),
            "DeletionProtection",
        ),
        (
            Allow::AddOns,
            json!({"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}),
            json!({}),
            "UserPoolAddOns.AdvancedSecurityMode",
        ),
        (
            Allow::AddOns,
            json!({}),
            json!({"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}),
            "UserPoolAddOns.AdvancedSecurityMode",
        ),
        (Allow::Tier, json!({"UserPoolTier": "LITE"}), json!({}), "UserPoolTier"),
        (Allow::Tier, json!({}), json!({"UserPoolTier": "ESSENTIALS"}), "UserPoolTier"),
        (Allow::Issuer, issuer("ORIGINAL"), issuer("CUSTOM"), "IssuerConfiguration.Type"),
        (
            Allow::Key,
            key("AWS_OWNED_KEY", Value::Null),
            key("CUSTOMER_MANAGED_KEY", json!("arn:aws:kms:eu-west-1:123456789012:key/1")),
            "KeyConfiguration.KeyType",
        ),
    ]
}

#[test]
fn what_costs_or_loosens_stays_in_the_complete_object_until_it_is_allowed() {
    for (allow, wanted, live, field) in costly() {
        let changed = |members: &Value, days: i64| {
            let mut pool = pool(members.clone());
            pool["Policies"] = json!({"PasswordPolicy": {"MinimumLength": days}});
            json!({"userPool": pool})
        };
        let (wanted, live) = (changed(&wanted, 12), changed(&live, 8));
        let plan = planned(wanted.clone(), live.clone(), &ApplyChoices::default());
        assert_eq!(done(&plan), ["userPool Policies.PasswordPolicy.MinimumLength"], "{allow}");
        assert!(
            left(&plan).contains(&(format!("userPool {field}"), ApplyReason::NeedsAllow(allow))),
            "{:?}",
            left(&plan)
        );
        let member = field.split('.').next().unwrap();
        let sent = requests(&plan);
        if let Some(present) = live["userPool"].get(member) {
            assert_eq!(sent[0].1[member], *present, "{allow}: what the pool has is sent");
        }
        let allowed = ApplyChoices { allow: [allow].into(), ..ApplyChoices::default() };
        let plan = planned(wanted, live, &allowed);
        assert!(done(&plan).contains(&format!("userPool {field}")), "{allow}: {:?}", done(&plan));
        assert_eq!(left(&plan), [], "{allow}");
    }
}

#[test]
fn a_provider_without_a_known_secret_changes_without_its_details() {
    let of = |mapping: Value, client: &str| {
        json!({
            "userPool": pool(json!({})),
            "identityProviders": [{"ProviderName": "SignInWithApple", "ProviderType": "SignInWithApple", "ProviderDetails": {"client_id": client}, "AttributeMapping": mapping}],
        })
    };
    let plan = planned(of(json!({"email": "email"}), "a"), of(json!({}), "b"), &ApplyChoices::default());
    assert_eq!(done(&plan), ["identityProviders/SignInWithApple AttributeMapping.email"]);
    let (name, request) = &requests(&plan)[0];
    assert_eq!((*name, request.get("ProviderDetails")), ("UpdateIdentityProvider", None));
    let expected = "identityProviders/SignInWithApple ProviderDetails.client_id".to_owned();
    assert_eq!(left(&plan), [(expected, ApplyReason::SecretMissing)]);
}

#[test]
fn tags_of_aws_and_of_this_program_are_no_differences_and_the_stack_is_named() {
    let tags = |tags: Value| json!({"userPool": pool(json!({"UserPoolTags": tags}))});
    let live = json!({"aws:cloudformation:stack-name": "login", "cognito-backup-rebuild": "x", "team": "b"});
    let plan = planned(tags(json!({"team": "a", "cognito-backup": "old"})), tags(live), &everything());
    assert_eq!(done(&plan), ["userPool UserPoolTags.team"]);
    assert_eq!(requests(&plan)[0].1["UserPoolTags"], json!({"team": "a", "cognito-backup-rebuild": "x"}));
    assert_eq!((left(&plan), plan.stack.as_deref()), (vec![], Some("login")));
}

#[test]
fn objects_that_the_snapshot_lacks_are_listed_and_deleted_only_if_asked_for() {
    let live = json!({
        "userPool": pool(json!({})),
        "clients": [{"ClientId": "1", "ClientName": "added"}, {"ClientId": "2", "ClientName": "AmazonOpenSearchService-x"}],
        "identityProviders": [{"ProviderName": "Okta", "ProviderType": "OIDC"}],
        "resourceServers": [{"Identifier": "api", "Name": "api", "Scopes": []}, {"Identifier": "aws.cognito", "Name": "x", "ManagedBy": "COGNITO"}],
        "branding": [{"ClientId": "1", "ManagedLoginBrandingId": "b", "UseCognitoProvidedValues": true}],
    });
    let wanted = json!({"userPool": pool(json!({}))});
    let plan = planned(wanted.clone(), live.clone(), &ApplyChoices::default());
    assert_eq!(done(&plan), Vec::<String>::new());
    let reasons =
        |plan: &ApplyPlan, reason| left(plan).iter().filter(|(_, of_left)| *of_left == reason).count();
    assert_eq!(
        [ApplyReason::NeedsDeleteExtra, ApplyReason::MadeByAws].map(|reason| reasons(&plan, reason)),
        [4, 1]
    );
    let plan = planned(wanted, live, &everything());
    let names: Vec<_> = requests(&plan).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["DeleteUserPoolClient", "DeleteIdentityProvider", "DeleteResourceServer"]);
    assert_eq!((left(&plan).len(), reasons(&plan, ApplyReason::MadeByAws)), (1, 1));
}

#[test]
fn what_can_never_change_is_listed_and_attributes_are_added_only_if_asked_for() {
    let attribute = |name: &str| json!({"Name": name, "AttributeDataType": "String", "Mutable": true});
    let wanted = json!({"userPool": pool(json!({"Name": "old", "AliasAttributes": ["email"], "SchemaAttributes": [attribute("custom:a"), attribute("custom:b")]}))});
    let live = json!({"userPool": pool(json!({"Name": "new", "SchemaAttributes": [attribute("custom:a"), attribute("custom:c")]}))});
    let plan = planned(wanted.clone(), live.clone(), &ApplyChoices::default());
    assert_eq!(done(&plan), Vec::<String>::new());
    let expected = [
        ("userPool AliasAttributes", ApplyReason::CannotChange),
        ("userPool Name", ApplyReason::CannotChange),
        ("userPool SchemaAttributes[custom:b]", ApplyReason::NeedsAddAttributes),
        ("userPool SchemaAttributes[custom:c]", ApplyReason::CannotChange),
    ];
    assert_eq!(left(&plan), expected.map(|(name, reason)| (name.to_owned(), reason)));
    let plan = planned(wanted, live, &everything());
    let sent = requests(&plan);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!((sent[0].0, &sent[0].1["CustomAttributes"][0]["Name"]), ("AddCustomAttributes", &json!("b")));
    assert_eq!(left(&plan).len(), 3);
}

#[test]
fn only_the_parts_that_are_asked_for_are_planned_and_an_unknown_one_is_refused() {
    let of = |days: u8, name: &str| {
        json!({
            "userPool": pool(json!({"DeletionProtection": name})),
            "clients": [{"ClientId": "1", "ClientName": "web", "RefreshTokenValidity": days}, {"ClientId": "2", "ClientName": "api", "RefreshTokenValidity": days}],
        })
    };
    let only = |parts: &[&str]| ApplyChoices {
        only: parts.iter().map(|part| part.parse().unwrap()).collect(),
        ..everything()
    };
    for (parts, expected) in [
        (&["clients/web"][..], &["clients/web RefreshTokenValidity"][..]),
        (&["clients/2"], &["clients/api RefreshTokenValidity"]),
        (&["userPool"], &["userPool DeletionProtection"]),
        (&["mfa", "clients"], &["clients/api RefreshTokenValidity", "clients/web RefreshTokenValidity"]),
    ] {
        let plan = planned(of(1, "ACTIVE"), of(2, "INACTIVE"), &only(parts));
        assert_eq!(
            (done(&plan), left(&plan)),
            (expected.iter().map(|name| (*name).to_owned()).collect(), vec![]),
            "{parts:?}"
        );
    }
    let list = CapturedList::new(Vec::new(), Vec::new());
    let objects = objects(of(1, "ACTIVE"));
    let side = Side { list: &list, objects: &objects };
    let refused = plan(side, side, &only(&["clients/other"])).unwrap_err();
    assert!(matches!(refused, ApplyRefusal::UnknownPart { .. }), "{refused:?}");
    assert!(plan(side, side, &only(&["clients/web"])).unwrap().steps.is_empty());
}

#[test]
fn a_style_that_loses_something_is_replaced_and_another_one_is_updated() {
    let of = |settings: Value, assets: &[&str]| {
        let assets: Vec<Value> = assets.iter().map(|mode| json!({"Category": "FAVICON_ICO", "ColorMode": mode, "Extension": "ICO", "Bytes": "AAAA"})).collect();
        json!({
            "userPool": pool(json!({})), "clients": [{"ClientId": "1", "ClientName": "web"}],
            "branding": [{"ClientId": "1", "ManagedLoginBrandingId": "b", "Settings": settings, "Assets": assets}],
        })
    };
    let one = || of(json!({"a": {"b": 1}}), &["LIGHT"]);
    for (live, expected) in [
        (of(json!({"a": {"b": 2}}), &["LIGHT"]), &["UpdateManagedLoginBranding"][..]),
        (of(json!({}), &[]), &["UpdateManagedLoginBranding"]),
        (
            of(json!({"a": {"b": 1, "c": 1}}), &["LIGHT"]),
            &["DeleteManagedLoginBranding", "CreateManagedLoginBranding"],
        ),
        (
            of(json!({"a": {"b": 1}}), &["LIGHT", "DARK"]),
            &["DeleteManagedLoginBranding", "CreateManagedLoginBranding"],
        ),
    ] {
        let plan = planned(one(), live, &ApplyChoices::default());
        let names: Vec<_> = requests(&plan).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected);
        assert_eq!(plan.steps[0].action, if expected.len() == 2 { Action::Replace } else { Action::Change });
    }
}

#[test]
fn a_capture_of_another_pool_and_one_without_the_pool_are_refused() {
    let list = CapturedList::new(Vec::new(), Vec::new());
    let one = objects(json!({"userPool": pool(json!({}))}));
    let other = objects(json!({"userPool": pool(json!({"Id": "eu-west-1_B"}))}));
    let refused = |wanted: &[CapturedObject]| {
        let side = |objects| Side { list: &list, objects };
        plan(side(wanted), side(&one), &ApplyChoices::default()).unwrap_err()
    };
    assert_eq!(refused(&other), ApplyRefusal::OtherPool);
    assert_eq!(refused(&[]), ApplyRefusal::NoUserPool);
}

#[test]
fn no_text_of_a_plan_shows_a_secret() {
    let of = |secret: &str| {
        json!({
            "userPool": pool(json!({})),
            "identityProviders": [{"ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": {"client_id": "x", "client_secret": secret}}],
        })
    };
    let plan = planned(of("planted-one"), of("planted-two"), &ApplyChoices::default());
    assert_eq!(done(&plan), ["identityProviders/Google ProviderDetails.client_secret"]);
    assert_eq!(requests(&plan)[0].1["ProviderDetails"]["client_secret"], "planted-one");
    let text = format!("{plan:?} {} {}", json!(plan.steps), json!(plan.left));
    assert!(!text.contains("planted"), "{text}");
    let unused = ObjectName::parse("identityProviders/Google").unwrap();
    assert_eq!(plan.steps[0].name, unused);
}

#[test]
fn what_the_capture_could_not_keep_stays_as_the_pool_has_it() {
    let registration = json!({"EnableStatus": "Enabled"});
    let live =
        json!({"userPool": pool(json!({"DcrConfiguration": registration, "UserPoolTags": {"a": "1"}}))});
    let wanted = json!({"userPool": pool(json!({"UserPoolTags": {"a": "2"}}))});
    let name = ObjectName::single(ObjectKind::UserPool);
    let lacks = vec![lacking(name, "DcrConfiguration", NotCapturedReason::UnknownMember)];
    let plan = planned_without([lacks, Vec::new()], wanted.clone(), live.clone(), &everything());
    assert_eq!(done(&plan), ["userPool UserPoolTags.a"]);
    // Every field is sent, because Cognito gives omitted ones their defaults.
    let kept = json!({"AllowedScopes": [], "EnableStatus": "Enabled", "OpenDcrEnabled": false});
    assert_eq!(requests(&plan)[0].1["DcrConfiguration"], kept);
    // A capture that could read all of the pool says that it had none.
    let plan = planned(wanted.clone(), live.clone(), &everything());
    assert_eq!(requests(&plan)[0].1["DcrConfiguration"]["EnableStatus"], "Disabled");
    assert_eq!(left(&plan), []);
    let mut after = live;
    after["userPool"]["DcrConfiguration"]["EnableStatus"] = json!("Disabled");
    after["userPool"]["UserPoolTags"]["a"] = json!("2");
    let plan = planned(wanted, after, &everything());
    assert_eq!((done(&plan), left(&plan)), (vec![], vec![]), "a second roll back has nothing to do");
}

#[test]
fn a_member_that_this_version_does_not_know_is_not_put_at_risk_without_a_word() {
    let of = |team: &str| json!({"userPool": pool(json!({"FutureConfiguration": {"A": 1}, "UserPoolTags": {"team": team}}))});
    let plan = planned(of("a"), of("b"), &ApplyChoices::default());
    assert_eq!(done(&plan), Vec::<String>::new());
    let reason = ApplyReason::NeedsAllow(Allow::UnknownMembers);
    assert!(left(&plan).contains(&("userPool UserPoolTags.team".to_owned(), reason)), "{:?}", left(&plan));
    assert_eq!(done(&planned(of("a"), of("b"), &everything())), ["userPool UserPoolTags.team"]);
}
