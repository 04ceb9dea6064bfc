//! `backends.csv`, `times.csv` and `time_to_target.csv`: what measured time says.

use dst_analysis::seconds::{BackendComparison, SeedTarget, TimeCost, TimeRatio, TimeToTarget};
use dst_analysis::{Group, Judgement, Study};
use dst_stats::Interval;

use crate::cell::{Cells, number, optional};

/// A row with the table that it is of.
struct Of<'s, R> {
    judgement: &'s Judgement<'s>,
    row: R,
}

fn header<F>(columns: &[(&'static str, F)]) -> Cells {
    columns.iter().map(|(name, _)| (*name).to_owned()).collect()
}

fn optional_of<T>(value: Option<T>, number: impl FnOnce(T) -> f64) -> String {
    optional(value.map(number))
}

fn mean(ratio: Option<&TimeRatio>) -> String {
    optional_of(ratio.and_then(|ratio| ratio.ratio.as_ref()), |ratio| ratio.geometric_mean)
}

fn interval(ratio: Option<&TimeRatio>) -> Option<Interval> {
    ratio?.ratio.as_ref()?.interval
}

fn pairs(ratio: Option<&TimeRatio>) -> String {
    ratio.map_or_else(String::new, |ratio| ratio.ratio.as_ref().map_or(0, |r| r.n).to_string())
}

fn withheld(ratio: Option<&TimeRatio>) -> String {
    ratio.and_then(TimeRatio::withheld).unwrap_or_default()
}

/// Columns are of rows of any lifetime, which [`Column`](crate::cell::Column) cannot say.
type BackendColumn = (&'static str, fn(&Of<'_, &BackendComparison<'_>>) -> String);
type TimesColumn = (&'static str, fn(&Of<'_, Times<'_>>) -> String);
type SeedColumn = (&'static str, fn(&Of<'_, Seed<'_>>) -> String);

const BACKENDS: &[BackendColumn] = &[
    ("dataset", |of| of.judgement.table.dataset.clone()),
    ("model", |of| of.judgement.table.model.to_owned()),
    ("model_params", |of| of.judgement.table.model_parameters.clone()),
    ("label", |of| of.row.candidate.label.clone()),
    ("reference", |of| of.row.reference.label.clone()),
    ("backend", |of| of.row.candidate.backend.to_string()),
    ("reference_backend", |of| of.row.reference.backend.to_string()),
    ("pairs", |of| of.row.pairs.len().to_string()),
    ("test_metric_name", |of| of.row.candidate.metric.to_string()),
    ("difference", |of| optional(of.row.difference)),
    ("difference_low", |of| optional_of(of.row.interval, |ci| ci.lower)),
    ("difference_high", |of| optional_of(of.row.interval, |ci| ci.upper)),
    ("difference_level", |of| optional_of(of.row.interval, |ci| ci.level)),
    ("margin", |of| optional(of.judgement.seconds.equivalence_margin)),
    ("p", |of| optional_of(of.row.p_value, |p| p.0)),
    ("p_adjusted", |of| optional_of(of.row.p_value, |p| p.1)),
    ("sameness", |of| of.row.sameness.to_string()),
    ("reason", |of| of.row.reason.clone().unwrap_or_default()),
    ("train_seconds_ratio", |of| mean(Some(&of.row.training))),
    ("train_seconds_ratio_low", |of| optional_of(interval(Some(&of.row.training)), |ci| ci.lower)),
    ("train_seconds_ratio_high", |of| optional_of(interval(Some(&of.row.training)), |ci| ci.upper)),
    ("train_seconds_pairs", |of| pairs(Some(&of.row.training))),
    ("inference_ms_ratio", |of| mean(Some(&of.row.inference))),
    ("inference_ms_ratio_low", |of| optional_of(interval(Some(&of.row.inference)), |ci| ci.lower)),
    ("inference_ms_ratio_high", |of| optional_of(interval(Some(&of.row.inference)), |ci| ci.upper)),
    ("peak_memory_ratio", |of| optional(of.row.memory)),
    ("measured", |of| of.row.training.measured.to_string()),
    ("withheld", |of| withheld(Some(&of.row.training))),
];

pub(crate) fn backends_header() -> Cells {
    header(BACKENDS)
}

/// A row for each method on another backend than the plainest one that it was trained on.
pub(crate) fn backends<'s>(study: &'s Study<'_>) -> impl Iterator<Item = Cells> + 's {
    study.judgements.iter().flat_map(|judgement| {
        let rows = judgement.seconds.backends.iter().map(move |row| Of { judgement, row });
        rows.map(|row| BACKENDS.iter().map(|(_, cell)| cell(&row)).collect())
    })
}

/// A group with its costs in training and inference, and its time to the target.
struct Times<'s> {
    group: &'s Group<'s>,
    training: Option<&'s TimeCost<'s>>,
    inference: Option<&'s TimeCost<'s>>,
    target: Option<&'s TimeToTarget<'s>>,
}

impl<'s> Times<'s> {
    fn training_ratio(&self) -> Option<&'s TimeRatio> {
        self.training?.ratio.as_ref()
    }

    fn inference_ratio(&self) -> Option<&'s TimeRatio> {
        self.inference?.ratio.as_ref()
    }

    fn median_interval(&self) -> Option<Interval> {
        self.target?.median_ratio.as_ref()?.interval
    }

    fn mean_interval(&self) -> Option<Interval> {
        self.target?.mean_ratio.as_ref()?.interval
    }
}

/// Empty where fronts are withheld, `true` or `false` otherwise.
fn on_front(cost: Option<&TimeCost<'_>>, withheld: Option<&str>) -> String {
    match (cost, withheld) {
        (Some(cost), None) => cost.on_front.to_string(),
        _ => String::new(),
    }
}

fn dominated_by(cost: Option<&TimeCost<'_>>) -> String {
    cost.map_or_else(String::new, |cost| cost.dominated_by.join("; "))
}

/// A control has none, and neither has a group without a target.
fn control(of: &Of<'_, Times<'_>>) -> String {
    let judgement = of.judgement;
    let comparisons = judgement.comparisons.iter();
    let own = comparisons.filter(|comparison| std::ptr::eq(&*comparison.candidate, of.row.group));
    own.filter_map(|comparison| comparison.control.as_ref())
        .map(|control| control.label.clone())
        .next()
        .unwrap_or_default()
}

const TIMES: &[TimesColumn] = &[
    ("dataset", |of| of.judgement.table.dataset.clone()),
    ("model", |of| of.judgement.table.model.to_owned()),
    ("model_params", |of| of.judgement.table.model_parameters.clone()),
    ("label", |of| of.row.group.label.clone()),
    ("backend", |of| of.row.group.backend.to_string()),
    ("control", control),
    ("test_metric_mean", |of| optional_of(of.row.training, |cost| cost.score)),
    ("train_seconds_mean", |of| optional_of(of.row.training, |cost| cost.time)),
    ("train_seconds_ratio", |of| mean(of.row.training_ratio())),
    ("train_seconds_ratio_low", |of| optional_of(interval(of.row.training_ratio()), |ci| ci.lower)),
    ("train_seconds_ratio_high", |of| {
        optional_of(interval(of.row.training_ratio()), |ci| ci.upper)
    }),
    ("train_seconds_pairs", |of| pairs(of.row.training_ratio())),
    ("train_on_front", |of| on_front(of.row.training, of.judgement.seconds.training.withheld)),
    ("train_dominated_by", |of| dominated_by(of.row.training)),
    ("inference_ms_mean", |of| optional_of(of.row.inference, |cost| cost.time)),
    ("inference_ms_ratio", |of| mean(of.row.inference_ratio())),
    ("inference_ms_ratio_low", |of| optional_of(interval(of.row.inference_ratio()), |ci| ci.lower)),
    ("inference_ms_ratio_high", |of| {
        optional_of(interval(of.row.inference_ratio()), |ci| ci.upper)
    }),
    ("inference_on_front", |of| {
        on_front(of.row.inference, of.judgement.seconds.inference.withheld)
    }),
    ("inference_dominated_by", |of| dominated_by(of.row.inference)),
    ("target_margin", |of| optional(of.judgement.seconds.target.margin)),
    ("target_seeds", |of| of.row.target.map_or_else(String::new, |t| t.seeds.len().to_string())),
    ("target_reached", |of| of.row.target.map_or_else(String::new, |t| t.reached().to_string())),
    ("target_epoch_median", |of| optional_of(of.row.target, |target| target.epoch)),
    ("target_seconds_median", |of| optional_of(of.row.target, |target| target.seconds)),
    ("target_ratio_median", |of| {
        let ratio = of.row.target.and_then(|target| target.median_ratio.as_ref());
        optional_of(ratio, |ratio| ratio.median)
    }),
    ("target_ratio_median_low", |of| optional_of(of.row.median_interval(), |ci| ci.lower)),
    ("target_ratio_median_high", |of| optional_of(of.row.median_interval(), |ci| ci.upper)),
    ("target_ratio_median_level", |of| optional_of(of.row.median_interval(), |ci| ci.level)),
    ("target_ratio_mean", |of| {
        let ratio = of.row.target.and_then(|target| target.mean_ratio.as_ref());
        optional_of(ratio, |ratio| ratio.geometric_mean)
    }),
    ("target_ratio_mean_low", |of| optional_of(of.row.mean_interval(), |ci| ci.lower)),
    ("target_ratio_mean_high", |of| optional_of(of.row.mean_interval(), |ci| ci.upper)),
    ("measured", |of| of.row.training_ratio().map_or_else(String::new, |r| r.measured.to_string())),
    ("withheld", |of| withheld(of.row.training_ratio())),
];

pub(crate) fn times_header() -> Cells {
    header(TIMES)
}

/// A row for each group with a time or a target.
pub(crate) fn times<'s>(study: &'s Study<'_>) -> impl Iterator<Item = Cells> + 's {
    study.judgements.iter().flat_map(|judgement| {
        let seconds = &judgement.seconds;
        let groups = judgement.groups().map(move |group| {
            let cost = |costs: &'s [TimeCost<'_>]| -> Option<&'s TimeCost<'s>> {
                costs.iter().find(|cost| std::sync::Arc::ptr_eq(&cost.group, group))
            };
            let mut targets = seconds.target.times.iter();
            Times {
                group,
                training: cost(&seconds.training.costs),
                inference: cost(&seconds.inference.costs),
                target: targets.find(|time| std::sync::Arc::ptr_eq(&time.group, group)),
            }
        });
        let known = groups.filter(|row| {
            row.training.is_some() || row.inference.is_some() || row.target.is_some()
        });
        let rows = known.map(move |row| Of { judgement, row });
        rows.map(|row| TIMES.iter().map(|(_, cell)| cell(&row)).collect())
    })
}

/// A seed of a group with its target.
struct Seed<'s> {
    time: &'s TimeToTarget<'s>,
    own: &'s SeedTarget,
}

const TARGETS: &[SeedColumn] = &[
    ("dataset", |of| of.judgement.table.dataset.clone()),
    ("model", |of| of.judgement.table.model.to_owned()),
    ("model_params", |of| of.judgement.table.model_parameters.clone()),
    ("label", |of| of.row.time.group.label.clone()),
    ("backend", |of| of.row.time.group.backend.to_string()),
    ("control", |of| {
        of.row.time.control.as_ref().map_or_else(String::new, |control| control.label.clone())
    }),
    ("seed", |of| of.row.own.seed.to_string()),
    ("target", |of| number(of.row.own.target)),
    ("reached", |of| of.row.own.reached.is_some().to_string()),
    ("epoch", |of| of.row.own.reached.map_or_else(String::new, |at| at.epoch.to_string())),
    ("seconds", |of| optional_of(of.row.own.reached, |at| at.seconds)),
    ("control_epoch", |of| of.row.own.control.epoch.to_string()),
    ("control_seconds", |of| number(of.row.own.control.seconds)),
    ("ratio", |of| optional(of.row.own.ratio)),
    ("trained_seconds", |of| number(of.row.own.trained)),
    ("withheld", |of| of.row.own.unlike.map_or_else(String::new, |why| format!("ran {why}"))),
];

pub(crate) fn targets_header() -> Cells {
    header(TARGETS)
}

/// A row for each seed with a target, the control's own too.
pub(crate) fn targets<'s>(study: &'s Study<'_>) -> impl Iterator<Item = Cells> + 's {
    study.judgements.iter().flat_map(|judgement| {
        judgement.seconds.target.times.iter().flat_map(move |time| {
            let seeds = time.seeds.iter().map(move |own| Seed { time, own });
            let rows = seeds.map(move |row| Of { judgement, row });
            rows.map(|row| TARGETS.iter().map(|(_, cell)| cell(&row)).collect())
        })
    })
}
