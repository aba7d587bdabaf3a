//! A whole list of Cognito, page by page.

use serde_json::Value;

use crate::pacing::PacedPool;
use crate::ports::pool::{Operation, Pool, PoolError, PoolErrorKind, PoolResult};

/// All entries under `member` of the answers to `request`. Only an answer without a token ends the list.
///
/// # Errors
/// If Cognito refuses a page, or repeats a token.
pub(super) async fn listed<P: Pool>(
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
        let next = answer["NextToken"].take();
        if next.as_str().is_none_or(str::is_empty) {
            return Ok(entries);
        }
        if request["NextToken"] == next {
            return Err(PoolError::new(operation, PoolErrorKind::Transient, "RepeatedToken"));
        }
        request["NextToken"] = next;
    }
}
