//! Columns of the tables that copy what was recorded.

use std::collections::BTreeMap;

use dst_record::measure;
use dst_record::network::{NetworkColumn, NetworkRecord, NetworkValue};
use dst_record::record::{EpochRecord, LayerRecord, Outcome, TrialRecord};

use crate::cell::{Column, dataset_options, model_parameters, number, optional, training};

/// Which trial a row belongs to: the first columns of every table of trials.
pub(crate) const IDENTITY: &[Column<TrialRecord>] = &[
    ("trial", |trial| trial.id.clone()),
    ("dataset", |trial| trial.spec.dataset_label()),
    ("model", |trial| trial.spec.model_label().to_owned()),
    ("strategy", |trial| trial.spec.strategy_name().to_owned()),
    ("params", |trial| trial.spec.strategy_parameters()),
    ("sparsity", |trial| number(trial.spec.sparsity)),
    ("seed", |trial| trial.spec.seed.to_string()),
];

/// A column of `trials.csv` beside those of [`IDENTITY`].
#[derive(Clone, Copy)]
pub(crate) enum ResultColumn {
    /// What [`measure`] says under that name: a number with a unit and a good direction.
    Measure(&'static str),
    /// Anything else.
    Text(&'static str, fn(&TrialRecord) -> String),
}

impl ResultColumn {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Measure(name) | Self::Text(name, _) => name,
        }
    }

    pub(crate) fn cell(self, trial: &TrialRecord) -> String {
        match self {
            Self::Measure(name) => optional(measure::find(name).and_then(|m| (m.value)(trial))),
            Self::Text(_, text) => text(trial),
        }
    }
}

use ResultColumn::{Measure, Text};

/// How a trial ended and what it measured. The order is stable; new columns go to the end of [`LATER`].
pub(crate) const RESULT: &[ResultColumn] = &[
    Text("status", |trial| trial.status.to_string()),
    Text("reason", |trial| trial.reason.clone()),
    Measure("test_accuracy"),
    Measure("validation_accuracy"),
    Measure("test_f1_macro"),
    Measure("nonzero_parameters"),
    Measure("prunable_parameters"),
    Measure("total_parameters"),
    Measure("sparsity_prunable"),
    Measure("sparsity_total"),
    Measure("inference_ms_per_sample"),
    Measure("train_seconds"),
    Measure("peak_memory_bytes"),
    Text("peak_memory_kind", |trial| recorded(trial, |o| Some(o.peak_memory_kind))),
    Measure("train_flops"),
    Measure("inference_flops"),
    Measure("dense_inference_flops"),
    Measure("test_accuracy_last"),
    Measure("test_loss"),
    Measure("best_epoch"),
    Text("inference_batch_size", |trial| recorded(trial, |o| Some(o.inference_batch_size))),
    Measure("steps"),
    Measure("skipped_batches"),
    Text("model_params", |trial| model_parameters(&trial.spec)),
    Text("training", |trial| training(&trial.spec)),
    Text("version", |trial| trial.provenance.version.clone()),
    Text("libtorch", |trial| trial.provenance.libtorch.clone()),
    Text("host", |trial| trial.provenance.host.clone()),
    Text("device", |trial| trial.provenance.device.clone()),
    Text("threads", |trial| counted(trial.provenance.threads)),
    Text("data_digest", |trial| trial.provenance.data_digest.clone()),
    Text("started", |trial| trial.provenance.started.clone()),
    Text("attempt", |trial| counted(trial.provenance.attempt)),
    Text("test_metric_name", |trial| recorded(trial, |o| Some(o.metric))),
    Measure("test_metric"),
    Measure("validation_metric"),
    Measure("test_f1_binary"),
    Measure("test_matthews"),
    Measure("test_pearson"),
    Measure("test_spearman"),
    Measure("inference_samples_per_second"),
    Text("throughput_batch_size", |trial| recorded(trial, |o| o.throughput_batch_size)),
    Measure("train_seconds_per_epoch"),
    Text("precision", |trial| trial.spec.training.precision.to_string()),
    Text("dataset_options", |trial| dataset_options(&trial.spec)),
    Text("data_origin", |trial| trial.provenance.data_origin.clone()),
    Text("weights_digest", |trial| trial.provenance.weights_digest.clone()),
    Text("commit", |trial| trial.provenance.commit.clone()),
    Text("code", |trial| code(&trial.provenance.code)),
    Text("numerics", |trial| counted(trial.provenance.numerics)),
    Text("earlier_code", |trial| trial.provenance.earlier_code.join("; ")),
];

/// What came after the label of the group.
pub(crate) const LATER: &[ResultColumn] = &[
    Text("backend", |trial| trial.spec.training.backend.to_string()),
    Text("cpu", |trial| trial.provenance.cpu.clone()),
    Measure("network_bytes"),
    Measure("test_log_likelihood"),
    Measure("test_perplexity"),
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
    ("regrown", |row| whole(row.regrown)),
    ("neurons_without_input", |row| whole(row.neurons_without_input)),
    ("neurons_without_output", |row| whole(row.neurons_without_output)),
];

/// What came after the label of the group.
pub(crate) const LATER_LAYER: &[Column<LayerRecord>] =
    &[("backend", |row| row.backend.map(|backend| backend.to_string()).unwrap_or_default())];

/// What came after the label of the group.
pub(crate) const LATER_EPOCH: &[Column<EpochRecord>] =
    &[("validation_log_likelihood", |row| optional(row.validation.log_likelihood))];

/// What all layers of an epoch have together, behind [`EPOCH`] in `history.csv`; empty if it is not known.
pub(crate) fn network(column: NetworkColumn, record: Option<&NetworkRecord>) -> String {
    match record.and_then(column.value) {
        Some(NetworkValue::Count(count)) => count.to_string(),
        Some(NetworkValue::Share(share)) => number(share),
        None => String::new(),
    }
}

/// Empty if it is not known.
fn whole(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

/// What an outcome says, if there is one and it does.
fn recorded<T: ToString>(trial: &TrialRecord, value: fn(&Outcome) -> Option<T>) -> String {
    trial.outcome.as_ref().and_then(value).map(|value| value.to_string()).unwrap_or_default()
}

/// Crates with the beginnings of their digests, such as `dst-models=0a1b2c3d set=4e5f6a7b`.
fn code(digests: &BTreeMap<String, String>) -> String {
    let short = |digest: &str| digest.get(..8).unwrap_or(digest).to_owned();
    let pairs = digests.iter().map(|(name, digest)| format!("{name}={}", short(digest)));
    pairs.collect::<Vec<_>>().join(" ")
}

/// Provenance counts from 1; 0 means that nobody could say, or did so then.
fn counted(value: u32) -> String {
    if value == 0 { String::new() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_is_a_column_and_every_column_of_one_is_declared() {
        let columns = RESULT.iter().chain(LATER).filter(|column| matches!(column, Measure(_)));
        let mut columns: Vec<&str> = columns.map(|column| column.name()).collect();
        let mut declared: Vec<&str> = measure::MEASURES.iter().map(|m| m.name).collect();
        columns.sort_unstable();
        declared.sort_unstable();
        assert_eq!(columns, declared);
    }
}
