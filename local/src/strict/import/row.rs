//! What a row of the file makes of a user.

use super::csv::{self, PASSWORD_HASH};
use crate::strict::names;
use crate::strict::pool::Pool;
use crate::strict::refusal::Refusal;
use crate::strict::schema::Attribute;
use crate::strict::users;

/// The column of the username.
pub(super) const USERNAME: &str = "cognito:username";
/// The column that says whether the user has multi-factor authentication.
const MFA: &str = "cognito:mfa_enabled";
/// The sentence that AWS's documentation quotes.
const NOT_VERIFIED: &str =
    "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).";

/// A user that can be created.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub username: String,
    pub attributes: Vec<Attribute>,
    pub password_hash: Option<String>,
}

/// The columns of a pool, as GetCSVHeader shows them.
pub(super) fn header(pool: &Pool) -> Vec<String> {
    let attributes = pool.schema.names().filter(|name| *name != "sub" && *name != "identities");
    attributes.chain([MFA, USERNAME]).map(str::to_owned).collect()
}

impl Row {
    /// Reads a row.
    ///
    /// # Errors
    /// Why the user fails. The sentence names no value.
    pub fn read(pool: &Pool, columns: &[String], row: &str, longest: usize) -> Result<Self, String> {
        if row.chars().count() > longest {
            return Err("The row is too long.".into());
        }
        let values = csv::fields(row)?;
        if values.len() != columns.len() {
            return Err("The row has another number of columns than the header.".into());
        }
        let (mut username, mut password_hash, mut attributes) = (String::new(), None, Vec::new());
        for (column, value) in columns.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
            match column.as_str() {
                USERNAME => username = value,
                PASSWORD_HASH => password_hash = Some(value),
                MFA => check_mfa(pool, &value)?,
                name => attributes.push((name.to_owned(), converted(name, value)?)),
            }
        }
        users::check_username(pool, &username).map_err(sentence)?;
        check_sign_in(pool, &username, &attributes)?;
        pool.schema.check_new(&attributes, &users::given(pool, &username)).map_err(sentence)?;
        check_verified(pool, &attributes)?;
        Ok(Self { username, attributes, password_hash })
    }
}

fn sentence(refusal: Refusal) -> String {
    refusal.message
}

/// A value as the API would take it.
fn converted(name: &str, value: String) -> Result<String, &'static str> {
    match name {
        "birthdate" => birthdate(&value).ok_or("birthdate is not in the format mm/dd/yyyy."),
        "updated_at" if value.bytes().all(|b| b.is_ascii_digit()) => Ok(value),
        "updated_at" => Err("updated_at is not in seconds since 1970."),
        "email_verified" | "phone_number_verified" => Ok(value.to_lowercase()),
        _ => Ok(value),
    }
}

/// `mm/dd/yyyy` as `yyyy-mm-dd`.
fn birthdate(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let [month, day, year] = parts[..] else {
        return None;
    };
    let number = |part: &str, length: usize| part.parse::<u32>().ok().filter(|_| part.len() == length);
    let is_date = (1..=12).contains(&number(month, 2)?) && (1..=31).contains(&number(day, 2)?) && number(year, 4).is_some();
    is_date.then(|| format!("{year}-{month}-{day}"))
}

/// A value must be what the pool demands; an empty one always is.
fn check_mfa(pool: &Pool, value: &str) -> Result<(), &'static str> {
    let enabled = match value.to_ascii_lowercase().as_str() {
        "true" => true,
        "false" => false,
        _ => return Err("cognito:mfa_enabled is neither true nor false."),
    };
    match (pool.mfa.as_str(), enabled) {
        ("ON", false) => Err("cognito:mfa_enabled must be true: the user pool requires MFA."),
        ("OFF", true) => Err("cognito:mfa_enabled must be false: the user pool has MFA off."),
        _ => Ok(()),
    }
}

/// In a pool whose users sign in by address or number, the username is one, and the attribute of that kind is the same.
fn check_sign_in(pool: &Pool, username: &str, attributes: &[Attribute]) -> Result<(), &'static str> {
    let own = if names::is_phone(username) { "phone_number" } else { "email" };
    let other = attributes.iter().any(|(name, value)| name == own && value != username);
    match !pool.sign_in.is_empty() && other {
        true => Err("The username is another than the attribute that users of this pool sign in by."),
        false => Ok(()),
    }
}

fn check_verified(pool: &Pool, attributes: &[Attribute]) -> Result<(), &'static str> {
    let has = |name: &str| attributes.iter().any(|(n, _)| n == name);
    let is_verified = |name: &str| attributes.iter().any(|(n, value)| *n == format!("{name}_verified") && value == "true");
    if ["email", "phone_number"].into_iter().any(|name| is_verified(name) && !has(name)) {
        return Err("An attribute is set to verified that has no value.");
    }
    match pool.auto_verified.iter().any(|name| is_verified(name)) {
        true => Ok(()),
        false => Err(NOT_VERIFIED),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pool(change: &Value) -> Pool {
        let text = |name: &str| json!({"Name": name, "AttributeDataType": "String", "Mutable": true});
        let boolean = |name: &str| json!({"Name": name, "AttributeDataType": "Boolean", "Mutable": true});
        let number = json!({"Name": "updated_at", "AttributeDataType": "Number", "Mutable": true});
        let mut described = json!({
            "AutoVerifiedAttributes": ["email"], "MfaConfiguration": "OFF",
            "SchemaAttributes": [text("sub"), text("email"), boolean("email_verified"), text("birthdate"), number, text("name")],
        });
        for (name, value) in change.as_object().unwrap() {
            described[name] = value.clone();
        }
        Pool::of(&described)
    }

    /// Columns: email, email_verified, birthdate, updated_at, name, cognito:mfa_enabled, cognito:username.
    fn read(change: &Value, row: &str) -> Result<Row, String> {
        let pool = pool(change);
        Row::read(&pool, &header(&pool), row, 80)
    }

    #[test]
    fn a_row_becomes_a_user_as_the_api_would_take_it() {
        let row = read(&json!({}), r"a@x,TRUE,02/01/1985,1471453471,Doe\, J,FALSE,anna").unwrap();
        assert_eq!(row.username, "anna");
        let attributes: Vec<_> = row.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted = [
            ("email", "a@x"),
            ("email_verified", "true"),
            ("birthdate", "1985-02-01"),
            ("updated_at", "1471453471"),
            ("name", "Doe, J"),
        ];
        assert_eq!(attributes, wanted);
    }

    #[test]
    fn a_row_that_breaks_a_rule_fails() {
        let rows = [
            "a@x,true,,,,false,",
            "a@x,true,,,,false,a b",
            "a@x,false,,,,false,anna",
            ",true,,,,false,anna",
            "a@x,true,1985-02-01,,,false,anna",
            "a@x,true,13/01/1985,,,false,anna",
            "a@x,true,,yesterday,,false,anna",
            "a@x,true,,,,maybe,anna",
            "a@x,true,,,,true,anna",
            "nobody,true,,,,false,anna",
            "a@x,true,,,,false,anna,",
            r"a@x,true,,,C:\,false,anna",
            "",
            "a@x,true,,,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,false,anna",
        ];
        for row in rows {
            assert!(read(&json!({}), row).is_err(), "{row}");
        }
        assert!(read(&json!({}), "a@x,true,,,,,anna").is_ok(), "an empty value is what the pool wants");
        let required = json!({"MfaConfiguration": "ON"});
        assert!(read(&required, "a@x,true,,,,false,anna").is_err() && read(&required, "a@x,true,,,,true,anna").is_ok());
    }

    #[test]
    fn a_pool_by_address_takes_the_address_for_the_username() {
        let by_email = json!({"UsernameAttributes": ["email"]});
        assert!(read(&by_email, "a@x,true,,,,,a@x").is_ok());
        assert!(read(&by_email, "b@x,true,,,,,a@x").is_err() && read(&by_email, "a@x,true,,,,,anna").is_err());
    }
}
