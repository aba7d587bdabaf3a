//! The part of a user pool's configuration that the rules of the strict proxy need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::password::PasswordPolicy;
use super::schema::Schema;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pool {
    pub id: String,
    pub name: String,
    pub schema: Schema,
    pub policy: PasswordPolicy,
    /// `AliasAttributes`.
    pub aliases: Vec<String>,
    /// `UsernameAttributes`.
    pub sign_in: Vec<String>,
    pub auto_verified: Vec<String>,
    pub case_sensitive: bool,
    /// `ON`, `OFF` or `OPTIONAL`.
    pub mfa: String,
}

impl Pool {
    /// Reads `UserPool` of DescribeUserPool's output.
    pub fn from_api(pool: &Value) -> Self {
        let text = |name: &str| pool[name].as_str().unwrap_or_default().to_owned();
        let texts = |name: &str| -> Vec<String> {
            pool[name]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect()
        };
        Self {
            id: text("Id"),
            name: text("Name"),
            schema: Schema::from_api(&pool["SchemaAttributes"]),
            policy: PasswordPolicy::from_api(&pool["Policies"]),
            aliases: texts("AliasAttributes"),
            sign_in: texts("UsernameAttributes"),
            auto_verified: texts("AutoVerifiedAttributes"),
            // A pool that was created without `UsernameConfiguration` has case-sensitive usernames.
            case_sensitive: pool["UsernameConfiguration"]["CaseSensitive"].as_bool().unwrap_or(true),
            mfa: text("MfaConfiguration"),
        }
    }

    /// The form of a name in which this pool compares names.
    pub fn fold(&self, name: &str) -> String {
        if self.case_sensitive { name.to_owned() } else { name.to_lowercase() }
    }
}

/// The configurations that the proxy has read, by pool id.
#[derive(Debug, Default)]
pub(super) struct Pools(Mutex<HashMap<String, Arc<Pool>>>);

impl Pools {
    pub fn forget(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    pub fn get(&self, id: &str) -> Option<Arc<Pool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub fn put(&self, pool: &Arc<Pool>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pool.id.clone(), Arc::clone(pool));
    }
}
