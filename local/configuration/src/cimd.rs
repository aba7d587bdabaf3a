//! The policies for clients whose id is the URL of their metadata (CIMD).
//!
//! Source: CreateCIMDPolicy and UpdateCIMDPolicy, API reference.

use serde_json::{Value, json};

use crate::json::object;
use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, pages};

/// Seconds: `CacheDuration`, CreateCIMDPolicy, API reference.
const DEFAULT_CACHE_DURATION: u64 = 86_400;

#[derive(Debug, Clone)]
pub(crate) struct Policy {
    id: String,
    content: Value,
}

impl Policy {
    fn summary(&self) -> Value {
        let mut summary = object(&self.content);
        summary.remove("URLPatterns");
        summary.remove("UserPoolId");
        Value::Object(summary)
    }
}

fn index(pool: &Pool, request: &Request<'_>) -> Result<usize, ConfigurationRefusal> {
    let id = request.text("CIMDPolicyId");
    let index = pool.policies.iter().position(|policy| policy.id == id);
    index.ok_or_else(|| ConfigurationRefusal::not_found("CIMD policy does not exist."))
}

/// CreateCIMDPolicy.
pub(crate) fn create(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    pool.require_tier("ESSENTIALS", "Client ID Metadata Documents")?;
    pool.client(request.text("ClientId"))?;
    let id = account.ids.lower(20);
    let content = json!({
        "UserPoolId": pool.id, "CIMDPolicyId": id, "ClientId": request.input["ClientId"],
        "PolicyName": request.input["PolicyName"], "URLPatterns": request.input["URLPatterns"],
        "CacheDuration": request.member("CacheDuration").unwrap_or(&DEFAULT_CACHE_DURATION.into()),
        "CreationDate": request.now, "LastModifiedDate": request.now,
    });
    pool.policies.push(Policy { id, content: content.clone() });
    Ok(json!({"CIMDPolicy": content}))
}

/// UpdateCIMDPolicy.
pub(crate) fn update(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request)?;
    pool.client(request.text("ClientId"))?;
    let content = &mut pool.policies[index].content;
    for name in ["ClientId", "PolicyName", "URLPatterns", "CacheDuration"] {
        if let Some(sent) = request.member(name) {
            content[name] = sent.clone();
        }
    }
    content["LastModifiedDate"] = request.now.into();
    Ok(json!({"CIMDPolicy": content}))
}

/// DescribeCIMDPolicy.
pub(crate) fn describe(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request)?;
    Ok(json!({"CIMDPolicy": pool.policies[index].content}))
}

/// DeleteCIMDPolicy.
pub(crate) fn delete(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request)?;
    pool.policies.remove(index);
    Ok(json!({}))
}

/// ListCIMDPolicies: 60 a page, without patterns.
pub(crate) fn list(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let summaries: Vec<Value> = pool.policies.iter().map(Policy::summary).collect();
    let (entries, token) = pages::page(&summaries, request, 60, |_| None)?;
    Ok(pages::answer("CIMDPolicies", entries, token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn a_policy_is_listed_without_its_patterns() {
        let mut fixture = Fixture::new();
        let client = fixture.client(json!({"ClientName": "a"}));
        let patterns = json!(["https://agent.example.com/*"]);
        let input = json!({"ClientId": client, "PolicyName": "agents", "URLPatterns": patterns});
        let id = fixture.call("CreateCIMDPolicy", input)["CIMDPolicy"]["CIMDPolicyId"].take();
        let listed = fixture.call("ListCIMDPolicies", json!({}))["CIMDPolicies"].take();
        assert_eq!((&listed[0]["CIMDPolicyId"], listed[0]["URLPatterns"].is_null()), (&id, true));
        let other = json!(["https://other.example.com/*"]);
        fixture
            .call("UpdateCIMDPolicy", json!({"CIMDPolicyId": id, "ClientId": client, "URLPatterns": other}));
        let read = fixture.call("DescribeCIMDPolicy", json!({"CIMDPolicyId": id}))["CIMDPolicy"].take();
        assert_eq!((&read["URLPatterns"], &read["PolicyName"]), (&other, &json!("agents")));
        fixture.call("DeleteCIMDPolicy", json!({"CIMDPolicyId": id}));
        assert_eq!(
            fixture.refused("DescribeCIMDPolicy", json!({"CIMDPolicyId": id})).code,
            "ResourceNotFoundException"
        );
    }

    #[test]
    fn a_policy_needs_one_to_five_patterns_a_client_and_essentials() {
        let mut fixture = Fixture::new();
        let client = fixture.client(json!({"ClientName": "a"}));
        let input = |client: &str, count: usize| {
            let patterns = vec!["https://agent.example.com/*"; count];
            json!({"ClientId": client, "PolicyName": "agents", "URLPatterns": patterns})
        };
        fixture.refused("CreateCIMDPolicy", input(&client, 0));
        fixture.refused("CreateCIMDPolicy", input(&client, 6));
        fixture.refused("CreateCIMDPolicy", input("unknown", 1));
        let mut lite = Fixture::with(json!({"UserPoolTier": "LITE"}));
        assert_eq!(
            lite.refused("CreateCIMDPolicy", input("unknown", 1)).code,
            "FeatureUnavailableInTierException"
        );
    }
}
