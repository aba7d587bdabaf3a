//! A whole list of Cognito, page by page.

use serde_json::Value;

use crate::pacing::PacedPool;
use crate::ports::pool::{Operation, Pool, PoolError, PoolErrorKind, PoolResult};

/// All entries under `member` of the answers to `request`. Only an answer without a token ends the list.
///
/// # Errors
/// If Cognito refuses a page, or repeats a token.
pub async fn listed<P: Pool>(
    pool: &PacedPool<P>,
    operation: Operation,
    mut request: Value,
    member: &str,
) -> PoolResult<Vec<Value>> {
    let mut entries = Vec::new();
    loop {
        let mut answer = pool.read_configuration(operation, &request).await?.into_json();
        if let Value::Array(page) = answer[member].take() {
            entries.extend(page);
        }
        match next_token(operation, &request["NextToken"], answer["NextToken"].take())? {
            Some(token) => request["NextToken"] = token.into(),
            None => return Ok(entries),
        }
    }
}

/// The token of the next page, after a request with the token `sent`. None if the list has ended.
fn next_token(operation: Operation, sent: &Value, answered: Value) -> PoolResult<Option<String>> {
    match answered {
        Value::String(token) if token.is_empty() => Ok(None),
        repeated if !repeated.is_null() && repeated == *sent => {
            Err(PoolError::new(operation, PoolErrorKind::Transient, "RepeatedToken"))
        }
        Value::String(token) => Ok(Some(token)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_ends_without_a_token_and_fails_with_a_repeated_one() {
        let next = |sent, answered| next_token(Operation::ListUserPools, &sent, answered);
        for end in [Value::Null, json!("")] {
            assert_eq!(next(Value::Null, end.clone()), Ok(None));
            assert_eq!(next(json!("1"), end), Ok(None));
        }
        assert_eq!(next(Value::Null, json!("1")), Ok(Some("1".to_owned())));
        assert_eq!(next(json!("1"), json!("2")), Ok(Some("2".to_owned())));
        assert_eq!(next(json!("2"), json!("2")).unwrap_err().kind, PoolErrorKind::Transient);
    }
}
