//! The IAM policies of a role, and whether they allow a function's calls.
//!
//! The emulator allows all calls. Without this module, a role that lacks a permission would fail only in a
//! real account. The module knows the part of the policy language that the deployment's roles use. It
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

/// A call, as IAM evaluates it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// Service and action, such as `dynamodb:GetItem`. Most actions have the name of the operation.
    pub action: String,
    /// The ARN of the resource.
    pub resource: String,
    /// The partition keys of the items. Empty if the resource is not a table.
    pub leading_keys: Vec<String>,
    /// The tags that the resource had when the call left. The call does not hold them.
    pub resource_tags: BTreeMap<String, String>,
}

impl Access {
    /// Reads a call that the recorder of a function recorded. `region` and `account` are those of the
    /// function.
    ///
    /// # Errors
    /// If the call goes to a service other than Cognito user pools, DynamoDB and SNS, or names no resource.
    pub fn from_call(call: &Call, region: &str, account: &str) -> Result<Self> {
        let body = call.json();
        let text =
            |name: &str| body[name].as_str().with_context(|| format!("{} without {name}", call.operation));
        let mut action = call.operation.as_str();
        let (service, resource, leading_keys) = match call.service.as_str() {
            // A quota belongs to the account, not to a resource.
            "AWSCognitoIdentityProviderService" if call.operation == "GetProvisionedLimit" => {
                ("cognito-idp", "*".to_owned(), Vec::new())
            }
            "AWSCognitoIdentityProviderService" => {
                let pool = text("UserPoolId")?;
                ("cognito-idp", format!("arn:aws:cognito-idp:{region}:{account}:userpool/{pool}"), Vec::new())
            }
            "DynamoDB_20120810" => {
                // A statement has an action of its own. Here each is an insert, or an error.
                if call.operation == "BatchExecuteStatement" {
                    action = "PartiQLInsert";
                }
                let (table, keys) = table_and_keys(&call.operation, &body)?;
                ("dynamodb", format!("arn:aws:dynamodb:{region}:{account}:table/{table}"), keys)
            }
            "" if call.operation == "Publish" => {
                let form = form::decoded(&call.body);
                let topic = form.split('&').find_map(|pair| pair.strip_prefix("TopicArn="));
                let topic = topic.context("Publish without a topic")?;
                ("sns", topic.to_owned(), Vec::new())
            }
            service => bail!("a call of an unexpected service: {service} {}", call.operation),
        };
        let (action, resource_tags) = (format!("{service}:{action}"), BTreeMap::new());
        Ok(Self { action, resource, leading_keys, resource_tags })
    }

    /// The same call on a resource with these tags.
    pub fn with_tags(self, resource_tags: BTreeMap<String, String>) -> Self {
        Self { resource_tags, ..self }
    }
}

/// The table and the partition keys of a DynamoDB call.
fn table_and_keys(operation: &str, body: &Value) -> Result<(String, Vec<String>)> {
    let partition = |key: &Value| key["pk"]["S"].as_str().map(str::to_owned);
    let keys: Option<Vec<String>> = match operation {
        "GetItem" => partition(&body["Key"]).map(|key| vec![key]),
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

/// The policies of one role.
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
                if !tag_holds(operator, values, access.resource_tags.get(tag))? {
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

/// Whether the condition on a tag holds. A resource without the tag equals no value.
fn tag_holds(operator: &str, values: &Value, tag: Option<&String>) -> Result<bool> {
    let is_equal = tag.is_some_and(|tag| as_list(values).iter().any(|value| value == tag));
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
    use crate::paths;

    fn put(keys: &[&str]) -> Access {
        let leading_keys = keys.iter().map(|&key| key.to_owned()).collect();
        Access {
            action: "dynamodb:PutItem".into(),
            resource: "arn:aws:dynamodb:r:1:table/t".into(),
            leading_keys,
            resource_tags: BTreeMap::new(),
        }
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

    /// The names of a selection are all that an operator of imports writes.
    #[test]
    fn the_statement_of_the_guide_lets_an_operator_store_selections_and_nothing_else() -> Result<()> {
        let guide = std::fs::read_to_string(paths::workspace().join("docs/guides/deploy.md"))?;
        let blocks = guide.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        let statement =
            blocks.into_iter().find(|block| block.contains("SELECTION#")).context("no statement")?;
        let statement = statement.replace("ARN_OF_THE_TABLE", "arn:aws:dynamodb:r:1:table/t");
        let statement: Value = serde_json::from_str(&statement)?;
        let policies = Policies::new([&json!({"Statement": [statement]})]);
        assert!(policies.allow(&put(&["SELECTION#0123"]))?);
        for keys in [&["TARGET#a"][..], &["POOL#a"], &["RESTORE#a"], &["SELECTION#0", "RESTORE#a"], &[]] {
            assert!(!policies.allow(&put(keys))?, "{keys:?}");
        }
        assert_eq!(Vec::from_iter(policies.allowed_actions("dynamodb")), ["dynamodb:PutItem"]);
        Ok(())
    }

    fn of_statements(statements: &[(&str, &[&str])]) -> Result<Access> {
        let statements = statements.iter().map(|(statement, values)| {
            let values: Vec<_> = values.iter().map(|value| json!({"S": value})).collect();
            json!({"Statement": statement, "Parameters": values})
        });
        let body = json!({"Statements": statements.collect::<Vec<_>>()}).to_string();
        let call = Call {
            at: std::time::Instant::now(),
            service: "DynamoDB_20120810".into(),
            operation: "BatchExecuteStatement".into(),
            sequence: 1,
            body: body.into(),
        };
        Access::from_call(&call, "r", "1")
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
            let access = |action: &str| Access {
                action: format!("cognito-idp:{action}"),
                resource: pool.to_owned(),
                leading_keys: Vec::new(),
                resource_tags: tags.clone(),
            };
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
