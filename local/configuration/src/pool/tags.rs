//! The tags of a pool: ListTagsForResource, TagResource, UntagResource.

use serde_json::{Value, json};

use super::{Pool, reading};
use crate::Configurations;
use crate::json::{get, object, texts};
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::settings::ConfigurationSettings;

/// Checks `UserPoolTags` of a request.
pub(super) fn check_pool_tags(
    tags: &Value,
    settings: &ConfigurationSettings,
) -> Result<(), ConfigurationRefusal> {
    match violation(tags, settings) {
        Some(message) => Err(ConfigurationRefusal::new("UserPoolTaggingException", message)),
        None => Ok(()),
    }
}

/// The rule that tags break: "Tag naming limits and requirements", AWS tagging guide.
fn violation(tags: &Value, settings: &ConfigurationSettings) -> Option<String> {
    let tags = object(tags);
    if tags.keys().any(|key| is_of_service(key)) {
        return Some("aws: prefixed tag key names are not allowed for external use".to_owned());
    }
    (tags.len() > settings.max_tags).then(|| format!("A user pool has at most {} tags", settings.max_tags))
}

fn is_of_service(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

fn pool<'a>(
    configurations: &'a mut Configurations,
    request: &Request<'_>,
) -> Result<(&'a mut Pool, &'a ConfigurationSettings), ConfigurationRefusal> {
    let arn = request.text("ResourceArn");
    let found = configurations.pools.values_mut().find(|pool| pool.arn == arn);
    let pool = found.ok_or_else(|| ConfigurationRefusal::not_found("The resource does not exist"))?;
    Ok((pool, &configurations.account.settings))
}

pub(crate) fn list(configurations: &mut Configurations, request: &Request<'_>) -> Answer {
    let (pool, _) = pool(configurations, request)?;
    Ok(json!({"Tags": reading::tags(pool)}))
}

pub(crate) fn tag(configurations: &mut Configurations, request: &Request<'_>) -> Answer {
    let (pool, settings) = pool(configurations, request)?;
    let mut tags = object(get(&pool.settings, "UserPoolTags"));
    tags.extend(object(&request.input["Tags"]));
    let tags = Value::Object(tags);
    if let Some(message) = violation(&tags, settings) {
        return Err(ConfigurationRefusal::invalid(message));
    }
    pool.settings.insert("UserPoolTags".to_owned(), tags);
    Ok(json!({}))
}

pub(crate) fn untag(configurations: &mut Configurations, request: &Request<'_>) -> Answer {
    let (pool, _) = pool(configurations, request)?;
    let keys = texts(&request.input["TagKeys"]);
    if keys.iter().any(|key| is_of_service(key)) {
        return Err(ConfigurationRefusal::invalid(
            "aws: prefixed tag key names are not allowed for external use",
        ));
    }
    let mut tags = object(get(&pool.settings, "UserPoolTags"));
    tags.retain(|key, _| !keys.contains(&key.as_str()));
    pool.settings.insert("UserPoolTags".to_owned(), Value::Object(tags));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn arn(fixture: &mut Fixture) -> Value {
        fixture.described()["Arn"].take()
    }

    #[test]
    fn tags_can_be_added_and_removed_by_arn() {
        let mut fixture = Fixture::with(json!({"UserPoolTags": {"a": "1"}}));
        let arn = arn(&mut fixture);
        fixture.call("TagResource", json!({"ResourceArn": arn, "Tags": {"b": "2"}}));
        fixture.call("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a", "c"]}));
        assert_eq!(
            fixture.call("ListTagsForResource", json!({"ResourceArn": arn})),
            json!({"Tags": {"b": "2"}})
        );
        assert_eq!(fixture.described()["UserPoolTags"], json!({"b": "2"}));
        let unknown = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/x";
        assert_eq!(
            fixture.refused("ListTagsForResource", json!({"ResourceArn": unknown})).code,
            "ResourceNotFoundException"
        );
    }

    #[test]
    fn an_update_may_keep_the_tags_that_it_leaves_out() {
        for (keeps, expected) in [(false, json!({"b": "2"})), (true, json!({"a": "1", "b": "2"}))] {
            let mut fixture = Fixture::with(json!({"UserPoolTags": {"a": "1"}}));
            fixture.configurations.settings_mut().keeps_omitted_tags = keeps;
            fixture.call("UpdateUserPool", json!({"UserPoolTags": {"b": "2"}}));
            assert_eq!(fixture.described()["UserPoolTags"], expected);
        }
    }

    #[test]
    fn tags_of_aws_are_read_and_never_written() {
        let mut fixture = Fixture::new();
        let (id, arn) = (fixture.pool.clone(), arn(&mut fixture));
        fixture.configurations.add_service_tags(&id, &[("aws:cloudformation:stack-name", "stack")]);
        let tags = fixture.described()["UserPoolTags"].clone();
        assert_eq!(tags, json!({"aws:cloudformation:stack-name": "stack"}));
        assert_eq!(
            fixture.refused("UpdateUserPool", json!({"UserPoolTags": tags})).code,
            "UserPoolTaggingException"
        );
        fixture.refused("TagResource", json!({"ResourceArn": arn, "Tags": tags}));
        fixture.refused(
            "UntagResource",
            json!({"ResourceArn": arn, "TagKeys": ["aws:cloudformation:stack-name"]}),
        );
        fixture.call("UpdateUserPool", json!({"UserPoolTags": {}}));
        assert_eq!(fixture.described()["UserPoolTags"], tags, "an update keeps them");
    }

    #[test]
    fn a_pool_has_a_limited_number_of_tags() {
        let mut fixture = Fixture::with(json!({"UserPoolTags": {"a": "1"}}));
        fixture.settings().max_tags = 1;
        let arn = arn(&mut fixture);
        fixture.refused("TagResource", json!({"ResourceArn": arn, "Tags": {"b": "2"}}));
    }
}
