//! The replicas of a pool. No pool here has one.

use serde_json::json;

use crate::Account;
use crate::pool::Pool;
use crate::request::{Answer, Request};

/// ListUserPoolReplicas.
pub(crate) fn list(_: &mut Pool, _: &mut Account, _: &Request<'_>) -> Answer {
    Ok(json!({"UserPoolReplicas": []}))
}
