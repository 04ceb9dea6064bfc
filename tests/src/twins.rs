//! A harness in which two crates register one name.

use std::process::ExitCode;

use dst_core::plugin::ReportPlugin;
use dst_core::report::Rendering;
use dst_core::{Experiment, Report, Result};

/// Makes nothing.
struct Nothing;

impl Report for Nothing {
    fn render(&self, _: &Experiment<'_>) -> Result<Rendering> {
        Ok(Rendering::default())
    }
}

inventory::submit! {
    ReportPlugin {
        name: "csv",
        summary: "Has the name of another report.",
        order: 1,
        report: &Nothing,
    }
}

fn main() -> ExitCode {
    harness::main()
}
