//! Quotes that swallow rows: a cell that begins with one lasts until the next, over ends of lines.

use dst_core::{Error, Result};

const HINT: &str = "a cell that begins with a quote ends at the next one: write such a cell in quotes and \
                    each quote in it twice, as \"5\"\" wide\", or take the quote away";

/// Where the reader of a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first character of a cell: only there a quote is more than a character.
    Begin,
    Plain,
    /// In a quoted cell that began on this line.
    Quoted {
        line: usize,
    },
    /// Behind the quote that ends it.
    Closed {
        line: usize,
    },
}

/// Refuses quotes that are not in pairs, and quoted cells that hold what looks like rows: `columns` cells
/// in every line that they touch.
///
/// # Errors
/// With the line on which the quote stands.
pub(crate) fn check(content: &str, delimiter: char, columns: usize) -> Result<()> {
    let refused =
        |line: usize, what: String| Err(Error::data(what).at(format!("line {line}")).hint(HINT));
    let (mut state, mut line, mut line_start) = (State::Begin, 1, 0);
    let mut quoted_line_start = 0;
    let mut characters = content.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match state {
            State::Quoted { line: first } => {
                let is_end =
                    character == '"' && characters.next_if(|(_, next)| *next == '"').is_none();
                if !is_end {
                    // A quote that is written twice, or text.
                } else if line > first
                    && are_rows(rest_of_line(content, quoted_line_start, at), delimiter, columns)
                {
                    return refused(
                        first,
                        format!(
                            "a quote opens here and closes on line {line}, and every line between looks like \
                             a row"
                        ),
                    );
                } else {
                    state = State::Closed { line: first };
                }
            }
            State::Begin if character == '"' => {
                state = State::Quoted { line };
                quoted_line_start = line_start;
            }
            State::Closed { line: first }
                if !(character.is_whitespace() || character == delimiter) =>
            {
                return refused(first, "there is text behind a quoted cell".to_owned());
            }
            _ if character == delimiter => state = State::Begin,
            _ if character == '\n' || character == '\r' => state = State::Begin,
            State::Begin => state = State::Plain,
            _ => {}
        }
        if character == '\n' {
            line += 1;
            line_start = at + 1;
        }
    }
    match state {
        State::Quoted { line } => refused(line, "a quote opens here and never closes".to_owned()),
        _ => Ok(()),
    }
}

/// From the beginning of a line to the end of the one that a byte lies in.
fn rest_of_line(content: &str, start: usize, at: usize) -> &str {
    let end = content[at..].find('\n').map_or(content.len(), |more| at + more);
    &content[start..end]
}

/// Has every line as many cells as a row, read without quotes?
fn are_rows(lines: &str, delimiter: char, columns: usize) -> bool {
    columns > 1 && lines.lines().all(|line| line.matches(delimiter).count() + 1 == columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_pairs_are_fine() {
        for content in [
            "a,b\n\"x, y\",1\n",
            "a,b\n\"5\"\" wide\",1\n",
            "a,b\n5\" wide,1\n",
            "a,b\n\"x\" ,\"\"\n",
            "a,b\n \"x,y\n",
            "a,b\n\"two\nlines, of text\",1\n",
            "a,b\n\"x\",\"y\"",
        ] {
            check(content, ',', 2).unwrap_or_else(|error| panic!("{content}: {error}"));
        }
    }

    #[test]
    fn a_quote_that_swallows_rows_is_refused_with_its_line() {
        for (content, expected) in [
            ("a,b\n1,x\n\"5 inches,x\n3,x\n", "line 3: a quote opens here and never closes"),
            ("a,b\n1,\"5\n2,3\n4,\"6\n5,x\n", "line 2: a quote opens here and closes on line 4"),
            ("a,b\n\"x\" y,1\n", "line 2: there is text behind a quoted cell"),
        ] {
            let error = check(content, ',', 2).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
