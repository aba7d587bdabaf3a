//! The secrets that a request takes.

use serde_json::Value;

use super::super::members::rows_of;
use super::super::path::{at, put};
use super::super::{Nature, ObjectKind};
use super::Purpose;

/// The secrets that a request for this purpose takes, by path.
pub fn secrets_of(kind: ObjectKind, object: &Value, purpose: Purpose) -> Vec<&'static str> {
    let rows = rows_of(kind, object).into_iter();
    rows.filter(|row| row.nature == Nature::Secret && purpose.takes(row)).map(|row| row.path).collect()
}

/// Those of [these secrets](secrets_of) that a document lacks.
pub fn missing_secrets(kind: ObjectKind, object: &Value, purpose: Purpose) -> Vec<&'static str> {
    let mut missing = secrets_of(kind, object, purpose);
    missing.retain(|path| !at(object, path).is_some_and(Value::is_string));
    missing
}

/// Puts a secret into the document of an object, at a path of the table of fields without lists.
pub fn put_secret(object: &mut Value, path: &str, secret: &str) {
    put(object, path, secret.into());
}
