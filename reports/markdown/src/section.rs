//! One table: means, costs, comparisons, verdicts, what stands beside them, failures.

use std::collections::BTreeSet;

use dst_analysis::Analysis;
use dst_analysis::words::{
    correction, correction_name, count, difference, fixed, interval, meaning, p_value, percent,
    score, sentence,
};
use dst_analysis::{Comparison, Group, Judgement, POWER};
use dst_record::Metric;
use dst_record::record::TrialRecord;

use crate::costs;
use crate::markdown::{cell, table};

/// The section of one table.
pub(crate) fn section(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    let data = &judgement.table;
    let mut text = format!(
        "\n## {}\n\nModel: {} `{}`. Training: `{}`.\n\nMetric: {}, in {}, higher is better.\n\n\
         ### Means over finished trials\n\n",
        data.heading(),
        data.model,
        data.model_parameters,
        data.training,
        data.metric.title(),
        data.metric.range(),
    );
    text.push_str(&means(judgement, analysis));
    text.push_str(&other_scores(judgement));
    text.push_str("\n### Measured costs\n\n");
    text.push_str(&costs::text(judgement));
    text.push_str(&format!("\n### Against {}\n", judgement.control()));
    if !judgement.comparisons.is_empty() {
        text.push('\n');
        text.push_str(&comparisons(judgement, analysis));
        text.push_str(&format!(
            "\nm = {} in {}.\n",
            judgement.family,
            correction(analysis.correction)
        ));
    }
    for gap in &judgement.gaps {
        text.push_str(&format!("\nNote: {gap}.\n"));
    }
    if !judgement.comparisons.is_empty() {
        text.push_str("\n### Verdicts\n\n");
    }
    for comparison in &judgement.comparisons {
        let sentence = sentence(comparison, &data.place, judgement.family, analysis);
        text.push_str(&format!("- **{sentence}.** {}\n", meaning(comparison, analysis)));
        for note in comparison.notes() {
            text.push_str(&format!("  - {note}\n"));
        }
    }
    text.push_str(&evidence(judgement));
    text.push_str(&selections(judgement));
    text.push_str(&failures(judgement));
    text.push_str(&mixtures(judgement));
    text
}

fn means(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    let level = 1.0 - analysis.alpha;
    let metric = judgement.table.metric;
    let second = second_metric(judgement);
    let rows = judgement.groups().map(|group| {
        let scores = group.scores();
        let summary = dst_stats::summary(&scores).ok();
        let ci = dst_stats::mean_interval(&scores, level).ok().and_then(|mean| mean.interval);
        let seconds = dst_stats::summary(&group.scores_by(second)).ok();
        let share = |value: Option<f64>| cell(value, percent);
        vec![
            group.label.clone(),
            format!("{}/{}", group.outcomes().len(), group.planned()),
            failure_rate(group, level),
            cell(summary.as_ref().map(|summary| summary.mean), |mean| score(metric, mean)),
            cell(summary.and_then(|summary| summary.sd), |sd| score(metric, sd)),
            cell(ci, |ci| interval(metric, &ci)),
            cell(seconds, |summary| score(second, summary.mean)),
            share(group.mean(|o| o.sparsity_prunable)),
            share(group.mean(|o| o.sparsity_total)),
            share(group.mean(|o| o.inference_flops / o.dense_inference_flops)),
            cell(group.mean(|o| o.train_flops), |flops| format!("{flops:.2e}")),
            cell(group.mean(|o| o.train_seconds), |seconds| format!("{seconds:.1}")),
            cell(group.mean(|o| o.inference_ms_per_sample), |ms| format!("{ms:.4}")),
        ]
    });
    let interval = format!("{} CI", percent(level));
    let failed = format!("failed ({interval})");
    table(
        &[
            "strategy",
            "finished",
            &failed,
            &header(metric),
            "sd",
            &interval,
            &header(second),
            "sparsity, prunable",
            "sparsity, total",
            "FLOPs, inference by dense",
            "FLOPs, training",
            "train s",
            "ms per sample",
        ],
        rows,
    )
}

/// Means of the metrics that stand in no column of the means.
fn other_scores(judgement: &Judgement<'_>) -> String {
    let mut metrics = judgement.other_metrics();
    let second = second_metric(judgement);
    metrics.retain(|metric| *metric != second);
    if metrics.is_empty() {
        return String::new();
    }
    let headings: Vec<String> = metrics.iter().copied().map(header).collect();
    let mut columns = vec!["strategy"];
    columns.extend(headings.iter().map(String::as_str));
    let rows = judgement.groups().map(|group| {
        let mut row = vec![group.label.clone()];
        row.extend(metrics.iter().map(|metric| {
            let summary = dst_stats::summary(&group.scores_by(*metric)).ok();
            cell(summary, |summary| score(*metric, summary.mean))
        }));
        row
    });
    format!("\n### Other scores\n\n{}", table(&columns, rows))
}

/// What stands beside the metric: the other official one of the data set, or one that its task
/// has too.
fn second_metric(judgement: &Judgement<'_>) -> Metric {
    let metric = judgement.table.metric;
    let official =
        judgement.groups().flat_map(|group| group.outcomes()).find_map(|o| o.second_metric);
    official.filter(|second| *second != metric).unwrap_or(match metric {
        Metric::Pearson => Metric::Spearman,
        Metric::Spearman => Metric::Pearson,
        _ => Metric::F1Macro,
    })
}

fn header(metric: Metric) -> String {
    format!("{}{}", metric.title(), if metric.is_share() { " %" } else { "" })
}

/// The share of failed trials with Wilson's interval.
fn failure_rate(group: &Group<'_>, level: f64) -> String {
    let (failed, all) = (group.failures().len() as u64, group.trials.len() as u64);
    if all == 0 {
        return String::new();
    }
    let share = percent(failed as f64 / all as f64);
    match dst_stats::wilson_interval(failed, all, level) {
        Ok(ci) => format!("{share} [{:.0}, {:.0}]", 100.0 * ci.lower, 100.0 * ci.upper),
        Err(_) => share,
    }
}

fn comparisons(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    let metric = judgement.table.metric;
    let ratio = |value: Option<f64>| cell(value, percent);
    let row = |comparison: &Comparison<'_>| {
        vec![
            comparison.candidate.label.clone(),
            format!("{}/{}", comparison.n(), comparison.planned),
            cell(comparison.means.map(|means| means.0), |mean| score(metric, mean)),
            cell(comparison.means.map(|means| means.1), |mean| score(metric, mean)),
            cell(comparison.difference, |value| difference(metric, value)),
            cell(comparison.interval, |ci| interval(metric, &ci)),
            cell(comparison.p_paired_t, p_value),
            cell(comparison.p_adjusted, p_value),
            cell(comparison.p_wilcoxon, p_value),
            cell(comparison.p_sign_flip, p_value),
            cell(comparison.d_z, fixed),
            cell(comparison.a12, fixed),
            ratio(comparison.inference_flops_ratio),
            ratio(comparison.train_flops_ratio),
            comparison.verdict.to_string(),
        ]
    };
    table(
        &[
            "strategy",
            "pairs",
            &header(metric),
            if metric.is_share() { "control %" } else { "control" },
            "difference",
            &format!("{} CI", percent(1.0 - analysis.alpha)),
            "p paired t",
            &format!("p {}", correction_name(analysis.correction)),
            "p Wilcoxon",
            "p sign flips",
            "d_z",
            "A12",
            "FLOPs, inference by control",
            "FLOPs, training by control",
            "verdict",
        ],
        judgement.comparisons.iter().map(row),
    )
}

/// What stands beside the tests of a table.
fn evidence(judgement: &Judgement<'_>) -> String {
    let metric = judgement.table.metric;
    let tested: Vec<&Comparison<'_>> =
        judgement.comparisons.iter().filter(|comparison| comparison.n() > 1).collect();
    if tested.is_empty() {
        return String::new();
    }
    let chance = |value: Option<f64>| cell(value, fixed);
    let rows = tested.iter().map(|comparison| {
        let evidence = &comparison.evidence;
        let posterior = |place: usize| chance(evidence.posterior.map(|shares| shares[place]));
        vec![
            comparison.candidate.label.clone(),
            cell(evidence.bca, |ci| interval(metric, &ci)),
            chance(evidence.improvement),
            posterior(0),
            posterior(1),
            posterior(2),
            cell(evidence.detectable, |value| score(metric, value)),
            cell(evidence.p_normal, p_value),
            cell(evidence.with_failures, |value| difference(metric, value)),
        ]
    });
    let header = [
        "strategy",
        "bootstrap CI (BCa)",
        "seeds better",
        "P better",
        "P within margin",
        "P worse",
        "smallest detectable difference",
        "p normal",
        "difference, failures as guesses",
    ];
    let mut text = format!("\n### Beside the tests\n\n{}", table(&header, rows));
    text.push_str(&format!(
        "\nNo verdict rests on these. P are posterior probabilities of the mean difference by a \
         Bayesian t test; the smallest detectable difference is what a paired t test would find \
         with power {POWER} at this number of seeds and this spread; p normal is Shapiro and Wilk's, \
         which detects little with ten seeds.\n"
    ));
    if let Some(p) = judgement.p_equal_variance {
        let p = p_value(p);
        text.push_str(&format!("\nEqual variances over all groups (Levene, medians): p {}.\n", {
            if p.starts_with('<') { p } else { format!("= {p}") }
        }));
    }
    text
}

/// Where a strategy had several sets of parameters: how many, and which validation chooses.
fn selections(judgement: &Judgement<'_>) -> String {
    if judgement.selections.is_empty() {
        return String::new();
    }
    let metric = judgement.table.metric;
    let rows = judgement.selections.iter().map(|selection| {
        let chosen = selection.chosen.as_ref();
        let comparison = chosen.and_then(|group| judgement.comparison(group));
        vec![
            selection.strategy.clone(),
            percent(selection.sparsity),
            selection.tried.to_string(),
            cell(chosen, |group| group.label.clone()),
            cell(selection.validation, |mean| score(metric, mean)),
            cell(chosen.and_then(|group| mean(&group.scores())), |mean| score(metric, mean)),
            cell(comparison, |comparison| comparison.verdict.to_string()),
        ]
    });
    let header =
        ["strategy", "sparsity", "tried", "best on validation", "validation", "test", "verdict"];
    let tried = judgement
        .selections
        .iter()
        .filter(|selection| selection.strategy != judgement.control_strategy);
    let budgets: BTreeSet<usize> = tried.map(|selection| selection.tried).collect();
    let equal = match budgets.len() {
        0 | 1 => "every strategy but the control had the same number of tries",
        _ => "strategies had unequal numbers of tries, which favours those with more",
    };
    format!(
        "\n### Parameters, chosen on validation\n\n{}\nThe test set chose nothing; {equal}.\n",
        table(&header, rows)
    )
}

fn mean(values: &[f64]) -> Option<f64> {
    dst_stats::summary(values).ok().map(|summary| summary.mean)
}

fn failures(judgement: &Judgement<'_>) -> String {
    let failed: Vec<Vec<String>> = judgement
        .groups()
        .flat_map(|group| group.failures().into_iter().map(move |trial| (group, trial)))
        .map(|(group, trial)| {
            vec![
                group.label.clone(),
                trial.spec.seed.to_string(),
                trial.status.to_string(),
                trial.reason.clone(),
                trial.id.clone(),
            ]
        })
        .collect();
    if failed.is_empty() {
        return String::new();
    }
    let header = ["strategy", "seed", "status", "reason", "trial"];
    format!(
        "\n### Failures\n\n\
         A failed trial enters no mean, and its seed is dropped from both members of its pair.\n\n{}",
        table(&header, failed)
    )
}

/// What a trial says of where it ran.
type Source = fn(&TrialRecord) -> &str;

/// Says where trials of one table did not run alike.
fn mixtures(judgement: &Judgement<'_>) -> String {
    let sources: [(&str, Source, &str); 5] = [
        ("data digest", |t| &t.provenance.data_digest, "they did not see the same data"),
        ("device", |t| &t.provenance.device, "times are not comparable"),
        ("host", |t| &t.provenance.host, "times are not comparable"),
        ("libtorch version", |t| &t.provenance.libtorch, "rounding may differ"),
        ("harness version", |t| &t.provenance.version, "methods may differ"),
    ];
    let mut text = String::new();
    for (what, value, consequence) in sources {
        let values: BTreeSet<&str> = judgement
            .table
            .groups
            .iter()
            .flat_map(|group| group.trials.values())
            .map(|trial| value(trial))
            .filter(|value| !value.is_empty())
            .collect();
        if values.len() > 1 {
            let list: Vec<&str> = values.iter().copied().collect();
            text.push_str(&format!(
                "- Trials have {} ({}): {consequence}.\n",
                count(values.len(), what),
                list.join(", ")
            ));
        }
    }
    if text.is_empty() { text } else { format!("\n### Notes\n\n{text}") }
}
