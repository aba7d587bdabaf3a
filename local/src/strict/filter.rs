//! The `Filter` of ListUsers.
//!
//! A filter is one of ten attributes, `=` or `^=` (begins with), and a quoted value. AWS documents that two
//! of the attributes are case-sensitive. The proxy takes the others as case-insensitive.
//!
//! Source: <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html>.

use serde_json::Value;

use super::refusal::Refusal;

/// The attributes that Cognito can search. It cannot search custom attributes.
const SEARCHABLE: [&str; 10] = [
    "username",
    "email",
    "phone_number",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "cognito:user_status",
    "status",
    "sub",
];
const CASE_SENSITIVE: [&str; 2] = ["username", "status"];

/// A filter that Cognito accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    attribute: &'static str,
    is_prefix: bool,
    value: String,
}

impl Filter {
    /// Parses a filter. An empty text is no filter.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        if text.is_empty() {
            return Ok(None);
        }
        let (name, is_prefix, value) =
            parse_parts(text).ok_or_else(|| Refusal::invalid("Error while parsing filter."))?;
        let attribute = SEARCHABLE.into_iter().find(|searchable| *searchable == name);
        let attribute =
            attribute.ok_or_else(|| Refusal::invalid("Invalid search attribute: it is not searchable."))?;
        Ok(Some(Self { attribute, is_prefix, value }))
    }

    /// Whether the filter keeps a user. `user` has the form that ListUsers returns.
    pub fn matches(&self, user: &Value) -> bool {
        let actual = match self.attribute {
            "username" => user["Username"].as_str().unwrap_or_default(),
            "status" => match user["Enabled"].as_bool() {
                Some(false) => "Disabled",
                _ => "Enabled",
            },
            "cognito:user_status" => user["UserStatus"].as_str().unwrap_or_default(),
            name => attribute(user, name).unwrap_or_default(),
        };
        let is_case_sensitive = CASE_SENSITIVE.contains(&self.attribute);
        let fold = |text: &str| if is_case_sensitive { text.to_owned() } else { text.to_lowercase() };
        let (actual, wanted) = (fold(actual), fold(&self.value));
        if self.is_prefix { actual.starts_with(&wanted) } else { actual == wanted }
    }
}

/// The value of a user's attribute. `user` has the form that ListUsers returns.
pub(super) fn attribute<'a>(user: &'a Value, name: &str) -> Option<&'a str> {
    let attributes = user["Attributes"].as_array()?;
    attributes.iter().find(|attribute| attribute["Name"] == name)?["Value"].as_str()
}

/// Splits a filter into the attribute's name, whether the value is a prefix, and the value.
fn parse_parts(text: &str) -> Option<(&str, bool, String)> {
    let text = text.trim();
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => text.split_at(text.find(|c: char| c.is_whitespace() || "=^".contains(c))?),
    };
    let rest = rest.trim_start();
    let (is_prefix, rest) = match rest.strip_prefix("^=") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix('=')?),
    };
    let quoted = rest.trim().strip_prefix('"')?.strip_suffix('"')?;
    let mut value = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => value.push(letters.next()?),
            '"' => return None,
            plain => value.push(plain),
        }
    }
    Some((name, is_prefix, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(filter: &str) -> bool {
        let user = json!({
            "Username": "Anna", "Enabled": false, "UserStatus": "FORCE_CHANGE_PASSWORD",
            "Attributes": [{"Name": "sub", "Value": "ab12"}, {"Name": "name", "Value": "Anna \"A\" Ü"}],
        });
        Filter::parse(filter).is_ok_and(|filter| filter.is_some_and(|filter| filter.matches(&user)))
    }

    #[test]
    fn a_filter_compares_every_searchable_attribute() {
        let matching = [
            r#"username = "Anna""#,
            r#"username ^= "An""#,
            r#""sub" ^= "ab""#,
            r#"sub="AB12""#,
            r#"status = "Disabled""#,
            r#"cognito:user_status = "force_change_password""#,
            r#"cognito:user_status ^= "FORCE""#,
            r#"name = "anna \"A\" ü""#,
        ];
        let other = [
            r#"username = "anna""#,
            r#"status = "Enabled""#,
            r#"cognito:user_status = "CONFIRMED""#,
            r#"email ^= "a""#,
        ];
        assert!(
            matching.into_iter().all(matches),
            "{:?}",
            matching.into_iter().find(|filter| !matches(filter))
        );
        assert!(!other.into_iter().any(matches), "{:?}", other.into_iter().find(|filter| matches(filter)));
        assert_eq!(Filter::parse(""), Ok(None));
    }

    #[test]
    fn a_filter_on_an_unsearchable_attribute_or_with_a_wrong_form_is_refused() {
        for filter in [
            r#"custom:tenant = "a""#,
            r#"email_verified = "true""#,
            r#"name != "a""#,
            r#"name = a"#,
            "name",
            r#"name = "a" and sub = "b""#,
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }
}
