//! The members of one object, brought to their places.

use serde_json::{Map, Value};

use super::places::{To, place, snake_case};
use super::value::{Code, Members, Position, put};
use super::{GapReason, Tool};
use crate::model::configuration::members::{child, has_elements, has_members, row_at, rows_of};
use crate::model::configuration::{Comparison, Field, Nature, ObjectKind, Omission};

/// What becomes of the members of an object.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub members: Members,
    /// The members without a place, each once, by their paths.
    pub gaps: Vec<(String, GapReason)>,
}

/// Brings the members of an object, under the names of reads, to their places. Empty ones are left out.
pub(super) fn placed(kind: ObjectKind, object: &Map<String, Value>, tool: Tool) -> Placed {
    let rows = rows_of(kind, &Value::Object(object.clone()));
    let mut walk = Walk { kind, tool, rows, placed: Placed::default() };
    for (name, value) in object {
        walk.visit(&child(&walk.rows, "", name), value, &Position::default());
    }
    walk.placed
}

/// The path in the tool, for a member that has one.
pub(super) fn path_in(kind: ObjectKind, path: &str, tool: Tool) -> Option<String> {
    let path_of = |path: &str| match tool {
        Tool::CloudFormation => path.to_owned(),
        Tool::Terraform => path.split('.').map(snake_case).collect::<Vec<_>>().join("."),
    };
    match place(kind, path)?.to(tool) {
        To::Same => Some(path_of(path.strip_suffix("[]").unwrap_or(path))),
        To::At(path) => Some(path.to_owned()),
        To::Within(_) | To::Nowhere => None,
    }
}

struct Walk {
    kind: ObjectKind,
    tool: Tool,
    rows: Vec<&'static Field>,
    placed: Placed,
}

impl Walk {
    fn visit(&mut self, path: &str, value: &Value, position: &Position) {
        let row = row_at(&self.rows, path);
        if row.is_some_and(|row| row.comparison == Comparison::FreeJson) {
            return self.put(path, value, position);
        }
        match value {
            Value::Object(members) if has_members(&self.rows, path) => {
                for (name, member) in members {
                    let child = child(&self.rows, path, name);
                    let mut position = position.clone();
                    if child.ends_with(".*") {
                        position.keys.push(name.clone());
                    }
                    self.visit(&child, member, &position);
                }
            }
            Value::Array(elements) if has_elements(&self.rows, path) => {
                let element = format!("{path}[]");
                if has_members(&self.rows, &element) {
                    for (index, value) in elements.iter().enumerate() {
                        let mut position = position.clone();
                        position.indexes.push(index);
                        self.visit(&element, value, &position);
                    }
                } else if !elements.is_empty() {
                    self.put(&element, value, position);
                }
            }
            Value::Null | Value::Object(_) | Value::Array(_) => {}
            // A tag may be empty.
            Value::String(text) if text.is_empty() && position.keys.is_empty() => {}
            _ => self.put(path, value, position),
        }
    }

    fn put(&mut self, path: &str, value: &Value, position: &Position) {
        let Some(row) = row_at(&self.rows, path) else { return };
        let name = path.rsplit('.').next().unwrap_or(path);
        match path_in(self.kind, path, self.tool) {
            // A value in clear has no place in code: the caller puts the reference.
            Some(_) if row.nature == Nature::Secret => {}
            Some(place) => {
                let is_text = self.tool == Tool::Terraform && row.comparison == Comparison::FreeJson;
                let code = if is_text { Code::Json(value.clone()) } else { Code::Value(value.clone()) };
                put(&mut self.placed.members, &place, position, name, code);
            }
            None if is_within(self.kind, path, self.tool) || is_default(row, value) => {}
            None => {
                let path = path.trim_end_matches(".*").replace("[]", "");
                if !self.placed.gaps.iter().any(|(known, _)| *known == path) {
                    self.placed.gaps.push((path, reason(self.kind, row)));
                }
            }
        }
    }
}

/// Why a member without a place is a gap. The tools send the pool as a whole, without what they do not know.
fn reason(kind: ObjectKind, row: &Field) -> GapReason {
    if kind == ObjectKind::UserPool && row.omission != Omission::Kept {
        GapReason::ResetByUpdate
    } else {
        GapReason::NoMember
    }
}

/// Whether another member of the tool says it.
fn is_within(kind: ObjectKind, path: &str, tool: Tool) -> bool {
    place(kind, path).is_some_and(|place| matches!(place.to(tool), To::Within(_)))
}

/// Whether an absent member means the same.
pub(super) fn is_default(row: &Field, value: &Value) -> bool {
    let default = row.default.and_then(|json| serde_json::from_str::<Value>(json).ok());
    default.is_some_and(|default| default == *value)
}
