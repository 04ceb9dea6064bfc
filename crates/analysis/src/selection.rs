//! Sets of parameters that were tried, and the best of them on validation.

use std::collections::BTreeMap;
use std::sync::Arc;

use dst_record::BackendKind;
use dst_stats::verdict::Run;

use crate::budget::Level;
use crate::trial_table::{Group, TrialTable};

/// One strategy at one sparsity with several sets of parameters or of training.
#[derive(Debug, Clone)]
pub struct Selection<'t> {
    /// Name of the strategy.
    pub strategy: String,
    /// With what its layers computed: no choice among sets.
    pub backend: BackendKind,
    /// The sparsity to reach; where each set has its own, chosen for its cost, the one at which equally
    /// sparse layers cost as much.
    pub sparsity: f64,
    /// Sets that were tried.
    pub tried: usize,
    /// Seeds that each was tried with, for all sets together.
    pub runs: usize,
    /// The one with the best mean on validation over all planned seeds, where a failed run counts as
    /// guessing.
    pub chosen: Option<Arc<Group<'t>>>,
    /// That mean.
    pub validation: Option<f64>,
    /// Why none is chosen, in a sentence without a full stop.
    pub undecided: Option<String>,
}

/// Of every strategy and sparsity, what validation chooses; empty if no strategy has a choice.
pub(crate) fn selections<'t>(table: &TrialTable<'t>, chance: Option<f64>) -> Vec<Selection<'t>> {
    let mut sets: BTreeMap<(&str, Level, BackendKind), Vec<&Arc<Group<'t>>>> = BTreeMap::new();
    for group in &table.groups {
        sets.entry((group.strategy, group.level(), group.backend)).or_default().push(group);
    }
    if sets.values().all(|sets| sets.len() < 2) {
        return Vec::new();
    }
    sets.into_values().map(|sets| selection(&sets, &table.seeds, chance)).collect()
}

fn selection<'t>(sets: &[&Arc<Group<'t>>], seeds: &[u64], chance: Option<f64>) -> Selection<'t> {
    let means: Result<Vec<(f64, &Arc<Group<'t>>)>, String> =
        sets.iter().map(|group| Ok((validation(group, seeds, chance)?, *group))).collect();
    let (best, undecided) = match means {
        // The first of equal ones, by its parameters.
        Ok(means) => {
            (means.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best }), None)
        }
        Err(reason) => (None, Some(reason)),
    };
    Selection {
        strategy: sets[0].strategy.to_owned(),
        backend: sets[0].backend,
        sparsity: sets[0].level().sparsity(),
        tried: sets.len(),
        runs: sets.iter().map(|group| group.planned()).sum(),
        chosen: best.map(|(_, group)| Arc::clone(group)),
        validation: best.map(|(mean, _)| mean),
        undecided,
    }
}

/// Mean over all planned seeds.
fn validation(group: &Group<'_>, seeds: &[u64], chance: Option<f64>) -> Result<f64, String> {
    let score = |seed: &u64| match group.run(*seed) {
        Run::Finished(_) => group
            .outcome(*seed)
            .and_then(|outcome| outcome.validation.get(group.metric))
            .ok_or_else(|| format!("{} has no validation score at seed {seed}", group.label)),
        Run::Failed => chance.ok_or_else(|| {
            format!("{} failed at seed {seed}, and what guessing scores is unknown", group.label)
        }),
        Run::Missing => Err(format!("the run of {} at seed {seed} is missing", group.label)),
        Run::Pending => Err(format!("{} has not ended at seed {seed}", group.label)),
    };
    let scores: Vec<f64> = seeds.iter().map(score).collect::<Result<_, _>>()?;
    let mean = dst_stats::summary(&scores).map(|summary| summary.mean);
    mean.map_err(|_| format!("{} has no seed", group.label))
}
