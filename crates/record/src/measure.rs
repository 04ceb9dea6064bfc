//! What is measured of a trial: the one table of its measures, with the unit of each and which
//! direction is good. Files and reports draw from it.
//!
//! Scores of predictions, which a data set chooses its checkpoint by, are [`Metric`]s; a measure
//! is any number of a finished trial.

use std::fmt;

use crate::metric::Metric;
use crate::record::{Outcome, TrialRecord};

/// One number that a finished trial has, and what it means.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Its column in `trials.csv`.
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// Which direction is good.
    pub better: Better,
    /// What it is, for people.
    pub meaning: &'static str,
    /// Its value; none if the trial did not finish, its task has no such thing, or it was
    /// recorded before there was.
    pub value: fn(&TrialRecord) -> Option<f64>,
}

/// What a measure counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A part of a whole, in [0, 1].
    Share,
    /// A correlation, in [-1, 1].
    Correlation,
    /// That of the official metric of the data set.
    Metric,
    /// The loss of the task: natural units of information, or the square of the target's unit.
    Loss,
    /// Natural units of information for each token.
    NatsPerToken,
    /// Equally probable tokens that a choice would be among.
    Tokens,
    /// Parameters of the model.
    Parameters,
    /// Floating-point operations; a multiplication and an addition are two.
    Operations,
    /// Thousandths of a second for one sample.
    MillisecondsPerSample,
    /// Samples in one second.
    SamplesPerSecond,
    /// Seconds.
    Seconds,
    /// Seconds for one epoch.
    SecondsPerEpoch,
    /// Bytes.
    Bytes,
    /// Epochs, steps, batches.
    Count,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Share => "share",
            Self::Correlation => "correlation",
            Self::Metric => "that of the metric",
            Self::Loss => "loss",
            Self::NatsPerToken => "nats per token",
            Self::Tokens => "tokens",
            Self::Parameters => "parameters",
            Self::Operations => "operations",
            Self::MillisecondsPerSample => "ms per sample",
            Self::SamplesPerSecond => "samples/s",
            Self::Seconds => "s",
            Self::SecondsPerEpoch => "s per epoch",
            Self::Bytes => "bytes",
            Self::Count => "count",
        })
    }
}

/// Which direction of a measure is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is good.
    Higher,
    /// Less is good.
    Lower,
    /// It describes the trial and is neither.
    Neither,
}

impl fmt::Display for Better {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "",
        })
    }
}

/// The measure of that name.
pub fn find(name: &str) -> Option<&'static Measure> {
    MEASURES.iter().find(|measure| measure.name == name)
}

/// What the outcome of a trial says, if it has one.
macro_rules! outcome {
    ($value:expr) => {
        |trial| {
            let value: fn(&Outcome) -> Option<f64> = $value;
            trial.outcome.as_ref().and_then(value)
        }
    };
}

macro_rules! measures {
    ($($name:literal, $unit:ident, $better:ident, $meaning:literal, $value:expr;)*) => {
        &[$(Measure {
            name: $name,
            unit: Unit::$unit,
            better: Better::$better,
            meaning: $meaning,
            value: $value,
        },)*]
    };
}

/// Every measure.
pub const MEASURES: &[Measure] = measures! {
    "test_metric", Metric, Higher,
        "test score by the official metric, of the checkpoint best on validation",
        outcome!(|o| o.test.get(o.metric));
    "validation_metric", Metric, Higher, "the same on validation",
        outcome!(|o| o.validation.get(o.metric));
    "test_accuracy", Share, Higher,
        "correct test predictions of the checkpoint best on validation; empty for regression",
        outcome!(|o| o.test.get(Metric::Accuracy));
    "validation_accuracy", Share, Higher, "the same on validation, of the same checkpoint",
        outcome!(|o| o.validation.accuracy);
    "test_accuracy_last", Share, Higher, "test accuracy after the last epoch",
        outcome!(|o| o.test_last.accuracy);
    "test_f1_macro", Share, Higher,
        "mean F1 over classes on the test set, same checkpoint; empty for regression",
        outcome!(|o| o.test.f1_macro);
    "test_f1_binary", Share, Higher,
        "F1 of class 1 on the test set; empty unless there are two classes",
        outcome!(|o| o.test.f1_binary);
    "test_matthews", Correlation, Higher,
        "Matthews's correlation of predicted and true classes on the test set (R_K for more than two classes); 0 if only one class is predicted; empty for regression",
        outcome!(|o| o.test.matthews);
    "test_pearson", Correlation, Higher,
        "Pearson's correlation of predictions and targets on the test set; empty for classes and where predictions are constant",
        outcome!(|o| o.test.pearson);
    "test_spearman", Correlation, Higher,
        "Spearman's rank correlation of the same; ties share the mean of their ranks",
        outcome!(|o| o.test.spearman);
    "test_loss", Loss, Lower,
        "mean test loss without label smoothing, of the checkpoint best on validation",
        outcome!(|o| Some(o.test.loss));
    "nonzero_parameters", Parameters, Lower, "active prunable weights and all dense parameters",
        outcome!(|o| Some(o.nonzero_parameters as f64));
    "prunable_parameters", Parameters, Neither, "parameters that could be pruned",
        outcome!(|o| Some(o.prunable_parameters as f64));
    "total_parameters", Parameters, Neither, "all trainable parameters",
        outcome!(|o| Some(o.total_parameters as f64));
    "sparsity_prunable", Share, Higher, "inactive weights among the prunable ones, measured",
        outcome!(|o| Some(o.sparsity_prunable));
    "sparsity_total", Share, Higher, "inactive weights among all parameters, measured",
        outcome!(|o| Some(o.sparsity_total));
    "inference_ms_per_sample", MillisecondsPerSample, Lower,
        "median time of the forward pass over several batches of `inference_batch_size`",
        outcome!(|o| Some(o.inference_ms_per_sample));
    "inference_samples_per_second", SamplesPerSecond, Higher,
        "test samples by the time of their forward passes in batches of `throughput_batch_size`, the median of one to five passes over the whole test set after one that warms up",
        outcome!(|o| o.inference_samples_per_second);
    "train_seconds", Seconds, Lower,
        "time spent in training over all attempts, without evaluation",
        outcome!(|o| Some(o.train_seconds));
    "train_seconds_per_epoch", SecondsPerEpoch, Lower, "its mean over epochs", per_epoch;
    "peak_memory_bytes", Bytes, Lower, "peak memory of the process; `peak_memory_kind` says of what",
        outcome!(|o| Some(o.peak_memory_bytes as f64));
    "train_flops", Operations, Lower,
        "operations that the method needed for the whole training",
        outcome!(|o| Some(o.train_flops));
    "inference_flops", Operations, Lower, "operations that the method needs for one sample",
        outcome!(|o| Some(o.inference_flops));
    "dense_inference_flops", Operations, Neither, "the same if the model were dense",
        outcome!(|o| Some(o.dense_inference_flops));
    "best_epoch", Count, Neither, "epoch of the checkpoint best on validation, from 1",
        outcome!(|o| Some(f64::from(o.best_epoch)));
    "steps", Count, Neither, "optimiser steps taken", outcome!(|o| Some(o.steps as f64));
    "skipped_batches", Count, Neither, "batches that went into the topology instead of a step",
        outcome!(|o| Some(o.skipped_batches as f64));
    "network_bytes", Bytes, Lower,
        "size of the file that its weights are kept in; empty if they are not kept",
        |trial| trial.network_bytes.map(|bytes| bytes as f64);
    "test_log_likelihood", NatsPerToken, Higher,
        "mean logarithm of the probability of the true next token on the test set, of the checkpoint best on validation; empty unless tokens are predicted",
        outcome!(|o| o.test.log_likelihood);
    "test_perplexity", Tokens, Lower, "e to the power of the negative `test_log_likelihood`",
        outcome!(|o| o.test.perplexity());
};

fn per_epoch(trial: &TrialRecord) -> Option<f64> {
    let seconds = trial.outcome.as_ref()?.train_seconds;
    let epochs = trial.history.len();
    (epochs > 0).then(|| seconds / epochs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for measure in MEASURES {
            let same = MEASURES.iter().filter(|other| other.name == measure.name).count();
            assert_eq!(same, 1, "{}", measure.name);
            assert!(find(measure.name).is_some_and(|found| found.meaning == measure.meaning));
            assert!(!measure.meaning.is_empty() && !measure.meaning.contains('|'));
        }
        assert!(find("speed").is_none());
    }

    /// A metric and the measure of its test score must not disagree about what is good.
    #[test]
    fn metrics_and_measures_agree() {
        for metric in Metric::ALL {
            let name = format!("test_{}", metric.to_string().replace('-', "_"));
            let measure = find(&name).unwrap_or_else(|| panic!("there is no measure {name}"));
            assert_eq!(measure.better == Better::Higher, metric.higher_is_better(), "{name}");
            assert_eq!(measure.unit == Unit::Share, metric.is_share(), "{name}");
        }
    }
}
