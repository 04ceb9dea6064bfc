//! Child processes that download: watched from outside, gone with their parent.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::progress::Progress;
use crate::Result;

/// Runs `command` to its end and shows how `folder` grows meanwhile.
///
/// # Errors
/// When the command does not start or fails: one clause made from what it wrote to stderr.
pub(super) fn watch(
    name: &str,
    command: &mut Command,
    folder: &Path,
    mut progress: Progress,
) -> Result {
    die_with_parent(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{name} does not start ({e})"))?;
    let mut stderr = child.stderr.take().expect("stderr is piped");
    // Read beside the loop below, because a full pipe would block the child.
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let status = loop {
        progress.at(size(folder));
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => std::thread::sleep(Duration::from_millis(100)),
            Err(e) => return Err(format!("{name} is lost ({e})")),
        }
    };
    let said = reader.join().unwrap_or_default();
    if status.success() {
        progress.done();
        return Ok(());
    }
    drop(progress);
    Err(format!("{name} failed ({})", reason(&said, &status.to_string())))
}

/// A download that outlives a killed set-up would go on writing into a swept folder.
fn die_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: prctl is async-signal-safe and touches no memory of the process.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// The bytes of all files under `folder`, which change while this looks.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Why a download failed, from what the tool wrote.
fn reason(said: &str, status: &str) -> String {
    let offline = [
        "Could not resolve host",
        "unable to resolve host",
        "name resolution",
        "Name or service not known",
        "Network is unreachable",
        "Failed to establish a new connection",
        "Connection refused",
        "Cannot connect to proxy",
        "timed out",
    ];
    if said.contains("No space left on device") {
        return "no space left on the device".to_owned();
    }
    if offline.iter().any(|sign| said.contains(sign)) {
        return "the network or the package index is out of reach".to_owned();
    }
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    lines()
        .rfind(|line| line.starts_with("ERROR: "))
        .or_else(|| lines().next_back())
        .map_or(status, |line| line.trim_start_matches("ERROR: "))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_failure_is_told_in_a_clause() {
        let pip = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\
                   : Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')'\n\
                   ERROR: No matching distribution found for torch==2.13.0\n";
        assert_eq!(reason(pip, ""), "the network or the package index is out of reach");
        let pip = "ERROR: Could not find a version\nERROR: No matching distribution found for torch==2.13.0\n\n[notice] new pip\n";
        assert_eq!(reason(pip, ""), "No matching distribution found for torch==2.13.0");
        assert_eq!(
            reason("OSError: [Errno 28] No space left on device", ""),
            "no space left on the device"
        );
        assert_eq!(reason("", "exit status: 9"), "exit status: 9");
    }

    #[test]
    fn a_child_is_watched_to_its_end() {
        let scratch = Scratch::new().unwrap();
        let run = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).current_dir(scratch.path());
            watch("sh", &mut command, scratch.path(), Progress::new("writing", None))
        };
        run("printf 12345 > file").unwrap();
        assert_eq!(size(scratch.path()), 5);
        assert_eq!(run("echo curl: no >&2; exit 3").unwrap_err(), "sh failed (curl: no)");
        // More than a pipe holds.
        run("yes | head -c 300000 >&2").unwrap();
    }

    #[test]
    fn a_missing_program_is_named() {
        let scratch = Scratch::new().unwrap();
        let mut command = Command::new("no-such-program");
        let told =
            watch("pip", &mut command, scratch.path(), Progress::new("x", None)).unwrap_err();
        assert!(told.starts_with("pip does not start"), "{told}");
    }
}
