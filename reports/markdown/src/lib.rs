//! The whole report as Markdown: `report.md`, to read in a terminal or a pull request.
//!
//! What it says stands in [`dst_analysis::document`].

use dst_analysis::document::Page;
use dst_analysis::{Document, Rendering, Report, ReportPlugin, Study};
use dst_record::Result;

mod markdown;

/// The report of this crate.
struct Markdown;

inventory::submit! {
    ReportPlugin {
        name: "markdown",
        summary: "The whole report as Markdown: verdicts, tables, failures, methods, settings.",
        order: 30,
        report: &Markdown,
        terminal: None,
    }
}

impl Report for Markdown {
    fn render(&self, _: &Study<'_>, page: &Page) -> Result<Rendering> {
        let bytes = markdown::text(page).into_bytes();
        Ok(Rendering { documents: vec![Document { name: "report.md".to_owned(), bytes }] })
    }
}
