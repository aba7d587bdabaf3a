//! How the path of a member is written.

use serde_json::Value;

use super::normal::normal;

/// The key of an element in a path: the values of the members that tell it from the others. None if the
/// element has another form.
pub(super) fn key(members: &[&str], element: &Value) -> Option<String> {
    let members = members.iter().filter_map(|member| match &element[member] {
        Value::Null => None,
        Value::String(text) if is_plain(text, &['[', ']', '"', ',']) => Some(Some(text.clone())),
        Value::String(text) => Some(Some(format!("{text:?}"))),
        number @ Value::Number(_) => Some(Some(normal(number).to_string())),
        _ => Some(None),
    });
    let key: Option<Vec<_>> = members.collect();
    key.filter(|key| element.is_object() && !key.is_empty()).map(|key| key.join(", "))
}

/// The path of a member. A name with a character of the notation, or with a control character, is in quotes.
pub(super) fn join(path: &str, name: &str) -> String {
    let is_plain = is_plain(name, &['.', '[', ']', '*', '"']);
    let name = if is_plain { name.to_owned() } else { format!("{name:?}") };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// Whether a name needs no quotes. Characters of the notation would change the path, and control characters
/// the line.
fn is_plain(name: &str, notation: &[char]) -> bool {
    !name.is_empty() && !name.contains(notation) && !name.contains(char::is_control)
}
