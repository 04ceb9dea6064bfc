//! A table on a terminal.

use anstyle::{AnsiColor, Effects, Style};
use dst_analysis::document::{Cell, Table};
use dst_stats::verdict::Verdict;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{plain, words, wrapped};

/// Spaces between columns.
const GAP: &str = "  ";

/// Names are not broken within a word while they are narrower than this.
const NARROWEST_NAME: usize = 12;

/// The table in lines of at most `width` columns of the terminal, where that is possible: columns of
/// high rank are left out, and said to be; then heads and names are broken between words, then intervals
/// stand below their numbers, and at last long names are broken anywhere. Below are the notes of what is
/// shown.
pub(super) fn text(table: &Table, width: usize) -> String {
    let (texts, prose) = (Texts::new(table), width.min(super::LONGEST_LINE));
    let mut shown: Vec<usize> = (0..table.columns.len()).collect();
    let mut drop_while = |rank: u8, size: &dyn Fn(usize) -> usize| {
        while total(&shown, size) > width {
            let last = shown.iter().copied().max_by_key(|&c| (table.columns[c].rank, c));
            let Some(last) = last.filter(|&column| table.columns[column].rank >= rank) else {
                break;
            };
            shown.retain(|&column| column != last);
        }
    };
    drop_while(2, &|column| texts.widest(column));
    drop_while(1, &|column| texts.narrowest(column));

    let mut widths: Vec<usize> = (0..table.columns.len()).map(|c| texts.widest(c)).collect();
    type Floor<'a> = &'a dyn Fn(usize) -> usize;
    let floors: [Floor<'_>; 4] = [
        &|column| texts.widest_cell(column).max(texts.longest_head(column)),
        &|column| if texts.numeric[column] { usize::MAX } else { texts.narrowest(column) },
        &|column| texts.narrowest(column),
        &|column| if texts.numeric[column] { usize::MAX } else { NARROWEST_NAME },
    ];
    for floor in floors {
        for &column in &shown {
            let over = total(&shown, |column| widths[column]).saturating_sub(width);
            let least = floor(column).min(widths[column]);
            widths[column] = widths[column].saturating_sub(over).max(least);
        }
    }

    // An interval that stands below its number needs no more room; names take it.
    for &column in shown.iter().filter(|&&column| texts.numeric[column]) {
        if widths[column] < texts.widest_cell(column) {
            widths[column] = texts.narrowest(column).min(widths[column]);
        }
    }
    if let Some(&names) = shown.first() {
        let room = width.saturating_sub(total(&shown, |column| widths[column]));
        widths[names] = texts.widest(names).min(widths[names].saturating_add(room));
    }

    let mut lines = String::new();
    let mut push = |cells: Vec<(&str, Style)>| {
        let row = shown.iter().zip(cells).map(|(&column, (text, style))| Part {
            lines: broken(text, widths[column]),
            width: widths[column],
            numeric: texts.numeric[column],
            style,
        });
        lines.push_str(&laid(&row.collect::<Vec<_>>()));
    };
    push(shown.iter().map(|&column| (&*texts.heads[column], Style::new())).collect());
    for (row, cells) in table.rows.iter().zip(&texts.cells) {
        push(shown.iter().map(|&column| (&*cells[column], style(&row[column]))).collect());
    }
    let left_out: Vec<&str> = (0..table.columns.len())
        .filter(|column| !shown.contains(column))
        .map(|column| table.columns[column].title.as_str())
        .collect();
    if !left_out.is_empty() {
        let note = format!("Not shown at this width: {}.", plain(&left_out.join(", ")));
        lines.push_str(&wrapped(&note, GAP, GAP, prose));
    }
    for note in table.notes_beside(&shown) {
        lines.push_str(&wrapped(&plain(note), GAP, GAP, prose));
    }
    lines
}

/// What stands in a table, and how much room it needs.
struct Texts {
    heads: Vec<String>,
    cells: Vec<Vec<String>>,
    numeric: Vec<bool>,
}

impl Texts {
    fn new(table: &Table) -> Self {
        let columns = 0..table.columns.len();
        let text = |row: &Vec<Cell>, column| {
            row.get(column).map_or_else(String::new, |cell: &Cell| plain(cell.text()))
        };
        Self {
            heads: table.columns.iter().map(|column| plain(&column.heading())).collect(),
            cells: table
                .rows
                .iter()
                .map(|row| columns.clone().map(|c| text(row, c)).collect())
                .collect(),
            numeric: columns.clone().map(|column| table.is_numeric(column)).collect(),
        }
    }

    /// With every text on one line.
    fn widest(&self, column: usize) -> usize {
        self.widest_cell(column).max(self.heads[column].width())
    }

    fn widest_cell(&self, column: usize) -> usize {
        self.cells.iter().map(|row| row[column].width()).max().unwrap_or(0)
    }

    /// With every text broken wherever it may be.
    fn narrowest(&self, column: usize) -> usize {
        let cells = self.cells.iter().map(|row| longest(&parts(&row[column])));
        cells.max().unwrap_or(0).max(self.longest_head(column))
    }

    fn longest_head(&self, column: usize) -> usize {
        longest(&words(&self.heads[column]))
    }
}

fn longest(parts: &[String]) -> usize {
    parts.iter().map(|part| part.width()).max().unwrap_or(0)
}

fn total(shown: &[usize], width: impl Fn(usize) -> usize) -> usize {
    let gaps = GAP.len() * shown.len().saturating_sub(1);
    shown.iter().map(|&column| width(column)).sum::<usize>() + gaps
}

/// What no line breaks: a number with its spread, an interval, a word.
fn parts(text: &str) -> Vec<String> {
    match text.split_once(" [") {
        Some((number, interval)) if text.ends_with(']') => {
            vec![number.to_owned(), format!("[{interval}")]
        }
        _ if text.contains('±') => vec![text.to_owned()],
        _ => words(text),
    }
}

/// Lines of a cell; a part that is too long for one is broken anywhere.
fn broken(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    for part in parts(text) {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + part.width() <= width => {
                line.push(' ');
                line.push_str(&part);
            }
            _ => lines.push(String::new()),
        }
        let line = lines.last_mut().expect("a line was pushed if there was none");
        if line.is_empty() {
            for c in part.chars() {
                let line = lines.last_mut().expect("there is the line of this part");
                if !line.is_empty() && line.width() + c.width().unwrap_or(0) > width {
                    lines.push(c.to_string());
                } else {
                    line.push(c);
                }
            }
        }
    }
    lines
}

/// A cell of a row, in lines.
struct Part {
    lines: Vec<String>,
    width: usize,
    numeric: bool,
    style: Style,
}

/// The lines of a row; numbers stand to the right.
fn laid(row: &[Part]) -> String {
    let height = row.iter().map(|part| part.lines.len()).max().unwrap_or(0);
    let mut text = String::new();
    for line in 0..height {
        let mut out = String::new();
        for (place, Part { lines, width, numeric, style }) in row.iter().enumerate() {
            let words = lines.get(line).map_or("", String::as_str);
            let padding = " ".repeat(width.saturating_sub(words.width()));
            if place > 0 {
                out.push_str(GAP);
            }
            match (numeric, words.is_empty()) {
                (_, true) => out.push_str(&padding),
                (true, _) => out.push_str(&format!("{padding}{style}{words}{style:#}")),
                (false, _) => out.push_str(&format!("{style}{words}{style:#}{padding}")),
            }
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
    text
}

fn style(cell: &Cell) -> Style {
    let Cell::Verdict(verdict) = cell else { return Style::new() };
    match verdict {
        Verdict::Superior => AnsiColor::Green.on_default(),
        Verdict::NonInferior => AnsiColor::Cyan.on_default(),
        Verdict::Worse => AnsiColor::Yellow.on_default(),
        Verdict::Inferior => AnsiColor::Red.on_default(),
        Verdict::Inconclusive | Verdict::NotComparable => Style::new().effects(Effects::DIMMED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_analysis::document::Column;

    fn results(name: &str) -> Table {
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
            Cell::text_of(name),
            number("96.27 ± 0.19"),
            number("−1.32 [−1.70, −0.95]"),
            number("29.62"),
            Cell::Verdict(Verdict::Inferior),
        ]);
        table
    }

    fn lines(table: &Table, width: usize) -> Vec<String> {
        text(table, width).lines().map(unstyled).collect()
    }

    fn unstyled(text: &str) -> String {
        let mut parts = text.split('\u{1b}');
        let first = parts.next().unwrap_or("").to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
    }

    const NAME: &str = "a strategy with a long name at 90 %";

    #[test]
    fn a_wide_terminal_has_every_column_on_one_line() {
        for width in [120, usize::MAX] {
            assert_eq!(
                lines(&results(NAME), width),
                [
                    "strategy                              accuracy, %    difference, points  FLOPs, % \
                     of dense  verdict",
                    "a strategy with a long name at 90 %  96.27 ± 0.19  −1.32 [−1.70, −0.95]              \
                     29.62  inferior",
                ]
            );
        }
    }

    #[test]
    fn a_narrow_one_leaves_columns_out_and_breaks_names_between_words() {
        assert_eq!(
            lines(&results(NAME), 66),
            [
                "strategy               accuracy, %    difference, points  verdict",
                "a strategy with a     96.27 ± 0.19  −1.32 [−1.70, −0.95]  inferior",
                "long name at 90 %",
                "  Not shown at this width: FLOPs.",
            ]
        );
        assert_eq!(
            lines(&results(NAME), 50),
            [
                "strategy     accuracy, %     difference,  verdict",
                "                                  points",
                "a strategy  96.27 ± 0.19           −1.32  inferior",
                "with a                    [−1.70, −0.95]",
                "long name",
                "at 90 %",
                "  Not shown at this width: FLOPs.",
            ]
        );
    }

    #[test]
    fn an_endless_name_is_broken_where_nothing_else_helps() {
        let endless = results(&"x".repeat(150));
        let narrow = lines(&endless, 60);
        assert!(narrow.iter().all(|line| line.width() <= 60), "{narrow:#?}");
        let letters: usize = narrow.iter().map(|line| line.matches('x').count()).sum();
        assert_eq!(letters, 150);
        assert_eq!(lines(&endless, 300).len(), 2);
    }

    #[test]
    fn wide_letters_keep_columns_apart() {
        let mut table = results("網路");
        table.rows.extend(results("abcd").rows);
        let lines = lines(&table, 120);
        assert_eq!(lines[1].replace("網路", "abcd"), lines[2]);
    }

    #[test]
    fn a_table_without_rows_is_its_head() {
        let mut table = results("");
        table.rows.clear();
        assert_eq!(lines(&table, 120).len(), 1);
        assert!(lines(&Table::new("t", "", []), 80).is_empty());
    }
}
