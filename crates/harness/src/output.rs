//! What is written for programs (stdout) and for people (stderr).

use std::io::{ErrorKind, Write};
use std::path::Path;

use dst_core::{Error, Result};

/// Writes to stdout. A reader that went away, such as `head`, is no error.
///
/// # Errors
/// If stdout cannot be written, for example because the disk behind it is full.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("write to", Path::new("stdout"), &error))
        }
        _ => Ok(()),
    }
}

/// As [`print`], for text with styles.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_styled(text: &str) -> Result<()> {
    let _ = write!(anstream::stdout(), "{text}");
    Ok(())
}

/// Characters in a line of stdout.
pub(crate) fn width() -> usize {
    100
}

/// Writes a value as indented JSON to stdout.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(value: &serde_json::Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// One line for people. Nobody reading is no reason to fail.
pub(crate) fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Tells people why the harness stops.
pub(crate) fn complain(error: &Error) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    note(&format!("{style}error:{style:#} {error}"));
}
