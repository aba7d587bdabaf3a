//! CSV output. Every CSV file that the command line writes is written here.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return as a formula, and
//! users choose their usernames. So such a cell gets an apostrophe in front. A cell that begins with an apostrophe
//! gets another one. A program that reads the file removes one apostrophe from the beginning of each cell.
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
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
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

/// The cell as no spreadsheet takes it for a formula.
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
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
            "'quoted'",
        ] {
            let written = read(&written(cell));
            assert_eq!(written, format!("'{cell}"), "{cell:?}");
            assert_eq!(written.strip_prefix('\''), Some(cell));
        }
    }

    #[test]
    fn other_cells_are_written_as_they_are() {
        for cell in ["", "anna", "a=b", "anna+1@example.com", "a, \"b\"", "Имя"] {
            assert_eq!(read(&written(cell)), cell);
        }
        assert!(written("anna").starts_with("name,other\r\nanna,x\r\n"));
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
