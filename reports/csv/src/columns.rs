//! Columns of the tables that copy what was recorded.

use dst_core::record::{EpochRecord, LayerRecord, Outcome, TrialRecord};

use crate::cell::{Column, dataset_options, model_parameters, number, optional, training};

/// Which trial a row belongs to: the first columns of every table of trials.
pub(crate) const IDENTITY: &[Column<TrialRecord>] = &[
    ("trial", |trial| trial.id.clone()),
    ("dataset", |trial| trial.spec.dataset_label()),
    ("model", |trial| trial.spec.model_name().to_owned()),
    ("strategy", |trial| trial.spec.strategy_name().to_owned()),
    ("params", |trial| trial.spec.strategy_parameters()),
    ("sparsity", |trial| number(trial.spec.sparsity)),
    ("seed", |trial| trial.spec.seed.to_string()),
];

/// How a trial ended and what it measured. The order is stable; new columns go to the end.
pub(crate) const RESULT: &[Column<TrialRecord>] = &[
    ("status", |trial| trial.status.to_string()),
    ("reason", |trial| trial.reason.clone()),
    ("test_accuracy", |trial| scored(trial, |o| o.test.accuracy)),
    ("validation_accuracy", |trial| scored(trial, |o| o.validation.accuracy)),
    ("test_f1_macro", |trial| scored(trial, |o| o.test.f1_macro)),
    ("nonzero_parameters", |trial| recorded(trial, |o| o.nonzero_parameters)),
    ("prunable_parameters", |trial| recorded(trial, |o| o.prunable_parameters)),
    ("total_parameters", |trial| recorded(trial, |o| o.total_parameters)),
    ("sparsity_prunable", |trial| measured(trial, |o| o.sparsity_prunable)),
    ("sparsity_total", |trial| measured(trial, |o| o.sparsity_total)),
    ("inference_ms_per_sample", |trial| measured(trial, |o| o.inference_ms_per_sample)),
    ("train_seconds", |trial| measured(trial, |o| o.train_seconds)),
    ("peak_memory_bytes", |trial| recorded(trial, |o| o.peak_memory_bytes)),
    ("peak_memory_kind", |trial| recorded(trial, |o| o.peak_memory_kind)),
    ("train_flops", |trial| measured(trial, |o| o.train_flops)),
    ("inference_flops", |trial| measured(trial, |o| o.inference_flops)),
    ("dense_inference_flops", |trial| measured(trial, |o| o.dense_inference_flops)),
    ("test_accuracy_last", |trial| scored(trial, |o| o.test_last.accuracy)),
    ("test_loss", |trial| measured(trial, |o| o.test.loss)),
    ("best_epoch", |trial| recorded(trial, |o| o.best_epoch)),
    ("inference_batch_size", |trial| recorded(trial, |o| o.inference_batch_size)),
    ("steps", |trial| recorded(trial, |o| o.steps)),
    ("skipped_batches", |trial| recorded(trial, |o| o.skipped_batches)),
    ("model_params", |trial| model_parameters(&trial.spec)),
    ("training", |trial| training(&trial.spec)),
    ("version", |trial| trial.provenance.version.clone()),
    ("libtorch", |trial| trial.provenance.libtorch.clone()),
    ("host", |trial| trial.provenance.host.clone()),
    ("device", |trial| trial.provenance.device.clone()),
    ("threads", |trial| counted(trial.provenance.threads)),
    ("data_digest", |trial| trial.provenance.data_digest.clone()),
    ("started", |trial| trial.provenance.started.clone()),
    ("attempt", |trial| counted(trial.provenance.attempt)),
    ("test_metric_name", |trial| recorded(trial, |o| o.metric)),
    ("test_metric", |trial| scored(trial, |o| o.test.get(o.metric))),
    ("validation_metric", |trial| scored(trial, |o| o.validation.get(o.metric))),
    ("test_f1_binary", |trial| scored(trial, |o| o.test.f1_binary)),
    ("test_matthews", |trial| scored(trial, |o| o.test.matthews)),
    ("test_pearson", |trial| scored(trial, |o| o.test.pearson)),
    ("test_spearman", |trial| scored(trial, |o| o.test.spearman)),
    ("dataset_options", |trial| dataset_options(&trial.spec)),
];

/// One epoch.
pub(crate) const EPOCH: &[Column<EpochRecord>] = &[
    ("epoch", |row| row.epoch.to_string()),
    ("steps", |row| row.steps.to_string()),
    ("learning_rate", |row| number(row.learning_rate)),
    ("train_loss", |row| number(row.train_loss)),
    ("validation_loss", |row| number(row.validation.loss)),
    ("validation_accuracy", |row| optional(row.validation.accuracy)),
    ("validation_f1_macro", |row| optional(row.validation.f1_macro)),
    ("sparsity_prunable", |row| number(row.sparsity_prunable)),
    ("train_flops", |row| number(row.train_flops)),
    ("train_seconds", |row| number(row.train_seconds)),
    ("validation_f1_binary", |row| optional(row.validation.f1_binary)),
    ("validation_matthews", |row| optional(row.validation.matthews)),
    ("validation_pearson", |row| optional(row.validation.pearson)),
    ("validation_spearman", |row| optional(row.validation.spearman)),
];

/// One layer at the end of one epoch.
pub(crate) const LAYER: &[Column<LayerRecord>] = &[
    ("epoch", |row| row.epoch.to_string()),
    ("layer", |row| row.layer.clone()),
    ("shape", |row| row.shape.clone()),
    ("size", |row| row.size.to_string()),
    ("active", |row| row.active.to_string()),
    ("density", |row| optional((row.size > 0).then(|| row.active as f64 / row.size as f64))),
    ("born", |row| row.born.to_string()),
    ("dropped", |row| row.dropped.to_string()),
    ("ever_active_share", |row| number(row.ever_active_share)),
];

fn measured(trial: &TrialRecord, value: fn(&Outcome) -> f64) -> String {
    optional(trial.outcome.as_ref().map(value))
}

/// As [`measured`], of what not every task has.
fn scored(trial: &TrialRecord, value: fn(&Outcome) -> Option<f64>) -> String {
    optional(trial.outcome.as_ref().and_then(value))
}

fn recorded<T: ToString>(trial: &TrialRecord, value: fn(&Outcome) -> T) -> String {
    trial.outcome.as_ref().map(|outcome| value(outcome).to_string()).unwrap_or_default()
}

/// Provenance counts from 1; 0 means that the process died before it could say.
fn counted(value: u32) -> String {
    if value == 0 { String::new() } else { value.to_string() }
}
