//! `comparisons.csv`: every comparison with all its numbers.

use dst_analysis::Analysis;
use dst_analysis::{Comparison, Judgement, Study};
use dst_record::Metric;

use crate::file::{self, number, optional};

/// What a row is made from.
struct Row<'r> {
    judgement: &'r Judgement<'r>,
    comparison: &'r Comparison<'r>,
    analysis: &'r Analysis,
}

type Column = (&'static str, fn(&Row<'_>) -> String);

/// Columns of `comparisons.csv`. The order is stable; new columns go to the end.
const COLUMNS: &[Column] = &[
    ("dataset", |row| row.judgement.table.dataset.clone()),
    ("model", |row| row.judgement.table.model.to_owned()),
    ("model_params", |row| row.judgement.table.model_parameters.clone()),
    ("training", |row| row.judgement.table.training.clone()),
    ("strategy", |row| row.comparison.candidate.strategy.to_owned()),
    ("params", |row| row.comparison.candidate.parameters.clone()),
    ("sparsity", |row| number(row.comparison.candidate.sparsity)),
    ("control", |row| row.comparison.control.strategy.to_owned()),
    ("control_params", |row| row.comparison.control.parameters.clone()),
    ("control_sparsity", |row| number(row.comparison.control.sparsity)),
    ("verdict", |row| row.comparison.verdict.to_string()),
    ("verdict_adjusted", |row| row.comparison.verdict_adjusted.to_string()),
    ("pairs_planned", |row| row.comparison.planned.to_string()),
    ("pairs", |row| row.comparison.n().to_string()),
    ("failures", |row| row.comparison.candidate.failures().len().to_string()),
    ("control_failures", |row| row.comparison.control.failures().len().to_string()),
    ("test_accuracy_mean", |row| optional(accuracies(row).map(|means| means.0))),
    ("control_test_accuracy_mean", |row| optional(accuracies(row).map(|means| means.1))),
    ("difference", |row| optional(row.comparison.difference)),
    ("ci_low", |row| optional(row.comparison.interval.map(|interval| interval.lower))),
    ("ci_high", |row| optional(row.comparison.interval.map(|interval| interval.upper))),
    ("ci_level", |row| optional(row.comparison.interval.map(|interval| interval.level))),
    ("bound_low", |row| optional(row.comparison.bound)),
    ("margin", |row| number(row.analysis.margin.size())),
    ("alpha", |row| number(row.analysis.alpha)),
    ("p_paired_t", |row| optional(row.comparison.p_paired_t)),
    ("p_adjusted", |row| optional(row.comparison.p_adjusted)),
    ("comparisons", |row| row.judgement.family.to_string()),
    ("p_wilcoxon", |row| optional(row.comparison.p_wilcoxon)),
    ("smallest_p_wilcoxon", |row| optional(row.comparison.smallest_p)),
    ("p_sign_flip", |row| optional(row.comparison.p_sign_flip)),
    ("d_z", |row| optional(row.comparison.d_z)),
    ("a12", |row| optional(row.comparison.a12)),
    ("inference_flops_ratio", |row| optional(row.comparison.inference_flops_ratio)),
    ("train_flops_ratio", |row| optional(row.comparison.train_flops_ratio)),
    ("note", note),
    ("metric", |row| row.comparison.metric.to_string()),
    ("test_metric_mean", |row| optional(row.comparison.means.map(|means| means.0))),
    ("control_test_metric_mean", |row| optional(row.comparison.means.map(|means| means.1))),
    ("test", |row| file::named(&row.analysis.test)),
    ("correction", |row| file::named(&row.analysis.correction)),
    ("untested", |row| row.comparison.untested.map(|u| u.code().to_owned()).unwrap_or_default()),
    ("bca_low", |row| optional(row.comparison.evidence.bca.map(|interval| interval.lower))),
    ("bca_high", |row| optional(row.comparison.evidence.bca.map(|interval| interval.upper))),
    ("detectable_difference", |row| optional(row.comparison.evidence.detectable)),
    ("p_normal", |row| optional(row.comparison.evidence.p_normal)),
    ("share_of_seeds_better", |row| optional(row.comparison.evidence.improvement)),
    ("probability_better", |row| optional(row.comparison.evidence.posterior.map(|p| p[0]))),
    ("probability_within_margin", |row| optional(row.comparison.evidence.posterior.map(|p| p[1]))),
    ("probability_worse", |row| optional(row.comparison.evidence.posterior.map(|p| p[2]))),
    ("difference_with_failures", |row| optional(row.comparison.evidence.with_failures)),
];

/// The means, if they are those of accuracies.
fn accuracies(row: &Row<'_>) -> Option<(f64, f64)> {
    row.comparison.means.filter(|_| row.comparison.metric == Metric::Accuracy)
}

/// The document.
pub(crate) fn csv(study: &Study<'_>) -> Vec<u8> {
    let header = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = study.judgements.iter().flat_map(|judgement| {
        judgement.comparisons.iter().map(move |comparison| {
            let row = Row { judgement, comparison, analysis: study.analysis() };
            COLUMNS.iter().map(|(_, cell)| cell(&row)).collect()
        })
    });
    file::csv(header, rows)
}

fn note(row: &Row<'_>) -> String {
    let reason = row.comparison.untested.map(|reason| reason.to_string());
    let notes: Vec<String> = reason.into_iter().chain(row.comparison.notes().cloned()).collect();
    notes.join("; ")
}
