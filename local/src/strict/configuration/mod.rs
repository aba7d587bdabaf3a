//! The configuration of pools. The package `strict-configuration` answers, the emulator keeps what users
//! need.
//!
//! The emulator patches where Cognito resets, and lacks two thirds of the operations. So the proxy answers
//! all reads from [`Configurations`]. A change goes to the emulator only if sign-ins, users or import jobs
//! depend on it. A refusal of `Configurations` wins.
//!
//! A test may change a pool in the emulator without the proxy, and a stack may create one there. So each call
//! first compares the emulator's pool with the one that the proxy saw last.

mod adoption;
mod forwarding;
mod scope;

use std::collections::HashMap;

use serde_json::{Value, json};
use strict_configuration::{Chosen, ConfigurationRefusal, Configurations};

use super::call::{Call, Caller};
use super::refusal::{CallError, Refusal};
use super::shared::Shared;
use crate::http::{self, Reply};
use adoption::Seen;
use scope::Scope;

/// The configurations of all accounts and Regions.
#[derive(Debug, Default)]
pub(super) struct AllConfigurations(tokio::sync::Mutex<HashMap<Scope, OfScope>>);

/// The configurations of one account and Region.
#[derive(Debug)]
struct OfScope {
    configurations: Configurations,
    /// What the emulator had, by pool.
    seen: HashMap<String, Seen>,
}

impl OfScope {
    fn new(scope: &Scope, shared: &Shared) -> Self {
        let settings = shared.settings().configuration;
        Self {
            configurations: Configurations::new(&scope.account, &scope.region, settings),
            seen: HashMap::new(),
        }
    }

    fn forget(&mut self, pool: &str) {
        self.configurations.remove(pool);
        self.seen.remove(pool);
    }
}

impl AllConfigurations {
    /// Lets a test act on the configurations that hold a pool. `None` if the proxy has not met the pool yet.
    pub async fn with<T>(&self, pool: &str, act: impl FnOnce(&mut Configurations) -> T) -> Option<T> {
        let mut scopes = self.0.lock().await;
        let of_pool = scopes.values_mut().find(|of_scope| of_scope.configurations.has(pool))?;
        Some(act(&mut of_pool.configurations))
    }
}

impl From<ConfigurationRefusal> for Refusal {
    fn from(refusal: ConfigurationRefusal) -> Self {
        Self::new(refusal.code, refusal.message)
    }
}

impl From<ConfigurationRefusal> for CallError {
    fn from(refusal: ConfigurationRefusal) -> Self {
        Refusal::from(refusal).into()
    }
}

/// Whether the operation is on the configuration of pools.
pub(super) fn answers(operation: &str) -> bool {
    Configurations::answers(operation)
}

/// Answers an operation on the configuration of pools. These calls wait for each other.
pub(super) async fn answer(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let caller = call.caller();
    let scope = Scope::of(&caller);
    let mut scopes = shared.configurations.0.lock().await;
    let of_scope = scopes.entry(scope).or_insert_with_key(|scope| OfScope::new(scope, shared));
    *of_scope.configurations.settings_mut() = shared.settings().configuration;
    let pool = pool_of(shared, &caller, of_scope, call).await?;
    if let Some(pool) = &pool {
        adoption::meet(shared, &caller, of_scope, pool).await?;
        of_scope.configurations.set_import_running(pool, shared.jobs.is_active_in(pool));
    }
    let output = match call.operation.as_str() {
        "ListUserPools" => listed(shared, of_scope, call).await?,
        operation if forwarding::is_forwarded(operation) => forwarded(shared, of_scope, call).await?,
        operation => of_scope.configurations.answer(operation, &call.input, shared.clock.epoch())?,
    };
    let shown = pool.as_ref().and_then(|pool| of_scope.seen.get(pool));
    Ok(http::json_reply(200, None, &with_number_of_users(call, output, shown)))
}

/// The pool of a call: by its id, its ARN, or a domain that a pool of the emulator has.
async fn pool_of(
    shared: &Shared,
    caller: &Caller,
    of_scope: &mut OfScope,
    call: &Call,
) -> Result<Option<String>, CallError> {
    if call.operation == "DescribeUserPoolDomain" {
        let known = of_scope.configurations.answer(&call.operation, &call.input, shared.clock.epoch())?;
        if known["DomainDescription"]["UserPoolId"].is_string() {
            return Ok(None);
        }
        let described = shared.emulator.request(caller, &call.operation, &call.input).await?;
        let pool = described["DomainDescription"]["UserPoolId"].as_str();
        // The domains of a known pool are here. The emulator may still have one that is gone.
        return Ok(pool.filter(|pool| !of_scope.configurations.has(pool)).map(str::to_owned));
    }
    let by_arn = call.text("ResourceArn").and_then(|arn| arn.rsplit_once(":userpool/"));
    let pool = call.text("UserPoolId").or(by_arn.map(|(_, id)| id));
    Ok(pool.filter(|pool| !pool.is_empty()).map(str::to_owned))
}

/// The pools of the emulator, with what the proxy knows about them.
async fn listed(shared: &Shared, of_scope: &mut OfScope, call: &Call) -> Result<Value, CallError> {
    let mut output = shared.emulator.request(&call.caller(), &call.operation, &call.input).await?;
    for entry in output["UserPools"].as_array_mut().into_iter().flatten() {
        let id = json!({"UserPoolId": entry["Id"]});
        let known = of_scope.configurations.answer("DescribeUserPool", &id, shared.clock.epoch());
        if let Ok(known) = known {
            for name in ["Name", "LambdaConfig", "LastModifiedDate"] {
                entry[name] = known["UserPool"][name].clone();
            }
        }
    }
    Ok(output)
}

/// Checks a change, makes it in the emulator and then here, under the ids that the emulator chose.
async fn forwarded(shared: &Shared, of_scope: &mut OfScope, call: &Call) -> Result<Value, CallError> {
    let (caller, now) = (call.caller(), shared.clock.epoch());
    let mut changed = of_scope.configurations.clone();
    changed.answer(&call.operation, &call.input, now)?;
    let input = forwarding::input(call, &mut changed, now)?;
    let answered = shared.emulator.request(&caller, &call.operation, &input).await;
    if let Some(pool) = call.text("UserPoolId") {
        shared.pools.forget(pool);
    }
    let answered = answered?;
    let chosen = forwarding::chosen(&answered);
    let output = of_scope.configurations.answer_as(&call.operation, &call.input, &chosen, now)?;
    // The emulator makes the groups of identity providers itself.
    of_scope.configurations.take_groups_to_make();
    match (call.operation.as_str(), chosen) {
        ("DeleteUserPool", _) => of_scope.forget(call.pool()?),
        ("CreateUserPool", Chosen { id: Some(id), .. }) => {
            adoption::look(shared, &caller, of_scope, &id).await?
        }
        _ => adoption::look(shared, &caller, of_scope, call.pool()?).await?,
    }
    Ok(output)
}

/// The emulator has the users.
fn with_number_of_users(call: &Call, mut output: Value, seen: Option<&Seen>) -> Value {
    if let Some(seen) = seen.filter(|_| call.operation == "DescribeUserPool") {
        output["UserPool"]["EstimatedNumberOfUsers"] = seen.users.clone();
    }
    output
}
