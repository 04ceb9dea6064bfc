//! `masks.csv`: how far apart networks end in their connections.

use dst_analysis::{MaskDistance, Study};

use crate::cell::{Cells, number, optional};

const HEADER: [&str; 14] = [
    "dataset",
    "model",
    "model_params",
    "sparsity",
    "between",
    "first",
    "second",
    "layer",
    "pairs",
    "distance",
    "distance_min",
    "distance_max",
    "distance_by_chance",
    "distance_relative",
];

pub(crate) fn header() -> Cells {
    HEADER.map(str::to_owned).to_vec()
}

/// Seeds of one group first, by layer after the whole network; then groups with one seed.
pub(crate) fn rows(study: &Study<'_>) -> impl Iterator<Item = Cells> {
    study.judgements.iter().flat_map(|judgement| {
        let (table, masks) = (&judgement.table, &judgement.masks);
        let place = [table.dataset.clone(), table.model.to_owned(), table.model_parameters.clone()];
        let row = move |sparsity: f64, what: [&str; 4], distance: &MaskDistance| -> Cells {
            let own = place.iter().cloned().chain([number(sparsity)]);
            own.chain(what.map(str::to_owned)).chain(numbers(distance)).collect()
        };
        let mut rows = Vec::new();
        for group in &masks.seeds {
            let what = |layer| ["seeds", group.label.as_str(), group.label.as_str(), layer];
            rows.push(row(group.sparsity, what(""), &group.network));
            for (layer, distance) in masks.layers.iter().zip(&group.layers) {
                rows.extend(distance.iter().map(|d| row(group.sparsity, what(layer), d)));
            }
        }
        for pair in &masks.methods {
            let what = ["methods", pair.first.as_str(), pair.second.as_str(), ""];
            rows.push(row(pair.sparsity, what, &pair.network));
        }
        rows
    })
}

fn numbers(distance: &MaskDistance) -> [String; 6] {
    [
        distance.pairs.to_string(),
        number(distance.mean),
        number(distance.min),
        number(distance.max),
        number(distance.by_chance),
        optional(distance.relative()),
    ]
}
