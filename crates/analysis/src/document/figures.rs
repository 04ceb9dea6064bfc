//! The figures of one family.

use std::sync::Arc;

use dst_figures::{
    Axis, Better, Conclusion, ConfusionMatrix, Curve, Figure, ForestPlot, ForestRow, Heading,
    Interval, PairKind, PairMap, Palette, SeedPair, SlopeCharts, SlopePanel, Spacing, TradeOff,
    TradeOffPoint,
};
use dst_record::record::{EpochRecord, TrialRecord};
use dst_record::{Metric, NetworkRecord};
use dst_stats::verdict::{Reason, Verdict};

use super::tables::difference_cell;
use super::{masks, series};
use crate::format::{correction_name, level, percent};
use crate::sentence::failed_trials;
use crate::settings::Multiplicity;
use crate::{Comparison, Group, Judgement, Study};

/// Groups that a figure of curves shows: more lines than this cannot be told apart.
const CURVES: usize = 8;
/// Groups of a figure of curves with their intervals: more bands than this cover one another.
const BANDED: usize = 6;
/// Groups of which layers and confusions are shown.
const LAYERS: usize = 4;
/// Comparisons whose seeds are drawn.
const SLOPES: usize = 12;
/// Rows of a forest plot.
const ROWS: usize = 60;
/// Groups of a heat map of all pairs.
const PAIRS: usize = 30;

/// Figures of one family, by where they stand.
#[derive(Default)]
pub(super) struct Figures {
    /// The differences with their intervals: what is seen first.
    pub(super) forest: Option<Figure>,
    /// What everybody wants to see.
    pub(super) open: Vec<Figure>,
    pub(super) costs: Vec<Figure>,
    /// Scores against measured time, and the time to the control's score.
    pub(super) seconds: Vec<Figure>,
    pub(super) seeds: Vec<Figure>,
    pub(super) training: Vec<Figure>,
    pub(super) topology: Vec<Figure>,
    /// Which connections are left.
    pub(super) masks: Vec<Figure>,
    pub(super) pairs: Vec<Figure>,
    /// What was left out, and where it stands.
    pub(super) notes: Vec<String>,
}

impl Figures {
    pub(super) fn new(
        study: &Study<'_>,
        palette: &Palette,
        judgement: &Judgement<'_>,
        id: &str,
    ) -> Self {
        let alpha = judgement.alpha.unwrap_or(study.analysis().alpha);
        let mut figures = Self::default();
        let drawn = Drawn { judgement, palette, id, alpha, level: 1.0 - alpha };
        drawn.forest(&mut figures);
        drawn.trade_offs(&mut figures);
        figures.seconds.splice(0..0, drawn.over_seconds());
        figures.seconds.extend(drawn.to_target());
        drawn.learning(&mut figures);
        drawn.slopes(&mut figures);
        drawn.all_pairs(&mut figures, study);
        drawn.topology(&mut figures);
        figures.masks = masks::figures(judgement, id, &mut figures.notes);
        drawn.confusions(&mut figures);
        figures
    }
}

/// What all figures of a family are drawn from.
pub(super) struct Drawn<'j, 't> {
    pub(super) judgement: &'j Judgement<'t>,
    pub(super) palette: &'j Palette,
    id: &'j str,
    alpha: f64,
    pub(super) level: f64,
}

/// A cost that scores are drawn against.
type Cost = (&'static str, &'static str, fn(&Group<'_>) -> Option<f64>);

const COSTS: [Cost; 5] = [
    ("density", "density of the prunable weights", |group| {
        group.mean(|outcome| 1.0 - outcome.sparsity_prunable)
    }),
    ("inference-flops", "inference FLOPs, share of dense", |group| {
        group.mean(|outcome| outcome.inference_flops / outcome.dense_inference_flops)
    }),
    ("training-flops", "training FLOPs", |group| group.mean(|outcome| outcome.train_flops)),
    ("training-time", "measured training time (s)", |group| {
        group.mean(|outcome| outcome.train_seconds)
    }),
    ("inference-time", "measured inference time (ms per sample)", |group| {
        group.mean(|outcome| outcome.inference_ms_per_sample)
    }),
];

impl<'t> Drawn<'_, 't> {
    pub(super) fn metric(&self) -> Metric {
        self.judgement.table.metric
    }

    pub(super) fn heading(&self, name: &str, title: impl Into<String>) -> Heading {
        Heading::new(format!("{}-{name}", self.id), title)
    }

    fn forest(&self, figures: &mut Figures) {
        let mut drawn: Vec<&Comparison<'_>> = self.judgement.comparisons.iter().collect();
        if drawn.iter().all(|comparison| comparison.estimate.is_none()) {
            return;
        }
        if drawn.len() > ROWS {
            drawn.sort_by(|a, b| {
                b.estimate.partial_cmp(&a.estimate).unwrap_or(std::cmp::Ordering::Equal)
            });
            figures.notes.push(format!(
                "The differences of the best {ROWS} of {} are drawn; comparisons.csv has all.",
                drawn.len()
            ));
            drawn.truncate(ROWS);
        }
        let metric = self.metric();
        let several =
            drawn.windows(2).any(|pair| pair[0].candidate.level() != pair[1].candidate.level());
        if several {
            drawn.sort_by_key(|comparison| comparison.candidate.level());
        }
        let rows = drawn.into_iter().map(|comparison| ForestRow {
            series: series::named(&comparison.candidate),
            group: if several { comparison.candidate.level().title() } else { String::new() },
            difference: comparison.estimate.unwrap_or(f64::NAN),
            interval: comparison.evidence.map(|evidence| Interval {
                lower: evidence.interval.lower,
                upper: evidence.interval.upper,
            }),
            clipped: comparison.evidence.is_some_and(|evidence| evidence.clipped),
            numbers: difference_cell(self.judgement, comparison).text().to_owned(),
            conclusion: conclusion(comparison.verdict),
            note: note(self.judgement, comparison),
        });
        let axis = Axis::new(format!("{} minus {}", metric.title(), self.judgement.control()));
        let data = ForestPlot {
            difference: if metric.is_share() { axis.points() } else { axis },
            margin: self.judgement.margin,
            rows: rows.collect(),
        };
        let title = format!(
            "Differences from {}, with the margin; lines: intervals at the level of each verdict",
            self.judgement.control()
        );
        figures.forest = Some(dst_figures::forest_plot(
            &self.heading("differences", title),
            self.palette,
            &data,
        ));
    }

    fn trade_offs(&self, figures: &mut Figures) {
        let metric = self.metric();
        let seconds = &self.judgement.seconds;
        for (place, (name, label, cost)) in COSTS.into_iter().enumerate() {
            let withheld = match name {
                "training-time" => seconds.training.withheld,
                "inference-time" => seconds.inference.withheld,
                _ => None,
            };
            if withheld.is_some() {
                continue;
            }
            let point = |group: &Arc<Group<'_>>| {
                let scores = group.scores();
                Some(TradeOffPoint {
                    series: series::named(group),
                    line: line(group),
                    x: cost(group).filter(|cost| cost.is_finite())?,
                    y: dst_stats::summary(&scores).ok()?.mean,
                    interval: series::interval(&scores, self.level, series::range(metric)),
                })
            };
            let points: Vec<TradeOffPoint> = self.judgement.groups().filter_map(point).collect();
            if points.len() < 2 {
                continue;
            }
            let axis = Axis::new(label).spaced(Spacing::Auto);
            let data = TradeOff {
                x: match name {
                    "training-flops" | "training-time" => axis.si(),
                    "inference-time" => axis,
                    _ => axis.percent(),
                },
                y: of_metric(metric, format!("test {}", metric.title())),
                x_better: Better::Lower,
                y_better: Better::Higher,
                connect: points.len() <= 40 && !name.ends_with("-time"),
                points,
            };
            let title = format!(
                "Test {} against {label}, mean over seeds{}{}",
                metric.title(),
                self.intervals("bars", data.points.iter().map(|point| point.interval)),
                about_perplexity(metric)
            );
            let figure = dst_figures::trade_off(&self.heading(name, title), self.palette, &data);
            // Density and operations tell the story; the rest is a click away.
            match name {
                _ if place < 2 => figures.open.push(figure),
                "training-flops" => figures.costs.push(figure),
                _ => figures.seconds.push(figure),
            }
        }
    }

    fn learning(&self, figures: &mut Figures) {
        let groups = self.shown(CURVES);
        let metric = self.metric();
        let curves = |range, value: &dyn Fn(&EpochRecord) -> Option<f64>| -> Vec<Curve> {
            groups.iter().map(|group| series::curve(group, self.level, range, value)).collect()
        };
        let scores = curves(series::range(metric), &|epoch| epoch.validation.get(metric));
        if scores.iter().all(|curve| curve.points.is_empty()) {
            return;
        }
        if groups.len() < self.judgement.table.groups.len() {
            let which = match self.judgement.has_control() {
                true => "the control and the best on validation",
                false => "the best on validation",
            };
            figures.notes.push(format!(
                "Training curves show {} of {} groups: {which}. history.csv and layers.csv have all.",
                groups.len(),
                self.judgement.table.groups.len()
            ));
        }
        let axis = of_metric(metric, format!("validation {}", metric.title()));
        let title = format!(
            "Validation {} by epoch, mean over seeds{}{}",
            metric.title(),
            self.bands(&scores),
            about_perplexity(metric)
        );
        figures.training.push(dst_figures::learning_curves(
            &self.heading("validation", title),
            self.palette,
            &axis,
            &scores,
        ));
        let losses = curves(series::POSITIVE, &|epoch| Some(epoch.train_loss));
        let title = format!("Training loss by epoch, mean over seeds{}", self.bands(&losses));
        figures.training.push(dst_figures::learning_curves(
            &self.heading("training-loss", title),
            self.palette,
            &Axis::loss("training loss"),
            &losses,
        ));
    }

    /// What bands around lines are, for a caption.
    pub(super) fn bands(&self, lines: &[Curve]) -> String {
        if lines.len() > BANDED {
            return String::new();
        }
        let points = lines.iter().flat_map(|line| &line.points);
        self.intervals("bands", points.map(|point| point.interval))
    }

    /// What bars or bands are, or why there are none, for a caption.
    fn intervals(&self, what: &str, drawn: impl Iterator<Item = Option<Interval>>) -> String {
        let drawn: Vec<Option<Interval>> = drawn.collect();
        let fewest = series::FEWEST;
        let enough = |group: &Arc<Group<'_>>| group.trials.len() >= fewest;
        let has_few = || !self.judgement.groups().filter(|g| !g.trials.is_empty()).all(enough);
        if drawn.iter().all(Option::is_none) {
            // Equal values have no interval either.
            let few = !self.judgement.groups().any(enough);
            return if few {
                format!("; no {what}: fewer than {fewest} seeds")
            } else {
                String::new()
            };
        }
        let few = if has_few() { format!(", from {fewest} seeds on") } else { String::new() };
        format!("; {what}: {} interval of the mean{few}", level(self.level))
    }

    fn slopes(&self, figures: &mut Figures) {
        let metric = self.metric();
        let drawn: Vec<&Comparison<'_>> =
            self.judgement.comparisons.iter().filter(|comparison| comparison.n() > 1).collect();
        if drawn.len() > SLOPES {
            figures.notes.push(format!(
                "Seeds are drawn for the first {SLOPES} of {} comparisons; trials.csv has all.",
                drawn.len()
            ));
        }
        let panels: Vec<SlopePanel> = drawn
            .into_iter()
            .take(SLOPES)
            .filter_map(|comparison| {
                let pairs = comparison.pairs.iter().map(|pair| SeedPair {
                    seed: pair.seed.to_string(),
                    control: pair.control,
                    candidate: pair.candidate,
                });
                Some(SlopePanel {
                    candidate: series::named(&comparison.candidate),
                    control: series::named(comparison.control.as_ref()?),
                    pairs: pairs.collect(),
                })
            })
            .collect();
        if panels.is_empty() {
            return;
        }
        let data = SlopeCharts {
            metric: of_metric(metric, format!("test {}", metric.title())),
            better: Better::Higher,
            panels,
        };
        let title = format!("Every seed, from {} to each strategy", self.judgement.control());
        let heading = self.heading("seeds", title);
        figures.seeds.push(dst_figures::slope_charts(&heading, self.palette, &data));
    }

    fn all_pairs(&self, figures: &mut Figures, study: &Study<'_>) {
        let pairs = &self.judgement.all_pairs;
        if pairs.family < 2 {
            return;
        }
        if pairs.labels.len() > PAIRS {
            figures.notes.push(format!(
                "{} groups are too many for a map of all pairs; pairs.csv has them.",
                pairs.labels.len()
            ));
            return;
        }
        let adjusted = match study.analysis().correction {
            Multiplicity::None => "unadjusted".to_owned(),
            correction => format!("adjusted ({})", correction_name(correction)),
        };
        let title = format!("All pairs: paired t test, p {adjusted}, {} comparisons", pairs.family);
        let data = PairMap {
            labels: pairs.labels.clone(),
            values: pairs.p_adjusted.clone(),
            kind: PairKind::PValue { alpha: self.alpha },
        };
        figures.pairs.push(dst_figures::pair_map(&self.heading("all-pairs", title), &data));
        let data = PairMap {
            labels: pairs.labels.clone(),
            values: pairs.improvement.clone(),
            kind: PairKind::Improvement,
        };
        let title = "All pairs: share of seeds at which the row beats the column";
        figures.pairs.push(dst_figures::pair_map(&self.heading("improvement", title), &data));
    }

    fn topology(&self, figures: &mut Figures) {
        let groups: Vec<_> = self
            .shown(CURVES)
            .into_iter()
            .filter(|group| group.trials.values().any(|trial| moves(trial)))
            .collect();
        if !groups.is_empty() {
            let churn: Vec<Curve> = groups
                .iter()
                .map(|group| {
                    let churn = NetworkRecord::churn;
                    series::network_curve(group, self.level, series::POSITIVE, churn)
                })
                .collect();
            let title = format!(
                "Churn: connections born in an epoch, per active connection{}",
                self.bands(&churn)
            );
            figures.topology.push(dst_figures::churn_curves(
                &self.heading("churn", title),
                self.palette,
                &churn,
            ));
            let explored: Vec<Curve> = groups
                .iter()
                .map(|group| {
                    let explored = NetworkRecord::ever_active_share;
                    series::network_curve(group, self.level, series::SHARE, explored)
                })
                .collect();
            let title = format!(
                "In-time over-parameterisation: share of the prunable weights that were active at \
                 least once so far{}",
                self.bands(&explored)
            );
            let heading = self.heading("explored", title);
            figures.topology.push(dst_figures::exploration_curves(
                &heading,
                self.palette,
                &explored,
            ));
        }
        let told =
            |groups: &[&Arc<Group<'t>>], value: fn(&NetworkRecord) -> Option<f64>| -> Vec<Curve> {
                let curves = groups
                    .iter()
                    .map(|group| series::network_curve(group, self.level, series::SHARE, value));
                curves.filter(|curve| !curve.points.is_empty()).collect()
            };
        let returned = told(&groups, NetworkRecord::returned);
        if !returned.is_empty() {
            let title = format!(
                "Returns: share of the connections born in an epoch that had been active before{}",
                self.bands(&returned)
            );
            let heading = self.heading("returns", title);
            figures.topology.push(dst_figures::return_curves(&heading, self.palette, &returned));
        }
        let sparse: Vec<_> =
            self.shown(CURVES).into_iter().filter(|group| group.sparsity > 0.0).collect();
        let idle = told(&sparse, NetworkRecord::idle);
        if !idle.is_empty() {
            let title = format!(
                "Idle neurons: share of the neurons that no connection leads to{}",
                self.bands(&idle)
            );
            let heading = self.heading("idle", title);
            figures.topology.push(dst_figures::idle_neuron_curves(&heading, self.palette, &idle));
        }
        let ages: Vec<_> = groups.iter().filter_map(|group| series::ages(group)).collect();
        if !ages.is_empty() {
            let heading = self.heading("ages", "Age of connections when they were dropped");
            let axis = Axis::new("age (epochs)");
            figures.topology.push(dst_figures::age_histograms(
                &heading,
                self.palette,
                &axis,
                &ages,
            ));
        }
        let mut sparse = self.best();
        sparse.retain(|group| group.sparsity > 0.0 && !self.judgement.is_control(group));
        sparse.truncate(LAYERS);
        for (place, group) in self.in_order(&sparse).into_iter().enumerate() {
            if let Some(map) = series::density(group) {
                let title = format!("{}: density of every layer by epoch", group.label);
                let heading = self.heading(&format!("density-{}", place + 1), title);
                figures.topology.push(dst_figures::density_map(&heading, &map));
            }
        }
    }

    fn confusions(&self, figures: &mut Figures) {
        let ranked = self.best();
        let first = |control: bool| ranked.iter().find(|g| self.judgement.is_control(g) == control);
        for (place, group) in first(true).into_iter().chain(first(false)).enumerate() {
            let Some(counts) = series::confusion(group) else { continue };
            let data = ConfusionMatrix {
                classes: (0..counts.len()).map(|class| class.to_string()).collect(),
                counts,
            };
            let title = format!("{}: true and predicted classes, all seeds", group.label);
            let heading = self.heading(&format!("confusion-{}", place + 1), title);
            figures.pairs.push(dst_figures::confusion_matrix(&heading, &data));
        }
    }

    /// The groups of the control and then the others, each by their mean on validation. The test set
    /// chooses nothing, not even what is drawn.
    fn best(&self) -> Vec<&Arc<Group<'t>>> {
        let metric = self.metric();
        let validation = |group: &Arc<Group<'_>>| {
            let outcomes = group.outcomes().into_iter();
            let scores: Vec<f64> = outcomes.filter_map(|o| o.validation.get(metric)).collect();
            dst_stats::summary(&scores).map_or(f64::NEG_INFINITY, |summary| summary.mean)
        };
        let mut ranked: Vec<(bool, f64, &Arc<Group<'t>>)> = self
            .judgement
            .groups()
            .filter(|group| !group.trials.is_empty())
            .map(|group| (self.judgement.is_control(group), validation(group), group))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
        ranked.into_iter().map(|(_, _, group)| group).collect()
    }

    /// The groups of a figure of curves that has their intervals too.
    pub(super) fn banded(&self) -> Vec<&Arc<Group<'t>>> {
        self.shown(BANDED)
    }

    /// The first of [`Drawn::best`], at most so many, in the order of the table.
    fn shown(&self, most: usize) -> Vec<&Arc<Group<'t>>> {
        let ranked = self.best();
        self.in_order(&ranked[..most.min(ranked.len())])
    }

    /// These groups in the order of the table.
    fn in_order(&self, kept: &[&Arc<Group<'t>>]) -> Vec<&Arc<Group<'t>>> {
        let is_kept = |group: &&Arc<Group<'t>>| kept.iter().any(|other| Arc::ptr_eq(other, group));
        self.judgement.groups().filter(is_kept).collect()
    }
}

/// The looks of all strategies and sparsities of a study, the same in every figure.
pub(super) fn palette(study: &Study<'_>) -> Palette {
    let groups = || study.judgements.iter().flat_map(|judgement| &judgement.table.groups);
    let mut strategies: Vec<&str> = groups().map(|group| group.strategy).collect();
    strategies.sort_unstable();
    strategies.dedup();
    Palette::new(&study.control, strategies, groups().map(|group| group.level().sparsity()))
}

/// The line of a trade-off that a group lies on: its label without the sparsity, which changes along it.
fn line(group: &Group<'_>) -> String {
    let (at, backend) =
        (format!(" at {}", percent(group.sparsity)), format!(", {}", group.backend));
    let (name, backend) = match group.label.strip_suffix(&backend) {
        Some(name) => (name, backend),
        None => (group.label.as_str(), String::new()),
    };
    format!("{}{backend}", name.strip_suffix(&at).unwrap_or(name))
}

fn conclusion(verdict: Verdict) -> Conclusion {
    match verdict {
        Verdict::Superior => Conclusion::Superior,
        Verdict::NonInferior => Conclusion::NonInferior,
        Verdict::Worse => Conclusion::Worse,
        Verdict::Inferior => Conclusion::Inferior,
        Verdict::Inconclusive => Conclusion::Inconclusive,
        Verdict::NotComparable => Conclusion::NotComparable,
    }
}

/// What stands beside a verdict in a row of the forest.
fn note(judgement: &Judgement<'_>, comparison: &Comparison<'_>) -> String {
    match (comparison.verdict, comparison.reason) {
        (Verdict::NonInferior, _) if comparison.loss_shown => "small loss shown".to_owned(),
        (_, Some(Reason::Failures)) => failed_trials(judgement, comparison),
        (_, Some(Reason::Open) | None) => String::new(),
        (Verdict::NotComparable, _) => "see below".to_owned(),
        (_, Some(reason)) => format!("no test: {}", reason.name().replace('-', " ")),
    }
}

/// Did a connection of the trial ever change?
fn moves(trial: &TrialRecord) -> bool {
    trial.layers.iter().any(|layer| layer.born > 0 || layer.dropped > 0)
}

pub(super) fn of_metric(metric: Metric, label: String) -> Axis {
    let axis = Axis::new(label);
    if metric.is_share() { axis.percent() } else { axis }
}

/// How a log-likelihood is read, for a caption.
pub(super) fn about_perplexity(metric: Metric) -> &'static str {
    match metric {
        Metric::LogLikelihood => {
            "; perplexity = exp(\u{2212}log-likelihood), so that higher is better"
        }
        _ => "",
    }
}
