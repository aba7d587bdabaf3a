//! One read of the configuration: its request, and what its answer means.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value};

use super::pool::ALL;
use super::{Capturing, Keeper};
use crate::model::ErrorCode;
use crate::model::configuration::{
    Capture, Found as FoundBy, KeyValue, NotCaptured, NotCapturedReason, ObjectKind, ObjectName,
    Operation as Row, Service, Uncaptured, operations_of,
};
use crate::operations::refusals::refused;
use crate::ports::pool::{Operation, Pool, PoolError, PoolErrorKind};
use crate::{Error, ErrorKind, Guidance, Result};

/// Attempts at one listing whose token Cognito refuses.
const LISTING_ATTEMPTS: u32 = 3;
/// The most pages of a listing. Cognito has at most 10,000 clients in a pool.
const MAX_PAGES: usize = 2_000;
const NOT_FOUND: &str = "ResourceNotFoundException";

/// Why an operation is not called again, or why an object cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenUp {
    pub reason: NotCapturedReason,
    pub code: Option<ErrorCode>,
    pub operation: Operation,
    /// Whether the next call of the operation would fail as well.
    pub is_of_all_calls: bool,
}

impl GivenUp {
    /// What is missing because of it.
    pub fn of(&self, object: Uncaptured) -> NotCaptured {
        NotCaptured {
            operation: Some(self.operation.name().to_owned()),
            code: self.code.clone(),
            ..NotCaptured::new(object, self.reason.clone())
        }
    }
}

/// What a read leads to.
pub(super) enum Answered {
    /// The object, in Cognito's JSON.
    Object(Value),
    /// The object does not exist.
    Absent,
    Failed(GivenUp),
}

/// The row of the table that reads objects of a kind, by how these are found.
pub(super) fn read_row(kind: ObjectKind, is_found: impl Fn(&FoundBy) -> bool) -> Result<&'static Row> {
    let rows = operations_of(kind).find(|operations| is_found(&operations.found));
    rows.and_then(|operations| operations.read.as_ref()).ok_or_else(|| no_row(kind))
}

/// The row of the table that lists objects of a kind.
pub(super) fn listing_row(kind: ObjectKind) -> Result<&'static Row> {
    let listing = operations_of(kind).find_map(|operations| match &operations.found {
        FoundBy::Listed(listing) => Some(listing),
        _ => None,
    });
    listing.ok_or_else(|| no_row(kind))
}

fn no_row(kind: ObjectKind) -> Error {
    let what = format!("The table of operations does not read {kind}.");
    Error::new(ErrorKind::Internal, what, Guidance::REPORT_THIS)
}

impl<P: Pool, K: Keeper> Capturing<'_, P, K> {
    /// Makes a request. `members` has the values of its keys beside the pool: the id of the client, or the name
    /// of the object.
    async fn call(&self, row: &Row, members: &[(&str, &str)], more: Value) -> Result<Called> {
        let operation = operation_of(row)?;
        if let Some(given_up) = self.failures.of(operation) {
            return Ok(Called::Failed(given_up));
        }
        let pool = self.pool;
        if self.budget.is_some_and(|budget| budget.is_spent()) {
            return Err(refused(pool.id(), PoolError::new(operation, PoolErrorKind::OutOfTime, "OutOfTime")));
        }
        let mut request = Map::new();
        for key in row.keys {
            let value = match key.value {
                KeyValue::PoolId => Some(pool.id().as_str()),
                KeyValue::PoolArn | KeyValue::ClientId | KeyValue::Member => {
                    members.iter().find(|(member, _)| *member == key.member).map(|(_, value)| *value)
                }
            };
            if let Some(value) = value {
                request.insert(key.member.to_owned(), value.into());
            }
        }
        request.extend(more.as_object().cloned().unwrap_or_default());
        match pool.read_configuration(operation, &Value::Object(request)).await {
            Ok(answer) => {
                self.failures.is_answered(operation);
                Ok(Called::Answered(answer.into_json()))
            }
            // No list protects the pool. This says nothing about the pool itself.
            Err(error) if error.kind == PoolErrorKind::NotFound && row.service == Service::Waf => {
                self.failures.is_answered(operation);
                Ok(Called::NotFound)
            }
            Err(error) if error.kind == PoolErrorKind::NotFound => {
                self.failures.is_answered(operation);
                self.has_missed.store(true, Ordering::Relaxed);
                Ok(Called::NotFound)
            }
            Err(error) if error.kind == PoolErrorKind::InvalidParameter => {
                self.failures.is_answered(operation);
                Ok(Called::Invalid(given_up_by(row, operation, &error)))
            }
            Err(error) if is_of_the_run(row, &error) => Err(refused(pool.id(), error)),
            Err(error) => {
                let given_up = self.failures.note(given_up_by(row, operation, &error), &error);
                if given_up.is_of_all_calls {
                    tracing::warn!(
                        operation = row.name, code = %error.code, reason = given_up.reason.as_str(),
                        "a part of the configuration is not captured"
                    );
                }
                Ok(Called::Failed(given_up))
            }
        }
    }

    /// Reads an object.
    pub(super) async fn read(&self, row: &Row, members: &[(&str, &str)], more: Value) -> Result<Answered> {
        Ok(match self.call(row, members, more).await? {
            Called::Answered(mut answer) => match row.answer {
                "" => Answered::Object(answer),
                member => match answer.get_mut(member).map(Value::take) {
                    Some(object) if object.is_object() => Answered::Object(object),
                    None | Some(Value::Null) => Answered::Absent,
                    Some(_) => Answered::Failed(unreadable(row)?),
                },
            },
            Called::NotFound => Answered::Absent,
            Called::Invalid(given_up) | Called::Failed(given_up) => Answered::Failed(given_up),
        })
    }

    /// Lists objects to the end. The inner error says why they cannot be listed.
    ///
    /// A page may be empty and have a token all the same. If Cognito refuses a token or answers the same again, the
    /// listing starts again.
    pub(super) async fn list(&self, row: &Row) -> Result<std::result::Result<Vec<Value>, GivenUp>> {
        let token_member = row.paging.map_or("NextToken", |paging| paging.token);
        let mut failed = unreadable(row)?;
        'attempts: for _ in 0..LISTING_ATTEMPTS {
            let (mut entries, mut token): (Vec<Value>, Option<String>) = (Vec::new(), None);
            for _ in 0..MAX_PAGES {
                let mut more = Map::new();
                if let Some((member, limit)) = row.paging.and_then(|paging| paging.limit) {
                    more.insert(member.to_owned(), limit.into());
                }
                if let Some(token) = &token {
                    more.insert(token_member.to_owned(), token.as_str().into());
                }
                match self.call(row, &[], Value::Object(more)).await? {
                    Called::Answered(mut answer) => {
                        match answer.get_mut(row.answer).map(Value::take) {
                            Some(Value::Array(page)) => entries.extend(page),
                            None | Some(Value::Null) => {}
                            Some(_) => return Ok(Err(unreadable(row)?)),
                        }
                        let next = answer[token_member].as_str().filter(|next| !next.is_empty());
                        match next {
                            None => return Ok(Ok(entries)),
                            Some(next) if token.as_deref() == Some(next) => continue 'attempts,
                            Some(next) => token = Some(next.to_owned()),
                        }
                    }
                    Called::Invalid(given_up) if token.is_some() => {
                        failed = given_up;
                        continue 'attempts;
                    }
                    Called::NotFound => return Ok(Err(not_found(row)?)),
                    Called::Invalid(given_up) | Called::Failed(given_up) => return Ok(Err(given_up)),
                }
            }
        }
        Ok(Err(failed))
    }

    /// Takes what a read of the object `name` answered. Returns whether the object is captured.
    pub(super) async fn take_answer(&self, row: &Row, name: ObjectName, answered: Answered) -> Result<bool> {
        match answered {
            Answered::Object(object) => match Capture::of(name.clone(), &object) {
                Some(capture) => {
                    self.keeper.sees(&name, &object);
                    self.take(capture).await?;
                    return Ok(true);
                }
                None => self.lacks(unreadable(row)?.of(Uncaptured::One(name))).await,
            },
            Answered::Absent => self.is_settled(name).await,
            Answered::Failed(given_up) => self.lacks_by(given_up, name).await,
        }
        Ok(false)
    }

    /// Notes why an object cannot be read. If no object of its kind can, the kind is noted, once.
    pub(super) async fn lacks_by(&self, given_up: GivenUp, name: ObjectName) {
        let is_of_pool = name.kind.is_single() || name.id == ALL;
        let object = if given_up.is_of_all_calls && !is_of_pool {
            Uncaptured::All(name.kind)
        } else {
            Uncaptured::One(name)
        };
        self.lacks(given_up.of(object)).await;
    }
}

/// How a call ended.
enum Called {
    Answered(Value),
    NotFound,
    /// Cognito refused a parameter.
    Invalid(GivenUp),
    Failed(GivenUp),
}

/// The operation that a row names.
fn operation_of(row: &Row) -> Result<Operation> {
    Operation::named(row.name).ok_or_else(|| {
        let what = format!("The operation {} is unknown.", row.name);
        Error::new(ErrorKind::Internal, what, Guidance::REPORT_THIS)
    })
}

/// The reason for an answer that is not as the API describes it.
pub(super) fn unreadable(row: &Row) -> Result<GivenUp> {
    let operation = operation_of(row)?;
    Ok(GivenUp { reason: NotCapturedReason::Unreadable, code: None, operation, is_of_all_calls: false })
}

/// The reason if Cognito does not find what every pool has.
fn not_found(row: &Row) -> Result<GivenUp> {
    Ok(GivenUp {
        reason: NotCapturedReason::Refused,
        code: Some(ErrorCode::of(NOT_FOUND)),
        ..unreadable(row)?
    })
}

/// The reason if the pool was deleted a moment ago.
pub(super) fn pool_deleted(row: &Row) -> Result<GivenUp> {
    Ok(GivenUp { reason: NotCapturedReason::PoolDeleted, ..not_found(row)? })
}

/// Whether an error ends the invocation or the run, instead of the capture of one object.
fn is_of_the_run(row: &Row, error: &PoolError) -> bool {
    match error.kind {
        PoolErrorKind::OutOfTime | PoolErrorKind::Overtaken | PoolErrorKind::LeaseUnreadable => true,
        // Without the pool nothing else can be captured, and it answers whenever Cognito works.
        PoolErrorKind::Throttled | PoolErrorKind::Transient => row.name == Operation::DescribeUserPool.name(),
        _ => false,
    }
}

/// Source of the codes: the errors of the operations, Cognito user pools API reference.
fn given_up_by(row: &Row, operation: Operation, error: &PoolError) -> GivenUp {
    let reason = match (error.kind, error.code.as_str()) {
        (PoolErrorKind::Throttled | PoolErrorKind::Transient, _) => NotCapturedReason::Unavailable,
        // The credentials of the invocation are at fault, not the permissions of its role. The next one has others.
        (PoolErrorKind::AccessDenied, _) if error.is_of_credentials() => NotCapturedReason::Unavailable,
        (PoolErrorKind::AccessDenied, _) => NotCapturedReason::AccessDenied,
        (_, "FeatureUnavailableInTierException") => NotCapturedReason::Tier,
        (_, "UserPoolAddOnNotEnabledException") => NotCapturedReason::AddOnOff,
        (_, "OperationNotEnabledException") => NotCapturedReason::NotEnabled,
        (_, "UnknownOperationException" | "InvalidAction") => NotCapturedReason::NotSupported,
        (_, code) if row.unavailable.contains(&code) => NotCapturedReason::NotEnabled,
        _ => NotCapturedReason::Refused,
    };
    GivenUp { reason, code: Some(error.code.clone()), operation, is_of_all_calls: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_have_expired_are_no_missing_permission() {
        let row = listing_row(ObjectKind::Terms).unwrap();
        for (code, reason) in [
            ("ExpiredTokenException", NotCapturedReason::Unavailable),
            ("AccessDeniedException", NotCapturedReason::AccessDenied),
        ] {
            let error = PoolError::new(Operation::ListTerms, PoolErrorKind::AccessDenied, code);
            assert_eq!(given_up_by(row, Operation::ListTerms, &error).reason, reason, "{code}");
        }
    }
}
