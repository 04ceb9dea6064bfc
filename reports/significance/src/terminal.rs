//! The page on a terminal: its results, its verdicts in words, and what limits them.

use anstyle::{AnsiColor, Effects, Style};
use dst_analysis::document::{Block, Cell, Page, Section, Table, Topic, VerdictGroup};
use dst_stats::verdict::Verdict;

/// The longest line of running text: longer ones are hard to read, however wide the terminal is.
const LONGEST_LINE: usize = 100;

/// Spaces between columns.
const GAP: &str = "  ";

/// The results, verdicts and notes of every family, and what came out, in lines of at most `width`
/// characters.
pub(crate) fn text(page: &Page, width: usize) -> String {
    let prose = width.clamp(20, LONGEST_LINE);
    let mut text = String::new();
    for section in page.sections.iter().filter(|section| section.topic == Topic::Family) {
        text.push_str(&family(section, width.max(20), prose));
    }
    for warning in &page.warnings {
        text.push_str(&wrapped(&format!("warning: {}", plain(warning)), "", "  ", prose));
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
                text.push_str(&self::table(table, width));
                for note in &table.notes {
                    text.push_str(&wrapped(&plain(note), "  ", "  ", prose));
                }
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
            }
            Block::Figure(_) | Block::Verbatim { .. } => {}
        }
    }
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

/// The table in the columns that fit: those of the highest rank go first.
fn table(table: &Table, width: usize) -> String {
    let heads: Vec<String> = table.columns.iter().map(|column| plain(&column.heading())).collect();
    let cells: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| plain(cell.text())).collect()).collect();
    let mut shown: Vec<usize> = (0..table.columns.len()).collect();
    let mut widths = widths(&heads, &cells);
    let total = |shown: &[usize], widths: &[usize]| {
        shown.iter().map(|&column| widths[column]).sum::<usize>()
            + GAP.len() * shown.len().saturating_sub(1)
    };
    while total(&shown, &widths) > width {
        let droppable = shown.iter().copied().filter(|&column| table.columns[column].rank > 1);
        let Some(least) = droppable.max_by_key(|&column| (table.columns[column].rank, column))
        else {
            break;
        };
        shown.retain(|&column| column != least);
    }
    // What is still too wide is wrapped between words: heads first, then names.
    let over = total(&shown, &widths).saturating_sub(width);
    if over > 0 {
        for &column in &shown {
            let words = |text: &String| text.split(' ').map(chars).max().unwrap_or(0);
            let numeric = table.is_numeric(column);
            let narrowest = cells
                .iter()
                .filter_map(|row| row.get(column))
                .map(|text| if numeric { longest_part(text) } else { words(text) })
                .chain([words(&heads[column])])
                .max()
                .unwrap_or(0);
            let over = total(&shown, &widths).saturating_sub(width);
            widths[column] = widths[column].saturating_sub(over).max(narrowest.min(widths[column]));
        }
    }
    let mut text = String::new();
    let right = |column: usize| table.is_numeric(column);
    let mut push = |row: Vec<(Vec<String>, Style)>| {
        let lines = row.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0);
        for line in 0..lines {
            let mut out = String::new();
            for (place, &column) in shown.iter().enumerate() {
                let (cell, style) = &row[place];
                let words = cell.get(line).map_or("", String::as_str);
                let padding = " ".repeat(widths[column].saturating_sub(chars(words)));
                if place > 0 {
                    out.push_str(GAP);
                }
                match (right(column), words.is_empty()) {
                    (_, true) => out.push_str(&padding),
                    (true, _) => out.push_str(&format!("{padding}{style}{words}{style:#}")),
                    (false, _) => out.push_str(&format!("{style}{words}{style:#}{padding}")),
                }
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
    };
    push(
        shown
            .iter()
            .map(|&column| (broken(&heads[column], widths[column]), Style::new()))
            .collect(),
    );
    for (row, texts) in table.rows.iter().zip(&cells) {
        push(
            shown
                .iter()
                .map(|&column| {
                    (
                        broken(&texts[column], widths[column]),
                        row.get(column).map_or(Style::new(), style),
                    )
                })
                .collect(),
        );
    }
    text
}

fn widths(heads: &[String], cells: &[Vec<String>]) -> Vec<usize> {
    (0..heads.len())
        .map(|column| {
            let own = cells.iter().filter_map(|row| row.get(column)).map(|text| chars(text));
            own.chain([chars(&heads[column])]).max().unwrap_or(0)
        })
        .collect()
}

/// The longest part of a number that must not be broken: a number, or a whole interval.
fn longest_part(text: &str) -> usize {
    match text.split_once(" [") {
        Some((number, interval)) => chars(number).max(1 + chars(interval)),
        None => chars(text),
    }
}

/// Lines of a cell: broken between words, and an interval before its bracket only.
fn broken(text: &str, width: usize) -> Vec<String> {
    if chars(text) <= width {
        return vec![text.to_owned()];
    }
    let words: Vec<String> = match text.split_once(" [") {
        Some((number, interval)) => vec![number.to_owned(), format!("[{interval}")],
        None => text.split(' ').map(str::to_owned).collect(),
    };
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if chars(line) + 1 + chars(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn style(cell: &Cell) -> Style {
    match cell {
        Cell::Verdict(verdict) => verdict_style(*verdict),
        _ => Style::new(),
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Superior => AnsiColor::Green.on_default(),
        Verdict::NonInferior => AnsiColor::Cyan.on_default(),
        Verdict::Worse => AnsiColor::Yellow.on_default(),
        Verdict::Inferior => AnsiColor::Red.on_default(),
        Verdict::Inconclusive | Verdict::NotComparable => Style::new().effects(Effects::DIMMED),
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Text that commands a terminal to nothing: control characters, escapes and marks that turn the
/// direction of writing are taken out of what came from files.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Lines of at most `width` characters, the first after `first`, others after `rest`.
fn wrapped(text: &str, first: &str, rest: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && chars(&line) + 1 + chars(word) > width {
            lines.push_str(&line);
            lines.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    if !empty {
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_analysis::document::Column;

    fn results() -> Table {
        let mut table = Table::new(
            "t",
            "",
            [
                Column::new("strategy", "label"),
                Column::new("accuracy", "a").in_unit("%"),
                Column::new("difference", "d").in_unit("points").rank(1),
                Column::new("FLOPs", "f").in_unit("% of dense").rank(3),
                Column::new("verdict", "verdict"),
            ],
        );
        let number = |text: &str| Cell::Number { value: 1.0, text: text.to_owned() };
        table.rows.push(vec![
            Cell::text_of("a strategy with a long name at 90 %"),
            number("96.27 ± 0.19"),
            number("-1.32 [-1.70, -0.95]"),
            number("29.62"),
            Cell::Verdict(Verdict::Inferior),
        ]);
        table
    }

    fn lines(width: usize) -> Vec<String> {
        let text = anstream_free(&table(&results(), width));
        text.lines().map(str::to_owned).collect()
    }

    /// Without the styles.
    fn anstream_free(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('\u{1b}') {
            plain.push_str(&rest[..start]);
            rest = rest[start..].split_once('m').map_or("", |(_, after)| after);
        }
        plain + rest
    }

    #[test]
    fn a_wide_terminal_has_every_column_on_one_line() {
        assert_eq!(
            lines(120),
            [
                "strategy                               accuracy, %    difference, points  FLOPs, % of \
                 dense  verdict",
                "a strategy with a long name at 90 %  96.27 ± 0.19  -1.32 [-1.70, -0.95]              \
                 29.62  inferior",
            ]
        );
    }

    #[test]
    fn a_narrow_one_leaves_columns_out_and_breaks_names_between_words() {
        let narrow = lines(60);
        assert!(narrow.iter().all(|line| chars(line) <= 60), "{narrow:#?}");
        let all = narrow.join("\n");
        assert!(!all.contains("FLOPs") && all.contains("-1.32") && all.contains("[-1.70, -0.95]"));
        assert!(all.contains("inferior") && all.contains("96.27 ± 0.19"), "{all}");
    }

    #[test]
    fn text_from_files_commands_no_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\u{202e}c\nd"), "a [31mb c d");
    }
}
