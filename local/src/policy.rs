//! Evaluates calls of a function against the policies of its role, as IAM does.
//!
//! The emulator allows every call. Without this check, a role that forbids a call of its function would fail in a real
//! account only. This module knows the part of the policy language that the roles of the deployment use. Anything else
//! in a policy is an error.
//!
//! Source: "Policy evaluation logic" and "IAM JSON policy elements: Condition operators", IAM user guide.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::form;
use crate::recorder::Call;

/// The condition key that holds the partition keys of the items in a call.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// One call as IAM evaluates it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// Service and operation, such as `dynamodb:GetItem`.
    pub action: String,
    /// The ARN of the resource.
    pub resource: String,
    /// The partition keys of the items. Empty for a resource that is not a table.
    pub leading_keys: Vec<String>,
}

impl Access {
    /// The access that a recorded call needs.
    ///
    /// # Errors
    /// If the call names no resource, or its service is not Cognito user pools, DynamoDB or SNS.
    pub fn of(call: &Call, region: &str, account: &str) -> Result<Self> {
        let body = call.json();
        let text = |name: &str| body[name].as_str().with_context(|| format!("{} without {name}", call.operation));
        let (service, resource, leading_keys) = match call.service.as_str() {
            // A quota belongs to the account and has no ARN.
            "AWSCognitoIdentityProviderService" if call.operation == "GetProvisionedLimit" => {
                ("cognito-idp", "*".to_owned(), Vec::new())
            }
            "AWSCognitoIdentityProviderService" => {
                ("cognito-idp", format!("arn:aws:cognito-idp:{region}:{account}:userpool/{}", text("UserPoolId")?), Vec::new())
            }
            "DynamoDB_20120810" => {
                let (table, keys) = items_of(&call.operation, &body)?;
                ("dynamodb", format!("arn:aws:dynamodb:{region}:{account}:table/{table}"), keys)
            }
            "" if call.operation == "Publish" => {
                let form = form::decoded(&call.body);
                let topic = form.split('&').find_map(|pair| pair.strip_prefix("TopicArn=")).context("Publish without a topic")?;
                ("sns", topic.to_owned(), Vec::new())
            }
            service => bail!("a call of an unexpected service: {service} {}", call.operation),
        };
        Ok(Self { action: format!("{service}:{}", call.operation), resource, leading_keys })
    }
}

/// The table and the partition keys of a DynamoDB call.
fn items_of(operation: &str, body: &Value) -> Result<(String, Vec<String>)> {
    let partition = |key: &Value| key["pk"]["S"].as_str().map(str::to_owned);
    let keys: Option<Vec<String>> = match operation {
        "GetItem" => partition(&body["Key"]).map(|key| vec![key]),
        "PutItem" => partition(&body["Item"]).map(|key| vec![key]),
        "Query" => body["ExpressionAttributeValues"][":pk"]["S"].as_str().map(|key| vec![key.to_owned()]),
        "BatchGetItem" | "BatchWriteItem" => {
            let (table, requests) =
                body["RequestItems"].as_object().and_then(|tables| tables.iter().next()).context("no table")?;
            let read = requests["Keys"].as_array().into_iter().flatten().map(partition);
            let written =
                requests.as_array().into_iter().flatten().map(|request| {
                    partition(&request["PutRequest"]["Item"]).or_else(|| partition(&request["DeleteRequest"]["Key"]))
                });
            let keys: Option<Vec<String>> = read.chain(written).collect();
            return Ok((table.clone(), keys.with_context(|| format!("{operation} with an item without a key"))?));
        }
        _ => None,
    };
    let table = body["TableName"].as_str().with_context(|| format!("{operation} without a table"))?;
    Ok((table.to_owned(), keys.with_context(|| format!("{operation} without a key, or an unexpected operation"))?))
}

/// The policies of one role.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    statements: Vec<Value>,
}

impl Policies {
    /// The statements of these policy documents.
    pub fn new<'a>(documents: impl IntoIterator<Item = &'a Value>) -> Self {
        Self { statements: documents.into_iter().flat_map(|document| list(&document["Statement"])).cloned().collect() }
    }

    /// The actions of a service that at least one statement allows, on any resource.
    pub fn actions_on(&self, service: &str) -> BTreeSet<String> {
        let allowing = self.statements.iter().filter(|statement| statement["Effect"] == "Allow");
        let actions = allowing.flat_map(|statement| list(&statement["Action"])).filter_map(Value::as_str);
        actions.filter(|action| action.split(':').next() == Some(service)).map(str::to_owned).collect()
    }

    /// Whether at least one statement allows a call and no statement denies it.
    ///
    /// # Errors
    /// If a statement about the call has an element that this module does not know.
    pub fn allow(&self, access: &Access) -> Result<bool> {
        let mut allowed = false;
        for statement in &self.statements {
            if !concerns(statement, access)? {
                continue;
            }
            match statement["Effect"].as_str() {
                Some("Allow") => allowed = true,
                Some("Deny") => return Ok(false),
                effect => bail!("a statement with the effect {effect:?}"),
            }
        }
        Ok(allowed)
    }
}

fn concerns(statement: &Value, access: &Access) -> Result<bool> {
    for element in ["NotAction", "NotResource", "Principal", "NotPrincipal"] {
        if !statement[element].is_null() {
            bail!("a statement with {element}");
        }
    }
    let matches_any = |patterns: &Value, text: &str| list(patterns).iter().filter_map(Value::as_str).any(|one| like(one, text));
    if !matches_any(&statement["Action"], &access.action) || !matches_any(&statement["Resource"], &access.resource) {
        return Ok(false);
    }
    let Some(conditions) = statement["Condition"].as_object() else { return Ok(true) };
    for (operator, keys) in conditions {
        for (key, values) in keys.as_object().context("a condition without keys")? {
            if key != LEADING_KEYS {
                bail!("a condition on {key}");
            }
            let mut known = access.leading_keys.iter();
            let holds = match operator.as_str() {
                "ForAllValues:StringLike" => known.all(|key| matches_any(values, key)),
                "ForAnyValue:StringLike" => known.any(|key| matches_any(values, key)),
                "Null" => list(values).iter().any(|null| null.as_str() == Some("false")) != access.leading_keys.is_empty(),
                _ => bail!("a condition with {operator}"),
            };
            if !holds {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// An element of a policy, which is a list or a single value.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text and `?` for one character.
fn like(pattern: &str, text: &str) -> bool {
    let Some((wanted, rest)) = first(pattern) else { return text.is_empty() };
    match (wanted, first(text)) {
        ('*', None) => like(rest, text),
        ('*', Some((_, shorter))) => like(rest, text) || like(pattern, shorter),
        ('?', Some((_, shorter))) => like(rest, shorter),
        (wanted, Some((found, shorter))) => wanted == found && like(rest, shorter),
        (_, None) => false,
    }
}

fn first(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    characters.next().map(|first| (first, characters.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(keys: &[&str]) -> Access {
        let leading_keys = keys.iter().map(|&key| key.to_owned()).collect();
        Access { action: "dynamodb:PutItem".into(), resource: "arn:aws:dynamodb:r:1:table/t".into(), leading_keys }
    }

    #[test]
    fn a_statement_allows_its_partitions_and_no_others() -> Result<()> {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:Query"], "Resource": "arn:aws:dynamodb:r:1:table/t", "Condition": {
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
        assert_eq!(Vec::from_iter(policies.actions_on("dynamodb")), ["dynamodb:PutItem", "dynamodb:Query"]);
        assert!(policies.actions_on("sns").is_empty());
        assert!(!policies.allow(&Access { action: "dynamodb:GetItem".into(), ..put(&["POOL#a"]) })?);
        assert!(!policies.allow(&Access { resource: "arn:aws:dynamodb:r:1:table/other".into(), ..put(&["POOL#a"]) })?);
        Ok(())
    }

    #[test]
    fn an_unknown_element_of_a_policy_is_an_error() {
        for statement in [
            json!({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
        ] {
            assert!(Policies::new([&json!({"Statement": statement})]).allow(&put(&["POOL#a"])).is_err(), "{statement}");
        }
    }
}
