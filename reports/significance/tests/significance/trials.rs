//! Hand-made trials, and a registered baseline.

use dst_core::plugin::{Plugin, ReportPlugin, StrategyPlugin};
use dst_core::record::TrialRecord;
use dst_core::report::Rendering;
use dst_core::{Analysis, Experiment, Result, Strategy};
use report_significance as _;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The baseline of these tests: strategies are plug-ins, so reports link none.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Dense {}

#[typetag::serde(name = "dense")]
impl Strategy for Dense {}

inventory::submit! {
    StrategyPlugin {
        name: "dense",
        title: "Dense",
        paper: "",
        summary: "",
        grid: "",
        baseline: true,
        default: || Box::new(Dense {}),
        schema: || schema_for!(Dense),
    }
}

pub(crate) use dst_analysis::sample::{failed, finished, group, spec};

pub(crate) fn dense() -> Value {
    json!({"name": "dense"})
}

pub(crate) fn rigl() -> Value {
    json!({"name": "rigl", "drop_fraction": 0.3, "grow": "gradient"})
}

pub(crate) fn render(trials: &[TrialRecord], analysis: &Analysis) -> Result<Rendering> {
    ReportPlugin::find("significance").unwrap().report.render(&Experiment::new(trials, analysis))
}

pub(crate) fn summary(trials: &[TrialRecord]) -> String {
    render(trials, &Analysis::default()).unwrap().summary
}

/// The lines of the summary that stand for sentences.
pub(crate) fn sentences(trials: &[TrialRecord]) -> Vec<String> {
    sentences_of(&summary(trials))
}

pub(crate) fn sentences_of(summary: &str) -> Vec<String> {
    summary
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.contains(": "))
        .map(str::to_owned)
        .collect()
}

pub(crate) fn document(trials: &[TrialRecord], analysis: &Analysis, name: &str) -> String {
    let rendering = render(trials, analysis).unwrap();
    let document = rendering.documents.into_iter().find(|document| document.name == name);
    String::from_utf8(document.unwrap().bytes).unwrap()
}

/// Cells of `comparisons.csv`, by row, in the order of `names`.
pub(crate) fn cells(
    trials: &[TrialRecord],
    analysis: &Analysis,
    names: &[&str],
) -> Vec<Vec<String>> {
    let text = document(trials, analysis, "comparisons.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &&str| header.iter().position(|column| column == *name).unwrap();
    let places: Vec<usize> = names.iter().map(place).collect();
    reader
        .records()
        .map(|row| {
            let row = row.unwrap();
            places.iter().map(|place| row[*place].to_owned()).collect()
        })
        .collect()
}
