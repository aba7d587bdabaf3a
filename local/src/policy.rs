//! The IAM policies of a role or a person, and whether they allow the calls of a function or a command.
//!
//! The emulator allows all calls. Without this module, a role that lacks a permission would fail only in a
//! real account. The module knows the part of the policy language that the deployment's policies use. It
//! returns an error for every other element and never guesses.
//!
//! Source: "Policy evaluation logic" and "IAM JSON policy elements: Condition operators", IAM user guide.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::recorder::Call;
use crate::{form, partiql};

/// The condition key for the partition keys in a DynamoDB call.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
/// The beginning of the condition keys for the tags of the resource.
const RESOURCE_TAG: &str = "aws:ResourceTag/";
/// The condition key for the service through which a key is used.
pub const VIA_SERVICE: &str = "kms:ViaService";
/// The condition key for the service that gets a role.
const PASSED_TO_SERVICE: &str = "iam:PassedToService";
/// The condition key for the source of an event.
const EVENT_SOURCE: &str = "events:source";
/// The beginning of the condition keys for the encryption context of a KMS call.
pub const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:";

/// Operations of Cognito on the account. They have no resource.
const ON_ACCOUNT: [&str; 4] =
    ["CreateUserPool", "DescribeUserPoolDomain", "GetProvisionedLimit", "ListUserPools"];

/// A call, as IAM evaluates it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// Service and action, such as `dynamodb:GetItem`. Most actions have the name of the operation.
    pub action: String,
    /// The ARN of the resource.
    pub resource: String,
    /// The partition keys of the items. Empty if the resource is not a table.
    pub leading_keys: Vec<String>,
    /// The tags that the resource had when the call left. The call does not hold them.
    pub resource_tags: BTreeMap<String, String>,
    /// The other condition keys of the call that have one value.
    pub context: BTreeMap<String, String>,
}

impl Access {
    /// An access without partition keys, tags and other condition keys.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), ..Self::default() }
    }

    /// Reads a recorded call. A transaction has one access for each of its parts, and a few calls need a second
    /// permission. `region` and `account` are those of the caller.
    ///
    /// # Errors
    /// If the call goes to a service that this function does not know, or names no resource.
    pub fn of_call(call: &Call, region: &str, account: &str) -> Result<Vec<Self>> {
        let body = call.json();
        let operation = call.operation.as_str();
        let text = |name: &str| body[name].as_str().with_context(|| format!("{operation} without {name}"));
        let form = || form_member(&call.body);
        let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
        Ok(match call.service.as_str() {
            "AWSCognitoIdentityProviderService" => of_cognito(operation, &body, account)?,
            // IAM asks for the permission of both services.
            "AWSWAF_20190729" => ["wafv2", "cognito-idp"]
                .into_iter()
                .map(|service| Ok(Self::new(format!("{service}:{operation}"), text("ResourceArn")?)))
                .collect::<Result<_>>()?,
            "DynamoDB_20120810" => {
                let on_table = |part: TablePart| Self {
                    leading_keys: part.keys,
                    ..Self::new(
                        format!("dynamodb:{}", part.action),
                        arn("dynamodb", &format!("table/{}", part.table)),
                    )
                };
                table_parts(operation, &body)?.into_iter().map(on_table).collect()
            }
            "AWSStepFunctions" => {
                let resource = text("stateMachineArn").or_else(|_| text("executionArn"))?;
                vec![Self::new(format!("states:{operation}"), resource)]
            }
            "TrentService" => {
                let named = body["EncryptionContext"].as_object().into_iter().flatten();
                let pairs = named.filter_map(|(name, value)| {
                    Some((format!("{ENCRYPTION_CONTEXT}{name}"), value.as_str()?.to_owned()))
                });
                let context = pairs.collect();
                vec![Self { context, ..Self::new(format!("kms:{operation}"), text("KeyId")?) }]
            }
            "AWSEvents" => {
                let bus = arn("events", "event-bus/default");
                let access = |entry: &Value| {
                    let source = entry["Source"].as_str().context("an event without a source")?;
                    Ok(Self::new(format!("events:{operation}"), &bus).with_context(EVENT_SOURCE, source))
                };
                let entries = body["Entries"].as_array().context("PutEvents without events")?;
                entries.iter().map(access).collect::<Result<_>>()?
            }
            "Logs_20140328" => {
                let stream =
                    format!("log-group:{}:log-stream:{}", text("logGroupName")?, text("logStreamName")?);
                vec![Self::new(format!("logs:{operation}"), arn("logs", &stream))]
            }
            "" if operation == "Publish" => {
                vec![Self::new("sns:Publish", form()("TopicArn").context("Publish without a topic")?)]
            }
            "" if operation == "GetCallerIdentity" => vec![Self::new("sts:GetCallerIdentity", "*")],
            "" if operation == "AssumeRole" => {
                vec![Self::new("sts:AssumeRole", form()("RoleArn").context("AssumeRole without a role")?)]
            }
            service => bail!("a call of an unexpected service: {service} {operation}"),
        })
    }

    /// The same call on a resource with these tags.
    pub fn with_tags(self, resource_tags: BTreeMap<String, String>) -> Self {
        Self { resource_tags, ..self }
    }

    /// The same call with another condition key.
    #[must_use]
    pub fn with_context(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.insert(key.into(), value.into());
        self
    }
}

/// Reads the members of a form.
fn form_member(body: &[u8]) -> impl Fn(&str) -> Option<String> {
    let text = String::from_utf8_lossy(body).into_owned();
    move |name| {
        let value = text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(form::decoded(value.as_bytes()))
    }
}

/// The accesses of a call to Cognito. A pool has an ARN in its own Region.
fn of_cognito(operation: &str, body: &Value, account: &str) -> Result<Vec<Access>> {
    let action = format!("cognito-idp:{operation}");
    if ON_ACCOUNT.contains(&operation) {
        let has_tags = body["UserPoolTags"].as_object().is_some_and(|tags| !tags.is_empty());
        let tag = has_tags.then(|| Access::new("cognito-idp:TagResource", "*"));
        return Ok([Access::new(action, "*")].into_iter().chain(tag).collect());
    }
    let pool = body["UserPoolId"].as_str().with_context(|| format!("{operation} without UserPoolId"))?;
    let region = pool.split('_').next().unwrap_or_default();
    let access = Access::new(action, format!("arn:aws:cognito-idp:{region}:{account}:userpool/{pool}"));
    let job_role = body["CloudWatchLogsRoleArn"].as_str();
    let job_role = job_role.map(|role| {
        Access::new("iam:PassRole", role).with_context(PASSED_TO_SERVICE, "cognito-idp.amazonaws.com")
    });
    let is_group = matches!(operation, "CreateGroup" | "UpdateGroup");
    let group_role = body["RoleArn"].as_str().filter(|role| is_group && !role.is_empty());
    let group_role = group_role.map(|role| Access::new("iam:PassRole", role));
    Ok([access].into_iter().chain(job_role).chain(group_role).collect())
}

/// A part of a DynamoDB call that IAM evaluates by itself.
struct TablePart {
    action: String,
    table: String,
    keys: Vec<String>,
}

/// The partition key in a key or an item.
fn partition(key: &Value) -> Option<String> {
    key["pk"]["S"].as_str().map(str::to_owned)
}

/// The parts of a DynamoDB call.
///
/// A transaction has no action of its own: each of its parts has one. Source: "Amazon DynamoDB Transactions: How it
/// works", section IAM, Amazon DynamoDB developer guide.
fn table_parts(operation: &str, body: &Value) -> Result<Vec<TablePart>> {
    if operation != "TransactWriteItems" {
        // A statement has an action of its own. Here each is an insert, or an error.
        let action = if operation == "BatchExecuteStatement" { "PartiQLInsert" } else { operation };
        let (table, keys) = table_and_keys(operation, body)?;
        return Ok(vec![TablePart { action: action.to_owned(), table, keys }]);
    }
    let members = body["TransactItems"].as_array().context("a transaction without parts")?;
    let part = |member: &Value| {
        let (name, request) =
            member.as_object().and_then(|member| member.iter().next()).context("an empty part")?;
        let action = match name.as_str() {
            "Put" => "PutItem",
            "Update" => "UpdateItem",
            "Delete" => "DeleteItem",
            "ConditionCheck" => "ConditionCheckItem",
            _ => bail!("an unexpected part of a transaction: {name}"),
        };
        let table = request["TableName"].as_str().context("a part without a table")?.to_owned();
        let key = partition(&request["Key"]).or_else(|| partition(&request["Item"]));
        Ok(TablePart { action: action.to_owned(), table, keys: vec![key.context("a part without a key")?] })
    };
    members.iter().map(part).collect()
}

/// The table and the partition keys of a DynamoDB call.
fn table_and_keys(operation: &str, body: &Value) -> Result<(String, Vec<String>)> {
    let keys: Option<Vec<String>> = match operation {
        "DescribeTable" => Some(Vec::new()),
        "GetItem" | "UpdateItem" => partition(&body["Key"]).map(|key| vec![key]),
        "PutItem" => partition(&body["Item"]).map(|key| vec![key]),
        "Query" => body["ExpressionAttributeValues"][":pk"]["S"].as_str().map(|key| vec![key.to_owned()]),
        "BatchGetItem" | "BatchWriteItem" => {
            let (table, requests) = body["RequestItems"]
                .as_object()
                .and_then(|tables| tables.iter().next())
                .context("no table")?;
            let read = requests["Keys"].as_array().into_iter().flatten().map(partition);
            let written = requests.as_array().into_iter().flatten().map(|request| {
                partition(&request["PutRequest"]["Item"])
                    .or_else(|| partition(&request["DeleteRequest"]["Key"]))
            });
            let keys: Option<Vec<String>> = read.chain(written).collect();
            return Ok((
                table.clone(),
                keys.with_context(|| format!("{operation} with an item without a key"))?,
            ));
        }
        "BatchExecuteStatement" => {
            let inserts = partiql::inserts(body)?;
            let table = inserts.first().context("no statements")?.table.clone();
            if inserts.iter().any(|insert| insert.table != table) {
                bail!("{operation} with several tables");
            }
            let keys: Option<_> = inserts.into_iter().map(|insert| partition(&insert.item.into())).collect();
            return Ok((table, keys.with_context(|| format!("{operation} with an item without a key"))?));
        }
        _ => None,
    };
    let table = body["TableName"].as_str().with_context(|| format!("{operation} without a table"))?;
    Ok((
        table.to_owned(),
        keys.with_context(|| format!("{operation} without a key, or of an unexpected kind"))?,
    ))
}

/// The policies of one role or person.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    statements: Vec<Value>,
}

impl Policies {
    /// Reads policy documents.
    pub fn new<'a>(documents: impl IntoIterator<Item = &'a Value>) -> Self {
        Self {
            statements: documents
                .into_iter()
                .flat_map(|document| as_list(&document["Statement"]))
                .cloned()
                .collect(),
        }
    }

    /// The actions of a service that at least one statement allows on some resource.
    pub fn allowed_actions(&self, service: &str) -> BTreeSet<String> {
        let allowing = self.statements.iter().filter(|statement| statement["Effect"] == "Allow");
        let actions = allowing.flat_map(|statement| as_list(&statement["Action"])).filter_map(Value::as_str);
        actions.filter(|action| action.split(':').next() == Some(service)).map(str::to_owned).collect()
    }

    /// These policies and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.statements.extend(others.statements);
        self
    }

    /// Whether the policies allow a call: a statement allows it and no statement denies it.
    ///
    /// # Errors
    /// If a statement about the call has an unknown element.
    pub fn allow(&self, access: &Access) -> Result<bool> {
        let mut allowed = false;
        for statement in &self.statements {
            if !applies_to(statement, access)? {
                continue;
            }
            match statement["Effect"].as_str() {
                Some("Allow") => allowed = true,
                Some("Deny") => return Ok(false),
                effect => bail!("unknown effect {effect:?} in a policy statement"),
            }
        }
        Ok(allowed)
    }
}

fn applies_to(statement: &Value, access: &Access) -> Result<bool> {
    for element in ["NotResource", "Principal", "NotPrincipal"] {
        if !statement[element].is_null() {
            bail!("unknown element {element} in a policy statement");
        }
    }
    let matches_any = |patterns: &Value, text: &str| {
        as_list(patterns).iter().filter_map(Value::as_str).any(|pattern| matches_pattern(pattern, text))
    };
    let is_about_action = match &statement["NotAction"] {
        Value::Null => matches_any(&statement["Action"], &access.action),
        others => !matches_any(others, &access.action),
    };
    if !is_about_action || !matches_any(&statement["Resource"], &access.resource) {
        return Ok(false);
    }
    let Some(conditions) = statement["Condition"].as_object() else { return Ok(true) };
    for (operator, keys) in conditions {
        for (key, values) in keys.as_object().context("a condition without keys in a policy statement")? {
            if let Some(tag) = key.strip_prefix(RESOURCE_TAG) {
                if !equals(operator, values, access.resource_tags.get(tag))? {
                    return Ok(false);
                }
                continue;
            }
            if [EVENT_SOURCE, PASSED_TO_SERVICE, VIA_SERVICE].contains(&key.as_str())
                || key.starts_with(ENCRYPTION_CONTEXT)
            {
                if !equals(operator, values, access.context.get(key))? {
                    return Ok(false);
                }
                continue;
            }
            if key != LEADING_KEYS {
                bail!("unknown condition key {key} in a policy statement");
            }
            let mut leading_keys = access.leading_keys.iter();
            let holds = match operator.as_str() {
                "ForAllValues:StringLike" => leading_keys.all(|key| matches_any(values, key)),
                "ForAnyValue:StringLike" => leading_keys.any(|key| matches_any(values, key)),
                "Null" => {
                    let demands_keys = as_list(values).iter().any(|null| null.as_str() == Some("false"));
                    demands_keys != access.leading_keys.is_empty()
                }
                _ => bail!("unknown condition operator {operator} in a policy statement"),
            };
            if !holds {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether the condition on a key with one value holds. A call without the key equals no value.
fn equals(operator: &str, values: &Value, actual: Option<&String>) -> Result<bool> {
    let is_equal = actual.is_some_and(|actual| as_list(values).iter().any(|value| value == actual));
    match operator {
        "StringEquals" => Ok(is_equal),
        "StringNotEquals" => Ok(!is_equal),
        _ => bail!("unknown condition operator {operator} in a policy statement"),
    }
}

/// Reads an element of a policy that can be a list or a single value.
fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

/// Whether `text` matches `pattern`. In the pattern, `*` stands for any text and `?` for one character.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((wanted, rest)) = split_first(pattern) else { return text.is_empty() };
    match (wanted, split_first(text)) {
        ('*', None) => matches_pattern(rest, text),
        ('*', Some((_, shorter))) => matches_pattern(rest, text) || matches_pattern(pattern, shorter),
        ('?', Some((_, shorter))) => matches_pattern(rest, shorter),
        (wanted, Some((actual, shorter))) => wanted == actual && matches_pattern(rest, shorter),
        (_, None) => false,
    }
}

fn split_first(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    characters.next().map(|first| (first, characters.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(keys: &[&str]) -> Access {
        let leading_keys = keys.iter().map(|&key| key.to_owned()).collect();
        Access { leading_keys, ..Access::new("dynamodb:PutItem", "arn:aws:dynamodb:r:1:table/t") }
    }

    #[test]
    fn a_policy_statement_allows_only_its_actions_resources_and_partitions() -> Result<()> {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:Query"],
                "Resource": "arn:aws:dynamodb:r:1:table/t",
                "Condition": {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["POOL#a", "USER#a#*"]},
                    "Null": {"dynamodb:LeadingKeys": "false"}}},
            {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {
                "ForAnyValue:StringLike": {"dynamodb:LeadingKeys": "USER#a#?x"}}},
        ]});
        let policies = Policies::new([&document]);
        for (keys, allowed) in [
            (&["POOL#a"][..], true),
            (&["POOL#a", "USER#a#1"], true),
            (&["POOL#a", "POOL#b"], false),
            (&["USER#a#1x"], false),
            (&[], false),
        ] {
            assert_eq!(policies.allow(&put(keys))?, allowed, "{keys:?}");
        }
        assert_eq!(
            Vec::from_iter(policies.allowed_actions("dynamodb")),
            ["dynamodb:PutItem", "dynamodb:Query"]
        );
        assert!(policies.allowed_actions("sns").is_empty());
        assert!(!policies.allow(&Access { action: "dynamodb:GetItem".into(), ..put(&["POOL#a"]) })?);
        assert!(
            !policies
                .allow(&Access { resource: "arn:aws:dynamodb:r:1:table/other".into(), ..put(&["POOL#a"]) })?
        );
        Ok(())
    }

    fn of_statements(statements: &[(&str, &[&str])]) -> Result<Access> {
        let statements = statements.iter().map(|(statement, values)| {
            let values: Vec<_> = values.iter().map(|value| json!({"S": value})).collect();
            json!({"Statement": statement, "Parameters": values})
        });
        let body = json!({"Statements": statements.collect::<Vec<_>>()}).to_string();
        let accesses = of("DynamoDB_20120810", "BatchExecuteStatement", body)?;
        accesses.into_iter().next().context("no access")
    }

    /// The accesses of a call in the Region `r` and the account 1.
    fn of(service: &str, operation: &str, body: impl Into<hyper::body::Bytes>) -> Result<Vec<Access>> {
        let call = Call {
            at: std::time::Instant::now(),
            service: service.into(),
            operation: operation.into(),
            sequence: 1,
            access_key_id: String::new(),
            region: String::new(),
            body: body.into(),
        };
        Access::of_call(&call, "r", "1")
    }

    #[test]
    fn a_transaction_needs_the_permission_of_each_of_its_parts() -> Result<()> {
        let key = |pk: &str| json!({"pk": {"S": pk}, "sk": {"S": "1"}});
        let body = json!({"TransactItems": [
            {"ConditionCheck": {"TableName": "t", "Key": key("POOL#a")}},
            {"Delete": {"TableName": "t", "Key": key("USER#a#1")}},
            {"Put": {"TableName": "t", "Item": key("CONF#a")}},
            {"Update": {"TableName": "t", "Key": key("SNAP#a")}},
        ]});
        let found = of("DynamoDB_20120810", "TransactWriteItems", body.to_string())?;
        let expected = [
            ("ConditionCheckItem", "POOL#a"),
            ("DeleteItem", "USER#a#1"),
            ("PutItem", "CONF#a"),
            ("UpdateItem", "SNAP#a"),
        ];
        let expected =
            expected.map(|(action, key)| Access { action: format!("dynamodb:{action}"), ..put(&[key]) });
        assert_eq!(found, expected);
        let other = json!({"TransactItems": [{"Get": {"TableName": "t", "Key": key("POOL#a")}}]});
        assert!(of("DynamoDB_20120810", "TransactWriteItems", other.to_string()).is_err());
        Ok(())
    }

    #[test]
    fn some_calls_need_a_second_permission() -> Result<()> {
        let (cognito, pool) = ("AWSCognitoIdentityProviderService", "arn:aws:cognito-idp:r:1:userpool/r_a");
        let actions = |service: &str, operation: &str, body: Value| -> Result<Vec<(String, String)>> {
            let found = of(service, operation, body.to_string())?;
            Ok(found.into_iter().map(|access| (access.action, access.resource)).collect())
        };
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(
            actions(cognito, "CreateUserPool", json!({"PoolName": "a", "UserPoolTags": {"a": "b"}}))?,
            pairs(&[("cognito-idp:CreateUserPool", "*"), ("cognito-idp:TagResource", "*")])
        );
        assert_eq!(
            actions(
                cognito,
                "CreateUserImportJob",
                json!({"UserPoolId": "r_a", "CloudWatchLogsRoleArn": "role"})
            )?,
            pairs(&[("cognito-idp:CreateUserImportJob", pool), ("iam:PassRole", "role")])
        );
        assert_eq!(
            actions("AWSWAF_20190729", "GetWebACLForResource", json!({"ResourceArn": pool}))?,
            pairs(&[("wafv2:GetWebACLForResource", pool), ("cognito-idp:GetWebACLForResource", pool)])
        );
        Ok(())
    }

    #[test]
    fn a_condition_on_the_use_of_a_key_compares_the_service_and_the_encryption_context() -> Result<()> {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "table", "Condition": {
                "StringEquals": {"kms:ViaService": ["dynamodb.r.amazonaws.com", "dynamodb.r.amazonaws.com.cn"]}}},
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "runs", "Condition": {
                "StringEquals": {"kms:EncryptionContext:machine": "a"}}},
        ]});
        let policies = Policies::new([&document]);
        let body = |context: Value| json!({"KeyId": "runs", "EncryptionContext": context}).to_string();
        for (context, allowed) in
            [(json!({"machine": "a"}), true), (json!({"machine": "b"}), false), (json!({}), false)]
        {
            let [access] = &of("TrentService", "Decrypt", body(context))?[..] else { bail!("one access") };
            assert_eq!(policies.allow(access)?, allowed, "{access:?}");
        }
        let direct = Access::new("kms:Decrypt", "table");
        assert!(!policies.allow(&direct)?);
        assert!(policies.allow(&direct.with_context(VIA_SERVICE, "dynamodb.r.amazonaws.com"))?);
        Ok(())
    }

    #[test]
    fn an_insert_needs_the_permission_for_inserts_on_its_partition() -> Result<()> {
        let insert = r#"INSERT INTO "t" VALUE {'a': ?, 'pk': ?, 'sk': ?}"#;
        let access = of_statements(&[(insert, &["x", "USER#a#1", "1"]), (insert, &["x", "USER#a#2", "1"])])?;
        let wanted = Access { action: "dynamodb:PartiQLInsert".into(), ..put(&["USER#a#1", "USER#a#2"]) };
        assert_eq!(access, wanted);
        let other = r#"INSERT INTO "u" VALUE {'pk': ?}"#;
        assert!(of_statements(&[(insert, &["x", "USER#a#1", "1"]), (other, &["USER#a#2"])]).is_err());
        let deletion = r#"DELETE FROM "t" WHERE pk = ? AND sk = ?"#;
        assert!(of_statements(&[(deletion, &["USER#a#1", "1"])]).is_err());
        Ok(())
    }

    #[test]
    fn a_condition_on_a_tag_compares_the_tag_of_the_resource() -> Result<()> {
        let pool = "arn:aws:cognito-idp:r:1:userpool/r_a";
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": "cognito-idp:DescribeUserPool", "Resource": pool},
            {"Effect": "Allow", "Action": "cognito-idp:ListUsers", "Resource": pool,
                "Condition": {"StringEquals": {"aws:ResourceTag/open": ["yes", "wide"]}}},
            {"Effect": "Deny", "NotAction": "cognito-idp:DescribeUserPool", "Resource": pool,
                "Condition": {"StringNotEquals": {"aws:ResourceTag/open": "wide"}}},
        ]});
        let policies = Policies::new([&document]);
        let without_deny =
            Policies::new([&json!({"Statement": document["Statement"].as_array().map(|all| &all[..2])})]);
        for (value, allowed) in [
            (None, [false, false]),
            (Some("no"), [false, false]),
            (Some("yes"), [true, false]),
            (Some("wide"), [true, true]),
        ] {
            let tags: BTreeMap<_, _> =
                value.map(|value| ("open".to_owned(), value.to_owned())).into_iter().collect();
            let access =
                |action: &str| Access::new(format!("cognito-idp:{action}"), pool).with_tags(tags.clone());
            let found = [without_deny.allow(&access("ListUsers"))?, policies.allow(&access("ListUsers"))?];
            assert_eq!(found, allowed, "{value:?}");
            assert!(policies.allow(&access("DescribeUserPool"))?, "{value:?}");
            let tagged = access("ListUsers").with_tags([("open".to_owned(), "wide".to_owned())].into());
            assert!(policies.allow(&tagged)?);
        }
        Ok(())
    }

    #[test]
    fn an_unknown_element_of_a_policy_statement_is_an_error() {
        for statement in [
            json!({"Effect": "Allow", "Action": "*", "NotResource": "s3:*"}),
            json!({
                "Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {"StringLike": {"aws:ResourceTag/team": "*"}},
            }),
            json!({
                "Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            }),
        ] {
            let policies = Policies::new([&json!({"Statement": statement})]);
            assert!(policies.allow(&put(&["POOL#a"])).is_err(), "{statement}");
        }
    }
}
