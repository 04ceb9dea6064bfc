//! A harness in which two crates register one name.

use std::process::ExitCode;

use dst_analysis::document::Page;
use dst_analysis::{Rendering, Report, ReportPlugin, Study};
use dst_core::Result;

/// Makes nothing.
struct Nothing;

impl Report for Nothing {
    fn render(&self, _: &Study<'_>, _: &Page) -> Result<Rendering> {
        Ok(Rendering::default())
    }
}

inventory::submit! {
    ReportPlugin {
        name: "csv",
        summary: "Has the name of another report.",
        order: 1,
        report: &Nothing,
        terminal: None,
    }
}

fn main() -> ExitCode {
    harness::main()
}
