//! What changed in the configuration of a pool from one snapshot to the next: names, never values.

use serde::{Deserialize, Serialize};

use super::difference::{Change, Difference};
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
    /// The newest earlier snapshot that holds a configuration. What that one lacks is compared with the last snapshot
    /// that holds it. None if the comparison failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<RunId>,
    /// How many objects were added, removed or changed.
    pub count: u64,
    /// How many objects an earlier snapshot held in a record that is removed or cannot be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_compared: u64,
    /// Whether the table could not be read, or no list of an earlier snapshot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_failed: bool,
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
    /// How many members changed. 0 if the whole object was added or removed.
    #[serde(default)]
    pub field_count: u64,
}

impl ConfigurationChanges {
    /// No change since the snapshot `since`.
    pub fn none(since: RunId) -> Self {
        Self { since: Some(since), count: 0, not_compared: 0, is_failed: false, objects: Vec::new() }
    }

    /// The comparison failed.
    pub fn failed() -> Self {
        Self { since: None, count: 0, not_compared: 0, is_failed: true, objects: Vec::new() }
    }

    /// How many of its parts the operator should look at, because they could not be compared.
    pub fn attention_count(&self) -> u64 {
        self.not_compared + u64::from(self.is_failed)
    }

    /// Adds these differences. Those of one object follow one another.
    pub fn add<'a>(&mut self, differences: impl Iterator<Item = &'a Difference>) {
        let mut last = None;
        for difference in differences {
            if last != Some(&difference.object) {
                last = Some(&difference.object);
                self.count += 1;
                let change = if difference.field.is_some() { Change::Changed } else { difference.change };
                self.name(&difference.object.text, change);
            }
            let is_named = self.objects.len() as u64 == self.count;
            let Some(object) = self.objects.last_mut().filter(|_| is_named) else { continue };
            if let Some(field) = &difference.field {
                object.field_count += 1;
                if object.fields.len() < MAX_FIELDS {
                    object.fields.push(shortened(&member_path(field)));
                }
            }
        }
    }

    fn name(&mut self, text: &str, change: Change) {
        if self.objects.len() < MAX_OBJECTS {
            let object = shortened(&object_name(text));
            self.objects.push(ChangedObject { object, change, fields: Vec::new(), field_count: 0 });
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
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
        let mut changes = ConfigurationChanges::none(since);
        changes.add(compare(&old, &new, &ClientMap::new()).differences.iter());
        changes
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
