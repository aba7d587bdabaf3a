//! Numbers, times and tables for the operator.

use std::cell::Cell;
use std::time::Duration;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use shared::format::plural;
pub use shared::format::{ago, grouped as number, seconds_between, time};
use shared::model::{Counts, RecordKind};

/// Two units: `45 s`, `12 min 5 s`, `1 h 7 min`, `2 days 3 h`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |big: u64, big_name: &str, small: u64, small_name: &str| match small {
        0 => format!("{big} {big_name}"),
        _ => format!("{big} {big_name} {small} {small_name}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..172_800 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "days", seconds % 86_400 / 3_600, "h"),
    }
}

/// `1,200 of 400,000 users, 3 of 3 groups, 0 of 1 membership`.
pub fn so_far(done: &Counts, all: &Counts) -> String {
    let part = |kind: RecordKind| {
        format!("{} of {}", number(done.of(kind)), plural(all.of(kind), kind.singular(), kind.plural()))
    };
    RecordKind::ALL.map(part).join(", ")
}

/// `12.3 MB`: bytes in one decimal unit. AWS bills in these.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", number(bytes / unit), bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// The least width of a last column that is wrapped.
const MIN_WRAPPED: usize = 20;

thread_local! {
    /// The columns of the terminal. None without a terminal: then no table is wrapped.
    static TERMINAL: Cell<Option<u16>> = const { Cell::new(None) };
}

/// From now on, the last column of a table is wrapped so that the table fits into the terminal.
pub fn fit_to_terminal() {
    TERMINAL.set(Table::new().width());
}

/// Columns without lines. A column whose header begins with `>` is right-aligned.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().map(|title| title.trim_start_matches('>')));
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    for (column, title) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if title.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(width) = TERMINAL.get() {
        wrap_last_column(&mut table, width);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Wraps the last column, unless the others leave it no room. No word is wrapped: an operator copies names.
fn wrap_last_column(table: &mut Table, width: u16) {
    let widths = table.column_max_content_widths();
    let others = widths.iter().rev().skip(1).map(|content| usize::from(*content) + 2).sum::<usize>();
    let cells = table.row_iter().filter_map(|row| row.cell_iter().last());
    let longest_word =
        |text: String| text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default();
    let longest = cells.map(|cell| longest_word(cell.content())).max().unwrap_or_default();
    if others + longest.max(MIN_WRAPPED) > usize::from(width) {
        return;
    }
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    let last = widths.len().saturating_sub(1);
    table.column_iter_mut().take(last).for_each(|column| {
        column.set_constraint(ColumnConstraint::ContentWidth);
    });
}

/// `text` with each line indented.
pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let all =
            [45, 60, 725, 4_020, 172_800, 183_600].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(all, ["45 s", "1 min", "12 min 5 s", "1 h 7 min", "2 days", "2 days 3 h"]);
    }

    #[test]
    fn sizes_have_one_unit() {
        let all = [0, 999, 1_000, 12_345_678, 999_999_999, 1_234_000_000_000].map(size);
        assert_eq!(all, ["0 bytes", "999 bytes", "1.0 KB", "12.3 MB", "999.9 MB", "1,234.0 GB"]);
    }

    #[test]
    fn a_table_fits_into_the_terminal_if_its_last_column_can_be_wrapped() {
        let rows =
            || vec![vec!["20261121T010000000Z-00000001".to_owned(), "because of many reasons ".repeat(4)]];
        let widest = |width| {
            TERMINAL.set(width);
            let table = table(&["SNAPSHOT", "WHY"], rows());
            (table.lines().map(|line| line.chars().count()).max(), table.lines().count())
        };
        let (unbounded, fitting, narrow) = (widest(None), widest(Some(60)), widest(Some(40)));
        assert!(unbounded.0 > Some(100) && unbounded.1 == 2, "{unbounded:?}");
        assert!(fitting.0 <= Some(60) && fitting.1 > 2, "{fitting:?}");
        assert_eq!(narrow, unbounded, "an id is never wrapped");
    }

    #[test]
    fn a_table_wraps_no_name_in_its_last_column() {
        let name = format!("import-eu-west-1_{}", "a".repeat(40));
        let rows =
            || vec![vec!["RUNNING".to_owned(), name.clone()], vec!["FAILED".to_owned(), "short".to_owned()]];
        TERMINAL.set(Some(40));
        let text = table(&["STATE", "EXECUTION"], rows());
        TERMINAL.set(None);
        assert!(text.contains(&name), "{text}");
    }

    #[test]
    fn tables_are_aligned_and_end_without_blanks() {
        let rows = vec![vec!["users".to_owned(), number(400_000)], vec!["groups".to_owned(), number(7)]];
        assert_eq!(table(&["", ">created"], rows), "        created\nusers   400,000\ngroups        7");
    }
}
