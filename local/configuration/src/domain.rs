//! The domains of the sign-in pages: a prefix in Cognito's own domain, or a custom domain.
//!
//! Source, unless a rule names another: "Configuring a user pool domain", developer guide.

use serde_json::{Value, json};

use crate::json::text;
use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, Configurations};

#[derive(Debug, Clone)]
pub(crate) struct Domain {
    /// The id of the pool that holds it.
    pub pool: String,
    pub managed_login_version: i64,
    /// `CustomDomainConfig`.
    config: Option<Value>,
    /// The name in CloudFront. A domain that is created again has another one.
    distribution: String,
    /// Seconds since 1970.
    active_at: f64,
    /// `CREATING` or `UPDATING`, until it is active.
    pending: &'static str,
}

impl Domain {
    pub fn is_custom(&self) -> bool {
        self.config.is_some()
    }

    fn status(&self, now: f64) -> &'static str {
        if now >= self.active_at { "ACTIVE" } else { self.pending }
    }
}

/// The domains of a pool, by name.
pub(crate) fn of_pool<'a>(
    account: &'a Account,
    pool: &'a str,
) -> impl Iterator<Item = (&'a str, &'a Domain)> {
    account
        .domains
        .iter()
        .filter(move |(_, domain)| domain.pool == pool)
        .map(|(name, domain)| (name.as_str(), domain))
}

/// Refuses a pool without a domain that is active. Source: aws-cdk #6953.
pub(crate) fn require_active(account: &Account, pool: &str, now: f64) -> Result<(), ConfigurationRefusal> {
    let mut domains = of_pool(account, pool).peekable();
    let Some((first, _)) = domains.peek().copied() else {
        let message = "There has to be an existing domain associated with this user pool";
        return Err(ConfigurationRefusal::invalid(message));
    };
    if !domains.any(|(_, domain)| domain.status(now) == "ACTIVE") {
        return Err(ConfigurationRefusal::invalid(format!("The domain {first} is currently not Active")));
    }
    Ok(())
}

/// CreateUserPoolDomain.
pub(crate) fn create(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let name = request.text("Domain");
    let config = request.member("CustomDomainConfig").cloned();
    check_new(pool, account, name, config.as_ref(), request.now)?;
    let version = version(pool, request)?.unwrap_or(1);
    check_routing(request)?;
    let settings = &account.settings;
    let wait = if config.is_some() {
        settings.custom_domain_active_after
    } else {
        settings.prefix_domain_active_after
    };
    let domain = Domain {
        pool: pool.id.clone(),
        managed_login_version: version,
        config,
        distribution: distribution(account),
        active_at: request.now + wait,
        pending: "CREATING",
    };
    let answer = answer(&domain);
    account.domains.insert(name.to_owned(), domain);
    Ok(answer)
}

fn answer(domain: &Domain) -> Value {
    let mut answer = json!({"ManagedLoginVersion": domain.managed_login_version});
    if domain.is_custom() {
        answer["CloudFrontDomain"] = domain.distribution.as_str().into();
    }
    answer
}

fn distribution(account: &mut Account) -> String {
    format!("d{}.cloudfront.net", account.ids.lower(13))
}

fn check_new(
    pool: &Pool,
    account: &Account,
    name: &str,
    config: Option<&Value>,
    now: f64,
) -> Result<(), ConfigurationRefusal> {
    let invalid = |message: &str| Err(ConfigurationRefusal::invalid(message));
    if account.domains.contains_key(name) || account.settings.taken_domains.iter().any(|taken| taken == name)
    {
        return invalid("Domain already associated with another user pool.");
    }
    let is_custom = config.is_some();
    if is_custom != name.contains('.') {
        return invalid(
            "A custom domain has a full name and a CustomDomainConfig, a prefix domain has neither",
        );
    }
    if !is_custom && ["aws", "amazon", "cognito"].iter().any(|word| name.contains(word)) {
        return invalid("Domain cannot contain reserved word: aws, amazon, or cognito");
    }
    if of_pool(account, &pool.id).any(|(_, domain)| domain.is_custom() == is_custom) {
        return invalid("User pool already has a domain configured.");
    }
    let custom = account.domains.values().filter(|domain| domain.is_custom()).count();
    if is_custom && custom >= account.settings.max_custom_domains {
        let message = "The maximum number of custom domains of this account is reached";
        return Err(ConfigurationRefusal::new("LimitExceededException", message));
    }
    if account.free_at.get(name).is_some_and(|free_at| now < *free_at) {
        return invalid(
            "One or more of the CNAMEs you provided are already associated with a different resource.",
        );
    }
    config.map_or(Ok(()), check_certificate)
}

/// The certificate of a custom domain is in us-east-1. The Region of the pool does not matter.
fn check_certificate(config: &Value) -> Result<(), ConfigurationRefusal> {
    if text(config, "CertificateArn").split(':').nth(3) != Some("us-east-1") {
        return Err(ConfigurationRefusal::invalid("The certificate must be in us-east-1"));
    }
    Ok(())
}

fn version(pool: &Pool, request: &Request<'_>) -> Result<Option<i64>, ConfigurationRefusal> {
    let version = request.member("ManagedLoginVersion").and_then(Value::as_i64);
    match version {
        Some(2) => pool.require_tier("ESSENTIALS", "Managed Login")?,
        Some(1) | None => {}
        Some(_) => return Err(ConfigurationRefusal::invalid("ManagedLoginVersion must be 1 or 2")),
    }
    Ok(version)
}

/// Only a pool with a replica has routing: `Routing`, CreateUserPoolDomain, API reference. No pool here has
/// one.
fn check_routing(request: &Request<'_>) -> Result<(), ConfigurationRefusal> {
    if request.member("Routing").is_some() {
        return Err(ConfigurationRefusal::invalid("Routing needs a replica of the user pool"));
    }
    Ok(())
}

/// DescribeUserPoolDomain. An unknown domain has an empty description: terraform-provider-aws.
pub(crate) fn describe(configurations: &mut Configurations, request: &Request<'_>) -> Answer {
    let (name, account) = (request.text("Domain"), &configurations.account);
    let Some(domain) = account.domains.get(name) else {
        let is_taken = account.settings.taken_domains.iter().any(|taken| taken == name);
        if is_taken && account.settings.describes_taken_domains {
            let foreign = json!({"AWSAccountId": "000000000000", "Domain": name, "Status": "ACTIVE"});
            return Ok(json!({"DomainDescription": foreign}));
        }
        return Ok(json!({"DomainDescription": {}}));
    };
    let mut description = json!({
        "UserPoolId": domain.pool, "AWSAccountId": account.id, "Domain": name,
        "S3Bucket": format!("aws-cognito-prod-{}-assets", account.region),
        "CloudFrontDistribution": domain.distribution,
        "Version": "20260801000000", "Status": domain.status(request.now), "CustomDomainConfig": {},
        "ManagedLoginVersion": domain.managed_login_version,
    });
    if let Some(config) = &domain.config {
        description["CustomDomainConfig"] = config.clone();
    }
    Ok(json!({"DomainDescription": description}))
}

fn of_request<'a>(pool: &Pool, account: &'a Account, name: &str) -> Result<&'a Domain, ConfigurationRefusal> {
    let domain = account.domains.get(name).filter(|domain| domain.pool == pool.id);
    domain.ok_or_else(|| ConfigurationRefusal::not_found("No such domain or user pool exists."))
}

/// UpdateUserPoolDomain. A custom domain needs its certificate in every update.
pub(crate) fn update(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let name = request.text("Domain");
    let mut domain = of_request(pool, account, name)?.clone();
    let config = request.member("CustomDomainConfig").cloned();
    match (domain.is_custom(), &config) {
        (true, None) => {
            return Err(ConfigurationRefusal::invalid("Cannot convert custom domain to prefix domain"));
        }
        (false, Some(_)) => {
            return Err(ConfigurationRefusal::invalid("Cannot convert prefix domain to custom domain"));
        }
        (_, config) => config.as_ref().map_or(Ok(()), check_certificate)?,
    }
    check_routing(request)?;
    if let Some(version) = version(pool, request)? {
        domain.managed_login_version = version;
    }
    if config != domain.config {
        domain.config = config;
        domain.active_at = domain.active_at.max(request.now + account.settings.custom_domain_active_after);
        domain.pending = "UPDATING";
    }
    let answer = answer(&domain);
    account.domains.insert(name.to_owned(), domain);
    Ok(answer)
}

/// DeleteUserPoolDomain.
pub(crate) fn delete(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let name = request.text("Domain");
    if of_request(pool, account, name)?.is_custom() {
        let free_at = request.now + account.settings.custom_domain_free_after;
        account.free_at.insert(name.to_owned(), free_at);
    }
    account.domains.remove(name);
    Ok(json!({}))
}

/// A domain that another Cognito described. It is active.
pub(crate) fn adopt(account: &mut Account, pool: &str, described: &Value) {
    let config = described["CustomDomainConfig"]
        .get("CertificateArn")
        .map(|_| described["CustomDomainConfig"].clone());
    let domain = Domain {
        pool: pool.to_owned(),
        managed_login_version: described["ManagedLoginVersion"].as_i64().unwrap_or(1),
        config,
        distribution: distribution(account),
        active_at: f64::NEG_INFINITY,
        pending: "CREATING",
    };
    account.domains.insert(text(described, "Domain").to_owned(), domain);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CERTIFICATE, Fixture};

    const CREATE: &str = "CreateUserPoolDomain";
    const UPDATE: &str = "UpdateUserPoolDomain";

    fn custom(name: &str) -> Value {
        json!({"Domain": name, "CustomDomainConfig": {"CertificateArn": CERTIFICATE}})
    }

    fn described(fixture: &mut Fixture, name: &str) -> Value {
        fixture.call("DescribeUserPoolDomain", json!({"Domain": name}))["DomainDescription"].take()
    }

    #[test]
    fn a_prefix_belongs_to_one_pool() {
        let mut fixture = Fixture::new();
        fixture.settings().taken_domains = vec!["foreign".to_owned()];
        fixture.call(CREATE, json!({"Domain": "login"}));
        let other = fixture.create(json!({})).unwrap();
        for name in ["login", "foreign"] {
            let refusal = fixture.refused(CREATE, json!({"Domain": name, "UserPoolId": other}));
            assert_eq!(refusal.message, "Domain already associated with another user pool.");
        }
        fixture.refused(CREATE, json!({"Domain": "my-cognito", "UserPoolId": other}));
        fixture.refused(CREATE, json!({"Domain": "second"}));
        fixture.call("DeleteUserPoolDomain", json!({"Domain": "login"}));
        fixture.call(CREATE, json!({"Domain": "login", "UserPoolId": other}));
        let refusal = fixture.refused("DeleteUserPoolDomain", json!({"Domain": "login"}));
        assert_eq!(refusal.code, "ResourceNotFoundException", "another pool has it");
    }

    #[test]
    fn an_unknown_domain_has_an_empty_description() {
        let mut fixture = Fixture::new();
        assert_eq!(described(&mut fixture, "login"), json!({}));
        fixture.settings().taken_domains = vec!["login".to_owned()];
        assert_eq!(described(&mut fixture, "login"), json!({}));
        fixture.settings().describes_taken_domains = true;
        assert_eq!(described(&mut fixture, "login")["AWSAccountId"], "000000000000");
    }

    #[test]
    fn a_custom_domain_is_active_later_and_stands_beside_a_prefix() {
        let mut fixture = Fixture::new();
        fixture.call(CREATE, json!({"Domain": "login"}));
        assert_eq!(described(&mut fixture, "login")["Status"], "ACTIVE");
        let created = fixture.call(CREATE, custom("auth.example.com"));
        assert!(created["CloudFrontDomain"].as_str().unwrap().ends_with(".cloudfront.net"));
        assert_eq!(described(&mut fixture, "auth.example.com")["Status"], "CREATING");
        fixture.now += 900.0;
        let domain = described(&mut fixture, "auth.example.com");
        assert_eq!(
            (&domain["Status"], &domain["CustomDomainConfig"]["CertificateArn"]),
            (&json!("ACTIVE"), &json!(CERTIFICATE))
        );
        fixture.refused(CREATE, custom("other.example.com"));
        fixture.refused(CREATE, json!({"Domain": "full.example.com"}));
    }

    #[test]
    fn every_update_of_a_custom_domain_needs_its_certificate() {
        let mut fixture = Fixture::new();
        fixture.call(CREATE, custom("auth.example.com"));
        fixture.now += 900.0;
        let message = fixture.refused(UPDATE, json!({"Domain": "auth.example.com"})).message;
        assert!(message.starts_with("Cannot convert custom domain"), "{message}");
        fixture.call(UPDATE, custom("auth.example.com"));
        assert_eq!(described(&mut fixture, "auth.example.com")["Status"], "ACTIVE");
        let mut policy = custom("auth.example.com");
        policy["CustomDomainConfig"]["SecurityPolicy"] = "TLS_V1_3_2025".into();
        fixture.call(UPDATE, policy);
        assert_eq!(described(&mut fixture, "auth.example.com")["Status"], "UPDATING");
        let mut elsewhere = custom("auth.example.com");
        elsewhere["CustomDomainConfig"]["CertificateArn"] =
            CERTIFICATE.replace("us-east-1", "eu-west-1").into();
        fixture.refused(UPDATE, elsewhere);
    }

    #[test]
    fn managed_login_needs_essentials() {
        let mut fixture = Fixture::with(json!({"UserPoolTier": "LITE"}));
        let domain = |version: i64| json!({"Domain": "login", "ManagedLoginVersion": version});
        assert_eq!(fixture.refused(CREATE, domain(2)).code, "FeatureUnavailableInTierException");
        fixture.refused(CREATE, domain(3));
        assert_eq!(fixture.call(CREATE, domain(1))["ManagedLoginVersion"], 1);
    }

    #[test]
    fn an_account_has_a_limited_number_of_custom_domains_and_routing_needs_a_replica() {
        let mut fixture = Fixture::new();
        fixture.settings().max_custom_domains = 0;
        assert_eq!(fixture.refused(CREATE, custom("auth.example.com")).code, "LimitExceededException");
        let routing =
            json!({"Failover": {"SecondaryRegion": "eu-west-1", "PrimaryRoute53HealthCheckId": "1"}});
        fixture.refused(CREATE, json!({"Domain": "login", "Routing": routing}));
    }

    #[test]
    fn a_domain_that_is_created_again_has_another_distribution_and_may_have_to_wait() {
        let mut fixture = Fixture::new();
        fixture.settings().custom_domain_free_after = 3_600.0;
        let first = fixture.call(CREATE, custom("auth.example.com"));
        fixture.call("DeleteUserPoolDomain", json!({"Domain": "auth.example.com"}));
        let refusal = fixture.refused(CREATE, custom("auth.example.com"));
        assert!(refusal.message.contains("CNAMEs"), "{refusal}");
        fixture.now += 3_600.0;
        let second = fixture.call(CREATE, custom("auth.example.com"));
        assert_ne!(first["CloudFrontDomain"], second["CloudFrontDomain"]);
    }
}
