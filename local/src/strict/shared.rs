//! What all calls of a strict proxy share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hyper::Response;
use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use super::call::{Call, Caller};
use super::clock::Clock;
use super::configuration::AllConfigurations;
use super::counters::Counters;
use super::created_groups::CreatedGroups;
use super::emulator_client::{EmulatorClient, unchanged};
use super::import::Jobs;
use super::overlay::Overlay;
use super::pool::{Pool, Pools};
use super::quotas::RateWindows;
use super::refusal::{CallError, Refusal};
use super::settings::Settings;
use super::tokens::Tokens;
use crate::http::Reply;
use crate::lock::lock;

/// The state of a strict proxy.
pub(super) struct Shared {
    pub url: String,
    pub emulator: EmulatorClient,
    pub settings: Mutex<Settings>,
    pub clock: Clock,
    pub counters: Counters,
    pub windows: Mutex<RateWindows>,
    pub pools: Pools,
    pub groups: CreatedGroups,
    pub overlay: Overlay,
    pub tokens: Tokens,
    pub jobs: Jobs,
    pub configurations: AllConfigurations,
    pub creation_locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Shared {
    pub fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// Forwards a call to the emulator, and counts its messages and active users.
    ///
    /// # Errors
    /// If the emulator refuses the call.
    pub async fn forward(&self, call: &Call) -> Result<Reply, CallError> {
        Ok(unchanged(self.forwarded(call).await?))
    }

    /// As [`Shared::forward`], with a reply that can be read.
    pub async fn forwarded(&self, call: &Call) -> Result<Response<Bytes>, CallError> {
        let reply = self
            .emulator
            .send(&call.head, &call.body)
            .await
            .map_err(|error| CallError::bad_gateway(&error))?;
        if !reply.status().is_success() {
            return Err(CallError::FromEmulator(reply));
        }
        self.counters.count_call(call, &serde_json::from_slice(reply.body()).unwrap_or_default());
        Ok(reply)
    }

    /// The reply to a call that ended with an error.
    pub fn error_reply(&self, operation: &str, error: CallError) -> Reply {
        match error {
            CallError::FromEmulator(reply) => unchanged(reply),
            CallError::Refused(refusal) => {
                let refusal = Refusal { operation: operation.to_owned(), ..refusal };
                let reply = refusal.reply();
                self.counters.add_refusal(refusal);
                reply
            }
        }
    }

    /// Waits until no other call creates users or groups in a pool. The lock ends with the returned value.
    pub async fn lock_creation(&self, pool: &str) -> OwnedMutexGuard<()> {
        let mutex = Arc::clone(lock(&self.creation_locks).entry(pool.to_owned()).or_default());
        mutex.lock_owned().await
    }

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
