//! The whole report as one HTML page, `report.html`, that needs no network: tables that sort and
//! filter, pictures in light and dark, verdicts, costs, failures and a methods paragraph. The data
//! behind every picture lies beside it as CSV, the picture alone as SVG, in `figures`.
//!
//! What is compared and how stands in [`dst_analysis`]; what is drawn in [`dst_figures`].

use dst_analysis::Rendering;
use dst_analysis::ReportPlugin;
use dst_analysis::Study;
use dst_analysis::{Document, Report};
use dst_record::Result;

mod across;
mod courses;
mod page;
mod pictures;
mod provenance;
mod scores;
mod section;
mod table;

/// The report of this crate.
struct Html;

inventory::submit! {
    ReportPlugin {
        name: "html",
        summary: "The whole report as one HTML page, with pictures and the data behind them.",
        order: 40,
        report: &Html,
    }
}

impl Report for Html {
    fn render(&self, study: &Study<'_>) -> Result<Rendering> {
        let page = page::Page::new(study);
        let mut documents =
            vec![Document { name: "report.html".to_owned(), bytes: page.html()?.into_bytes() }];
        for figure in page.figures() {
            let document = |extension: &str, bytes| Document {
                name: format!("figures/{}.{extension}", figure.name),
                bytes,
            };
            documents.push(document("svg", figure.svg.clone().into_bytes()));
            documents.push(document("csv", figure.csv.clone()));
        }
        Ok(Rendering { documents, summary: String::new() })
    }
}
