//! `comparisons.csv`: every comparison with all its numbers.

use dst_analysis::spreadsheet::{self, number, optional};
use dst_analysis::{Analysis, Comparison, Diagnostics, Judgement, Study, sentence};
use dst_stats::verdict::{Counts, Evidence};
use serde::Serialize;

/// What a row is made from.
struct Row<'r> {
    study: &'r Study<'r>,
    judgement: &'r Judgement<'r>,
    comparison: &'r Comparison<'r>,
}

type Column = (&'static str, fn(&Row<'_>) -> String);

/// Columns of `comparisons.csv`. The order is stable; new columns go to the end.
const COLUMNS: &[Column] = &[
    ("dataset", |row| row.judgement.table.dataset.clone()),
    ("model", |row| row.judgement.table.model.to_owned()),
    ("model_params", |row| row.judgement.table.model_parameters.clone()),
    ("training", |row| row.comparison.candidate.training.clone()),
    ("strategy", |row| row.comparison.candidate.strategy.to_owned()),
    ("params", |row| row.comparison.candidate.parameters.clone()),
    ("sparsity", |row| number(row.comparison.candidate.sparsity)),
    ("label", |row| row.comparison.candidate.label.clone()),
    ("control", |row| of_control(row, |control| control.strategy.to_owned())),
    ("control_params", |row| of_control(row, |control| control.parameters.clone())),
    ("control_training", |row| of_control(row, |control| control.training.clone())),
    ("control_sparsity", |row| of_control(row, |control| number(control.sparsity))),
    ("control_label", |row| of_control(row, |control| control.label.clone())),
    ("metric", |row| row.comparison.metric.to_string()),
    ("verdict", |row| row.comparison.verdict.to_string()),
    ("loss_shown", |row| row.comparison.loss_shown.to_string()),
    ("reason", |row| row.comparison.reason.map(|r| r.name().to_owned()).unwrap_or_default()),
    ("not_comparable", |row| row.comparison.not_comparable.clone().unwrap_or_default()),
    ("without_failed", |row| {
        row.comparison.without_failed.map(|verdict| verdict.to_string()).unwrap_or_default()
    }),
    ("seeds_planned", |row| row.judgement.planned_seeds.to_string()),
    ("pairs", |row| counted(row, |counts| counts.pairs)),
    ("candidate_failed", |row| counted(row, |counts| counts.candidate_failed)),
    ("control_failed", |row| counted(row, |counts| counts.control_failed)),
    ("missing", |row| counted(row, |counts| counts.missing)),
    ("test_metric_mean", |row| optional(row.comparison.means.map(|means| means.0))),
    ("control_test_metric_mean", |row| optional(row.comparison.means.map(|means| means.1))),
    ("difference", |row| optional(row.comparison.estimate)),
    ("ci_low", |row| optional(tested(row, |e| e.interval.lower))),
    ("ci_high", |row| optional(tested(row, |e| e.interval.upper))),
    ("ci_level", |row| optional(tested(row, |e| e.level))),
    ("ci_clipped", |row| {
        row.comparison.evidence.map(|e| e.clipped.to_string()).unwrap_or_default()
    }),
    ("ci_low_uncorrected", |row| optional(tested(row, |e| e.uncorrected.lower))),
    ("ci_high_uncorrected", |row| optional(tested(row, |e| e.uncorrected.upper))),
    ("margin", |row| optional(row.judgement.margin)),
    ("alpha", |row| optional(row.judgement.alpha)),
    ("test", |row| named(&analysis(row).test)),
    ("correction", |row| named(&analysis(row).correction)),
    ("comparisons", |row| row.judgement.family.to_string()),
    ("look", |row| row.judgement.look.map(|look| look.to_string()).unwrap_or_default()),
    ("post_hoc_looks", |row| row.judgement.post_hoc_looks.to_string()),
    ("error_bound", |row| optional(row.judgement.error_bound)),
    ("p_difference", |row| optional(tested(row, |e| e.difference.raw))),
    ("p_difference_adjusted", |row| optional(tested(row, |e| e.difference.adjusted))),
    ("p_non_inferior", |row| optional(tested(row, |e| e.non_inferior.raw))),
    ("p_non_inferior_adjusted", |row| optional(tested(row, |e| e.non_inferior.adjusted))),
    ("p_inferior", |row| optional(tested(row, |e| e.inferior.raw))),
    ("p_inferior_adjusted", |row| optional(tested(row, |e| e.inferior.adjusted))),
    ("inference_flops_ratio", |row| optional(row.comparison.inference_flops_ratio)),
    ("train_flops_ratio", |row| optional(row.comparison.train_flops_ratio)),
    ("p_paired_t", |row| optional(beside(row, |d| d.p_paired_t))),
    ("p_wilcoxon", |row| optional(beside(row, |d| d.p_wilcoxon))),
    ("p_sign_flip", |row| optional(beside(row, |d| d.p_sign_flip))),
    ("d_z", |row| optional(beside(row, |d| d.d_z))),
    ("a12", |row| optional(beside(row, |d| d.a12))),
    ("bca_low", |row| optional(beside(row, |d| d.bca.map(|ci| ci.lower)))),
    ("bca_high", |row| optional(beside(row, |d| d.bca.map(|ci| ci.upper)))),
    ("ci_low_seeds_and_examples", |row| {
        optional(beside(row, |d| d.over_examples.map(|both| both.seeds_and_examples.lower)))
    }),
    ("ci_high_seeds_and_examples", |row| {
        optional(beside(row, |d| d.over_examples.map(|both| both.seeds_and_examples.upper)))
    }),
    ("detectable_difference", |row| optional(beside(row, |d| d.detectable))),
    ("p_normal", |row| optional(beside(row, |d| d.p_normal))),
    ("share_of_seeds_better", |row| optional(beside(row, |d| d.improvement))),
    ("probability_better", |row| optional(beside(row, |d| d.posterior.map(|p| p[0])))),
    ("probability_within_margin", |row| optional(beside(row, |d| d.posterior.map(|p| p[1])))),
    ("probability_worse", |row| optional(beside(row, |d| d.posterior.map(|p| p[2])))),
    ("sentence", |row| {
        let post_hoc = row.study.experiment.post_hoc;
        sentence(row.judgement, row.comparison, analysis(row), post_hoc)
    }),
    ("note", |row| row.comparison.notes.join("; ")),
];

/// The document.
pub(crate) fn csv(study: &Study<'_>) -> Vec<u8> {
    let header = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = study.judgements.iter().flat_map(|judgement| {
        judgement.comparisons.iter().map(move |comparison| {
            let row = Row { study, judgement, comparison };
            COLUMNS.iter().map(|(_, cell)| cell(&row)).collect()
        })
    });
    spreadsheet::csv(header, rows)
}

fn analysis<'r>(row: &Row<'r>) -> &'r Analysis {
    row.study.experiment.analysis
}

fn of_control(row: &Row<'_>, value: fn(&dst_analysis::Group<'_>) -> String) -> String {
    row.comparison.control.as_ref().map(|control| value(control)).unwrap_or_default()
}

fn counted(row: &Row<'_>, count: fn(&Counts) -> usize) -> String {
    row.comparison.counts.map(|counts| count(&counts).to_string()).unwrap_or_default()
}

fn tested(row: &Row<'_>, value: fn(&Evidence) -> f64) -> Option<f64> {
    row.comparison.evidence.as_ref().map(value)
}

fn beside(row: &Row<'_>, value: fn(&Diagnostics) -> Option<f64>) -> Option<f64> {
    row.comparison.diagnostics.as_ref().and_then(value)
}

/// A choice of the analysis as grid files name it.
fn named(choice: &impl Serialize) -> String {
    let value = serde_json::to_value(choice).expect("a choice is plain data");
    value.as_str().unwrap_or_default().to_owned()
}
