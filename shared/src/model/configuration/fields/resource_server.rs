//! Resource servers. Source: `ResourceServerType`, `CreateResourceServer`, `UpdateResourceServer`.

use crate::model::configuration::{Bound, Field};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    Field::name("Identifier"),
    Field::setting("Name").refused(),
    // The whole list is replaced, and its order is not kept (measured live, 2026).
    Field::setting("Scopes[]").default("[]").keyed(&["ScopeName"]),
    Field::setting("Scopes[].ScopeName"),
    Field::setting("Scopes[].ScopeDescription"),
    // `COGNITO` marks the server that Cognito keeps for the registration of clients.
    Field::derived("ManagedBy"),
];
