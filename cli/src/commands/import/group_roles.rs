//! `--group-roles`: a word, or a YAML file that maps roles.

use std::path::Path;

use serde_json::{Value, json};
use shared::model::is_role;

use crate::problem::{Problem, Result};

/// The value of `groupRoles` for the option. A file holds what the input holds: `map:` and role ARNs, or only
/// the role ARNs.
///
/// # Errors
/// `InvalidInput` if the file cannot be read, is no YAML, or maps no roles. The error repeats what the file of the
/// operator holds: only the terminal of the operator shows it.
pub fn value(option: &str) -> Result<Value> {
    if ["keep", "skip"].contains(&option) {
        return Ok(option.into());
    }
    let refuse = |message: String| {
        let guidance = "Give --group-roles keep, skip, or a YAML file with lines such as \
                        `arn:aws:iam::111122223333:role/old: arn:aws:iam::444455556666:role/new`.";
        Problem::refused("InvalidInput", message, guidance.to_owned())
    };
    let text = std::fs::read_to_string(Path::new(option))
        .map_err(|error| refuse(format!("The file {option:?} of --group-roles cannot be read: {error}.")))?;
    let value: Value = serde_saphyr::from_str(&text).map_err(|error| {
        refuse(format!("The file {option:?} of --group-roles is no YAML{}.", place(&error)))
    })?;
    let is_input = value.get("map").is_some_and(Value::is_object);
    let map = if is_input { &value["map"] } else { &value };
    if let Some(what) = wrong(map) {
        return Err(refuse(format!("The file {option:?} of --group-roles {what}.")));
    }
    Ok(if is_input { value } else { json!({ "map": value }) })
}

/// What is wrong with a map of roles. None if each entry maps a role to a role.
fn wrong(map: &Value) -> Option<String> {
    let entries = match map {
        Value::Null => return Some("is empty".to_owned()),
        Value::Object(entries) if entries.is_empty() => return Some("is empty".to_owned()),
        Value::Object(entries) => entries,
        Value::Array(_) => return Some("holds a list, not lines that map one role to another".to_owned()),
        _ => return Some("holds no lines that map one role to another".to_owned()),
    };
    entries.iter().find_map(|(from, to)| match to.as_str() {
        _ if !is_role(from) => Some(format!("names {from:?}, which is no ARN of an IAM role")),
        Some(to) if is_role(to) => None,
        Some(to) => Some(format!("maps {from} to {to:?}, which is no ARN of an IAM role")),
        None => Some(format!("maps {from} to no text")),
    })
}

/// Where a file cannot be read. The text of the error may quote the file.
fn place(error: &serde_saphyr::Error) -> String {
    error.location().map(|at| format!(", see line {}", at.line())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_with_the_file() {
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let good = json!({role("old"): role("new")});
        assert_eq!(wrong(&good), None);
        for (map, says) in [
            (Value::Null, "is empty"),
            (json!({}), "is empty"),
            (json!([role("old")]), "holds a list"),
            (json!("text"), "holds no lines"),
            (json!({"admins": role("new")}), "names \"admins\", which is no ARN of an IAM role"),
            (json!({role("old"): "new"}), "to \"new\", which is no ARN of an IAM role"),
            (json!({role("old"): 7}), "to no text"),
        ] {
            let what = wrong(&map).unwrap();
            assert!(what.contains(says), "{what}");
        }
    }
}
