//! `mcnemar.csv`: the two stored models of each seed on the same test examples.

use dst_analysis::Study;
use dst_analysis::spreadsheet::{self, number, optional};

const HEADER: [&str; 10] = [
    "dataset",
    "model",
    "model_params",
    "label",
    "control_label",
    "seed",
    "only_candidate_right",
    "only_control_right",
    "p_exact",
    "p_mid",
];

/// The document: a row for each seed of each comparison; none where no predictions were kept.
pub(crate) fn csv(study: &Study<'_>) -> Option<Vec<u8>> {
    let comparisons = study.judgements.iter().flat_map(|judgement| {
        judgement.comparisons.iter().map(move |comparison| (&judgement.table, comparison))
    });
    let mut rows = comparisons
        .flat_map(|(table, comparison)| {
            comparison.diagnostics.iter().flat_map(|own| &own.mcnemar).map(move |seed| {
                vec![
                    table.dataset.clone(),
                    table.model.to_owned(),
                    table.model_parameters.clone(),
                    comparison.candidate.label.clone(),
                    comparison.control_label().to_owned(),
                    seed.seed.to_string(),
                    seed.test.only_first.to_string(),
                    seed.test.only_second.to_string(),
                    number(seed.test.p_exact),
                    optional(seed.test.p_mid),
                ]
            })
        })
        .peekable();
    rows.peek()?;
    Some(spreadsheet::csv(HEADER.map(str::to_owned).to_vec(), rows))
}
