//! A reader for files of import jobs. It follows the documented rules, and refuses all that they do
//! not allow.

use std::collections::BTreeMap;

/// Characters of a row.
const MAX_ROW_CHARACTERS: usize = 16_000;

/// Reads a whole file: rows by column name.
pub fn read(body: &[u8]) -> Result<Vec<BTreeMap<String, String>>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "not UTF-8")?;
    if text.starts_with('\u{feff}') {
        return Err("a byte order mark");
    }
    let mut lines = text.strip_suffix('\n').ok_or("the last line has no line break")?.split('\n');
    let columns = values(lines.next().unwrap_or_default())?;
    lines.map(|line| named(&columns, line)).collect()
}

/// Reads one row: values by column name.
pub fn named(columns: &[String], row: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let values = values(row)?;
    if values.len() != columns.len() {
        return Err("the numbers of values and columns differ");
    }
    Ok(columns.iter().cloned().zip(values).collect())
}

/// Reads the values of one row. A backslash may only stand before a comma. White space around a
/// value is dropped.
pub fn values(row: &str) -> Result<Vec<String>, &'static str> {
    if row.chars().count() > MAX_ROW_CHARACTERS || row.contains(['\n', '\r', '"']) {
        return Err("a row that is too long, or with a quotation mark");
    }
    let (mut values, mut value) = (Vec::new(), String::new());
    let mut characters = row.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next() == Some(',') => value.push(','),
            '\\' => return Err("a backslash that is not before a comma"),
            ',' => values.push(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    values.push(value);
    Ok(values.iter().map(|value| value.trim().to_owned()).collect())
}
