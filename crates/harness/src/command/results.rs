//! The table of results that people read.

use std::collections::BTreeMap;

use dst_core::record::{Outcome, Status, TrialRecord};
use serde_json::{Value, json};

use super::label::{self, Labels};
use crate::table::Table;

/// Trials that differ in their seed alone, in one line each; failures with their reasons below.
pub(super) fn text(records: &[TrialRecord]) -> String {
    let labels = Labels::of(records.iter().map(|record| &record.spec));
    let mut header = vec!["data set", "model", "strategy", "sparsity"];
    if labels.has_training() {
        header.push("training");
    }
    header.extend(["seeds", "test accuracy %", "non-zero", "inference FLOPs", "train FLOPs"]);
    header.push("train s");
    let mut table = Table::new(&header);
    for group in groups(records) {
        let spec = &group[0].spec;
        let outcomes: Vec<&Outcome> =
            group.iter().filter_map(|record| record.outcome.as_ref()).collect();
        let mean = |value: fn(&Outcome) -> f64, digits: usize| match outcomes.len() {
            0 => String::new(),
            _ => format!("{:.digits$}", average(&outcomes, value)),
        };
        let mut cells = vec![
            spec.dataset.clone(),
            labels.model(spec),
            labels.strategy(spec),
            spec.sparsity.to_string(),
        ];
        if labels.has_training() {
            cells.push(labels.training(spec));
        }
        cells.push(match outcomes.len() {
            all if all == group.len() => all.to_string(),
            some => format!("{some} of {}", group.len()),
        });
        cells.push(accuracy(&outcomes));
        cells.push(mean(|outcome| outcome.nonzero_parameters as f64, 0));
        cells.push(relative(&outcomes));
        cells.push(match outcomes.len() {
            0 => String::new(),
            _ => format!("{:.2e}", average(&outcomes, |outcome| outcome.train_flops)),
        });
        cells.push(mean(|outcome| outcome.train_seconds, 1));
        table.row(cells);
    }
    let mut text = table.to_string();
    if records.iter().any(|record| record.outcome.is_some()) {
        text.push_str(
            "\nTest accuracy is mean ± standard deviation over seeds, with the weights that were \
             best on validation.\nFLOPs are what the method needs; times are those of masked \
             dense arithmetic.\n",
        );
    }
    let failed: Vec<&TrialRecord> =
        records.iter().filter(|record| record.status != Status::Finished).collect();
    if !failed.is_empty() {
        text.push_str("\nFailed:\n");
        for record in failed {
            text.push_str(&format!(
                "  {}  {}: {}: {}\n",
                record.id,
                label::trial(&labels, &record.spec),
                record.status,
                record.reason
            ));
        }
    }
    text
}

/// One object for each trial.
pub(super) fn json(records: &[TrialRecord]) -> Value {
    let trials = records.iter().map(|record| {
        let outcome = record.outcome.as_ref();
        json!({
            "id": record.id,
            "spec": record.spec,
            "status": record.status,
            "reason": record.reason,
            "outcome": outcome,
        })
    });
    Value::Array(trials.collect())
}

/// Records that differ in their seed alone, in the order of the first of each group.
fn groups(records: &[TrialRecord]) -> Vec<Vec<&TrialRecord>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&TrialRecord>> = Vec::new();
    for record in records {
        let mut spec = record.spec.clone();
        spec.seed = 0;
        let place = *places.entry(spec.id()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(record);
    }
    groups
}

fn average(outcomes: &[&Outcome], value: impl Fn(&Outcome) -> f64) -> f64 {
    outcomes.iter().map(|outcome| value(outcome)).sum::<f64>() / outcomes.len() as f64
}

fn accuracy(outcomes: &[&Outcome]) -> String {
    let percent = |outcome: &Outcome| 100.0 * outcome.test.accuracy;
    if outcomes.is_empty() {
        return String::new();
    }
    let mean = average(outcomes, percent);
    if outcomes.len() == 1 {
        return format!("{mean:.2}");
    }
    let squares = average(outcomes, |outcome| (percent(outcome) - mean).powi(2));
    let n = outcomes.len() as f64;
    format!("{mean:.2} ± {:.2}", (squares * n / (n - 1.0)).sqrt())
}

/// Operations of inference, and their share of the dense network's.
fn relative(outcomes: &[&Outcome]) -> String {
    if outcomes.is_empty() {
        return String::new();
    }
    let own = average(outcomes, |outcome| outcome.inference_flops);
    let dense = average(outcomes, |outcome| outcome.dense_inference_flops);
    if dense > 0.0 { format!("{own:.2e} ({:.2}×)", own / dense) } else { format!("{own:.2e}") }
}
