//! Files of import jobs, read by the documented rules alone: whatever these do not allow is an error.

use std::collections::BTreeMap;

/// The most characters of a row.
const ROW_CHARACTERS: usize = 16_000;

/// Reads a whole file: rows by column name.
pub fn read(body: &[u8]) -> Result<Vec<BTreeMap<String, String>>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "not UTF-8")?;
    if text.starts_with('\u{feff}') {
        return Err("a byte order mark");
    }
    let mut lines = text.strip_suffix('\n').ok_or("the last line is not ended")?.split('\n');
    let columns = values(lines.next().unwrap_or_default())?;
    lines.map(|line| named(&columns, line)).collect()
}

/// Reads one row: values by column name.
pub fn named(columns: &[String], row: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let values = values(row)?;
    match values.len() == columns.len() {
        true => Ok(columns.iter().cloned().zip(values).collect()),
        false => Err("another number of values than of columns"),
    }
}

/// Reads the values of one row: a backslash may stand before a comma only, and white space around a value is taken off.
pub fn values(row: &str) -> Result<Vec<String>, &'static str> {
    if row.chars().count() > ROW_CHARACTERS || row.contains(['\n', '\r', '"']) {
        return Err("a row that is too long, or with a quotation mark");
    }
    let (mut values, mut value) = (Vec::new(), String::new());
    let mut characters = row.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next() == Some(',') => value.push(','),
            '\\' => return Err("a backslash before something else than a comma"),
            ',' => values.push(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    values.push(value);
    Ok(values.iter().map(|value| value.trim().to_owned()).collect())
}
