//! Tables on a terminal and in Markdown, and the document that they go into.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, ContentArrangement, presets};

use crate::figures::Table;

/// Between these lines of the document, everything is written by the bench.
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

impl Table {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{}\n{table}", self.title.to_uppercase())
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = &str>| format!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        let head = line(&mut self.columns.iter().copied());
        let rule = format!("|{}", "---:|".repeat(self.columns.len()));
        let rows = self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
        let lines: Vec<String> = [head, rule].into_iter().chain(rows).collect();
        format!("### {}\n\n{}\n", self.title, lines.join("\n"))
    }
}

/// Puts tables and plots into the documents.
///
/// # Errors
/// When a file cannot be read or written, or the document has no place for them.
pub fn write(docs: &Path, tables: &[Table], plots: &[(&str, String)]) -> Result<()> {
    let document = docs.join("performance.md");
    let before = fs::read_to_string(&document).with_context(|| format!("cannot read {}", document.display()))?;
    let tables: Vec<String> = tables.iter().map(Table::markdown).collect();
    let after = between(&before, &tables.join("\n"))
        .with_context(|| format!("{} lacks the lines {BEGIN} and {END}", document.display()))?;
    let folder = docs.join("performance");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, svg) in plots {
        let path = folder.join(name);
        fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::write(&document, after).with_context(|| format!("cannot write {}", document.display()))
}

/// The document with `content` between its markers.
fn between(document: &str, content: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{content}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_is_written() {
        let document = format!("by hand\n{BEGIN}\nold\n{END}\nby hand, too\n");
        let written = between(&document, "new\n").unwrap();
        assert_eq!(written, format!("by hand\n{BEGIN}\n\nnew\n\n{END}\nby hand, too\n"));
        assert_eq!(between(&written, "new\n").as_deref(), Some(written.as_str()));
        assert_eq!(between("no markers", ""), None);
    }

    #[test]
    fn tables_have_a_line_for_every_row() {
        let table = Table { title: "T", columns: vec!["a", "b"], rows: vec![vec!["1".into(), "2".into()]] };
        assert_eq!(table.markdown(), "### T\n\n| a | b |\n|---:|---:|\n| 1 | 2 |\n");
        assert!(table.text().contains("1 ┆ 2"));
    }
}
