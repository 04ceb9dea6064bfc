//! The harness: a command line over grids of trials, executors and the run store.
//!
//! The binary `harness` is one call of [`main`]. A binary of your own with further plug-ins is
//! two lines:
//!
//! ```no_run
//! // use my_strategy as _;
//! fn main() -> std::process::ExitCode {
//!     harness::main()
//! }
//! ```

pub mod cli;
pub mod config;
pub mod executor;
pub mod exit;
pub mod lease;
pub mod run;
pub mod store;

mod catalog;
mod command;
mod output;
mod plugins;
mod progress;
mod schema;
mod screen;
mod table;

use std::process::ExitCode;

/// Runs the command line of this process and returns its exit code; see [`exit`].
pub fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(typed) => match command::run(&typed) {
            Ok(exit) => exit.into(),
            Err(error) => {
                output::complain(&error);
                exit::Exit::from(&error).into()
            }
        },
        Err(exit) => exit.into(),
    }
}
