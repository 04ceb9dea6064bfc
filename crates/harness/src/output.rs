//! What is written for programs (stdout) and for people (stderr).

use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Effects, Style};
use dst_core::{Error, Result};
use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use crate::text::hanging;

/// The longest line of running text, in characters: longer ones are hard to read, however wide the
/// terminal is.
const LONGEST_LINE: usize = 100;

/// Writes to stdout. A reader that went away, such as `head`, is no error.
///
/// # Errors
/// If stdout cannot be written, for example because the disk behind it is full.
pub(crate) fn print(text: &str) -> Result<()> {
    print_to(std::io::stdout().lock(), text)
}

/// As [`print`], for text with styles. They are left out unless stdout is a terminal that shows
/// colours, and if `NO_COLOR` is set.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_styled(text: &str) -> Result<()> {
    print_to(anstream::stdout().lock(), text)
}

fn print_to(mut stdout: impl Write, text: &str) -> Result<()> {
    unless_unread(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// A reader that went away is no error.
fn unless_unread(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("write to", Path::new("stdout"), &error))
        }
        _ => Ok(()),
    }
}

/// Writes a value as indented JSON to stdout.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    // What has 100,000 trials is not put together in memory first.
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    let written = serde_json::to_writer_pretty(&mut stdout, value)
        .map_err(std::io::Error::from)
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush());
    unless_unread(written)
}

/// One line for people, broken between words if the terminal is narrower. Nobody reading is no
/// reason to fail.
pub(crate) fn note(line: &str) {
    let terminal = terminal_size_of(std::io::stderr()).map(|(Width(columns), _)| columns);
    let width = terminal.filter(|columns| *columns > 0).map_or(usize::MAX, usize::from);
    let _ = writeln!(anstream::stderr(), "{}", between_words(line, width).trim_end());
}

/// Breaks each line of a text that is longer than `width`; what goes on is indented further.
fn between_words(text: &str, width: usize) -> String {
    let mut broken = String::new();
    for line in text.lines() {
        if strip_str(line).to_string().chars().count() <= width {
            broken.push_str(line);
            broken.push('\n');
            continue;
        }
        let words = line.trim_start();
        let indent = &line[..line.len() - words.len()];
        broken.push_str(&hanging(words, indent, &format!("{indent}  "), width));
    }
    broken
}

/// Tells people why the harness stops.
pub(crate) fn complain(error: &Error) {
    let style = AnsiColor::Red.on_default().bold();
    note(&format!("{style}error:{style:#} {error}"));
}

/// Characters in a line of stdout: what the terminal has, else what `COLUMNS` says. What goes
/// through a pipe into `grep` has no limit, so that a row stays one line.
pub(crate) fn width() -> usize {
    let terminal = terminal_size_of(std::io::stdout()).map(|(Width(columns), _)| columns);
    // A terminal that does not know its size says 0.
    let terminal = terminal.filter(|columns| *columns > 0).map(usize::from);
    let typed =
        || std::env::var("COLUMNS").ok()?.trim().parse().ok().filter(|columns| *columns > 0);
    terminal.or_else(typed).unwrap_or(usize::MAX)
}

/// Characters in a line of running text on stdout: the width, or fewer on a wide terminal.
pub(crate) fn text_width() -> usize {
    width().min(LONGEST_LINE)
}

/// How a verdict, or the state of a trial, is shown where there are colours.
pub(crate) fn style_of(word: &str) -> Style {
    match word {
        "finished" | "superior" => AnsiColor::Green.on_default(),
        "non-inferior" => AnsiColor::Cyan.on_default(),
        "worse" => AnsiColor::Yellow.on_default(),
        "inconclusive" => Style::new().effects(Effects::DIMMED),
        "inferior" | "failed" | "diverged" | "collapsed" | "crashed" | "timed-out"
        | "out-of-memory" | "refused" | "damaged" => AnsiColor::Red.on_default(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_break_between_words_and_keep_their_indent() {
        let text = "a short line\n  a hint that is too long for it\n    spaced   out";
        assert_eq!(
            between_words(text, 18),
            "a short line\n  a hint that is\n    too long for\n    it\n    spaced   out\n"
        );
        assert_eq!(between_words(text, usize::MAX), format!("{text}\n"));
    }

    #[test]
    fn verdicts_and_states_have_colours_of_their_own() {
        let verdicts = ["superior", "non-inferior", "worse", "inferior", "inconclusive"];
        for (index, verdict) in verdicts.iter().enumerate() {
            assert_ne!(style_of(verdict), Style::new(), "{verdict}");
            for other in &verdicts[..index] {
                assert_ne!(style_of(verdict), style_of(other), "{verdict}, {other}");
            }
        }
        assert_eq!(style_of("finished"), style_of("superior"));
        assert_eq!(style_of("crashed"), style_of("inferior"));
        assert_eq!(style_of("rigl"), Style::new());
    }
}
