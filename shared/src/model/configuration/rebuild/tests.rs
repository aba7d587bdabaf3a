//! Plans of small captures. The tests that send the requests of a plan are in `tests/steps/configuration`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::request::ConfigurationWrite;
use super::super::{
    Bound, CapturedEntry, CapturedList, CapturedObject, CapturedSecret, NotCaptured, NotCapturedReason,
    ObjectName, Uncaptured, fields_of,
};
use super::*;
use crate::model::PoolId;

const ACCOUNT: &str = "111111111111";
const OTHER_ACCOUNT: &str = "222222222222";

fn home(account: &str, region: &str) -> Home {
    Home { account: account.to_owned(), region: region.to_owned() }
}

/// A capture, its list, the map and the home of the new pool.
struct Case {
    list: CapturedList,
    objects: Vec<CapturedObject>,
    map: SuppliedMap,
    to: Home,
}

impl Case {
    /// A pool with these objects, which is created again in its account and Region.
    fn of(objects: &[(&str, Value)]) -> Self {
        let pool = json!({"Arn": format!("arn:aws:cognito-idp:eu-west-1:{ACCOUNT}:userpool/eu-west-1_A")});
        let mut all = vec![object("userPool", pool)];
        for (name, document) in objects {
            if *name == "userPool" {
                all[0].document.as_object_mut().unwrap().extend(document.as_object().unwrap().clone());
            } else {
                all.push(object(name, document.clone()));
            }
        }
        let list = CapturedList::new(all.iter().map(entry).collect(), Vec::new());
        Self { list, objects: all, map: SuppliedMap::default(), to: home(ACCOUNT, "eu-west-1") }
    }

    fn in_other_account(mut self) -> Self {
        self.to = home(OTHER_ACCOUNT, "eu-west-1");
        self
    }

    fn with_secrets(mut self, secrets: &[(&str, &str)]) -> Self {
        self.map.secrets = SuppliedSecrets::new(map(secrets));
        self
    }

    fn lacking(mut self, notes: &[(&str, &str, NotCapturedReason)]) -> Self {
        let note = |&(object, member, ref reason): &(&str, &str, NotCapturedReason)| {
            let note = NotCaptured::new(Uncaptured::parse(object).unwrap(), reason.clone());
            NotCaptured { member: (!member.is_empty()).then(|| member.to_owned()), ..note }
        };
        self.list = CapturedList::new(self.list.entries().to_vec(), notes.iter().map(note).collect());
        self
    }

    /// The entry of an object says this.
    fn with_entry(mut self, name: &str, change: impl FnOnce(&mut CapturedEntry)) -> Self {
        let mut entries = self.list.entries().to_vec();
        change(entries.iter_mut().find(|entry| entry.name.to_string() == name).unwrap());
        self.list = CapturedList::new(entries, self.list.not_captured().to_vec());
        self
    }

    fn with_domains(mut self, domains: &[(&str, &str)]) -> Self {
        self.map.rewrites.domains = map(domains);
        self
    }

    fn with_arns(mut self, arns: &[(&str, &str)]) -> Self {
        self.map.rewrites.arns = map(arns);
        self
    }

    fn plan(&self) -> Result<RebuildPlan, PlanRefusal> {
        plan(&self.list, &self.objects, &self.map, &self.to)
    }
}

fn object(name: &str, document: Value) -> CapturedObject {
    CapturedObject { name: ObjectName::parse(name).unwrap(), document }
}

fn entry(object: &CapturedObject) -> CapturedEntry {
    CapturedEntry {
        name: object.name.clone(),
        digest: object.digest(),
        assets: Vec::new(),
        secrets: Vec::new(),
        secrets_left_out: 0,
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()
}

/// What a plan leaves out: `object field`, and the reason.
fn left_out(plan: &RebuildPlan) -> Vec<(String, LeftReason)> {
    let name = |left: &LeftOut| match &left.field {
        Some(field) => format!("{} {field}", left.object),
        None => left.object.clone(),
    };
    plan.left_out.iter().map(|left| (name(left), left.reason)).collect()
}

/// The document of the step that makes an object.
fn made<'a>(plan: &'a RebuildPlan, name: &str) -> &'a Value {
    let step = plan.steps.iter().find(|step| step.name.to_string() == name);
    step.unwrap_or_else(|| panic!("no step makes {name}")).reveal()
}

#[test]
fn a_plan_shows_no_secret() {
    let google = json!({"ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": {}});
    let case = Case::of(&[("identityProviders/Google", google)]);
    let case = case.with_secrets(&[("identityProviders/Google", "planted")]);
    let plan = case.plan().unwrap();
    assert_eq!(made(&plan, "identityProviders/Google")["ProviderDetails"]["client_secret"], "planted");
    assert!(!format!("{plan:?}").contains("planted"), "{plan:?}");
}

/// An encrypted member.
fn encrypted(member: &str) -> CapturedSecret {
    let record = object("mfa", json!({})).digest();
    let (mac, mac_key) = ("mac".to_owned(), "mrk-1".to_owned());
    CapturedSecret { member: member.to_owned(), place: format!("/{member}"), mac, mac_key, record }
}

fn names(left: &[(&str, LeftReason)]) -> Vec<(String, LeftReason)> {
    left.iter().map(|(name, reason)| ((*name).to_owned(), *reason)).collect()
}

#[test]
fn what_the_snapshot_lacks_is_left_out_also_if_no_earlier_snapshot_has_it() {
    use NotCapturedReason::{AccessDenied, AddOnOff, NotEncrypted, NotRead, UnknownMember};
    let web = json!({"ClientId": "1", "ClientName": "web"});
    let case = Case::of(&[("clients/1", web)]).with_entry("userPool", |entry| {
        entry.secrets.push(encrypted("NewMember"));
    });
    let case = case.with_entry("clients/1", |entry| entry.secrets_left_out = 1);
    let mut case = case.lacking(&[
        ("mfa", "", AccessDenied),
        ("identityProviders", "", AccessDenied),
        ("clients/1", "Items[].NewMember", UnknownMember),
        ("clients/1", "ClientSecret", NotEncrypted),
        ("uiCustomizations/ALL", "ImageFile", NotRead),
        ("webAcl", "", NotRead),
        ("riskConfigurations", "", AddOnOff),
        ("signingCertificate", "", AccessDenied),
    ]);
    let mut list = serde_json::to_value(&case.list).unwrap();
    let of_later_version = json!({"name": "newKind/1", "digest": list["entries"][0]["digest"]});
    list["entries"].as_array_mut().unwrap().push(of_later_version);
    case.list = serde_json::from_value(list).unwrap();
    let expected = [
        ("clients/web ClientSecret", LeftReason::SecretMissing),
        ("clients/web Items.NewMember", LeftReason::NotCaptured),
        ("identityProviders", LeftReason::NotCaptured),
        ("mfa", LeftReason::NotCaptured),
        ("newKind/1", LeftReason::Unknown),
        ("signingCertificate", LeftReason::NewInEachPool),
        ("uiCustomizations/ALL ImageFile", LeftReason::NotCaptured),
        ("userPool NewMember", LeftReason::Unknown),
    ];
    assert_eq!(left_out(&case.plan().unwrap()), names(&expected));
}

#[test]
fn a_client_with_any_sign_of_a_secret_gets_one() {
    let client = |more: Value| {
        let mut client = json!({"ClientId": "1", "ClientName": "web"});
        client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("clients/1", client)
    };
    let plain = || Case::of(&[client(json!({}))]);
    let with = |more: Value| Case::of(&[client(more)]);
    let listed = |secrets: Value| {
        Case::of(&[client(json!({})), ("clientSecrets/1", json!({"ClientSecrets": secrets}))])
    };
    let arn = format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:x");
    for (sign, case) in [
        ("an ARN", with(json!({"ClientSecretArn": arn})).in_other_account()),
        (
            "a flow",
            with(json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["openid"]})),
        ),
        ("a context", with(json!({"EnablePropagateAdditionalUserContextData": true}))),
        ("encrypted", plain().with_entry("clients/1", |entry| entry.secrets.push(encrypted("ClientSecret")))),
        ("left out", plain().with_entry("clients/1", |entry| entry.secrets_left_out = 1)),
        ("not encrypted", plain().lacking(&[("clients/1", "ClientSecret", NotCapturedReason::NotEncrypted)])),
        ("too large", plain().lacking(&[("clients/1", "ClientSecret", NotCapturedReason::TooLarge)])),
        ("listed", listed(json!([{"ClientSecretId": "1--1"}]))),
    ] {
        let plan = case.plan().unwrap();
        let secret = ("clients/web ClientSecret".to_owned(), LeftReason::SecretMissing);
        assert_eq!(made(&plan, "clients/1")["GenerateSecret"], true, "{sign}");
        assert!(left_out(&plan).contains(&secret), "{sign}");
        assert!(left_out(&plan).iter().all(|(name, _)| !name.contains("Arn")), "{sign}");
    }
    for public in [plain(), listed(json!([]))] {
        assert_eq!(made(&public.plan().unwrap(), "clients/1").get("GenerateSecret"), None);
    }
    // An export asks about a public client, too. So a question without an answer says nothing.
    let unanswered =
        plain().lacking(&[("clientSecrets/1", "", NotCapturedReason::Unavailable)]).plan().unwrap();
    assert_eq!(made(&unanswered, "clients/1").get("GenerateSecret"), None);
    let denied = plain().lacking(&[("clientSecrets", "", NotCapturedReason::AccessDenied)]);
    let supplied = denied.with_secrets(&[("clients/web", SECRET)]).plan().unwrap();
    assert_eq!(made(&supplied, "clients/1")["ClientSecret"], SECRET);
}

const SECRET: &str = "planted0secret0of0a0client0";

#[test]
fn a_client_does_not_name_what_the_new_pool_lacks() {
    let server = |more: Value| {
        let mut server = json!({"Identifier": "https://api", "Scopes": [{"ScopeName": "read"}]});
        server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server
    };
    let scopes = json!(["openid", "https://api/read", "https://api/dead", "gone/x", "dcr/register"]);
    let web = json!({
        "ClientId": "1", "ClientName": "web", "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthScopes": scopes, "SupportedIdentityProviders": ["COGNITO", "Google", "Okta"],
        "AnalyticsConfiguration": {"ApplicationArn": format!("arn:aws:mobiletargeting:us-east-1:{ACCOUNT}:apps/1")},
    });
    let batch = json!({
        "ClientId": "2", "ClientName": "batch", "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthScopes": ["gone/x"],
    });
    let plain = json!({"ClientId": "3", "ClientName": "plain", "AllowedOAuthScopes": ["gone/x"]});
    let google = json!({"ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": {}});
    let case = Case::of(&[
        ("clients/1", web),
        ("clients/2", batch),
        ("clients/3", plain),
        ("identityProviders/Google", google),
        ("resourceServers/https://api", server(json!({}))),
        (
            "resourceServers/dcr",
            json!({"Identifier": "dcr", "ManagedBy": "COGNITO", "Scopes": [{"ScopeName": "register"}]}),
        ),
    ]);
    let plan = case.plan().unwrap();
    let web = made(&plan, "clients/1");
    assert_eq!(web["AllowedOAuthScopes"], json!(["openid", "https://api/read", "dcr/register"]));
    assert_eq!(web["SupportedIdentityProviders"], json!(["COGNITO"]));
    assert_eq!(web["AllowedOAuthFlowsUserPoolClient"], true);
    assert_eq!(web.get("AnalyticsConfiguration"), None);
    let batch = made(&plan, "clients/2");
    assert_eq!(
        (&batch["AllowedOAuthFlows"], &batch["AllowedOAuthFlowsUserPoolClient"]),
        (&json!([]), &json!(false))
    );
    let expected = [
        ("clients/batch AllowedOAuthFlows", LeftReason::NamesLeftOut),
        ("clients/batch AllowedOAuthScopes[gone/x]", LeftReason::NamesMissing),
        ("clients/batch ClientSecret", LeftReason::SecretMissing),
        ("clients/plain AllowedOAuthScopes[gone/x]", LeftReason::NamesMissing),
        ("clients/web AllowedOAuthScopes[gone/x]", LeftReason::NamesMissing),
        ("clients/web AllowedOAuthScopes[https://api/dead]", LeftReason::NamesMissing),
        ("clients/web AnalyticsConfiguration", LeftReason::Ended),
        ("clients/web SupportedIdentityProviders[Google]", LeftReason::NamesLeftOut),
        ("clients/web SupportedIdentityProviders[Okta]", LeftReason::NamesMissing),
        ("identityProviders/Google", LeftReason::SecretMissing),
        ("resourceServers/dcr", LeftReason::MadeByItself),
    ];
    assert_eq!(left_out(&plan), names(&expected));
}

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
fn an_entry_of_the_map_that_nothing_can_use_is_refused() {
    let client = |id: &str, more: Value| {
        let mut client = json!({"ClientId": id, "ClientName": "web"});
        client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client
    };
    let confidential =
        || json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["openid"]});
    let case = || {
        Case::of(&[
            (
                "userPool",
                json!({
                    "Name": "x", "EmailConfiguration": {"ConfigurationSet": "x"},
                    "LambdaConfig": {"PreSignUp": format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:a")},
                }),
            ),
            ("clients/1", client("1", confidential())),
            ("clients/2", client("2", confidential())),
            ("clients/3", client("3", json!({"ClientName": "public"}))),
            ("clients/4", client("4", json!({"ClientName": "self", "ClientType": "DCR"}))),
            ("identityProviders/Saml", json!({"ProviderType": "SAML", "ProviderDetails": {}})),
        ])
    };
    let unknown = |name: &str| PlanRefusal::UnknownInMap { name: name.to_owned() };
    let no_secret = |name: &str| PlanRefusal::TakesNoSecret { name: name.to_owned() };
    let length = || PlanRefusal::SecretLength { name: "clients/1".to_owned() };
    let [ambiguous, twice] = ["clients/web", "clients/self"].map(str::to_owned);
    for (secrets, refusal) in [
        (vec![("clients/none", SECRET)], unknown("clients/none")),
        (vec![("identityProviders/none", SECRET)], unknown("identityProviders/none")),
        (vec![("mfa", SECRET)], unknown("mfa")),
        (vec![("clients/web", SECRET)], PlanRefusal::AmbiguousInMap { name: ambiguous }),
        (vec![("clients/3", SECRET)], no_secret("clients/3")),
        (vec![("clients/public", SECRET)], no_secret("clients/public")),
        (vec![("clients/self", SECRET)], no_secret("clients/self")),
        (vec![("identityProviders/Saml", SECRET)], no_secret("identityProviders/Saml")),
        (vec![("clients/1", "short")], length()),
        (vec![("clients/1", "a-secret-of-more-than-64-characters-0123456789-0123456789-0123456")], length()),
    ] {
        assert_eq!(case().with_secrets(&secrets).plan(), Err(refusal), "{secrets:?}");
    }
    let two_names =
        Case::of(&[("clients/4", client("4", json!({"ClientName": "self", "ClientSecret": SECRET})))]);
    let two_names = two_names.with_secrets(&[("clients/4", SECRET), ("clients/self", SECRET)]);
    assert_eq!(two_names.plan(), Err(PlanRefusal::TwiceInMap { name: twice }));
    let by_id = case().with_secrets(&[("clients/1", SECRET)]).plan().unwrap();
    assert_eq!(made(&by_id, "clients/1")["ClientSecret"], SECRET);
    assert_eq!(made(&by_id, "clients/2").get("ClientSecret"), None);

    let lambda = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:a");
    let typo = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:b");
    assert_eq!(case().with_arns(&[(&typo, &lambda)]).plan(), Err(unknown(&typo)));
    let plan = case().with_arns(&[(&lambda, &typo), ("x", "y")]).plan().unwrap();
    assert_eq!(plan.triggers["PreSignUp"], typo);
    let pool = made(&plan, "userPool");
    assert_eq!((&pool["Name"], &pool["EmailConfiguration"]["ConfigurationSet"]), (&json!("x"), &json!("y")));
    let mut wrong = case();
    wrong.map.rewrites.accounts = map(&[(OTHER_ACCOUNT, ACCOUNT)]);
    assert_eq!(wrong.plan(), Err(unknown(OTHER_ACCOUNT)));
    let mut wrong = case();
    wrong.map.rewrites.regions = map(&[("eu-west-2", "eu-west-1")]);
    assert_eq!(wrong.plan(), Err(unknown("eu-west-2")));
    let mut right = case().in_other_account();
    right.map.rewrites.accounts = map(&[(ACCOUNT, OTHER_ACCOUNT)]);
    right.map.rewrites.regions = map(&[("eu-west-1", "eu-west-1")]);
    assert!(right.plan().is_ok());
}

#[test]
fn a_complete_creation_needs_what_the_map_can_supply() {
    use LeftReason as Reason;
    let domain = json!({"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": format!("arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1")}});
    let case = Case::of(&[("domains/a.example.com", domain)]).in_other_account();
    // Its certificate is of no use without it.
    assert_eq!(left_out(&case.plan().unwrap()), names(&[("domains/a.example.com", Reason::DomainHeld)]));
    let mapped = case.with_domains(&[("a.example.com", "b.example.com")]).plan().unwrap();
    let expected = [
        ("domains/a.example.com", Reason::NamesLeftOut),
        ("domains/a.example.com CustomDomainConfig", Reason::Bound),
    ];
    assert_eq!(left_out(&mapped), names(&expected));
    for reason in [Reason::Bound, Reason::SecretMissing, Reason::DomainHeld, Reason::NamesMissing] {
        assert!(reason.is_refusable(), "{reason:?}");
    }
    for reason in [Reason::Tier, Reason::MadeByItself, Reason::NamesLeftOut, Reason::NewInEachPool] {
        assert!(!reason.is_refusable(), "{reason:?}");
    }
}

#[test]
fn a_domain_that_the_new_pool_cannot_have_is_refused() {
    use DomainProblem::{Malformed, NoCertificate, Reserved, SecondOfItsForm, Twice};
    let custom = json!({"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": format!("arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1")}});
    let case = Case::of(&[("domains/login", json!({"Domain": "login"})), ("domains/a.example.com", custom)]);
    let long = "x".repeat(64);
    let mut case = case;
    for (domains, domain, problem) in [
        (vec![("login", "https://login")], "https://login", Malformed),
        (vec![("login", "Login")], "Login", Malformed),
        (vec![("login", "login-")], "login-", Malformed),
        (vec![("login", "")], "", Malformed),
        (vec![("login", long.as_str())], long.as_str(), Malformed),
        (vec![("a.example.com", "b..example.com")], "b..example.com", Malformed),
        (vec![("login", "my-aws-login")], "my-aws-login", Reserved),
        (vec![("login", "amazonia")], "amazonia", Reserved),
        (vec![("login", "cognito")], "cognito", Reserved),
        (vec![("login", "b.example.com")], "b.example.com", NoCertificate),
        (vec![("login", "new"), ("a.example.com", "new")], "new", Twice),
        (vec![("login", "new"), ("a.example.com", "other")], "new", SecondOfItsForm),
    ] {
        case.map.rewrites.domains = map(&domains);
        let refusal = PlanRefusal::Domain { domain: domain.to_owned(), problem };
        assert_eq!(case.plan(), Err(refusal), "{domains:?}");
    }
    for domains in
        [vec![("login", "login"), ("a.example.com", "aws.example.com")], vec![("a.example.com", "new")]]
    {
        case.map.rewrites.domains = map(&domains);
        assert!(case.plan().is_ok(), "{domains:?}");
    }
}

#[test]
fn the_domain_of_passkeys_follows_the_domain_of_the_pool() {
    let party = |old: &str, domains: &[(&str, &str)], to: &str| {
        let mfa = json!({"MfaConfiguration": "OFF", "WebAuthnConfiguration": {"RelyingPartyId": old}});
        let custom = json!({"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": format!("arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1")}});
        let login = json!({"Domain": "login"});
        let case = Case::of(&[("mfa", mfa), ("domains/login", login), ("domains/a.example.com", custom)]);
        let mut case = case.with_domains(domains);
        case.to = home(ACCOUNT, to);
        let plan = case.plan().unwrap();
        made(&plan, "mfa")["WebAuthnConfiguration"]["RelyingPartyId"].as_str().unwrap().to_owned()
    };
    let prefix = "login.auth.eu-west-1.amazoncognito.com";
    for (old, domains, to, new) in [
        (prefix, [("login", "new")], "eu-west-1", "new.auth.eu-west-1.amazoncognito.com"),
        (prefix, [("login", "new")], "eu-central-1", "new.auth.eu-central-1.amazoncognito.com"),
        ("a.example.com", [("a.example.com", "b.example.com")], "eu-west-1", "b.example.com"),
        ("a.example.com", [("a.example.com", "new")], "eu-west-1", "new.auth.eu-west-1.amazoncognito.com"),
        ("login", [("login", "new")], "eu-west-1", "login"),
        ("example.com", [("login", "new")], "eu-west-1", "example.com"),
        (
            "xlogin.auth.eu-west-1.amazoncognito.com",
            [("login", "new")],
            "eu-west-1",
            "xlogin.auth.eu-west-1.amazoncognito.com",
        ),
    ] {
        assert_eq!(party(old, &domains, to), new, "{old} {domains:?}");
    }
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

#[test]
fn a_lacking_member_is_named_once_and_a_new_certificate_is_no_loss() {
    let case = Case::of(&[("signingCertificate", json!({"Certificate": "x"}))]);
    let case = case.lacking(&[("mfa", "NewMember", NotCapturedReason::UnknownMember)]);
    let expected =
        [("mfa NewMember", LeftReason::NotCaptured), ("signingCertificate", LeftReason::NewInEachPool)];
    assert_eq!(left_out(&case.plan().unwrap()), names(&expected));
}

#[test]
fn triggers_wait_for_the_end_and_a_pool_without_any_has_none_to_set() {
    let lambda = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:a");
    let pool = json!({"LambdaConfig": {"PreSignUp": lambda}, "DeletionProtection": "ACTIVE"});
    let plan = Case::of(&[("userPool", pool)]).plan().unwrap();
    assert_eq!((&plan.triggers, plan.is_protected), (&json!({"PreSignUp": lambda}), true));
    assert_eq!(made(&plan, "userPool").get("LambdaConfig"), None);
    assert_eq!(made(&plan, "userPool")["DeletionProtection"], "INACTIVE");
    let plan = Case::of(&[]).plan().unwrap();
    assert_eq!((&plan.triggers, plan.is_protected), (&json!({}), false));
}

#[test]
fn clients_of_one_name_are_told_apart_by_their_ids() {
    let client = |id: &str, name: &str| {
        let flows = json!(["client_credentials"]);
        let document = json!({"ClientId": id, "ClientName": name, "AllowedOAuthFlows": flows});
        (format!("clients/{id}"), document)
    };
    // The last name means another client in a map.
    let clients = [client("1", "web"), client("2", "web"), client("3", "app"), client("4", "3")];
    let clients = clients.each_ref().map(|(name, document)| (name.as_str(), document.clone()));
    let plan = Case::of(&clients).plan().unwrap();
    let labels = ["clients/1", "clients/2", "clients/app", "clients/4"];
    assert_eq!(plan.steps.iter().skip(1).map(|step| step.label.as_str()).collect::<Vec<_>>(), labels);
    let secrets =
        ["clients/1", "clients/2", "clients/4", "clients/app"].map(|label| format!("{label} ClientSecret"));
    assert_eq!(left_out(&plan), secrets.map(|secret| (secret, LeftReason::SecretMissing)));
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
