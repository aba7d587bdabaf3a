//! What an object holds that a diff looks at, by path.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::path::at;
use super::document::{SecretMac, SecretPlaceholder};
use super::layout::{Node, sorted};
use super::normal::{bytes, duration, normal};
use super::paths::{join, key};
use crate::model::configuration::schema::STANDARD_ATTRIBUTE_DEFAULTS;
use crate::model::configuration::{Comparison, Field, Nature, ObjectKind, field, fields_of, is_switch};

/// An object, read along the table of fields.
pub(super) struct Content {
    pub leaves: BTreeMap<String, Leaf>,
    /// Members that are one difference if only one side has them, with what may be shown of them: elements of
    /// lists of objects, objects in free JSON, and switches.
    pub wholes: BTreeMap<String, Value>,
    /// Whether the object has no image. An answer has the address of the image, and not its bytes.
    pub lacks_image: bool,
}

/// A value.
pub(super) enum Leaf {
    Setting(Setting),
    Secret(Secret),
}

/// A value that may be shown.
#[derive(Clone)]
pub(super) struct Setting {
    pub row: &'static Field,
    pub shown: Value,
    /// Two values with equal normal forms mean the same.
    pub normal: Value,
}

/// A value that is never shown.
pub(super) struct Secret {
    /// None if the table does not know the member.
    pub row: Option<&'static Field>,
    pub value: SecretValue,
}

#[derive(PartialEq)]
pub(super) enum SecretValue {
    Clear(Value),
    Mac(SecretMac),
    LeftOut,
}

/// The member of a client that publishes its secret in AWS Secrets Manager.
const PUBLICATION: &str = "PublishSecretsInAWSSecretsManager";

/// Whether AWS Secrets Manager keeps the secret of the client.
pub(super) fn has_published_secret(client: &Value) -> bool {
    !client["ClientSecretArn"].is_null()
}

impl Content {
    /// The content of an object that a side lacks.
    pub fn empty() -> Self {
        Self { leaves: BTreeMap::new(), wholes: BTreeMap::new(), lacks_image: true }
    }

    pub fn of(kind: ObjectKind, object: &Value) -> Self {
        let mut content = Self::empty();
        content.lacks_image = object["ImageUrl"].is_null();
        let with_schema = if kind == ObjectKind::UserPool { with_standard_attributes(object) } else { None };
        let object = with_schema.as_ref().unwrap_or(object);
        Reader { kind, object, content: &mut content }.read(&Node::of(kind, object), "", object);
        if kind == ObjectKind::Client {
            content.add_publication(object);
        }
        content
    }

    /// Adds the flag that publishes the secret of a client. An answer has the address of a published secret,
    /// and not the flag.
    fn add_publication(&mut self, client: &Value) {
        if let Some(row) = field(ObjectKind::Client, PUBLICATION) {
            let is_published = json!(has_published_secret(client));
            let setting = Leaf::Setting(Setting::new(row, &is_published));
            self.leaves.entry(PUBLICATION.to_owned()).or_insert(setting);
        }
    }

    /// Leaves only the number of the elements that Cognito [issued](Comparison::Issued).
    pub fn count_issued(&mut self, kind: ObjectKind) {
        for row in fields_of(kind).iter().filter(|row| matches!(row.comparison, Comparison::Issued(_))) {
            let list = row.path.trim_end_matches("[]");
            let start = format!("{list}[");
            // Elements without an id stay at `[]`, because the table does not know their form.
            let is_element = |path: &str| path != row.path && path.starts_with(&start);
            self.leaves.retain(|path, _| !is_element(path));
            let total = self.wholes.len();
            self.wholes.retain(|path, _| !is_element(path));
            let count = json!(total - self.wholes.len());
            self.leaves.insert(list.to_owned(), Leaf::Setting(Setting::new(row, &count)));
        }
    }
}

impl Leaf {
    /// The row of the member. None if the table does not know it.
    pub fn row(&self) -> Option<&'static Field> {
        match self {
            Self::Setting(setting) => Some(setting.row),
            Self::Secret(secret) => secret.row,
        }
    }

    /// Whether the document has a placeholder for the value.
    pub fn is_placeholder(&self) -> bool {
        matches!(self, Self::Secret(Secret { value: SecretValue::Mac(_) | SecretValue::LeftOut, .. }))
    }
}

impl Setting {
    fn new(row: &'static Field, shown: &Value) -> Self {
        Self { row, shown: shown.clone(), normal: normal(shown) }
    }

    /// The setting that an absent member means. None if absent is a value of its own.
    pub fn default_of(row: &'static Field) -> Option<Self> {
        let value: Value = serde_json::from_str(row.default?).ok()?;
        match row.comparison {
            // Their elements and keys are compared one by one.
            Comparison::Keyed(_) | Comparison::Issued(_) => None,
            _ if row.path.ends_with(".*") => None,
            Comparison::Set => Some(Self::set(row, value.as_array()?.clone())),
            Comparison::Duration { default, .. } => Some(Self::duration(row, &value, default)),
            _ => Some(Self::new(row, &value)),
        }
    }

    fn set(row: &'static Field, elements: Vec<Value>) -> Self {
        Self::new(row, &sorted(elements))
    }

    fn bytes(row: &'static Field, value: &Value) -> Self {
        let (shown, normal) = bytes(value);
        Self { row, shown, normal }
    }

    fn duration(row: &'static Field, time: &Value, unit: &str) -> Self {
        let (shown, normal) = duration(time, unit);
        Self { row, shown, normal }
    }
}

impl SecretValue {
    fn of(value: &Value) -> Self {
        match SecretPlaceholder::read(value) {
            None => Self::Clear(normal(value)),
            Some(SecretPlaceholder { mac: Some(mac) }) => Self::Mac(mac),
            Some(SecretPlaceholder { mac: None }) => Self::LeftOut,
        }
    }

    /// Elements of a list, without their order.
    fn of_elements(elements: Vec<Value>) -> Self {
        let placeholders: Vec<_> = elements.iter().filter_map(SecretPlaceholder::read).collect();
        if placeholders.is_empty() {
            return Self::Clear(normal(&sorted(elements)));
        }
        let is_complete = placeholders.len() == elements.len();
        let macs: Option<Vec<_>> = placeholders.into_iter().map(|placeholder| placeholder.mac).collect();
        let Some(macs) = macs.filter(|_| is_complete) else { return Self::LeftOut };
        let key = macs.first().and_then(|mac| mac.key.clone());
        let key = key.filter(|key| macs.iter().all(|mac| mac.key.as_ref() == Some(key)));
        let mut macs: Vec<_> = macs.into_iter().map(|mac| mac.mac).collect();
        macs.sort_unstable();
        Self::Mac(SecretMac { mac: macs.join(" "), key })
    }
}

struct Reader<'a> {
    kind: ObjectKind,
    object: &'a Value,
    content: &'a mut Content,
}

impl Reader<'_> {
    fn read(&mut self, node: &Node, path: &str, value: &Value) {
        if value.is_null() {
            return;
        }
        let leaf = node.row.filter(|_| node.is_leaf());
        if leaf.is_some_and(|row| matches!(row.nature, Nature::Name | Nature::Derived | Nature::Volatile)) {
            return;
        }
        if SecretPlaceholder::read(value).is_some() {
            return self.secret(leaf, path, value);
        }
        match leaf {
            Some(row) if row.nature == Nature::Secret => return self.secret(leaf, path, value),
            Some(row) if row.comparison == Comparison::FreeJson => return self.free_json(row, path, value),
            _ => {}
        }
        match value {
            Value::Object(members) if node.has_members() => {
                if is_switch(self.kind, path) {
                    let shown = node.shown(value).unwrap_or_else(|| json!({}));
                    self.content.wholes.insert(path.to_owned(), shown);
                }
                self.members(node, path, members);
            }
            Value::Array(elements) => match &node.element {
                Some(element) => self.elements(node, element, path, elements),
                None if elements.is_empty() && node.row.is_some() => {}
                None => self.secret(None, path, value),
            },
            Value::Object(members) if members.is_empty() && node.row.is_some() => {}
            Value::Object(_) => self.secret(None, path, value),
            _ => match node.row {
                Some(row) if node.is_leaf() => self.setting(row, path, value),
                _ => self.secret(None, path, value),
            },
        }
    }

    fn members(&mut self, node: &Node, path: &str, members: &Map<String, Value>) {
        for (name, value) in members.iter().filter(|(name, _)| !node.is_passed_over(name)) {
            let child = join(path, name);
            match node.member(name) {
                Some(node) => self.read(node, &child, value),
                None if value.is_null() => {}
                None => self.secret(None, &child, value),
            }
        }
    }

    fn elements(&mut self, list: &Node, node: &Node, path: &str, elements: &[Value]) {
        let Some(row) = node.row else { return };
        let keys = match row.comparison {
            Comparison::Keyed(members) | Comparison::Issued(members) => Some(members),
            _ => None,
        };
        let key_of = |element: &Value| keys.and_then(|members| key(members, element));
        let is_known = |element: &Value| match keys {
            Some(_) => key_of(element).is_some(),
            None => !element.is_object() && !element.is_array(),
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            elements.iter().filter(|element| !element.is_null()).cloned().partition(is_known);
        if !unknown.is_empty() {
            let value = SecretValue::of_elements(unknown);
            let secret = Leaf::Secret(Secret { row: None, value });
            self.content.leaves.insert(format!("{path}[]"), secret);
        }
        if keys.is_none() {
            if row.nature == Nature::Setting && (!known.is_empty() || elements.is_empty()) {
                let set = Leaf::Setting(Setting::set(row, known));
                self.content.leaves.insert(path.to_owned(), set);
            }
            return;
        }
        let Value::Array(known) = sorted(known) else { return };
        let mut counts = BTreeMap::<String, usize>::new();
        for element in &known {
            let key = key_of(element).unwrap_or_default();
            let count = counts.entry(key.clone()).or_default();
            *count += 1;
            // Cognito has no such list. If it has one, the diff loses no element.
            let key = if *count > 1 { format!("{key}, {count}") } else { key };
            let child = format!("{path}[{key}]");
            if row.nature == Nature::Setting || matches!(row.comparison, Comparison::Issued(_)) {
                let shown = list.shown_element(element).unwrap_or_else(|| json!({}));
                self.content.wholes.insert(child.clone(), shown);
            }
            self.read(node, &child, element);
        }
    }

    fn setting(&mut self, row: &'static Field, path: &str, value: &Value) {
        let setting = match row.comparison {
            Comparison::UnitOf(_) => return,
            Comparison::Duration { unit, default } => match at(self.object, unit) {
                None | Some(Value::Null) => Setting::duration(row, value, default),
                Some(Value::String(unit)) => Setting::duration(row, value, unit),
                // Without its unit, the number says nothing.
                Some(_) => {
                    let secret = Leaf::Secret(Secret { row: Some(row), value: SecretValue::LeftOut });
                    self.content.leaves.insert(path.to_owned(), secret);
                    return;
                }
            },
            Comparison::Bytes => Setting::bytes(row, value),
            _ => Setting::new(row, value),
        };
        self.content.leaves.insert(path.to_owned(), Leaf::Setting(setting));
    }

    fn free_json(&mut self, row: &'static Field, path: &str, value: &Value) {
        if let Value::Object(members) = value {
            self.content.wholes.insert(path.to_owned(), value.clone());
            for (name, member) in members {
                self.free_json(row, &join(path, name), member);
            }
        } else {
            self.content.leaves.insert(path.to_owned(), Leaf::Setting(Setting::new(row, value)));
        }
    }

    fn secret(&mut self, row: Option<&'static Field>, path: &str, value: &Value) {
        let secret = Secret { row, value: SecretValue::of(value) };
        self.content.leaves.insert(path.to_owned(), Leaf::Secret(secret));
    }
}

/// The pool with all standard attributes of today. Older answers lack some of them.
///
/// None if the pool has no list of attributes.
fn with_standard_attributes(pool: &Value) -> Option<Value> {
    let attributes = pool["SchemaAttributes"].as_array()?;
    let is_present = |name: &str| attributes.iter().any(|attribute| attribute["Name"] == name);
    let missing: Vec<_> = STANDARD_ATTRIBUTE_DEFAULTS
        .iter()
        .filter(|attribute| !is_present(attribute.name))
        .map(|attribute| attribute.read_form())
        .collect();
    let mut pool = pool.clone();
    pool["SchemaAttributes"].as_array_mut()?.extend(missing);
    Some(pool)
}
