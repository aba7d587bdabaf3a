//! The sub map of a restore, line by line. It grows with the pool, so the command never holds all of it.

use std::fmt;
use std::io::{self, BufWriter, Write};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::{LeftOut, Origin, PoolId, Restore, RestoreState, Sub, Username};

use super::csv_lines::CsvLines;
use super::restores::state;
use super::text::{ago, number};
use crate::sub_maps::NamedEntry;

/// The format of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LineFormat {
    /// Source: RFC 4180.
    #[value(
        help = "Comma-separated values with a header line, as in RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe"
    )]
    Csv,
    /// Source: <https://jsonlines.org>.
    #[value(help = "One JSON object a line")]
    Jsonl,
}

/// The names of the fields: the first line of a CSV file.
const FIELDS: [&str; 6] = ["oldSub", "oldUsername", "newSub", "newUsername", "result", "signInName"];

/// One line. Empty fields of CSV are `null` in JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// The `sub` in the snapshot.
    old_sub: &'a Sub,
    /// The username in the snapshot.
    old_username: &'a Username,
    /// The `sub` in the target.
    new_sub: Option<&'a Sub>,
    /// The username in the target.
    new_username: Option<&'a Username>,
    result: MapResult,
    /// The name that the user signs in with, as in the snapshot: a username or an address.
    sign_in_name: Option<&'a Username>,
}

/// What the newest restore that handled a user did with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum MapResult {
    /// The restore created the user.
    Created,
    /// The target held the user: as in the snapshot, or updated.
    Found,
    /// The target held the user: different, and left so.
    Kept,
    /// The user signed in through a provider, and Cognito created it.
    SignedIn,
    /// The user was left to its next federated sign-in.
    LeftToSignIn,
    /// The user could not be restored, or was left out.
    NotRestored,
}

impl<'a> From<&'a NamedEntry> for Line<'a> {
    fn from(NamedEntry { entry, in_target, sign_in_name }: &'a NamedEntry) -> Self {
        let result = match entry.origin() {
            None if entry.left_out == Some(LeftOut::ToSignIn) => MapResult::LeftToSignIn,
            None => MapResult::NotRestored,
            Some(Origin::SignedIn) => MapResult::SignedIn,
            Some(Origin::Created) => MapResult::Created,
            Some(Origin::Found) => MapResult::Found,
            Some(Origin::Kept) => MapResult::Kept,
        };
        Self {
            old_sub: &entry.old_sub,
            old_username: &entry.old_username,
            new_sub: in_target.as_ref().and_then(|user| user.sub.as_ref()),
            new_username: in_target.as_ref().map(|user| &user.username),
            result,
            sign_in_name: sign_in_name.as_ref(),
        }
    }
}

impl<'a> Line<'a> {
    fn cells(&self) -> [&'a str; FIELDS.len()] {
        let name = |name: Option<&'a Username>| name.map_or("", Username::as_str);
        [
            self.old_sub.as_str(),
            self.old_username.as_str(),
            self.new_sub.map_or("", Sub::as_str),
            name(self.new_username),
            self.result.name(),
            name(self.sign_in_name),
        ]
    }
}

impl MapResult {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Found => "found",
            Self::Kept => "kept",
            Self::SignedIn => "signedIn",
            Self::LeftToSignIn => "leftToSignIn",
            Self::NotRestored => "notRestored",
        }
    }
}

/// The lines of each result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    created: u64,
    found: u64,
    kept: u64,
    signed_in: u64,
    left_to_sign_in: u64,
    not_restored: u64,
}

/// Writes the lines of a sub map.
pub struct SubMapLines<W: Write> {
    writer: Writer<W>,
    count: Count,
}

enum Writer<W: Write> {
    Csv(Box<CsvLines<W>>),
    Jsonl(BufWriter<W>),
}

impl<W: Write> SubMapLines<W> {
    /// Writes the header of a CSV file.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn begin(out: W, format: LineFormat) -> io::Result<Self> {
        let writer = match format {
            LineFormat::Csv => Writer::Csv(Box::new(CsvLines::begin(out, &FIELDS)?)),
            LineFormat::Jsonl => Writer::Jsonl(BufWriter::new(out)),
        };
        Ok(Self { writer, count: Count::default() })
    }

    /// Writes the lines of `entries`, and flushes them.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write(&mut self, entries: &[NamedEntry]) -> io::Result<()> {
        for line in entries.iter().map(Line::from) {
            match &mut self.writer {
                Writer::Csv(csv) => csv.write(&line.cells())?,
                Writer::Jsonl(out) => {
                    serde_json::to_writer(&mut *out, &line)?;
                    out.write_all(b"\n")?;
                }
            }
            *match line.result {
                MapResult::Created => &mut self.count.created,
                MapResult::Found => &mut self.count.found,
                MapResult::Kept => &mut self.count.kept,
                MapResult::SignedIn => &mut self.count.signed_in,
                MapResult::LeftToSignIn => &mut self.count.left_to_sign_in,
                MapResult::NotRestored => &mut self.count.not_restored,
            } += 1;
        }
        match &mut self.writer {
            Writer::Csv(csv) => csv.flush(),
            Writer::Jsonl(out) => out.flush(),
        }
    }
}

impl<W: Write> fmt::Display for SubMapLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count { created, found, kept, signed_in, left_to_sign_in, not_restored } = self.count;
        let [created, found, kept, not_restored] = [created, found, kept, not_restored].map(number);
        write!(f, "Users: {created} created, {found} found, {kept} kept, {not_restored} not restored.")?;
        if signed_in + left_to_sign_in > 0 {
            let [signed_in, left] = [signed_in, left_to_sign_in].map(number);
            write!(f, " Federated: {signed_in} signed in, {left} left to their next sign-in.")?;
        }
        Ok(())
    }
}

/// Names the restores of the map, newest first, and says what the map may lack.
pub fn heading(pool: &PoolId, restores: &[Restore], now: Timestamp) -> String {
    let mut text = match restores {
        [restore] => format!(
            "Restore {}, {}: snapshot {} of user pool {} into {pool}, begun {}.",
            restore.id,
            state(restore.state),
            restore.snapshot,
            restore.source,
            ago(restore.began(), now)
        ),
        _ => {
            let count = plural(restores.len() as u64, "restore", "restores");
            let newest =
                restores.first().map(|newest| format!(", the newest begun {}", ago(newest.began(), now)));
            format!("{count} into user pool {pool}{}.", newest.unwrap_or_default())
        }
    };
    let is_open = |restore: &Restore| matches!(restore.state, RestoreState::Running | RestoreState::Failed);
    if restores.iter().any(is_open) {
        text += " Of an unfinished restore, the map holds only the users that it has handled so far.";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn written(format: LineFormat) -> String {
        let mut out = Vec::new();
        let mut lines = SubMapLines::begin(&mut out, format).unwrap();
        lines.write(&testing::named_sub_map()).unwrap();
        assert_eq!(lines.to_string(), "Users: 1 created, 1 found, 1 kept, 1 not restored.");
        drop(lines);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_field_is_quoted() {
        let csv = written(LineFormat::Csv);
        assert!(csv.ends_with("\r\n") && csv.lines().count() == 5);
        insta::assert_snapshot!(csv.replace("\r\n", "\n"));
    }

    #[test]
    fn no_username_in_csv_begins_as_a_formula_and_json_has_it_as_it_is() {
        let mut entries = testing::named_sub_map();
        entries[0].entry.old_username = Username::new("=cmd|'/c calc'!A1");
        entries[0].sign_in_name = Some(Username::new("+4930123456"));
        let written = |format| {
            let mut out = Vec::new();
            SubMapLines::begin(&mut out, format).unwrap().write(&entries[..1]).unwrap();
            String::from_utf8(out).unwrap()
        };
        let csv = written(LineFormat::Csv);
        assert!(csv.contains(",\"'=cmd|") && csv.ends_with(",\"'+4930123456\"\r\n"), "{csv}");
        let jsonl = written(LineFormat::Jsonl);
        assert!(jsonl.contains("\"=cmd|") && jsonl.contains("\"+4930123456\""), "{jsonl}");
    }

    #[test]
    fn the_results_have_the_same_names_in_both_formats() {
        use MapResult::{Created, Found, Kept, LeftToSignIn, NotRestored, SignedIn};
        for result in [Created, Found, Kept, LeftToSignIn, NotRestored, SignedIn] {
            assert_eq!(serde_json::to_value(result).unwrap(), result.name());
        }
    }

    #[test]
    fn every_line_is_an_object_with_the_same_fields() {
        let jsonl = written(LineFormat::Jsonl);
        for line in jsonl.lines() {
            assert!(FIELDS.iter().all(|field| line.contains(&format!("\"{field}\":"))), "{line}");
        }
        insta::assert_snapshot!(jsonl);
    }

    #[test]
    fn federated_users_are_counted_by_whether_they_have_signed_in() {
        let mut entries = testing::named_sub_map();
        entries[3].entry.left_out = Some(LeftOut::ToSignIn);
        if let Some(restored) = &mut entries[1].entry.restored {
            restored.origin = Origin::SignedIn;
        }
        let mut out = Vec::new();
        let mut lines = SubMapLines::begin(&mut out, LineFormat::Csv).unwrap();
        lines.write(&entries).unwrap();
        assert_eq!(
            lines.to_string(),
            "Users: 1 created, 0 found, 1 kept, 0 not restored. Federated: 1 signed in, 1 left to their next sign-in."
        );
        drop(lines);
        let csv = String::from_utf8(out).unwrap();
        assert!(csv.contains(",\"signedIn\",") && csv.contains(",\"leftToSignIn\","), "{csv}");
    }

    #[test]
    fn an_empty_map_has_a_header_in_csv() {
        for (format, expected) in [
            (
                LineFormat::Csv,
                "\"oldSub\",\"oldUsername\",\"newSub\",\"newUsername\",\"result\",\"signInName\"\r\n",
            ),
            (LineFormat::Jsonl, ""),
        ] {
            let mut out = Vec::new();
            SubMapLines::begin(&mut out, format).unwrap().write(&[]).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn the_heading_names_the_restore_and_its_state() {
        let heading = |restores: &[Restore]| heading(&testing::pool("b"), restores, testing::now());
        insta::assert_snapshot!(heading(&[testing::restore(RestoreState::Partial)]));
        insta::assert_snapshot!(heading(&[testing::restore(RestoreState::Running)]));
        let both = [RestoreState::Succeeded, RestoreState::Partial].map(testing::restore);
        assert_eq!(heading(&both), "2 restores into user pool eu-west-1_b, the newest begun 2 h ago.");
    }
}
