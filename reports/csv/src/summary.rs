//! Means over the seeds of a group.

use std::collections::BTreeMap;

use dst_record::record::{Outcome, Status, TrialRecord};
use dst_record::{Metric, measure};

use crate::cell::{Cells, dataset_options, model_parameters, number, optional, sortable, training};

/// Nominal coverage of the interval of the mean.
const LEVEL: f64 = 0.95;

/// Trials that differ in their seed alone.
struct Group<'a> {
    trials: Vec<&'a TrialRecord>,
    /// Of the finished ones, by seed.
    outcomes: Vec<&'a Outcome>,
    accuracy: Spread,
    /// The official metric of the data set.
    metric: Option<Metric>,
    score: Spread,
}

/// Mean, standard deviation and interval, as far as the values define them.
struct Spread {
    mean: Option<f64>,
    sd: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let summary = dst_stats::summary(values).ok();
        let interval = dst_stats::mean_interval(values, LEVEL).ok().and_then(|ci| ci.interval);
        Self {
            mean: summary.as_ref().map(|summary| summary.mean),
            sd: summary.and_then(|summary| summary.sd),
            low: interval.map(|interval| interval.lower),
            high: interval.map(|interval| interval.upper),
        }
    }
}

type GroupColumn = (&'static str, fn(&Group<'_>) -> String);

/// Columns of `summary.csv`. The order is stable; new columns go to the end.
const COLUMNS: &[GroupColumn] = &[
    ("dataset", |group| group.first().spec.dataset_label()),
    ("model", |group| group.first().spec.model_name().to_owned()),
    ("model_params", |group| model_parameters(&group.first().spec)),
    ("strategy", |group| group.first().spec.strategy_name().to_owned()),
    ("params", |group| group.first().spec.strategy_parameters()),
    ("sparsity", |group| number(group.first().spec.sparsity)),
    ("training", |group| training(&group.first().spec)),
    ("planned", |group| group.trials.len().to_string()),
    ("finished", |group| group.count(Status::Finished)),
    ("failed", |group| {
        group.trials.iter().filter(|trial| trial.status != Status::Finished).count().to_string()
    }),
    ("diverged", |group| group.count(Status::Diverged)),
    ("collapsed", |group| group.count(Status::Collapsed)),
    ("crashed", |group| group.count(Status::Crashed)),
    ("timed_out", |group| group.count(Status::TimedOut)),
    ("test_accuracy_mean", |group| optional(group.accuracy.mean)),
    ("test_accuracy_sd", |group| optional(group.accuracy.sd)),
    ("test_accuracy_ci95_low", |group| optional(group.accuracy.low)),
    ("test_accuracy_ci95_high", |group| optional(group.accuracy.high)),
    ("validation_accuracy_mean", |group| group.mean_score(|o| o.validation.accuracy)),
    ("test_f1_macro_mean", |group| group.mean_score(|o| o.test.f1_macro)),
    ("nonzero_parameters_mean", |group| group.mean(|o| o.nonzero_parameters as f64)),
    ("sparsity_prunable_mean", |group| group.mean(|o| o.sparsity_prunable)),
    ("sparsity_total_mean", |group| group.mean(|o| o.sparsity_total)),
    ("inference_flops_mean", |group| group.mean(|o| o.inference_flops)),
    ("inference_flops_ratio_mean", |group| {
        group.mean(|o| o.inference_flops / o.dense_inference_flops)
    }),
    ("train_flops_mean", |group| group.mean(|o| o.train_flops)),
    ("inference_ms_per_sample_mean", |group| group.mean(|o| o.inference_ms_per_sample)),
    ("train_seconds_mean", |group| group.mean(|o| o.train_seconds)),
    ("peak_memory_bytes_mean", |group| match group.memory_kind() {
        Some(_) => group.mean(|o| o.peak_memory_bytes as f64),
        None => String::new(),
    }),
    ("peak_memory_kind", |group| group.memory_kind().unwrap_or_default()),
    ("test_metric_name", |group| group.metric.map(|metric| metric.to_string()).unwrap_or_default()),
    ("test_metric_mean", |group| optional(group.score.mean)),
    ("test_metric_sd", |group| optional(group.score.sd)),
    ("test_metric_ci95_low", |group| optional(group.score.low)),
    ("test_metric_ci95_high", |group| optional(group.score.high)),
    ("inference_samples_per_second_mean", |group| group.mean_of("inference_samples_per_second")),
    ("train_seconds_per_epoch_mean", |group| group.mean_of("train_seconds_per_epoch")),
    ("dataset_options", |group| dataset_options(&group.first().spec)),
];

impl<'a> Group<'a> {
    fn new(trials: Vec<&'a TrialRecord>) -> Self {
        let outcomes: Vec<&Outcome> = trials
            .iter()
            .filter(|trial| trial.status == Status::Finished)
            .filter_map(|trial| trial.outcome.as_ref())
            .collect();
        let spread = |metric: Metric| Spread::of(&scores(&outcomes, |o| o.test.get(metric)));
        // Trials recorded before there was another metric than accuracy may disagree.
        let metric = outcomes
            .first()
            .map(|outcome| outcome.metric)
            .filter(|metric| outcomes.iter().all(|outcome| outcome.metric == *metric));
        let accuracy = spread(Metric::Accuracy);
        let score = metric.map_or(Spread::of(&[]), spread);
        Self { accuracy, metric, score, trials, outcomes }
    }

    fn first(&self) -> &TrialRecord {
        self.trials[0]
    }

    fn count(&self, status: Status) -> String {
        self.trials.iter().filter(|trial| trial.status == status).count().to_string()
    }

    /// Over finished trials; empty without any, or where the mean is not defined.
    fn mean(&self, value: fn(&Outcome) -> f64) -> String {
        let values: Vec<f64> = self.outcomes.iter().map(|outcome| value(outcome)).collect();
        optional(dst_stats::summary(&values).ok().map(|summary| summary.mean))
    }

    /// As [`Group::mean`], of what not every task has.
    fn mean_score(&self, value: fn(&Outcome) -> Option<f64>) -> String {
        optional(Spread::of(&scores(&self.outcomes, value)).mean)
    }

    /// The mean of a measure; empty if a finished trial lacks it.
    fn mean_of(&self, name: &str) -> String {
        let finished = self.trials.iter().filter(|trial| trial.status == Status::Finished);
        let values = finished.map(|trial| measure::find(name).and_then(|m| (m.value)(trial)));
        let values: Option<Vec<f64>> = values.collect();
        optional(Spread::of(&values.unwrap_or_default()).mean)
    }

    /// What the peaks of memory count, if all count the same: others have no common mean.
    fn memory_kind(&self) -> Option<String> {
        let kind = self.outcomes.first()?.peak_memory_kind;
        self.outcomes
            .iter()
            .all(|outcome| outcome.peak_memory_kind == kind)
            .then(|| kind.to_string())
    }
}

/// Scores of all, or none if one lacks it: a mean over the others would not be that of the group.
fn scores(outcomes: &[&Outcome], value: impl Fn(&Outcome) -> Option<f64>) -> Vec<f64> {
    outcomes.iter().map(|outcome| value(outcome)).collect::<Option<_>>().unwrap_or_default()
}

pub(crate) fn header() -> Cells {
    COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// A row for each group, from trials in the order of `trials.csv`.
pub(crate) fn rows(trials: &[&TrialRecord]) -> impl Iterator<Item = Cells> {
    let mut groups: BTreeMap<_, Vec<&TrialRecord>> = BTreeMap::new();
    for trial in trials {
        let spec = &trial.spec;
        let key = (
            [&*spec.dataset_label(), spec.model_name(), spec.strategy_name()].map(str::to_owned),
            spec.strategy_parameters(),
            sortable(spec.sparsity),
            [training(spec), model_parameters(spec)],
        );
        groups.entry(key).or_default().push(trial);
    }
    groups.into_values().map(|trials| {
        let group = Group::new(trials);
        COLUMNS.iter().map(|(_, cell)| cell(&group)).collect()
    })
}
