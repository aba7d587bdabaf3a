//! The model of an AWS API, as botocore ships it: operations, and the shapes of their requests and answers.

use serde_json::Value;

/// Prints the model of a service, from a folder of models. The members of a shape become a list of pairs,
/// which keeps their order.
pub const SCRIPT: &str = r#"
import gzip, json, pathlib, sys
folder = max(path for path in (pathlib.Path(sys.argv[1]) / sys.argv[2]).iterdir() if path.is_dir())
model = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
for shape in model["shapes"].values():
    if "members" in shape:
        shape["members"] = [[name, reference] for name, reference in shape["members"].items()]
print(json.dumps(model))
"#;

pub struct Model(pub Value);

/// A member of a shape, or an element of a list or a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// As in the table of fields: `LogConfigurations[].LogLevel`, `UserPoolTags.*`.
    pub path: String,
    /// Whether nothing is below it. Free JSON is a leaf.
    pub is_leaf: bool,
}

impl Model {
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.0["operations"].as_object().into_iter().flatten().map(|(name, _)| name.as_str())
    }

    fn operation(&self, name: &str) -> Option<&Value> {
        self.0["operations"].get(name)
    }

    pub fn has(&self, operation: &str) -> bool {
        self.operation(operation).is_some()
    }

    pub fn errors(&self, operation: &str) -> Vec<&str> {
        let errors = self.operation(operation).and_then(|operation| operation["errors"].as_array());
        errors.into_iter().flatten().filter_map(|error| error["shape"].as_str()).collect()
    }

    /// The shape of a request (`input`) or an answer (`output`).
    pub fn shape_of(&self, operation: &str, side: &str) -> Option<&str> {
        self.operation(operation)?[side]["shape"].as_str()
    }

    fn shape(&self, name: &str) -> &Value {
        &self.0["shapes"][name]
    }

    pub fn members(&self, shape: &str) -> Vec<(&str, &str)> {
        let members = self.shape(shape)["members"].as_array().into_iter().flatten();
        members.filter_map(|member| Some((member[0].as_str()?, member[1]["shape"].as_str()?))).collect()
    }

    pub fn required(&self, shape: &str) -> Vec<&str> {
        self.shape(shape)["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The values of a text with fixed values.
    pub fn values(&self, shape: &str) -> Vec<&str> {
        self.shape(shape)["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The greatest value of a number.
    pub fn max(&self, shape: &str) -> Option<u64> {
        self.shape(shape)["max"].as_u64()
    }

    /// The shape of a member, or of its elements if it is a list. The shape itself if `member` is empty.
    pub fn object<'a>(&'a self, shape: &'a str, member: &str) -> Option<&'a str> {
        if member.is_empty() {
            return Some(shape);
        }
        let (_, found) = self.members(shape).into_iter().find(|(name, _)| *name == member)?;
        if self.shape(found)["type"] == "list" {
            return self.shape(found)["member"]["shape"].as_str();
        }
        Some(found)
    }

    /// All nodes below a shape, in the order of the API.
    pub fn nodes(&self, shape: &str) -> Vec<Node> {
        let mut nodes = vec![];
        self.collect(shape, "", &mut vec![], &mut nodes);
        nodes
    }

    fn collect<'a>(&'a self, name: &'a str, path: &str, above: &mut Vec<&'a str>, nodes: &mut Vec<Node>) {
        let shape = self.shape(name);
        let below: Vec<(String, &str)> = match shape["type"].as_str() {
            Some("structure") if shape["document"] != true => {
                let join = |member: &str| {
                    if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") }
                };
                self.members(name).into_iter().map(|(member, shape)| (join(member), shape)).collect()
            }
            Some("list") => shape["member"]["shape"]
                .as_str()
                .map(|shape| (format!("{path}[]"), shape))
                .into_iter()
                .collect(),
            Some("map") => shape["value"]["shape"]
                .as_str()
                .map(|shape| (format!("{path}.*"), shape))
                .into_iter()
                .collect(),
            _ => vec![],
        };
        if !path.is_empty() {
            nodes.push(Node { path: path.to_owned(), is_leaf: below.is_empty() });
        }
        if above.contains(&name) {
            return;
        }
        above.push(name);
        for (path, shape) in below {
            self.collect(shape, &path, above, nodes);
        }
        above.pop();
    }
}
