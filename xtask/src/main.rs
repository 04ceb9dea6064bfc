//! Set-up, checks and chores of this workspace: `cargo xtask --help`.
//!
//! It runs before libtorch exists and therefore knows nothing of tch.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod digest;
mod mnist;
mod scratch;

/// A failure is one sentence that says what to do.
type Result<T = ()> = std::result::Result<T, String>;

/// Set-up, checks and chores of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Rebuild or check the digits that datasets/mnist carries.
    #[command(name = "mnist-10k")]
    Mnist10k(mnist::Args),
}

fn main() -> ExitCode {
    let workspace = workspace();
    let outcome = match Cli::parse().command {
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
