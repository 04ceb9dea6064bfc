//! Results of single trials, as lines for people and objects for programs.

use dst_analysis::format::{operations, percent, score, unit};
use dst_core::record::TrialRecord;
use serde_json::{Value, json};

use super::label::{self, Labels};

/// What one trial measured, or why it did not.
pub(super) fn text(record: &TrialRecord) -> String {
    let labels = Labels::of([&record.spec].into_iter());
    let mut text = format!("{}: {}\n", label::trial(&labels, &record.spec), record.status);
    if !record.reason.is_empty() {
        text.push_str(&format!("  {}\n", record.reason));
    }
    let Some(outcome) = &record.outcome else { return text };
    let metric = outcome.metric;
    if let Some(value) = outcome.test.get(metric) {
        let unit = if unit(metric).is_empty() { "" } else { " %" };
        text.push_str(&format!("  test {}: {}{unit}\n", metric.title(), score(metric, value)));
    }
    text.push_str(&format!(
        "  sparsity: {} of the prunable weights; non-zero parameters: {}\n",
        percent(outcome.sparsity_prunable),
        outcome.nonzero_parameters
    ));
    let share = outcome.inference_flops / outcome.dense_inference_flops;
    let of_dense =
        if share.is_finite() { format!(" ({} of dense)", percent(share)) } else { String::new() };
    text.push_str(&format!(
        "  inference FLOPs: {}{of_dense}; training FLOPs: {}; training took {:.1} s\n",
        operations(outcome.inference_flops),
        operations(outcome.train_flops),
        outcome.train_seconds
    ));
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
