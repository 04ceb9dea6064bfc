//! One data set, model and training: tables, verdicts, pictures.

use std::collections::BTreeSet;
use std::sync::Arc;

use dst_analysis::Analysis;
use dst_analysis::words::{
    correction, difference, fixed, interval, meaning, p_value, percent, score, sentence,
};
use dst_analysis::{Comparison, Group, Judgement, POWER};
use dst_figures::Figure;
use dst_record::Metric;
use dst_record::record::{Outcome, Status};
use serde::Serialize;

use crate::table::{Table, badge, count, number, words};
use crate::{pictures, scores};

/// Rows of the table of McNemar's tests, one for each seed of each comparison.
const MCNEMAR: usize = 200;

/// The section as the template takes it.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) id: String,
    pub(crate) heading: String,
    model: String,
    training: String,
    metric: String,
    completeness: Table,
    failures: Option<Table>,
    means: Table,
    scores: Option<Table>,
    comparisons: Option<Table>,
    verdicts: Vec<VerdictLine>,
    gaps: Vec<String>,
    evidence: Option<Table>,
    selections: Option<Table>,
    mcnemar: Option<Table>,
    /// Places of the pictures that stand open, and of those that are folded away.
    #[serde(skip)]
    pub(crate) open: Vec<Figure>,
    #[serde(skip)]
    pub(crate) folded: Vec<Figure>,
    pub(crate) picture_notes: Vec<String>,
}

/// One verdict in words.
#[derive(Debug, Serialize)]
struct VerdictLine {
    verdict: String,
    sentence: String,
    meaning: String,
    notes: Vec<String>,
}

impl Section {
    pub(crate) fn new(judgement: &Judgement<'_>, place: usize, analysis: &Analysis) -> Self {
        let id = format!("table-{}", place + 1);
        let pictures = pictures::of(judgement, &id, analysis);
        let table = &judgement.table;
        Self {
            heading: table.heading(),
            model: format!("{} {}", table.model, table.model_parameters),
            training: table.training.clone(),
            metric: format!(
                "{}, in {}, higher is better",
                table.metric.title(),
                table.metric.range()
            ),
            completeness: completeness(judgement, &id, analysis),
            failures: failures(judgement, &id),
            means: means(judgement, &id, analysis),
            scores: scores::others(judgement, &id),
            comparisons: comparisons(judgement, &id, analysis),
            verdicts: verdicts(judgement, analysis),
            gaps: judgement.gaps.iter().map(|gap| format!("{gap}.")).collect(),
            evidence: evidence(judgement, &id),
            selections: selections(judgement, &id),
            mcnemar: mcnemar(judgement, &id),
            open: pictures.open,
            folded: pictures.folded,
            picture_notes: pictures.notes,
            id,
        }
    }
}

fn completeness(judgement: &Judgement<'_>, id: &str, analysis: &Analysis) -> Table {
    let mut table = Table::new(
        format!("{id}-completeness"),
        "Trials that were planned, and how they ended",
        &[
            "strategy",
            "planned",
            "finished",
            "diverged",
            "collapsed",
            "crashed",
            "timed out",
            "to do",
            "failed",
            "CI of failed",
        ],
    );
    let level = 1.0 - analysis.alpha;
    table.rows = judgement
        .groups()
        .map(|group| {
            let ended = |status| group.trials.values().filter(|t| t.status == status).count();
            let (failed, all) = (group.failures().len() as u64, group.trials.len() as u64);
            let wilson = dst_stats::wilson_interval(failed, all, level).ok();
            vec![
                words(&group.label),
                count(group.planned()),
                count(ended(Status::Finished)),
                count(ended(Status::Diverged)),
                count(ended(Status::Collapsed)),
                count(ended(Status::Crashed)),
                count(ended(Status::TimedOut)),
                count(group.pending.len()),
                number((all > 0).then(|| failed as f64 / all as f64), percent),
                number(wilson.map(|ci| ci.upper), |_| {
                    wilson.map_or_else(String::new, |ci| {
                        format!("[{}, {}]", percent(ci.lower), percent(ci.upper))
                    })
                }),
            ]
        })
        .collect();
    table.notes.push(format!(
        "A failed trial enters no mean, and its seed is dropped from both members of its pair. \
         Intervals of failure rates are Wilson's, level {}.",
        percent(level)
    ));
    table
}

fn failures(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let mut table = Table::new(
        format!("{id}-failures"),
        "Failures with their reasons",
        &["strategy", "seed", "status", "reason", "trial"],
    );
    for group in judgement.groups() {
        table.rows.extend(group.failures().into_iter().map(|trial| {
            vec![
                words(&group.label),
                count(trial.spec.seed as usize),
                badge(trial.status.to_string()),
                words(&trial.reason),
                words(&trial.id),
            ]
        }));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn means(judgement: &Judgement<'_>, id: &str, analysis: &Analysis) -> Table {
    let metric = judgement.table.metric;
    let mut table = Table::new(
        format!("{id}-means"),
        format!("Means over finished trials: test {}{}", metric.title(), unit(metric)),
        &[
            "strategy",
            "n",
            "mean",
            "SD",
            "CI of the mean",
            "sparsity, prunable",
            "sparsity, total",
            "non-zero parameters",
            "inference FLOPs by dense",
            "training FLOPs",
            "training s",
            "s per epoch",
            "ms per sample",
            "samples per s",
            "peak memory MB",
        ],
    );
    let level = 1.0 - analysis.alpha;
    table.rows = judgement
        .groups()
        .map(|group| {
            let scores = group.scores();
            let summary = dst_stats::summary(&scores).ok();
            let ci = dst_stats::mean_interval(&scores, level).ok().and_then(|mean| mean.interval);
            let measured = |name: &str| group.measured(name);
            vec![
                words(&group.label),
                count(scores.len()),
                number(summary.as_ref().map(|s| s.mean), |mean| score(metric, mean)),
                number(summary.and_then(|s| s.sd), |sd| score(metric, sd)),
                number(ci.map(|ci| ci.lower), |_| {
                    ci.map_or_else(String::new, |ci| interval(metric, &ci))
                }),
                number(group.mean(|o| o.sparsity_prunable), percent),
                number(group.mean(|o| o.sparsity_total), percent),
                number(measured("nonzero_parameters"), |n| format!("{n:.0}")),
                number(group.mean(|o| o.inference_flops / o.dense_inference_flops), percent),
                number(group.mean(|o| o.train_flops), |flops| format!("{flops:.2e}")),
                number(group.mean(|o| o.train_seconds), |s| format!("{s:.1}")),
                number(measured("train_seconds_per_epoch"), |s| format!("{s:.3}")),
                number(group.mean(|o| o.inference_ms_per_sample), |ms| format!("{ms:.4}")),
                number(measured("inference_samples_per_second"), |n| format!("{n:.0}")),
                number(measured("peak_memory_bytes"), |n| format!("{:.1}", n / 1e6)),
            ]
        })
        .collect();
    table.notes.push(format!(
        "FLOPs are what the method needs; every time is that of masked dense arithmetic. ms per \
         sample are the median of single batches of {}, samples per s those of whole passes over \
         the test set in batches of {}, both warmed up.",
        sizes(judgement, |outcome| Some(outcome.inference_batch_size)),
        sizes(judgement, |outcome| outcome.throughput_batch_size),
    ));
    table
}

/// The sizes of batches that finished trials were timed with, such as `64`.
fn sizes(judgement: &Judgement<'_>, size: fn(&Outcome) -> Option<u32>) -> String {
    let outcomes = judgement.groups().flat_map(|group| group.outcomes());
    let sizes: BTreeSet<u32> = outcomes.filter_map(size).collect();
    let sizes: Vec<String> = sizes.iter().map(u32::to_string).collect();
    if sizes.is_empty() { "unknown size".to_owned() } else { sizes.join(" or ") }
}

fn comparisons(judgement: &Judgement<'_>, id: &str, analysis: &Analysis) -> Option<Table> {
    if judgement.comparisons.is_empty() {
        return None;
    }
    let metric = judgement.table.metric;
    let mut table = Table::new(
        format!("{id}-comparisons"),
        format!("Against {}, paired by seed{}", judgement.control(), points(metric)),
        &[
            "strategy",
            "verdict",
            "difference",
            "CI",
            "pairs",
            "p",
            "p adjusted",
            "p Wilcoxon",
            "p sign flips",
            "d_z",
            "A12",
            "detectable",
            "inference FLOPs by control",
            "training FLOPs by control",
        ],
    );
    table.rows = judgement
        .comparisons
        .iter()
        .map(|c| {
            let untested = c.untested.map(|reason| reason.to_string());
            vec![
                words(&c.candidate.label),
                badge(c.verdict.to_string()),
                number(c.difference, |value| difference(metric, value)),
                number(c.interval.map(|ci| ci.lower), |_| {
                    c.interval.as_ref().map_or_else(String::new, |ci| interval(metric, ci))
                }),
                number(Some(c.n() as f64), |_| format!("{}/{}", c.n(), c.planned)),
                match c.tests {
                    Some(tests) => number(Some(tests.difference), p_value),
                    None => words(untested.unwrap_or_default()),
                },
                number(c.p_adjusted, p_value),
                number(c.p_wilcoxon, p_value),
                number(c.p_sign_flip, p_value),
                number(c.d_z, fixed),
                number(c.a12, fixed),
                number(c.evidence.detectable, |value| score(metric, value)),
                number(c.inference_flops_ratio, percent),
                number(c.train_flops_ratio, percent),
            ]
        })
        .collect();
    table.notes.push(format!(
        "p is of the primary test ({}); {} over {} comparisons. Detectable is the smallest mean \
         difference that a paired t test would find with power {POWER} at this number of seeds and \
         this spread.",
        analysis.test.title(),
        correction(analysis.correction),
        judgement.family
    ));
    Some(table)
}

fn verdicts(judgement: &Judgement<'_>, analysis: &Analysis) -> Vec<VerdictLine> {
    judgement
        .comparisons
        .iter()
        .map(|comparison| VerdictLine {
            verdict: comparison.verdict.to_string(),
            sentence: sentence(comparison, &judgement.table.place, judgement.family, analysis),
            meaning: meaning(comparison, analysis),
            notes: comparison.notes().cloned().collect(),
        })
        .collect()
}

fn evidence(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let metric = judgement.table.metric;
    let tested: Vec<&Comparison<'_>> =
        judgement.comparisons.iter().filter(|comparison| comparison.n() > 1).collect();
    if tested.is_empty() {
        return None;
    }
    let mut table = Table::new(
        format!("{id}-evidence"),
        "Beside the tests; no verdict rests on these",
        &[
            "strategy",
            "bootstrap CI (BCa)",
            "seeds better",
            "P better",
            "P within margin",
            "P worse",
            "p normal",
            "difference, failures as guesses",
        ],
    );
    table.rows = tested
        .into_iter()
        .map(|comparison| {
            let evidence = &comparison.evidence;
            let posterior = |place: usize| number(evidence.posterior.map(|p| p[place]), fixed);
            vec![
                words(&comparison.candidate.label),
                number(evidence.bca.map(|ci| ci.lower), |_| {
                    evidence.bca.as_ref().map_or_else(String::new, |ci| interval(metric, ci))
                }),
                number(evidence.improvement, percent),
                posterior(0),
                posterior(1),
                posterior(2),
                number(evidence.p_normal, p_value),
                number(evidence.with_failures, |value| difference(metric, value)),
            ]
        })
        .collect();
    table.notes.push(
        "P are posterior probabilities of the mean difference by a Bayesian t test. p normal is \
         Shapiro and Wilk's, which detects little with ten seeds. Bootstrap intervals are too \
         narrow below about ten seeds."
            .to_owned(),
    );
    if let Some(p) = judgement.p_equal_variance {
        table.notes.push(format!("Equal variances over all groups (Levene, medians): p {}.", {
            let p = p_value(p);
            if p.starts_with('<') { p } else { format!("= {p}") }
        }));
    }
    Some(table)
}

fn selections(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    if judgement.selections.is_empty() {
        return None;
    }
    let metric = judgement.table.metric;
    let mut table = Table::new(
        format!("{id}-selections"),
        "Parameters, chosen on validation; the test set chose nothing",
        &["strategy", "sparsity", "tried", "best on validation", "validation", "test", "verdict"],
    );
    let mean = |group: &Arc<Group<'_>>| dst_stats::summary(&group.scores()).ok().map(|s| s.mean);
    table.rows = judgement
        .selections
        .iter()
        .map(|selection| {
            let chosen = selection.chosen.as_ref();
            let comparison = chosen.and_then(|group| judgement.comparison(group));
            vec![
                words(&selection.strategy),
                number(Some(selection.sparsity), percent),
                count(selection.tried),
                words(chosen.map_or("", |group| &group.label)),
                number(selection.validation, |mean| score(metric, mean)),
                number(chosen.and_then(mean), |mean| score(metric, mean)),
                comparison.map_or_else(Default::default, |c| badge(c.verdict.to_string())),
            ]
        })
        .collect();
    let others = || {
        let strategies = judgement.selections.iter();
        strategies.filter(|s| s.strategy != judgement.control_strategy).map(|s| s.tried)
    };
    table.notes.push(match others().min() == others().max() {
        true => "Every strategy but the control had the same number of tries.".to_owned(),
        false => {
            "Strategies had unequal numbers of tries, which favours those with more.".to_owned()
        }
    });
    Some(table)
}

fn mcnemar(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let mut table = Table::new(
        format!("{id}-mcnemar"),
        "McNemar's test of the two stored models of each seed on the same test examples",
        &[
            "strategy",
            "seed",
            "it alone is right",
            "the control alone is right",
            "p exact",
            "p mid",
        ],
    );
    for comparison in &judgement.comparisons {
        table.rows.extend(comparison.evidence.mcnemar.iter().map(|seed| {
            vec![
                words(&comparison.candidate.label),
                count(seed.seed as usize),
                count(seed.test.only_first as usize),
                count(seed.test.only_second as usize),
                number(Some(seed.test.p_exact), p_value),
                number(seed.test.p_mid, p_value),
            ]
        }));
    }
    table.notes.push("It speaks of these two models, not of the methods.".to_owned());
    if table.rows.len() > MCNEMAR {
        let more = table.rows.len() - MCNEMAR;
        table
            .notes
            .push(format!("The first {MCNEMAR} rows are shown; {more} more stand in mcnemar.csv."));
        table.rows.truncate(MCNEMAR);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What stands behind the name of a metric.
fn unit(metric: Metric) -> &'static str {
    if metric.is_share() { ", in %" } else { "" }
}

fn points(metric: Metric) -> &'static str {
    if metric.is_share() { "; differences in points" } else { "" }
}
