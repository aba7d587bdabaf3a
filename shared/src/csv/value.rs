//! Values: how a row writes them, and which ones it cannot write.
//!
//! The developer guide has one rule: a backslash before a comma. Fields have no quotation marks. If
//! the guide does not say how a job reads a value, no row holds it.

use jiff::civil::Date;

use crate::model::{DataType, PoolDescription, is_custom_attribute, is_standard_attribute};

/// Why a job would not read a value back unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unwritable {
    /// It holds a backslash, which escapes commas. AWS does not document how to escape a backslash.
    Backslash,
    /// It holds a line feed, carriage return, vertical tab, form feed, U+0085, U+2028 or U+2029. A
    /// row is one line, and AWS does not document an escape for line breaks.
    LineBreak,
    /// It holds another control character (Unicode category Cc), such as a tab.
    ControlCharacter,
    /// It holds a quotation mark (U+0022). "Attribute values that are strings should not be in
    /// quotation marks". AWS does not document whether a job drops it `[?]`, as many readers of CSV
    /// do.
    QuotationMark,
    /// It begins or ends with white space: "Any leading or trailing white space in an attribute
    /// value will be trimmed."
    BlankAtEdge,
    /// A `birthdate` that is no date of the form YYYY-MM-DD with a year from 0001, so that
    /// mm/dd/yyyy cannot express it.
    NotADate,
    /// An `updated_at` that is no whole number of seconds.
    NotATime,
    /// An attribute of the type Boolean whose value is neither true nor false, in any case.
    NotABoolean,
    /// An attribute of the type DateTime, or one that neither the schema of the pool nor the
    /// developer guide knows. AWS does not document how a file writes its values.
    UndocumentedType,
}

/// How a row writes the values of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Unchanged.
    Text,
    /// `true` or `false`.
    Boolean,
    /// mm/dd/yyyy.
    Birthdate,
    /// Seconds since 1970.
    UpdatedAt,
}

impl Form {
    pub(super) fn of(name: &str, target: &PoolDescription) -> Result<Self, Unwritable> {
        match name {
            "birthdate" => Ok(Self::Birthdate),
            "updated_at" => Ok(Self::UpdatedAt),
            "email_verified" | "phone_number_verified" => Ok(Self::Boolean),
            name if is_standard_attribute(name) => Ok(Self::Text),
            name if is_custom_attribute(name) => {
                match target.attributes.get(name).map(|schema| &schema.data_type) {
                    Some(DataType::String | DataType::Number) => Ok(Self::Text),
                    Some(DataType::Boolean) => Ok(Self::Boolean),
                    Some(DataType::DateTime | DataType::Other(_)) | None => Err(Unwritable::UndocumentedType),
                }
            }
            _ => Err(Unwritable::UndocumentedType),
        }
    }
}

/// Checks that a job reads `value` back unchanged if only its commas are escaped.
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
    if value.starts_with(is_blank) || value.ends_with(is_blank) {
        Err(Unwritable::BlankAtEdge)
    } else {
        Ok(())
    }
}

/// Whether some implementation of "trim" drops the character.
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
            // The number must have the same text when the job writes it again.
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

/// YYYY-MM-DD as mm/dd/yyyy. Sources: "birthdate" in "Working with user attributes" and in
/// "Formatting the CSV file". The year 0000, which means "omitted" in OpenID Connect, is refused:
/// calendars do not agree on it.
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
    fn a_value_that_a_job_might_misread_is_refused() {
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
    fn a_birthdate_is_written_as_month_day_and_year() {
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
