//! The programs of Slurm.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use dst_record::{Error, ErrorKind, Result};

/// A controller that is down lets its clients wait; nobody wants to wait longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the programs are.
#[derive(Debug, Clone, Default)]
pub(super) struct Commands {
    /// Their folder; none if they are on the path.
    pub(super) folder: Option<PathBuf>,
}

impl Commands {
    /// Runs a program to its end and returns what it printed.
    ///
    /// # Errors
    /// If it is not there, refuses, or does not answer.
    pub(super) fn run(&self, program: &str, arguments: &[String]) -> Result<String> {
        let path = match &self.folder {
            Some(folder) => folder.join(program),
            None => program.into(),
        };
        let mut command = Command::new(&path);
        // Their words must not depend on the user's language.
        command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::usage(format!("{program} is not here, so this machine submits no jobs"))
                    .hint("run it on a login node of the cluster, or leave --executor slurm out")
            }
            _ => Error::io("start", &path, &error),
        })?;
        let pid = child.id();
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let _ = sender.send(child.wait_with_output());
        });
        let Ok(output) = receiver.recv_timeout(PATIENCE) else {
            // SAFETY: no memory is involved. The thread has not collected the process, or it would
            // have sent, so its number still means it.
            unsafe {
                libc::kill(pid as libc::pid_t, libc::SIGKILL);
            }
            let seconds = PATIENCE.as_secs();
            return Err(Error::new(
                ErrorKind::Io,
                format!("{program} did not answer in {seconds} s"),
            )
            .hint("is the controller of the cluster up? `scontrol ping` says"));
        };
        let output = output.map_err(|error| Error::io("run", &path, &error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = words.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let words = match words[..] {
            [] => format!("{program} ended with {}", output.status),
            _ => words.join("; "),
        };
        Err(Error::usage(format!("the cluster refuses: {words}")))
    }
}
