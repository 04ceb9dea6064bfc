//! The program that is being installed, as far as it is asked for something.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::Result;

/// A harness that has been started once.
pub(super) struct Program {
    path: PathBuf,
    /// Of what it says of itself: name, version and commit.
    pub(super) first_line: String,
}

impl Program {
    /// Starts the program without the help that a clone would give it.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn try_out(path: &Path) -> Result<Self> {
        let mut program = Program { path: path.to_owned(), first_line: String::new() };
        let said = program.ask(&["--version"])?;
        program.first_line = said.lines().next().unwrap_or_default().to_owned();
        Ok(program)
    }

    /// What it prints.
    ///
    /// # Errors
    /// When it fails: what it said.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String> {
        let line = || format!("`{} {}`", self.path.display(), arguments.join(" "));
        let output =
            self.output(arguments).map_err(|e| format!("{} does not start: {e}", line()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!(
            "the new program does not work, so nothing was changed: {} ended with {}\n{}",
            line(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        ))
    }

    fn output(&self, arguments: &[&str]) -> std::io::Result<Output> {
        let mut command = Command::new(&self.path);
        command.args(arguments);
        for help in ["LIBTORCH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
            command.env_remove(help);
        }
        // A process that another thread has begun may still hold the file as it was written.
        for _ in 0..20 {
            match command.output() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                other => return other,
            }
        }
        command.output()
    }
}
