//! The adapter for a DynamoDB table.

mod deletions;
mod inserts;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TableDescription};
use backon::BackoffBuilder;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_dynamo::Item;

use self::inserts::batches_of;
use super::codes::code_of;
use shared::model::ExpiresAt;
use shared::pacing::FullJitter;
use shared::ports::vault::{
    EXPIRES_AT, Fence, Found, Key, Order, Query, REVISION, ReadVault, Vault, WriteOnceVault, check_distinct,
    has_expired,
};
use shared::{Error, ErrorKind, Guidance, Result};

const MAX_READ_BATCH: usize = 100;
/// Batches at once.
const MAX_BATCHES_AT_ONCE: usize = 4;
/// Puts and updates of single items at once. A role that may put items in batches may delete them, too, and DynamoDB
/// has no batch of updates.
const MAX_WRITES_AT_ONCE: usize = 32;
/// Attempts at items that DynamoDB leaves unprocessed.
const MAX_ATTEMPTS: usize = 10;

type Attributes = HashMap<String, AttributeValue>;

/// A table with the string keys `pk` and `sk`.
#[derive(Debug, Clone)]
pub struct DynamoVault {
    client: Client,
    table: String,
}

impl DynamoVault {
    /// The table named `table` of the account and Region of `client`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// A client that retries throttled and failed calls, because these count against no quota of
    /// Cognito.
    pub fn client(config: &aws_config::SdkConfig) -> Client {
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS as u32))
            .timeout_config(super::timeouts())
            .build();
        Client::from_conf(config)
    }

    /// The ARN of the table, which contains its account and Region. Needs the permission
    /// `dynamodb:DescribeTable`.
    ///
    /// # Errors
    /// If the table does not exist, or the caller lacks the permission.
    pub async fn arn(&self) -> Result<String> {
        let table = self.describe().await?;
        table.and_then(|table| table.table_arn).ok_or_else(|| internal("its ARN, and has none"))
    }

    /// The other Regions that have a replica of the table. Needs the permission `dynamodb:DescribeTable`.
    ///
    /// # Errors
    /// If the table does not exist, or the caller lacks the permission.
    pub async fn replicas(&self) -> Result<Vec<String>> {
        let replicas = self.describe().await?.and_then(|table| table.replicas).unwrap_or_default();
        Ok(replicas.into_iter().filter_map(|replica| replica.region_name).collect())
    }

    async fn describe(&self) -> Result<Option<TableDescription>> {
        let answer = self.client.describe_table().table_name(&self.table).send().await;
        answer.map(|answer| answer.table).map_err(|error| self.failed(error))
    }

    /// The table and its Region, as errors name them.
    fn place(&self) -> String {
        let region = self.client.config().region().map(|region| format!(" in Region {region}"));
        format!("{}{}", self.table, region.unwrap_or_default())
    }

    fn failed<E: ProvideErrorMetadata>(&self, error: SdkError<E>) -> Error {
        self.refused(code_of(&error).as_str(), None)
    }

    /// The error for the code of a failed call, or of a failed statement. The codes of statements have no "Exception" at
    /// the end. Source: BatchStatementError, DynamoDB API reference. `item` is the key of the only item of the request.
    fn refused(&self, code: &str, item: Option<&Key>) -> Error {
        let table = &self.place();
        match code {
            "ResourceNotFoundException" | "ResourceNotFound" => Error::new(
                ErrorKind::TableNotFound,
                format!("The backup table {table} does not exist in this account."),
                Guidance::CheckTable,
            ),
            "AccessDeniedException"
            | "AccessDenied"
            | "UnrecognizedClientException"
            | "ExpiredTokenException" => Error::new(
                ErrorKind::AccessDenied,
                format!("DynamoDB refused access to the backup table {table}."),
                Guidance::GrantTable,
            ),
            "ValidationException"
            | "ValidationError"
            | "ItemCollectionSizeLimitExceededException"
            | "ItemCollectionSizeLimitExceeded" => Error::new(
                ErrorKind::CallRefused,
                match item {
                    Some(key) => {
                        let kind = kind_of(key);
                        format!(
                            "DynamoDB refused to write an item of the kind {kind} to table {table} ({code})."
                        )
                    }
                    None => format!("DynamoDB refused a request on table {table} ({code})."),
                },
                "Check that the table has the string keys pk and sk, and that no item exceeds 400 KB.",
            ),
            _ => {
                tracing::warn!(%code, "backup table unavailable");
                unavailable(table, code)
            }
        }
    }

    async fn read_batch(&self, wanted: KeysAndAttributes) -> Result<Vec<Attributes>> {
        let mut waits = waits();
        let mut requests = HashMap::from([(self.table.clone(), wanted)]);
        let mut items = Vec::new();
        loop {
            let answer = self.client.batch_get_item().set_request_items(Some(requests)).send().await;
            let answer = answer.map_err(|error| self.failed(error))?;
            items.extend(answer.responses.into_iter().flat_map(HashMap::into_values).flatten());
            requests = answer.unprocessed_keys.unwrap_or_default();
            if requests.values().all(|keys| keys.keys().is_empty()) {
                return Ok(items);
            }
            let wait = waits.next().ok_or_else(|| unavailable(&self.place(), "unprocessed keys"))?;
            tokio::time::sleep(wait).await;
        }
    }

    async fn read(&self, keys: Vec<Key>, keys_only: bool) -> Result<Vec<Attributes>> {
        let mut batches = Vec::new();
        for batch in keys.chunks(MAX_READ_BATCH) {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(batch.iter().map(key_attributes).collect()))
                .consistent_read(true)
                .set_projection_expression(keys_only.then(|| format!("pk, sk, {EXPIRES_AT}")))
                .build();
            batches.push(wanted.map_err(|_| internal("a read without keys"))?);
        }
        stream::iter(batches)
            .map(|batch| self.read_batch(batch))
            .buffer_unordered(MAX_BATCHES_AT_ONCE)
            .try_concat()
            .await
    }

    async fn set_expiry_of(&self, key: &Key, expires_at: Option<ExpiresAt>) -> Result<()> {
        let request = self.client.update_item().table_name(&self.table).set_key(Some(key_attributes(key)));
        // Without the condition, DynamoDB would create an item that is missing.
        let request = request.condition_expression("attribute_exists(pk)");
        let request = match expires_at {
            Some(expires_at) => request
                .update_expression(format!("SET {EXPIRES_AT} = :at"))
                .expression_attribute_values(":at", AttributeValue::N(expires_at.seconds().to_string())),
            None => request.update_expression(format!("REMOVE {EXPIRES_AT}")),
        };
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(self.failed(error)),
        }
    }
}

/// The waits before the attempts at what DynamoDB leaves unprocessed.
fn waits() -> impl Iterator<Item = Duration> {
    FullJitter::new(MAX_ATTEMPTS, Duration::from_millis(50), Duration::from_secs(5)).build()
}

/// The kind of an item, as errors name it: its partition key up to the first `#`. The rest may be a name.
fn kind_of(key: &Key) -> &str {
    let kind = key.pk.split('#').next().unwrap_or_default();
    if key.pk.contains('#') && kind.bytes().all(|byte| byte.is_ascii_uppercase()) { kind } else { "…" }
}

fn unavailable(table: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::ServiceUnavailable,
        format!("The backup table {table} did not carry out a request ({why})."),
        Guidance::TryLater,
    )
}

fn internal(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("The backup table was asked for {what}."), Guidance::REPORT_THIS)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn key_attributes(key: &Key) -> Attributes {
    HashMap::from([("pk".to_owned(), text(&key.pk)), ("sk".to_owned(), text(&key.sk))])
}

fn keyed(key: &Key, item: Item) -> Attributes {
    let mut attributes: Attributes = item.into();
    attributes.extend(key_attributes(key));
    attributes
}

/// Splits an item's attributes into its key and the rest.
fn unkeyed(mut attributes: Attributes) -> Option<(Key, Item)> {
    match (attributes.remove("pk")?, attributes.remove("sk")?) {
        (AttributeValue::S(pk), AttributeValue::S(sk)) => Some((Key { pk, sk }, attributes.into())),
        _ => None,
    }
}

/// The keys and the rest of the items that have not expired.
fn lasting(items: impl IntoIterator<Item = Attributes>, now: Timestamp) -> impl Iterator<Item = (Key, Item)> {
    items.into_iter().filter_map(unkeyed).filter(move |(_, item)| !has_expired(item, now))
}

impl DynamoVault {
    /// Puts an item if its revision is `expected`. Without one, puts it if the key has no item.
    async fn put_expecting(&self, key: &Key, item: Item, expected: Option<u64>) -> Result<bool> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(keyed(key, item)));
        let request = match expected {
            None => request.condition_expression(format!("attribute_not_exists(pk) OR {EXPIRES_AT} <= :now")),
            Some(revision) => request
                .condition_expression(format!(
                    "#revision = :expected AND (attribute_not_exists({EXPIRES_AT}) OR {EXPIRES_AT} > :now)"
                ))
                .expression_attribute_names("#revision", REVISION)
                .expression_attribute_values(":expected", AttributeValue::N(revision.to_string())),
        };
        let now = AttributeValue::N(self.now().as_second().to_string());
        let request = request.expression_attribute_values(":now", now);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl ReadVault for DynamoVault {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_attributes(key)))
            .consistent_read(true);
        let answer = request.send().await.map_err(|error| self.failed(error))?;
        Ok(lasting(answer.item, self.now()).next().map(|(_, item)| item))
    }

    async fn get_all(&self, keys: Vec<Key>) -> Result<Vec<(Key, Item)>> {
        Ok(lasting(self.read(keys, false).await?, self.now()).collect())
    }

    async fn existing(&self, keys: Vec<Key>) -> Result<HashSet<Key>> {
        Ok(lasting(self.read(keys, true).await?, self.now()).map(|(key, _)| key).collect())
    }

    async fn query(&self, query: &Query) -> Result<Found> {
        let after = query.after.as_ref().map(|sk| key_attributes(&Key::new(query.pk.as_str(), sk.as_str())));
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .expression_attribute_values(":pk", text(&query.pk))
            .consistent_read(true)
            .scan_index_forward(query.order == Order::Ascending)
            .limit(query.limit as i32)
            .set_exclusive_start_key(after);
        // DynamoDB accepts no empty value for a key.
        let request = if query.prefix.is_empty() {
            request.key_condition_expression("pk = :pk")
        } else {
            request
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(&query.prefix))
        };
        let answer = request.send().await.map_err(|error| self.failed(error))?;
        let next = answer.last_evaluated_key.and_then(unkeyed).map(|(key, _)| key.sk);
        let items = lasting(answer.items.unwrap_or_default(), self.now()).map(|(key, item)| (key.sk, item));
        Ok(Found { items: items.collect(), next })
    }
}

impl WriteOnceVault for DynamoVault {
    async fn put_new(&self, key: &Key, item: Item) -> Result<bool> {
        self.put_expecting(key, item, None).await
    }

    async fn insert_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        check_distinct(items.iter().map(|(key, _)| key))?;
        stream::iter(batches_of(&self.table, items)?)
            .map(|batch| self.insert_batch(batch))
            .buffer_unordered(MAX_BATCHES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn put_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        // DynamoDB carries out both puts of one key, in any order.
        check_distinct(items.iter().map(|(key, _)| key))?;
        stream::iter(items)
            .map(|(key, item)| async move {
                let put = self.client.put_item().table_name(&self.table).set_item(Some(keyed(&key, item)));
                put.send().await.map(drop).map_err(|error| self.refused(code_of(&error).as_str(), Some(&key)))
            })
            .buffer_unordered(MAX_WRITES_AT_ONCE)
            .try_collect()
            .await
    }
}

impl Vault for DynamoVault {
    async fn replace(&self, key: &Key, item: Item, revision: u64) -> Result<bool> {
        self.put_expecting(key, item, Some(revision)).await
    }

    async fn set_expiry(&self, keys: Vec<Key>, expires_at: Option<ExpiresAt>) -> Result<()> {
        stream::iter(keys)
            .map(|key| async move { self.set_expiry_of(&key, expires_at).await })
            .buffer_unordered(MAX_WRITES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn delete_all(&self, keys: Vec<Key>) -> Result<()> {
        self.delete_in_batches(&keys).await
    }

    async fn delete_while(&self, fence: &Fence, keys: Vec<Key>) -> Result<bool> {
        self.delete_under_fence(fence, keys).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Answer, Server};

    #[tokio::test]
    async fn the_error_of_a_missing_table_names_the_table_and_its_region() {
        let body = r#"{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#.to_owned();
        let server = Server::start(Answer { status: 400, body }).await;
        let config = server.config();
        let region = config.region().unwrap().to_string();
        let vault = DynamoVault::new(Client::new(&config), "backup".to_owned());
        let error = vault.get(&Key::new("a", "b")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TableNotFound);
        let says = format!("The backup table backup in Region {region} does not exist in this account.");
        assert_eq!(error.message(), says);
    }

    fn answer_to_inserts(codes: &[Option<&str>]) -> Answer {
        let response = |code: &Option<&str>| match code {
            Some(code) => serde_json::json!({"Error": {"Code": code, "Message": "why"}}),
            None => serde_json::json!({"TableName": "backup"}),
        };
        let responses: Vec<_> = codes.iter().map(response).collect();
        Answer { status: 200, body: serde_json::json!({"Responses": responses}).to_string() }
    }

    fn records(count: usize) -> Vec<(Key, Item)> {
        (0..count).map(|number| (Key::new("USER#p#1", format!("REC#{number}")), Item::default())).collect()
    }

    /// The sort keys of the inserts or the put in a request.
    fn sort_keys(request: &str) -> Vec<String> {
        let body: serde_json::Value =
            serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        let of_put = body["Item"]["sk"]["S"].as_str().map(str::to_owned);
        let statements = body["Statements"].as_array().into_iter().flatten();
        let inserted = statements.map(|insert| insert["Parameters"][1]["S"].as_str().unwrap().to_owned());
        of_put.into_iter().chain(inserted).collect()
    }

    #[tokio::test]
    async fn only_the_inserts_that_dynamodb_could_not_carry_out_are_sent_again() {
        let server = Server::start(answer_to_inserts(&[])).await;
        server.answers_next([
            // The last statement has no answer.
            answer_to_inserts(&[None, Some("ThrottlingError"), Some("DuplicateItem")]),
            answer_to_inserts(&[Some("TransactionConflict"), None]),
            answer_to_inserts(&[Some("DuplicateItem")]),
        ]);
        let vault = DynamoVault::new(Client::new(&server.config()), "backup".to_owned());
        vault.insert_all(records(4)).await.unwrap();
        let sent: Vec<_> = server.requests().iter().map(|request| sort_keys(request).join(" ")).collect();
        assert_eq!(sent, ["REC#0 REC#1 REC#2 REC#3", "REC#1 REC#3", "REC#1"]);
    }

    #[tokio::test]
    async fn an_insert_that_dynamodb_refuses_for_good_is_an_error() {
        let server = Server::start(answer_to_inserts(&[])).await;
        let vault = DynamoVault::new(Client::new(&server.config()), "backup".to_owned());
        for (code, kind) in [
            ("AccessDenied", ErrorKind::AccessDenied),
            ("ResourceNotFound", ErrorKind::TableNotFound),
            ("ValidationError", ErrorKind::CallRefused),
            ("ItemCollectionSizeLimitExceeded", ErrorKind::CallRefused),
            ("SomethingNew", ErrorKind::ServiceUnavailable),
        ] {
            server.answers_next([answer_to_inserts(&[None, Some(code), Some("ThrottlingError")])]);
            assert_eq!(vault.insert_all(records(3)).await.unwrap_err().kind(), kind, "{code}");
        }
        assert_eq!(server.requests().len(), 5);
    }

    #[tokio::test]
    async fn the_error_of_an_item_that_dynamodb_refuses_names_its_kind_and_nothing_else_of_it() {
        let refused = r#"{"__type": "com.amazon.coral.validate#ValidationException"}"#.to_owned();
        let server = Server::start(Answer { status: 400, body: refused }).await;
        let vault = DynamoVault::new(Client::new(&server.config()), "backup".to_owned());
        for (pk, kind) in [("USER#eu-west-1_A#jo@example.org", "USER"), ("jo@example.org", "…")] {
            let large = || vec![(Key::new(pk, "REC#jo@example.org"), Item::default())];
            let put = vault.put_all(large()).await.unwrap_err();
            server.answers_next([answer_to_inserts(&[Some("ValidationError")])]);
            let insert = vault.insert_all(large()).await.unwrap_err();
            for (error, code) in [(put, "ValidationException"), (insert, "ValidationError")] {
                assert_eq!(error.kind(), ErrorKind::CallRefused);
                let start = format!(
                    "DynamoDB refused to write an item of the kind {kind} to table backup in Region "
                );
                assert!(error.message().starts_with(&start), "{}", error.message());
                assert!(error.message().ends_with(&format!(" ({code}).")), "{}", error.message());
                assert!(!error.to_string().contains("example.org"), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn puts_go_one_by_one_and_at_most_32_at_once() {
        let server = Server::start(Answer { status: 200, body: "{}".to_owned() }).await;
        let vault = DynamoVault::new(Client::new(&server.config()), "backup".to_owned());
        vault.put_all(records(100)).await.unwrap();
        let mut sent: Vec<_> = server.requests().iter().flat_map(|request| sort_keys(request)).collect();
        sent.sort();
        let mut wanted: Vec<_> = records(100).into_iter().map(|(key, _)| key.sk).collect();
        wanted.sort();
        assert_eq!(sent, wanted);
        assert_eq!(server.requests().len(), 100);
        assert!((2..=MAX_WRITES_AT_ONCE).contains(&server.most_waiting()), "{}", server.most_waiting());
    }

    /// DynamoDB refuses a batch that names a key twice. It carries out two puts.
    #[tokio::test]
    async fn writes_that_name_a_key_twice_are_refused_without_a_call() {
        let server = Server::start(Answer { status: 200, body: "{}".to_owned() }).await;
        let vault = DynamoVault::new(Client::new(&server.config()), "backup".to_owned());
        let twice = || records(1).into_iter().chain(records(2)).collect::<Vec<_>>();
        assert_eq!(vault.insert_all(twice()).await.unwrap_err().kind(), ErrorKind::CallRefused);
        assert_eq!(vault.put_all(twice()).await.unwrap_err().kind(), ErrorKind::CallRefused);
        assert!(server.requests().is_empty());
    }

    /// A reader of a lease, a mark or a hold that saw an old state would act beside another run.
    #[tokio::test]
    async fn every_read_is_strongly_consistent() {
        let answer = r#"{"Responses": {"backup": []}}"#.to_owned();
        let server = Server::start(Answer { status: 200, body: answer }).await;
        let vault = DynamoVault::new(Client::new(&server.config()), "backup".to_owned());
        let key = Key::new("POOL#eu-west-1_A", "LEASE#EXPORT");
        let query = Query {
            pk: "a".to_owned(),
            prefix: String::new(),
            after: None,
            order: Order::Ascending,
            limit: 9,
        };
        vault.get(&key).await.unwrap();
        vault.get_all(vec![key.clone()]).await.unwrap();
        vault.existing(vec![key]).await.unwrap();
        vault.query(&query).await.unwrap();
        let requests = server.requests();
        assert_eq!(requests.len(), 4);
        for request in requests {
            assert!(request.contains(r#""ConsistentRead":true"#), "{request}");
        }
    }
}
