//! Pools that came into the emulator, or changed there, without the proxy.

use serde_json::{Value, json};
use strict_configuration::Description;

use super::super::call::Caller;
use super::super::refusal::CallError;
use super::super::shared::Shared;
use super::OfScope;

/// A pool as the emulator had it after the last call through the proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    user_pool: Value,
    mfa: Value,
    /// `EstimatedNumberOfUsers`.
    pub users: Value,
}

impl Seen {
    async fn read(shared: &Shared, caller: &Caller, pool: &str) -> Result<Self, CallError> {
        let id = json!({"UserPoolId": pool});
        let mut user_pool =
            shared.emulator.request(caller, "DescribeUserPool", &id).await?["UserPool"].take();
        let users = user_pool["EstimatedNumberOfUsers"].take();
        let mfa = shared.emulator.request(caller, "GetUserPoolMfaConfig", &id).await?;
        Ok(Self { user_pool, mfa, users })
    }

    /// Whether another look shows the same configuration.
    fn is_unchanged(&self, other: &Self) -> bool {
        self.user_pool == other.user_pool && self.mfa == other.mfa
    }
}

/// Looks at the pool in the emulator. Adopts it if it is new, and its changes if it changed without the
/// proxy.
pub(super) async fn meet(
    shared: &Shared,
    caller: &Caller,
    of_scope: &mut OfScope,
    pool: &str,
) -> Result<(), CallError> {
    let now = match Seen::read(shared, caller, pool).await {
        Ok(now) => now,
        Err(error) => {
            if error.name() == "ResourceNotFoundException" {
                of_scope.forget(pool);
            }
            return Err(error);
        }
    };
    match of_scope.seen.get(pool) {
        Some(before) if before.is_unchanged(&now) => {}
        Some(_) => of_scope.configurations.readopt(pool, &now.user_pool, &now.mfa),
        None => {
            let description = description(shared, caller, pool, &now).await?;
            of_scope.configurations.adopt_description(pool, &description, shared.clock.epoch());
        }
    }
    of_scope.seen.insert(pool.to_owned(), now);
    Ok(())
}

/// Remembers the pool of the emulator after a change through the proxy.
pub(super) async fn look(
    shared: &Shared,
    caller: &Caller,
    of_scope: &mut OfScope,
    pool: &str,
) -> Result<(), CallError> {
    let now = Seen::read(shared, caller, pool).await?;
    of_scope.seen.insert(pool.to_owned(), now);
    Ok(())
}

/// Everything that the emulator has about a pool and that the proxy answers from now on.
async fn description(
    shared: &Shared,
    caller: &Caller,
    pool: &str,
    seen: &Seen,
) -> Result<Description, CallError> {
    let input = json!({"UserPoolId": pool, "MaxResults": 50});
    let list = |operation, items| shared.emulator.list(caller, operation, &input, items, "NextToken");
    let mut description =
        Description { user_pool: seen.user_pool.clone(), mfa: seen.mfa.clone(), ..Description::default() };
    for client in list("ListUserPoolClients", "UserPoolClients").await? {
        let id = json!({"UserPoolId": pool, "ClientId": client["ClientId"]});
        let mut described = shared.emulator.request(caller, "DescribeUserPoolClient", &id).await?;
        description.clients.push(described["UserPoolClient"].take());
    }
    for provider in list("ListIdentityProviders", "Providers").await? {
        let name = json!({"UserPoolId": pool, "ProviderName": provider["ProviderName"]});
        let mut described = shared.emulator.request(caller, "DescribeIdentityProvider", &name).await?;
        description.identity_providers.push(described["IdentityProvider"].take());
    }
    description.resource_servers = list("ListResourceServers", "ResourceServers").await?;
    for domain in ["Domain", "CustomDomain"]
        .map(|name| &seen.user_pool[name])
        .into_iter()
        .filter(|name| name.is_string())
    {
        let mut described =
            shared.emulator.request(caller, "DescribeUserPoolDomain", &json!({"Domain": domain})).await?;
        description.domains.push(described["DomainDescription"].take());
    }
    Ok(description)
}
