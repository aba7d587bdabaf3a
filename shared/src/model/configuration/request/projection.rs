//! What of a document a request takes.

use serde_json::{Map, Value};

use super::super::members::{child, has_elements, has_members, row_at, rows_of};
use super::super::{Comparison, Field, ObjectKind, RESERVED_TAG_PREFIX, is_switch};
use super::{Purpose, is_withheld};

/// The members of the object that a request takes, under the names of reads.
pub(super) fn project(kind: ObjectKind, object: &Value, purpose: Purpose) -> Map<String, Value> {
    let rows = rows_of(kind, object).into_iter();
    let rows = rows.filter(|row| purpose.takes(row) && !is_withheld(row, object)).collect();
    match (Projection { kind, rows }).visit("", object) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

struct Projection {
    kind: ObjectKind,
    rows: Vec<&'static Field>,
}

impl Projection {
    fn visit(&self, path: &str, value: &Value) -> Option<Value> {
        let row = row_at(&self.rows, path);
        if row.is_some_and(|row| row.comparison == Comparison::FreeJson) {
            return Some(value.clone());
        }
        match value {
            Value::Object(members) if has_members(&self.rows, path) => {
                let kept: Map<_, _> = members
                    .iter()
                    .filter(|(name, _)| path != "UserPoolTags" || !name.starts_with(RESERVED_TAG_PREFIX))
                    .filter_map(|(name, member)| {
                        let member = self.visit(&child(&self.rows, path, name), member)?;
                        Some((name.clone(), member))
                    })
                    .collect();
                (path.is_empty() || !kept.is_empty() || is_switch(self.kind, path))
                    .then_some(Value::Object(kept))
            }
            Value::Array(elements) if has_elements(&self.rows, path) => {
                let element = format!("{path}[]");
                Some(elements.iter().filter_map(|value| self.visit(&element, value)).collect())
            }
            Value::Object(_) | Value::Array(_) | Value::Null => None,
            single => row.map(|_| single.clone()),
        }
    }
}
