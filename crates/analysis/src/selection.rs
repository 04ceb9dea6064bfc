//! Parameters that were tried, and the best of them on validation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::table::{Group, common_seeds};

/// One strategy at one sparsity with several sets of parameters.
#[derive(Debug, Clone)]
pub struct Selection<'t> {
    /// Name of the strategy.
    pub strategy: String,
    /// The sparsity to reach.
    pub sparsity: f64,
    /// Sets of parameters that were tried.
    pub tried: usize,
    /// The one with the best mean on validation over the seeds that all sets finished; none if
    /// there is no such seed.
    pub chosen: Option<Arc<Group<'t>>>,
    /// That mean.
    pub validation: Option<f64>,
}

/// Of every strategy and sparsity, what validation chooses; empty if no strategy has a choice.
pub(crate) fn selections<'t>(groups: &[Arc<Group<'t>>]) -> Vec<Selection<'t>> {
    let mut families: BTreeMap<(&str, u64), Vec<&Arc<Group<'t>>>> = BTreeMap::new();
    for group in groups {
        families.entry((group.strategy, group.sparsity.to_bits())).or_default().push(group);
    }
    if families.values().all(|family| family.len() < 2) {
        return Vec::new();
    }
    families
        .into_iter()
        .map(|((strategy, sparsity), family)| {
            let seeds = common_seeds(family.iter().map(|group| &***group));
            let means =
                family.iter().filter_map(|group| Some((validation(group, &seeds)?, *group)));
            // The first of equal ones, by its parameters.
            let best = means.reduce(|best, next| if next.0 > best.0 { next } else { best });
            Selection {
                strategy: strategy.to_owned(),
                sparsity: f64::from_bits(sparsity),
                tried: family.len(),
                chosen: best.map(|(_, group)| Arc::clone(group)),
                validation: best.map(|(mean, _)| mean),
            }
        })
        .collect()
}

/// Mean over `seeds`; none if the group lacks one of them.
fn validation(group: &Group<'_>, seeds: &BTreeSet<u64>) -> Option<f64> {
    let score = |seed: &u64| group.outcome(*seed)?.validation.get(group.metric);
    let scores: Vec<f64> = seeds.iter().map(score).collect::<Option<_>>()?;
    dst_stats::summary(&scores).ok().map(|summary| summary.mean)
}
