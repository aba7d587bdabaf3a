//! The part of a user pool's configuration that the rules of the strict proxy need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::Shared;
use super::call::Caller;
use super::password::PasswordPolicy;
use super::refusal::{CallError, Refusal};
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

    fn get(&self, id: &str) -> Option<Arc<Pool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn put(&self, pool: &Arc<Pool>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pool.id.clone(), Arc::clone(pool));
    }
}

impl Shared {
    /// Applies `rule` to the configuration of a pool.
    ///
    /// A test may change a pool without the proxy. So a refusal always rests on a configuration that was read
    /// for this call.
    pub async fn check_against_pool<T>(
        &self,
        caller: &Caller,
        id: &str,
        rule: impl Fn(&Pool) -> Result<T, Refusal>,
    ) -> Result<(Arc<Pool>, T), CallError> {
        if let Some(known) = self.pools.get(id)
            && let Ok(value) = rule(&known)
        {
            return Ok((known, value));
        }
        let fresh = self.describe(caller, id).await?;
        let value = rule(&fresh)?;
        Ok((fresh, value))
    }

    pub async fn describe(&self, caller: &Caller, id: &str) -> Result<Arc<Pool>, CallError> {
        let described = self.emulator.request(caller, "DescribeUserPool", &json!({"UserPoolId": id})).await?;
        let pool = Arc::new(Pool::from_api(&described["UserPool"]));
        self.pools.put(&pool);
        Ok(pool)
    }

    /// The names of a pool's identity providers.
    pub async fn providers(&self, caller: &Caller, id: &str) -> Result<Vec<String>, CallError> {
        let input = json!({"UserPoolId": id, "MaxResults": 60});
        let providers =
            self.emulator.list(caller, "ListIdentityProviders", &input, "Providers", "NextToken").await?;
        Ok(providers
            .iter()
            .filter_map(|provider| provider["ProviderName"].as_str().map(str::to_owned))
            .collect())
    }
}
