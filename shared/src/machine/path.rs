//! Reference paths and the templates made of them.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::broken;
use crate::Result;

/// A reference path: `$`, `$.more`, `$$.Execution.Id`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Path {
    /// Whether it leads into the context object, not into the state's input.
    in_context: bool,
    members: Vec<String>,
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let parsed = Self::parse(&text);
        parsed.ok_or_else(|| format!("{text:?} is no reference path of the kind $.a.b or $$.A.B"))
    }
}

impl Path {
    /// The path to the whole input.
    pub fn whole() -> Self {
        Self { in_context: false, members: Vec::new() }
    }

    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('$')?;
        let (in_context, rest) = rest.strip_prefix('$').map_or((false, rest), |rest| (true, rest));
        if rest.is_empty() {
            return Some(Self { in_context, members: Vec::new() });
        }
        let members: Vec<_> = rest.strip_prefix('.')?.split('.').map(str::to_owned).collect();
        let is_name =
            |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        members.iter().all(is_name).then_some(Self { in_context, members })
    }

    /// The value at the path, if there is one.
    pub fn find<'a>(&self, input: &'a Value, context: &'a Value) -> Option<&'a Value> {
        let root = if self.in_context { context } else { input };
        self.members.iter().try_fold(root, |value, member| value.get(member))
    }

    /// The value at the path.
    ///
    /// # Errors
    /// If the path leads nowhere. Step Functions fails such an execution with `States.Runtime`.
    pub fn select<'a>(&self, input: &'a Value, context: &'a Value) -> Result<&'a Value> {
        self.find(input, context).ok_or_else(|| broken(format_args!("nothing is at {self}")))
    }

    /// `input` with `value` at the path.
    ///
    /// # Errors
    /// If the path leads through something that is no object, or into the context.
    pub fn insert(&self, mut input: Value, value: Value) -> Result<Value> {
        if self.in_context {
            return Err(broken(format_args!("a result cannot go to {self}")));
        }
        let mut place = &mut input;
        for member in &self.members {
            let Value::Object(members) = place else {
                return Err(broken(format_args!(
                    "a result cannot go to {self}, because its parent is no object"
                )));
            };
            place = members.entry(member.as_str()).or_insert_with(|| Value::Object(Map::new()));
        }
        *place = value;
        Ok(input)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.in_context { "$$" } else { "$" })?;
        self.members.iter().try_for_each(|member| write!(f, ".{member}"))
    }
}

/// A payload template: members whose names end in `.$` hold paths.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Template {
    Literal(Value),
    Selected(Path),
    Object(Vec<(String, Template)>),
}

impl TryFrom<Value> for Template {
    type Error = String;

    fn try_from(value: Value) -> std::result::Result<Self, String> {
        let members = match value {
            Value::Object(members) => members,
            Value::Array(_) => return Err("a template holds an array".to_owned()),
            literal => return Ok(Self::Literal(literal)),
        };
        let template = |(name, value): (String, Value)| match (name.strip_suffix(".$"), value) {
            (Some(name), Value::String(path)) => Ok((name.to_owned(), Self::Selected(Path::try_from(path)?))),
            (Some(_), _) => Err(format!("the member {name:?} of a template is no path")),
            (None, value) => Ok((name, Self::try_from(value)?)),
        };
        members.into_iter().map(template).collect::<std::result::Result<_, _>>().map(Self::Object)
    }
}

impl Template {
    /// The template with the values at its paths.
    ///
    /// # Errors
    /// If a path leads nowhere.
    pub fn fill(&self, input: &Value, context: &Value) -> Result<Value> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Selected(path) => path.select(input, context).cloned(),
            Self::Object(members) => {
                let filled =
                    members.iter().map(|(name, value)| Ok((name.clone(), value.fill(input, context)?)));
                filled.collect::<Result<_>>().map(Value::Object)
            }
        }
    }
}
