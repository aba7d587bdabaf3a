//! The configuration of a pool in memory: what the strict Cognito of configurations keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use shared::model::PoolId;
use shared::ports::pool::PoolErrorKind;
use strict_configuration::{ConfigurationRefusal, ConfigurationSettings, Configurations};

use super::state::Refusal;

const ACCOUNT: &str = "123456789012";

/// The configurations of the pools of a backend, by Region. Clones share them. That of a pool is made with its first
/// call: most tests are about users.
#[derive(Debug, Clone, Default)]
pub struct PoolConfigurations {
    by_region: Arc<Mutex<BTreeMap<String, Configurations>>>,
    /// The web access control lists of AWS WAF, by the ARN of the pool that they protect.
    web_acls: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl PoolConfigurations {
    /// Answers a call in Cognito's JSON protocol. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If Cognito refuses the call.
    pub fn answer(&self, id: &PoolId, operation: &str, input: &Value, now: f64) -> Result<Value, Refusal> {
        if operation == "GetWebACLForResource" {
            return Ok(self.web_acl(input["ResourceArn"].as_str().unwrap_or_default()));
        }
        let answer = self.change(id, operation, input, now);
        answer.map_err(|refusal| (kind_of(refusal.code), refusal.code))
    }

    /// A pool without a list answers no `WebACL`. Source: `GetWebACLForResource`, AWS WAFV2 API.
    fn web_acl(&self, pool_arn: &str) -> Value {
        let lists = self.web_acls.lock().unwrap_or_else(PoisonError::into_inner);
        lists.get(pool_arn).map_or_else(|| json!({}), |list| json!({"WebACL": list}))
    }

    /// Protects a pool with this list, in the form of AWS WAF. None takes the protection away.
    pub fn protect(&self, id: &PoolId, list: Option<Value>) {
        let arn = format!("arn:aws:cognito-idp:{}:{ACCOUNT}:userpool/{id}", id.region());
        let mut lists = self.web_acls.lock().unwrap_or_else(PoisonError::into_inner);
        match list {
            Some(list) => drop(lists.insert(arn, list)),
            None => drop(lists.remove(&arn)),
        }
    }

    /// As [`Self::answer`], with the words of a refusal.
    pub fn change(
        &self,
        id: &PoolId,
        operation: &str,
        input: &Value,
        now: f64,
    ) -> Result<Value, ConfigurationRefusal> {
        let is_of_account =
            ["CreateUserPool", "ListUserPools", "DescribeUserPoolDomain"].contains(&operation);
        self.with(id, (!is_of_account).then_some(now), |all| all.answer(operation, input, now))
    }

    /// Changes what AWS does not document.
    pub fn configure(&self, id: &PoolId, now: f64, change: impl FnOnce(&mut ConfigurationSettings)) {
        self.with(id, Some(now), |all| change(all.settings_mut()));
    }

    /// The bytes behind an `ImageUrl`.
    pub fn image(&self, id: &PoolId, url: &str) -> Option<Vec<u8>> {
        let all = self.by_region.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id.region())?.image(url).map(<[u8]>::to_vec)
    }

    /// Changes what something else than a call of the caller changes: tags of AWS, recoveries.
    pub fn alter(&self, id: &PoolId, now: f64, change: impl FnOnce(&mut Configurations)) {
        self.with(id, Some(now), change);
    }

    /// Whether a call created the pool.
    pub fn has(&self, id: &PoolId) -> bool {
        let all = self.by_region.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id.region()).is_some_and(|all| all.has(id.as_str()))
    }

    /// With a time, the pool is made if it is not there yet.
    fn with<T>(&self, id: &PoolId, made_at: Option<f64>, act: impl FnOnce(&mut Configurations) -> T) -> T {
        let mut all = self.by_region.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all
            .entry(id.region().to_owned())
            .or_insert_with(|| Configurations::new(ACCOUNT, id.region(), ConfigurationSettings::default()));
        if let Some(now) = made_at
            && !all.has(id.as_str())
        {
            // Cognito refuses no request with only a name.
            let _ = all.adopt(id.as_str(), &json!({"PoolName": "pool"}), now);
        }
        act(all)
    }
}

/// As the adapter for AWS tells the codes apart.
fn kind_of(code: &str) -> PoolErrorKind {
    match code {
        "ResourceNotFoundException" => PoolErrorKind::NotFound,
        "InvalidParameterException" => PoolErrorKind::InvalidParameter,
        "TooManyRequestsException" => PoolErrorKind::Throttled,
        "InternalErrorException" | "ConcurrentModificationException" => PoolErrorKind::Transient,
        "AccessDeniedException" => PoolErrorKind::AccessDenied,
        _ => PoolErrorKind::Refused,
    }
}
