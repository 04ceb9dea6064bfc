//! Harnesses as processes, and the trials that they start.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::{Result, cannot};

/// Trials of the grid.
pub(super) const TRIALS: usize = 60;

/// Three methods on two backends, ten seeds.
const GRID: &str = "grid --strategies set,rigl,dense --models mlp --set mlp.hidden=[24] --epochs 3 \
                    --sparsity 0.9 --backend masked,sparse --seeds 0..10 --jobs 2 --no-report --quiet";

/// A harness at work on a grid.
pub(super) struct Harness {
    child: Child,
    log: PathBuf,
    /// The largest file that it may write, in bytes, what it says included.
    limit: Option<u64>,
    /// Was it struck, so that its end says nothing?
    pub(super) struck: bool,
}

/// A harness that ended.
pub(super) struct EndedHarness {
    /// Its exit code; none if a signal killed it.
    pub(super) code: Option<i32>,
    signal: Option<i32>,
    pub(super) stderr: String,
    /// Was there no room for all that it said?
    pub(super) is_cut: bool,
    struck: bool,
}

impl EndedHarness {
    /// Was it killed by a signal that nobody sent?
    pub(super) fn crashed(&self) -> bool {
        self.signal.is_some() && !self.struck
    }
}

impl Harness {
    /// Starts the grid in `folder`, with one more argument.
    pub(super) fn start(program: &Path, folder: &Path, rest: Option<&str>) -> Result<Self> {
        let command = Self::command(program, folder, rest)?;
        Self::spawn(command)
    }

    /// The same where no file may be larger than so many bytes: the disk is full.
    pub(super) fn start_on_full_disk(program: &Path, folder: &Path, bytes: u64) -> Result<Self> {
        let (mut command, log) = Self::command(program, folder, None)?;
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        let before_exec = move || {
            // SAFETY: the calls concern this process alone; the struct outlives them.
            let failed = unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                libc::setrlimit(libc::RLIMIT_FSIZE, &limit)
            };
            if failed == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        };
        // SAFETY: what runs between fork and exec only makes system calls.
        unsafe {
            command.pre_exec(before_exec);
        }
        let mut started = Self::spawn((command, log))?;
        (started.limit, started.struck) = (Some(bytes), true);
        Ok(started)
    }

    fn command(program: &Path, folder: &Path, rest: Option<&str>) -> Result<(Command, PathBuf)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(folder).map_err(|e| cannot("create", folder, &e))?;
        let log = folder.join(format!("harness-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let file = File::create(&log).map_err(|e| cannot("create", &log, &e))?;
        let mut command = Command::new(program);
        command.args(GRID.split_whitespace()).args(rest).arg("--store").arg(folder.join("runs"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).process_group(0);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HARNESS_") {
                command.env_remove(name);
            }
        }
        Ok((command, log))
    }

    fn spawn((mut command, log): (Command, PathBuf)) -> Result<Self> {
        let child = command.spawn().map_err(|e| format!("the harness does not start: {e}"))?;
        Ok(Self { child, log, limit: None, struck: false })
    }

    /// How it ended, if it has.
    pub(super) fn poll(&mut self) -> Result<Option<EndedHarness>> {
        let status = self.child.try_wait().map_err(|e| format!("cannot wait: {e}"))?;
        Ok(status.map(|status| self.ended(status)))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it takes too long; it is killed then.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<EndedHarness> {
        let start = Instant::now();
        loop {
            if let Some(ended) = self.poll()? {
                return Ok(ended);
            }
            if start.elapsed() > limit {
                self.signal(libc::SIGKILL);
                let _ = self.child.wait();
                return Err(format!("a harness took longer than {} s", limit.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ended(&self, status: ExitStatus) -> EndedHarness {
        let said = fs::read(&self.log).unwrap_or_default();
        EndedHarness {
            code: status.code(),
            signal: status.signal(),
            is_cut: self.limit.is_some_and(|limit| said.len() as u64 >= limit),
            stderr: String::from_utf8_lossy(&said).into_owned(),
            struck: self.struck,
        }
    }

    pub(super) fn signal(&self, signal: i32) {
        send(self.child.id(), signal);
    }

    /// Lets it go on, if it was stopped.
    pub(super) fn resume(&self) {
        self.signal(libc::SIGCONT);
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to one process.
pub(super) fn send(process: u32, signal: i32) {
    // SAFETY: no memory is involved.
    unsafe {
        libc::kill(process as libc::pid_t, signal);
    }
}

/// Processes that train trials of this store.
pub(super) fn trials(store: &Path) -> Vec<u32> {
    let store = store.to_string_lossy().into_owned();
    let is_ours = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("--worker") && line.contains(&store)
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<u32> = processes.filter(is_ours).collect();
    found.sort_unstable();
    found
}
