//! `--group-roles`: a word, or a YAML file that maps roles.

use std::path::Path;

use serde_json::{Value, json};

use crate::problem::{Problem, Result};

/// The value of `groupRoles` for the option. A file holds what the input holds: `map:` and role ARNs, or only
/// the role ARNs.
///
/// # Errors
/// `InvalidInput` if the file cannot be read or is no YAML.
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
    Ok(if value.get("map").is_some_and(Value::is_object) { value } else { json!({ "map": value }) })
}

/// Where a file cannot be read. The text of the error may quote the file.
fn place(error: &serde_saphyr::Error) -> String {
    error.location().map(|at| format!(", see line {}", at.line())).unwrap_or_default()
}
