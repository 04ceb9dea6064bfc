//! What a family says of measured time: tables of backends, of scores against seconds and of the time to
//! the control's score, and their figures.

use std::collections::BTreeMap;
use std::sync::Arc;

use dst_figures::{Axis, Curve, Estimate, Figure, IntervalPlot, Reference, Spacing};
use dst_record::BackendKind;
use dst_stats::Interval;

use super::figures::Drawn;
use super::{Block, Cell, Column, Table, series};
use crate::format::{
    arithmetic, correction, count, difference, interval, level, margin, mean_and_sd, p_value,
    points, quotient, quotient_between, unit,
};
use crate::seconds::{
    BackendComparison, Clock, Measured, Sameness, TimeFront, TimeRatio, TimeToTarget,
};
use crate::{Analysis, Judgement};

/// Is there a trial whose layers did not compute densely? Only then is time a result and not a cost of
/// the simulation.
pub(super) fn is_measured(judgement: &Judgement<'_>) -> bool {
    judgement.groups().any(|group| group.backend != BackendKind::Masked)
}

/// The tables of a family: methods on several backends, how soon they are as good as the control, and
/// what scores cost in training and inference.
pub(super) fn tables(judgement: &Judgement<'_>, analysis: &Analysis, id: &str) -> Vec<Block> {
    let seconds = &judgement.seconds;
    [
        backends(judgement, analysis, id),
        target(judgement, analysis, id),
        front(judgement, &seconds.training, analysis, id),
        front(judgement, &seconds.inference, analysis, id),
    ]
    .into_iter()
    .flatten()
    .map(Block::Table)
    .collect()
}

/// A quotient of times with its interval.
fn ratio_cell(ratio: &TimeRatio) -> Cell {
    let Some(ratio) = &ratio.ratio else { return Cell::Empty };
    let text = quotient_between(ratio.geometric_mean, ratio.interval.as_ref());
    match ratio.interval {
        Some(Interval { lower, upper, .. }) => {
            Cell::Interval { value: ratio.geometric_mean, lower, upper, text }
        }
        None => Cell::Number { value: ratio.geometric_mean, text },
    }
}

/// How quotients of times were formed, where they were measured, and which were left out.
fn about_ratios<'r>(
    rows: impl Iterator<Item = (&'r str, &'r TimeRatio)> + Clone,
    level_of_intervals: f64,
) -> Vec<String> {
    let mut measured = Measured::default();
    rows.clone().for_each(|(_, ratio)| measured.merge(&ratio.measured));
    let mut notes = Vec::new();
    if !measured.is_empty() {
        notes.push(format!(
            "Quotients of times are geometric means over pairs of one seed, with Student's interval of \
             their logarithms at {} for each by itself; below 1 is faster. Measured {}.",
            level(level_of_intervals),
            measured
        ));
    }
    let mut withheld: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (label, ratio) in rows {
        if let Some(reason) = ratio.withheld() {
            withheld.entry(reason).or_default().push(label);
        }
    }
    notes.extend(withheld.into_iter().map(|(reason, labels)| {
        format!("Not compared in time, because the two {reason}: {}.", labels.join("; "))
    }));
    notes
}

/// Every method on several backends.
fn backends(judgement: &Judgement<'_>, analysis: &Analysis, id: &str) -> Option<Table> {
    let found = &judgement.seconds.backends;
    if found.is_empty() {
        return None;
    }
    let metric = judgement.table.metric;
    let mut table = Table::new(
        format!("{id}-backends"),
        format!(
            "The same methods on several backends: test {} and time, paired by seed",
            metric.title()
        ),
        [
            Column::new("strategy", "label"),
            Column::new("against", "reference").rank(2),
            Column::new("difference", "difference").in_unit(points(metric).trim_start()).rank(1),
            Column::new("scores", "sameness"),
            Column::new("p", "p_adjusted").rank(3),
            Column::new("training time", "train_seconds_ratio").in_unit("× the other's"),
            Column::new("inference time", "inference_ms_ratio").in_unit("× the other's").rank(2),
            Column::new("peak memory", "peak_memory_ratio").in_unit("× the other's").rank(3),
            Column::new("pairs", "pairs").rank(4),
        ],
    );
    table.rows = found
        .iter()
        .map(|one| {
            vec![
                Cell::text_of(&one.candidate.label),
                Cell::text_of(one.reference.backend.to_string()),
                backend_difference(one),
                Cell::text_of(one.sameness.name()),
                Cell::number_of(one.p_value.map(|(_, p)| p), |p| p_value(p, analysis.alpha)),
                ratio_cell(&one.training),
                ratio_cell(&one.inference),
                Cell::number_of(one.memory, quotient),
                Cell::count(one.pairs.len()),
            ]
        })
        .collect();
    let size = judgement.seconds.equivalence_margin;
    table.notes.push(format!(
        "Equivalent: a difference of {} or more, either way, is ruled out by two one-sided t tests at {} \
         (Schuirmann 1987) with {} over {}; different: a smaller one is. An interval is at the level at \
         which its row was decided, and lies within the margin where the scores are equivalent. Identical \
         scores leave nothing to test.",
        size.map_or_else(
            || "an unknown margin".to_owned(),
            |size| format!("{}{}", margin(metric, size), points(metric))
        ),
        analysis.alpha,
        correction(analysis.correction),
        count(found.len(), "comparison"),
    ));
    let open = found.iter().filter(|one| one.sameness == Sameness::Open);
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in open {
        let reason = one.reason.as_deref().unwrap_or("unknown");
        reasons.entry(reason).or_default().push(&one.candidate.label);
    }
    table.notes.extend(
        reasons.into_iter().map(|(reason, labels)| {
            format!("Inconclusive, because {reason}: {}.", labels.join("; "))
        }),
    );
    let rows = found.iter().map(|one| (one.candidate.label.as_str(), &one.training));
    table.notes.extend(about_ratios(rows, 1.0 - analysis.alpha));
    Some(table)
}

fn backend_difference(one: &BackendComparison<'_>) -> Cell {
    let metric = one.candidate.metric;
    let Some(value) = one.difference else { return Cell::Empty };
    let text = difference(metric, value);
    match one.interval {
        Some(ends @ Interval { lower, upper, .. }) => Cell::Interval {
            value,
            lower,
            upper,
            text: format!("{text} {}", interval(metric, &ends)),
        },
        None => Cell::Number { value, text },
    }
}

/// How soon trainings are as good as the control's.
fn target(judgement: &Judgement<'_>, analysis: &Analysis, id: &str) -> Option<Table> {
    let target = &judgement.seconds.target;
    // The control by itself has nobody to be measured by.
    if target.times.iter().all(|time| time.control.is_none()) {
        return None;
    }
    let metric = judgement.table.metric;
    let size = target.margin?;
    let confidence = level(1.0 - analysis.alpha);
    let mut table = Table::new(
        format!("{id}-target"),
        format!(
            "Seconds of training until validation {} is that of {} at its end minus {}{}",
            metric.title(),
            judgement.control(),
            margin(metric, size),
            points(metric)
        ),
        [
            Column::new("strategy", "label"),
            Column::new("seeds that reach it", "reached"),
            Column::new("epoch, median", "epoch_median").rank(3),
            Column::new("median", "seconds_median").in_unit("s").rank(1),
            Column::new("median", "ratio_median").in_unit("× the control's"),
            Column::new("level of the interval", "level").rank(4),
            Column::new(format!("mean [{confidence} CI]"), "ratio_mean")
                .in_unit("× the control's")
                .rank(2),
            Column::new("one epoch", "resolution").in_unit("s").rank(3),
        ],
    );
    table.rows = target.times.iter().map(target_row).collect();
    table.notes.push(format!(
        "Each seed has its own target, by the control of the same seed: its validation {} after \
         the last epoch minus the margin. It is reached at the end of an epoch whose network is \
         as sparse as was asked for. The control's own time is that until it first reaches the \
         target. All seconds of training count, those of updates of the topology too; evaluation, \
         and what comes before the first step, do not. Scores are known at the ends of epochs \
         only, so that a target may have been reached up to one epoch before.",
        metric.title()
    ));
    table.notes.push(
        "Quotients are formed seed by seed. A seed that never reaches its target counts as later than all \
         others, and is not left out; the interval of a median is from order statistics, whose level is \
         told, and … is no limit. A geometric mean is given only where every seed reaches its target."
            .to_owned(),
    );
    table.notes.push(arithmetic(target.times.iter().map(|time| time.group.backend)));
    let not_comparable: Vec<&str> = judgement
        .comparisons
        .iter()
        .filter(|comparison| comparison.not_comparable.is_some())
        .map(|comparison| comparison.candidate.label.as_str())
        .collect();
    if !not_comparable.is_empty() {
        table.notes.push(format!(
            "Not comparable with {}, as its verdict says: {}.",
            judgement.control(),
            not_comparable.join("; ")
        ));
    }
    table.notes.extend(left_out(&target.times));
    let mut measured = Measured::default();
    target.times.iter().for_each(|time| measured.merge(&time.measured));
    if !measured.is_empty() {
        table.notes.push(format!("Measured {measured}."));
    }
    Some(table)
}

fn target_row(time: &TimeToTarget<'_>) -> Vec<Cell> {
    const NEVER: &str = "not reached";
    let or_never = |value: f64, text: &dyn Fn(f64) -> String| match value {
        value if value.is_finite() => Cell::Number { value, text: text(value) },
        value if value.is_nan() => Cell::Empty,
        _ => Cell::Text(NEVER.to_owned()),
    };
    let median = time.median_ratio.as_ref().map_or(Cell::Empty, |ratio| match ratio.interval {
        _ if !ratio.median.is_finite() => Cell::Text(NEVER.to_owned()),
        Some(ends) => Cell::Interval {
            value: ratio.median,
            lower: ends.lower,
            upper: ends.upper,
            text: quotient_between(ratio.median, Some(&ends)),
        },
        None => Cell::Number { value: ratio.median, text: quotient(ratio.median) },
    });
    let reached = time.reached();
    let mean = TimeRatio { ratio: time.mean_ratio.clone(), ..TimeRatio::default() };
    vec![
        Cell::text_of(&time.group.label),
        Cell::Number { value: reached as f64, text: format!("{reached} of {}", time.seeds.len()) },
        or_never(time.epoch, &|epoch| format!("{epoch}")),
        or_never(time.seconds, &|seconds| format!("{seconds:.1}")),
        median,
        Cell::number_of(time.median_ratio.as_ref().and_then(|r| Some(r.interval?.level)), level),
        ratio_cell(&mean),
        or_never(time.resolution, &|seconds| format!("{seconds:.3}")),
    ]
}

/// Which seeds say nothing, and which ratios were not formed.
fn left_out(times: &[TimeToTarget<'_>]) -> Vec<String> {
    let mut notes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for time in times {
        let label = &time.group.label;
        for (reason, seeds) in &time.left_out {
            let seeds = count(seeds.len(), "seed");
            notes.entry(reason).or_default().push(format!("{label} ({seeds})"));
        }
    }
    let mut unlike: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for time in times {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in time.seeds.iter().filter_map(|own| own.unlike) {
            *reasons.entry(reason).or_default() += 1;
        }
        for (reason, seeds) in reasons {
            let seeds = count(seeds, "seed");
            unlike.entry(reason).or_default().push(format!("{} ({seeds})", time.group.label));
        }
    }
    let missing = notes
        .into_iter()
        .map(|(reason, labels)| format!("Seeds left out: {reason}: {}.", labels.join("; ")));
    let unlike = unlike.into_iter().map(|(reason, labels)| {
        format!("Without a quotient, because they ran {reason}: {}.", labels.join("; "))
    });
    missing.chain(unlike).collect()
}

/// What scores cost in measured time, and who dominates whom.
fn front(
    judgement: &Judgement<'_>,
    front: &TimeFront<'_>,
    analysis: &Analysis,
    id: &str,
) -> Option<Table> {
    if front.costs.len() < 2 {
        return None;
    }
    let metric = judgement.table.metric;
    let (what, key, measure, digits) = match front.clock {
        Clock::Training => ("training", "seconds", "train_seconds", 1),
        Clock::Inference => ("inference of one sample", "inference", "inference_ms_per_sample", 4),
    };
    // Of a front that there is.
    let explained = |column: Column, note: &str| match front.withheld {
        Some(_) => column,
        None => column.explained(note),
    };
    let mut table = Table::new(
        format!("{id}-{key}"),
        format!("Test {} against the measured time of {what}", metric.title()),
        [
            Column::new("strategy", "label"),
            Column::new(metric.title(), "test_metric_mean").in_unit(unit(metric)).rank(1),
            Column::new("time", measure).in_unit(front.clock.unit()),
            Column::new("time", format!("{measure}_ratio")).in_unit("× the control's"),
            explained(
                Column::new("on the front", "on_front").rank(2),
                "On the front: no method has as good a mean score in as little time, and one of both better. \
                 This is a statement about means, not a test.",
            ),
            explained(
                Column::new("dominated by", "dominated_by").rank(3),
                "Dominated by: those on the front that have as good a mean score in as little time, and one of both \
                 better, in the mean as well.",
            ),
        ],
    );
    table.rows = front
        .costs
        .iter()
        .map(|cost| {
            let spread = |values: &[f64]| dst_stats::summary(values).ok().and_then(|s| s.sd);
            let sd = spread(&cost.group.scores());
            // Shown even where it is noisy, because the front rests on it.
            let time = match spread(&cost.group.values(front.clock.time())) {
                Some(sd) => format!("{:.digits$} ± {sd:.digits$}", cost.time),
                None => format!("{:.digits$}", cost.time),
            };
            vec![
                Cell::text_of(&cost.group.label),
                Cell::Number { value: cost.score, text: mean_and_sd(metric, cost.score, sd) },
                Cell::Number { value: cost.time, text: time },
                cost.ratio.as_ref().map_or(Cell::Empty, ratio_cell),
                Cell::text_of(if cost.on_front { "yes" } else { "" }),
                Cell::text_of(front.dominators(cost).collect::<Vec<_>>().join("; ")),
            ]
        })
        .collect();
    if !judgement.has_control() {
        table.remove(&format!("{measure}_ratio"));
    }
    if let Some(reason) = front.withheld {
        table.notes.push(format!(
            "Trials ran {reason}: no method is said to be faster than another, and there is no front."
        ));
    }
    table.notes.push(arithmetic(front.costs.iter().map(|cost| cost.group.backend)));
    let rows = front
        .costs
        .iter()
        .filter_map(|cost| Some((cost.group.label.as_str(), cost.ratio.as_ref()?)));
    table.notes.extend(about_ratios(rows, 1.0 - analysis.alpha));
    Some(table)
}

impl Drawn<'_, '_> {
    /// Validation scores over seconds of training, the mean over seeds after each epoch; none if times are
    /// not comparable or no epochs are known.
    pub(super) fn over_seconds(&self) -> Option<Figure> {
        if self.judgement.seconds.training.withheld.is_some() {
            return None;
        }
        let metric = self.metric();
        let lines: Vec<Curve> = self
            .banded()
            .into_iter()
            .map(|group| {
                let score = |epoch: &dst_record::record::EpochRecord| epoch.validation.get(metric);
                series::curve_over_seconds(group, self.level, series::range(metric), score)
            })
            .collect();
        if lines.iter().all(|line| line.points.is_empty()) {
            return None;
        }
        let targets = self.targets();
        let title = format!(
            "Validation {} over seconds of training, mean over seeds after each epoch{}{}{}",
            metric.title(),
            if targets.is_empty() { "" } else { "; dashed: the target, mean over seeds" },
            self.bands(&lines),
            super::figures::about_perplexity(metric)
        );
        let score = super::figures::of_metric(metric, format!("validation {}", metric.title()));
        // Dense and sparse trainings are read by their ratio.
        let seconds = Axis::new("measured training time (s)").spaced(Spacing::Auto);
        let heading = self.heading("validation-seconds", title);
        let palette = self.palette;
        Some(dst_figures::curves_against(&heading, palette, &seconds, &score, &lines, &targets))
    }

    /// The mean of the seeds' targets, for every control that others are compared with.
    fn targets(&self) -> Vec<Reference> {
        let target = &self.judgement.seconds.target;
        let Some(size) = target.margin else { return Vec::new() };
        let metric = self.metric();
        let controls = target.times.iter().filter(|time| {
            let is_control = |other: &TimeToTarget<'_>| {
                other.control.as_ref().is_some_and(|control| Arc::ptr_eq(control, &time.group))
            };
            target.times.iter().any(is_control)
        });
        let controls = controls.filter_map(|time| {
            let scores: Vec<f64> = time.seeds.iter().map(|seed| seed.target).collect();
            Some(Reference {
                label: format!(
                    "{} minus {}{}",
                    time.group.label,
                    margin(metric, size),
                    points(metric)
                ),
                value: dst_stats::summary(&scores).ok()?.mean,
            })
        });
        controls.collect()
    }

    /// Seconds until the control's score divided by the control's, of the methods whose median seed gets
    /// there.
    pub(super) fn to_target(&self) -> Option<Figure> {
        let target = &self.judgement.seconds.target;
        let rows: Vec<Estimate> = target
            .times
            .iter()
            .filter_map(|time| {
                let ratio = time.median_ratio.as_ref()?;
                ratio.median.is_finite().then(|| Estimate {
                    series: series::named(&time.group),
                    value: ratio.median,
                    interval: ratio
                        .interval
                        .map(|ends| dst_figures::Interval { lower: ends.lower, upper: ends.upper }),
                })
            })
            .collect();
        let (false, Some(size)) = (rows.is_empty(), target.margin) else { return None };
        let metric = self.metric();
        let title = format!(
            "Time to {}'s last validation {} minus {}{}, divided by its own; lines: {} interval of the \
             median over seeds",
            self.judgement.control(),
            metric.title(),
            margin(metric, size),
            points(metric),
            crate::format::level(self.level)
        );
        let quantity = Axis::new("time to the target, divided by the control's");
        let heading = self.heading("time-to-target", title);
        Some(dst_figures::interval_plot(&heading, self.palette, &IntervalPlot { quantity, rows }))
    }
}
