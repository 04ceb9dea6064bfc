//! One process that trains one trial.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::time::Instant;

use dst_record::error::says_out_of_memory;
use dst_record::record::Status;
use dst_record::{Error, Result};

use crate::{Event, ExecutorOptions};
use dst_store::Store;
use dst_store::lease::Attempts;

/// The longest part of a log that is looked at for a reason.
const TAIL: u64 = 16 * 1024;

/// Why a process was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It took too long.
    Timeout,
    /// The user wants to stop.
    Interrupt,
    /// Too many others failed.
    GivenUp,
}

/// A process at work. It is killed when dropped before its end.
#[derive(Debug)]
pub(super) struct Worker {
    /// The trial.
    pub(super) id: String,
    /// When it was started.
    pub(super) started: Instant,
    /// Why and when it was asked to stop.
    pub(super) stop: Option<(Stop, Instant)>,
    /// When another trial of this grid last ran beside it.
    pub(super) last_beside_others: Option<Instant>,
    /// Attempts at the trial before this one.
    pub(super) attempts_before: u32,
    /// Processes that the kernel had killed for memory when it was started.
    killed_for_memory: Option<u64>,
    process: Child,
    log: PathBuf,
    log_start: u64,
}

impl Worker {
    /// Starts the program on a trial that has its specification in the store. Its progress goes
    /// to `messages`; the end of its output is an empty message.
    ///
    /// # Errors
    /// If the log cannot be written or the program cannot be started.
    pub(super) fn start(
        store: &Store,
        id: &str,
        options: &ExecutorOptions,
        messages: Sender<Option<Event>>,
    ) -> Result<Self> {
        let attempts = store.attempts(id)?;
        let log = store.folder(id).join("log.txt");
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|error| Error::io("write", &log, &error))?;
        let log_start =
            file.seek(SeekFrom::End(0)).map_err(|error| Error::io("write", &log, &error))?;

        let mut process =
            command(store, id, options, file).spawn().map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::usage(format!(
                    "the program {} that should train does not exist",
                    options.program.display()
                )),
                _ => Error::io("start", &options.program, &error),
            })?;
        let attempts_before = match attempts {
            Attempts::Idle { attempts, .. } => attempts,
            Attempts::None | Attempts::Held(_) => 0,
        };
        let output = process.stdout.take().expect("its output is a pipe");
        let trial = id.to_owned();
        let read = move || {
            for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
                // Libraries may print to stdout too; only our own lines are understood.
                if let Ok(event @ Event::Progress { .. }) = serde_json::from_str(&line)
                    && matches!(&event, Event::Progress { id, .. } if *id == trial)
                {
                    let _ = messages.send(Some(event));
                }
            }
            let _ = messages.send(None);
        };
        let worker = Self {
            id: id.to_owned(),
            started: Instant::now(),
            stop: None,
            last_beside_others: None,
            attempts_before,
            killed_for_memory: killed_for_memory(),
            process,
            log,
            log_start,
        };
        std::thread::Builder::new()
            .name(format!("output {id}"))
            .spawn(read)
            .map_err(|error| Error::io("start a thread for", &options.program, &error))?;
        Ok(worker)
    }

    /// Its number.
    pub(super) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Its exit status, if it has ended.
    ///
    /// # Errors
    /// If the system does not know the process.
    pub(super) fn poll(&mut self) -> Result<Option<ExitStatus>> {
        self.process
            .try_wait()
            .map_err(|error| Error::io("wait for", Path::new("a trial's process"), &error))
    }

    /// Asks it to save a checkpoint and end.
    pub(super) fn ask_to_stop(&mut self, why: Stop) {
        if self.stop.is_none() {
            self.stop = Some((why, Instant::now()));
            self.signal(libc::SIGTERM);
        }
    }

    /// Asks it to save a checkpoint and go on.
    pub(super) fn ask_to_save(&self) {
        self.signal(libc::SIGUSR1);
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        self.signal(libc::SIGKILL);
    }

    /// Reaches the whole process group, which is the process's own.
    fn signal(&self, signal: libc::c_int) {
        // SAFETY: no memory is involved. The process is our child and not yet collected, so its
        // number still means it.
        unsafe {
            libc::kill(-(self.process.id() as libc::pid_t), signal);
        }
    }

    /// The status of a trial whose process ended without a result, and how it ended, for people.
    ///
    /// A process that was killed by signal 9 may have been killed by anybody. The kernel counts
    /// those that it kills for memory, on the whole machine; if it has killed none since this one
    /// started, or does not tell, memory is a guess, and the trial has crashed.
    pub(super) fn judge_end(&self, exit: ExitStatus) -> (Status, String) {
        let killed = exit.signal() == Some(libc::SIGKILL);
        if killed && has_killed(self.killed_for_memory, killed_for_memory()) {
            let end = "killed by signal 9, while the kernel killed for want of memory";
            return (Status::OutOfMemory, end.to_owned());
        }
        let aborted = exit.signal() == Some(libc::SIGABRT);
        let end = describe_end(exit);
        if aborted && says_out_of_memory(&read_tail(&self.log, self.log_start)) {
            return (Status::OutOfMemory, end);
        }
        (Status::Crashed, end)
    }

    /// What it wrote to its log in this attempt, as one line: from the last error message on,
    /// or the last three lines; the line that opens every attempt says nothing new.
    pub(super) fn last_words(&self) -> String {
        last_words(&read_tail(&self.log, self.log_start))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.kill();
            let _ = self.process.wait();
        }
    }
}

fn command(store: &Store, id: &str, options: &ExecutorOptions, log: File) -> Command {
    let threads = options.threads.to_string();
    let mut command = Command::new(&options.program);
    command
        .arg("run")
        .arg("--store")
        .arg(store.root())
        .args(["--trial", id, "--threads", &threads, "--device", &options.device, "--worker"])
        .env("OMP_NUM_THREADS", &threads)
        .env("MKL_NUM_THREADS", &threads)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // A Ctrl-C of the terminal reaches the foreground group: only the executor decides.
        .process_group(0);
    if options.accept_code {
        command.arg("--accept-code");
    }
    if options.keep.is_some() {
        command.arg("--keep").arg(options.keep.to_string());
    }
    if let Some(data_dir) = &options.data_dir {
        command.arg("--data-dir").arg(data_dir);
    }
    if let Some(revision) = &options.hub_revision {
        command.arg("--hub-revision").arg(revision);
    }
    end_with_parent(&mut command);
    command
}

/// How many processes the kernel has killed for want of memory since the machine started, in any
/// control group; none if the system does not tell.
fn killed_for_memory() -> Option<u64> {
    count_of_kills(&fs::read_to_string("/proc/vmstat").ok()?)
}

fn count_of_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// Has the kernel killed for memory between two readings?
fn has_killed(before: Option<u64>, after: Option<u64>) -> bool {
    before.zip(after).is_some_and(|(before, after)| after > before)
}

/// A killed executor must not leave processes behind that hold its trials.
#[cfg(target_os = "linux")]
fn end_with_parent(command: &mut Command) {
    let parent = std::process::id() as libc::pid_t;
    let before_exec = move || {
        // A request for a checkpoint may come before the process listens.
        // SAFETY: the calls only concern this process and touch no memory.
        let (failed, still_parent) = unsafe {
            libc::signal(libc::SIGUSR1, libc::SIG_IGN);
            (libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0, libc::getppid() == parent)
        };
        if failed {
            return Err(std::io::Error::last_os_error());
        }
        // It may have died before the request was made.
        if still_parent { Ok(()) } else { Err(std::io::Error::from_raw_os_error(libc::ESRCH)) }
    };
    // SAFETY: the closure calls only async-signal-safe functions and allocates nothing.
    unsafe {
        command.pre_exec(before_exec);
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}

fn read_tail(log: &Path, start: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let length = fs::metadata(log)?.len();
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(TAIL))))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

fn last_words(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("attempt "))
        .collect();
    let error = lines.iter().rposition(|line| line.starts_with("error: "));
    let from = error.unwrap_or(lines.len().saturating_sub(3));
    let mut words = lines[from..].join("; ");
    if let Some(message) = words.strip_prefix("error: ") {
        words = message.to_owned();
    }
    match words.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// How a process ended that left no result, for people.
pub(super) fn describe_end(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) => "killed by signal 9 (out of memory?)".into(),
        (Some(libc::SIGSEGV), _) => "killed by signal 11 (segmentation fault)".into(),
        (Some(libc::SIGABRT), _) => "killed by signal 6 (aborted)".into(),
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(code)) => format!("ended with exit code {code} and no result"),
        (None, None) => "ended in an unknown way".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{count_of_kills, has_killed, last_words};

    #[test]
    fn a_kill_for_memory_is_told_by_the_kernels_count() {
        let vmstat = |kills: u64| format!("pgfault 12\noom_kill {kills}\noom_kill_other 9\n");
        let readings = [count_of_kills(&vmstat(3)), count_of_kills(&vmstat(4))];
        assert_eq!(readings, [Some(3), Some(4)]);
        assert!(has_killed(readings[0], readings[1]));
        assert!(!has_killed(readings[0], readings[0]));
        assert_eq!(count_of_kills("pgfault 12\n"), None);
        assert!(!has_killed(None, Some(1)), "what was not counted before cannot have risen");
    }

    #[test]
    fn the_last_error_counts_or_the_last_three_lines() {
        let log = "error: an older one\nwarning\n\nerror: no data\n  pass --data-dir\n";
        assert_eq!(last_words(log), "no data; pass --data-dir");
        assert_eq!(last_words("a\nb\nc\nd\n"), "b; c; d");
        assert_eq!(last_words("attempt 1 of 0123456789abcdef\nepoch 1\n"), "epoch 1");
        assert_eq!(last_words(""), "");
        assert_eq!(last_words(&"ä".repeat(600)).chars().count(), 501);
    }
}
