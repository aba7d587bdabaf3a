//! Resource servers and their scopes.

use serde_json::{Value, json};

use crate::json::{get, text};
use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, pages};

/// The scope that lets a client register others: DcrConfigurationType, API reference.
pub(crate) const REGISTER_SCOPE: &str = "aws.cognito/dcr/register";
const MANAGED: &str = "aws.cognito/dcr";

/// Keeps the resource server that Cognito makes for dynamic client registration: `ManagedBy`,
/// ResourceServerType, API reference.
pub(crate) fn keep_managed(pool: &mut Pool) {
    let is_on = get(&pool.settings, "DcrConfiguration")["EnableStatus"] == "Enabled";
    let has = pool.resource_servers.iter().any(|server| server["Identifier"] == MANAGED);
    if is_on && !has {
        pool.resource_servers.push(json!({
            "UserPoolId": pool.id, "Identifier": MANAGED, "Name": "Dynamic client registration",
            "ManagedBy": "COGNITO",
            "Scopes": [{"ScopeName": "register", "ScopeDescription": "Register clients"}],
        }));
    }
}

/// Whether a resource server of the pool has the scope, `<identifier>/<name>`.
pub(crate) fn has_scope(pool: &Pool, scope: &str) -> bool {
    let Some((identifier, name)) = scope.rsplit_once('/') else { return false };
    let server = pool.resource_servers.iter().find(|server| server["Identifier"] == identifier);
    let scopes = server.and_then(|server| server["Scopes"].as_array());
    scopes.into_iter().flatten().any(|scope| scope["ScopeName"] == name)
}

fn index(pool: &Pool, request: &Request<'_>) -> Result<usize, ConfigurationRefusal> {
    let identifier = request.text("Identifier");
    let index = pool.resource_servers.iter().position(|server| server["Identifier"] == identifier);
    index.ok_or_else(|| ConfigurationRefusal::not_found("Resource server does not exist."))
}

/// As [`index`], of a server that Cognito does not keep itself.
fn own_index(pool: &Pool, request: &Request<'_>) -> Result<usize, ConfigurationRefusal> {
    let index = index(pool, request)?;
    if !pool.resource_servers[index]["ManagedBy"].is_null() {
        return Err(ConfigurationRefusal::invalid("The resource server is managed by Cognito"));
    }
    Ok(index)
}

/// The scopes in another order than they were sent: measured (go-to-k/cdk-real-drift). An omitted list
/// is empty.
fn scopes(request: &Request<'_>) -> Value {
    let mut scopes = request.input["Scopes"].as_array().cloned().unwrap_or_default();
    scopes.sort_by(|a, b| text(b, "ScopeName").cmp(text(a, "ScopeName")));
    scopes.into()
}

fn server(pool: &Pool, request: &Request<'_>) -> Value {
    json!({
        "UserPoolId": pool.id, "Identifier": request.text("Identifier"), "Name": request.text("Name"),
        "Scopes": scopes(request),
    })
}

/// CreateResourceServer.
pub(crate) fn create(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let identifier = request.text("Identifier");
    if index(pool, request).is_ok() {
        let message = format!("{identifier} already exists in user pool {}.", pool.id);
        return Err(ConfigurationRefusal::invalid(message));
    }
    let own = pool.resource_servers.iter().filter(|server| server["ManagedBy"].is_null()).count();
    if own >= account.settings.max_resource_servers {
        let message = "The maximum number of resource servers of this user pool is reached";
        return Err(ConfigurationRefusal::new("LimitExceededException", message));
    }
    let server = server(pool, request);
    pool.resource_servers.push(server.clone());
    Ok(json!({"ResourceServer": server}))
}

/// DescribeResourceServer.
pub(crate) fn describe(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request)?;
    Ok(json!({"ResourceServer": pool.resource_servers[index]}))
}

/// UpdateResourceServer. A scope that a client uses can go. The client keeps its name.
pub(crate) fn update(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = own_index(pool, request)?;
    let server = server(pool, request);
    pool.resource_servers[index] = server.clone();
    Ok(json!({"ResourceServer": server}))
}

/// DeleteResourceServer.
pub(crate) fn delete(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = own_index(pool, request)?;
    pool.resource_servers.remove(index);
    Ok(json!({}))
}

/// ListResourceServers: 50 a page, complete entries.
pub(crate) fn list(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let (entries, token) = pages::page(&pool.resource_servers, request, 50, |_| None)?;
    Ok(pages::answer("ResourceServers", entries, token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn server(scopes: &[&str]) -> Value {
        let scopes: Vec<Value> =
            scopes.iter().map(|name| json!({"ScopeName": name, "ScopeDescription": "text"})).collect();
        json!({"Identifier": "https://api", "Name": "api", "Scopes": scopes})
    }

    fn names(shown: &Value) -> Vec<&str> {
        shown["Scopes"].as_array().unwrap().iter().map(|scope| text(scope, "ScopeName")).collect()
    }

    #[test]
    fn an_update_replaces_all_scopes_and_their_order_is_not_kept() {
        let mut fixture = Fixture::new();
        let created = fixture.call("CreateResourceServer", server(&["a", "b"]));
        assert_eq!(names(&created["ResourceServer"]), ["b", "a"]);
        fixture.refused("CreateResourceServer", server(&[]));
        fixture.call("UpdateResourceServer", json!({"Identifier": "https://api", "Name": "new"}));
        let shown = fixture.call("DescribeResourceServer", json!({"Identifier": "https://api"}));
        assert_eq!(
            (names(&shown["ResourceServer"]).len(), &shown["ResourceServer"]["Name"]),
            (0, &json!("new"))
        );
        fixture.call("DeleteResourceServer", json!({"Identifier": "https://api"}));
        let gone = fixture.refused("DescribeResourceServer", json!({"Identifier": "https://api"}));
        assert_eq!(gone.code, "ResourceNotFoundException");
    }

    #[test]
    fn resource_servers_are_listed_by_50_at_most() {
        let mut fixture = Fixture::new();
        fixture.settings().max_resource_servers = 51;
        for index in 0..51 {
            fixture.call("CreateResourceServer", json!({"Identifier": format!("api{index}"), "Name": "api"}));
        }
        let last = json!({"Identifier": "one-more", "Name": "api"});
        assert_eq!(fixture.refused("CreateResourceServer", last).code, "LimitExceededException");
        let first = fixture.call("ListResourceServers", json!({}));
        assert_eq!(first["ResourceServers"].as_array().unwrap().len(), 50);
        let second = fixture.call("ListResourceServers", json!({"NextToken": first["NextToken"]}));
        assert_eq!(second["ResourceServers"].as_array().unwrap().len(), 1);
        fixture.refused("ListResourceServers", json!({"MaxResults": 51}));
    }

    #[test]
    fn cognito_keeps_a_server_for_client_registration() {
        let mut fixture = Fixture::with(json!({"DcrConfiguration": {}}));
        let listed = fixture.call("ListResourceServers", json!({}));
        assert_eq!(listed["ResourceServers"][0]["ManagedBy"], "COGNITO");
        fixture.refused("DeleteResourceServer", json!({"Identifier": MANAGED}));
        let scopes = json!({
            "ClientName": "a", "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": [REGISTER_SCOPE],
        });
        fixture.client(scopes.clone());
        let pool = fixture.pool.clone();
        let mut update = scopes;
        update["ClientId"] = fixture.configurations.register_client(&pool, "registered", 1.0).into();
        assert_eq!(fixture.refused("UpdateUserPoolClient", update).code, "ScopeDoesNotExistException");
    }
}
