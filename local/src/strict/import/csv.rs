//! The CSV file of a user import job: UTF-8 without a byte order mark, a header row, one row for each user,
//! no quotes.
//!
//! A comma in a value is written `\,`. AWS does not document the meaning of any other backslash, or of a
//! line break in a value. The strict proxy fails such a row.
//!
//! Source:
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html#cognito-user-pools-using-import-tool-formatting-csv-file>.

use std::collections::BTreeSet;

/// The column for password hashes. GetCSVHeader does not return it.
pub(super) const PASSWORD_HASH: &str = "password_hash";

/// A file with a valid header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImportFile<'a> {
    /// The columns, in the file's order.
    pub columns: Vec<String>,
    /// The rows below the header, not parsed.
    pub rows: Vec<&'a str>,
}

impl<'a> ImportFile<'a> {
    /// Reads a file. Its header must have exactly the columns of `header`, in any order. It may also have
    /// the column for password hashes.
    ///
    /// # Errors
    /// The reason for which the whole job fails.
    pub fn read(bytes: &'a [u8], header: &[String]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "The file is not in UTF-8.")?;
        if text.starts_with('\u{feff}') {
            return Err("The file begins with a byte order mark.");
        }
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let columns = lines.next().and_then(|line| parse_row(line).ok()).unwrap_or_default();
        let found: BTreeSet<&str> = columns.iter().map(String::as_str).collect();
        if found.len() != columns.len() {
            return Err("The header names a column twice.");
        }
        if header.iter().any(|name| !found.contains(name.as_str())) {
            return Err("The header lacks a column of the user pool.");
        }
        let is_unknown = |name: &str| name != PASSWORD_HASH && !header.iter().any(|known| known == name);
        if found.iter().any(|name| is_unknown(name)) {
            return Err("The header has a column that the user pool does not have.");
        }
        let mut rows: Vec<&str> = lines.collect();
        if rows.last() == Some(&"") {
            rows.pop();
        }
        Ok(Self { columns, rows })
    }
}

/// Splits a row into its values. Removes the white space around them.
///
/// # Errors
/// If a backslash stands before anything except a comma.
pub(super) fn parse_row(row: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = vec![String::new()];
    let mut letters = row.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ',' => fields.push(String::new()),
            '\\' if letters.as_str().starts_with(',') => {
                letters.next();
                push(&mut fields, ',');
            }
            '\\' => return Err("The row could not be parsed."),
            plain => push(&mut fields, plain),
        }
    }
    Ok(fields.into_iter().map(|field| field.trim().to_owned()).collect())
}

fn push(fields: &mut [String], letter: char) {
    if let Some(field) = fields.last_mut() {
        field.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_row_can_escape_only_commas() {
        let read = |row| parse_row(row).map(|fields| fields.join("|"));
        assert_eq!(read(r"a, b ,,Doe\, Jane"), Ok("a|b||Doe, Jane".into()));
        assert_eq!(read(r#""Doe, Jane""#), Ok(r#""Doe|Jane""#.into()), "a quote has no special meaning");
        assert_eq!(read(r"\,\,"), Ok(",,".into()));
        assert!(read(r"a\\,b").is_err() && read(r"a\nb").is_err() && read(r"a\").is_err());
    }

    #[test]
    fn a_csv_header_must_have_every_column_of_the_pool() {
        let header = ["a".to_owned(), "b".to_owned()];
        let read = |text: &'static str| ImportFile::read(text.as_bytes(), &header).map(|file| file.rows);
        assert_eq!(read("b,a\r\n1,2\r\n3,4\n"), Ok(vec!["1,2", "3,4"]));
        assert_eq!(read("a,b,password_hash\n"), Ok(vec![]));
        assert_eq!(read("a,b"), Ok(vec![]));
        assert_eq!(
            read("a,b\n1,2\n\n3,4"),
            Ok(vec!["1,2", "", "3,4"]),
            "an empty line between rows is a row"
        );
        for text in ["", "a\n1", "a,b,c\n", "a,b,b\n", "\u{feff}a,b\n"] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(ImportFile::read(b"a,b\n\xff,1", &header).is_err());
    }
}
