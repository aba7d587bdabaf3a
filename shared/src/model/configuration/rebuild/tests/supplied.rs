//! Plans with a map: what it supplies, which entries are refused, and which domains a pool can have.

use serde_json::{Value, json};

use super::super::*;
use super::{ACCOUNT, Case, OTHER_ACCOUNT, SECRET, home, left_out, made, map, names};

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
