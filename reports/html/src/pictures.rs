//! The pictures of one table.

use std::sync::Arc;

use dst_analysis::words::correction_name;
use dst_analysis::{Analysis, Multiplicity};
use dst_analysis::{Comparison, Group, Judgement};
use dst_figures::{
    Axis, Better, ConfusionMatrix, Curve, Figure, ForestPlot, ForestRow, Heading, Interval,
    PairKind, PairMap, SeedPair, SlopeChart, Spacing, TradeOff, TradeOffPoint,
};
use dst_record::Metric;

use crate::courses;

/// Groups that a picture of courses shows: more lines than this are no picture.
const COURSES: usize = 8;
/// Groups of which layers and confusions are shown.
const LAYERS: usize = 4;
/// Comparisons whose seeds are drawn.
const SLOPES: usize = 12;
/// Rows of a forest plot.
const ROWS: usize = 60;
/// Groups of a heat map of all pairs.
const PAIRS: usize = 30;

/// Pictures of one table, in the order of the page.
#[derive(Default)]
pub(crate) struct Pictures {
    /// What everybody wants to see.
    pub(crate) open: Vec<Figure>,
    /// What stands in a fold.
    pub(crate) folded: Vec<Figure>,
    /// What was left out, and where it stands.
    pub(crate) notes: Vec<String>,
}

/// All pictures of a table whose data exist.
pub(crate) fn of(judgement: &Judgement<'_>, id: &str, analysis: &Analysis) -> Pictures {
    let mut pictures = Pictures::default();
    forest(judgement, id, analysis, &mut pictures);
    trade_offs(judgement, id, analysis, &mut pictures);
    learning(judgement, id, analysis, &mut pictures);
    slopes(judgement, id, &mut pictures);
    all_pairs(judgement, id, analysis, &mut pictures);
    topology(judgement, id, analysis, &mut pictures);
    confusions(judgement, id, &mut pictures);
    pictures
}

fn forest(judgement: &Judgement<'_>, id: &str, analysis: &Analysis, pictures: &mut Pictures) {
    let mut drawn: Vec<&Comparison<'_>> =
        judgement.comparisons.iter().filter(|c| c.difference.is_some()).collect();
    if drawn.is_empty() {
        return;
    }
    if drawn.len() > ROWS {
        drawn.sort_by(|a, b| {
            b.difference.partial_cmp(&a.difference).unwrap_or(std::cmp::Ordering::Equal)
        });
        pictures.notes.push(format!(
            "The differences of the best {ROWS} of {} are drawn; comparisons.csv has all.",
            drawn.len()
        ));
        drawn.truncate(ROWS);
    }
    let metric = judgement.table.metric;
    let rows = drawn.into_iter().map(|comparison| ForestRow {
        label: comparison.candidate.label.clone(),
        difference: comparison.difference.unwrap_or(f64::NAN),
        interval: comparison.interval.map(ends),
        verdict: comparison.verdict.to_string(),
    });
    let axis = Axis::new(format!("{} minus {}", metric.title(), judgement.control()));
    let data = ForestPlot {
        difference: if metric.is_share() { axis.percent() } else { axis },
        margin: Some(analysis.margin.size()),
        rows: rows.collect(),
    };
    let title = format!("Differences from {} with intervals and the margin", judgement.control());
    pictures.open.push(dst_figures::forest_plot(&heading(id, "differences", title), &data));
}

/// A cost that scores are drawn against.
type Cost = (&'static str, &'static str, fn(&Group<'_>) -> Option<f64>);

const COSTS: [Cost; 4] = [
    ("density", "density of the prunable weights", |group| {
        group.mean(|outcome| 1.0 - outcome.sparsity_prunable)
    }),
    ("inference-flops", "inference FLOPs by dense", |group| {
        group.mean(|outcome| outcome.inference_flops / outcome.dense_inference_flops)
    }),
    ("training-flops", "training FLOPs", |group| group.mean(|outcome| outcome.train_flops)),
    ("training-time", "measured training time (s), masked dense arithmetic", |group| {
        group.mean(|outcome| outcome.train_seconds)
    }),
];

fn trade_offs(judgement: &Judgement<'_>, id: &str, analysis: &Analysis, pictures: &mut Pictures) {
    let metric = judgement.table.metric;
    for (place, (name, label, cost)) in COSTS.into_iter().enumerate() {
        let point = |group: &Arc<Group<'_>>| {
            let scores = group.scores();
            let level = 1.0 - analysis.alpha;
            let interval = dst_stats::mean_interval(&scores, level).ok().and_then(|m| m.interval);
            Some(TradeOffPoint {
                series: group.strategy.to_owned(),
                label: group.label.clone(),
                x: cost(group)?,
                y: dst_stats::summary(&scores).ok()?.mean,
                interval: interval.map(ends),
            })
        };
        let points: Vec<TradeOffPoint> = judgement.groups().filter_map(point).collect();
        if points.len() < 2 {
            return;
        }
        let axis = Axis::new(label).spaced(Spacing::Auto);
        let x = if name.starts_with("training") { axis.si() } else { axis.percent() };
        let data = TradeOff {
            x,
            y: of_metric(metric, format!("test {}", metric.title())),
            x_better: Better::Lower,
            y_better: Better::Higher,
            connect: points.len() <= 40 && name != "training-time",
            points,
        };
        let title = format!("Test {} against {label}", metric.title());
        let figure = dst_figures::trade_off(&heading(id, name, title), &data);
        // Density and operations tell the story; the rest is a click away.
        if place < 2 { pictures.open.push(figure) } else { pictures.folded.push(figure) }
    }
}

fn learning(judgement: &Judgement<'_>, id: &str, analysis: &Analysis, pictures: &mut Pictures) {
    let groups = shown(judgement, COURSES);
    let metric = judgement.table.metric;
    let level = 1.0 - analysis.alpha;
    let curves = |value: &dyn Fn(&dst_record::record::EpochRecord) -> Option<f64>| -> Vec<Curve> {
        groups.iter().map(|group| courses::curve(group, level, value)).collect()
    };
    let scores = curves(&|epoch| epoch.validation.get(metric));
    if scores.iter().all(|curve| curve.points.is_empty()) {
        return;
    }
    if groups.len() < judgement.table.groups.len() {
        pictures.notes.push(format!(
            "Courses show {} of {} groups: the control and the best on validation. history.csv and \
             layers.csv have all.",
            groups.len(),
            judgement.table.groups.len()
        ));
    }
    let axis = of_metric(metric, format!("validation {}", metric.title()));
    let title = format!("Validation {} by epoch, mean over seeds", metric.title());
    let figure = dst_figures::learning_curves(&heading(id, "validation", title), &axis, &scores);
    pictures.open.push(figure);
    let losses = curves(&|epoch| Some(epoch.train_loss));
    let figure = dst_figures::learning_curves(
        &heading(id, "training-loss", "Training loss by epoch, mean over seeds"),
        &Axis::loss("training loss"),
        &losses,
    );
    pictures.folded.push(figure);
}

fn slopes(judgement: &Judgement<'_>, id: &str, pictures: &mut Pictures) {
    let metric = judgement.table.metric;
    let drawn = judgement.comparisons.iter().filter(|comparison| comparison.n() > 1);
    if drawn.clone().count() > SLOPES {
        pictures.notes.push(format!(
            "Seeds are drawn for the first {SLOPES} of {} comparisons; trials.csv has all.",
            drawn.clone().count()
        ));
    }
    for (place, comparison) in drawn.take(SLOPES).enumerate() {
        let (candidate, control) = (&comparison.candidate.label, &comparison.control.label);
        let data = SlopeChart {
            control: control.clone(),
            candidate: candidate.clone(),
            metric: of_metric(metric, format!("test {}", metric.title())),
            better: Better::Higher,
            pairs: comparison
                .pairs
                .iter()
                .map(|pair| SeedPair {
                    seed: pair.seed.to_string(),
                    control: pair.control,
                    candidate: pair.candidate,
                })
                .collect(),
        };
        let title = format!("{candidate} against {control}, seed by seed");
        let heading = heading(id, &format!("seeds-{}", place + 1), title);
        pictures.folded.push(dst_figures::slope_chart(&heading, &data));
    }
}

fn all_pairs(judgement: &Judgement<'_>, id: &str, analysis: &Analysis, pictures: &mut Pictures) {
    let pairs = &judgement.all_pairs;
    if pairs.family < 2 {
        return;
    }
    if pairs.labels.len() > PAIRS {
        pictures.notes.push(format!(
            "{} groups are too many for a map of all pairs; pairs.csv has them.",
            pairs.labels.len()
        ));
        return;
    }
    let adjusted = match analysis.correction {
        Multiplicity::None => "unadjusted".to_owned(),
        correction => format!("adjusted ({})", correction_name(correction)),
    };
    let title = format!("All pairs: paired t test, p {adjusted}, {} comparisons", pairs.family);
    let data = PairMap {
        labels: pairs.labels.clone(),
        values: pairs.p_adjusted.clone(),
        kind: PairKind::PValue { alpha: analysis.alpha },
    };
    pictures.folded.push(dst_figures::pair_map(&heading(id, "all-pairs", title), &data));
    let data = PairMap {
        labels: pairs.labels.clone(),
        values: pairs.improvement.clone(),
        kind: PairKind::Improvement,
    };
    let title = "All pairs: share of seeds at which the row beats the column";
    pictures.folded.push(dst_figures::pair_map(&heading(id, "improvement", title), &data));
}

fn topology(judgement: &Judgement<'_>, id: &str, analysis: &Analysis, pictures: &mut Pictures) {
    let level = 1.0 - analysis.alpha;
    let groups: Vec<_> = shown(judgement, COURSES)
        .into_iter()
        .filter(|group| group.trials.values().any(|trial| moves(trial)))
        .collect();
    if !groups.is_empty() {
        let churn: Vec<Curve> = groups
            .iter()
            .map(|group| courses::layer_curve(group, level, courses::Totals::churn))
            .collect();
        let title = "Churn: connections born in an epoch, per active connection";
        pictures.folded.push(dst_figures::churn_curves(&heading(id, "churn", title), &churn));
        let explored: Vec<Curve> = groups
            .iter()
            .map(|group| courses::layer_curve(group, level, courses::Totals::explored))
            .collect();
        let title = "In-time over-parameterisation: share of the entries that were ever active";
        let heading = heading(id, "explored", title);
        pictures.folded.push(dst_figures::exploration_curves(&heading, &explored));
    }
    let ages: Vec<_> = groups.iter().filter_map(|group| courses::ages(group)).collect();
    if !ages.is_empty() {
        let heading = heading(id, "ages", "Age of connections when they were dropped");
        let axis = Axis::new("age (epochs)");
        pictures.folded.push(dst_figures::age_histograms(&heading, &axis, &ages));
    }
    let sparse = best(judgement).into_iter();
    let sparse = sparse.filter(|group| group.sparsity > 0.0 && !judgement.is_control(group));
    for (place, group) in sparse.take(LAYERS).enumerate() {
        if let Some(map) = courses::density(group) {
            let title = format!("{}: density of every layer by epoch", group.label);
            let heading = heading(id, &format!("density-{}", place + 1), title);
            pictures.folded.push(dst_figures::density_map(&heading, &map));
        }
    }
}

/// Did a connection of the trial ever change?
fn moves(trial: &dst_record::record::TrialRecord) -> bool {
    trial.layers.iter().any(|layer| layer.born > 0 || layer.dropped > 0)
}

fn confusions(judgement: &Judgement<'_>, id: &str, pictures: &mut Pictures) {
    let ranked = best(judgement);
    let first = |control: bool| ranked.iter().find(|g| judgement.is_control(g) == control);
    for (place, group) in first(true).into_iter().chain(first(false)).enumerate() {
        let Some(counts) = courses::confusion(group) else { continue };
        let data = ConfusionMatrix {
            classes: (0..counts.len()).map(|class| class.to_string()).collect(),
            counts,
        };
        let title = format!("{}: true and predicted classes, all seeds", group.label);
        let heading = heading(id, &format!("confusion-{}", place + 1), title);
        pictures.folded.push(dst_figures::confusion_matrix(&heading, &data));
    }
}

/// The groups of the control and then the others, each by their mean on validation. The test set
/// chooses nothing, not even what is drawn.
fn best<'j, 't>(judgement: &'j Judgement<'t>) -> Vec<&'j Arc<Group<'t>>> {
    let metric = judgement.table.metric;
    let validation = |group: &Arc<Group<'_>>| {
        let outcomes = group.outcomes().into_iter();
        let scores: Vec<f64> = outcomes.filter_map(|o| o.validation.get(metric)).collect();
        dst_stats::summary(&scores).map_or(f64::NEG_INFINITY, |summary| summary.mean)
    };
    let mut ranked: Vec<(bool, f64, &Arc<Group<'_>>)> = judgement
        .groups()
        .filter(|group| !group.trials.is_empty())
        .map(|group| (judgement.is_control(group), validation(group), group))
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    ranked.into_iter().map(|(_, _, group)| group).collect()
}

/// The first of [`best`], at most so many, in the order of the table.
fn shown<'j, 't>(judgement: &'j Judgement<'t>, most: usize) -> Vec<&'j Arc<Group<'t>>> {
    let ranked = best(judgement);
    let kept = &ranked[..most.min(ranked.len())];
    judgement.groups().filter(|group| kept.iter().any(|other| Arc::ptr_eq(other, group))).collect()
}

fn heading(id: &str, name: &str, title: impl Into<String>) -> Heading {
    Heading::new(format!("{id}-{name}"), title)
}

fn of_metric(metric: Metric, label: String) -> Axis {
    let axis = Axis::new(label);
    if metric.is_share() { axis.percent() } else { axis }
}

fn ends(interval: dst_stats::Interval) -> Interval {
    Interval { lower: interval.lower, upper: interval.upper }
}
