//! Values in code.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

/// The members of a resource, or of an object within it, by name.
pub type Members = BTreeMap<String, Code>;

/// The value of a member.
#[derive(Debug, Clone, PartialEq)]
pub enum Code {
    Value(Value),
    /// JSON that Terraform keeps as text.
    Json(Value),
    Object(Members),
    Objects(Vec<Members>),
    /// The owner chooses the keys.
    Map(Members),
    Reference(Reference),
}

/// What a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// Another resource, by its type and label.
    Resource { kind: &'static str, label: String, attribute: Attribute },
    /// A secret that the operator supplies, by the name of its parameter.
    Secret(String),
}

/// What a resource tells to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    Id,
    Arn,
}

/// Where a value stands in an object: the elements of lists and the keys of maps on the way to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Position {
    pub indexes: Vec<usize>,
    pub keys: Vec<String>,
}

/// Puts a value at a path, which is written as in the table of fields. The position has the elements and keys that the
/// path leaves open. If it lacks the key, `name` is the key.
pub(super) fn put(members: &mut Members, path: &str, position: &Position, name: &str, code: Code) {
    let mut open = Open { indexes: position.indexes.iter().copied().collect(), keys: &position.keys, name };
    open.put(members, path, code);
}

struct Open<'a> {
    indexes: VecDeque<usize>,
    keys: &'a [String],
    name: &'a str,
}

impl Open<'_> {
    fn put(&mut self, members: &mut Members, path: &str, code: Code) {
        let Some((segment, rest)) = path.split_once('.') else {
            members.insert(path.to_owned(), code);
            return;
        };
        if rest == "*" {
            let key = self.keys.first().map_or(self.name, String::as_str).to_owned();
            let entry = members.entry(segment.to_owned()).or_insert_with(|| Code::Map(Members::new()));
            if let Code::Map(map) = entry {
                map.insert(key, code);
            }
        } else if let Some(list) = segment.strip_suffix("[]") {
            let index = self.indexes.pop_front().unwrap_or_default();
            let entry = members.entry(list.to_owned()).or_insert_with(|| Code::Objects(Vec::new()));
            if let Code::Objects(elements) = entry {
                let count = elements.len().max(index + 1);
                elements.resize_with(count, Members::new);
                self.put(&mut elements[index], rest, code);
            }
        } else {
            let entry = members.entry(segment.to_owned()).or_insert_with(|| Code::Object(Members::new()));
            if let Code::Object(object) = entry {
                self.put(object, rest, code);
            }
        }
    }
}
