//! What is stored about a trial: its specification, its course and its outcome.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::backend::LayerBackend;
use crate::cow_arc::CowArc;
use crate::mask_sample::LayerMask;
use crate::metric::Metric;
use crate::predictions::Predictions;
pub use crate::scores::Scores;
use crate::training::Training;

/// Everything that determines a trial's result on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialSpec {
    /// Name of the data set.
    pub dataset: String,
    /// Its options that are not at their default. Left out when there are none, so that a new
    /// option changes no id.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub dataset_options: CowArc<Map<String, Value>>,
    /// The architecture with all its parameters, tagged with its `name`.
    pub model: CowArc<Value>,
    /// The strategy with all its parameters, tagged with its `name`.
    pub strategy: CowArc<Value>,
    /// The sparsity to reach, of all prunable weights, in [0, 1).
    pub sparsity: f64,
    /// How it trains.
    pub training: CowArc<Training>,
    /// The seed of all its random streams.
    pub seed: u64,
}

impl TrialSpec {
    /// A hash of the canonical specification, 16 hexadecimal digits: the trial's name in a
    /// store.
    ///
    /// Keys are sorted and defaults written out, so the id does not depend on how a grid was
    /// typed.
    pub fn id(&self) -> String {
        let mut digest = Sha256::new();
        self.canonical(|piece| digest.update(piece));
        let mut id = String::with_capacity(16);
        for byte in &digest.finalize()[..8] {
            let _ = write!(id, "{byte:02x}");
        }
        id
    }

    /// The id that trials share which differ in nothing but their seed.
    pub fn id_without_seed(&self) -> String {
        Self { seed: 0, ..self.clone() }.id()
    }

    /// Does it differ from another in nothing but the seed, or not even in that?
    pub fn is_same_but_seed(&self, other: &Self) -> bool {
        self.clone() == Self { seed: self.seed, ..other.clone() }
    }

    /// The specification as compact JSON with sorted keys, piece by piece: what trials share was
    /// written once for all of them.
    fn canonical(&self, mut piece: impl FnMut(&str)) {
        let Self { dataset, dataset_options, model, strategy, sparsity, training, seed } = self;
        piece("{\"dataset\":");
        piece(&Value::from(dataset.as_str()).to_string());
        if !dataset_options.is_empty() {
            piece(",\"dataset_options\":");
            piece(dataset_options.json());
        }
        piece(",\"model\":");
        piece(model.json());
        piece(&format!(",\"seed\":{seed},\"sparsity\":{},\"strategy\":", Value::from(*sparsity)));
        piece(strategy.json());
        piece(",\"training\":");
        piece(training.json());
        piece("}");
    }

    /// The data set, and in brackets its options that are not at their default, such as
    /// `cifar10 [flip=false rotation=15]`: what is not called the same may not be compared.
    pub fn dataset_label(&self) -> String {
        dataset_label(&self.dataset, &self.dataset_options)
    }

    /// Name of the architecture.
    pub fn model_name(&self) -> &str {
        name_of(&self.model)
    }

    /// Name of the strategy.
    pub fn strategy_name(&self) -> &str {
        name_of(&self.strategy)
    }

    /// The strategy's parameters without its name, as compact JSON with sorted keys.
    pub fn strategy_parameters(&self) -> String {
        let mut parameters = self.strategy.clone();
        if let Some(map) = parameters.as_object_mut() {
            map.remove("name");
        }
        parameters.to_string()
    }
}

/// The name with which the config of a strategy or a model is tagged; empty if it has none.
pub fn name_of(tagged: &Value) -> &str {
    tagged.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// How a trial ended.
///
/// A method is judged by the first three, its outcomes. The others say nothing of it: the trial is
/// missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It trained to its end, and the network is of use.
    Finished,
    /// Its loss, a weight or a score became infinite or not a number.
    Diverged,
    /// The network is of no use: [`Collapse`] says in which way.
    Collapsed,
    /// Its process died or reported an error.
    Crashed,
    /// It was stopped at its time limit.
    TimedOut,
    /// Memory ran out, of the machine or of the accelerator.
    OutOfMemory,
    /// Its method refused the sparsity or the network before anything was trained.
    Refused,
}

/// In which way a network collapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Collapse {
    /// It answers every sample of the validation or the test set alike, with one class or number,
    /// though their targets differ.
    OneAnswer,
    /// A layer had no active weight.
    LostLayer,
    /// Its predictions do not define the official metric of the data set on the test set.
    UndefinedMetric,
}

impl Status {
    /// All of them, outcomes first.
    pub const ALL: [Self; 7] = [
        Self::Finished,
        Self::Diverged,
        Self::Collapsed,
        Self::Crashed,
        Self::TimedOut,
        Self::OutOfMemory,
        Self::Refused,
    ];

    /// Does it say something of the method? A method that diverges or collapses has failed, and the
    /// failure is scored against its claims. A trial that crashed, timed out or ran out of memory
    /// tells of programs and machines: it is missing, as if it had not been run. So is one that was
    /// refused, which nobody could have run.
    pub fn is_outcome(self) -> bool {
        match self {
            Self::Finished | Self::Diverged | Self::Collapsed => true,
            Self::Crashed | Self::TimedOut | Self::OutOfMemory | Self::Refused => false,
        }
    }

    /// As in files, such as `timed-out`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Collapsed => "collapsed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed-out",
            Self::OutOfMemory => "out-of-memory",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a peak of memory counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryKind {
    /// Resident set of the process.
    ResidentSet,
    /// Memory of the accelerator that the process holds, as its driver tells.
    Device,
}

impl fmt::Display for MemoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResidentSet => "resident-set",
            Self::Device => "device",
        })
    }
}

/// What a finished trial measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The official metric of the data set, by which the best checkpoint was chosen. Results
    /// written before there were others have accuracy.
    #[serde(default)]
    pub metric: Metric,
    /// The other official metric, if there are two.
    #[serde(default)]
    pub second_metric: Option<Metric>,
    /// Test scores of the checkpoint that was best on validation.
    pub test: Scores,
    /// Test scores after the last epoch.
    pub test_last: Scores,
    /// Validation scores of the best checkpoint.
    pub validation: Scores,
    /// Epoch of the best checkpoint, from 1.
    pub best_epoch: u32,
    /// Active prunable weights and all dense parameters, at the best checkpoint.
    pub nonzero_parameters: u64,
    /// Parameters that could be pruned.
    pub prunable_parameters: u64,
    /// All trainable parameters.
    pub total_parameters: u64,
    /// Share of inactive weights among the prunable ones, in [0, 1].
    pub sparsity_prunable: f64,
    /// Share of inactive weights among all parameters, in [0, 1].
    pub sparsity_total: f64,
    /// Median time of one sample over the test set, with the backend of the training.
    pub inference_ms_per_sample: f64,
    /// Samples in one batch of that measurement.
    pub inference_batch_size: u32,
    /// Test samples by the time of their forward passes, with the backend of the training: the
    /// median of one to five passes over the whole test set, as many as fit in two seconds,
    /// after one that warms up. None in results written before it was measured.
    #[serde(default)]
    pub inference_samples_per_second: Option<f64>,
    /// Samples in one batch of those passes.
    #[serde(default)]
    pub throughput_batch_size: Option<u32>,
    /// Time spent in training, over all attempts, without evaluation.
    pub train_seconds: f64,
    /// Peak memory of the process that finished it.
    pub peak_memory_bytes: u64,
    /// What that peak counts.
    pub peak_memory_kind: MemoryKind,
    /// Operations that the method needed for training, by the count of `dst_core::flops`.
    pub train_flops: f64,
    /// Operations that the method needs for one sample of inference.
    pub inference_flops: f64,
    /// The same if the model were dense.
    pub dense_inference_flops: f64,
    /// Optimiser steps taken.
    pub steps: u64,
    /// Batches that went into the topology instead.
    pub skipped_batches: u64,
    /// Is the method one that never changes a connection after the start, by design? A network in
    /// which none changed is then what it should be.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_static: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// One epoch of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: u32,
    /// Optimiser steps taken so far.
    pub steps: u64,
    /// Learning rate at the epoch's last step.
    pub learning_rate: f64,
    /// Mean training loss of the epoch's batches.
    pub train_loss: f64,
    /// Scores on validation after the epoch.
    pub validation: Scores,
    /// Share of inactive prunable weights after the epoch, in [0, 1].
    pub sparsity_prunable: f64,
    /// Operations for training so far.
    pub train_flops: f64,
    /// Training time so far.
    pub train_seconds: f64,
}

/// One layer at the end of one epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// From 1; 0 is before the first step.
    pub epoch: u32,
    /// Name of the weight.
    pub layer: String,
    /// Shape of the weight, such as `120x400`.
    pub shape: String,
    /// Entries of the weight.
    pub size: u64,
    /// Active entries.
    pub active: u64,
    /// Connections born during the epoch.
    pub born: u64,
    /// Connections dropped during the epoch.
    pub dropped: u64,
    /// In-time over-parameterisation R_s: the share of entries ever active, in [0, 1].
    pub ever_active_share: f64,
    /// Of the connections born during the epoch, those that had been active before. None in results
    /// written before it was counted.
    #[serde(default)]
    pub regrown: Option<u64>,
    /// Neurons (rows of a matrix, filters of a convolution) that no connection leads to. None in results
    /// written before it was counted.
    #[serde(default)]
    pub neurons_without_input: Option<u64>,
    /// Neurons that no connection leads away from. None where the model does not say which layer they
    /// feed, and in results written before it was counted.
    #[serde(default)]
    pub neurons_without_output: Option<u64>,
    /// With what the layer was computed at the end of the epoch. None before the first step, when nothing
    /// has been computed yet, and in results written before it was recorded.
    #[serde(default)]
    pub backend: Option<LayerBackend>,
}

/// Connections of one layer by their age, over a whole trial.
///
/// A connection's age is the time since it was born; those of the first topology are born before
/// the first step. One that returns from 0 in the update that drops it begins anew and, as in
/// [`LayerRecord::dropped`], does not count as dropped. With the connections that are still active
/// this is all that an estimate of survival needs, which the dropped ones alone would bias
/// towards short lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeRecord {
    /// Name of the weight.
    pub layer: String,
    /// Whole epochs that passed since birth.
    pub age_epochs: u32,
    /// Connections that were dropped at this age, in any epoch.
    pub dropped: u64,
    /// Connections that are active after the last recorded epoch and of this age then.
    pub active: u64,
}

/// Where and with what a trial ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the harness.
    pub version: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Name of the machine.
    pub host: String,
    /// Where tensors were, such as `cpu`.
    pub device: String,
    /// Threads of one operation.
    pub threads: u32,
    /// The processor as the operating system calls it, such as `AMD EPYC 7763`; empty if it does not
    /// say, and for trials from before it was recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cpu: String,
    /// Digest of the data.
    pub data_digest: String,
    /// Where the data came from, such as a folder, or a repository of the Hub with the commit;
    /// empty for trials from before it was recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data_origin: String,
    /// SHA-256 of the file of trained weights that the model started from; empty if it started
    /// at random.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub weights_digest: String,
    /// Git commit of the build, with `-dirty` at its end if the sources differed from it; empty
    /// outside git, and for trials from before it was recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// SHA-256 of the sources of each crate with a plug-in that took part, by the name of the
    /// crate; empty for trials from before it was recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub code: BTreeMap<String, String>,
    /// Version of the numbers of core and training; 0 for trials from before it was recorded.
    #[serde(default)]
    pub numerics: u32,
    /// Other code that trained the beginning, in words, if the user accepted that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_code: Vec<String>,
    /// Start of the attempt, UTC, such as `2026-01-31T12:00:00Z`.
    pub started: String,
    /// Which attempt gave this result, from 1.
    pub attempt: u32,
}

/// Everything that a report may know about a trial that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    /// The trial's id.
    pub id: String,
    /// What was to be run.
    pub spec: TrialSpec,
    /// How it ended.
    pub status: Status,
    /// Why it did not finish; empty if it did.
    pub reason: String,
    /// In which way it collapsed, if it did; none in results from before it was recorded.
    pub collapse: Option<Collapse>,
    /// What it measured, if it trained to its end.
    pub outcome: Option<Outcome>,
    /// Epochs, in order.
    pub history: Vec<EpochRecord>,
    /// Layers by epoch, in order.
    pub layers: Vec<LayerRecord>,
    /// Connections by layer and age, in order. Empty for trials from before it was recorded, here
    /// and below.
    pub ages: Vec<AgeRecord>,
    /// The active sets after the last step, at a sample of places, in the order of layers.
    pub masks: Vec<LayerMask>,
    /// Test samples of the best checkpoint, `[true class][predicted class]`; no rows for
    /// regression and failures.
    pub confusion: Vec<Vec<u64>>,
    /// The best checkpoint's predictions on the test set, in its order.
    pub predictions: Option<Predictions>,
    /// Size of the file in which its weights are kept; none if they are not.
    pub network_bytes: Option<u64>,
    /// Where it ran.
    pub provenance: Provenance,
}

/// A data set with the options that are not at their default, for people.
pub fn dataset_label(name: &str, options: &Map<String, Value>) -> String {
    if options.is_empty() {
        return name.to_owned();
    }
    let options = options.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}={text}"),
        Value::Number(number) if number.is_f64() => {
            format!("{key}={}", number.as_f64().unwrap_or(f64::NAN))
        }
        other => format!("{key}={other}"),
    });
    format!("{name} [{}]", options.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Component;
    use serde_json::json;

    /// An outcome as version 0.1.0 wrote it at first.
    #[test]
    fn outcomes_of_older_results_are_read() {
        let scores = r#"{"loss": 0.5, "accuracy": 0.75, "f1_macro": 0.7}"#;
        let old = format!(
            r#"{{"test": {scores}, "test_last": {scores}, "validation": {scores}, "best_epoch": 1,
            "nonzero_parameters": 6, "prunable_parameters": 7, "total_parameters": 8,
            "sparsity_prunable": 0.5, "sparsity_total": 0.4, "inference_ms_per_sample": 0.5,
            "inference_batch_size": 64, "train_seconds": 3.0, "peak_memory_bytes": 9,
            "peak_memory_kind": "resident-set", "train_flops": 1.0, "inference_flops": 1.0,
            "dense_inference_flops": 2.0, "steps": 4, "skipped_batches": 0}}"#
        );
        let outcome: Outcome = serde_json::from_str(&old).unwrap();
        assert_eq!((outcome.metric, outcome.second_metric), (Metric::Accuracy, None));
        // Missing is missing, never zero.
        assert_eq!(outcome.inference_samples_per_second, None);
        assert_eq!(outcome.throughput_batch_size, None);
    }

    #[test]
    fn default_arithmetic_leaves_no_trace_in_an_id() {
        let json = serde_json::to_value(Training::default()).unwrap();
        assert!(json.get("precision").is_none() && json.get("backend").is_none());
        let mixed = Training {
            precision: crate::Precision::Bf16,
            backend: crate::BackendKind::Sparse,
            ..Training::default()
        };
        let json = serde_json::to_value(&mixed).unwrap();
        assert_eq!((&json["precision"], &json["backend"]), (&"bf16".into(), &"sparse".into()));
        assert_eq!(serde_json::from_value::<Training>(json).unwrap(), mixed);
    }

    #[test]
    fn options_are_part_of_a_trial_only_where_they_are_set() {
        let text = r#"{"dataset": "toy", "model": {"name": "mlp"}, "strategy": {"name": "set"},
            "sparsity": 0.5, "training": TRAINING, "seed": 1}"#;
        let training = serde_json::to_string(&Training::default()).unwrap();
        let old: TrialSpec = serde_json::from_str(&text.replace("TRAINING", &training)).unwrap();
        assert_eq!(old.dataset_label(), "toy");
        assert!(!serde_json::to_string(&old).unwrap().contains("dataset_options"));
        let mut new = old.clone();
        new.dataset_options.insert("rotation".into(), 15.0.into());
        new.dataset_options.insert("flip".into(), false.into());
        assert_eq!(new.dataset_label(), "toy [flip=false rotation=15]");
        assert_ne!(new.id(), old.id());
        let read = serde_json::from_str(&serde_json::to_string(&new).unwrap()).unwrap();
        assert_eq!(new, read);
    }

    /// Ids hash a text that is put together from what trials share: it is that of the whole.
    #[test]
    fn the_canonical_text_is_that_of_the_whole_with_sorted_keys() {
        let plain = TrialSpec {
            dataset: "a \"quoted\" name".to_owned(),
            dataset_options: Map::new().into(),
            model: json!({ "name": "mlp", "hidden": [300, 100], "dropout": 0.1 }).into(),
            strategy: json!({ "name": "set", "begin": null, "decay": { "b": 1e-30, "a": 1e21 } })
                .into(),
            sparsity: 0.9,
            training: Training::default().into(),
            seed: u64::MAX,
        };
        let mut other = plain.clone();
        other.dataset_options.insert("rotation".into(), 15.0.into());
        other.training.threads = 2;
        other.training.optimizer = Component::new("lion", Map::new()).with("beta", 0.95);
        for sparsity in [0.9, 0.0, -0.0, 0.1 + 0.2, f64::NAN] {
            for spec in [&plain, &other] {
                let spec = TrialSpec { sparsity, ..spec.clone() };
                let mut text = String::new();
                spec.canonical(|piece| text.push_str(piece));
                assert_eq!(text, serde_json::to_value(&spec).unwrap().to_string());
            }
        }
    }

    /// Files and reports spell a status alike, and what stands before `Crashed` is an outcome.
    #[test]
    fn a_status_has_one_name_and_is_an_outcome_or_missing() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(status.to_string(), status.name());
            assert_eq!(status.is_outcome(), status < Status::Crashed, "{status}");
        }
        assert_eq!(Status::OutOfMemory.to_string(), "out-of-memory");
        assert_eq!(serde_json::to_value(Collapse::OneAnswer).unwrap(), "one-answer");
    }

    #[test]
    fn scores_of_older_results_are_read() {
        let old = r#"{"loss": 0.5, "accuracy": 0.75, "f1_macro": 0.7}"#;
        let scores: Scores = serde_json::from_str(old).unwrap();
        let expected =
            Scores { loss: 0.5, accuracy: Some(0.75), f1_macro: Some(0.7), ..Scores::default() };
        assert_eq!(scores, expected);
        assert_eq!(
            (scores.get(Metric::Accuracy), scores.get(Metric::Matthews)),
            (Some(0.75), None)
        );
    }
}
