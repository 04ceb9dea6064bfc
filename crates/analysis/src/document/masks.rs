//! What is shown of the connections that networks end with.

use dst_figures::{DistanceMap, Figure, Heading, PairKind, PairMap};
use dst_record::mask_sample::SAMPLED;

use super::{Cell, Column, Table};
use crate::Judgement;
use crate::format::{fixed, percent};
use crate::mask_distances::{BetweenMethods, MOST_SEEDS, MaskDistance};
use crate::trial_table::sparsity_key;

/// Groups of one figure: smaller cells cannot be read.
const GROUPS: usize = 30;
/// Sparsities of which methods are compared in a figure.
const SPARSITIES: usize = 4;

/// Do seeds of one method end with the same connections?
pub(super) fn table(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let masks = &judgement.masks;
    if masks.seeds.is_empty() {
        return None;
    }
    let mut table = Table::new(
        format!("{id}-masks"),
        "How far apart the connections of one method end, over pairs of seeds",
        [
            Column::new("strategy", "label"),
            Column::new("distance", "mask_distance"),
            Column::new("by chance", "mask_distance_by_chance").rank(1),
            Column::new("of chance", "mask_distance_relative").in_unit("%"),
            Column::new("least and most", "mask_distance_range").rank(2),
            Column::new("pairs", "pairs").rank(3),
            Column::new("most alike layer", "most_alike_layer").rank(1),
        ],
    );
    table.rows = masks
        .seeds
        .iter()
        .map(|group| {
            let network = group.network;
            vec![
                Cell::text_of(&group.label),
                Cell::number_of(Some(network.mean), decimals),
                Cell::number_of(Some(network.by_chance), decimals),
                Cell::number_of(network.relative(), |share| fixed(100.0 * share)),
                Cell::Text(format!("{} to {}", decimals(network.min), decimals(network.max))),
                Cell::count(network.pairs),
                most_alike(&masks.layers, &group.layers),
            ]
        })
        .collect();
    table.notes.push(format!(
        "Distances are those of Jaccard, after the last step: the share of the connections of either network \
         that only one of them has; 0 is the same connections. They are estimated from {SAMPLED} places of \
         each larger layer. By chance: of random, independent masks with as many connections in every layer. \
         Seeds choose the starting weights and the starting mask.{} masks.csv has every layer.",
        match of_first_seeds(judgement) {
            true => format!(" Pairs are those of the first {MOST_SEEDS} seeds."),
            false => String::new(),
        }
    ));
    Some(table)
}

/// Are there more seeds than distances are worked out of?
fn of_first_seeds(judgement: &Judgement<'_>) -> bool {
    judgement.groups().any(|group| {
        let finished = group.finished().into_iter();
        group.sparsity > 0.0
            && finished.filter(|trial| !trial.masks.is_empty()).count() > MOST_SEEDS
    })
}

fn decimals(value: f64) -> String {
    format!("{value:.3}")
}

/// The layer in which seeds agree most, against chance.
fn most_alike(names: &[String], layers: &[Option<MaskDistance>]) -> Cell {
    let known = names.iter().zip(layers);
    let known = known.filter_map(|(name, layer)| Some((name, layer.as_ref()?.relative()?)));
    let least = known.min_by(|a, b| a.1.total_cmp(&b.1));
    least.map_or(Cell::Empty, |(name, share)| Cell::Text(format!("{name}, {}", percent(share))))
}

/// The same by layer, and methods beside each other; what is left out goes to `notes`.
pub(super) fn figures(judgement: &Judgement<'_>, id: &str, notes: &mut Vec<String>) -> Vec<Figure> {
    let masks = &judgement.masks;
    let mut figures = Vec::new();
    if !masks.seeds.is_empty() {
        if masks.seeds.len() > GROUPS {
            notes.push(format!(
                "Mask distances of the first {GROUPS} of {} groups are drawn; masks.csv has all.",
                masks.seeds.len()
            ));
        }
        let shown = || masks.seeds.iter().take(GROUPS);
        let relative = |layer: &Option<MaskDistance>| layer.as_ref()?.relative();
        let mut title = "Mask distance between seeds, relative to chance, by layer".to_owned();
        if of_first_seeds(judgement) {
            title.push_str(&format!("; of the first {MOST_SEEDS} seeds"));
        }
        let data = DistanceMap {
            methods: shown().map(|group| group.label.clone()).collect(),
            layers: masks.layers.clone(),
            network: shown().map(|group| group.network.relative()).collect(),
            distance: shown().map(|group| group.layers.iter().map(relative).collect()).collect(),
        };
        let heading = Heading::new(format!("{id}-masks"), title);
        figures.push(dst_figures::distance_map(&heading, &data));
    }
    let mut sparsities: Vec<f64> = masks.methods.iter().map(|pair| pair.sparsity).collect();
    sparsities.sort_by(f64::total_cmp);
    sparsities.dedup_by_key(|sparsity| sparsity_key(*sparsity));
    if sparsities.len() > SPARSITIES {
        notes.push(format!(
            "Masks of different methods are compared at {SPARSITIES} of {} sparsities; masks.csv has all.",
            sparsities.len()
        ));
    }
    for (place, sparsity) in sparsities.into_iter().take(SPARSITIES).enumerate() {
        let pairs = masks.methods.iter();
        let pairs = pairs.filter(|pair| sparsity_key(pair.sparsity) == sparsity_key(sparsity));
        let data = pair_map(&pairs.collect::<Vec<_>>());
        if data.labels.len() > GROUPS {
            notes.push(format!(
                "{} groups at {} are too many for a map of their mask distances; masks.csv has them.",
                data.labels.len(),
                percent(sparsity)
            ));
            continue;
        }
        let title = format!(
            "Mask distance between methods at {} with one seed, relative to chance",
            percent(sparsity)
        );
        let heading = Heading::new(format!("{id}-masks-methods-{}", place + 1), title);
        figures.push(dst_figures::pair_map(&heading, &data));
    }
    figures
}

/// The pairs of one sparsity as a square.
fn pair_map(pairs: &[&BetweenMethods]) -> PairMap {
    let mut labels: Vec<String> = Vec::new();
    let mut place = |label: &String| {
        labels.iter().position(|known| known == label).unwrap_or_else(|| {
            labels.push(label.clone());
            labels.len() - 1
        })
    };
    let places: Vec<(usize, usize)> =
        pairs.iter().map(|pair| (place(&pair.first), place(&pair.second))).collect();
    let mut values = vec![vec![None; labels.len()]; labels.len()];
    for (pair, (first, second)) in pairs.iter().zip(places) {
        values[first][second] = pair.network.relative();
        values[second][first] = pair.network.relative();
    }
    PairMap { labels, values, kind: PairKind::MaskDistance }
}
