//! Inserts as PartiQL statements: their form, their batches, and the meaning of their answers.
//!
//! An insert never replaces an item, and its permission allows no deletion. Source: "PartiQL insert statements for
//! DynamoDB" and "IAM security policies with PartiQL for DynamoDB", Amazon DynamoDB developer guide.

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementError, BatchStatementErrorCodeEnum, BatchStatementRequest,
};
use serde_dynamo::Item;
use shared::ports::vault::Key;
use shared::{Result, item_size};

use super::{DynamoVault, internal, keyed, unavailable, waits};

/// The statements of one BatchExecuteStatement call. DynamoDB accepts no more.
const MAX_BATCH: usize = 25;
/// The bytes of the items of one call. This is for the memory of the function: it holds a batch twice, once in the
/// request and once for the statements that it sends again.
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// The insert of an item.
pub(super) struct Insert {
    /// The key of the item.
    pub key: Key,
    /// The statement has the names of the attributes, and its parameters have their values.
    pub statement: BatchStatementRequest,
}

/// The inserts of these items into a table, in batches.
pub(super) fn batches_of(table: &str, items: Vec<(Key, Item)>) -> Result<Vec<Vec<Insert>>> {
    let (mut batches, mut bytes) = (Vec::<Vec<_>>::new(), 0);
    for (key, item) in items {
        let size = item_size::of(&key, &item);
        let statement = statement(table, &key, item)?;
        let insert = Insert { key, statement };
        match batches.last_mut().filter(|batch| batch.len() < MAX_BATCH && bytes + size <= MAX_BATCH_BYTES) {
            Some(batch) => {
                batch.push(insert);
                bytes += size;
            }
            None => {
                batches.push(vec![insert]);
                bytes = size;
            }
        }
    }
    Ok(batches)
}

impl DynamoVault {
    /// Inserts a batch. A statement that DynamoDB could not carry out for now is sent again, without the others.
    pub(super) async fn insert_batch(&self, mut batch: Vec<Insert>) -> Result<()> {
        let mut waits = waits();
        loop {
            let statements = batch.iter().map(|insert| insert.statement.clone()).collect();
            let request = self.client.batch_execute_statement().set_statements(Some(statements));
            let answer = request.send().await.map_err(|error| self.failed(error))?;
            // The answers have the order of the statements. A statement without an answer is sent again.
            let mut answers = answer.responses.unwrap_or_default().into_iter();
            let mut rest = Vec::new();
            for insert in batch {
                let error = answers.next().map(|answer| answer.error);
                match error.as_ref().map_or(Inserted::NotYet, |error| Inserted::by(error.as_ref())) {
                    Inserted::Stands => {}
                    Inserted::NotYet => rest.push(insert),
                    Inserted::Refused(code) => return Err(self.refused(code, Some(&insert.key))),
                }
            }
            if rest.is_empty() {
                return Ok(());
            }
            batch = rest;
            let wait = waits.next().ok_or_else(|| unavailable(&self.place(), "unprocessed statements"))?;
            tokio::time::sleep(wait).await;
        }
    }
}

fn statement(table: &str, key: &Key, item: Item) -> Result<BatchStatementRequest> {
    let mut attributes: Vec<(String, AttributeValue)> = keyed(key, item).into_iter().collect();
    attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (names, values): (Vec<_>, Vec<_>) = attributes.into_iter().unzip();
    let members: Vec<_> = names.iter().map(|name| format!("'{}': ?", name.replace('\'', "''"))).collect();
    BatchStatementRequest::builder()
        .statement(format!("INSERT INTO \"{table}\" VALUE {{{}}}", members.join(", ")))
        .set_parameters(Some(values))
        .build()
        .map_err(|_| internal("an insert without a statement"))
}

/// How an insert ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// An item with the key stands: that of this insert, or one that stood already.
    Stands,
    /// A throttle, a transaction or a fault stands in its way, so it may succeed later.
    NotYet,
    /// DynamoDB has not carried it out, with the code of its error. The run tries an unknown code again.
    Refused(&'static str),
}

impl Inserted {
    /// The meaning of the answer to one statement. Source: BatchStatementError, DynamoDB API reference.
    pub fn by(error: Option<&BatchStatementError>) -> Self {
        use BatchStatementErrorCodeEnum as Code;
        let Some(error) = error else { return Self::Stands };
        match error.code() {
            Some(Code::DuplicateItem) => Self::Stands,
            Some(
                Code::InternalServerError
                | Code::ProvisionedThroughputExceeded
                | Code::RequestLimitExceeded
                | Code::ThrottlingError
                | Code::TransactionConflict,
            ) => Self::NotYet,
            Some(Code::AccessDenied) => Self::Refused("AccessDenied"),
            Some(Code::ItemCollectionSizeLimitExceeded) => Self::Refused("ItemCollectionSizeLimitExceeded"),
            Some(Code::ResourceNotFound) => Self::Refused("ResourceNotFound"),
            Some(Code::ValidationError) => Self::Refused("ValidationError"),
            // No insert has a condition. The code may come from the answer, so no error repeats it.
            _ => Self::Refused("an unknown error of a statement"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_dynamo::AttributeValue as Value;

    use super::*;

    fn items(count: usize, bytes: usize) -> Vec<(Key, Item)> {
        let item = || Item::from(HashMap::from([("a".to_owned(), Value::S("x".repeat(bytes)))]));
        (0..count).map(|number| (Key::new("USER#p#1", format!("REC#{number:03}")), item())).collect()
    }

    #[test]
    fn the_statement_of_an_insert_names_the_attributes_and_its_parameters_hold_the_values() {
        let attributes = [("it's", "x"), ("\"b\"", "' OR 1")].map(|(name, value)| (name.to_owned(), value));
        let item = Item::from(HashMap::from(attributes.map(|(name, value)| (name, Value::S(value.into())))));
        let insert = statement("backup", &Key::new("USER#p#1", "REC#a"), item).unwrap();
        let wanted = r#"INSERT INTO "backup" VALUE {'"b"': ?, 'it''s': ?, 'pk': ?, 'sk': ?}"#;
        assert_eq!(insert.statement(), wanted);
        let values = ["' OR 1", "x", "USER#p#1", "REC#a"].map(|text| AttributeValue::S(text.to_owned()));
        assert_eq!(insert.parameters(), values);
    }

    #[test]
    fn a_batch_of_inserts_has_at_most_25_statements_and_half_a_megabyte() {
        let sizes = |count, bytes| -> Vec<usize> {
            batches_of("t", items(count, bytes)).unwrap().iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(0, 1), Vec::<usize>::new());
        assert_eq!(sizes(51, 1), [25, 25, 1]);
        assert_eq!(sizes(5, 200 * 1024), [2, 2, 1]);
        assert_eq!(sizes(2, 399 * 1024), [1, 1]);
    }

    #[test]
    fn the_codes_of_a_refused_insert_have_their_meaning() {
        let by = |code: &str| {
            Inserted::by(Some(&BatchStatementError::builder().code(code.into()).message("x").build()))
        };
        assert_eq!(Inserted::by(None), Inserted::Stands);
        assert_eq!(by("DuplicateItem"), Inserted::Stands);
        for passing in [
            "InternalServerError",
            "ProvisionedThroughputExceeded",
            "RequestLimitExceeded",
            "ThrottlingError",
            "TransactionConflict",
        ] {
            assert_eq!(by(passing), Inserted::NotYet, "{passing}");
        }
        for final_code in
            ["AccessDenied", "ItemCollectionSizeLimitExceeded", "ResourceNotFound", "ValidationError"]
        {
            assert_eq!(by(final_code), Inserted::Refused(final_code));
        }
        for unknown in ["ConditionalCheckFailed", "Ünknown"] {
            assert!(matches!(by(unknown), Inserted::Refused(_)), "{unknown}");
        }
        assert!(matches!(Inserted::by(Some(&BatchStatementError::builder().build())), Inserted::Refused(_)));
    }
}
