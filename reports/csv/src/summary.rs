//! Means over the seeds of a group.

use dst_analysis::spreadsheet::Parameters;
use dst_analysis::{Group, Study};
use dst_record::record::{Outcome, Status, TrialSpec};
use dst_record::{Metric, measure};

use crate::cell::{Cells, dataset_options, model_parameters, number, optional, training};

/// Nominal coverage of the interval of the mean.
const LEVEL: f64 = 0.95;

/// A group with what is said of it.
struct Row<'r> {
    group: &'r Group<'r>,
    /// The specification of its first trial.
    spec: &'r TrialSpec,
    outcomes: Vec<&'r Outcome>,
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

type GroupColumn = (&'static str, fn(&Row<'_>) -> String);

/// Columns of `summary.csv`. The order is stable; new columns go to the end.
const COLUMNS: &[GroupColumn] = &[
    ("dataset", |row| row.spec.dataset_label()),
    ("model", |row| row.spec.model_label().to_owned()),
    ("model_params", |row| model_parameters(row.spec)),
    ("strategy", |row| row.spec.strategy_name().to_owned()),
    ("params", |row| row.spec.strategy_parameters()),
    ("sparsity", |row| number(row.spec.sparsity)),
    ("training", |row| training(row.spec)),
    ("planned", |row| row.group.planned().to_string()),
    ("finished", |row| row.group.finished().len().to_string()),
    ("failed", |row| row.group.failures().len().to_string()),
    ("diverged", |row| row.count(Status::Diverged)),
    ("collapsed", |row| row.count(Status::Collapsed)),
    ("crashed", |row| row.count(Status::Crashed)),
    ("timed_out", |row| row.count(Status::TimedOut)),
    ("test_accuracy_mean", |row| optional(row.accuracy.mean)),
    ("test_accuracy_sd", |row| optional(row.accuracy.sd)),
    ("test_accuracy_ci95_low", |row| optional(row.accuracy.low)),
    ("test_accuracy_ci95_high", |row| optional(row.accuracy.high)),
    ("validation_accuracy_mean", |row| row.mean_score(|o| o.validation.accuracy)),
    ("test_f1_macro_mean", |row| row.mean_score(|o| o.test.f1_macro)),
    ("nonzero_parameters_mean", |row| row.mean(|o| o.nonzero_parameters as f64)),
    ("sparsity_prunable_mean", |row| row.mean(|o| o.sparsity_prunable)),
    ("sparsity_total_mean", |row| row.mean(|o| o.sparsity_total)),
    ("inference_flops_mean", |row| row.mean(|o| o.inference_flops)),
    ("inference_flops_ratio_mean", |row| row.mean(|o| o.inference_flops / o.dense_inference_flops)),
    ("train_flops_mean", |row| row.mean(|o| o.train_flops)),
    ("inference_ms_per_sample_mean", |row| row.mean(|o| o.inference_ms_per_sample)),
    ("train_seconds_mean", |row| row.mean(|o| o.train_seconds)),
    ("peak_memory_bytes_mean", |row| match row.memory_kind() {
        Some(_) => row.mean(|o| o.peak_memory_bytes as f64),
        None => String::new(),
    }),
    ("peak_memory_kind", |row| row.memory_kind().unwrap_or_default()),
    ("test_metric_name", |row| row.metric.map(|metric| metric.to_string()).unwrap_or_default()),
    ("test_metric_mean", |row| optional(row.score.mean)),
    ("test_metric_sd", |row| optional(row.score.sd)),
    ("test_metric_ci95_low", |row| optional(row.score.low)),
    ("test_metric_ci95_high", |row| optional(row.score.high)),
    ("inference_samples_per_second_mean", |row| row.mean_of("inference_samples_per_second")),
    ("train_seconds_per_epoch_mean", |row| row.mean_of("train_seconds_per_epoch")),
    ("dataset_options", |row| dataset_options(row.spec)),
    ("label", |row| row.group.label.clone()),
    ("out_of_memory", |row| row.count(Status::OutOfMemory)),
    ("refused", |row| row.count(Status::Refused)),
    ("backend", |row| row.group.backend.to_string()),
    ("network_bytes_mean", |row| row.mean_of("network_bytes")),
];

impl<'r> Row<'r> {
    /// None for a group whose trials are all to do: it has no specification here.
    fn new(group: &'r Group<'r>) -> Option<Self> {
        let spec = &group.trials.values().next()?.spec;
        let outcomes = group.outcomes();
        let spread = |metric: Metric| Spread::of(&scores(&outcomes, |o| o.test.get(metric)));
        // Trials recorded before there was another metric than accuracy may disagree.
        let metric = outcomes
            .first()
            .map(|outcome| outcome.metric)
            .filter(|metric| outcomes.iter().all(|outcome| outcome.metric == *metric));
        let accuracy = spread(Metric::Accuracy);
        let score = metric.map_or(Spread::of(&[]), spread);
        Some(Self { accuracy, metric, score, group, spec, outcomes })
    }

    fn count(&self, status: Status) -> String {
        self.group.trials.values().filter(|trial| trial.status == status).count().to_string()
    }

    /// Over finished trials; empty without any, or where the mean is not defined.
    fn mean(&self, value: fn(&Outcome) -> f64) -> String {
        let values: Vec<f64> = self.outcomes.iter().map(|outcome| value(outcome)).collect();
        optional(dst_stats::summary(&values).ok().map(|summary| summary.mean))
    }

    /// As [`Row::mean`], of what not every task has.
    fn mean_score(&self, value: fn(&Outcome) -> Option<f64>) -> String {
        optional(Spread::of(&scores(&self.outcomes, value)).mean)
    }

    /// The mean of a measure; empty if a finished trial lacks it.
    fn mean_of(&self, name: &str) -> String {
        optional(measure::find(name).and_then(|measure| self.group.measured(measure.name)))
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

pub(crate) fn header(parameters: &Parameters) -> Cells {
    COLUMNS.iter().map(|(name, _)| (*name).to_owned()).chain(parameters.header()).collect()
}

/// A row for each group with a trial that ended.
pub(crate) fn rows<'s>(
    study: &'s Study<'_>,
    parameters: &'s Parameters,
) -> impl Iterator<Item = Cells> + 's {
    let groups = study.judgements.iter().flat_map(|judgement| &judgement.table.groups);
    groups.filter_map(|group| Row::new(group)).map(|row| {
        let cells = COLUMNS.iter().map(|(_, cell)| cell(&row));
        cells.chain(parameters.cells(row.spec)).collect()
    })
}
