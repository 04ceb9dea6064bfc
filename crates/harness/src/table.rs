//! Tables of text, aligned by column, in the width that there is.

use std::borrow::Cow;
use std::fmt::{self, Write};

use anstyle::Style;

use crate::output;
use crate::text::{hanging, length};

/// A table that is printed as a whole.
#[derive(Debug)]
pub(crate) struct TerminalTable {
    columns: Vec<Column>,
    /// Row by row.
    cells: Cells,
}

/// Cells one after another, in one text: a table of 100,000 rows has a million of them.
#[derive(Debug, Default)]
struct Cells {
    text: String,
    /// For each cell where its text ends, and its style among `styles`.
    ends: Vec<(usize, u8)>,
    styles: Vec<Style>,
}

impl Cells {
    fn push(&mut self, cell: &Cell) {
        let known = self.styles.iter().position(|style| *style == cell.style);
        let style = known.unwrap_or_else(|| {
            self.styles.push(cell.style);
            self.styles.len() - 1
        });
        self.text.push_str(&cell.text);
        self.ends.push((self.text.len(), u8::try_from(style).expect("styles are few")));
    }

    fn get(&self, index: usize) -> (&str, Style) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, style) = self.ends[index];
        (&self.text[start..end], self.styles[usize::from(style)])
    }

    fn len(&self) -> usize {
        self.ends.len()
    }
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    title: String,
    priority: Priority,
}

/// What becomes of a column when the table is wider than the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Priority {
    /// It says nothing that others do not say, and goes before any cell is wrapped.
    Ornament,
    /// It goes when wrapping is not enough, the last such column first.
    Detail,
    /// It stays.
    Essential,
}

impl Column {
    /// A column that stays however narrow the terminal is.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), priority: Priority::Essential }
    }

    /// A column that is left out when wrapping the cells is not enough; the last of them goes
    /// first.
    pub(crate) fn detail(title: impl Into<String>) -> Self {
        Self { priority: Priority::Detail, ..Self::new(title) }
    }

    /// A column that repeats what others say, such as a bar: it is left out before any cell is
    /// wrapped.
    pub(crate) fn ornament(title: impl Into<String>) -> Self {
        Self { priority: Priority::Ornament, ..Self::new(title) }
    }
}

impl From<&str> for Column {
    fn from(title: &str) -> Self {
        Self::new(title)
    }
}

/// One cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style, for [`crate::output::print_styled`].
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, style: Style::new() }
    }
}

/// Between two columns.
const GAP: &str = "  ";

/// A word as long as this, such as a path, may be broken after a slash or a comma.
const LONG_WORD: usize = 24;

impl TerminalTable {
    /// An empty table.
    pub(crate) fn new<C: Into<Column> + Clone>(columns: &[C]) -> Self {
        let columns = columns.iter().cloned().map(Into::into).collect();
        Self { columns, cells: Cells::default() }
    }

    /// Adds a row, one cell for each column; those that are missing at its end are empty.
    pub(crate) fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let row = self.cells.len();
        cells.into_iter().take(self.columns.len()).for_each(|cell| self.cells.push(&cell.into()));
        while self.cells.len() < row + self.columns.len() {
            self.cells.push(&Cell::default());
        }
    }

    /// Has it no rows?
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.len() == 0
    }

    /// The table in lines of at most `width` characters. If it is wider, ornaments go first; then
    /// cells of words are wrapped between words; then details go, and it is said which. Numbers
    /// and names are never broken, so a very narrow terminal may still be too narrow.
    ///
    /// Columns that hold nothing but numbers are aligned to the right.
    pub(crate) fn fitted(&self, width: usize) -> String {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let natural: Vec<usize> = shown.iter().map(|column| self.natural(*column)).collect();
        let least: Vec<usize> = shown.iter().map(|column| self.least(*column)).collect();
        let all = |widths: &[usize], shown: &[usize]| {
            shown.iter().map(|column| widths[*column] + GAP.len()).sum::<usize>()
        };
        let fits = |widths: &[usize], shown: &[usize]| {
            all(widths, shown) <= width.saturating_add(GAP.len())
        };
        if !fits(&natural, &shown) {
            shown.retain(|column| self.columns[*column].priority != Priority::Ornament);
        }
        let mut left_out = Vec::new();
        while !fits(&least, &shown) {
            let priority = |column: &usize| self.columns[*column].priority;
            let Some(place) = shown.iter().rposition(|c| priority(c) == Priority::Detail) else {
                break;
            };
            left_out.insert(0, self.columns[shown.remove(place)].title.as_str());
        }
        let mut widths = natural;
        // The widest column that can be wrapped gives way, so that short ones stay on one line.
        while !fits(&widths, &shown) {
            let wide = shown.iter().filter(|column| widths[**column] > least[**column]);
            let Some(widest) = wide.max_by_key(|column| widths[**column]) else { break };
            widths[*widest] -= 1;
        }
        for column in &shown {
            widths[*column] = self.used(*column, widths[*column]);
        }
        let mut text = self.lines(&shown, &widths);
        if !left_out.is_empty() {
            let words = format!("(left out at this width: {})", left_out.join(", "));
            text.push_str(&hanging(&words, "", " ", width));
        }
        text
    }

    fn lines(&self, shown: &[usize], widths: &[usize]) -> String {
        let mut text = String::new();
        let numeric: Vec<bool> = (0..self.columns.len()).map(|c| self.is_numeric(c)).collect();
        // The header comes before the first row.
        let rows = self.cells.len() / self.columns.len().max(1);
        for row in std::iter::once(None).chain((0..rows).map(Some)) {
            let cell = |column: usize| match row {
                Some(row) => self.cells.get(row * self.columns.len() + column),
                None => (self.columns[column].title.as_str(), Style::new()),
            };
            let wrapped: Vec<(usize, Style, Vec<Cow<'_, str>>)> = shown
                .iter()
                .map(|column| {
                    let (text, style) = cell(*column);
                    (*column, style, broken(text, widths[*column]))
                })
                .collect();
            let height = wrapped.iter().map(|(_, _, lines)| lines.len()).max().unwrap_or(1);
            for index in 0..height.max(1) {
                let mut line = String::new();
                let mut padding = 0;
                for (column, style, lines) in &wrapped {
                    let words = lines.get(index).map_or("", |words| &**words);
                    let rest = widths[*column].saturating_sub(length(words));
                    let before = if numeric[*column] { rest } else { 0 };
                    if words.is_empty() {
                        padding += rest + GAP.len();
                        continue;
                    }
                    line.push_str(&" ".repeat(padding + before));
                    let _ = write!(line, "{style}{words}{style:#}");
                    padding = rest - before + GAP.len();
                }
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }

    /// The texts of a column, without its title.
    fn texts(&self, column: usize) -> impl Iterator<Item = &str> {
        let indices = (column..self.cells.len()).step_by(self.columns.len());
        indices.map(|index| self.cells.get(index).0)
    }

    fn is_numeric(&self, column: usize) -> bool {
        !self.is_empty() && self.texts(column).all(|text| text.is_empty() || is_number(text))
    }

    /// The width of a column of which nothing is wrapped.
    fn natural(&self, column: usize) -> usize {
        let title = self.columns[column].title.as_str();
        self.texts(column).chain([title]).map(length).max().unwrap_or(0)
    }

    /// The width that a column takes if its cells are wrapped at this one.
    fn used(&self, column: usize, width: usize) -> usize {
        let texts = self.texts(column).chain([self.columns[column].title.as_str()]);
        texts.flat_map(|text| broken(text, width)).map(|line| length(&line)).max().unwrap_or(0)
    }

    /// The width below which a number or a name would be broken.
    fn least(&self, column: usize) -> usize {
        let longest = |text: &str| pieces(text).iter().map(|p| length(p)).max().unwrap_or(0);
        let is_numeric = self.is_numeric(column);
        let cells = self.texts(column).map(|text| {
            // The parts of a number belong together: `98.12 ± 0.10`.
            if is_numeric { length(text) } else { longest(text) }
        });
        cells.chain([longest(&self.columns[column].title)]).max().unwrap_or(0)
    }
}

/// In the width of stdout.
impl fmt::Display for TerminalTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fitted(output::width()))
    }
}

/// With either sign of minus: people read the one, programs write the other.
fn begins_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '\u{2212}'))
}

/// Does it begin with a number, perhaps with a unit? A digest may begin with a digit and is none.
fn is_number(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    let number = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    begins_number(text) && number.chars().all(|c| !c.is_ascii_alphabetic() || c == 'e')
}

/// What stays in one line: words without the space before them, numbers with their unit, and long
/// words up to a slash or a comma.
fn pieces(text: &str) -> Vec<&str> {
    spaced(text).into_iter().map(str::trim_start).collect()
}

/// The same with the space before each, so that all together are the text.
fn spaced(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let ends = text.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at);
    for end in ends.chain([text.len()]) {
        // `90 %`, `98.12 ± 0.10` and `12 s` are read as one; so is `1.2e+12 (0.1×)`.
        let before = text[from..end].trim();
        let after = text[end..].trim_start();
        let binds = begins_number(before) && after.starts_with(['%', '±']) || before.ends_with('±');
        if binds && end < text.len() {
            continue;
        }
        let piece = &text[from..end];
        if length(piece) < LONG_WORD {
            pieces.push(piece);
        } else {
            pieces.extend(piece.split_inclusive(['/', ',']));
        }
        from = end;
    }
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

/// Lines of at most `width` characters, unless a piece is longer.
fn broken(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    if length(text) <= width {
        return vec![Cow::Borrowed(text)];
    }
    let mut lines = vec![String::new()];
    for piece in spaced(text) {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() || length(line) + length(piece) > width {
            if !line.is_empty() {
                lines.push(String::new());
            }
            lines.last_mut().expect("there is one").push_str(piece.trim_start());
        } else {
            line.push_str(piece);
        }
    }
    lines.into_iter().map(Cow::Owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style_of;

    #[test]
    fn numbers_stand_on_the_right_and_words_on_the_left() {
        let mut table = TerminalTable::new(&["strategy", "seeds"]);
        table.row(["rigl".to_owned(), "6".to_owned()]);
        table.row(["dense".to_owned(), "10".to_owned()]);
        let expected = "strategy  seeds\n\
                        rigl          6\n\
                        dense        10\n";
        assert_eq!(table.fitted(usize::MAX), expected);
        assert_eq!(table.fitted(15), expected);
    }

    #[test]
    fn digests_stand_on_the_left_whatever_they_begin_with() {
        assert!(
            ["98.12 ± 0.10", "90 %", "1.2e+12 (0.1×)", "-", "−0.5", "2 of 3", "12s"]
                .iter()
                .all(|text| is_number(text))
        );
        for first in ["3fa94c1b2e11", "b7d94b81f3aa", "0d19a4c1b2e1"] {
            let mut table = TerminalTable::new(&["from", "short", "the whole digest"]);
            table.row(["a".to_owned(), "1".to_owned(), first.to_owned()]);
            let text = table.fitted(80);
            assert!(text.ends_with(&format!("a         1  {first}\n")), "{text}");
        }
    }

    fn wide() -> TerminalTable {
        let mut table = TerminalTable::new(&[
            Column::new("strategy"),
            Column::ornament(""),
            Column::new("sparsity"),
            Column::new("test accuracy %"),
            Column::detail("train FLOPs"),
            Column::detail("train s"),
        ]);
        let rows = [
            ["rigl drop_fraction=0.1 interval=10%", "####", "90 %", "98.12 ± 0.10", "1.23e12", "2"],
            ["dense", "##..", "0 %", "98.50 ± 0.08", "9.87e12", "30"],
        ];
        for row in rows {
            table.row(row.map(str::to_owned));
        }
        table
    }

    #[test]
    fn words_are_wrapped_and_numbers_and_names_stay_whole() {
        assert_eq!(
            wide().fitted(60),
            "strategy           sparsity          test    train  train s\n\
             \u{20}                              accuracy %    FLOPs\n\
             rigl                   90 %  98.12 ± 0.10  1.23e12        2\n\
             drop_fraction=0.1\n\
             interval=10%\n\
             dense                   0 %  98.50 ± 0.08  9.87e12       30\n"
        );
    }

    #[test]
    fn details_go_when_wrapping_is_not_enough_and_it_is_said() {
        assert_eq!(
            wide().fitted(45),
            "strategy           sparsity  test accuracy %\n\
             rigl                   90 %     98.12 ± 0.10\n\
             drop_fraction=0.1\n\
             interval=10%\n\
             dense                   0 %     98.50 ± 0.08\n\
             (left out at this width: train FLOPs, train\n \
              s)\n"
        );
        // Too narrow for anything: nothing more is broken, and nothing panics.
        assert!(wide().fitted(1).contains("drop_fraction=0.1"));
        assert_eq!(wide().fitted(0), wide().fitted(1));
    }

    #[test]
    fn every_width_keeps_every_number_and_name() {
        for width in 0..110 {
            let text = wide().fitted(width);
            for whole in ["98.12 ± 0.10", "90 %", "drop_fraction=0.1", "interval=10%", "dense"] {
                assert!(text.contains(whole), "{width}: {text}");
            }
            let longest = text.lines().filter(|line| !line.starts_with('(')).map(length).max();
            assert!(
                width < 41 || longest.is_some_and(|longest| longest <= width),
                "{width}: {text}"
            );
        }
    }

    #[test]
    fn long_paths_break_after_a_slash() {
        let mut table = TerminalTable::new(&["data set", "found"]);
        table
            .row(["glue/sst2".to_owned(), "/home/somebody/.cache/huggingface/hub/glue".to_owned()]);
        assert_eq!(
            table.fitted(40),
            "data set   found\n\
             glue/sst2  /home/somebody/.cache/\n\
             \u{20}          huggingface/hub/glue\n"
        );
    }

    #[test]
    fn styles_take_no_room() {
        let mut table = TerminalTable::new(&["strategy", "verdict", "n"]);
        for (name, verdict) in [("rigl", "worse"), ("set", "inconclusive")] {
            let cells = [Cell::from(name.to_owned()), Cell::styled(verdict, style_of(verdict))];
            table.row(cells.into_iter().chain([Cell::from("6".to_owned())]));
        }
        let text = table.fitted(80);
        assert!(text.contains("\u{1b}[33mworse\u{1b}[0m  "), "{text:?}");
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "strategy  verdict       n\n\
             rigl      worse         6\n\
             set       inconclusive  6\n"
        );
    }

    #[test]
    fn ornaments_go_before_anything_is_wrapped() {
        assert_eq!(
            wide().fitted(100),
            "strategy                                   sparsity  test accuracy %  train FLOPs  train s\n\
             rigl drop_fraction=0.1 interval=10%  ####      90 %     98.12 ± 0.10      1.23e12        2\n\
             dense                                ##..       0 %     98.50 ± 0.08      9.87e12       30\n"
        );
        assert_eq!(
            wide().fitted(86),
            "strategy                             sparsity  test accuracy %  train FLOPs  train s\n\
             rigl drop_fraction=0.1 interval=10%      90 %     98.12 ± 0.10      1.23e12        2\n\
             dense                                     0 %     98.50 ± 0.08      9.87e12       30\n"
        );
    }
}
