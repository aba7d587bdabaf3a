//! The rows of one kind of objects as a tree, along which an object is read.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::SecretPlaceholder;
use super::normal::{bytes, normal};
use crate::model::configuration::{
    Comparison, Field, Nature, ObjectKind, ProviderType, RESERVED_TAG_PREFIX, fields_of,
};
use crate::model::is_own_tag;

/// A position in an object.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The row of the position, or of the list whose element it is.
    pub row: Option<&'static Field>,
    members: BTreeMap<&'static str, Node>,
    /// The position of every key of a map.
    any: Option<Box<Node>>,
    /// The position of every element of a list.
    pub element: Option<Box<Node>>,
}

impl Node {
    /// The tree for an object of this kind. For an identity provider, it depends on its
    /// type.
    pub fn of(kind: ObjectKind, object: &Value) -> Self {
        let provider = object["ProviderType"].as_str().and_then(ProviderType::parse);
        let mut root = Self::default();
        for row in fields_of(kind).iter().filter(|row| row.is_valid_for(provider)) {
            let mut node = &mut root;
            for segment in row.path.split('.') {
                let name = segment.strip_suffix("[]").unwrap_or(segment);
                node = if name == "*" {
                    node.any.get_or_insert_default()
                } else {
                    node.members.entry(name).or_default()
                };
                if name.len() < segment.len() {
                    node = node.element.get_or_insert_default();
                }
            }
            node.row = Some(row);
        }
        root
    }

    /// Whether the table has rows for members of the object here.
    pub fn has_members(&self) -> bool {
        !self.members.is_empty() || self.any.is_some()
    }

    /// Whether the value here is one value, with a row.
    pub fn is_leaf(&self) -> bool {
        self.row.is_some() && !self.has_members() && self.element.is_none()
    }

    /// The position of a member. None if the table does not know it.
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.members.get(name).or(self.any.as_deref())
    }

    /// Whether a diff passes over the member, because the owner of the pool does not choose it: the tags of AWS and those
    /// of this program.
    pub fn is_passed_over(&self, name: &str) -> bool {
        let any = self.any.as_ref().and_then(|any| any.row);
        any.is_some_and(|row| row.path == "UserPoolTags.*")
            && (name.starts_with(RESERVED_TAG_PREFIX) || is_own_tag(name))
    }

    /// The comparison of the row.
    pub fn comparison(&self) -> Option<Comparison> {
        self.row.map(|row| row.comparison)
    }

    /// The nature of the row.
    pub fn nature(&self) -> Option<Nature> {
        self.row.map(|row| row.nature)
    }

    /// Whether the elements of the list here are [issued](Comparison::Issued).
    fn has_issued_elements(&self) -> bool {
        let element = self.element.as_ref().and_then(|element| element.comparison());
        matches!(element, Some(Comparison::Issued(_)))
    }

    /// What Cognito says of an element that it issued: the id and the time.
    fn issued(&self, element: &Value) -> Option<Value> {
        let is_shown = |name: &str, member: &Value| {
            let node = self.member(name).filter(|node| node.is_leaf());
            let is_value = !member.is_null() && !member.is_object() && !member.is_array();
            is_value && node.is_some_and(|node| node.nature() == Some(Nature::Derived))
        };
        let shown = element.as_object()?.iter().filter(|(name, member)| is_shown(name, member));
        let shown: Map<_, _> = shown.map(|(name, member)| (name.clone(), member.clone())).collect();
        (!shown.is_empty()).then_some(Value::Object(shown))
    }

    /// What may be shown of an element of the list here.
    pub fn shown_element(&self, element: &Value) -> Option<Value> {
        let node = self.element.as_ref()?;
        if self.has_issued_elements() { node.issued(element) } else { node.shown(element) }
    }

    /// The names and settings of a value, without secrets, unknown members, and what Cognito computes. Lists
    /// are sorted. None if nothing remains.
    pub fn shown(&self, value: &Value) -> Option<Value> {
        if value.is_null() || SecretPlaceholder::read(value).is_some() {
            return None;
        }
        let is_shown = matches!(self.nature(), Some(Nature::Setting | Nature::Name));
        match value {
            _ if self.comparison() == Some(Comparison::FreeJson) => is_shown.then(|| value.clone()),
            Value::Object(members) if self.has_members() => {
                let shown: Map<_, _> = members
                    .iter()
                    .filter(|(name, _)| !self.is_passed_over(name))
                    .filter_map(|(name, member)| Some((name.clone(), self.member(name)?.shown(member)?)))
                    .collect();
                (!shown.is_empty()).then_some(Value::Object(shown))
            }
            Value::Array(elements) => {
                let shown: Vec<_> = elements.iter().filter_map(|value| self.shown_element(value)).collect();
                (!shown.is_empty()).then(|| sorted(shown))
            }
            Value::Object(_) => None,
            _ if !is_shown || !self.is_leaf() => None,
            _ if self.comparison() == Some(Comparison::Bytes) => Some(bytes(value).0),
            _ => Some(value.clone()),
        }
    }
}

/// A list without an order.
pub(super) fn sorted(mut elements: Vec<Value>) -> Value {
    elements.sort_by_cached_key(|element| normal(element).to_string());
    elements.dedup_by_key(|element| normal(element));
    Value::Array(elements)
}
