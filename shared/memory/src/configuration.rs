//! The configuration of a pool in memory: what the strict Cognito of configurations keeps.

use serde_json::{Value, json};
use shared::model::PoolId;
use shared::ports::pool::PoolErrorKind;
use strict_configuration::{ConfigurationRefusal, ConfigurationSettings, Configurations};

use super::state::Refusal;

const ACCOUNT: &str = "123456789012";

/// The configuration of one pool. It is made with the first call: most tests are about users.
#[derive(Debug, Default)]
pub struct PoolConfiguration(Option<Configurations>);

impl PoolConfiguration {
    /// Answers a call in Cognito's JSON protocol. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If Cognito refuses the call.
    pub fn answer(
        &mut self,
        id: &PoolId,
        operation: &str,
        input: &Value,
        now: f64,
    ) -> Result<Value, Refusal> {
        let answer = self.change(id, operation, input, now);
        answer.map_err(|refusal| (kind_of(refusal.code), refusal.code))
    }

    /// As [`Self::answer`], with the words of a refusal.
    pub fn change(
        &mut self,
        id: &PoolId,
        operation: &str,
        input: &Value,
        now: f64,
    ) -> Result<Value, ConfigurationRefusal> {
        self.of(id, now).answer(operation, input, now)
    }

    /// Changes what AWS does not document.
    pub fn configure(&mut self, id: &PoolId, now: f64, change: impl FnOnce(&mut ConfigurationSettings)) {
        change(self.of(id, now).settings_mut());
    }

    fn of(&mut self, id: &PoolId, now: f64) -> &mut Configurations {
        self.0.get_or_insert_with(|| {
            let mut new = Configurations::new(ACCOUNT, id.region(), ConfigurationSettings::default());
            // Cognito refuses no request with only a name.
            let _ = new.adopt(id.as_str(), &json!({"PoolName": "pool"}), now);
            new
        })
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
