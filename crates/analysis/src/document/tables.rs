//! The tables of one family: what is read first, and what stands behind it.

use std::sync::Arc;

use dst_record::Metric;
use dst_record::record::Status;

use super::{Cell, Column, Table};
use crate::diagnostics::POWER;
use crate::format::{
    correction, correction_name, count, difference, ends, fixed, interval, level, mean_and_sd,
    p_value, percent, points, score, unit,
};
use crate::sentence::corrected_for;
use crate::settings::Multiplicity;
use crate::{Analysis, Comparison, Group, Judgement, Study};

/// Rows of the table of McNemar's tests, one for each seed of each comparison.
const MCNEMAR: usize = 200;

/// What is read first: score, difference, cost, verdict.
pub(super) fn results(judgement: &Judgement<'_>, analysis: &Analysis, id: &str) -> Table {
    let metric = judgement.table.metric;
    let mut table = Table::new(
        format!("{id}-results"),
        format!(
            "Test {}, and the difference from {}, paired by seed",
            metric.title(),
            judgement.control()
        ),
        [
            Column::new("strategy", "label"),
            Column::new(metric.title(), "test_metric_mean").in_unit(unit(metric)),
            Column::new("difference", "difference").in_unit(points(metric).trim_start()).rank(1),
            Column::new("FLOPs", "inference_flops_ratio")
                .in_unit("% of dense")
                .rank(3)
                .explained("FLOPs are what the method needs for one sample."),
            Column::new("seeds", "seeds").rank(4),
            Column::new("verdict", "verdict"),
        ],
    );
    table.rows = judgement
        .groups()
        .map(|group| {
            let comparison = judgement.comparison(group);
            vec![
                Cell::text_of(&group.label),
                mean_cell(metric, &group.scores()),
                comparison.map_or(Cell::Empty, |c| difference_cell(judgement, c)),
                Cell::number_of(
                    group.mean(|o| o.inference_flops / o.dense_inference_flops),
                    |share| fixed(100.0 * share),
                ),
                Cell::Number {
                    value: group.outcomes().len() as f64,
                    text: format!("{}/{}", group.outcomes().len(), group.planned()),
                },
                comparison.map_or(Cell::Empty, |c| Cell::Verdict(c.verdict)),
            ]
        })
        .collect();
    if !judgement.has_control() {
        table.caption = format!("Test {}", metric.title());
        table.remove("difference");
        table.remove("verdict");
    }
    table.notes.push(
        "Mean ± standard deviation over seeds, with the weights that were best on validation."
            .to_owned(),
    );
    if metric == Metric::LogLikelihood {
        insert_perplexity(&mut table, judgement, 2);
        table.notes.push(
            "The log-likelihood is the mean over all tokens of the test, in nats; perplexity is e to the \
             power of its negative, and lower is better. A difference of \u{2212}0.01 is a perplexity 1 % higher."
                .to_owned(),
        );
    }
    let levels: Vec<f64> =
        judgement.comparisons.iter().filter_map(|c| Some(c.evidence?.level)).collect();
    let lowest = levels.iter().copied().reduce(f64::min);
    let highest = levels.iter().copied().reduce(f64::max);
    if let (Some((low, high)), Some(column)) = (lowest.zip(highest), table.column("difference")) {
        let range = match (level(low), level(high)) {
            (low, high) if low == high => low,
            (low, high) => format!("{low} to {high}"),
        };
        column.note = format!(
            "Intervals of differences are at the level at which each verdict was decided ({range}), {}.",
            corrected_for(judgement, analysis)
        );
    }
    table
}

/// A column behind those of the log-likelihood, which is what verdicts are about.
fn insert_perplexity(table: &mut Table, judgement: &Judgement<'_>, place: usize) {
    table.columns.insert(place, Column::new("perplexity", "test_perplexity_mean"));
    for (row, group) in table.rows.iter_mut().zip(judgement.groups()) {
        let values: Option<Vec<f64>> =
            group.outcomes().iter().map(|outcome| outcome.test.perplexity()).collect();
        let cell = values.and_then(|values| dst_stats::summary(&values).ok()).map(|summary| {
            let sd = summary.sd.map_or_else(String::new, |sd| format!(" ± {}", fixed(sd)));
            Cell::Number { value: summary.mean, text: format!("{}{sd}", fixed(summary.mean)) }
        });
        row.insert(place, cell.unwrap_or(Cell::Empty));
    }
}

fn mean_cell(metric: Metric, scores: &[f64]) -> Cell {
    match dst_stats::summary(scores) {
        Ok(summary) => Cell::Number {
            value: summary.mean,
            text: mean_and_sd(metric, summary.mean, summary.sd),
        },
        Err(_) => Cell::Empty,
    }
}

/// The difference as every form writes it.
pub(super) fn difference_cell(judgement: &Judgement<'_>, comparison: &Comparison<'_>) -> Cell {
    let metric = comparison.metric;
    let Some(estimate) = comparison.estimate else { return Cell::Empty };
    let text = difference(metric, estimate);
    match &comparison.evidence {
        Some(evidence) => Cell::Interval {
            value: estimate,
            lower: evidence.interval.lower,
            upper: evidence.interval.upper,
            text: format!(
                "{text} {}",
                ends(metric, &evidence.interval, judgement.margin.unwrap_or(0.0))
            ),
        },
        None => Cell::Number { value: estimate, text },
    }
}

/// The metric with its interval, and every other score that all trials have.
pub(super) fn scores(judgement: &Judgement<'_>, id: &str, alpha: f64) -> Table {
    let metric = judgement.table.metric;
    let others = judgement.other_metrics();
    let confidence = level(1.0 - alpha);
    let mut columns = vec![
        Column::new("strategy", "label"),
        Column::new(metric.title(), "test_metric_mean").in_unit(unit(metric)),
        Column::new(format!("{confidence} CI of the mean"), "test_metric_ci").rank(2),
    ];
    for other in &others {
        columns.push(Column::new(other.title(), other.to_string()).in_unit(unit(*other)).rank(3));
    }
    let mut table = Table::new(
        format!("{id}-scores"),
        "Scores on the test set, mean ± standard deviation over finished trials; higher is better",
        columns,
    );
    table.rows = judgement
        .groups()
        .map(|group| {
            let scores = group.scores();
            let ci = dst_stats::mean_interval(&scores, 1.0 - alpha).ok();
            let ci = ci.and_then(|mean| mean.interval);
            let mut row = vec![
                Cell::text_of(&group.label),
                mean_cell(metric, &scores),
                ci.map_or(Cell::Empty, |ci| Cell::Text(interval(metric, &cut(metric, ci)))),
            ];
            row.extend(others.iter().map(|other| mean_cell(*other, &group.scores_by(*other))));
            row
        })
        .collect();
    table.notes.push(
        "Intervals of means are for one method, not for a comparison; they end at what scores can be."
            .to_owned(),
    );
    if metric == Metric::LogLikelihood {
        insert_perplexity(&mut table, judgement, 3);
        table.notes.push(
            "Perplexity is exp(\u{2212}log-likelihood): how many equally likely tokens it would be as hard \
             to choose among. Lower is better."
                .to_owned(),
        );
    }
    table
}

/// An interval, cut to what a score can be.
fn cut(metric: Metric, found: dst_stats::Interval) -> dst_stats::Interval {
    let (least, most) = super::series::range(metric);
    dst_stats::Interval { lower: found.lower.max(least), upper: found.upper.min(most), ..found }
}

/// Everything that verdicts rest on.
pub(super) fn tests(judgement: &Judgement<'_>, id: &str, study: &Study<'_>) -> Option<Table> {
    if judgement.comparisons.is_empty() {
        return None;
    }
    let analysis = study.analysis();
    let metric = judgement.table.metric;
    let alpha = judgement.alpha.unwrap_or(analysis.alpha);
    let mut table = Table::new(
        format!("{id}-tests"),
        format!("What the verdicts against {} rest on", judgement.control()),
        [
            Column::new("strategy", "label"),
            Column::new("verdict", "verdict"),
            Column::new("difference", "difference").in_unit(points(metric).trim_start()),
            Column::new("level of the interval", "level").rank(2),
            Column::new("p, difference", "p_difference_adjusted").rank(1),
            Column::new("p, non-inferior", "p_non_inferior_adjusted").rank(2),
            Column::new("p, inferior", "p_inferior_adjusted").rank(2),
            Column::new("pairs", "pairs").rank(3),
            Column::new("failed", "failed").rank(4),
            Column::new("missing", "missing").rank(4),
            Column::new("without failures", "without_failed").rank(5),
            Column::new("why open", "reason").rank(5),
        ],
    );
    table.rows = judgement
        .comparisons
        .iter()
        .map(|c| {
            let p = |value: Option<f64>, level: f64| Cell::number_of(value, |p| p_value(p, level));
            let counts = c.counts;
            vec![
                Cell::text_of(&c.candidate.label),
                Cell::Verdict(c.verdict),
                difference_cell(judgement, c),
                Cell::number_of(c.evidence.map(|e| e.level), level),
                p(c.evidence.map(|e| e.difference.adjusted), alpha),
                p(c.evidence.map(|e| e.non_inferior.adjusted), alpha / 2.0),
                p(c.evidence.map(|e| e.inferior.adjusted), alpha / 2.0),
                counts.map_or(Cell::Empty, |n| Cell::count(n.pairs)),
                counts.map_or(Cell::Empty, |n| {
                    let (own, other) = (n.candidate_failed, n.control_failed);
                    Cell::Number { value: own as f64, text: format!("{own} and {other}") }
                }),
                counts.map_or(Cell::Empty, |n| Cell::count(n.missing)),
                c.without_failed.map_or(Cell::Empty, Cell::Verdict),
                c.reason.map_or(Cell::Empty, |reason| Cell::text_of(reason.name())),
            ]
        })
        .collect();
    table.notes.push(format!(
        "p-values are of {}, adjusted ({}) for {} each in three families; a difference is shown if its p \
         is at most {alpha}, the other two if theirs is at most {}. Failed: runs of the strategy and of \
         the control.",
        analysis.test.title(),
        correction_name(analysis.correction),
        count(judgement.family, "comparison"),
        alpha / 2.0
    ));
    Some(table)
}

/// What no verdict rests on.
pub(super) fn diagnostics(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let metric = judgement.table.metric;
    let shown: Vec<(&Comparison<'_>, &crate::Diagnostics)> = judgement
        .comparisons
        .iter()
        .filter_map(|comparison| Some((comparison, comparison.diagnostics.as_ref()?)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let alpha = judgement.alpha.unwrap_or(0.05);
    let mut table = Table::new(
        format!("{id}-diagnostics"),
        "Beside the tests, without correction; no verdict rests on these",
        [
            Column::new("strategy", "label"),
            Column::new("p, paired t", "p_paired_t").rank(1),
            Column::new("p, Wilcoxon", "p_wilcoxon").rank(1),
            Column::new("p, sign flips", "p_sign_flip").rank(1),
            Column::new("d_z", "d_z").rank(2),
            Column::new("A12", "a12").rank(2),
            Column::new("another run, same test set", "ci_seeds").rank(3),
            Column::new("another run, other examples", "ci_seeds_and_examples").rank(3),
            Column::new("bootstrap CI (BCa)", "bca").rank(4),
            Column::new("seeds better", "improvement").in_unit("%").rank(2),
            Column::new("P better", "probability_better").rank(4),
            Column::new("P within margin", "probability_within_margin").rank(4),
            Column::new("P worse", "probability_worse").rank(4),
            Column::new("p, normal", "p_normal").rank(4),
            Column::new("detectable", "detectable").in_unit(points(metric).trim_start()).rank(3),
        ],
    );
    table.rows = shown
        .into_iter()
        .map(|(comparison, own)| {
            let p = |value: Option<f64>| Cell::number_of(value, |p| p_value(p, alpha));
            let span = |ci: Option<dst_stats::Interval>| {
                ci.map_or(Cell::Empty, |ci| Cell::Text(interval(metric, &ci)))
            };
            let posterior = |place: usize| Cell::number_of(own.posterior.map(|p| p[place]), fixed);
            vec![
                Cell::text_of(&comparison.candidate.label),
                p(own.p_paired_t),
                p(own.p_wilcoxon),
                p(own.p_sign_flip),
                Cell::number_of(own.d_z, fixed),
                Cell::number_of(own.a12, fixed),
                span(own.over_examples.map(|both| both.seeds)),
                span(own.over_examples.map(|both| both.seeds_and_examples)),
                span(own.bca),
                Cell::number_of(own.improvement, |share| fixed(100.0 * share)),
                posterior(0),
                posterior(1),
                posterior(2),
                p(own.p_normal),
                Cell::number_of(own.detectable, |value| score(metric, value)),
            ]
        })
        .collect();
    table.notes.push(format!(
        "P are posterior probabilities of the mean difference by a Bayesian t test. p normal is Shapiro \
         and Wilk's, which detects little with ten seeds. Bootstrap intervals are too narrow below about \
         ten seeds. Detectable is the smallest mean difference that one paired t test would have found \
         with power {POWER} at this number of seeds and the observed spread."
    ));
    if let Some(both) = judgement
        .comparisons
        .iter()
        .find_map(|comparison| comparison.diagnostics.as_ref()?.over_examples)
    {
        table.notes.push(format!(
            "Two intervals of the difference at {}: for another run on the same test set (over seeds), and \
             for another run on other examples of this kind (over seeds and test examples, from the stored \
             predictions{}). A verdict speaks of the former.",
            level(1.0 - alpha),
            if both.bootstrap {
                "; a bootstrap, which is too narrow where seeds matter"
            } else {
                ""
            }
        ));
    }
    if let Some(p) = judgement.p_equal_variance {
        let text = p_value(p, alpha);
        let text = if text.starts_with('<') { text } else { format!("= {text}") };
        table.notes.push(format!("Equal variances over all groups (Levene, medians): p {text}."));
    }
    Some(table)
}

/// Parameters that were tried.
pub(super) fn selections(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    if judgement.selections.is_empty() {
        return None;
    }
    let metric = judgement.table.metric;
    let mut table = Table::new(
        format!("{id}-selections"),
        "Parameters, chosen on validation; the test set chose nothing",
        [
            Column::new("strategy", "strategy"),
            Column::new("sparsity", "sparsity").in_unit("%").rank(1),
            Column::new("sets tried", "tried").rank(2),
            Column::new("runs", "runs").rank(3),
            Column::new("best on validation", "chosen"),
            Column::new("validation", "validation").in_unit(unit(metric)).rank(1),
            Column::new("test", "test").in_unit(unit(metric)).rank(1),
            Column::new("verdict", "verdict"),
        ],
    );
    let mean = |group: &Arc<Group<'_>>| dst_stats::summary(&group.scores()).ok().map(|s| s.mean);
    let first = judgement.selections[0].backend;
    let several = judgement.selections.iter().any(|selection| selection.backend != first);
    let name = |selection: &crate::Selection<'_>| match several {
        true => format!("{}, {}", selection.strategy, selection.backend),
        false => selection.strategy.clone(),
    };
    table.rows = judgement
        .selections
        .iter()
        .map(|selection| {
            let chosen = selection.chosen.as_ref();
            let comparison = chosen.and_then(|group| judgement.comparison(group));
            vec![
                Cell::text_of(name(selection)),
                Cell::number_of(Some(selection.sparsity), |share| {
                    ((share * 1e4).round() / 1e2).to_string()
                }),
                Cell::count(selection.tried),
                Cell::count(selection.runs),
                Cell::text_of(chosen.map_or("", |group| &group.label)),
                Cell::number_of(selection.validation, |mean| score(metric, mean)),
                Cell::number_of(chosen.and_then(mean), |mean| score(metric, mean)),
                comparison.map_or(Cell::Empty, |c| Cell::Verdict(c.verdict)),
            ]
        })
        .collect();
    for selection in &judgement.selections {
        if let Some(reason) = &selection.undecided {
            table.notes.push(format!("None of {} is chosen: {reason}.", name(selection)));
        }
    }
    table.notes.push(match judgement.tuning_bias() {
        Some(bias) => format!("A bias: {bias}."),
        None => "Every strategy, the control too, was tried in the same number of runs.".to_owned(),
    });
    Some(table)
}

/// How many trials ended how.
pub(super) fn completeness(judgement: &Judgement<'_>, id: &str, alpha: f64) -> Table {
    let confidence = level(1.0 - alpha);
    let mut columns = vec![
        Column::new("strategy", "label"),
        Column::new("planned", "planned").rank(1),
        Column::new("finished", "finished"),
    ];
    let kinds = Status::ALL.into_iter().filter(|status| *status != Status::Finished);
    columns.extend(kinds.clone().map(|status| {
        Column::new(status.name().replace('-', " "), status.name().replace('-', "_")).rank(2)
    }));
    columns.push(Column::new("to do", "pending").rank(1));
    columns.push(Column::new("failed", "failure_rate").in_unit("%").rank(3));
    columns.push(Column::new(format!("{confidence} CI of failed"), "failure_rate_ci").rank(3));
    let mut table = Table::new(
        format!("{id}-completeness"),
        "Trials that were planned, and how they ended",
        columns,
    );
    table.rows = judgement
        .groups()
        .map(|group| {
            let ended = |status| group.trials.values().filter(|t| t.status == status).count();
            let (failed, all) = (group.failures().len() as u64, group.trials.len() as u64);
            let wilson = dst_stats::wilson_interval(failed, all, 1.0 - alpha).ok();
            let mut row = vec![
                Cell::text_of(&group.label),
                Cell::count(group.planned()),
                Cell::count(group.finished().len()),
            ];
            row.extend(kinds.clone().map(|status| Cell::count(ended(status))));
            row.push(Cell::count(group.pending.len()));
            row.push(Cell::number_of((all > 0).then(|| failed as f64 / all as f64), |share| {
                fixed(100.0 * share)
            }));
            row.push(wilson.map_or(Cell::Empty, |ci| {
                Cell::Text(format!("[{}, {}]", percent(ci.lower), percent(ci.upper)))
            }));
            row
        })
        .collect();
    table.notes.push(
        "Diverged and collapsed runs are outcomes of a method and are scored against its claims; the \
         others are missing, and their pairs are left out. Neither enters a mean."
            .to_owned(),
    );
    table
}

/// The id of the table of a family's failures.
pub(super) fn failures_id(family: &str) -> String {
    format!("{family}-failures")
}

/// Which trials failed, and why.
pub(super) fn failures(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let mut table = Table::new(
        failures_id(id),
        "Runs that did not finish, with their reasons",
        [
            Column::new("strategy", "label"),
            Column::new("seed", "seed"),
            Column::new("status", "status"),
            Column::new("reason", "reason").rank(1),
            Column::new("trial", "id").rank(2),
        ],
    );
    for group in judgement.groups() {
        table.rows.extend(group.failures().into_iter().map(|trial| {
            vec![
                Cell::text_of(&group.label),
                Cell::count(trial.spec.seed as usize),
                Cell::Status(trial.status),
                Cell::text_of(&trial.reason),
                Cell::text_of(&trial.id),
            ]
        }));
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Tests of single models.
pub(super) fn mcnemar(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let alpha = judgement.alpha.unwrap_or(0.05);
    let mut table = Table::new(
        format!("{id}-mcnemar"),
        "McNemar's test of the two stored models of each seed on the same test examples",
        [
            Column::new("strategy", "label"),
            Column::new("seed", "seed"),
            Column::new("only it is right", "only_candidate_right").rank(1),
            Column::new("only the control is right", "only_control_right").rank(1),
            Column::new("p, exact", "p_exact"),
            Column::new("p, mid", "p_mid").rank(2),
        ],
    );
    for comparison in &judgement.comparisons {
        let tests = comparison.diagnostics.iter().flat_map(|own| &own.mcnemar);
        table.rows.extend(tests.map(|seed| {
            vec![
                Cell::text_of(&comparison.candidate.label),
                Cell::count(seed.seed as usize),
                Cell::count(seed.test.only_first as usize),
                Cell::count(seed.test.only_second as usize),
                Cell::number_of(Some(seed.test.p_exact), |p| p_value(p, alpha)),
                Cell::number_of(seed.test.p_mid, |p| p_value(p, alpha)),
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

/// The correction of a family, in words: how often a claim may be false.
pub(super) fn protection(judgement: &Judgement<'_>, study: &Study<'_>) -> Option<String> {
    let analysis = study.analysis();
    let bound = judgement.error_bound?;
    // Without a control, or where nothing is comparable, there is no verdict to speak of.
    judgement
        .comparisons
        .iter()
        .find(|comparison| comparison.control.is_some() && comparison.not_comparable.is_none())?;
    let how = format!(
        "Verdicts are by {} with {} over {}",
        analysis.test.title(),
        correction(analysis.correction),
        count(judgement.family, "comparison"),
    );
    let unbounded = matches!(
        analysis.correction,
        Multiplicity::None | Multiplicity::BenjaminiHochberg | Multiplicity::BenjaminiYekutieli
    );
    Some(if unbounded {
        format!("{how}, which does not bound the chance of a false claim among them.")
    } else {
        format!(
            "{how}: the chance that any of them is called better or worse without a difference is at \
             most {}.",
            percent(bound)
        )
    })
}
