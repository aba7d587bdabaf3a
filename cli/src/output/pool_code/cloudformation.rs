//! A template in YAML, and the list of the resources to import.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use shared::model::configuration::code::{Attribute, Code, Identity, Members, PoolAsCode, Reference};

use super::CodeFile;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    version: &'static str,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    parameters: Ordered<Parameter>,
    resources: Ordered<Resource>,
}

/// A parameter for a secret. CloudFormation does not show its value.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    r#type: &'static str,
    no_echo: bool,
    description: String,
}

/// An import demands `DeletionPolicy`. Nothing that exists is deleted or replaced by a mistake.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: &'static str,
    deletion_policy: &'static str,
    update_replace_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
    properties: Value,
}

/// Members in the order of the list.
struct Ordered<T>(Vec<(String, T)>);

impl<T> Ordered<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A resource to import.
/// Source: `ResourceToImport`, AWS CloudFormation API.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceToImport<'a> {
    resource_type: &'static str,
    logical_resource_id: &'a str,
    resource_identifier: Value,
}

/// The template with this head, and the list for `create-change-set --resources-to-import`.
pub(super) fn files(code: &PoolAsCode, head: &str) -> Result<Vec<CodeFile>, Box<dyn std::error::Error>> {
    let parameters = code.secrets.iter().map(|secret| {
        let parameter = Parameter { r#type: "String", no_echo: true, description: secret.of.clone() };
        (secret.name.clone(), parameter)
    });
    let resources = code.resources.iter().map(|resource| {
        let retained = Resource {
            r#type: resource.kind,
            deletion_policy: "Retain",
            update_replace_policy: "Retain",
            depends_on: resource.after.iter().map(|(_, label)| label.clone()).collect(),
            properties: object(&resource.members),
        };
        (resource.label.clone(), retained)
    });
    let template = Template {
        version: "2010-09-09",
        parameters: Ordered(parameters.collect()),
        resources: Ordered(resources.collect()),
    };
    let imports: Vec<_> = code
        .resources
        .iter()
        .map(|resource| ResourceToImport {
            resource_type: resource.kind,
            logical_resource_id: &resource.label,
            resource_identifier: identifier(&resource.identity),
        })
        .collect();
    let template = serde_saphyr::to_string(&template)?;
    let imports = serde_json::to_string_pretty(&imports)? + "\n";
    Ok(vec![
        CodeFile { name: "template.yaml", content: format!("{head}{template}"), is_data: false },
        CodeFile { name: "resources-to-import.json", content: imports, is_data: true },
    ])
}

/// The largest template, in bytes, and the most resources.
/// Source: "Understand CloudFormation quotas", AWS CloudFormation user guide.
const MAX_BYTES: usize = 1_000_000;
const MAX_RESOURCES: usize = 500;

/// Says if CloudFormation refuses the template because of its size.
pub(super) fn refused(files: &[CodeFile], resources: usize) -> Option<String> {
    let bytes = files.iter().filter(|file| !file.is_data).map(|file| file.content.len()).sum::<usize>();
    if bytes <= MAX_BYTES && resources <= MAX_RESOURCES {
        return None;
    }
    Some(format!(
        "CloudFormation refuses this template: it has {bytes} bytes and {resources} resources, and at most {MAX_BYTES} \
         bytes and {MAX_RESOURCES} resources are allowed. Divide it into several stacks."
    ))
}

fn identifier(identity: &Identity) -> Value {
    match identity {
        Identity::Properties(properties) => properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect::<Map<_, _>>()
            .into(),
        Identity::Text(text) => json!(text),
    }
}

fn object(members: &Members) -> Value {
    members.iter().map(|(name, code)| (name.clone(), value(code))).collect::<Map<_, _>>().into()
}

fn value(code: &Code) -> Value {
    match code {
        Code::Value(value) | Code::Json(value) => value.clone(),
        Code::Object(members) | Code::Map(members) => object(members),
        Code::Objects(elements) => elements.iter().map(object).collect(),
        Code::Reference(Reference::Secret(name)) => json!({ "Ref": name }),
        Code::Reference(Reference::Resource { label, attribute, .. }) => match attribute {
            Attribute::Id => json!({ "Ref": label }),
            Attribute::Arn => json!({"Fn::GetAtt": [label, "Arn"]}),
        },
    }
}
