//! What the rules need to know about a pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::Shared;
use super::call::Caller;
use super::password::PasswordPolicy;
use super::refusal::{Halt, Refusal};
use super::schema::Schema;

/// A pool's configuration.
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
    /// Reads `UserPool` of DescribeUserPool.
    pub fn of(pool: &Value) -> Self {
        let text = |name: &str| pool[name].as_str().unwrap_or_default().to_owned();
        let texts = |name: &str| -> Vec<String> {
            pool[name].as_array().into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        };
        Self {
            id: text("Id"),
            name: text("Name"),
            schema: Schema::of(&pool["SchemaAttributes"]),
            policy: PasswordPolicy::of(&pool["Policies"]),
            aliases: texts("AliasAttributes"),
            sign_in: texts("UsernameAttributes"),
            auto_verified: texts("AutoVerifiedAttributes"),
            // A pool that was created without `UsernameConfiguration` tells names apart by case.
            case_sensitive: pool["UsernameConfiguration"]["CaseSensitive"].as_bool().unwrap_or(true),
            mfa: text("MfaConfiguration"),
        }
    }

    /// How names are compared.
    pub fn fold(&self, name: &str) -> String {
        if self.case_sensitive { name.to_owned() } else { name.to_lowercase() }
    }
}

/// The configurations seen so far.
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
    /// Judges by the configuration of a pool. A test may change a pool behind our back, so nothing is refused by a
    /// configuration that was not read just now.
    pub async fn judge<T>(
        &self,
        caller: &Caller,
        id: &str,
        rule: impl Fn(&Pool) -> Result<T, Refusal>,
    ) -> Result<(Arc<Pool>, T), Halt> {
        if let Some(known) = self.pools.get(id)
            && let Ok(verdict) = rule(&known)
        {
            return Ok((known, verdict));
        }
        let fresh = self.describe(caller, id).await?;
        let verdict = rule(&fresh)?;
        Ok((fresh, verdict))
    }

    /// Reads the configuration of a pool.
    pub async fn describe(&self, caller: &Caller, id: &str) -> Result<Arc<Pool>, Halt> {
        let described = self.backend.ask(caller, "DescribeUserPool", &json!({"UserPoolId": id})).await?;
        let pool = Arc::new(Pool::of(&described["UserPool"]));
        self.pools.put(&pool);
        Ok(pool)
    }

    /// The names of a pool's identity providers.
    pub async fn providers(&self, caller: &Caller, id: &str) -> Result<Vec<String>, Halt> {
        let input = json!({"UserPoolId": id, "MaxResults": 60});
        let providers = self.backend.list(caller, "ListIdentityProviders", &input, "Providers", "NextToken").await?;
        Ok(providers.iter().filter_map(|provider| provider["ProviderName"].as_str().map(str::to_owned)).collect())
    }
}
