//! Tables of text, aligned by column.

/// A table that is printed as a whole.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Has it no rows?
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl std::fmt::Display for Table {
    /// Columns that hold nothing but numbers are aligned to the right.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |text: &str| text.chars().count();
        let columns = self.header.len();
        let cell = |row: usize, column: usize| -> &str {
            self.rows[row].get(column).map_or("", String::as_str)
        };
        let mut widths: Vec<usize> = self.header.iter().map(|text| width(text)).collect();
        let mut numeric = vec![!self.rows.is_empty(); columns];
        for row in 0..self.rows.len() {
            for column in 0..columns {
                let text = cell(row, column);
                widths[column] = widths[column].max(width(text));
                let digit = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
                numeric[column] &= text.is_empty() || digit;
            }
        }
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for (column, cell) in cells.enumerate() {
                let padding = " ".repeat(widths[column] - width(cell));
                let (before, after) =
                    if numeric[column] { (&*padding, "") } else { ("", &*padding) };
                if column > 0 {
                    text.push_str("  ");
                }
                text.push_str(before);
                text.push_str(cell);
                text.push_str(after);
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(&mut self.header.iter().copied())?;
        for row in 0..self.rows.len() {
            line(&mut (0..columns).map(|column| cell(row, column)))?;
        }
        Ok(())
    }
}

/// Breaks text into lines of at most `width` characters, each after `indent`.
pub(crate) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = String::from(indent);
    for word in text.split_whitespace() {
        let empty = line.len() == indent.len();
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from(indent);
        } else if !empty {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.len() > indent.len() {
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right_and_words_on_the_left() {
        let mut table = Table::new(&["strategy", "seeds"]);
        table.row(["rigl".to_owned(), "6".to_owned()]);
        table.row(["dense".to_owned(), "10".to_owned()]);
        assert_eq!(
            table.to_string(),
            "strategy  seeds\n\
             rigl          6\n\
             dense        10\n"
        );
    }

    #[test]
    fn long_text_is_wrapped_between_words() {
        assert_eq!(wrapped("a bb ccc dddd", "  ", 8), "  a bb\n  ccc\n  dddd\n");
        assert_eq!(wrapped("", "  ", 8), "");
    }
}
