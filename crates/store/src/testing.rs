//! Trials made by hand, for tests of whatever reads a store.

use std::collections::BTreeMap;

use dst_record::record::{MemoryKind, Outcome, Provenance, Scores, Status, TrialSpec};
use dst_record::{Keep, Metric, Result, Training};
use serde_json::json;

use crate::{RowCounts, Store, TrialResult};

/// Stores a result as a worker does; says whether it was the first, and nobody works on the trial.
///
/// # Errors
/// As [`HeldTrial::write_result`](crate::HeldTrial::write_result).
pub fn end(store: &Store, result: &TrialResult) -> Result<bool> {
    store.end(result)
}

/// A trial of a strategy `name` that no crate need provide.
pub fn spec(name: &str, seed: u64) -> TrialSpec {
    TrialSpec {
        dataset: "digits".into(),
        dataset_options: serde_json::Map::new().into(),
        model: json!({ "name": "mlp" }).into(),
        strategy: json!({ "name": name }).into(),
        sparsity: 0.9,
        training: Training::default().into(),
        seed,
    }
}

/// A result without an outcome.
pub fn failure(spec: &TrialSpec, status: Status, reason: &str) -> TrialResult {
    TrialResult {
        trial: spec.id(),
        status,
        reason: reason.into(),
        collapse: None,
        outcome: None,
        confusion: Vec::new(),
        rows: RowCounts::default(),
        files: BTreeMap::new(),
        keep: Keep::None,
        provenance: Provenance::default(),
    }
}

/// A result that looks like that of a finished trial.
pub fn success(spec: &TrialSpec) -> TrialResult {
    let scores =
        Scores { loss: 0.1, accuracy: Some(0.98), f1_macro: Some(0.979), ..Scores::default() };
    let outcome = Outcome {
        metric: Metric::Accuracy,
        second_metric: None,
        test: scores,
        test_last: scores,
        validation: scores,
        best_epoch: 1,
        nonzero_parameters: 6_000,
        prunable_parameters: 61_000,
        total_parameters: 61_706,
        sparsity_prunable: 0.9,
        sparsity_total: 0.89,
        inference_ms_per_sample: 0.02,
        inference_batch_size: 100,
        inference_samples_per_second: Some(2500.0),
        throughput_batch_size: Some(256),
        train_seconds: 12.5,
        peak_memory_bytes: 300_000_000,
        peak_memory_kind: MemoryKind::ResidentSet,
        train_flops: 1e12,
        inference_flops: 1e5,
        dense_inference_flops: 1e6,
        steps: 1_090,
        skipped_batches: 10,
        is_static: false,
    };
    TrialResult { outcome: Some(outcome), ..failure(spec, Status::Finished, "") }
}
