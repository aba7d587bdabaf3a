//! The attributes that a pool declares, and what they ask of a value.

use serde_json::Value;

use super::names;
use super::refusal::Refusal;

/// The longest value of any attribute, in characters.
pub(super) const LONGEST_VALUE: usize = 2_048;

/// An attribute of a request: name and value, empty where none was given.
pub(super) type Attribute = (String, String);

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Boolean,
    DateTime,
}

/// What a pool declares about one attribute.
#[derive(Debug, Clone, PartialEq)]
struct Declaration {
    name: String,
    kind: Kind,
    mutable: bool,
    required: bool,
    least: Option<f64>,
    most: Option<f64>,
}

/// All attributes that a pool declares, in its order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Schema(Vec<Declaration>);

impl Schema {
    /// Reads `SchemaAttributes` of DescribeUserPool.
    pub fn of(attributes: &Value) -> Self {
        Self(attributes.as_array().into_iter().flatten().map(Declaration::of).collect())
    }

    /// The names of the attributes, in the pool's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|declared| declared.name.as_str())
    }

    /// Checks the attributes of a new user. `given` are attributes that the user has from elsewhere: in a pool whose users sign
    /// in by e-mail, `email` comes from the username.
    pub fn check_new(&self, attributes: &[Attribute], given: &[&str]) -> Result<(), Refusal> {
        if attributes.iter().any(|(name, _)| name == "sub") {
            return Err(Refusal::invalid("Cannot modify the non-mutable attribute sub"));
        }
        self.check_values(attributes)?;
        let is_there = |name: &str| given.contains(&name) || attributes.iter().any(|(n, value)| n == name && !value.is_empty());
        match self.0.iter().find(|declared| declared.required && declared.name != "sub" && !is_there(&declared.name)) {
            Some(missing) => Err(broken(&missing.name, "The attribute is required")),
            None => Ok(()),
        }
    }

    /// Checks a change to a user's attributes. An empty value takes an attribute away.
    pub fn check_change(&self, attributes: &[Attribute]) -> Result<(), Refusal> {
        self.check_values(attributes)?;
        match attributes.iter().filter_map(|(name, _)| self.declaration(name)).find(|declared| !declared.mutable) {
            Some(fixed) => Err(Refusal::invalid(format!("user.{}: Attribute cannot be updated.", fixed.name))),
            None => Ok(()),
        }
    }

    fn check_values(&self, attributes: &[Attribute]) -> Result<(), Refusal> {
        for (name, value) in attributes {
            let declared = self.declaration(name).ok_or_else(|| broken(name, "Attribute does not exist in the schema."))?;
            if value.chars().count() > LONGEST_VALUE {
                return Err(Refusal::invalid(format!("user.{name}: String length must be no longer than {LONGEST_VALUE}")));
            }
            // Whether an empty value counts as one is not documented: it is let through.
            if !value.is_empty() {
                declared.check(value)?;
            }
        }
        Ok(())
    }

    fn declaration(&self, name: &str) -> Option<&Declaration> {
        self.0.iter().find(|declared| declared.name == name)
    }
}

impl Declaration {
    fn of(attribute: &Value) -> Self {
        let kind = match attribute["AttributeDataType"].as_str() {
            Some("Number") => Kind::Number,
            Some("Boolean") => Kind::Boolean,
            Some("DateTime") => Kind::DateTime,
            _ => Kind::Text,
        };
        let limit = |constraints: &str, name: &str| attribute[constraints][name].as_str().and_then(|text| text.parse().ok());
        let (least, most) = match kind {
            Kind::Text => (limit("StringAttributeConstraints", "MinLength"), limit("StringAttributeConstraints", "MaxLength")),
            Kind::Number => (limit("NumberAttributeConstraints", "MinValue"), limit("NumberAttributeConstraints", "MaxValue")),
            Kind::Boolean | Kind::DateTime => (None, None),
        };
        let is = |name: &str| attribute[name].as_bool().unwrap_or_default();
        let name = attribute["Name"].as_str().unwrap_or_default().to_owned();
        Self { name, kind, mutable: is("Mutable"), required: is("Required"), least, most }
    }

    fn check(&self, value: &str) -> Result<(), Refusal> {
        match self.name.as_str() {
            "email" if !names::is_email(value) => return Err(Refusal::invalid("Invalid email address format.")),
            "phone_number" if !names::is_phone(value) => return Err(Refusal::invalid("Invalid phone number format.")),
            _ => {}
        }
        let measure = match self.kind {
            Kind::Text => Some(value.chars().count() as f64),
            Kind::Number => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                _ => return Err(broken(&self.name, "The attribute is not a number")),
            },
            Kind::Boolean if ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word)) => None,
            Kind::Boolean => return Err(broken(&self.name, "The attribute is not a boolean")),
            Kind::DateTime if is_date(value) => None,
            Kind::DateTime => return Err(broken(&self.name, "The attribute is not a date")),
        };
        match measure {
            Some(measure) if self.least.is_some_and(|least| measure < least) => Err(broken(&self.name, "less than the minimum")),
            Some(measure) if self.most.is_some_and(|most| measure > most) => Err(broken(&self.name, "more than the maximum")),
            _ => Ok(()),
        }
    }
}

/// Whether a text can be a point in time: epoch seconds, or a date as ISO 8601 begins one. What else Cognito takes for a
/// DateTime is not documented.
fn is_date(text: &str) -> bool {
    let digits = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
    };
    text.parse::<f64>().is_ok() || digits(text.get(0..4), 4) && digits(text.get(5..7), 2) && digits(text.get(8..10), 2)
}

fn broken(name: &str, rule: &str) -> Refusal {
    Refusal::invalid(format!("Attributes did not conform to the schema: {name}: {rule}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        Schema::of(&json!([
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
    fn values_have_the_type_and_the_size_that_the_schema_declares() {
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
            ("email", "nobody"),
        ];
        for attribute in bad {
            assert!(new(&[attribute]).is_err(), "{attribute:?}");
        }
        assert!(new(&[("email", &format!("{}@x", "a".repeat(2_047)))]).is_err(), "2,049 characters");
    }

    #[test]
    fn required_attributes_must_be_there() {
        assert!(schema().check_new(&[], &[]).is_err());
        assert!(schema().check_new(&[("email".into(), String::new())], &[]).is_err());
        assert_eq!(schema().check_new(&[], &["email"]), Ok(()));
    }

    #[test]
    fn an_immutable_attribute_is_set_once() {
        assert_eq!(new(&[("custom:tenant", "abc")]), Ok(()));
        assert!(schema().check_change(&[("custom:tenant".into(), "abc".into())]).is_err());
        assert!(schema().check_change(&[("sub".into(), "x".into())]).is_err());
        assert_eq!(schema().check_change(&[("custom:score".into(), "1".into())]), Ok(()));
    }
}
