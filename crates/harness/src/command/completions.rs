//! `harness completions`

use dst_core::Result;

use crate::cli::{self, CompletionsArgs};
use crate::output;
use dst_executor::Exit;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "harness", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
