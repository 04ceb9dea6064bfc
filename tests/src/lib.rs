//! Runs built binaries in a folder of their own, as a user would.

pub mod hub;
pub mod own_data;
pub mod slurm;
pub mod terminal;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What SIGHUP does to the program: `SIG_DFL` or, as under `nohup`, `SIG_IGN`.
pub fn set_hang_up(command: &mut Command, action: libc::sighandler_t) {
    // SAFETY: between fork and exec nothing but signal(2) is called, which is allowed there.
    unsafe {
        command.pre_exec(move || {
            libc::signal(libc::SIGHUP, action);
            Ok(())
        });
    }
}

/// A training of well under a second.
pub const TINY: &str = "--models mlp --set mlp.hidden=[16] --epochs 1 --seeds 0..2";

/// What a process said and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessOutput {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// For programs.
    pub stdout: String,
    /// For people.
    pub stderr: String,
}

impl ProcessOutput {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is text");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The same, after checking that it ended well.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// What it said to people, after checking the exit code and that nobody panicked.
    ///
    /// # Panics
    /// If it ended otherwise.
    #[must_use]
    #[track_caller]
    pub fn refused(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }
}

/// An empty folder in which a harness works.
#[derive(Debug)]
pub struct Sandbox {
    program: PathBuf,
    folder: TempDir,
}

impl Sandbox {
    /// For the harness of this workspace.
    ///
    /// # Panics
    /// If it cannot be built.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "building a program is no default")]
    pub fn new() -> Self {
        Self::of(harness())
    }

    /// For another binary.
    ///
    /// # Panics
    /// If there is no room for a folder.
    #[must_use]
    pub fn of(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), folder: tempfile::tempdir().expect("a folder") }
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with arguments separated by spaces, ready to start: no variable of the
    /// harness is set, output is not captured yet, and a closed terminal means what it does in one, even
    /// if the tests run under `nohup`.
    #[must_use]
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(line.split_whitespace()).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            // Tables fit into COLUMNS.
            let is_ours = text.starts_with("HARNESS_") || text.starts_with("HF_");
            if is_ours || text == "COLUMNS" {
                command.env_remove(name);
            }
        }
        // Nothing of this machine's cache, and no network unless a test serves it.
        command.env("HF_HOME", self.path("hub-home")).env("HF_HUB_OFFLINE", "1");
        command.env("HARNESS_CACHE", self.path("cache"));
        set_hang_up(&mut command, libc::SIG_DFL);
        command
    }

    /// Runs the program with arguments separated by spaces.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, line: &str) -> ProcessOutput {
        said(&mut self.command(line))
    }

    /// Runs the program with arguments separated by spaces, and others as they are.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run_with(&self, line: &str, others: &[&str]) -> ProcessOutput {
        said(self.command(line).args(others))
    }

    /// Starts the program with arguments separated by spaces and does not wait for it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, line: &str) -> Running {
        Running::of(&mut self.command(line))
    }

    /// As [`Sandbox::start`], with stdout in a file, which can be read while the program works.
    ///
    /// # Panics
    /// If it cannot be started, or the file cannot be written.
    #[must_use]
    pub fn start_into(&self, file: &str, line: &str) -> Running {
        let file = std::fs::File::create(self.path(file)).expect("a file");
        let mut command = self.command(line);
        command.stdout(file).stderr(Stdio::piped());
        Running(command.spawn().expect("the program starts"))
    }

    /// Results of the store `runs`: the bytes of each by the id of its trial.
    ///
    /// # Panics
    /// If one cannot be read.
    #[must_use]
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(self.path("runs")) else { return BTreeMap::new() };
        entries
            .map(|entry| entry.expect("an entry"))
            .filter_map(|entry| {
                let path = entry.path().join("result.json");
                let bytes = path.is_file().then(|| std::fs::read(path).expect("a result"))?;
                Some((entry.file_name().to_string_lossy().into_owned(), bytes))
            })
            .collect()
    }

    /// The tables of the report in `runs/report` by name, with measured columns left empty.
    ///
    /// # Panics
    /// If one cannot be read.
    #[must_use]
    pub fn report(&self) -> BTreeMap<String, String> {
        let folder = self.path("runs/report");
        let entries = std::fs::read_dir(&folder).expect("a report");
        entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
            .map(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).expect("text");
                (name, without_measurements(&text))
            })
            .collect()
    }
}

/// A process that works.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts a command.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the program starts"))
    }

    /// Sends a signal of the system.
    pub fn signal(&self, signal: i32) {
        // SAFETY: no memory is involved; the child is ours and not yet collected.
        unsafe {
            libc::kill(self.0.id().cast_signed(), signal);
        }
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// If what it said is no text.
    #[must_use]
    pub fn end(self) -> ProcessOutput {
        ProcessOutput::of(self.0.wait_with_output().expect("the program ends"))
    }
}

/// Looks until something is so.
///
/// # Panics
/// If it is not after two minutes; `what` says what did not come.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn said(command: &mut Command) -> ProcessOutput {
    ProcessOutput::of(command.output().expect("the program starts"))
}

/// Checks that two reports hold the same tables, but for measured columns.
///
/// # Panics
/// At the first line that differs.
#[track_caller]
pub fn assert_same_reports(one: &Sandbox, other: &Sandbox) {
    let (one, other) = (one.report(), other.report());
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, text) in &one {
        let pairs = text.lines().zip(other[name].lines());
        for (index, (one, other)) in pairs.enumerate() {
            assert_eq!(one, other, "{name}, line {}", index + 1);
        }
        assert_eq!(text.lines().count(), other[name].lines().count(), "{name}");
    }
}

/// Parts of the names of columns that differ from run to run: times, memory, where and how often a trial was begun,
/// and what follows from times.
const MEASURED: [&str; 12] = [
    "second",
    "ms_per_sample",
    "inference_ms",
    "memory",
    "started",
    "host",
    "attempt",
    "on_front",
    "dominated_by",
    "target_ratio",
    "measured",
    "withheld",
];

/// CSV without what differs from run to run.
fn without_measurements(csv: &str) -> String {
    let header: Vec<&str> = csv.lines().next().unwrap_or_default().split(',').collect();
    let measured = |column: usize| {
        header
            .get(column)
            .is_some_and(|name| *name == "ratio" || MEASURED.iter().any(|word| name.contains(word)))
    };
    let mut text = String::new();
    for (index, line) in csv.lines().enumerate() {
        let cells = cells(line)
            .into_iter()
            .enumerate()
            .map(|(column, cell)| if index > 0 && measured(column) { String::new() } else { cell });
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

/// The cells of a line, quotes kept.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        quoted ^= character == '"';
        match character {
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().expect("there is a cell").push(character),
        }
    }
    cells
}

/// The workspace of this package.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package has a workspace")
}

/// The harness of this workspace, built from its present sources.
///
/// # Panics
/// If it cannot be built.
fn harness() -> &'static Path {
    static HARNESS: OnceLock<PathBuf> = OnceLock::new();
    HARNESS.get_or_init(|| {
        // <target>/<profile>/deps/<this test>
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.ancestors().nth(2).expect("a test lies in the target folder");
        let target = profile.parent().expect("a profile lies in the target folder");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build
            .args(["build", "--quiet", "--package", "harness", "--bin", "harness", "--target-dir"])
            .arg(target)
            .current_dir(workspace());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        // Cargo hands down the value of .cargo/config.toml as if the user had set it. To a build
        // script that looks like a change, and torch-sys would be compiled again.
        let own = workspace().join(".libtorch/current");
        if std::env::var_os("LIBTORCH").is_some_and(|libtorch| Path::new(&libtorch) == own) {
            build.env_remove("LIBTORCH");
        }
        // The same goes for the name and version of the package under test, which ring's build
        // script watches.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                build.env_remove(&name);
            }
        }
        assert!(build.status().expect("cargo starts").success(), "the harness cannot be built");
        profile.join("harness")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_columns_are_emptied() {
        let csv = "trial,params,train_seconds\na,\"{\"\"x\"\":1,\"\"y\"\":2}\",0.5\n";
        let expected = "trial,params,train_seconds\na,\"{\"\"x\"\":1,\"\"y\"\":2}\",\n";
        assert_eq!(without_measurements(csv), expected);
    }
}
