//! `significance.md`: what was compared, how, and what came out, to read and to cite.

use std::collections::BTreeSet;

use dst_core::record::TrialRecord;
use dst_core::{Analysis, Metric};

use crate::comparison::Comparison;
use crate::costs;
use crate::judgement::Judgement;
use crate::table::Group;
use crate::words::{
    count, difference, fixed, interval, margin, meaning, p_value, percent, score, sentence,
};

/// The document.
pub(crate) fn text(judgements: &[Judgement<'_>], control: &str, analysis: &Analysis) -> String {
    let mut text = format!(
        "# Significance\n\n\
         Every strategy against **{control}** on the test set, by the official metric of the data \
         set, within one data set, model and training, paired by seed: two strategies with one \
         seed start from the same weights and see the same batches. The weights are those of the \
         epoch best on validation by that metric. Differences are strategy minus control: of \
         accuracy and F1 in points (1 point is 1 %), of correlations in plain units.\n\n\
         ## Settings, fixed before the run\n\n"
    );
    let level = percent(1.0 - analysis.alpha);
    let rows = [
        ["control".to_owned(), control.to_owned()],
        [
            "margin".to_owned(),
            format!(
                "{} of the metric ({} points)",
                margin(Metric::Matthews, analysis.margin),
                margin(Metric::Accuracy, analysis.margin)
            ),
        ],
        ["alpha".to_owned(), analysis.alpha.to_string()],
        ["fewest pairs for a p-value".to_owned(), analysis.minimum_pairs.to_string()],
        ["primary test".to_owned(), "paired t, two-sided, over seeds".to_owned()],
        [
            "beside it".to_owned(),
            "Wilcoxon's signed ranks, exact, and sign flips of the mean, both two-sided".to_owned(),
        ],
        [
            "correction".to_owned(),
            "Holm, over the m comparisons of one table that have a paired t test".to_owned(),
        ],
    ];
    text.push_str(&table(&["setting", "value"], rows.map(Vec::from)));
    text.push_str(&format!(
        "\nThe verdict follows from the interval of the mean difference; the first line that \
         applies counts:\n\n\
         1. *superior*: the {level} interval lies above 0;\n\
         2. *inferior*: the {level} interval lies below -{margin};\n\
         3. *non-inferior*: the {inner} interval lies above -{margin}, that is, the \
         one-sided {level} bound does;\n\
         4. *inconclusive*: none of these. It never means that the two are the same.\n\n\
         Each verdict is that of its comparison alone; where p-values adjusted over the table \
         lead to another one, the sentence says so.\n",
        inner = percent(1.0 - 2.0 * analysis.alpha),
        margin = margin(Metric::Matthews, analysis.margin),
    ));
    if judgements.is_empty() {
        text.push_str("\nNo trial has ended, so there is nothing to compare.\n");
    }
    for judgement in judgements {
        text.push_str(&section(judgement, analysis));
    }
    text.push_str(
        "\n## Reading the costs\n\n\
         - Samples per second are of forward passes over the whole test set in large batches, \
         milliseconds per sample of small ones; loading is not counted.\n\
         - Sparsity is simulated by masks: every time here is that of masked dense arithmetic and \
         says nothing about the speed of a sparse implementation.\n\
         - FLOPs are what the method needs (a multiplication and an addition are two), whatever \
         arithmetic was used.\n\
         - Equal sparsity is not equal compute: the same number of connections costs more in a \
         layer that is applied at many positions. Compare the FLOPs beside the accuracy.\n",
    );
    text
}

fn section(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    let data = judgement.table;
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
    text.push_str("\n### Measured costs\n\n");
    text.push_str(&costs::text(judgement));
    text.push_str(&format!("\n### Against {}\n", judgement.control()));
    if !judgement.comparisons.is_empty() {
        text.push('\n');
        text.push_str(&comparisons(judgement, analysis));
        text.push_str(&format!("\nm = {} in Holm's correction.\n", judgement.family));
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
            format!("{}/{}", group.outcomes().len(), group.trials.len()),
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

/// What stands beside the metric: the other official one of the data set, or one that its task
/// has too.
fn second_metric(judgement: &Judgement<'_>) -> Metric {
    let metric = judgement.table.metric;
    let official = judgement.groups().flat_map(Group::outcomes).find_map(|o| o.second_metric);
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
            format!("{}/{}", comparison.n, comparison.planned),
            cell(comparison.means.map(|means| means.0), |mean| score(metric, mean)),
            cell(comparison.means.map(|means| means.1), |mean| score(metric, mean)),
            cell(comparison.difference, |value| difference(metric, value)),
            cell(comparison.interval, |ci| interval(metric, &ci)),
            cell(comparison.p_paired_t(), p_value),
            cell(comparison.p_holm, p_value),
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
            "p Holm",
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

fn cell<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map(text).unwrap_or_default()
}

/// A table of Markdown.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(header.iter().map(|&name| name.to_owned()).collect());
    text.push_str(&line(header.iter().map(|_| "---".to_owned()).collect()));
    text.extend(rows.into_iter().map(line));
    text
}
