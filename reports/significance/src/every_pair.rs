//! `pairs.csv`: every group against every other.

use dst_analysis::Study;
use dst_analysis::spreadsheet::{self, number, optional};

const HEADER: [&str; 9] = [
    "dataset",
    "model",
    "model_params",
    "first",
    "second",
    "difference",
    "p_adjusted",
    "comparisons",
    "share_of_seeds_better",
];

/// The document: two groups in each row, those without a common seed left out.
pub(crate) fn csv(study: &Study<'_>) -> Vec<u8> {
    let rows = study.judgements.iter().flat_map(|judgement| {
        let (table, pairs) = (&judgement.table, &judgement.all_pairs);
        let places =
            (0..pairs.labels.len()).flat_map(|i| (i + 1..pairs.labels.len()).map(move |j| (i, j)));
        places.filter_map(move |(i, j)| {
            Some(vec![
                table.dataset.clone(),
                table.model.to_owned(),
                table.model_parameters.clone(),
                pairs.labels[i].clone(),
                pairs.labels[j].clone(),
                number(pairs.difference[i][j]?),
                optional(pairs.p_adjusted[i][j]),
                pairs.family.to_string(),
                optional(pairs.improvement[i][j]),
            ])
        })
    });
    spreadsheet::csv(HEADER.map(str::to_owned).to_vec(), rows)
}
