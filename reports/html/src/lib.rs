//! The whole report as one HTML page, `report.html`, that needs no network: verdicts, figures in
//! light and dark, and tables that sort and filter. The data behind every figure lies beside it as
//! CSV, the figure alone as SVG, in `figures`.
//!
//! What is said, and in which words and digits, stands in [`dst_analysis::document`]; what is drawn
//! in [`dst_figures`]. This crate lays both out.

use dst_analysis::document::Page;
use dst_analysis::{Document, Rendering, Report, ReportPlugin, Study};
use dst_record::Result;

mod block;
mod page;
mod table;
mod verdict;

/// The report of this crate.
struct Html;

inventory::submit! {
    ReportPlugin {
        name: "html",
        summary: "The whole report as one HTML page, with figures and the data behind them.",
        order: 40,
        report: &Html,
        terminal: None,
    }
}

impl Report for Html {
    fn render(&self, _: &Study<'_>, page: &Page) -> Result<Rendering> {
        let html = page::html(page)?.into_bytes();
        let mut documents = vec![Document { name: "report.html".to_owned(), bytes: html }];
        for figure in page.figures() {
            let document = |extension: &str, bytes| Document {
                name: format!("figures/{}.{extension}", figure.name),
                bytes,
            };
            documents.push(document("svg", figure.drawing.svg.clone().into_bytes()));
            documents.push(document("csv", figure.drawing.csv.clone()));
        }
        Ok(Rendering { documents })
    }
}
