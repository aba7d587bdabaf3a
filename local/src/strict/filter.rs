//! The `Filter` of ListUsers.
//!
//! One of ten attributes, `=` or `^=` (begins with), and a quoted value:
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html>. Two of them are documented to
//! tell upper from lower case; the others are taken not to.

use serde_json::Value;

use super::refusal::Refusal;

/// What can be searched; custom attributes cannot.
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
/// What is compared letter by letter.
const CASE_SENSITIVE: [&str; 2] = ["username", "status"];

/// A filter that Cognito takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    attribute: &'static str,
    prefix: bool,
    value: String,
}

impl Filter {
    /// Reads a filter; an empty one lets every user through.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        if text.is_empty() {
            return Ok(None);
        }
        let (name, prefix, value) = parts(text).ok_or_else(|| Refusal::invalid("Error while parsing filter."))?;
        let attribute = SEARCHABLE.into_iter().find(|searchable| *searchable == name);
        let attribute = attribute.ok_or_else(|| Refusal::invalid("Invalid search attribute: it is not searchable."))?;
        Ok(Some(Self { attribute, prefix, value }))
    }

    /// Whether a user, as ListUsers shows one, is let through.
    pub fn admits(&self, user: &Value) -> bool {
        let has = match self.attribute {
            "username" => user["Username"].as_str().unwrap_or_default(),
            "status" => match user["Enabled"].as_bool() {
                Some(false) => "Disabled",
                _ => "Enabled",
            },
            "cognito:user_status" => user["UserStatus"].as_str().unwrap_or_default(),
            name => attribute(user, name).unwrap_or_default(),
        };
        let fold = |text: &str| match CASE_SENSITIVE.contains(&self.attribute) {
            true => text.to_owned(),
            false => text.to_lowercase(),
        };
        let (has, wanted) = (fold(has), fold(&self.value));
        if self.prefix { has.starts_with(&wanted) } else { has == wanted }
    }
}

/// The value of an attribute of a user, as ListUsers shows one.
pub(super) fn attribute<'a>(user: &'a Value, name: &str) -> Option<&'a str> {
    let attributes = user["Attributes"].as_array()?;
    attributes.iter().find(|attribute| attribute["Name"] == name)?["Value"].as_str()
}

/// Name, whether a prefix is meant, and value.
fn parts(text: &str) -> Option<(&str, bool, String)> {
    let text = text.trim();
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => text.split_at(text.find(|c: char| c.is_whitespace() || "=^".contains(c))?),
    };
    let rest = rest.trim_start();
    let (prefix, rest) = match rest.strip_prefix("^=") {
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
    Some((name, prefix, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admits(filter: &str) -> bool {
        let user = json!({
            "Username": "Anna", "Enabled": false, "UserStatus": "FORCE_CHANGE_PASSWORD",
            "Attributes": [{"Name": "sub", "Value": "ab12"}, {"Name": "name", "Value": "Anna \"A\" Ü"}],
        });
        Filter::parse(filter).is_ok_and(|filter| filter.is_some_and(|filter| filter.admits(&user)))
    }

    #[test]
    fn every_searchable_attribute_is_compared() {
        let yes = [
            r#"username = "Anna""#,
            r#"username ^= "An""#,
            r#""sub" ^= "ab""#,
            r#"sub="AB12""#,
            r#"status = "Disabled""#,
            r#"cognito:user_status = "force_change_password""#,
            r#"cognito:user_status ^= "FORCE""#,
            r#"name = "anna \"A\" ü""#,
        ];
        let no = [r#"username = "anna""#, r#"status = "Enabled""#, r#"cognito:user_status = "CONFIRMED""#, r#"email ^= "a""#];
        assert!(yes.into_iter().all(admits), "{:?}", yes.into_iter().find(|filter| !admits(filter)));
        assert!(!no.into_iter().any(admits), "{:?}", no.into_iter().find(|filter| admits(filter)));
        assert_eq!(Filter::parse(""), Ok(None));
    }

    #[test]
    fn what_cognito_does_not_search_is_refused() {
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
