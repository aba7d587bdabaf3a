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
pub struct PoolConfigurations(Arc<Mutex<BTreeMap<String, Configurations>>>);

impl PoolConfigurations {
    /// Answers a call in Cognito's JSON protocol. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If Cognito refuses the call.
    pub fn answer(&self, id: &PoolId, operation: &str, input: &Value, now: f64) -> Result<Value, Refusal> {
        let answer = self.change(id, operation, input, now);
        answer.map_err(|refusal| (kind_of(refusal.code), refusal.code))
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

    /// Changes what something else than a call of the caller changes: tags of AWS, recoveries.
    pub fn alter(&self, id: &PoolId, now: f64, change: impl FnOnce(&mut Configurations)) {
        self.with(id, Some(now), change);
    }

    /// Whether a call created the pool.
    pub fn has(&self, id: &PoolId) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id.region()).is_some_and(|all| all.has(id.as_str()))
    }

    /// With a time, the pool is made if it is not there yet.
    fn with<T>(&self, id: &PoolId, made_at: Option<f64>, act: impl FnOnce(&mut Configurations) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
