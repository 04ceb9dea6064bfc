//! Set-up, checks and chores of this workspace: `cargo xtask --help`.
//!
//! It runs before libtorch exists and therefore knows nothing of tch.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod cargo;
mod ci;
mod digest;
mod disk;
mod install;
mod libtorch;
mod licences;
mod minilm;
mod mnist;
mod onnxruntime;
mod pip;
mod scratch;
mod tidy;
mod torture;

/// A failure is one sentence that says what to do.
type Result<T = ()> = std::result::Result<T, String>;

/// Set-up, checks and chores of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch libtorch 2.13.0 if there is none, and point .libtorch/current to it.
    Libtorch(libtorch::Args),
    /// Build the harness and install it with its libtorch, completions and manual pages.
    Install(install::Args),
    /// Set up, build and start the harness (what `cargo harness` does).
    #[command(disable_help_flag = true)]
    Harness {
        /// Passed on as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Set up and run every test of the workspace.
    #[command(disable_help_flag = true)]
    Test {
        /// Passed on to `cargo test`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write the licences of all crates that the harness contains to LICENSE-THIRD-PARTY.
    Licences,
    /// Check what the compiler does not: dependency arrows, linked plug-ins, links, file sizes.
    Tidy,
    /// Run every check that a change must pass.
    Ci,
    /// Train grids while processes are killed, files damaged and clocks turned; nothing may be lost.
    Torture(torture::Args),
    /// Fetch the real weights that a test reads and minilm-l6 can start from.
    Minilm,
    /// Rebuild or check the digits that datasets/mnist carries.
    #[command(name = "mnist-10k")]
    Mnist10k(mnist::Args),
}

fn main() -> ExitCode {
    let workspace = workspace();
    // As typed: clap would take a leading `--` for itself.
    let passed_on = || -> Vec<OsString> { std::env::args_os().skip(2).collect() };
    let outcome = match Cli::parse().task {
        Task::Libtorch(args) => libtorch::ensure(&workspace, &args),
        Task::Install(args) => install::run(&workspace, &args),
        Task::Harness { .. } => cargo::harness(&workspace, &passed_on()),
        Task::Test { .. } => cargo::test(&workspace, &passed_on()),
        Task::Licences => licences::run(&workspace),
        Task::Tidy => tidy::run(&workspace),
        Task::Ci => ci::run(&workspace),
        Task::Torture(args) => torture::run(&workspace, &args),
        Task::Minilm => minilm::ensure(&workspace).map(|folder| note!("{}", folder.display())),
        Task::Mnist10k(args) => mnist::run(&workspace, &args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            note!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace that this xtask belongs to.
fn workspace() -> PathBuf {
    // Cargo sets the variable at run time too; the workspace may have moved since the build.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), Path::to_path_buf)
}

fn cannot(action: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {action} {}: {error}", path.display())
}

/// One line for the person at the terminal; standard output is for programs.
#[macro_export]
macro_rules! note {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        // A closed stderr is no reason to fail.
        let _ = writeln!(std::io::stderr(), $($arg)*);
    }};
}
