//! Tables as text and as Markdown, and the document that contains them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, ContentArrangement, presets};

use crate::figures::Table;

/// The bench writes everything between these lines of the document.
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

impl Table {
    /// The table for a terminal.
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

    /// The table for a document.
    pub fn markdown(&self) -> String {
        let line =
            |cells: &mut dyn Iterator<Item = &str>| format!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        let head = line(&mut self.columns.iter().copied());
        let rule = format!("|{}", "---:|".repeat(self.columns.len()));
        let rows = self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
        let lines: Vec<String> = [head, rule].into_iter().chain(rows).collect();
        format!("### {}\n\n{}\n", self.title, lines.join("\n"))
    }
}

/// Writes the tables into the document, and the plots into their folder.
///
/// # Errors
/// If a file cannot be read or written, or if the document lacks the two lines.
pub fn write(docs: &Path, tables: &[Table], plots: &[(&str, String)]) -> Result<()> {
    let document = docs.join("performance.md");
    let old = fs::read_to_string(&document).with_context(|| format!("cannot read {}", document.display()))?;
    let tables: Vec<String> = tables.iter().map(Table::markdown).collect();
    let new = replace_between_markers(&old, &tables.join("\n"))
        .with_context(|| format!("{} lacks the lines {BEGIN} and {END}", document.display()))?;
    let folder = docs.join("performance");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, svg) in plots {
        let path = folder.join(name);
        fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::write(&document, new).with_context(|| format!("cannot write {}", document.display()))
}

/// The document with `content` between the two lines. None if it lacks them.
fn replace_between_markers(document: &str, content: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{content}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_markers_changes() {
        let document = format!("by hand\n{BEGIN}\nold\n{END}\nby hand, too\n");
        let written = replace_between_markers(&document, "new\n").unwrap();
        assert_eq!(written, format!("by hand\n{BEGIN}\n\nnew\n\n{END}\nby hand, too\n"));
        assert_eq!(replace_between_markers(&written, "new\n").as_deref(), Some(written.as_str()));
        assert_eq!(replace_between_markers("no markers", ""), None);
    }

    #[test]
    fn a_table_has_a_line_for_every_row() {
        let table = Table { title: "T", columns: vec!["a", "b"], rows: vec![vec!["1".into(), "2".into()]] };
        assert_eq!(table.markdown(), "### T\n\n| a | b |\n|---:|---:|\n| 1 | 2 |\n");
        assert!(table.text().contains("1 ┆ 2"));
    }
}
