//! A terminal of a given size for a program, and what is to be seen on it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::{Running, wait_until};

/// A pseudo terminal that remembers what was written to it.
#[derive(Debug)]
pub struct Terminal {
    columns: u16,
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts a program whose stdout and stderr are a new terminal of this size.
    ///
    /// # Panics
    /// If the system has no terminal, or the program cannot be started.
    #[must_use]
    pub fn start(command: &mut Command, columns: u16, rows: u16) -> (Self, Running) {
        let (master, slave) = open(columns, rows);
        let copy = || slave.try_clone().expect("a terminal has many descriptors");
        command.stdin(Stdio::null()).stdout(copy()).stderr(copy()).env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "CLICOLOR", "TMUX", "STY", "XTERM_VERSION"] {
            command.env_remove(name);
        }
        let child = command.spawn().expect("the program starts");
        // The last holders on this side: reading ends when the program does.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        drop(slave);
        let mut file = File::from(master);
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&bytes);
        let read = move || {
            let mut buffer = [0; 4096];
            // Linux reports the end of the other side as an error.
            while let Ok(count @ 1..) = file.read(&mut buffer) {
                all.lock().expect("nobody panics").extend_from_slice(&buffer[..count]);
            }
        };
        let reader = std::thread::spawn(read);
        (Self { columns, bytes, reader }, Running(child))
    }

    /// Waits until this text was written so many times.
    ///
    /// # Panics
    /// If it is not after two minutes.
    #[track_caller]
    pub fn wait_for(&self, text: &str, times: usize) {
        wait_until(text, || {
            let bytes = self.bytes.lock().expect("nobody panics");
            String::from_utf8_lossy(&bytes).matches(text).count() >= times
        });
    }

    /// All that was written, after the program has ended.
    ///
    /// # Panics
    /// If it is no text.
    #[must_use]
    pub fn written(self) -> String {
        self.reader.join().expect("reading does not panic");
        let bytes = std::mem::take(&mut *self.bytes.lock().expect("nobody panics"));
        String::from_utf8(bytes).expect("output is text")
    }

    /// The lines that stand there at the end, and the longest line that was written.
    ///
    /// # Panics
    /// As [`Terminal::written`].
    #[must_use]
    pub fn seen(self) -> (Vec<String>, usize) {
        let columns = self.columns.into();
        seen(&self.written(), columns)
    }
}

fn open(columns: u16, rows: u16) -> (OwnedFd, OwnedFd) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: both numbers and the size outlive the call; no name and no modes are asked for.
    let failed = unsafe {
        libc::openpty(
            &raw mut master,
            &raw mut slave,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        )
    };
    assert_eq!(failed, 0, "there is no pseudo terminal");
    // Not handed down: another program would keep the terminal open.
    for descriptor in [master, slave] {
        // SAFETY: the descriptor was just opened and is ours.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: both were just opened and belong to nobody else.
    unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) }
}

/// The lines that stand on a terminal at the end, and the longest line that was written.
///
/// It does the few things that the harness needs: it wraps lines at `columns`, moves the cursor up
/// and right, and erases a row or the rest of the screen. It has as many rows as are needed.
///
/// # Panics
/// If a program sends anything else.
#[must_use]
pub fn seen(text: &str, columns: usize) -> (Vec<String>, usize) {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column, mut longest) = (0, 0, 0);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                assert_eq!(characters.next(), Some('['));
                let mut number = String::new();
                let command = characters.find(|c| {
                    let is_parameter = c.is_ascii_digit() || *c == ';';
                    if is_parameter {
                        number.push(*c);
                    }
                    !is_parameter
                });
                match command {
                    Some('A') => row -= number.parse::<usize>().expect("a number of rows"),
                    Some('C') => column += 1,
                    Some('K') => {
                        assert_eq!(number, "2", "only whole rows are erased");
                        lines[row].clear();
                    }
                    Some('J') => {
                        lines[row].truncate(column);
                        lines.truncate(row + 1);
                    }
                    Some('m') => {}
                    other => panic!("an unknown command: {other:?}"),
                }
            }
            character => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                }
                if lines.len() <= row {
                    lines.resize(row + 1, Vec::new());
                }
                let length = lines[row].len().max(column);
                lines[row].resize(length, ' ');
                lines[row].splice(column..(column + 1).min(length), [character]);
                column += 1;
                longest = longest.max(column);
            }
        }
        if lines.len() <= row {
            lines.resize(row + 1, Vec::new());
        }
    }
    let mut lines: Vec<String> =
        lines.into_iter().map(|line| String::from_iter(line).trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    (lines, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_and_written_over() {
        let (lines, longest) = seen("note\r\nabcdef\r\u{1b}[1A\u{1b}[Jxy\r\nlast", 5);
        assert_eq!((lines.join("|"), longest), ("note|xy|last".to_owned(), 5));
        let (lines, _) =
            seen("one\r\ntwo\r\u{1b}[1A\u{1b}[2K\u{1b}[C\u{1b}[J\r\u{1b}[31mred\u{1b}[0m\r\n", 80);
        assert_eq!(lines, ["red"]);
    }

    #[test]
    fn a_program_sees_the_size_that_it_was_given() {
        let mut command = Command::new("stty");
        let (terminal, running) =
            Terminal::start(command.args(["-F", "/dev/stdout", "size"]), 61, 9);
        assert_eq!(running.end().code, Some(0));
        assert_eq!(terminal.written().trim(), "9 61");
    }
}
