//! Paragraphs and tables in Markdown.

/// The longest line of a paragraph, in characters. Tables may be wider.
const WIDTH: usize = 100;

/// The first lines of every generated page.
pub fn page(title: &str, introduction: &str) -> String {
    format!(
        "# {title}\n\n<!-- Generated: UPDATE_REFERENCE=1 cargo test -p cognito-backup reference -->\n\n{}\n",
        wrapped(introduction)
    )
}

/// Paragraphs, wrapped. A blank line separates them.
pub fn wrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let mut lines = vec![String::new()];
        for word in paragraph.split_whitespace() {
            let line = lines.last_mut().unwrap();
            if line.is_empty() {
                line.push_str(word);
            } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
        lines.join("\n")
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// A table. A column without any text is left out.
pub fn table<const N: usize>(columns: [&str; N], rows: &[[String; N]]) -> String {
    let shown: Vec<usize> = (0..N).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let line = |cells: &dyn Fn(usize) -> String| {
        let cells: Vec<_> = shown.iter().map(|&column| cells(column)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut table = line(&|column| columns[column].to_owned());
    table += &format!("|{}\n", "---|".repeat(shown.len()));
    for row in rows {
        table += &line(&|column| cell(&row[column]));
    }
    table
}

/// The text of a cell: one line, and no `|` that ends the cell.
fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if text.is_empty() { "–".to_owned() } else { text }
}

/// A sentence as a table shows it: with a full stop.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let is_whole = text.is_empty() || text.ends_with(['.', '…', '?', '!']);
    if is_whole { text.to_owned() } else { format!("{text}.") }
}

#[test]
fn paragraphs_wrap_and_tables_leave_out_empty_columns() {
    let long = format!("{} end\n\nnext", "word ".repeat(20).trim());
    assert_eq!(wrapped(&long), format!("{}\nend\n\nnext", "word ".repeat(20).trim()));
    let rows =
        [["a|b".to_owned(), String::new(), "c".to_owned()], ["d".to_owned(), String::new(), String::new()]];
    assert_eq!(table(["1", "2", "3"], &rows), "| 1 | 3 |\n|---|---|\n| a\\|b | c |\n| d | – |\n");
}
