//! Which function answers which operation, and the rules for all operations.

use serde_json::Value;

use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Chosen, Request};
use crate::{Account, Configurations, api};
use crate::{branding, certificate, cimd, client, domain, logs, mfa, pool, provider, recovery, replicas};
use crate::{resource_server, risk, sessions, terms, ui};

/// Answers an operation: of one pool, or of the whole account.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    Pool(fn(&mut Pool, &mut Account, &Request<'_>) -> Answer),
    Account(fn(&mut Configurations, &Request<'_>) -> Answer),
}

#[rustfmt::skip]
const HANDLERS: [(&str, Handler); 62] = [
    ("CreateUserPool", Handler::Account(pool::create)),
    ("DescribeUserPool", Handler::Pool(pool::describe)),
    ("UpdateUserPool", Handler::Pool(pool::update)),
    ("DeleteUserPool", Handler::Account(pool::delete)),
    ("ListUserPools", Handler::Account(pool::list)),
    ("AddCustomAttributes", Handler::Pool(pool::add_attributes)),
    ("ListTagsForResource", Handler::Account(pool::list_tags)),
    ("TagResource", Handler::Account(pool::tag)),
    ("UntagResource", Handler::Account(pool::untag)),
    ("GetUserPoolMfaConfig", Handler::Pool(mfa::get_of_pool)),
    ("SetUserPoolMfaConfig", Handler::Pool(mfa::set)),
    ("CreateUserPoolClient", Handler::Pool(client::create)),
    ("DescribeUserPoolClient", Handler::Pool(client::describe)),
    ("UpdateUserPoolClient", Handler::Pool(client::update)),
    ("DeleteUserPoolClient", Handler::Pool(client::delete)),
    ("ListUserPoolClients", Handler::Pool(client::list)),
    ("AddUserPoolClientSecret", Handler::Pool(client::add_secret)),
    ("ListUserPoolClientSecrets", Handler::Pool(client::list_secrets)),
    ("DeleteUserPoolClientSecret", Handler::Pool(client::delete_secret)),
    ("CreateIdentityProvider", Handler::Pool(provider::create)),
    ("DescribeIdentityProvider", Handler::Pool(provider::describe)),
    ("GetIdentityProviderByIdentifier", Handler::Pool(provider::by_identifier)),
    ("UpdateIdentityProvider", Handler::Pool(provider::update)),
    ("DeleteIdentityProvider", Handler::Pool(provider::delete)),
    ("ListIdentityProviders", Handler::Pool(provider::list)),
    ("CreateResourceServer", Handler::Pool(resource_server::create)),
    ("DescribeResourceServer", Handler::Pool(resource_server::describe)),
    ("UpdateResourceServer", Handler::Pool(resource_server::update)),
    ("DeleteResourceServer", Handler::Pool(resource_server::delete)),
    ("ListResourceServers", Handler::Pool(resource_server::list)),
    ("CreateUserPoolDomain", Handler::Pool(domain::create)),
    ("DescribeUserPoolDomain", Handler::Account(domain::describe)),
    ("UpdateUserPoolDomain", Handler::Pool(domain::update)),
    ("DeleteUserPoolDomain", Handler::Pool(domain::delete)),
    ("GetUICustomization", Handler::Pool(ui::get)),
    ("SetUICustomization", Handler::Pool(ui::set)),
    ("DescribeRiskConfiguration", Handler::Pool(risk::describe)),
    ("SetRiskConfiguration", Handler::Pool(risk::set)),
    ("GetLogDeliveryConfiguration", Handler::Pool(logs::get)),
    ("SetLogDeliveryConfiguration", Handler::Pool(logs::set)),
    ("CreateManagedLoginBranding", Handler::Pool(branding::create)),
    ("DescribeManagedLoginBranding", Handler::Pool(branding::describe)),
    ("DescribeManagedLoginBrandingByClient", Handler::Pool(branding::by_client)),
    ("UpdateManagedLoginBranding", Handler::Pool(branding::update)),
    ("DeleteManagedLoginBranding", Handler::Pool(branding::delete)),
    ("CreateTerms", Handler::Pool(terms::create)),
    ("DescribeTerms", Handler::Pool(terms::describe)),
    ("DescribeTermsByClient", Handler::Pool(terms::by_client)),
    ("UpdateTerms", Handler::Pool(terms::update)),
    ("DeleteTerms", Handler::Pool(terms::delete)),
    ("ListTerms", Handler::Pool(terms::list)),
    ("GetUserPoolSessionConfiguration", Handler::Pool(sessions::get_of_pool)),
    ("SetUserPoolSessionConfiguration", Handler::Pool(sessions::set_of_pool)),
    ("GetUserPoolClientSessionConfiguration", Handler::Pool(sessions::get_of_client)),
    ("SetUserPoolClientSessionConfiguration", Handler::Pool(sessions::set_of_client)),
    ("CreateCIMDPolicy", Handler::Pool(cimd::create)),
    ("DescribeCIMDPolicy", Handler::Pool(cimd::describe)),
    ("UpdateCIMDPolicy", Handler::Pool(cimd::update)),
    ("DeleteCIMDPolicy", Handler::Pool(cimd::delete)),
    ("ListCIMDPolicies", Handler::Pool(cimd::list)),
    ("ListUserPoolReplicas", Handler::Pool(replicas::list)),
    ("GetSigningCertificate", Handler::Pool(certificate::get)),
];

/// The operation that tells whether a point-in-time recovery runs. It is not a configuration, but a roll back
/// asks for it.
const RECOVERIES: (&str, Handler) = ("ListPointInTimeRecoveries", Handler::Pool(recovery::list));

pub(crate) fn find(operation: &str) -> Option<Handler> {
    let found = HANDLERS.iter().chain([&RECOVERIES]).find(|(name, _)| *name == operation);
    found.map(|(_, handler)| *handler)
}

/// Checks a call by the model, by the rules for all operations, and lets its function answer it.
pub(crate) fn answer(
    configurations: &mut Configurations,
    name: &str,
    input: &Value,
    chosen: &Chosen,
    now: f64,
) -> Answer {
    let (Some(handler), Some(operation)) = (find(name), api::operation(name)) else {
        return Err(ConfigurationRefusal::new("UnknownOperationException", "The operation is unknown"));
    };
    let request = Request { input: api::checked(operation, input)?, now, chosen };
    let is_read = ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb));
    let id = request.text("UserPoolId").to_owned();
    if operation.is_of_pool() {
        let pool = configurations.pools.get(&id);
        let pool = pool.ok_or_else(|| pool::unknown(&id))?;
        if !is_read {
            check_idle(operation, pool, configurations.account.settings.changes_conflict_within, now)?;
        }
    }
    let answered = match handler {
        Handler::Account(act) => act(configurations, &request),
        Handler::Pool(act) => {
            let Configurations { account, pools } = configurations;
            let pool = pools.get_mut(&id).ok_or_else(|| pool::unknown(&id))?;
            act(pool, account, &request)
        }
    };
    if let Err(refusal) = &answered {
        debug_assert!(operation.raises(refusal.code), "{name} never raises {}", refusal.code);
    } else if !is_read && let Some(pool) = configurations.pools.get_mut(&id) {
        pool.changed = now;
    }
    answered
}

/// Refuses a change of a pool while something else works on it.
///
/// Source: the errors of the operations in the API model. Changes of clients, domains, providers and branding
/// styles that follow each other closely are concurrent: terraform-provider-aws repeats them for two minutes.
fn check_idle(
    operation: &api::Operation,
    pool: &Pool,
    conflict_within: f64,
    now: f64,
) -> Result<(), ConfigurationRefusal> {
    let is_concurrent = now - pool.changed < conflict_within;
    let guards = [
        (
            pool.import_is_running,
            "UserImportInProgressException",
            "A user import job of the user pool is in progress",
        ),
        (
            pool.recovery_is_running,
            "OperationNotEnabledException",
            "A recovery of the user pool is in progress",
        ),
        (is_concurrent, "ConcurrentModificationException", "Another request modifies the user pool"),
    ];
    match guards.into_iter().find(|(applies, code, _)| *applies && operation.raises(code)) {
        Some((_, code, message)) => Err(ConfigurationRefusal::new(code, message)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn every_operation_has_a_function_and_a_model() {
        for (name, _) in HANDLERS.iter().chain([&RECOVERIES]) {
            assert!(api::operation(name).is_some(), "{name}");
        }
        assert!(
            Configurations::answers("SetUserPoolMfaConfig") && !Configurations::answers("AdminCreateUser")
        );
    }

    #[test]
    fn a_call_on_an_unknown_pool_is_refused() {
        let mut fixture = Fixture::new();
        fixture.pool = "eu-central-1_Other".to_owned();
        assert_eq!(fixture.refused("DescribeUserPool", json!({})).code, "ResourceNotFoundException");
    }

    #[test]
    fn changes_close_together_are_concurrent() {
        let mut fixture = Fixture::new();
        fixture.settings().changes_conflict_within = 5.0;
        let client = json!({"ClientName": "a"});
        let id = fixture.client(client.clone());
        let change = json!({"ClientId": id});
        assert_eq!(
            fixture.refused("UpdateUserPoolClient", change.clone()).code,
            "ConcurrentModificationException"
        );
        fixture.call("DescribeUserPoolClient", change.clone());
        fixture.client(client);
        fixture.now += 5.0;
        fixture.call("UpdateUserPoolClient", change);
    }

    #[test]
    fn an_import_job_blocks_changes_of_the_pool_only() {
        let mut fixture = Fixture::new();
        let id = fixture.pool.clone();
        fixture.configurations.set_import_running(&id, true);
        let attribute = json!({"CustomAttributes": [{"Name": "x"}]});
        for (operation, input) in
            [("UpdateUserPool", json!({})), ("DeleteUserPool", json!({})), ("AddCustomAttributes", attribute)]
        {
            assert_eq!(
                fixture.refused(operation, input).code,
                "UserImportInProgressException",
                "{operation}"
            );
        }
        fixture.call("SetUserPoolMfaConfig", json!({}));
        fixture.configurations.set_import_running(&id, false);
        fixture.call("UpdateUserPool", json!({}));
    }

    #[test]
    fn a_recovery_blocks_changes_and_no_reads() {
        let mut fixture = Fixture::new();
        let id = fixture.pool.clone();
        fixture.configurations.set_recovery_running(&id, true);
        assert_eq!(fixture.refused("UpdateUserPool", json!({})).code, "OperationNotEnabledException");
        fixture.call("DescribeUserPool", json!({}));
        let recoveries = fixture.call("ListPointInTimeRecoveries", json!({}));
        assert_eq!(recoveries["Restorations"][0]["RestoreStatus"], "RESTORING");
    }
}
