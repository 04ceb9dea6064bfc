//! Significance against a control, paired by seed.
//!
//! Within one data set, model and training, every group of trials (a strategy with its
//! parameters at one sparsity) is compared with the control on the official metric of the data set. Seeds are the
//! samples: two strategies with one seed start from the same weights and see the same batches,
//! so their scores form a pair. A trial that failed takes its seed from both members.
//!
//! The verdict follows from the interval of the mean difference and the margin, by the rule of
//! [`dst_stats::Verdict`]. The paired t test is the primary test; its p-values are adjusted by
//! Holm's method over all comparisons of one table. Data sets are never mixed.
//!
//! Statistics live in `dst-stats`; this crate forms the pairs and says what came out.

use dst_core::plugin::{Plugin, ReportPlugin, StrategyPlugin, baseline};
use dst_core::record::TrialRecord;
use dst_core::report::Rendering;
use dst_core::{Analysis, Document, Error, Report, Result};

mod columns;
mod comparison;
mod costs;
mod judgement;
mod markdown;
mod table;
mod terminal;
mod words;

use judgement::Judgement;

/// The report of this crate.
struct Significance;

inventory::submit! {
    ReportPlugin {
        name: "significance",
        summary: "Every strategy against the control, paired by seed: intervals, tests, verdicts.",
        order: 10,
        report: &Significance,
    }
}

impl Report for Significance {
    fn render(&self, trials: &[TrialRecord], analysis: &Analysis) -> Result<Rendering> {
        analysis.validate()?;
        let control = control(trials, analysis)?;
        let tables = table::tables(trials)?;
        let judgements: Vec<Judgement<'_>> = tables
            .iter()
            .map(|table| Judgement::new(table, &control, analysis))
            .collect::<Result<_>>()?;
        Ok(Rendering {
            documents: vec![
                Document {
                    name: "comparisons.csv".to_owned(),
                    bytes: columns::csv(&judgements, analysis),
                },
                Document {
                    name: "significance.md".to_owned(),
                    bytes: markdown::text(&judgements, &control, analysis).into_bytes(),
                },
            ],
            summary: terminal::text(&judgements, analysis),
        })
    }
}

/// The name of the strategy that the others are compared with.
///
/// A registered strategy without trials is no mistake: its trials may not have ended yet.
fn control(trials: &[TrialRecord], analysis: &Analysis) -> Result<String> {
    let name = &analysis.control;
    if name.is_empty() {
        return baseline()
            .map(|plugin| plugin.name.to_owned())
            .map_err(|error| error.hint("name the control in analysis.control"));
    }
    let mut present: Vec<&str> = trials.iter().map(|trial| trial.spec.strategy_name()).collect();
    present.sort_unstable();
    present.dedup();
    if present.contains(&name.as_str()) || StrategyPlugin::find(name).is_ok() {
        return Ok(name.clone());
    }
    Err(Error::unknown("control", name, present).at("analysis.control"))
}
