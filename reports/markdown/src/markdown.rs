//! The page as Markdown.

use dst_analysis::document::{Block, Figure, Page, Section, Table, VerdictGroup};

/// The document.
pub(crate) fn text(page: &Page) -> String {
    let mut text = format!("# {}\n\n", escaped(&page.title));
    for line in &page.lead {
        text.push_str(&format!("**{}**\n\n", escaped(line)));
    }
    for warning in &page.warnings {
        text.push_str(&format!("> Warning: {}\n\n", escaped(&warning.text)));
    }
    for section in &page.sections {
        text.push_str(&self::section(section));
    }
    text
}

fn section(section: &Section) -> String {
    let mut text = format!("## {}\n\n", escaped(&section.title));
    section.blocks.iter().for_each(|block| text.push_str(&self::block(block)));
    for fold in &section.folds {
        text.push_str(&format!("### {}\n\n", escaped(&fold.title)));
        fold.blocks.iter().for_each(|block| text.push_str(&self::block(block)));
    }
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph { text } => format!("{}\n\n", escaped(text)),
        Block::Notes { notes } => {
            // Another mark than that of verdicts, so that notes below them begin a list of their own.
            let lines: String = notes.iter().map(|note| format!("* {}\n", escaped(note))).collect();
            lines + "\n"
        }
        Block::Verdicts { groups } => groups.iter().map(verdicts).collect(),
        Block::Table(table) => self::table(table),
        Block::Figure(figure) => self::figure(figure),
        Block::Verbatim { language, text } => {
            // A fence longer than any in the text ends it for certain.
            let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
            let fence = "`".repeat(3.max(longest + 1));
            format!("{fence}{language}\n{text}\n{fence}\n\n")
        }
    }
}

fn verdicts(group: &VerdictGroup) -> String {
    let mut text = String::new();
    if !group.title.is_empty() {
        text.push_str(&format!("{}:\n\n", escaped(&group.title)));
    }
    for line in &group.verdicts {
        text.push_str(&format!("- {}\n", escaped(&line.sentence)));
        for note in &line.notes {
            text.push_str(&format!("  - {}\n", escaped(note)));
        }
    }
    text.push('\n');
    text
}

fn figure(figure: &Figure) -> String {
    let (title, name) = (escaped(&figure.title), &figure.name);
    format!("![{title}](figures/{name}.svg)\n\n{title} ([data](figures/{name}.csv)).\n\n")
}

/// A table of Markdown, numbers to the right.
fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("{}\n\n", escaped(&table.caption));
    text.push_str(&line(table.columns.iter().map(|column| escaped(&column.heading())).collect()));
    let rule = |column: usize| if table.is_numeric(column) { "---:" } else { "---" };
    text.push_str(&line((0..table.columns.len()).map(|column| rule(column).to_owned()).collect()));
    for row in &table.rows {
        text.push_str(&line(row.iter().map(|cell| escaped(cell.text())).collect()));
    }
    text.push('\n');
    for note in table.all_notes() {
        text.push_str(&format!("{}\n\n", escaped(note)));
    }
    text
}

/// Text that Markdown and HTML read as nothing but text: what came from files begins no heading, link,
/// emphasis, code or tag, and no other cell.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_analysis::document::{Cell, Column};

    #[test]
    fn markup_from_files_is_text() {
        let hostile = "<script>x</script> [a](b) *c* `d`\n# e | f";
        let text = escaped(hostile);
        assert_eq!(text, "&lt;script&gt;x&lt;/script&gt; \\[a\\](b) \\*c\\* \\`d\\` \\# e \\| f");
        let mut hostile_table = Table::new("t", "", [Column::new("strategy", "label")]);
        hostile_table.rows.push(vec![Cell::text_of("a | b\nc")]);
        assert!(table(&hostile_table).ends_with("| strategy |\n| --- |\n| a \\| b c |\n\n"));
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let verbatim = Block::Verbatim { language: "bibtex".to_owned(), text: "````".to_owned() };
        assert_eq!(block(&verbatim), "`````bibtex\n````\n`````\n\n");
    }
}
