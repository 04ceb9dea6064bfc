//! The table of results that people read.

use std::collections::BTreeMap;

use dst_core::Metric;
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
    // One column for all data sets: where one has another metric, every cell names its own.
    let mut outcomes = records.iter().filter_map(|record| record.outcome.as_ref());
    let all_accuracy = outcomes.all(|outcome| outcome.metric == Metric::Accuracy);
    let metric = if all_accuracy { "test accuracy %" } else { "test metric" };
    header.extend(["seeds", metric, "non-zero", "inference FLOPs", "train FLOPs"]);
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
            spec.dataset_label(),
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
        cells.push(score(&outcomes, !all_accuracy));
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
            "\nThe test metric is mean ± standard deviation over seeds, with the weights that were \
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

/// The metric of the data set over seeds, a share in percent; empty if a seed has no value.
fn score(outcomes: &[&Outcome], named: bool) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let metric = first.metric;
    let (scale, digits, unit) = if metric.is_share() { (100.0, 2, " %") } else { (1.0, 4, "") };
    let values: Option<Vec<f64>> =
        outcomes.iter().map(|outcome| Some(scale * outcome.test.get(metric)?)).collect();
    let Some(values) = values else { return String::new() };
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let mut text = format!("{mean:.digits$}");
    if values.len() > 1 {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        text.push_str(&format!(" ± {:.digits$}", (squares / (n - 1.0)).sqrt()));
    }
    if named { format!("{} {text}{unit}", metric.title()) } else { text }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{spec, success};

    fn cells(metric: Metric, values: [Option<f64>; 2], named: bool) -> String {
        let outcomes = values.map(|value| {
            let mut outcome = success(&spec("set", 0)).outcome.unwrap();
            outcome.metric = metric;
            outcome.test.accuracy = value;
            outcome.test.f1_binary = value;
            outcome.test.matthews = value;
            outcome
        });
        score(&outcomes.iter().collect::<Vec<_>>(), named)
    }

    #[test]
    fn another_metric_than_accuracy_is_named() {
        let values = [Some(0.75), Some(0.77)];
        assert_eq!(cells(Metric::Accuracy, values, false), "76.00 ± 1.41");
        assert_eq!(cells(Metric::F1Binary, values, true), "F1 76.00 ± 1.41 %");
        assert_eq!(cells(Metric::Matthews, values, true), "Matthews correlation 0.7600 ± 0.0141");
        assert_eq!(cells(Metric::Pearson, values, true), "");
        assert_eq!(cells(Metric::Accuracy, [Some(0.75), None], false), "");
    }
}
