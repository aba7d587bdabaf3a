//! Short ways to read JSON.

use serde_json::{Map, Value};

pub(crate) type Object = Map<String, Value>;

/// The texts of a list. Anything else has none.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a list contains a text.
pub(crate) fn has(list: &Value, text: &str) -> bool {
    texts(list).contains(&text)
}

/// The list in alphabetical order, without repetitions.
pub(crate) fn sorted(list: &Value) -> Value {
    let mut texts = texts(list);
    texts.sort_unstable();
    texts.dedup();
    texts.into()
}

pub(crate) fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// The members of an object. Anything else has none.
pub(crate) fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

/// A member of an object. It is null if the object lacks it.
pub(crate) fn get<'a>(object: &'a Object, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}
