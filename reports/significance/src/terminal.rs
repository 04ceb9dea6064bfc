//! The page on a terminal: its results, its verdicts in words, and what limits them.

use anstyle::{Effects, Style};
use dst_analysis::document::{Block, Page, Section, Table, Topic, VerdictGroup};
use unicode_width::UnicodeWidthStr as _;

mod table;

/// The longest line of running text: longer ones are hard to read, however wide the terminal is.
const LONGEST_LINE: usize = 100;

/// Runs that did not finish that are named for each family; the files have all.
const FAILURES: usize = 12;

/// The results, verdicts and notes of every family, and what came out, in lines of at most `width`
/// columns.
pub(crate) fn text(page: &Page, width: usize) -> String {
    let prose = width.clamp(20, LONGEST_LINE);
    let mut text = String::new();
    for section in page.sections.iter().filter(|section| section.topic == Topic::Family) {
        text.push_str(&family(section, width.max(20), prose));
    }
    for warning in &page.warnings {
        text.push_str(&wrapped(&format!("warning: {}", plain(&warning.text)), "", "  ", prose));
    }
    for line in &page.lead {
        text.push_str(&wrapped(&plain(line), "", "", prose));
    }
    text
}

fn family(section: &Section, width: usize, prose: usize) -> String {
    let bold = Style::new().effects(Effects::BOLD);
    let mut text = format!("{bold}{}{bold:#}\n", plain(&section.title));
    for block in &section.blocks {
        match block {
            Block::Table(table) => {
                text.push_str(&wrapped(&plain(&table.caption), "", "", prose));
                text.push('\n');
                text.push_str(&table::text(table, width));
                text.push('\n');
            }
            Block::Verdicts { groups } => {
                groups.iter().for_each(|group| text.push_str(&verdicts(group, prose)));
                text.push('\n');
            }
            Block::Notes { notes } => {
                for note in notes {
                    text.push_str(&wrapped(&plain(note), "  ", "  ", prose));
                }
                text.push('\n');
            }
            Block::Paragraph { text: words } => {
                text.push_str(&wrapped(&plain(words), "", "", prose));
                text.push('\n');
            }
            Block::Figure(_) | Block::Verbatim { .. } => {}
        }
    }
    let folded = section.folds.iter().flat_map(|fold| &fold.blocks);
    for block in folded {
        if let Block::Table(table) = block
            && table.id.ends_with("-failures")
        {
            text.push_str(&failures(table, prose));
        }
    }
    text
}

/// Runs that did not finish, a line each: a person at a terminal wants the reason now.
fn failures(table: &Table, prose: usize) -> String {
    let mut text = String::new();
    for row in table.rows.iter().take(FAILURES) {
        let cells: Vec<String> = row.iter().map(|cell| plain(cell.text())).collect();
        let line = match &cells[..] {
            [label, seed, status, reason, ..] if !reason.is_empty() => {
                format!("{label}, seed {seed}: {status}: {reason}")
            }
            [label, seed, status, ..] => format!("{label}, seed {seed}: {status}"),
            _ => continue,
        };
        text.push_str(&wrapped(&line, "  ", "    ", prose));
    }
    if let Some(more @ 1..) = table.rows.len().checked_sub(FAILURES) {
        text.push_str(&format!("  and {more} more; trials.csv has all\n"));
    }
    text.push('\n');
    text
}

fn verdicts(group: &VerdictGroup, prose: usize) -> String {
    let mut text = String::new();
    if !group.title.is_empty() {
        text.push_str(&format!("{}:\n", plain(&group.title)));
    }
    for line in &group.verdicts {
        text.push_str(&wrapped(&plain(&line.sentence), "  ", "    ", prose));
        for note in &line.notes {
            text.push_str(&wrapped(&plain(note), "    ", "    ", prose));
        }
    }
    text
}

/// Text that commands a terminal to nothing: control characters, escapes and marks that turn the
/// direction of writing are taken out of what came from files.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().filter(|c| !turns(*c)).map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// Lines of at most `width` columns, the first after `first`, others after `rest`. A word that is longer
/// stays whole, so that it can be copied.
fn wrapped(text: &str, first: &str, rest: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in words(text) {
        if !empty && line.width() + 1 + word.width() > width {
            lines.push_str(&line);
            lines.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    if !empty {
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

/// What no line breaks: words, and a number with its sign of percent.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(number) if word.starts_with('%') => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_commands_no_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\u{202e}c\nd\u{9b}e\u{2028}f"), "a [31mb c d e f");
    }

    #[test]
    fn lines_break_between_words_and_not_before_a_percent() {
        assert_eq!(
            wrapped("one two at 5 % (98.9 %).", "- ", "  ", 11),
            "- one two\n  at 5 %\n  (98.9 %).\n"
        );
        assert_eq!(wrapped("unbreakable", "", "", 4), "unbreakable\n");
        assert_eq!(wrapped(" ", "- ", "", 4), "");
        // Two columns for each of these.
        assert_eq!(wrapped("網路 網路", "", "", 8), "網路\n網路\n");
    }
}
