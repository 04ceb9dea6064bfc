//! Hand-made trials, and a registered baseline.

use dst_core::plugin::{Plugin, ReportPlugin, StrategyPlugin};
use dst_core::record::{MemoryKind, Outcome, Provenance, Scores, Status, TrialRecord, TrialSpec};
use dst_core::report::Rendering;
use dst_core::{Analysis, Metric, Result, Strategy, Training};
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

pub(crate) fn dense() -> Value {
    json!({"name": "dense"})
}

pub(crate) fn rigl() -> Value {
    json!({"name": "rigl", "drop_fraction": 0.3, "grow": "gradient"})
}

pub(crate) fn spec(strategy: Value, sparsity: f64, seed: u64) -> TrialSpec {
    TrialSpec {
        dataset: "toy".to_owned(),
        dataset_options: serde_json::Map::new(),
        model: json!({"name": "mlp", "hidden": [8]}),
        strategy,
        sparsity,
        training: Training { epochs: 2, ..Training::default() },
        seed,
    }
}

pub(crate) fn finished(spec: TrialSpec, accuracy: f64) -> TrialRecord {
    let scores = Scores {
        loss: 0.25,
        accuracy: Some(accuracy),
        f1_macro: Some(accuracy),
        ..Scores::default()
    };
    // Inference keeps twice the share of connections, as if they lay where positions are many.
    let kept = if spec.sparsity == 0.0 { 1.0 } else { 2.0 * (1.0 - spec.sparsity) };
    TrialRecord {
        id: format!("{}-{}-{}", spec.strategy_name(), spec.sparsity, spec.seed),
        status: Status::Finished,
        reason: String::new(),
        outcome: Some(Outcome {
            metric: Metric::Accuracy,
            second_metric: None,
            test: scores,
            test_last: scores,
            validation: scores,
            best_epoch: 2,
            nonzero_parameters: 110,
            prunable_parameters: 1000,
            total_parameters: 1010,
            sparsity_prunable: spec.sparsity,
            sparsity_total: 0.99 * spec.sparsity,
            inference_ms_per_sample: 0.0125,
            inference_batch_size: 256,
            inference_samples_per_second: Some(2500.0),
            throughput_batch_size: Some(256),
            train_seconds: 3.25,
            peak_memory_bytes: 4096,
            peak_memory_kind: MemoryKind::ResidentSet,
            train_flops: 6e6 * kept,
            inference_flops: 2000.0 * kept,
            dense_inference_flops: 2000.0,
            steps: 20,
            skipped_batches: 0,
        }),
        history: Vec::new(),
        layers: Vec::new(),
        ages: Vec::new(),
        confusion: Vec::new(),
        predictions: None,
        provenance: Provenance { data_digest: "c0ffee".to_owned(), ..Provenance::default() },
        spec,
    }
}

pub(crate) fn failed(spec: TrialSpec, status: Status, reason: &str) -> TrialRecord {
    TrialRecord {
        status,
        reason: reason.to_owned(),
        outcome: None,
        provenance: Provenance::default(),
        ..finished(spec, 0.0)
    }
}

/// Finished trials with seeds from 0.
pub(crate) fn group(strategy: &Value, sparsity: f64, accuracies: &[f64]) -> Vec<TrialRecord> {
    (0..)
        .zip(accuracies)
        .map(|(seed, accuracy)| finished(spec(strategy.clone(), sparsity, seed), *accuracy))
        .collect()
}

pub(crate) fn render(trials: &[TrialRecord], analysis: &Analysis) -> Result<Rendering> {
    ReportPlugin::find("significance").unwrap().report.render(trials, analysis)
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
