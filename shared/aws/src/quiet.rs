//! Goal: no error and no log line of an adapter repeats anything that a service answers, or that a call sends.
//!
//! Method: a local server gives every call answers with a canary in each place: code, message, body. The calls have
//! the canary in each of their values.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_dynamo::{AttributeValue, Item};
use serde_json::json;

use crate::answers::{Answer, Server};
use crate::cognito::CognitoPool;
use crate::dynamodb::DynamoVault;
use crate::event_bus::EventBus;
use crate::heartbeat::Heartbeat;
use crate::job_files::LocalJobFiles;
use crate::keys::AwsKeys;
use crate::log;
use crate::sns::Topic;
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::configuration::{KeyArn, SecretContext};
use shared::model::{
    Category, GroupName, GroupRecord, Identity, JobId, MfaPreference, PageLimit, PoolId, Sub, SubPrefix,
    Username,
};
use shared::ports::Announcement;
use shared::ports::job_files::{JobFiles, JobLog};
use shared::ports::keys::{DecryptingKeys, EncryptingKeys, KeyError};
use shared::ports::pool::{ConfigurablePool, Medium, NewUser, Operation, Password, Pool, PoolResult};
use shared::ports::vault::{Fence, Key, Order, Query, ReadVault, Vault, WriteOnceVault};

const CANARY: &str = "canary";

/// Answers in the protocol of Cognito, DynamoDB and CloudWatch Logs.
fn answers() -> Vec<Answer> {
    let refused = |status, code: &str| Answer {
        status,
        body: format!(
            r#"{{"__type": "{code}", "message": "User {CANARY} has '{CANARY}' and \"{CANARY}'s {CANARY}"}}"#
        ),
    };
    let codes = [
        "InvalidParameterException",
        "NotAuthorizedException",
        "UserLambdaValidationException",
        "ResourceNotFoundException",
        "UserNotFoundException",
        "UsernameExistsException",
        "AccessDeniedException",
        "TooManyRequestsException",
        "ValidationException",
        "ConditionalCheckFailedException",
        "canary@example.com",
    ];
    let mut all: Vec<_> = codes.map(|code| refused(400, code)).into();
    all.extend(["InternalErrorException", "canary@example.com"].map(|code| refused(500, code)));
    all.extend(
        [
            format!("{CANARY} is no JSON"),
            format!(r#"{{"Users": "{CANARY}", "Item": "{CANARY}""#),
            json!({"Item": {"a": {CANARY: 1}}}).to_string(),
            of_cognito(0).to_string(),
            of_cognito(1).to_string(),
            of_dynamodb().to_string(),
            json!({"events": [{"message": CANARY, "timestamp": 1}], "nextForwardToken": CANARY, "MessageId": CANARY}).to_string(),
        ]
        .map(|body| Answer { status: 200, body }),
    );
    all.push(Answer {
        status: 400,
        body: format!(
            "<ErrorResponse><Error><Code>{CANARY}@x</Code><Message>{CANARY}</Message></Error></ErrorResponse>"
        ),
    });
    all
}

/// Answers of Systems Manager and EventBridge.
fn of_heartbeat_and_bus() -> Vec<Answer> {
    let answer = |body: serde_json::Value| Answer { status: 200, body: body.to_string() };
    // No server listens at the port of the second address.
    let addresses = [format!("http://{CANARY}"), format!("https://127.0.0.1:9/{CANARY}")];
    let mut all: Vec<_> =
        addresses.map(|value| answer(json!({"Parameter": {"Name": CANARY, "Value": value}}))).into();
    let refused = json!({"ErrorCode": format!("{CANARY} @"), "ErrorMessage": CANARY});
    all.push(answer(json!({"FailedEntryCount": 1, "Entries": [refused]})));
    all
}

/// An answer of each operation of Cognito at once, with a canary in every text. A reader takes its own members.
/// `numbers` stands in every number.
fn of_cognito(numbers: u64) -> serde_json::Value {
    let attributes =
        json!([{"Name": "sub", "Value": format!("{CANARY} @")}, {"Name": CANARY, "Value": CANARY}]);
    let user = json!({
        "Username": CANARY, "Attributes": attributes, "UserAttributes": attributes, "UserStatus": CANARY,
        "Enabled": true, "MFAOptions": [{"DeliveryMedium": CANARY, "AttributeName": CANARY}],
        "PreferredMfaSetting": CANARY, "UserMFASettingList": [CANARY],
        "UserCreateDate": numbers, "UserLastModifiedDate": numbers,
    });
    let group = json!({
        "GroupName": CANARY, "UserPoolId": CANARY, "Description": CANARY, "RoleArn": CANARY, "Precedence": numbers,
        "CreationDate": numbers, "LastModifiedDate": numbers,
    });
    let limits = json!({"MinValue": CANARY, "MaxValue": CANARY, "MinLength": CANARY, "MaxLength": CANARY});
    let pool = json!({
        "Id": CANARY, "Name": CANARY, "Arn": CANARY, "Status": CANARY, "MfaConfiguration": CANARY,
        "UsernameAttributes": [CANARY], "AliasAttributes": [CANARY], "AutoVerifiedAttributes": [CANARY],
        "UsernameConfiguration": {"CaseSensitive": false},
        "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": CANARY, "Priority": numbers}]},
        "SchemaAttributes": [{
            "Name": CANARY, "AttributeDataType": CANARY, "Mutable": true, "Required": true,
            "NumberAttributeConstraints": limits, "StringAttributeConstraints": limits,
        }],
        "Policies": {"PasswordPolicy": {"MinimumLength": numbers}},
        "EstimatedNumberOfUsers": numbers,
    });
    let mut all = user.clone();
    let more = json!({
        "User": user, "Users": [user], "Group": group, "Groups": [group], "UserPool": pool,
        "Providers": [{"ProviderName": CANARY, "ProviderType": CANARY}], "CSVHeader": [CANARY, "a\nb"],
        "UserImportJob": {
            "JobId": format!("{CANARY} @"), "JobName": CANARY, "Status": CANARY, "CompletionMessage": CANARY,
            "PreSignedUrl": format!("https://{CANARY}"), "CloudWatchLogsRoleArn": CANARY,
            "StartDate": numbers, "CompletionDate": numbers,
            "ImportedUsers": numbers, "SkippedUsers": numbers, "FailedUsers": numbers,
        },
        "Limit": {"ProvisionedLimitValue": numbers, "Category": CANARY},
        "NextToken": CANARY, "PaginationToken": CANARY,
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

/// An answer of each operation of DynamoDB at once, with a canary in every text.
fn of_dynamodb() -> serde_json::Value {
    let text = json!({"S": CANARY});
    let item = json!({"pk": text, "sk": text, "revision": text, CANARY: text});
    json!({
        "Item": item, "Items": [item], "Attributes": item, "LastEvaluatedKey": item,
        "Responses": {"backup": [item], CANARY: [item]},
        "UnprocessedKeys": {CANARY: {"Keys": [item]}},
        "Table": {
            "TableName": CANARY, "TableArn": CANARY, "TableStatus": CANARY,
            "Replicas": [{"RegionName": CANARY, "ReplicaStatus": CANARY}],
        },
    })
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was said so far: errors and log lines.
#[derive(Clone, Default)]
struct Said {
    errors: Arc<Mutex<Vec<String>>>,
    lines: Lines,
}

impl Said {
    /// Notes the lines of this thread from now on, at every level.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.lines.clone();
        tracing::subscriber::set_default(log::subscriber(Some("trace"), move || lines.clone()))
    }

    fn note<T, E: std::fmt::Display + std::fmt::Debug>(&self, result: Result<T, E>) {
        if let Err(error) = result {
            self.errors.lock().unwrap().push(format!("{error} {error:?}"));
        }
    }

    fn assert_quiet(&self, answer: &Answer) {
        let lines = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
        for text in self.errors.lock().unwrap().iter().chain([&lines]) {
            assert!(!text.contains(CANARY), "{answer:?}: {text}");
        }
    }
}

fn text() -> String {
    CANARY.to_owned()
}

#[tokio::test]
async fn no_error_of_cognito_repeats_an_answer_or_a_value_of_the_call() {
    let server = Server::start(answers().remove(0)).await;
    let client = CognitoPool::client(&server.config());
    let pool = CognitoPool::new(client, PoolId::parse("eu-west-1_A").unwrap());
    let (username, group, job) = (Username::new(CANARY), GroupName::new(CANARY), JobId::new("import-1"));
    let record = GroupRecord {
        name: group.clone(),
        description: Some(text()),
        precedence: None,
        role_arn: Some(text()),
        created: None,
        modified: None,
    };
    let attributes = BTreeMap::from([(text(), text())]);
    let password = Password::new(text());
    let user = NewUser {
        username: username.clone(),
        attributes: attributes.clone(),
        temporary_password: password.clone(),
        invitation: Some(Medium::Email),
    };
    let identity = Identity { provider_name: text(), user_id: text() };
    let factors = MfaPreference { enabled: [text()].into(), preferred: Some(text()) };
    for answer in answers() {
        server.answers(answer.clone());
        let said = Said::default();
        let _guard = said.listen();
        let seen: Mutex<HashSet<Operation>> = Mutex::default();
        fn operation<T>(result: &PoolResult<T>) -> Option<Operation> {
            result.as_ref().err().map(|error| error.operation)
        }
        macro_rules! call {
            ($($call:expr;)+) => {$(
                let result = $call.await;
                seen.lock().unwrap().extend(operation(&result));
                said.note(result);
            )+};
        }
        call! {
            pool.describe();
            pool.list_users(PageLimit::MAX, Some(CANARY));
            pool.list_users_by_sub(SubPrefix::ALL[0], PageLimit::MAX, Some(CANARY));
            pool.list_users_with_sub(&Sub::new(CANARY), None);
            pool.list_groups(Some(CANARY));
            pool.list_members(&group, PageLimit::MAX, Some(CANARY));
            pool.list_groups_of_user(&username, Some(CANARY));
            pool.create_user(&user);
            pool.invite_again(&username, &password, Medium::Sms);
            pool.get_user(&username);
            pool.set_password(&username, &password);
            pool.disable_user(&username);
            pool.enable_user(&username);
            pool.update_attributes(&username, &attributes);
            pool.delete_attributes(&username, &[text()]);
            pool.link_identity(&username, &identity);
            pool.set_mfa(&username, &factors);
            pool.create_group(&record);
            pool.get_group(&group);
            pool.update_group(&record);
            pool.add_custom_attributes(&BTreeMap::new());
            pool.list_providers(Some(CANARY));
            pool.add_to_group(&username, &group);
            pool.provisioned_limit(Category::UserList);
            pool.csv_header();
            pool.create_import_job(CANARY, CANARY);
            pool.start_import_job(&job);
            pool.describe_import_job(&job);
        }
        let is_read = |operation: &Operation| operation.reads_configuration() || operation.is_of_no_object();
        for read in Operation::ALL.iter().copied().filter(is_read) {
            let result = pool.read_configuration(read, &json!({"UserPoolId": CANARY})).await;
            seen.lock().unwrap().extend(operation(&result));
            said.note(result);
        }
        let request = json!({"UserPoolId": CANARY, "PoolName": CANARY, "ClientSecret": CANARY});
        for write in Operation::ALL.iter().copied().filter(|operation| operation.writes_configuration()) {
            let write = ConfigurationWrite::new(write, request.as_object().unwrap().clone()).unwrap();
            let result = pool.write_configuration(&write).await;
            seen.lock().unwrap().extend(operation(&result));
            said.note(result);
        }
        if answer.status >= 400 {
            assert_eq!(seen.into_inner().unwrap(), Operation::ALL.iter().copied().collect(), "{answer:?}");
        }
        said.assert_quiet(&answer);
    }
}

#[tokio::test]
async fn no_error_of_the_table_repeats_an_answer_or_an_item() {
    let server = Server::start(answers().remove(0)).await;
    let client = aws_sdk_dynamodb::Client::new(&server.config());
    let vault = DynamoVault::new(client, "backup".to_owned());
    let key = Key::new("POOL#eu-west-1_A", "LEASE#EXPORT");
    let item = || Item::from(HashMap::from([(text(), AttributeValue::S(text()))]));
    let query = Query { pk: "a".into(), prefix: "b".into(), after: None, order: Order::Ascending, limit: 9 };
    for answer in answers() {
        server.answers(answer.clone());
        let said = Said::default();
        let _guard = said.listen();
        said.note(vault.arn().await);
        said.note(vault.replicas().await);
        said.note(vault.get(&key).await);
        said.note(vault.get_all(vec![key.clone()]).await);
        said.note(vault.existing(vec![key.clone()]).await);
        said.note(vault.query(&query).await);
        said.note(vault.put_new(&key, item()).await);
        said.note(vault.insert_all(vec![(key.clone(), item())]).await);
        said.note(vault.put_all(vec![(key.clone(), item())]).await);
        said.note(vault.replace(&key, item(), 1).await);
        said.note(vault.delete_all(vec![key.clone()]).await);
        let fence = Fence { key: key.clone(), holder: text() };
        said.note(vault.delete_while(&fence, vec![Key::new("a", "b")]).await);
        said.assert_quiet(&answer);
    }
}

#[tokio::test]
async fn no_error_of_the_topic_of_a_log_of_the_event_bus_or_of_the_heartbeat_repeats_an_answer() {
    let server = Server::start(answers().remove(0)).await;
    let topic =
        Topic::new(aws_sdk_sns::Client::new(&server.config()), "arn:aws:sns:eu-west-1:1:t".to_owned());
    let files = LocalJobFiles::new(aws_sdk_cloudwatchlogs::Client::new(&server.config()), None);
    let bus = EventBus::new(aws_sdk_eventbridge::Client::new(&server.config()));
    let heartbeat = Heartbeat::new(aws_sdk_ssm::Client::new(&server.config()), text());
    for answer in answers().into_iter().chain(of_heartbeat_and_bus()) {
        server.answers(answer.clone());
        let said = Said::default();
        let _guard = said.listen();
        let announcement = Announcement { subject: text(), body: text(), is_error: true };
        said.note(topic.publish(&announcement).await);
        said.note(files.log(&JobLog { group: text(), stream: text() }, Some(CANARY)).await);
        said.note(bus.put(&[]).await);
        said.note(heartbeat.send().await);
        said.assert_quiet(&answer);
    }
}

#[tokio::test]
async fn no_error_of_kms_repeats_an_answer_or_a_secret() {
    let server = Server::start(answers().remove(0)).await;
    let keys = AwsKeys::new(aws_sdk_kms::Client::new(&server.config()));
    let key = KeyArn::parse("arn:aws:kms:eu-west-1:123456789012:key/mrk-1a").unwrap();
    let context = SecretContext::new(&PoolId::parse("eu-west-1_A").unwrap(), CANARY, CANARY);
    let shown = |result: Result<String, KeyError>| match result {
        Ok(answer) => answer,
        Err(error) => format!("{error} {error:?}"),
    };
    for answer in answers() {
        server.answers(answer.clone());
        let said = Said::default();
        let _guard = said.listen();
        let mut texts = vec![shown(keys.mac(&key, CANARY.as_bytes()).await.map(|_| String::new()))];
        texts.push(shown(keys.encrypt(&key, &context, CANARY.as_bytes()).await.map(|_| String::new())));
        texts.push(shown(keys.data_key(&key, &context).await.map(|key| format!("{key:?}"))));
        texts.push(shown(keys.decrypt(&key, &context, CANARY.as_bytes()).await.map(|_| String::new())));
        assert!(!texts.join("\n").contains(CANARY), "{texts:?}");
        said.assert_quiet(&answer);
    }
}
