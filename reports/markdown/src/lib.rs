//! The whole report as Markdown: `report.md`, to read in a terminal or a pull request.
//!
//! What is compared and how stands in [`dst_analysis`].

use dst_analysis::Rendering;
use dst_analysis::ReportPlugin;
use dst_analysis::Study;
use dst_analysis::{Document, Report};
use dst_record::Result;

mod across;
mod costs;
mod markdown;
mod section;

/// The report of this crate.
struct Markdown;

inventory::submit! {
    ReportPlugin {
        name: "markdown",
        summary: "The whole report as Markdown: settings, tables, verdicts, failures, methods.",
        order: 30,
        report: &Markdown,
    }
}

impl Report for Markdown {
    fn render(&self, study: &Study<'_>) -> Result<Rendering> {
        let bytes = markdown::text(study).into_bytes();
        let documents = vec![Document { name: "report.md".to_owned(), bytes }];
        Ok(Rendering { documents, summary: String::new() })
    }
}
