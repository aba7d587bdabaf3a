//! CSV output. Every CSV file that the command line writes is written here.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, one of their full-width forms, a tab, a line feed
//! or a carriage return as a formula, and users choose their usernames. A spreadsheet that separates cells by
//! semicolons or tabs sees cells within a cell. So every cell is quoted. If a cell begins so, an apostrophe goes in
//! front. The same holds for the text after each comma, semicolon, tab, line feed and carriage return, and for a text
//! that begins with an apostrophe or a quotation mark. Blanks before a formula make no difference. A program that reads the
//! file removes one apostrophe from the beginning of each cell, and one after each such character.
//! Source: OWASP, "CSV Injection".
//!
//! The files of import jobs are not written here: Cognito reads them as they are.

use std::borrow::Cow;
use std::io::{self, Write};

/// Writes lines as in RFC 4180.
pub struct CsvLines<W: Write>(csv::Writer<W>);

impl<W: Write> CsvLines<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn begin(out: W, header: &[&str]) -> io::Result<Self> {
        let writer = csv::WriterBuilder::new()
            .quote_style(csv::QuoteStyle::Always)
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        let mut lines = Self(writer);
        lines.write(header)?;
        Ok(lines)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn write(&mut self, cells: &[&str]) -> io::Result<()> {
        let cells = cells.iter().map(|cell| harmless(cell));
        self.0.write_record(cells.map(|cell| cell.into_owned().into_bytes())).map_err(io_error)
    }

    /// Passes the lines on.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The characters that separate cells or lines in some spreadsheet.
const SEPARATORS: [char; 5] = [',', ';', '\t', '\n', '\r'];

/// Whether a text can make a cell a formula, or has an apostrophe already.
fn is_harmful(text: &str) -> bool {
    const FORMULA: [char; 11] =
        ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\t', '\n', '\r'];
    text.starts_with(['\'', '"']) || text.trim_start_matches(' ').starts_with(FORMULA)
}

/// The cell as no spreadsheet takes it for a formula.
fn harmless(cell: &str) -> Cow<'_, str> {
    let after_separators = cell.match_indices(SEPARATORS).map(|(at, separator)| at + separator.len());
    let mut harmful = std::iter::once(0)
        .chain(after_separators)
        .filter(|&at| cell.get(at..).is_some_and(is_harmful))
        .peekable();
    if harmful.peek().is_none() {
        return cell.into();
    }
    let (mut text, mut written) = (String::with_capacity(cell.len() + 1), 0);
    for at in harmful {
        text.push_str(cell.get(written..at).unwrap_or_default());
        text.push('\'');
        written = at;
    }
    text.push_str(cell.get(written..).unwrap_or_default());
    text.into()
}

/// The I/O error in an error of the CSV writer. Its other errors may quote a cell.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => io::Error::other("a line cannot be written as CSV"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 2] = ["name", "other"];

    fn written(cell: &str) -> String {
        let mut out = Vec::new();
        let mut lines = CsvLines::begin(&mut out, &HEADER).unwrap();
        lines.write(&[cell, "x"]).unwrap();
        lines.flush().unwrap();
        drop(lines);
        String::from_utf8(out).unwrap()
    }

    fn read(csv: &str) -> String {
        let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(csv.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        record[0].to_owned()
    }

    #[test]
    fn no_cell_begins_as_a_formula_and_one_apostrophe_leads_back() {
        for cell in [
            "=HYPERLINK(\"http://example.com\")",
            "+4930123456",
            "-1+1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n",
            "'quoted'",
            "\"quoted\"",
            " =1",
            "＝1",
            "＋1",
            "－1",
            "＠1",
        ] {
            let written = read(&written(cell));
            assert!(written.starts_with('\''), "{cell:?}");
            assert_eq!(restored(&written), cell);
        }
    }

    /// The cell without the apostrophes that this file adds.
    fn restored(cell: &str) -> String {
        let (mut text, mut is_beginning) = (String::new(), true);
        for c in cell.chars() {
            if !(is_beginning && c == '\'') {
                text.push(c);
            }
            is_beginning = SEPARATORS.contains(&c);
        }
        text
    }

    #[test]
    fn no_text_after_a_separator_begins_as_a_formula() {
        for (cell, expected) in [
            ("a;=cmd()", "a;'=cmd()"),
            ("a,b;c", "a,b;c"),
            ("a;\"=cmd()\"", "a;'\"=cmd()\""),
            ("a\n=1\t@x", "a\n'=1\t'@x"),
            ("a; +1;' b", "a;' +1;'' b"),
            (";\t=;", ";'\t'=;"),
            ("a,＝1", "a,'＝1"),
        ] {
            assert_eq!(read(&written(cell)), expected, "{cell:?}");
            assert_eq!(restored(expected), cell);
        }
    }

    #[test]
    fn other_cells_are_written_as_they_are() {
        for cell in ["", "anna", "a=b", "anna+1@example.com", "a, \"b\"", "Имя"] {
            assert_eq!(read(&written(cell)), cell);
        }
        assert!(written("anna").starts_with("\"name\",\"other\"\r\n\"anna\",\"x\"\r\n"));
    }

    /// A second writer would not know the rule.
    #[test]
    fn only_this_file_writes_csv() {
        fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    files(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    found.push(path);
                }
            }
        }
        let (mut all, mut writers) = (Vec::new(), Vec::new());
        files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
        for file in all {
            if std::fs::read_to_string(&file).unwrap().contains("csv::Writer") {
                writers.push(file.file_name().unwrap().to_owned());
            }
        }
        assert_eq!(writers, ["csv_lines.rs"]);
    }
}
