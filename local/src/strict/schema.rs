//! The schema of a pool: its attributes, and the rules for their values.

use serde_json::Value;

use super::names;
use super::refusal::Refusal;

/// The limit for the value of any attribute.
pub(super) const MAX_VALUE_CHARACTERS: usize = 2_048;

/// An attribute of a request: name and value. The value is empty if the request has none.
pub(super) type Attribute = (String, String);

/// The data type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataType {
    Text,
    Number,
    Boolean,
    DateTime,
}

/// The declaration of one attribute.
#[derive(Debug, Clone, PartialEq)]
struct Declaration {
    name: String,
    data_type: DataType,
    mutable: bool,
    required: bool,
    /// The minimum of a number, or of the length of a text in characters.
    min: Option<f64>,
    /// The maximum of a number, or of the length of a text in characters.
    max: Option<f64>,
}

/// All attributes that a pool declares, in the pool's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Schema(Vec<Declaration>);

impl Schema {
    /// Reads `SchemaAttributes` of DescribeUserPool's output.
    pub fn from_api(attributes: &Value) -> Self {
        Self(attributes.as_array().into_iter().flatten().map(Declaration::from_api).collect())
    }

    /// The names of the attributes, in the pool's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|declared| declared.name.as_str())
    }

    /// Checks the attributes of a new user. `from_username` names the attributes that Cognito sets from the
    /// username. In a pool whose users sign in by e-mail address, this is `email`.
    pub fn check_new(&self, attributes: &[Attribute], from_username: &[&str]) -> Result<(), Refusal> {
        if attributes.iter().any(|(name, _)| name == "sub") {
            return Err(Refusal::invalid("Cannot modify the non-mutable attribute sub"));
        }
        self.check_values(attributes)?;
        let has_value = |name: &str| {
            from_username.contains(&name)
                || attributes.iter().any(|(n, value)| n == name && !value.is_empty())
        };
        let mut required = self.0.iter().filter(|declared| declared.required && declared.name != "sub");
        match required.find(|declared| !has_value(&declared.name)) {
            Some(missing) => Err(violation(&missing.name, "The attribute is required")),
            None => Ok(()),
        }
    }

    /// Checks a change to a user's attributes. An empty value removes an attribute.
    pub fn check_change(&self, attributes: &[Attribute]) -> Result<(), Refusal> {
        self.check_values(attributes)?;
        match attributes
            .iter()
            .filter_map(|(name, _)| self.declaration(name))
            .find(|declared| !declared.mutable)
        {
            Some(fixed) => {
                Err(Refusal::invalid(format!("user.{}: Attribute cannot be updated.", fixed.name)))
            }
            None => Ok(()),
        }
    }

    fn check_values(&self, attributes: &[Attribute]) -> Result<(), Refusal> {
        for (name, value) in attributes {
            let undeclared = || violation(name, "Attribute does not exist in the schema.");
            let declared = self.declaration(name).ok_or_else(undeclared)?;
            if value.chars().count() > MAX_VALUE_CHARACTERS {
                let message =
                    format!("user.{name}: String length must be no longer than {MAX_VALUE_CHARACTERS}");
                return Err(Refusal::invalid(message));
            }
            // AWS does not document whether the rules apply to an empty value. The proxy accepts it.
            if !value.is_empty() {
                declared.check(value)?;
            }
            // AWS does not document which control characters Cognito refuses. The proxy accepts those of a
            // postal address.
            if value.chars().any(|c| c.is_ascii_control() && !['\t', '\n', '\r'].contains(&c)) {
                return Err(Refusal::invalid(format!("user.{name}: Invalid characters in the value")));
            }
        }
        Ok(())
    }

    fn declaration(&self, name: &str) -> Option<&Declaration> {
        self.0.iter().find(|declared| declared.name == name)
    }
}

impl Declaration {
    fn from_api(attribute: &Value) -> Self {
        let data_type = match attribute["AttributeDataType"].as_str() {
            Some("Number") => DataType::Number,
            Some("Boolean") => DataType::Boolean,
            Some("DateTime") => DataType::DateTime,
            _ => DataType::Text,
        };
        let limit = |constraints: &str, name: &str| {
            attribute[constraints][name].as_str().and_then(|text| text.parse().ok())
        };
        let limits =
            |constraints: &str, min: &str, max: &str| (limit(constraints, min), limit(constraints, max));
        let (min, max) = match data_type {
            DataType::Text => limits("StringAttributeConstraints", "MinLength", "MaxLength"),
            DataType::Number => limits("NumberAttributeConstraints", "MinValue", "MaxValue"),
            DataType::Boolean | DataType::DateTime => (None, None),
        };
        let flag = |name: &str| attribute[name].as_bool().unwrap_or_default();
        let name = attribute["Name"].as_str().unwrap_or_default().to_owned();
        Self { name, data_type, mutable: flag("Mutable"), required: flag("Required"), min, max }
    }

    fn check(&self, value: &str) -> Result<(), Refusal> {
        match self.name.as_str() {
            "email" if !names::is_email(value) => {
                return Err(Refusal::invalid("Invalid email address format."));
            }
            "phone_number" if !names::is_phone(value) => {
                return Err(Refusal::invalid("Invalid phone number format."));
            }
            _ => {}
        }
        let measure = match self.data_type {
            DataType::Text => Some(value.chars().count() as f64),
            DataType::Number => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                _ => return Err(violation(&self.name, "The attribute is not a number")),
            },
            DataType::Boolean if ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word)) => {
                None
            }
            DataType::Boolean => return Err(violation(&self.name, "The attribute is not a boolean")),
            DataType::DateTime if is_date(value) => None,
            DataType::DateTime => return Err(violation(&self.name, "The attribute is not a date")),
        };
        let (Some(measure), name) = (measure, &self.name) else {
            return Ok(());
        };
        if self.min.is_some_and(|min| measure < min) {
            return Err(violation(name, "less than the minimum"));
        }
        if self.max.is_some_and(|max| measure > max) {
            return Err(violation(name, "more than the maximum"));
        }
        Ok(())
    }
}

/// Whether a text can be a DateTime: seconds since 1970, or a text that begins with an ISO 8601 date. AWS
/// does not document other forms.
fn is_date(text: &str) -> bool {
    let digits = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
    };
    text.parse::<f64>().is_ok()
        || digits(text.get(0..4), 4) && digits(text.get(5..7), 2) && digits(text.get(8..10), 2)
}

fn violation(name: &str, rule: &str) -> Refusal {
    Refusal::invalid(format!("Attributes did not conform to the schema: {name}: {rule}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        Schema::from_api(&json!([
            {"Name": "sub", "AttributeDataType": "String", "Required": true, "Mutable": false},
            {"Name": "email", "AttributeDataType": "String", "Required": true, "Mutable": true},
            {"Name": "email_verified", "AttributeDataType": "Boolean", "Mutable": true},
            {"Name": "custom:tenant", "AttributeDataType": "String", "Mutable": false,
             "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "4"}},
            {"Name": "custom:score", "AttributeDataType": "Number", "Mutable": true,
             "NumberAttributeConstraints": {"MinValue": "-10", "MaxValue": "10"}},
            {"Name": "custom:since", "AttributeDataType": "DateTime", "Mutable": true},
        ]))
    }

    fn new(attributes: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut all = vec![("email".to_owned(), "a@example.com".to_owned())];
        all.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        schema().check_new(&all, &[])
    }

    #[test]
    fn an_attribute_value_must_have_the_type_and_size_of_the_schema() {
        let good = [
            ("custom:tenant", "äöü"),
            ("custom:tenant", ""),
            ("custom:score", "-10"),
            ("custom:score", "2.5"),
            ("email_verified", "True"),
            ("custom:since", "2026-01-31T10:00:00Z"),
            ("custom:since", "1471453471"),
        ];
        for attribute in good {
            assert_eq!(new(&[attribute]), Ok(()), "{attribute:?}");
        }
        let bad = [
            ("custom:tenant", "a"),
            ("custom:tenant", "abcde"),
            ("custom:score", "11"),
            ("custom:score", "-11"),
            ("custom:score", "many"),
            ("email_verified", "yes"),
            ("custom:since", "soon"),
            ("custom:unknown", "x"),
            ("identities", "[]"),
            ("sub", "00000000-0000-0000-0000-000000000000"),
            ("email", "no-address"),
        ];
        for attribute in bad {
            assert!(new(&[attribute]).is_err(), "{attribute:?}");
        }
        assert!(new(&[("email", &format!("{}@x", "a".repeat(2_047)))]).is_err(), "2,049 characters");
    }

    #[test]
    fn a_new_user_must_have_all_required_attributes() {
        assert!(schema().check_new(&[], &[]).is_err());
        assert!(schema().check_new(&[("email".into(), String::new())], &[]).is_err());
        assert_eq!(schema().check_new(&[], &["email"]), Ok(()));
    }

    #[test]
    fn an_immutable_attribute_can_be_set_only_at_creation() {
        assert_eq!(new(&[("custom:tenant", "abc")]), Ok(()));
        assert!(schema().check_change(&[("custom:tenant".into(), "abc".into())]).is_err());
        assert!(schema().check_change(&[("sub".into(), "x".into())]).is_err());
        assert_eq!(schema().check_change(&[("custom:score".into(), "1".into())]), Ok(()));
    }
}
