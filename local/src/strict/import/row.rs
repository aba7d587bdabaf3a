//! One row of the CSV file, read as a user.

use super::csv::{self, PASSWORD_HASH};
use crate::strict::names;
use crate::strict::pool::Pool;
use crate::strict::refusal::Refusal;
use crate::strict::schema::Attribute;
use crate::strict::users;

pub(super) const USERNAME: &str = "cognito:username";
/// The column for multi-factor authentication.
const MFA: &str = "cognito:mfa_enabled";
/// The reason as AWS's documentation quotes it.
const NOT_VERIFIED: &str = "The User Record does not set any of the auto verified attributes to true. \
                            (Example: email_verified to true).";

/// A user that the job can create.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub username: String,
    pub attributes: Vec<Attribute>,
    pub password_hash: Option<String>,
}

/// The columns of a pool, as GetCSVHeader returns them.
pub(super) fn csv_header(pool: &Pool) -> Vec<String> {
    let attributes = pool.schema.names().filter(|name| *name != "sub" && *name != "identities");
    attributes.chain([MFA, USERNAME]).map(str::to_owned).collect()
}

impl Row {
    /// Reads a row of at most `max_characters`.
    ///
    /// # Errors
    /// The reason for which the user fails. It holds no value.
    pub fn read(pool: &Pool, columns: &[String], row: &str, max_characters: usize) -> Result<Self, String> {
        if row.chars().count() > max_characters {
            return Err("The row is too long.".into());
        }
        let values = csv::parse_row(row)?;
        if values.len() != columns.len() {
            return Err("The row and the header have different numbers of columns.".into());
        }
        let (mut username, mut password_hash, mut attributes) = (String::new(), None, Vec::new());
        for (column, value) in columns.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
            match column.as_str() {
                USERNAME => username = value,
                PASSWORD_HASH => password_hash = Some(value),
                MFA => check_mfa(pool, &value)?,
                name => attributes.push((name.to_owned(), to_api_value(name, value)?)),
            }
        }
        let from_username = users::attributes_from_username(pool, &username);
        users::check_username(pool, &username).map_err(message_of)?;
        check_sign_in(pool, &username, &attributes)?;
        pool.schema.check_new(&attributes, &from_username).map_err(message_of)?;
        check_verified(pool, &attributes)?;
        Ok(Self { username, attributes, password_hash })
    }
}

fn message_of(refusal: Refusal) -> String {
    refusal.message
}

/// Converts a value of the file to the form of the API.
fn to_api_value(name: &str, value: String) -> Result<String, &'static str> {
    match name {
        "birthdate" => birthdate(&value).ok_or("birthdate is not in the format mm/dd/yyyy."),
        "updated_at" if value.bytes().all(|b| b.is_ascii_digit()) => Ok(value),
        "updated_at" => Err("updated_at is not a number of seconds since 1970."),
        "email_verified" | "phone_number_verified" => Ok(value.to_lowercase()),
        _ => Ok(value),
    }
}

/// Converts `mm/dd/yyyy` to `yyyy-mm-dd`.
fn birthdate(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let [month, day, year] = parts[..] else {
        return None;
    };
    let number = |part: &str, length: usize| part.parse::<u32>().ok().filter(|_| part.len() == length);
    let is_day = (1..=12).contains(&number(month, 2)?) && (1..=31).contains(&number(day, 2)?);
    let is_date = is_day && number(year, 4).is_some();
    is_date.then(|| format!("{year}-{month}-{day}"))
}

/// Checks that a value suits the MFA setting of the pool.
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

/// In a pool whose users sign in by e-mail address or phone number, the username is that address or number.
/// The attribute, if the row has it, must have the same value.
fn check_sign_in(pool: &Pool, username: &str, attributes: &[Attribute]) -> Result<(), &'static str> {
    let sign_in = if names::is_phone(username) { "phone_number" } else { "email" };
    let differs = attributes.iter().any(|(name, value)| name == sign_in && value != username);
    if !pool.sign_in.is_empty() && differs {
        return Err("The username differs from the attribute with which users of this pool sign in.");
    }
    Ok(())
}

fn check_verified(pool: &Pool, attributes: &[Attribute]) -> Result<(), &'static str> {
    let has = |name: &str| attributes.iter().any(|(n, _)| n == name);
    let is_verified = |name: &str| {
        let flag = format!("{name}_verified");
        attributes.iter().any(|(n, value)| *n == flag && value == "true")
    };
    if ["email", "phone_number"].into_iter().any(|name| is_verified(name) && !has(name)) {
        return Err("An attribute without a value is set to verified.");
    }
    if pool.auto_verified.iter().any(|name| is_verified(name)) { Ok(()) } else { Err(NOT_VERIFIED) }
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
            "SchemaAttributes": [
                text("sub"), text("email"), boolean("email_verified"), text("birthdate"), number,
                text("name"),
            ],
        });
        for (name, value) in change.as_object().unwrap() {
            described[name] = value.clone();
        }
        Pool::from_api(&described)
    }

    /// The columns are email, email_verified, birthdate, updated_at, name, cognito:mfa_enabled and
    /// cognito:username.
    fn read(change: &Value, row: &str) -> Result<Row, String> {
        let pool = pool(change);
        Row::read(&pool, &csv_header(&pool), row, 80)
    }

    #[test]
    fn a_csv_row_becomes_a_user_with_values_in_the_form_of_the_api() {
        let row = read(&json!({}), r"a@x,TRUE,02/01/1985,1471453471,Doe\, J,FALSE,anna").unwrap();
        assert_eq!(row.username, "anna");
        let attributes: Vec<_> =
            row.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
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
    fn a_csv_row_that_breaks_a_rule_fails() {
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
            "no-address,true,,,,false,anna",
            "a@x,true,,,,false,anna,",
            r"a@x,true,,,C:\,false,anna",
            "",
            "a@x,true,,,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,false,anna",
        ];
        for row in rows {
            assert!(read(&json!({}), row).is_err(), "{row}");
        }
        assert!(read(&json!({}), "a@x,true,,,,,anna").is_ok(), "an empty MFA value suits every pool");
        let required = json!({"MfaConfiguration": "ON"});
        assert!(
            read(&required, "a@x,true,,,,false,anna").is_err()
                && read(&required, "a@x,true,,,,true,anna").is_ok()
        );
    }

    #[test]
    fn a_csv_row_for_a_pool_with_sign_in_by_email_has_the_address_as_username() {
        let by_email = json!({"UsernameAttributes": ["email"]});
        assert!(read(&by_email, "a@x,true,,,,,a@x").is_ok());
        assert!(
            read(&by_email, "b@x,true,,,,,a@x").is_err() && read(&by_email, "a@x,true,,,,,anna").is_err()
        );
    }
}
