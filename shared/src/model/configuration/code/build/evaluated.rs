//! Texts and keys of the pool that CloudFormation would evaluate. They cannot be escaped, so the code lacks them.
//!
//! Sources: "Get values stored in other services using dynamic references" and "Intrinsic function reference", AWS
//! CloudFormation user guide.

use serde_json::Value;

use super::super::{Code, Members};

/// Whether CloudFormation would replace the text, or a part of it, by a value from another service.
pub(super) fn is_evaluated(text: &str) -> bool {
    let begins = |rest: &str| {
        let word = rest.trim_start_matches(['{', ' ']).get(.."resolve:".len());
        word.is_some_and(|word| word.eq_ignore_ascii_case("resolve:"))
    };
    text.match_indices("{{").any(|(at, _)| begins(&text[at..]))
}

/// Whether CloudFormation takes an object with such a key for a function.
fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}

/// Removes what CloudFormation would evaluate. The answer has the paths. The program itself puts no function into the
/// members before.
pub(super) fn remove(members: &mut Members) -> Vec<String> {
    let mut removed = Vec::new();
    visit(members, "", &mut removed);
    removed
}

fn visit(members: &mut Members, within: &str, removed: &mut Vec<String>) {
    members.retain(|name, code| {
        let path = if within.is_empty() { name.clone() } else { format!("{within}.{name}") };
        let is_kept = match code {
            Code::Value(value) | Code::Json(value) => !has_evaluated(value),
            Code::Object(members) => {
                visit(members, &path, removed);
                true
            }
            // An element without one of its members would be another one.
            Code::Objects(elements) => !elements.iter_mut().any(|element| {
                let mut found = Vec::new();
                visit(element, &path, &mut found);
                !found.is_empty()
            }),
            Code::Map(map) => {
                visit(map, &path, removed);
                map.retain(|key, _| {
                    let is_kept = !is_function(key) && !is_evaluated(key);
                    if !is_kept {
                        removed.push(format!("{path}.{key}"));
                    }
                    is_kept
                });
                !map.is_empty()
            }
            Code::Reference(_) => true,
        };
        // The path of each entry of a map is there already.
        if !is_kept && !matches!(code, Code::Map(_)) {
            removed.push(path);
        }
        is_kept
    });
}

fn has_evaluated(value: &Value) -> bool {
    match value {
        Value::String(text) => is_evaluated(text),
        Value::Array(elements) => elements.iter().any(has_evaluated),
        Value::Object(members) => {
            members.iter().any(|(key, value)| is_function(key) || is_evaluated(key) || has_evaluated(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
