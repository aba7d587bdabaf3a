//! The actions that a function's role must allow, for the calls that its step makes through the ports.
//!
//! `statemachines/operations.json` is written from this list. Tests in `shared/aws/src/actions.rs`
//! compare it with what the adapters send. A Cognito action has the name of its
//! [`Operation`](super::pool::Operation).

use super::vault::Access;

/// The DynamoDB action of a call of the vault.
///
/// TransactWriteItems has no action of its own: each of its parts has one. Source: "Amazon DynamoDB Transactions: How
/// it works", section IAM, Amazon DynamoDB developer guide. BatchExecuteStatement has none, either: an insert needs
/// PartiQLInsert, which can neither replace nor delete an item. Source: "IAM security policies with PartiQL for
/// DynamoDB", same guide. BatchWriteItem allows puts and deletions, so only deletions use it.
pub fn on_table(access: Access) -> &'static str {
    match access {
        Access::Get => "GetItem",
        Access::GetAll => "BatchGetItem",
        Access::Query => "Query",
        Access::InsertAll => "PartiQLInsert",
        Access::PutIf | Access::PutAll => "PutItem",
        Access::DeleteAll => "BatchWriteItem",
        Access::Update => "UpdateItem",
        Access::CheckFence => "ConditionCheckItem",
        Access::DeleteFenced => "DeleteItem",
    }
}

/// The KMS actions that DynamoDB takes with the role's rights on the table's key.
/// Source: "DynamoDB encryption at rest: usage notes", Amazon DynamoDB developer guide.
pub fn on_table_key(accesses: impl IntoIterator<Item = Access>) -> &'static [&'static str] {
    let reads = |access| matches!(access, Access::Get | Access::GetAll | Access::Query);
    if accesses.into_iter().all(reads) {
        &["Decrypt", "DescribeKey"]
    } else {
        &["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"]
    }
}

/// The SNS action that publishes a message.
pub const ON_TOPIC: &str = "Publish";

/// The KMS actions that SNS takes with the role's rights on the topic's key.
/// Source: "Amazon SNS key management", section permissions of publishers, Amazon SNS developer guide.
pub const ON_TOPIC_KEY: [&str; 2] = ["Decrypt", "GenerateDataKey"];

/// The EventBridge action that puts events on a bus.
pub const ON_EVENT_BUS: &str = "PutEvents";

/// The Systems Manager action that reads the address for heartbeats.
pub const ON_HEARTBEAT_PARAMETER: &str = "GetParameter";

/// The CloudWatch Logs action that reads the log of an import job.
pub const ON_JOB_LOGS: &str = "GetLogEvents";
