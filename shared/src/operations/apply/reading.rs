//! One object of a pool, as Cognito answers it.

use serde_json::{Value, json};

use crate::Result;
use crate::model::PoolId;
use crate::model::configuration::request::reading;
use crate::model::configuration::{Found, ObjectKind, ObjectName, Operation as Row, operations_of};
use crate::operations::capture::has_choice;
use crate::operations::listed::listed;
use crate::operations::refusals::refused;
use crate::operations::sending::internal;
use crate::pacing::PacedPool;
use crate::ports::pool::{Operation, Pool, PoolError, PoolErrorKind};

/// The object `name`, as a capture would find it. `known` is the object as it was, or as it will be. None if the pool
/// does not have it.
///
/// # Errors
/// If Cognito refuses the read.
pub(super) async fn read<P: Pool>(
    pool: &PacedPool<P>,
    name: &ObjectName,
    known: &Value,
) -> Result<Option<Value>> {
    let found = match reading(name, known, pool.id()) {
        Some((row, request)) => described(pool, row, &Value::Object(request)).await?,
        None => in_list(pool, name, known).await?,
    };
    Ok(found.and_then(|object| as_captured(name, object)))
}

async fn described<P: Pool>(pool: &PacedPool<P>, row: &Row, request: &Value) -> Result<Option<Value>> {
    let operation = operation_of(row)?;
    match pool.read_configuration(operation, request).await {
        Ok(answer) => {
            let mut answer = answer.into_json();
            let object = if row.answer.is_empty() { answer } else { answer[row.answer].take() };
            Ok(Some(object).filter(Value::is_object))
        }
        Err(error) if is_absent(row, &error) => Ok(None),
        Err(error) => Err(refused(pool.id(), error)),
    }
}

/// An object that only its list has, or whose id is not known.
async fn in_list<P: Pool>(pool: &PacedPool<P>, name: &ObjectName, known: &Value) -> Result<Option<Value>> {
    let Some((list, read)) = operations_of(name.kind).find_map(|operations| match &operations.found {
        Found::Listed(list) => Some((list, &operations.read)),
        _ => None,
    }) else {
        return Ok(None);
    };
    let entries = match listed(pool, operation_of(list)?, first_page(list, pool.id()), list.answer).await {
        Ok(entries) => entries,
        Err(error) if is_absent(list, &error) => return Ok(None),
        Err(error) => return Err(refused(pool.id(), error)),
    };
    for entry in entries {
        // The list of terms lacks their clients.
        let object = match read {
            Some(row) => {
                let Some((_, request)) = reading(name, &entry, pool.id()) else { continue };
                described(pool, row, &Value::Object(request)).await?
            }
            None => Some(entry),
        };
        if object.as_ref().is_some_and(|object| is_it(name, object, known)) {
            return Ok(object);
        }
    }
    Ok(None)
}

fn first_page(list: &Row, pool: &PoolId) -> Value {
    let mut request = json!({"UserPoolId": pool.as_str()});
    if let Some((member, limit)) = list.paging.and_then(|paging| paging.limit) {
        request[member] = limit.into();
    }
    request
}

fn is_it(name: &ObjectName, object: &Value, known: &Value) -> bool {
    match name.kind {
        ObjectKind::ResourceServer => object["Identifier"] == *name.id,
        ObjectKind::Terms => {
            let id =
                [&object["ClientId"], &object["TermsName"]].map(|part| part.as_str().unwrap_or_default());
            id.join("/") == name.id
        }
        ObjectKind::CimdPolicy => {
            object["CIMDPolicyId"] == *name.id
                || ["ClientId", "PolicyName"].iter().all(|member| object[*member] == known[*member])
        }
        _ => false,
    }
}

/// What of an answer is the object, and not that of the pool or nothing.
fn as_captured(name: &ObjectName, mut object: Value) -> Option<Value> {
    let is_of_other = |member: &str, id: &str| {
        object[member].as_str().is_some_and(|answered| !answered.is_empty() && answered != id)
    };
    match name.kind {
        ObjectKind::Domain => (object["Domain"] == *name.id).then_some(object),
        ObjectKind::UiCustomization | ObjectKind::Branding | ObjectKind::RiskConfiguration => {
            let is_bare = object.as_object().is_none_or(|members| !has_choice(name.kind, members));
            if is_bare || is_of_other("ClientId", &name.id) {
                return None;
            }
            // No answer about a branding has the client.
            if name.kind == ObjectKind::Branding {
                object["ClientId"] = name.id.as_str().into();
            }
            Some(object)
        }
        _ => Some(object),
    }
}

fn is_absent(row: &Row, error: &PoolError) -> bool {
    error.kind == PoolErrorKind::NotFound
        || row.unavailable.contains(&error.code.as_str())
        || error.code.as_str() == "FeatureUnavailableInTierException"
}

fn operation_of(row: &Row) -> Result<Operation> {
    Operation::named(row.name).ok_or_else(|| internal("The table of operations has an unknown one."))
}
