//! What changed in the configuration of a pool from one snapshot to the next: names, never values.

use serde::{Deserialize, Serialize};

use super::difference::{Change, ConfigurationDifference};
use crate::model::RunId;
use crate::model::nameable::{member_path, object_name};

/// The most objects that are named. The header of a snapshot holds them.
const MAX_OBJECTS: usize = 20;
/// The most members that are named of an object.
const MAX_FIELDS: usize = 10;
/// The most characters of a name.
const MAX_NAME: usize = 100;

/// What changed since an earlier snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationChanges {
    /// The newest earlier snapshot that holds a configuration.
    pub since: RunId,
    /// How many objects were added, removed or changed.
    pub count: u64,
    /// The first of these objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ChangedObject>,
}

/// An object that was added, removed or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedObject {
    /// `clients/web`. Unusual characters are left out.
    pub object: String,
    pub change: Change,
    /// The first members that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// How many members changed. 0 if the whole object was added or removed, or was not compared by member.
    #[serde(default)]
    pub field_count: u64,
}

impl ConfigurationChanges {
    /// No change since the snapshot `since`.
    pub fn none(since: RunId) -> Self {
        Self { since, count: 0, objects: Vec::new() }
    }

    /// The changes since the snapshot `since`. `others` are objects that differ and were not compared by member.
    pub fn new(since: RunId, difference: &ConfigurationDifference, others: Vec<(String, Change)>) -> Self {
        let mut changes = Self::none(since);
        let mut last = None;
        for difference in &difference.differences {
            if last != Some(&difference.object) {
                last = Some(&difference.object);
                changes.count += 1;
                let change = if difference.field.is_some() { Change::Changed } else { difference.change };
                changes.name(&difference.object.text, change);
            }
            let is_named = changes.objects.len() as u64 == changes.count;
            let Some(object) = changes.objects.last_mut().filter(|_| is_named) else { continue };
            if let Some(field) = &difference.field {
                object.field_count += 1;
                if object.fields.len() < MAX_FIELDS {
                    object.fields.push(shortened(&member_path(field)));
                }
            }
        }
        for (text, change) in others {
            changes.count += 1;
            changes.name(&text, change);
        }
        changes
    }

    fn name(&mut self, text: &str, change: Change) {
        if self.objects.len() < MAX_OBJECTS {
            let object = shortened(&object_name(text));
            self.objects.push(ChangedObject { object, change, fields: Vec::new(), field_count: 0 });
        }
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() > MAX_NAME {
        name.chars().take(MAX_NAME - 1).chain(['…']).collect()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::configuration::difference::document::Configuration;
    use crate::model::configuration::difference::{ClientMap, compare};

    fn changes(old: Value, new: Value) -> ConfigurationChanges {
        let [old, new] = [old, new].map(|document| Configuration::from_document(document).unwrap());
        let since = RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap();
        ConfigurationChanges::new(since, &compare(&old, &new, &ClientMap::new()), Vec::new())
    }

    fn client(id: &str, name: &str, urls: &[&str], validity: u32) -> Value {
        json!({"ClientId": id, "ClientName": name, "CallbackURLs": urls, "AuthSessionValidity": validity})
    }

    #[test]
    fn changed_objects_and_members_are_named_without_values() {
        let old = json!({"clients": [client("1", "web", &["planted"], 3), client("2", "gone", &[], 3)]});
        let new =
            json!({"clients": [client("1", "web", &["other"], 5), client("3", "anna@example.com", &[], 3)]});
        let found = changes(old, new);
        let named: Vec<_> = found
            .objects
            .iter()
            .map(|object| (object.object.as_str(), object.change, object.fields.join(" ")))
            .collect();
        assert_eq!(
            named,
            [
                ("clients/…", Change::Added, String::new()),
                ("clients/gone", Change::Removed, String::new()),
                ("clients/web", Change::Changed, "AuthSessionValidity CallbackURLs".to_owned()),
            ]
        );
        assert_eq!((found.count, found.objects[2].field_count), (3, 2));
        let json = json!(found).to_string();
        assert!(!json.contains("planted") && !json.contains("other") && !json.contains("anna"), "{json}");
    }

    #[test]
    fn many_changes_are_counted_and_stay_small() {
        let clients = |count: usize| -> Value {
            (0..count).map(|n| client(&format!("{n}"), &"n".repeat(60), &[], 3)).collect()
        };
        let tags = |value: &str| -> Value {
            (0..50)
                .map(|n| (format!("{n}{}", "k".repeat(60)), json!(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let found = changes(
            json!({"userPool": {"Id": "eu-west-1_A", "UserPoolTags": tags("a")}}),
            json!({"userPool": {"Id": "eu-west-1_A", "UserPoolTags": tags("b")}, "clients": clients(900)}),
        );
        assert_eq!((found.count, found.objects.len()), (901, MAX_OBJECTS));
        assert_eq!((found.objects[0].field_count, found.objects[0].fields.len()), (50, MAX_FIELDS));
        assert!(json!(found).to_string().len() < 8_000);
    }
}
