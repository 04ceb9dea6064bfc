//! Hand-made trials.

use dst_analysis::{Analysis, Catalog, Experiment, Rendering, ReportPlugin, StrategyFacts, Study};
use dst_record::record::TrialRecord;
use dst_record::{Plugin, Result};
use report_significance as _;
use serde_json::{Value, json};

/// What these tests know of strategies: which is the baseline.
fn catalog() -> Catalog {
    let facts = StrategyFacts { baseline: true, ..StrategyFacts::default() };
    Catalog { strategies: [("dense".to_owned(), facts)].into(), ..Catalog::default() }
}

pub(crate) use dst_analysis::sample::{failed, finished, group, spec};

pub(crate) fn dense() -> Value {
    json!({"name": "dense"})
}

pub(crate) fn rigl() -> Value {
    json!({"name": "rigl", "drop_fraction": 0.3, "grow": "gradient"})
}

pub(crate) fn render(trials: &[TrialRecord], analysis: &Analysis) -> Result<Rendering> {
    let catalog = catalog();
    let experiment = Experiment { catalog: &catalog, ..Experiment::new(trials, analysis) };
    ReportPlugin::find("significance").unwrap().report.render(&Study::new(&experiment)?)
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
