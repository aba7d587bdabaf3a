//! Values: how one is written, and which cannot be.
//!
//! The developer guide knows one rule of writing: a backslash before a comma. Fields stand in no quotation marks. What it says
//! nothing about could be read in several ways, and is not written at all.

use jiff::civil::Date;

use crate::model::{PoolDescription, is_custom_attribute, is_standard_attribute};

/// Why a value cannot be written into a row so that it comes back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unwritable {
    /// It holds a backslash, the sign that escapes commas: how to escape itself is not documented.
    Backslash,
    /// It holds a line feed, carriage return, vertical tab, form feed, U+0085, U+2028 or U+2029: a row is a line, and escapes for
    /// line breaks are not documented.
    LineBreak,
    /// It holds another control character (Unicode category Cc), a tab for example.
    ControlCharacter,
    /// It holds a quotation mark (U+0022). "Attribute values that are strings should not be in quotation marks": whether a job
    /// takes one off is not documented `[?]`, and readers of CSV commonly do.
    QuotationMark,
    /// It begins or ends with white space: "Any leading or trailing white space in an attribute value will be trimmed."
    BlankAtEdge,
    /// A `birthdate` that is no date of the form YYYY-MM-DD with a year from 0001: it cannot be turned into mm/dd/yyyy.
    NotADate,
    /// An `updated_at` that is no whole number of seconds.
    NotATime,
    /// An attribute of the type Boolean whose value is neither true nor false, in whatever case.
    NotABoolean,
    /// An attribute of the type DateTime, or one that the pool's schema or the developer guide does not know: how a file writes
    /// its values is not documented.
    UndocumentedType,
}

/// How the values of an attribute are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Text,
    /// `true` or `false`.
    Boolean,
    /// mm/dd/yyyy.
    Birthdate,
    /// Seconds since 1970.
    UpdatedAt,
}

impl Form {
    /// The form of the attribute `name` of `target`.
    pub(super) fn of(name: &str, target: &PoolDescription) -> Result<Self, Unwritable> {
        match name {
            "birthdate" => Ok(Self::Birthdate),
            "updated_at" => Ok(Self::UpdatedAt),
            "email_verified" | "phone_number_verified" => Ok(Self::Boolean),
            name if is_standard_attribute(name) => Ok(Self::Text),
            name if is_custom_attribute(name) => match target.attributes.get(name).map(|schema| schema.data_type.as_str()) {
                Some("String" | "Number") => Ok(Self::Text),
                Some("Boolean") => Ok(Self::Boolean),
                _ => Err(Unwritable::UndocumentedType),
            },
            _ => Err(Unwritable::UndocumentedType),
        }
    }
}

/// Whether `value` comes back as it was when only its commas are escaped.
pub(super) fn check(value: &str) -> Result<(), Unwritable> {
    for character in value.chars() {
        match character {
            '\\' => return Err(Unwritable::Backslash),
            '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => return Err(Unwritable::LineBreak),
            '"' => return Err(Unwritable::QuotationMark),
            control if control.is_control() => return Err(Unwritable::ControlCharacter),
            _ => {}
        }
    }
    match value.starts_with(is_blank) || value.ends_with(is_blank) {
        true => Err(Unwritable::BlankAtEdge),
        false => Ok(()),
    }
}

/// What one implementation or another of "trim" takes off.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{180e}' | '\u{200b}' | '\u{feff}')
}

/// Appends `value` in `form` to `row`.
pub(super) fn write(row: &mut String, form: Form, value: &str) -> Result<(), Unwritable> {
    check(value)?;
    match form {
        Form::Text => {
            for character in value.chars() {
                if character == ',' {
                    row.push('\\');
                }
                row.push(character);
            }
        }
        Form::Boolean => match is_true(value) {
            Some(true) => row.push_str("true"),
            Some(false) => row.push_str("false"),
            None => return Err(Unwritable::NotABoolean),
        },
        Form::Birthdate => row.push_str(&birthdate(value).ok_or(Unwritable::NotADate)?),
        Form::UpdatedAt => match value.parse::<u64>() {
            // What a number is read as and written again must be the same text.
            Ok(seconds) if seconds.to_string() == value => row.push_str(value),
            _ => return Err(Unwritable::NotATime),
        },
    }
    Ok(())
}

/// The value of an attribute of the type Boolean.
pub(super) fn is_true(value: &str) -> Option<bool> {
    match value {
        value if value.eq_ignore_ascii_case("true") => Some(true),
        value if value.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// YYYY-MM-DD as mm/dd/yyyy. Sources: "birthdate" in "Working with user attributes" and in "Formatting the CSV file". OpenID
/// Connect's year 0000 for "not told" is refused: calendars do not agree on what year that is.
fn birthdate(value: &str) -> Option<String> {
    let digits = |from: usize, to: usize| {
        let text = value.get(from..to)?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i16>().ok())?
    };
    if value.len() != 10 || value.as_bytes()[4] != b'-' || value.as_bytes()[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    (date.year() > 0).then(|| format!("{:02}/{:02}/{:04}", date.month(), date.day(), date.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, value: &str) -> Result<String, Unwritable> {
        let mut row = String::new();
        write(&mut row, form, value).map(|()| row)
    }

    #[test]
    fn only_commas_are_escaped() {
        for (value, row) in [
            ("Doe, John", "Doe\\, John"),
            (",,", "\\,\\,"),
            ("O'Brien; #1 = 漢字 😀", "O'Brien; #1 = 漢字 😀"),
            ("12 km\u{a0}h", "12 km\u{a0}h"),
        ] {
            assert_eq!(written(Form::Text, value), Ok(row.to_owned()));
        }
    }

    #[test]
    fn what_could_be_read_in_another_way_is_not_written() {
        use Unwritable::*;
        for (value, because) in [
            ("a\\b", Backslash),
            ("a\nb", LineBreak),
            ("a\rb", LineBreak),
            ("a\u{b}b", LineBreak),
            ("a\u{2028}b", LineBreak),
            ("a\u{2029}b", LineBreak),
            ("a\u{85}b", LineBreak),
            ("a\tb", ControlCharacter),
            ("a\0", ControlCharacter),
            ("a\u{7f}", ControlCharacter),
            ("\"a\"", QuotationMark),
            ("Bob \"B\" Bee", QuotationMark),
            (" a", BlankAtEdge),
            ("a\u{3000}", BlankAtEdge),
            ("\u{feff}a", BlankAtEdge),
            (" ", BlankAtEdge),
        ] {
            assert_eq!(written(Form::Text, value), Err(because), "{value:?}");
        }
    }

    #[test]
    fn a_birthdate_changes_its_form() {
        assert_eq!(written(Form::Birthdate, "1985-02-01"), Ok("02/01/1985".into()));
        assert_eq!(written(Form::Birthdate, "2024-02-29"), Ok("02/29/2024".into()));
        assert_eq!(written(Form::Birthdate, "0031-12-31"), Ok("12/31/0031".into()));
        for bad in [
            "1985-2-1",
            "02/01/1985",
            "2023-02-29",
            "1985",
            "0000-05-01",
            "+985-02-01",
            "1985-02-+1",
            "1985-02-01T",
            "１985-02-1",
        ] {
            assert_eq!(written(Form::Birthdate, bad), Err(Unwritable::NotADate), "{bad}");
        }
    }

    #[test]
    fn times_and_booleans_are_checked() {
        assert_eq!(written(Form::UpdatedAt, "1471453471"), Ok("1471453471".into()));
        for bad in ["yesterday", "1471453471.5", "-1", "+1", "007", "1e9", "99999999999999999999999"] {
            assert_eq!(written(Form::UpdatedAt, bad), Err(Unwritable::NotATime), "{bad}");
        }
        assert_eq!(written(Form::Boolean, "TRUE"), Ok("true".into()));
        assert_eq!(written(Form::Boolean, "False"), Ok("false".into()));
        assert_eq!(written(Form::Boolean, "yes"), Err(Unwritable::NotABoolean));
    }
}
