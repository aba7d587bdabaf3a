//! Tests: the adapters send the actions that `shared::ports::actions` lists for each call of a port.
//!
//! An interceptor records every request and stops it, so no server is needed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use serde_dynamo::Item;
use serde_json::{Value, json};

use crate::cognito::CognitoPool;
use crate::dynamodb::DynamoVault;
use crate::event_bus::EventBus;
use crate::heartbeat::Heartbeat;
use crate::job_files::LocalJobFiles;
use crate::keys::AwsKeys;
use crate::sns::Topic;
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::configuration::{KeyArn, SecretContext};
use shared::model::{
    Category, GroupName, GroupRecord, Identity, JobId, MfaPreference, PageLimit, PoolId, Sub, SubPrefix,
    Username,
};
use shared::ports::actions::{ON_EVENT_BUS, ON_HEARTBEAT_PARAMETER, ON_JOB_LOGS, ON_TOPIC, on_table};
use shared::ports::job_files::{JobFiles, JobLog};
use shared::ports::keys::{DecryptingKeys, EncryptingKeys, KeyError};
use shared::ports::pool::{ConfigurablePool, NewUser, Operation, Password, Pool, PoolResult};
use shared::ports::vault::{Fence, Key, Order, Query, Vault};
use shared::ports::{Announcement, Backend, Clock};
use shared_memory::MemoryBackend;

/// Records target and body of each request, and stops the request.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(String, String)>>>);

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    /// Other interceptors have changed the request before.
    fn read_before_attempt(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        self.0.lock().unwrap().push((target, body));
        Err("recorded".into())
    }
}

impl Recorder {
    /// The operations and bodies of the requests since the last call.
    fn take(&self) -> Vec<(String, String)> {
        let requests = std::mem::take(&mut *self.0.lock().unwrap());
        requests
            .into_iter()
            .map(|(target, body)| (target.rsplit('.').next().unwrap().to_owned(), body))
            .collect()
    }
}

fn config() -> SdkConfig {
    SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("eu-west-1")).build()
}

/// The actions and partition keys of a request, as IAM sees them.
fn actions_of((operation, body): &(String, String)) -> Vec<(String, String)> {
    let body: Value = serde_json::from_str(body).unwrap();
    let pk = |item: &Value| item["pk"]["S"].as_str().unwrap().to_owned();
    let parts = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let keys = match operation.as_str() {
        "GetItem" => vec![pk(&body["Key"])],
        "PutItem" => vec![pk(&body["Item"])],
        "UpdateItem" => vec![pk(&body["Key"])],
        "Query" => vec![body["ExpressionAttributeValues"][":pk"]["S"].as_str().unwrap().to_owned()],
        "BatchGetItem" => parts(&body["RequestItems"]["backups"]["Keys"]).iter().map(pk).collect(),
        "BatchWriteItem" => {
            let deleted = |write: &Value| pk(&write["DeleteRequest"]["Key"]);
            parts(&body["RequestItems"]["backups"]).iter().map(deleted).collect()
        }
        "BatchExecuteStatement" => {
            let insert = |statement: &Value| {
                let text = statement["Statement"].as_str().unwrap();
                assert_eq!(text, r#"INSERT INTO "backups" VALUE {'pk': ?, 'sk': ?}"#);
                ("PartiQLInsert".to_owned(), statement["Parameters"][0]["S"].as_str().unwrap().to_owned())
            };
            return parts(&body["Statements"]).iter().map(insert).collect();
        }
        "TransactWriteItems" => {
            let action = |part: &Value| match &part["ConditionCheck"] {
                Value::Null => ("DeleteItem".to_owned(), pk(&part["Delete"]["Key"])),
                check => ("ConditionCheckItem".to_owned(), pk(&check["Key"])),
            };
            return parts(&body["TransactItems"]).iter().map(action).collect();
        }
        other => panic!("{other} is no operation of a vault"),
    };
    keys.into_iter().map(|key| (operation.clone(), key)).collect()
}

async fn call<V: Vault>(vault: &V, method: &str) {
    let (key, other) = (Key::new("POOL#a", "1"), Key::new("SNAP#b", "2"));
    let keys = vec![key.clone(), other.clone()];
    match method {
        "get" => drop(vault.get(&key).await),
        "put_new" => drop(vault.put_new(&key, Item::default()).await),
        "replace" => drop(vault.replace(&key, Item::default(), 1).await),
        "insert_all" => drop(vault.insert_all(vec![(other, Item::default())]).await),
        "put_all" => drop(vault.put_all(vec![(other, Item::default())]).await),
        "get_all" => drop(vault.get_all(keys).await),
        "existing" => drop(vault.existing(keys).await),
        "set_expiry" => drop(vault.set_expiry(vec![key], None).await),
        "delete_all" => drop(vault.delete_all(keys).await),
        "delete_while" => {
            drop(vault.delete_while(&Fence { key, holder: "run".to_owned() }, vec![other]).await)
        }
        "query" => {
            let query =
                Query { pk: key.pk, prefix: "1".to_owned(), after: None, order: Order::Ascending, limit: 1 };
            drop(vault.query(&query).await);
        }
        other => panic!("{other} is no method of a vault"),
    }
}

#[tokio::test]
async fn each_vault_call_sends_the_dynamodb_actions_in_the_list() {
    let methods = [
        "get",
        "put_new",
        "replace",
        "insert_all",
        "put_all",
        "get_all",
        "existing",
        "set_expiry",
        "delete_all",
        "delete_while",
        "query",
    ];
    let recorder = Recorder::default();
    let client = aws_sdk_dynamodb::config::Builder::from(&config()).interceptor(recorder.clone()).build();
    let vault = DynamoVault::new(aws_sdk_dynamodb::Client::from_conf(client), "backups".to_owned());
    let memory = MemoryBackend::new(Clock::system());
    for method in methods {
        call(&vault, method).await;
        let requests = recorder.take();
        let sent: BTreeSet<_> = requests.iter().flat_map(actions_of).collect();
        let sent: BTreeSet<_> =
            sent.into_iter().map(|(action, pk)| (action, pk.split('#').next().unwrap().to_owned())).collect();

        let invocation = memory.invocation();
        call(&invocation.vault(), method).await;
        let calls = invocation.calls().table;
        let listed: BTreeSet<_> =
            calls.into_iter().map(|(kind, access)| (on_table(access).to_owned(), kind)).collect();
        assert_eq!(listed, sent, "{method}");
        assert!(!sent.is_empty(), "{method}");
    }
}

#[tokio::test]
async fn each_pool_call_sends_the_cognito_action_of_its_operation() {
    let recorder = Recorder::default();
    let client = aws_sdk_cognitoidentityprovider::config::Builder::from(&config())
        .interceptor(recorder.clone())
        .build();
    let client = aws_sdk_cognitoidentityprovider::Client::from_conf(client);
    let pool = CognitoPool::new(client, PoolId::parse("eu-west-1_A").unwrap());
    let (username, group, job) = (Username::new("u"), GroupName::new("g"), JobId::new("import-1"));
    let record = GroupRecord {
        name: group.clone(),
        description: None,
        precedence: None,
        role_arn: None,
        created: None,
        modified: None,
    };
    let identity = Identity { provider_name: "Google".to_owned(), user_id: "1".to_owned() };
    let factors = MfaPreference { enabled: ["SMS_MFA".to_owned()].into(), preferred: None };
    let password = Password::new("Secret-1".to_owned());
    let user = NewUser {
        username: username.clone(),
        attributes: BTreeMap::new(),
        temporary_password: password.clone(),
        invitation: None,
    };
    let attributes = BTreeMap::from([("name".to_owned(), "x".to_owned())]);
    fn made<T>(result: PoolResult<T>) -> &'static str {
        match result {
            Ok(_) => panic!("a call was answered"),
            Err(error) => error.operation.name(),
        }
    }
    let mut seen = HashSet::new();
    let mut check = |name: &'static str| {
        let sent: Vec<_> = recorder.take().into_iter().map(|(operation, _)| operation).collect();
        assert_eq!(sent, [name]);
        seen.insert(name);
    };
    check(made(pool.describe().await));
    check(made(pool.list_users(PageLimit::MAX, None).await));
    check(made(pool.list_users_by_sub(SubPrefix::ALL[0], PageLimit::MAX, None).await));
    check(made(pool.list_users_with_sub(&Sub::new("x"), None).await));
    check(made(pool.list_groups(None).await));
    check(made(pool.list_members(&group, PageLimit::MAX, None).await));
    check(made(pool.list_groups_of_user(&username, None).await));
    check(made(pool.create_user(&user).await));
    check(made(pool.get_user(&username).await));
    check(made(pool.set_password(&username, &password).await));
    check(made(pool.disable_user(&username).await));
    check(made(pool.enable_user(&username).await));
    check(made(pool.update_attributes(&username, &attributes).await));
    check(made(pool.delete_attributes(&username, &["name".to_owned()]).await));
    check(made(pool.link_identity(&username, &identity).await));
    check(made(pool.set_mfa(&username, &factors).await));
    check(made(pool.create_group(&record).await));
    check(made(pool.get_group(&group).await));
    check(made(pool.update_group(&record).await));
    check(made(pool.add_custom_attributes(&BTreeMap::new()).await));
    check(made(pool.list_providers(None).await));
    check(made(pool.add_to_group(&username, &group).await));
    check(made(pool.provisioned_limit(Category::UserList).await));
    check(made(pool.csv_header().await));
    check(made(pool.create_import_job("job", "arn:aws:iam::123456789012:role/logs").await));
    check(made(pool.start_import_job(&job).await));
    check(made(pool.describe_import_job(&job).await));
    let is_read = |operation: &Operation| operation.reads_configuration() || operation.is_of_no_object();
    for operation in Operation::ALL.iter().copied().filter(is_read) {
        let request = json!({"UserPoolId": "eu-west-1_A", "ClientId": operation.name()});
        let error = pool.read_configuration(operation, &request).await.unwrap_err();
        assert_eq!(error.operation, operation);
        let sent = recorder.take();
        assert_eq!(sent, [(operation.name().to_owned(), request.to_string())]);
        seen.insert(operation.name());
    }
    for operation in Operation::ALL.iter().copied().filter(|operation| operation.writes_configuration()) {
        let request = json!({"UserPoolId": "eu-west-1_A", "NewMember": operation.name()});
        let write = ConfigurationWrite::new(operation, request.as_object().unwrap().clone()).unwrap();
        let error = pool.write_configuration(&write).await.unwrap_err();
        assert_eq!(error.operation, operation);
        assert_eq!(recorder.take(), [(operation.name().to_owned(), request.to_string())]);
        seen.insert(operation.name());
    }
    assert_eq!(seen, Operation::ALL.iter().map(|operation| operation.name()).collect());
}

#[tokio::test]
async fn the_topic_the_logs_of_jobs_the_event_bus_and_the_heartbeat_are_called_with_the_actions_in_the_list()
{
    let recorder = Recorder::default();
    let client = aws_sdk_sns::config::Builder::from(&config()).interceptor(recorder.clone()).build();
    let topic =
        Topic::new(aws_sdk_sns::Client::from_conf(client), "arn:aws:sns:eu-west-1:123456789012:t".to_owned());
    let announcement = Announcement { subject: "s".to_owned(), body: "b".to_owned(), is_error: false };
    topic.publish(&announcement).await.unwrap_err();
    let requests = recorder.take();
    assert!(requests.len() == 1 && requests[0].1.starts_with(&format!("Action={ON_TOPIC}&")), "{requests:?}");

    let client =
        aws_sdk_cloudwatchlogs::config::Builder::from(&config()).interceptor(recorder.clone()).build();
    let files = LocalJobFiles::new(aws_sdk_cloudwatchlogs::Client::from_conf(client), None);
    files.log(&JobLog { group: "g".to_owned(), stream: "s".to_owned() }, None).await.unwrap_err();
    let sent: Vec<_> = recorder.take().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(sent, [ON_JOB_LOGS]);

    let client = aws_sdk_eventbridge::config::Builder::from(&config()).interceptor(recorder.clone()).build();
    EventBus::new(aws_sdk_eventbridge::Client::from_conf(client)).put(&[]).await.unwrap_err();
    let client = aws_sdk_ssm::config::Builder::from(&config()).interceptor(recorder.clone()).build();
    let heartbeat = Heartbeat::new(aws_sdk_ssm::Client::from_conf(client), "/heartbeat".to_owned());
    heartbeat.send().await.unwrap_err();
    let sent: Vec<_> = recorder.take().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(sent, [ON_EVENT_BUS, ON_HEARTBEAT_PARAMETER]);
}

#[tokio::test]
async fn each_call_of_kms_sends_the_action_of_its_operation_with_key_and_context() {
    let recorder = Recorder::default();
    let client = aws_sdk_kms::config::Builder::from(&config()).interceptor(recorder.clone()).build();
    let keys = AwsKeys::new(aws_sdk_kms::Client::from_conf(client));
    let key = KeyArn::parse("arn:aws:kms:eu-west-1:123456789012:key/mrk-1a").unwrap();
    let pool = PoolId::parse("eu-west-1_A").unwrap();
    let context = SecretContext::new(&pool, "clients/1", "ClientSecret");
    let sent_by = |error: KeyError| {
        let [(operation, body)] = recorder.take().try_into().unwrap();
        assert_eq!(operation, error.operation.name());
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["KeyId"], key.as_str(), "{operation}");
        body
    };
    let body = sent_by(keys.mac(&key, b"message").await.unwrap_err());
    assert_eq!((&body["MacAlgorithm"], &body["Message"]), (&json!("HMAC_SHA_256"), &json!("bWVzc2FnZQ==")));
    let bodies = [
        sent_by(keys.encrypt(&key, &context, b"secret").await.unwrap_err()),
        sent_by(keys.data_key(&key, &context).await.unwrap_err()),
        sent_by(keys.decrypt(&key, &context, b"sealed").await.unwrap_err()),
    ];
    let expected = json!({"pool": "eu-west-1_A", "object": "clients/1", "member": "ClientSecret"});
    assert!(bodies.iter().all(|body| body["EncryptionContext"] == expected), "{bodies:?}");
    assert_eq!(bodies[1]["KeySpec"], "AES_256");
}
