//! How far apart networks end in their connections: those of one method with several seeds, and those
//! of several methods with one seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use dst_record::LayerMask;
use dst_record::mask_sample::Overlap;
use dst_record::record::TrialRecord;

use crate::Group;
use crate::trial_table::sparsity_key;

/// Jaccard distances over pairs of networks: the share of the connections of either that only one has,
/// in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskDistance {
    /// Pairs of networks.
    pub pairs: usize,
    /// Mean distance.
    pub mean: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Mean distance of random, independent masks with the same counts in every layer.
    pub by_chance: f64,
}

impl MaskDistance {
    /// Mean distance divided by that of chance: 0 is the same connections, 1 is what independent masks have.
    /// None of dense masks, which chance does not tell apart.
    pub fn relative(&self) -> Option<f64> {
        (self.by_chance > 0.0).then(|| self.mean / self.by_chance)
    }

    fn of(overlaps: &[Overlap]) -> Option<Self> {
        let distances = |distance: fn(&Overlap) -> Option<f64>| -> Vec<f64> {
            overlaps.iter().filter_map(distance).collect()
        };
        let (found, by_chance) =
            (distances(Overlap::distance), distances(Overlap::distance_by_chance));
        let mean = |values: &[f64]| dst_stats::summary(values).ok().map(|summary| summary.mean);
        Some(Self {
            pairs: found.len(),
            mean: mean(&found)?,
            min: found.iter().copied().fold(f64::INFINITY, f64::min),
            max: found.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            by_chance: mean(&by_chance)?,
        })
    }
}

/// Networks of one group, over all pairs of its seeds, of the first 32 if there are more.
#[derive(Debug, Clone, PartialEq)]
pub struct BetweenSeeds {
    /// What tables call the group.
    pub label: String,
    /// The sparsity to reach.
    pub sparsity: f64,
    /// Of all prunable layers together.
    pub network: MaskDistance,
    /// By layer, in the order of [`MaskDistances::layers`]; none where it has no connection.
    pub layers: Vec<Option<MaskDistance>>,
}

/// Networks of two groups at one sparsity, over their common seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct BetweenMethods {
    /// What tables call the first.
    pub first: String,
    /// What they call the second, later in the table.
    pub second: String,
    /// The sparsity to reach.
    pub sparsity: f64,
    /// Of all prunable layers together.
    pub network: MaskDistance,
}

/// What is known of a table's masks; empty if its trials kept none.
///
/// Seeds choose the starting weights and the starting mask, so that methods with one seed may share
/// both, and seeds of one method share neither.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MaskDistances {
    /// Names of the prunable weights.
    pub layers: Vec<String>,
    /// Sparse groups with two finished trials or more, in the order of the table.
    pub seeds: Vec<BetweenSeeds>,
    /// Sparse groups of equal sparsity with a common seed, in the order of the table.
    pub methods: Vec<BetweenMethods>,
}

impl MaskDistances {
    pub(crate) fn new(groups: &[Arc<Group<'_>>]) -> Self {
        let sparse: Vec<Masked<'_>> = groups
            .iter()
            .filter(|group| group.sparsity > 0.0)
            .map(|group| Masked { group, trials: masked(group) })
            .filter(|group| !group.trials.is_empty())
            .collect();
        let first = sparse.first().and_then(|group| group.trials.values().next());
        let layers = first.map(|trial| trial.masks.iter().map(|mask| mask.layer().to_owned()));
        let layers: Vec<String> = layers.into_iter().flatten().collect();
        Self {
            seeds: sparse.iter().filter_map(|group| between_seeds(group, &layers)).collect(),
            methods: between_methods(&sparse),
            layers,
        }
    }
}

/// A group with its trials that kept masks, by seed.
struct Masked<'g> {
    group: &'g Group<'g>,
    trials: BTreeMap<u64, &'g TrialRecord>,
}

fn masked<'g>(group: &'g Group<'_>) -> BTreeMap<u64, &'g TrialRecord> {
    let finished = group.finished().into_iter();
    finished.filter(|trial| !trial.masks.is_empty()).map(|trial| (trial.spec.seed, trial)).collect()
}

/// So many seeds have 496 pairs, whose mean tells more than anyone reads from it; all pairs of some hundreds of
/// seeds would take longer than the rest of a report.
pub(crate) const MOST_SEEDS: usize = 32;

fn between_seeds(group: &Masked<'_>, layers: &[String]) -> Option<BetweenSeeds> {
    let trials: Vec<&TrialRecord> = group.trials.values().copied().take(MOST_SEEDS).collect();
    let mut networks = Vec::new();
    let mut by_layer = vec![Vec::new(); layers.len()];
    for (place, first) in trials.iter().enumerate() {
        for second in &trials[place + 1..] {
            let mut network = Overlap::default();
            for overlap in overlaps(&first.masks, &second.masks) {
                network += overlap.1;
                if let Some(layer) = layers.iter().position(|layer| layer == overlap.0) {
                    by_layer[layer].push(overlap.1);
                }
            }
            networks.push(network);
        }
    }
    Some(BetweenSeeds {
        label: group.group.label.clone(),
        sparsity: group.group.sparsity,
        network: MaskDistance::of(&networks)?,
        layers: by_layer.iter().map(|overlaps| MaskDistance::of(overlaps)).collect(),
    })
}

fn between_methods(groups: &[Masked<'_>]) -> Vec<BetweenMethods> {
    let mut distances = Vec::new();
    for (place, first) in groups.iter().enumerate() {
        let key = sparsity_key(first.group.sparsity);
        let others = groups[place + 1..].iter();
        for second in others.filter(|other| sparsity_key(other.group.sparsity) == key) {
            let common = first.trials.iter().filter_map(|(seed, trial)| {
                let other = second.trials.get(seed)?;
                let mut network = Overlap::default();
                overlaps(&trial.masks, &other.masks).for_each(|(_, overlap)| network += overlap);
                Some(network)
            });
            let Some(network) = MaskDistance::of(&common.collect::<Vec<_>>()) else { continue };
            distances.push(BetweenMethods {
                first: first.group.label.clone(),
                second: second.group.label.clone(),
                sparsity: first.group.sparsity,
                network,
            });
        }
    }
    distances
}

/// What two networks have in common, by layer. Networks of one table have the same layers.
fn overlaps<'m>(
    first: &'m [LayerMask],
    second: &'m [LayerMask],
) -> impl Iterator<Item = (&'m str, Overlap)> {
    let pairs = first.iter().zip(second);
    pairs.filter_map(|(first, second)| Some((first.layer(), first.overlap(second)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{baseline, group};
    use crate::{Analysis, Experiment};
    use serde_json::json;

    fn mask(layer: &str, bits: &[u8]) -> LayerMask {
        let active: Vec<bool> = bits.iter().map(|bit| *bit == 1).collect();
        LayerMask::new(layer, bits.len() as u64, &active).unwrap()
    }

    fn distances(trials: &[TrialRecord]) -> MaskDistances {
        let analysis = Analysis::default();
        let tables = crate::tables(&Experiment::new(trials, &analysis)).unwrap();
        MaskDistances::new(&tables[0].groups)
    }

    /// Two seeds of `set` share one of two connections of `fc1` and all of `fc2`; `static` at seed 0 has the
    /// connections of `set` there.
    fn trials() -> Vec<TrialRecord> {
        let mut trials = group(&baseline(), 0.0, &[0.9, 0.9]);
        trials.extend(group(&json!({"name": "set"}), 0.5, &[0.9, 0.9]));
        trials.extend(group(&json!({"name": "static"}), 0.5, &[0.9]));
        let dense = || vec![mask("fc1", &[1; 4]), mask("fc2", &[1; 2])];
        let sparse = |fc1: [u8; 4]| vec![mask("fc1", &fc1), mask("fc2", &[1, 0])];
        let (first, second) = ([1, 1, 0, 0], [1, 0, 1, 0]);
        let masks = [dense(), dense(), sparse(first), sparse(second), sparse(first)];
        for (trial, masks) in trials.iter_mut().zip(masks) {
            trial.masks = masks;
        }
        trials
    }

    #[test]
    fn seeds_and_methods_are_compared_where_they_can_be() {
        let found = distances(&trials());
        assert_eq!(found.layers, ["fc1", "fc2"]);
        // The control is dense, and `static` has one seed.
        assert_eq!(found.seeds.len(), 1);
        let set = &found.seeds[0];
        assert_eq!((&*set.label, set.network.pairs), ("set at 50 %", 1));
        // fc1: 1 of 3 in common, by chance 1 of 3. fc2: all of 1, by chance 0.5 of 1.5.
        let [fc1, fc2] = [set.layers[0].unwrap(), set.layers[1].unwrap()];
        assert!((fc1.mean - 2.0 / 3.0).abs() < 1e-12 && (fc1.by_chance - 2.0 / 3.0).abs() < 1e-12);
        assert!((fc1.relative().unwrap() - 1.0).abs() < 1e-12);
        assert_eq!((fc2.mean, fc2.relative()), (0.0, Some(0.0)));
        // Together 2 of 4, by chance 1.5 of 4.5.
        assert_eq!(set.network.mean, 0.5);
        assert!((set.network.by_chance - 2.0 / 3.0).abs() < 1e-12);

        assert_eq!(found.methods.len(), 1);
        let pair = &found.methods[0];
        assert_eq!((&*pair.first, &*pair.second), ("set at 50 %", "static at 50 %"));
        assert_eq!((pair.network.pairs, pair.network.mean), (1, 0.0));
    }

    #[test]
    fn other_sparsities_and_trials_without_masks_are_not_compared() {
        let mut other = trials();
        other[4].spec.sparsity = 0.6;
        assert!(distances(&other).methods.is_empty());
        for trial in &mut other {
            trial.masks.clear();
        }
        assert_eq!(distances(&other), MaskDistances::default());
    }

    #[test]
    fn of_many_seeds_the_first_are_compared() {
        let mut trials = group(&baseline(), 0.0, &[0.9; 34]);
        trials.extend(group(&json!({"name": "set"}), 0.5, &[0.9; 34]));
        trials.iter_mut().for_each(|trial| trial.masks = vec![mask("fc1", &[1, 1, 0, 0])]);
        // The last one would be another network.
        trials.last_mut().unwrap().masks = vec![mask("fc1", &[0, 0, 1, 1])];
        let found = distances(&trials);
        assert_eq!((found.seeds[0].network.pairs, found.seeds[0].network.max), (496, 0.0));
    }

    #[test]
    fn dense_masks_have_no_relative_distance() {
        let dense = mask("fc1", &[1; 4]).overlap(&mask("fc1", &[1; 4])).unwrap();
        let distance = MaskDistance::of(&[dense, dense]).unwrap();
        assert_eq!((distance.pairs, distance.mean, distance.relative()), (2, 0.0, None));
        assert_eq!(MaskDistance::of(&[]), None);
    }
}
