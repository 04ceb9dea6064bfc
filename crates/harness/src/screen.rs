//! Lines at the bottom of a terminal that are written anew in place.

use std::io::{IsTerminal, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use terminal_size::{Height, Width, terminal_size_of};

/// Columns and rows of a terminal that does not know its size.
const UNKNOWN: Size = Size { columns: 80, rows: 24 };

/// How large a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Characters in a line.
    pub(crate) columns: usize,
    /// Lines.
    pub(crate) rows: usize,
}

impl Size {
    fn of(size: Option<(Width, Height)>) -> Self {
        match size {
            Some((Width(columns), Height(rows))) if columns > 0 && rows > 0 => {
                Self { columns: columns.into(), rows: rows.into() }
            }
            _ => UNKNOWN,
        }
    }
}

/// A block of lines that is written over its earlier self. Between two calls the cursor stands
/// before its last line. Dropped, the block is gone, so that neither an error nor a panic leaves
/// a part of it behind.
pub(crate) struct Screen {
    out: Box<dyn Write>,
    /// Are styles shown?
    styled: bool,
    size: fn() -> Size,
    /// Does the terminal break lines anew when it is resized?
    reflows: bool,
    drawn: Vec<String>,
    drawn_at: Size,
}

impl Screen {
    /// At the bottom of stderr, if that is a terminal on which a cursor can be moved.
    pub(crate) fn on_stderr() -> Option<Self> {
        let stderr = std::io::stderr();
        let styled = AutoStream::choice(&stderr) != ColorChoice::Never;
        let size = || Size::of(terminal_size_of(std::io::stderr()));
        can_rewrite(stderr.is_terminal())
            .then(|| Self::new(Box::new(stderr), styled, size, reflows()))
    }

    /// At the bottom of stdout, if that is a terminal on which a cursor can be moved.
    pub(crate) fn on_stdout() -> Option<Self> {
        let stdout = std::io::stdout();
        let styled = AutoStream::choice(&stdout) != ColorChoice::Never;
        let size = || Size::of(terminal_size_of(std::io::stdout()));
        can_rewrite(stdout.is_terminal())
            .then(|| Self::new(Box::new(stdout), styled, size, reflows()))
    }

    fn new(out: Box<dyn Write>, styled: bool, size: fn() -> Size, reflows: bool) -> Self {
        Self { out, styled, size, reflows, drawn: Vec::new(), drawn_at: size() }
    }

    /// What there is room for now: one column less than the terminal has, because the last one
    /// breaks lines on some, and one row less, so that what stood above stays in sight.
    pub(crate) fn room(&self) -> Size {
        let Size { columns, rows } = (self.size)();
        Size { columns: columns.saturating_sub(1).max(1), rows: rows.saturating_sub(1).max(1) }
    }

    /// Writes these lines over those that were written before. What there is no room for is cut.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        let room = self.room();
        let cut = |line: &String| {
            let line = cut(line, room.columns);
            if self.styled { line } else { strip_str(&line).to_string() }
        };
        let lines: Vec<String> = lines.iter().take(room.rows).map(cut).collect();
        if lines == self.drawn && (self.size)() == self.drawn_at {
            return;
        }
        let mut text = self.to_top();
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(line);
            // The rest of what stood here before.
            text.push_str("\u{1b}[K");
        }
        // What stood below.
        text.push_str("\u{1b}[J\r");
        self.write(&text);
        self.drawn_at = (self.size)();
        self.drawn = lines;
    }

    /// Removes the block.
    pub(crate) fn clear(&mut self) {
        if !self.drawn.is_empty() {
            let text = self.to_top() + "\u{1b}[J";
            self.write(&text);
            self.drawn.clear();
        }
    }

    /// Moves the cursor to where the block begins. A terminal that is now narrower than a line
    /// has broken it into several.
    fn to_top(&self) -> String {
        let columns = (self.size)().columns.max(1);
        let rows = |line: &String| match self.reflows {
            true => length(line).div_ceil(columns).max(1),
            false => 1,
        };
        let above = self.drawn.len().saturating_sub(1);
        let rows: usize = self.drawn.iter().take(above).map(rows).sum();
        // Without a number, or with 0, the cursor would move by one.
        if rows > 0 { format!("\r\u{1b}[{rows}A") } else { "\r".to_owned() }
    }

    /// All at once, so that a terminal does not show the half of it. Nobody reading is no reason
    /// to fail.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

fn can_rewrite(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Most terminals break long lines anew when they become narrower. xterm and GNU screen cut them.
fn reflows() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("TMUX") || !(set("XTERM_VERSION") || set("STY"))
}

/// Characters of a line, without its styles.
fn length(line: &str) -> usize {
    strip_str(line).to_string().chars().count()
}

/// The beginning of a line, with all of its styles, which take no room.
fn cut(line: &str, columns: usize) -> String {
    if length(line) <= columns {
        return line.to_owned();
    }
    let mut text = String::new();
    let (mut count, mut in_style) = (0, false);
    for character in line.chars() {
        in_style |= character == '\u{1b}';
        if in_style {
            text.push(character);
            in_style = character != 'm';
        } else {
            count += 1;
            match count.cmp(&columns) {
                std::cmp::Ordering::Less => text.push(character),
                std::cmp::Ordering::Equal => text.push('…'),
                std::cmp::Ordering::Greater => {}
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Rc<RefCell<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.borrow_mut())).unwrap()
        }
    }

    fn screen(reflows: bool) -> (Screen, Written) {
        let written = Written::default();
        let size = || Size { columns: 10, rows: 4 };
        (Screen::new(Box::new(written.clone()), true, size, reflows), written)
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_are_written_over_themselves() {
        let (mut screen, written) = screen(true);
        screen.draw(&lines(&["one", "two"]));
        assert_eq!(written.take(), "\rone\u{1b}[K\ntwo\u{1b}[K\u{1b}[J\r");
        screen.draw(&lines(&["one", "two"]));
        assert_eq!(written.take(), "", "nothing changed");
        screen.draw(&lines(&["three"]));
        assert_eq!(written.take(), "\r\u{1b}[1Athree\u{1b}[K\u{1b}[J\r");
        drop(screen);
        assert_eq!(written.take(), "\r\u{1b}[J");
    }

    #[test]
    fn what_a_narrower_terminal_broke_is_found_again() {
        for (reflows, rows) in [(true, 4), (false, 2)] {
            let (mut screen, written) = screen(reflows);
            // Drawn when the terminal had 30 columns.
            screen.drawn = lines(&["a line of 25 characters..", "x", "the last one, long too"]);
            screen.clear();
            assert_eq!(written.take(), format!("\r\u{1b}[{rows}A\u{1b}[J"));
            screen.clear();
            assert_eq!(written.take(), "");
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_cut() {
        let (mut screen, written) = screen(true);
        screen.draw(&lines(&["0123456789", "b", "c", "d"]));
        assert_eq!(
            written.take(),
            "\r01234567…\u{1b}[K\nb\u{1b}[K\nc\u{1b}[K\u{1b}[J\r",
            "a row stays free"
        );
        let styled = "\u{1b}[32mfinished\u{1b}[0m";
        assert_eq!(cut(styled, 8), styled);
        assert_eq!(cut(styled, 4), "\u{1b}[32mfin…\u{1b}[0m");
        screen.styled = false;
        screen.draw(&lines(&[styled]));
        assert_eq!(written.take(), "\r\u{1b}[2Afinished\u{1b}[K\u{1b}[J\r");
    }
}
