//! The optional fields of groups that clients set.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

/// The optional fields of a group. The emulator returns default values for them. Cognito returns
/// none.
const OPTIONAL: [&str; 3] = ["Description", "RoleArn", "Precedence"];

/// The optional fields that clients set through the proxy, by pool and group.
#[derive(Debug, Default)]
pub(super) struct CreatedGroups(Mutex<HashMap<(String, String), Map<String, Value>>>);

impl CreatedGroups {
    /// Changes a group that the emulator returned into the group that Cognito would return: with the optional fields
    /// that clients set, and no others. The proxy leaves groups unchanged that were not created through it.
    pub fn show(&self, pool: &str, group: &mut Value) {
        let key = (pool.to_owned(), group["GroupName"].as_str().unwrap_or_default().to_owned());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(set), Some(fields)) = (known.get(&key), group.as_object_mut()) {
            fields.retain(|name, _| !OPTIONAL.contains(&name.as_str()));
            fields.extend(set.clone());
        }
    }

    /// Remembers the optional fields of a call, on top of those that the group had before.
    pub fn remember(&self, pool: &str, input: &Value, before: &Value) {
        let name = input["GroupName"].as_str().unwrap_or_default().to_owned();
        let fields = [before, input].into_iter().flat_map(|fields| {
            OPTIONAL
                .into_iter()
                .filter(|name| !fields[*name].is_null())
                .map(|name| (name.to_owned(), fields[name].clone()))
        });
        let fields = fields.collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((pool.to_owned(), name), fields);
    }
}
