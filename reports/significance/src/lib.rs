//! Significance against a control, paired by seed: the page on a terminal, and every comparison with
//! all its numbers in `comparisons.csv`, `pairs.csv` and `mcnemar.csv`.
//!
//! What is compared and how stands in [`dst_analysis`] and in the crate's `README.md`.

use dst_analysis::document::Page;
use dst_analysis::{Document, Rendering, Report, ReportPlugin, Study};
use dst_record::Result;

mod columns;
mod every_pair;
mod seed_by_seed;
mod terminal;

/// The report of this crate.
struct Significance;

inventory::submit! {
    ReportPlugin {
        name: "significance",
        summary: "Every strategy against the control, paired by seed: intervals, tests, verdicts.",
        order: 10,
        report: &Significance,
        terminal: Some(terminal::text),
    }
}

impl Report for Significance {
    fn render(&self, study: &Study<'_>, _: &Page) -> Result<Rendering> {
        let document = |name: &str, bytes| Document { name: name.to_owned(), bytes };
        let mut documents = vec![
            document("comparisons.csv", columns::csv(study)),
            document("pairs.csv", every_pair::csv(study)),
        ];
        documents.extend(seed_by_seed::csv(study).map(|bytes| document("mcnemar.csv", bytes)));
        Ok(Rendering { documents })
    }
}
