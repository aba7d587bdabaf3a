//! The API model: which members a request has, and of which type. Cognito ignores members that it does not
//! know.

mod patterns;
mod shapes;

use serde_json::{Map, Value};

use crate::blob;
use crate::refusal::ConfigurationRefusal;
use patterns::Pattern;
pub(crate) use shapes::Operation;
use shapes::{Api, Bounds, Member, Shape};

/// An operation of the model.
pub(crate) fn operation(name: &str) -> Option<&'static Operation> {
    Api::get().operations.get(name)
}

/// Checks an input by the model. Returns it without nulls and without the members that the model does not
/// know.
pub(crate) fn checked(operation: &Operation, input: &Value) -> Result<Value, ConfigurationRefusal> {
    let mut violations = Vec::new();
    let checked = structure(&operation.members, input, "", &mut violations)?;
    if violations.is_empty() {
        return Ok(checked);
    }
    let errors = if violations.len() == 1 { "error" } else { "errors" };
    let message = format!("{} validation {errors} detected: {}", violations.len(), violations.join("; "));
    Err(ConfigurationRefusal::invalid(message))
}

type Checked = Result<Value, ConfigurationRefusal>;

fn structure(members: &[Member], value: &Value, path: &str, violations: &mut Vec<String>) -> Checked {
    let Some(fields) = value.as_object() else { return Err(wrong_type(path)) };
    let mut kept = Map::new();
    for member in members {
        let path = child(path, &first_lowercase(member.name));
        match fields.get(member.name).filter(|value| !value.is_null()) {
            Some(value) => {
                kept.insert(member.name.to_owned(), shape(&member.shape, value, &path, violations)?);
            }
            None if member.is_required => {
                violations.push(violation("Value null", &path, "Member must not be null"));
            }
            None => {}
        }
    }
    Ok(Value::Object(kept))
}

fn shape(expected: &Shape, value: &Value, path: &str, violations: &mut Vec<String>) -> Checked {
    let mut check =
        |rule: Option<String>| violations.extend(rule.map(|rule| violation("Value", path, &rule)));
    match expected {
        Shape::Any => {}
        Shape::Flag => {
            value.as_bool().ok_or_else(|| wrong_type(path))?;
        }
        Shape::Integer(bounds) => {
            let number = value.as_i64().ok_or_else(|| wrong_type(path))?;
            check(outside(*bounds, number, "have value"));
        }
        Shape::Text(bounds, pattern) => {
            let text = value.as_str().ok_or_else(|| wrong_type(path))?;
            check(outside(*bounds, text.chars().count(), "have length"));
            let is_match = pattern.is_none_or(|pattern| Pattern::matches(pattern, text));
            check((!is_match).then(|| "Member must satisfy regular expression pattern".to_owned()));
        }
        Shape::Choice(choices) => {
            let text = value.as_str().ok_or_else(|| wrong_type(path))?;
            let rule = || format!("Member must satisfy enum value set: [{}]", choices.join(", "));
            check((!choices.contains(&text)).then(rule));
        }
        Shape::Blob(bounds) => {
            let bytes = value.as_str().and_then(blob::decoded).ok_or_else(|| wrong_type(path))?;
            check(outside(*bounds, bytes.len(), "have length"));
        }
        Shape::List(bounds, of) => {
            let entries = value.as_array().ok_or_else(|| wrong_type(path))?;
            check(outside(*bounds, entries.len(), "have length"));
            // Elements that are null are dropped. Elements count from 1 in error texts.
            // Source: measured with SetLogDeliveryConfiguration, August 2026.
            let entries =
                entries.iter().filter(|entry| !entry.is_null()).enumerate().map(|(index, entry)| {
                    shape(of, entry, &child(path, &format!("{}.member", index + 1)), violations)
                });
            return entries.collect::<Result<_, _>>().map(Value::Array);
        }
        Shape::Map(bounds, key, of) => {
            let entries = value.as_object().ok_or_else(|| wrong_type(path))?;
            check(outside(*bounds, entries.len(), "have length"));
            let mut kept = Map::new();
            for (name, entry) in entries.iter().filter(|(_, entry)| !entry.is_null()) {
                shape(key, &Value::from(name.as_str()), path, violations)?;
                kept.insert(name.clone(), shape(of, entry, &child(path, "member"), violations)?);
            }
            return Ok(Value::Object(kept));
        }
        Shape::Structure(name) => {
            let members = Api::get().structures.get(name).map(Vec::as_slice).unwrap_or_default();
            return structure(members, value, path, violations);
        }
    }
    Ok(value.clone())
}

/// The rule that a size breaks.
fn outside(bounds: Bounds, size: impl TryInto<i64>, measure: &str) -> Option<String> {
    let size = size.try_into().unwrap_or(i64::MAX);
    if bounds.min.is_some_and(|min| size < min) {
        return bounds.min.map(|min| format!("Member must {measure} greater than or equal to {min}"));
    }
    let max = bounds.max.filter(|max| size > *max);
    max.map(|max| format!("Member must {measure} less than or equal to {max}"))
}

fn violation(value: &str, path: &str, rule: &str) -> String {
    format!("{value} at '{path}' failed to satisfy constraint: {rule}")
}

fn wrong_type(path: &str) -> ConfigurationRefusal {
    ConfigurationRefusal::new("SerializationException", format!("The member '{path}' has another type"))
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn first_lowercase(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(name: &str, input: Value) -> Result<Value, ConfigurationRefusal> {
        checked(operation(name).unwrap(), &input)
    }

    fn message(name: &str, input: Value) -> String {
        check(name, input).unwrap_err().message
    }

    #[test]
    fn a_request_loses_nulls_and_members_that_the_model_does_not_know() {
        let input =
            json!({"PoolName": "a", "Color": "red", "LambdaConfig": {"Color": "red", "PreSignUp": null}});
        assert_eq!(check("CreateUserPool", input), Ok(json!({"PoolName": "a", "LambdaConfig": {}})));
    }

    #[test]
    fn a_request_without_a_required_member_is_refused() {
        let message = message("CreateUserPoolClient", json!({"UserPoolId": "r_1"}));
        assert!(message.starts_with("1 validation error detected: Value null at 'clientName'"), "{message}");
    }

    #[test]
    fn sizes_choices_and_patterns_of_members_are_checked() {
        let policy =
            |length: u64| json!({"PoolName": "a", "Policies": {"PasswordPolicy": {"MinimumLength": length}}});
        assert!(check("CreateUserPool", policy(6)).is_ok());
        assert!(message("CreateUserPool", policy(5)).contains("'policies.passwordPolicy.minimumLength'"));
        assert!(message("CreateUserPool", json!({"PoolName": "a/b"})).contains("regular expression"));
        assert!(
            message("CreateUserPool", json!({"PoolName": "a".repeat(129)}))
                .contains("less than or equal to 128")
        );
        assert!(
            message("CreateUserPool", json!({"PoolName": "a", "UserPoolTier": "GOLD"}))
                .contains("LITE, ESSENTIALS")
        );
    }

    #[test]
    fn a_member_of_another_type_cannot_be_read() {
        let refused = check("CreateUserPool", json!({"PoolName": 1})).unwrap_err();
        assert_eq!(refused.code, "SerializationException");
    }

    #[test]
    fn elements_of_lists_count_from_one_and_nulls_are_dropped() {
        let configuration = |level: &str| json!({"LogLevel": level, "EventSource": "userNotification"});
        let input = |levels: [Value; 2]| json!({"UserPoolId": "r_1", "LogConfigurations": levels});
        let message =
            message("SetLogDeliveryConfiguration", input([configuration("INFO"), configuration("LOUD")]));
        assert!(message.contains("'logConfigurations.2.member.logLevel'"), "{message}");
        let kept = check("SetLogDeliveryConfiguration", input([Value::Null, configuration("INFO")])).unwrap();
        assert_eq!(kept["LogConfigurations"], json!([configuration("INFO")]));
    }

    #[test]
    fn a_standard_attribute_name_of_21_characters_is_refused() {
        // The name is one that every pool has: terraform-provider-aws #11393.
        let schema = json!([{"Name": "phone_number_verified", "AttributeDataType": "Boolean"}]);
        assert!(
            message("CreateUserPool", json!({"PoolName": "a", "Schema": schema}))
                .contains("schema.1.member.name")
        );
    }
}
