//! Python packages, by pip.

use std::process::{Command, Stdio};

use crate::{Result, libtorch};

/// Runs pip with these arguments, as it does not ask, and gives up soon without a network.
///
/// # Errors
/// That pip cannot do `what`, and why.
pub(crate) fn run(what: &str, arguments: impl FnOnce(&mut Command)) -> Result {
    let pip = libtorch::pip()?;
    let mut command = Command::new(pip[0]);
    command.args(&pip[1..]);
    arguments(&mut command);
    let output = command
        .args(["--quiet", "--no-input", "--only-binary", ":all:", "--disable-pip-version-check"])
        // It would try for minutes.
        .args(["--retries", "1", "--timeout", "15"])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("pip does not start ({e})"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or("no reason given");
    Err(format!("pip cannot {what} ({last})"))
}
