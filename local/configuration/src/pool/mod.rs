//! The pool object: its creation, reads, updates and removal.

mod fields;
mod messages;
mod reading;
mod rules;
mod schema;
mod tags;
mod tier;
mod values;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::branding::Branding;
use crate::cimd::Policy;
use crate::client::Client;
use crate::json::{Object, get, object};
use crate::mfa::Factors;
use crate::provider::Provider;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::terms::Terms;
use crate::ui::Customization;
use crate::{Account, Configurations, pages, resource_server};
pub(crate) use fields::adopted;
pub(crate) use rules::{check_factors, no_threat_protection};
pub(crate) use schema::{adopted as adopted_schema, has_attribute, is_required, is_writable};
pub(crate) use tags::{list as list_tags, tag, untag};
pub(crate) use tier::Features;

/// What Cognito keeps about one pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    pub id: String,
    pub arn: String,
    /// Seconds since 1970.
    pub created: f64,
    /// Seconds since 1970. When the pool object last changed.
    pub modified: f64,
    /// Seconds since 1970. When a call last changed anything.
    pub changed: f64,
    /// The pool object without derived members. See `fields.rs`.
    pub settings: Object,
    /// Tags that AWS set.
    pub service_tags: Object,
    /// In the form of reads.
    pub schema: Vec<Value>,
    pub factors: Factors,
    pub clients: Vec<Client>,
    pub providers: Vec<Provider>,
    pub resource_servers: Vec<Value>,
    /// By client id, or `ALL`.
    pub customizations: BTreeMap<String, Customization>,
    /// By client id, or `ALL`.
    pub risks: BTreeMap<String, Value>,
    pub logs: Vec<Value>,
    pub brandings: Vec<Branding>,
    pub terms: Vec<Terms>,
    /// As SetUserPoolSessionConfiguration got it.
    pub sessions: Option<Value>,
    /// `SSOSession` by client id.
    pub client_sessions: BTreeMap<String, Value>,
    pub policies: Vec<Policy>,
    pub import_is_running: bool,
    pub recovery_is_running: bool,
    /// Whether a point-in-time recovery has ended.
    pub had_recovery: bool,
}

impl Pool {
    pub fn tier(&self) -> &str {
        get(&self.settings, "UserPoolTier").as_str().unwrap_or_default()
    }

    pub fn client(&self, id: &str) -> Result<&Client, ConfigurationRefusal> {
        self.clients.iter().find(|client| client.id == id).ok_or_else(|| unknown_client(id))
    }

    /// Refuses a feature that the tier of the pool lacks.
    pub fn require_tier(&self, least: &str, feature: &str) -> Result<(), ConfigurationRefusal> {
        if tier::has(self.tier(), least) {
            return Ok(());
        }
        Err(ConfigurationRefusal::tier(feature, self.tier()))
    }

    /// The features of the pool that need a tier.
    pub fn features(&self, account: &Account) -> Features {
        let mut features = tier::features(&self.settings, &self.factors);
        if self.sessions.as_ref().is_some_and(|sessions| sessions["UserSessionTracking"] == "ENABLED") {
            features.push(("Session Management", "ESSENTIALS"));
        }
        let has_managed_login = account
            .domains
            .values()
            .any(|domain| domain.pool == self.id && domain.managed_login_version == 2);
        if has_managed_login {
            features.push(("Managed Login", "ESSENTIALS"));
        }
        if self.logs.iter().any(|log| log["EventSource"] == "userAuthEvents") {
            features.push(("Export User Activity Logs", "PLUS"));
        }
        features
    }
}

pub(crate) fn unknown(id: &str) -> ConfigurationRefusal {
    ConfigurationRefusal::not_found(format!("User pool {id} does not exist."))
}

pub(crate) fn unknown_client(id: &str) -> ConfigurationRefusal {
    ConfigurationRefusal::not_found(format!("User pool client {id} does not exist."))
}

/// CreateUserPool.
pub(crate) fn create(configurations: &mut Configurations, request: &Request<'_>) -> Answer {
    let account = &mut configurations.account;
    let settings = fields::resolved(None, request, &account.settings)?;
    let factors = Factors::of_creation(&settings);
    rules::check_creation(request)?;
    rules::check(None, (&settings, &factors), request, account)?;
    tier::check(
        None,
        &tier::features(&settings, &factors),
        get(&settings, "UserPoolTier").as_str().unwrap_or_default(),
    )?;
    tags::check_pool_tags(&request.input["UserPoolTags"], &account.settings)?;
    let schema = schema::created(&request.input["Schema"], account.settings.shows_identities)?;
    let id = request.chosen.id.clone().unwrap_or_else(|| account.ids.pool(&account.region));
    let mut pool = Pool {
        arn: account.arn(&id),
        id: id.clone(),
        created: request.now,
        modified: request.now,
        changed: f64::NEG_INFINITY,
        settings,
        schema,
        factors,
        ..Pool::default()
    };
    resource_server::keep_managed(&mut pool);
    let answer = json!({"UserPool": reading::described(&pool, account)});
    configurations.pools.insert(id, pool);
    Ok(answer)
}

/// DescribeUserPool.
pub(crate) fn describe(pool: &mut Pool, account: &mut Account, _: &Request<'_>) -> Answer {
    Ok(json!({"UserPool": reading::described(pool, account)}))
}

/// UpdateUserPool.
pub(crate) fn update(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let mut settings = fields::resolved(Some(&pool.settings), request, &account.settings)?;
    if account.settings.keeps_omitted_tags {
        let mut tags = object(get(&pool.settings, "UserPoolTags"));
        tags.extend(object(get(&settings, "UserPoolTags")));
        settings.insert("UserPoolTags".to_owned(), Value::Object(tags));
    }
    let factors = pool.factors.after_update(&pool.settings, &settings)?;
    rules::check(Some((&pool.settings, &pool.factors)), (&settings, &factors), request, account)?;
    tags::check_pool_tags(&request.input["UserPoolTags"], &account.settings)?;
    let before = pool.features(account);
    let updated = Pool { settings, factors, modified: request.now, ..pool.clone() };
    tier::check(Some((&before, pool.tier())), &updated.features(account), updated.tier())?;
    *pool = updated;
    resource_server::keep_managed(pool);
    Ok(json!({}))
}

/// Checks that the tier of a changed pool, which has not changed itself, has its features. `before` has the
/// features before the change.
pub(crate) fn check_tier(
    before: &Features,
    changed: &Pool,
    account: &Account,
) -> Result<(), ConfigurationRefusal> {
    tier::check(Some((before, changed.tier())), &changed.features(account), changed.tier())
}

/// DeleteUserPool.
pub(crate) fn delete(configurations: &mut Configurations, request: &Request<'_>) -> Answer {
    let id = request.text("UserPoolId");
    let pool = configurations.pools.get(id).ok_or_else(|| unknown(id))?;
    if get(&pool.settings, "DeletionProtection") == "ACTIVE" {
        return Err(ConfigurationRefusal::invalid(
            "The user pool cannot be deleted because deletion protection is activated. \
             Deletion protection must be inactivated first.",
        ));
    }
    // Source: aws-amplify/amplify-cli #1107.
    if configurations.account.domains.values().any(|domain| domain.pool == id) {
        return Err(ConfigurationRefusal::invalid(
            "User pool cannot be deleted. It has a domain configured that should be deleted first.",
        ));
    }
    configurations.remove(id);
    Ok(json!({}))
}

/// ListUserPools: 60 a page, in the order of their creation.
pub(crate) fn list(configurations: &mut Configurations, request: &Request<'_>) -> Answer {
    let mut pools: Vec<&Pool> = configurations.pools.values().collect();
    pools.sort_by(|a, b| a.created.total_cmp(&b.created));
    let summaries: Vec<Value> = pools.into_iter().map(reading::summary).collect();
    let (entries, token) = pages::page(&summaries, request, 60, |_| None)?;
    Ok(pages::answer("UserPools", entries, token))
}

/// AddCustomAttributes.
pub(crate) fn add_attributes(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    pool.schema = schema::added(&pool.schema, &request.input["CustomAttributes"])?;
    pool.modified = request.now;
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Fixture;

    #[test]
    fn a_protected_pool_cannot_be_deleted() {
        let mut fixture = Fixture::with(json!({"DeletionProtection": "ACTIVE"}));
        assert!(fixture.refused("DeleteUserPool", json!({})).message.contains("deletion protection"));
        fixture.call("UpdateUserPool", json!({"DeletionProtection": "INACTIVE"}));
        fixture.call("DeleteUserPool", json!({}));
        assert_eq!(fixture.refused("DescribeUserPool", json!({})).code, "ResourceNotFoundException");
    }

    #[test]
    fn a_pool_with_a_domain_cannot_be_deleted() {
        let mut fixture = Fixture::new();
        fixture.call("CreateUserPoolDomain", json!({"Domain": "login"}));
        assert!(fixture.refused("DeleteUserPool", json!({})).message.contains("domain"));
        fixture.call("DeleteUserPoolDomain", json!({"Domain": "login"}));
        fixture.call("DeleteUserPool", json!({}));
    }

    #[test]
    fn pools_are_listed_by_their_creation() {
        let mut fixture = Fixture::new();
        fixture.now += 1.0;
        fixture.create(json!({"PoolName": "second"})).unwrap();
        let first = fixture.call("ListUserPools", json!({"MaxResults": 1}));
        assert_eq!(first["UserPools"][0]["Name"], "pool");
        let second = fixture.call("ListUserPools", json!({"MaxResults": 1, "NextToken": first["NextToken"]}));
        assert_eq!(
            (&second["UserPools"][0]["Name"], second["NextToken"].is_null()),
            (&json!("second"), true)
        );
    }
}
