//! Deletions: in batches, and in transactions that a fence guards.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, DeleteRequest, TransactWriteItem, WriteRequest};
use futures::{StreamExt, TryStreamExt, stream};
use shared::Result;
use shared::ports::vault::{Fence, FencedBatch, HOLDER, Key, check_distinct, delete_in_transactions};

use super::{DynamoVault, MAX_BATCHES_AT_ONCE, internal, key_attributes, text, unavailable, waits};

/// The items that one BatchWriteItem call deletes. DynamoDB accepts no more.
const MAX_BATCH: usize = 25;

impl DynamoVault {
    /// Deletes items, without a condition.
    pub(super) async fn delete_in_batches(&self, keys: &[Key]) -> Result<()> {
        let mut requests = Vec::with_capacity(keys.len());
        for key in keys {
            let request = DeleteRequest::builder().set_key(Some(key_attributes(key))).build();
            let request = request.map_err(|_| internal("a deletion without a key"))?;
            requests.push(WriteRequest::builder().delete_request(request).build());
        }
        let batches: Vec<_> = requests.chunks(MAX_BATCH).map(<[_]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.delete_batch(batch))
            .buffer_unordered(MAX_BATCHES_AT_ONCE)
            .try_collect()
            .await
    }

    /// Deletes items while the fence holds. False if it no longer does.
    pub(super) async fn delete_under_fence(&self, fence: &Fence, keys: Vec<Key>) -> Result<bool> {
        // DynamoDB refuses such a transaction, and it would be halved.
        check_distinct(keys.iter().chain([&fence.key]))?;
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key_attributes(&fence.key)))
            .condition_expression("#holder = :holder")
            .expression_attribute_names("#holder", HOLDER)
            .expression_attribute_values(":holder", text(&fence.holder));
        let check = check.build().map_err(|_| internal("a fence without a key"))?;
        let delete = |some: Vec<Key>| {
            let mut actions = vec![TransactWriteItem::builder().condition_check(check.clone()).build()];
            let deletions = some.iter().map(|key| {
                let delete = Delete::builder().table_name(&self.table).set_key(Some(key_attributes(key)));
                let delete = delete.build().map_err(|_| internal("a deletion without a key"))?;
                Ok(TransactWriteItem::builder().delete(delete).build())
            });
            let deletions: Result<Vec<_>> = deletions.collect();
            async move {
                actions.extend(deletions?);
                self.delete_fenced(actions).await
            }
        };
        delete_in_transactions(keys, delete).await
    }

    async fn delete_batch(&self, batch: Vec<WriteRequest>) -> Result<()> {
        let mut waits = waits();
        let mut requests = HashMap::from([(self.table.clone(), batch)]);
        loop {
            let answer = self.client.batch_write_item().set_request_items(Some(requests)).send().await;
            requests = answer.map_err(|error| self.failed(error))?.unprocessed_items.unwrap_or_default();
            if requests.values().all(Vec::is_empty) {
                return Ok(());
            }
            let wait = waits.next().ok_or_else(|| unavailable(&self.place(), "unprocessed items"))?;
            tokio::time::sleep(wait).await;
        }
    }

    /// Carries out one transaction of deletions.
    async fn delete_fenced(&self, actions: Vec<TransactWriteItem>) -> Result<FencedBatch> {
        // One action checks the fence.
        let may_be_halved = actions.len() > 2;
        let mut waits = waits();
        loop {
            let error = match self
                .client
                .transact_write_items()
                .set_transact_items(Some(actions.clone()))
                .send()
                .await
            {
                Ok(_) => return Ok(FencedBatch::Deleted),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let codes: Vec<_> =
                        cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
                    match Cancelled::by(&codes, may_be_halved) {
                        Cancelled::FenceBroken => return Ok(FencedBatch::FenceBroken),
                        Cancelled::TooLarge => return Ok(FencedBatch::TooLarge),
                        Cancelled::ForNow => {}
                        Cancelled::ForGood => return Err(self.failed(error)),
                    }
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => {}
                // The size of a transaction is one of the things that are validated.
                Some(refused) if may_be_halved && refused.code() == Some("ValidationException") => {
                    return Ok(FencedBatch::TooLarge);
                }
                _ => return Err(self.failed(error)),
            }
            let wait = waits.next().ok_or_else(|| unavailable(&self.place(), "cancelled transactions"))?;
            tokio::time::sleep(wait).await;
        }
    }
}

/// Why DynamoDB cancelled a transaction of deletions.
#[derive(Debug, PartialEq, Eq)]
enum Cancelled {
    /// Another holder has the fence.
    FenceBroken,
    /// Fewer deletions may fit.
    TooLarge,
    /// Another transaction or a throttle stands in its way, so it may succeed later.
    ForNow,
    ForGood,
}

impl Cancelled {
    /// The meaning of the codes of the reasons. DynamoDB documents that a transaction of over 4 MB is cancelled. It does
    /// not document the code, so a cancellation that no code explains counts as such. Source: TransactWriteItems and
    /// TransactionCanceledException, DynamoDB API reference.
    fn by(codes: &[&str], may_be_halved: bool) -> Self {
        let is_of = |known: &'static [&str]| move |code: &&str| known.contains(code);
        if codes.iter().any(is_of(&["ConditionalCheckFailed"])) {
            return Self::FenceBroken;
        }
        let is_unexplained = codes.iter().all(is_of(&["None"]));
        if may_be_halved && (is_unexplained || codes.iter().any(is_of(&["ValidationError"]))) {
            return Self::TooLarge;
        }
        let passing: &'static [&str] =
            &["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
        if codes.iter().all(is_of(passing)) { Self::ForNow } else { Self::ForGood }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_no_code_explains_is_halved_down_to_one_deletion() {
        for unexplained in [&[][..], &["None", "None"]] {
            assert_eq!(Cancelled::by(unexplained, true), Cancelled::TooLarge);
            assert_eq!(Cancelled::by(unexplained, false), Cancelled::ForNow);
        }
    }

    #[test]
    fn the_codes_of_a_cancelled_transaction_have_their_meaning() {
        let conflict = &["None", "TransactionConflict"][..];
        for may_be_halved in [true, false] {
            assert_eq!(Cancelled::by(conflict, may_be_halved), Cancelled::ForNow);
            assert_eq!(Cancelled::by(&["None", "AccessDenied"], may_be_halved), Cancelled::ForGood);
            let broken = &["ConditionalCheckFailed", "TransactionConflict"];
            assert_eq!(Cancelled::by(broken, may_be_halved), Cancelled::FenceBroken);
        }
        let too_large = &["ValidationError", "TransactionConflict"];
        assert_eq!(Cancelled::by(too_large, true), Cancelled::TooLarge);
        assert_eq!(Cancelled::by(too_large, false), Cancelled::ForGood);
    }
}
