//! `comparisons.csv`: every comparison with all its numbers.

use dst_core::{Analysis, Metric};

use crate::comparison::Comparison;
use crate::judgement::Judgement;

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
    ("verdict_holm", |row| row.comparison.verdict_holm.to_string()),
    ("pairs_planned", |row| row.comparison.planned.to_string()),
    ("pairs", |row| row.comparison.n.to_string()),
    ("failures", |row| row.comparison.candidate.failures().len().to_string()),
    ("control_failures", |row| row.comparison.control.failures().len().to_string()),
    ("test_accuracy_mean", |row| optional(accuracies(row).map(|means| means.0))),
    ("control_test_accuracy_mean", |row| optional(accuracies(row).map(|means| means.1))),
    ("difference", |row| optional(row.comparison.difference)),
    ("ci_low", |row| optional(row.comparison.interval.map(|interval| interval.lower))),
    ("ci_high", |row| optional(row.comparison.interval.map(|interval| interval.upper))),
    ("ci_level", |row| optional(row.comparison.interval.map(|interval| interval.level))),
    ("bound_low", |row| optional(row.comparison.bound)),
    ("margin", |row| number(row.analysis.margin)),
    ("alpha", |row| number(row.analysis.alpha)),
    ("p_paired_t", |row| optional(row.comparison.p_paired_t())),
    ("p_holm", |row| optional(row.comparison.p_holm)),
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
];

/// The means, if they are those of accuracies.
fn accuracies(row: &Row<'_>) -> Option<(f64, f64)> {
    row.comparison.means.filter(|_| row.comparison.metric == Metric::Accuracy)
}

/// The document.
pub(crate) fn csv(judgements: &[Judgement<'_>], analysis: &Analysis) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |row: Vec<String>| {
        writer.write_record(row).expect("memory takes every row, and rows have one length");
    };
    write(COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for judgement in judgements {
        for comparison in &judgement.comparisons {
            let row = Row { judgement, comparison, analysis };
            write(COLUMNS.iter().map(|(_, cell)| cell(&row)).collect());
        }
    }
    writer.into_inner().expect("memory takes every row")
}

/// The shortest decimal that reads back as the same number; with an exponent where many zeros
/// would be needed.
fn number(value: f64) -> String {
    if value.is_finite() && value != 0.0 && !(1e-5..1e16).contains(&value.abs()) {
        return format!("{value:e}");
    }
    // Adding 0 takes the sign from a negative zero.
    (value + 0.0).to_string()
}

fn optional(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

fn note(row: &Row<'_>) -> String {
    let reason = row.comparison.untested.map(|reason| reason.to_string());
    let notes: Vec<String> = reason.into_iter().chain(row.comparison.notes().cloned()).collect();
    notes.join("; ")
}
