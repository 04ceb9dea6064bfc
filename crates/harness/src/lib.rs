//! The harness: a command line over grids of trials.
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
//!
//! Its results belong to the whole program, so every build of it trains them again. With a build
//! script that calls `dst_sources::write_plugins`, they belong to the sources of its plug-ins.

// The list of plug-ins that build scripts write says `harness::` here too.
extern crate self as harness;

/// For the list of plug-ins that build scripts write.
#[doc(hidden)]
pub use inventory;

pub mod cli;
pub mod code;
pub mod run;

mod catalog;
mod command;
mod flags;
mod output;
mod plugins;
mod progress;
mod screen;
mod table;
mod text;

use std::process::ExitCode;

/// Runs the command line of this process and returns its exit code; see [`dst_executor::exit`].
pub fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(typed) => match run::without_panic(|| command::run(&typed)) {
            Ok(exit) => exit.into(),
            Err(error) => {
                output::complain(&error);
                dst_executor::Exit::from(&error).into()
            }
        },
        Err(exit) => exit.into(),
    }
}
