//! The attributes of a pool. Reads have another form than requests: names with prefixes, and all standard
//! attributes.

use serde_json::{Value, json};

use crate::json::{Object, object, text};
use crate::refusal::ConfigurationRefusal;

/// The most custom attributes of a pool: "Quotas in Amazon Cognito", developer guide.
const MAX_CUSTOM: usize = 50;

/// The standard attributes as reads show them, as of August 2026. AWS changed `birthdate` in July 2024
/// (pulumi-aws #4158).
fn standard() -> Vec<Value> {
    const TEXTS: [&str; 15] = [
        "profile",
        "address",
        "gender",
        "preferred_username",
        "website",
        "picture",
        "phone_number",
        "zoneinfo",
        "locale",
        "email",
        "given_name",
        "family_name",
        "middle_name",
        "name",
        "nickname",
    ];
    let entry = |name: &str, data_type: &str, rest: Value| {
        let mut entry = object(&json!({
            "Name": name, "AttributeDataType": data_type, "DeveloperOnlyAttribute": false, "Mutable": true,
            "Required": false,
        }));
        entry.extend(object(&rest));
        Value::Object(entry)
    };
    let length =
        |min: &str, max: &str| json!({"StringAttributeConstraints": {"MinLength": min, "MaxLength": max}});
    let mut sub = length("1", "2048");
    (sub["Mutable"], sub["Required"]) = (false.into(), true.into());
    let mut all = vec![entry("sub", "String", sub)];
    all.extend(TEXTS.map(|name| entry(name, "String", length("0", "2048"))));
    all.push(entry("birthdate", "String", length("10", "10")));
    all.push(entry("updated_at", "Number", json!({"NumberAttributeConstraints": {"MinValue": "0"}})));
    all.push(entry("email_verified", "Boolean", json!({})));
    all.push(entry("phone_number_verified", "Boolean", json!({})));
    all.push(entry("identities", "String", json!({"StringAttributeConstraints": {}})));
    all
}

/// The schema of a new pool.
pub(super) fn created(sent: &Value, shows_identities: bool) -> Result<Vec<Value>, ConfigurationRefusal> {
    let mut schema = standard();
    schema.retain(|attribute| shows_identities || attribute["Name"] != "identities");
    let mut custom = Vec::new();
    for attribute in sent.as_array().into_iter().flatten() {
        // A standard name means the standard attribute. A name with `custom:` gets the prefix a second time
        // (cfn-guide #932).
        match schema.iter_mut().find(|standard| standard["Name"] == attribute["Name"]) {
            Some(standard) => override_standard(standard, attribute)?,
            None => custom.push(attribute.clone()),
        }
    }
    added(&schema, &custom.into())
}

fn override_standard(standard: &mut Value, sent: &Value) -> Result<(), ConfigurationRefusal> {
    let data_type = &sent["AttributeDataType"];
    if !data_type.is_null() && *data_type != standard["AttributeDataType"] {
        let name = text(sent, "Name");
        let message = format!("The data type of the standard attribute {name} cannot be changed");
        return Err(ConfigurationRefusal::invalid(message));
    }
    let mut changed: Object = object(standard);
    changed.extend(object(sent));
    *standard = Value::Object(changed);
    Ok(())
}

/// The schema with further custom attributes: AddCustomAttributes.
pub(super) fn added(schema: &[Value], sent: &Value) -> Result<Vec<Value>, ConfigurationRefusal> {
    let mut schema = schema.to_vec();
    for attribute in sent.as_array().into_iter().flatten() {
        let attribute = read_form(attribute)?;
        let name = text(&attribute, "Name");
        if has_attribute(&schema, name) {
            let message = format!("{name}: Existing attribute already has name {name}.");
            return Err(ConfigurationRefusal::invalid(message));
        }
        schema.push(attribute);
    }
    let custom = schema.iter().filter(|attribute| is_custom(attribute)).count();
    if custom > MAX_CUSTOM {
        let message = format!("A user pool has at most {MAX_CUSTOM} custom attributes");
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(schema)
}

/// A custom attribute as reads show it.
fn read_form(sent: &Value) -> Result<Value, ConfigurationRefusal> {
    if sent["Required"] == true {
        return Err(ConfigurationRefusal::invalid("Required custom attributes are not supported currently."));
    }
    let mut attribute = object(&json!({
        "AttributeDataType": "String", "DeveloperOnlyAttribute": false, "Mutable": true, "Required": false,
    }));
    attribute.extend(object(sent));
    let prefix = if sent["DeveloperOnlyAttribute"] == true { "dev:custom:" } else { "custom:" };
    attribute.insert("Name".to_owned(), format!("{prefix}{}", text(sent, "Name")).into());
    if attribute["AttributeDataType"] == "String" {
        // Reads have empty constraints for a text without any.
        attribute.entry("StringAttributeConstraints").or_insert_with(|| json!({}));
    }
    Ok(Value::Object(attribute))
}

fn is_custom(attribute: &Value) -> bool {
    text(attribute, "Name").contains(':')
}

pub(crate) fn has_attribute(schema: &[Value], name: &str) -> bool {
    schema.iter().any(|attribute| attribute["Name"] == name)
}

pub(crate) fn is_required(attribute: &Value) -> bool {
    attribute["Required"] == true && attribute["Name"] != "sub"
}

/// Whether an identity provider can write an attribute at every sign-in.
pub(crate) fn is_writable(schema: &[Value], name: &str) -> bool {
    schema.iter().any(|attribute| attribute["Name"] == name && attribute["Mutable"] == true)
}

/// The schema that another Cognito described: its own entries, and the standard attributes that it lacks.
pub(crate) fn adopted(described: &Value, shows_identities: bool) -> Vec<Value> {
    let shown = described.as_array().cloned().unwrap_or_default();
    let mut schema = standard();
    schema.retain(|attribute| shows_identities || attribute["Name"] != "identities");
    for attribute in &mut schema {
        if let Some(shown) = shown.iter().find(|shown| shown["Name"] == attribute["Name"]) {
            *attribute = shown.clone();
        }
    }
    schema.extend(shown.into_iter().filter(is_custom));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn attribute(fixture: &mut Fixture, name: &str) -> Value {
        let schema = fixture.described()["SchemaAttributes"].take();
        schema
            .as_array()
            .unwrap()
            .iter()
            .find(|attribute| attribute["Name"] == name)
            .cloned()
            .unwrap_or_default()
    }

    #[test]
    fn every_pool_reads_all_standard_attributes() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.described()["SchemaAttributes"].as_array().unwrap().len(), 21);
        let birthdate = attribute(&mut fixture, "birthdate");
        assert_eq!(birthdate["StringAttributeConstraints"], json!({"MinLength": "10", "MaxLength": "10"}));
        let sub = attribute(&mut fixture, "sub");
        assert_eq!((&sub["Mutable"], &sub["Required"]), (&json!(false), &json!(true)));
        assert_eq!(attribute(&mut fixture, "identities")["StringAttributeConstraints"], json!({}));
        fixture.settings().shows_identities = false;
        fixture.pool = fixture.create(json!({})).unwrap();
        assert_eq!(fixture.described()["SchemaAttributes"].as_array().unwrap().len(), 20);
    }

    #[test]
    fn a_custom_attribute_is_read_with_a_prefix() {
        let schema = json!([
            {"Name": "tenant"}, {"Name": "custom:x"}, {"Name": "secret", "DeveloperOnlyAttribute": true},
            {"Name": "score", "AttributeDataType": "Number", "Mutable": false},
        ]);
        let mut fixture = Fixture::with(json!({"Schema": schema}));
        let expected = json!({
            "Name": "custom:tenant", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
            "Mutable": true,
            "Required": false, "StringAttributeConstraints": {},
        });
        assert_eq!(attribute(&mut fixture, "custom:tenant"), expected);
        assert!(!attribute(&mut fixture, "custom:custom:x").is_null());
        assert!(!attribute(&mut fixture, "dev:custom:secret").is_null());
        assert_eq!(attribute(&mut fixture, "custom:score")["Mutable"], false);
    }

    #[test]
    fn a_standard_name_means_the_standard_attribute_only_at_creation() {
        let mut fixture = Fixture::with(json!({"Schema": [{"Name": "email", "Required": true}]}));
        assert_eq!(attribute(&mut fixture, "email")["Required"], true);
        fixture.call("AddCustomAttributes", json!({"CustomAttributes": [{"Name": "sub"}]}));
        assert!(!attribute(&mut fixture, "custom:sub").is_null());
        let number = json!({"Schema": [{"Name": "email", "AttributeDataType": "Number"}]});
        assert!(fixture.create(number).is_err());
    }

    #[test]
    fn custom_attributes_cannot_be_required_repeated_or_too_many() {
        let mut fixture = Fixture::new();
        let add = |names: Vec<String>| {
            let attributes: Vec<Value> = names.into_iter().map(|name| json!({"Name": name})).collect();
            json!({"CustomAttributes": attributes})
        };
        fixture
            .refused("AddCustomAttributes", json!({"CustomAttributes": [{"Name": "a", "Required": true}]}));
        fixture.refused("AddCustomAttributes", add(vec!["a".into(), "a".into()]));
        for part in 0..2 {
            fixture
                .call("AddCustomAttributes", add((0..25).map(|index| format!("a{part}_{index}")).collect()));
        }
        fixture.refused("AddCustomAttributes", add(vec!["one".into()]));
    }
}
