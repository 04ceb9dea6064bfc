//! `report.json`: the page that people read, and every number that its verdicts rest on, for programs.
//!
//! The fields stand in the crate's `README.md`. `schema` rises when one changes its meaning or goes; new
//! ones may come without that. Numbers are in the unit of files (accuracy in [0, 1]); what is infinite or
//! missing is `null`.

use dst_analysis::document::{Page, SCHEMA};
use dst_analysis::json::family;
use dst_analysis::{Document, Rendering, Report, ReportPlugin, Study};
use dst_record::{Error, Result};
use serde_json::json;

/// The report of this crate.
struct Json;

inventory::submit! {
    ReportPlugin {
        name: "json",
        summary: "The whole report for programs: what the page says, and what its verdicts rest on.",
        order: 60,
        report: &Json,
        terminal: None,
    }
}

impl Report for Json {
    fn render(&self, study: &Study<'_>, page: &Page) -> Result<Rendering> {
        let value = json!({
            "schema": SCHEMA,
            "post_hoc": study.experiment.post_hoc,
            "control": study.control,
            "analysis": study.analysis(),
            "trials": study.experiment.trials.len(),
            "pending": study.experiment.pending.len(),
            "families": study.judgements.iter().map(|j| family(study, j)).collect::<Vec<_>>(),
            "page": page,
        });
        let bytes = serde_json::to_vec_pretty(&value)
            .map_err(|error| Error::contract(format!("the report is no JSON: {error}")))?;
        Ok(Rendering { documents: vec![Document { name: "report.json".to_owned(), bytes }] })
    }
}
