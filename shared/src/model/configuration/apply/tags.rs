//! The tags of this program, which a roll back leaves as they are.

use serde_json::Value;

use super::super::path::remove;
use crate::model::is_own_tag;

/// Gives `target` the tags of this program that the pool has, and no other ones.
pub(super) fn keep_own_tags(target: &mut Value, live: &Value) {
    let own = |tags: &Value| -> Vec<(String, Value)> {
        let tags = tags.as_object().into_iter().flatten();
        tags.filter(|(key, _)| is_own_tag(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    for (key, _) in own(&target["UserPoolTags"]) {
        if let Some(tags) = target["UserPoolTags"].as_object_mut() {
            tags.remove(&key);
        }
    }
    for (key, value) in own(&live["UserPoolTags"]) {
        target["UserPoolTags"][key] = value;
    }
    if target["UserPoolTags"].is_null() {
        remove(target, "UserPoolTags");
    }
}
