//! What reads show of a pool.

use serde_json::{Value, json};

use super::{Pool, messages};
use crate::Account;
use crate::domain;
use crate::json::{Object, get, is_empty_list, object};

/// The names of authentication levels that a pool has without `AcrConfiguration`: UserPoolType, API
/// reference.
const LEVELS: [(&str, &str); 4] = [
    ("Level1", "urn:cognito:loa:1"),
    ("Level2", "urn:cognito:loa:2"),
    ("Level3", "urn:cognito:loa:3"),
    ("Level4", "urn:cognito:loa:4"),
];

/// The pool object of DescribeUserPool.
pub(super) fn described(pool: &Pool, account: &Account) -> Value {
    let mut shown = pool.settings.clone();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("Id", pool.id.as_str().into());
    put("Arn", pool.arn.as_str().into());
    put("CreationDate", pool.created.into());
    put("LastModifiedDate", pool.modified.into());
    put("SchemaAttributes", pool.schema.clone().into());
    put("EstimatedNumberOfUsers", 0.into());
    put("UserPoolTags", Value::Object(tags(pool)));
    put("AcrConfiguration", with_default_levels(get(&pool.settings, "AcrConfiguration")));
    let mut admin = get(&pool.settings, "AdminCreateUserConfig").clone();
    admin["UnusedAccountValidityDays"] =
        get(&pool.settings, "Policies")["PasswordPolicy"]["TemporaryPasswordValidityDays"].clone();
    put("AdminCreateUserConfig", admin);
    for (name, domain) in domain::of_pool(account, &pool.id) {
        put(if domain.is_custom() { "CustomDomain" } else { "Domain" }, name.into());
    }
    shown.extend(messages::older(get(&pool.settings, messages::TEMPLATE)));
    if !account.settings.shows_empty_lists {
        shown.retain(|name, value| {
            let is_list =
                ["AutoVerifiedAttributes", "AliasAttributes", "UsernameAttributes"].contains(&name.as_str());
            !(is_list && is_empty_list(value))
        });
    }
    Value::Object(shown)
}

/// The entry of a pool in ListUserPools.
pub(super) fn summary(pool: &Pool) -> Value {
    json!({
        "Id": pool.id, "Name": get(&pool.settings, "Name"),
        "LambdaConfig": get(&pool.settings, "LambdaConfig"),
        "CreationDate": pool.created, "LastModifiedDate": pool.modified,
    })
}

/// All tags: the caller's and those that AWS set.
pub(super) fn tags(pool: &Pool) -> Object {
    let mut tags = object(get(&pool.settings, "UserPoolTags"));
    tags.extend(pool.service_tags.clone());
    tags
}

fn with_default_levels(levels: &Value) -> Value {
    let levels = LEVELS.into_iter().map(|(level, default)| {
        let set = levels.get(level).cloned();
        (level.to_owned(), set.unwrap_or_else(|| json!({"AcrValue": default})))
    });
    Value::Object(levels.collect())
}

/// The levels that differ from the default.
pub(super) fn without_default_levels(levels: &Value) -> Value {
    let mut levels = object(levels);
    levels.retain(|level, value| {
        !LEVELS.iter().any(|(name, default)| name == level && value["AcrValue"] == *default)
    });
    Value::Object(levels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn the_levels_of_authentication_have_default_names() {
        let mut fixture = Fixture::with(json!({"AcrConfiguration": {"Level2": {"AcrValue": "two"}}}));
        let levels = &fixture.described()["AcrConfiguration"];
        assert_eq!(levels["Level1"]["AcrValue"], "urn:cognito:loa:1");
        assert_eq!(levels["Level2"]["AcrValue"], "two");
        assert_eq!(without_default_levels(levels), json!({"Level2": {"AcrValue": "two"}}));
    }

    #[test]
    fn a_setting_hides_empty_lists() {
        let mut fixture = Fixture::with(json!({"AliasAttributes": ["email"]}));
        assert_eq!(fixture.described()["UsernameAttributes"], json!([]));
        fixture.settings().shows_empty_lists = false;
        let pool = fixture.described();
        assert!(pool.get("UsernameAttributes").is_none());
        assert_eq!(pool["AliasAttributes"], json!(["email"]));
    }

    #[test]
    fn the_pool_names_its_domains() {
        let mut fixture = Fixture::new();
        fixture.call("CreateUserPoolDomain", json!({"Domain": "login"}));
        let custom = json!({"CertificateArn": crate::testing::CERTIFICATE});
        fixture.call(
            "CreateUserPoolDomain",
            json!({"Domain": "auth.example.com", "CustomDomainConfig": custom}),
        );
        let pool = fixture.described();
        assert_eq!((&pool["Domain"], &pool["CustomDomain"]), (&json!("login"), &json!("auth.example.com")));
    }
}
