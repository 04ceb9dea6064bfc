//! Pairs of one seed, and why a seed is in none.

use std::collections::BTreeSet;

use dst_record::record::Status;

use crate::table::Group;

/// Test scores of two groups at one seed: the same starting weights, the same batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The seed.
    pub seed: u64,
    /// Score of the first group.
    pub candidate: f64,
    /// Score of the second.
    pub control: f64,
}

impl Pair {
    /// First minus second.
    pub fn difference(&self) -> f64 {
        self.candidate - self.control
    }
}

/// Seeds that finished on both sides, in order.
pub fn pairs(candidate: &Group<'_>, control: &Group<'_>) -> Vec<Pair> {
    let pair = |seed: &u64| {
        Some(Pair {
            seed: *seed,
            candidate: candidate.score(*seed)?,
            control: control.score(*seed)?,
        })
    };
    candidate.trials.keys().filter_map(pair).collect()
}

/// Scores of the first group and of the second, in the order of the pairs.
pub(crate) fn scores(pairs: &[Pair]) -> [Vec<f64>; 2] {
    let of = |score: fn(&Pair) -> f64| pairs.iter().map(score).collect();
    [of(|pair| pair.candidate), of(|pair| pair.control)]
}

/// Seeds that either side has or is to have.
pub(crate) fn planned(candidate: &Group<'_>, control: &Group<'_>) -> BTreeSet<u64> {
    let seeds = |group: &Group<'_>| -> Vec<u64> {
        group.trials.keys().chain(&group.pending).copied().collect()
    };
    seeds(candidate).into_iter().chain(seeds(control)).collect()
}

/// Says which of the planned seeds have no partner, and why.
pub(crate) fn dropped(candidate: &Group<'_>, control: &Group<'_>) -> Vec<String> {
    let planned = planned(candidate, control);
    let mut notes = Vec::new();
    for group in [candidate, control] {
        let missing: Vec<String> = planned
            .iter()
            .filter(|seed| !group.trials.contains_key(seed))
            .map(u64::to_string)
            .collect();
        if !missing.is_empty() {
            notes.push(format!(
                "no trial of {} has ended for seed {}: dropped from both",
                group.label,
                missing.join(", ")
            ));
        }
        for (seed, trial) in &group.trials {
            if group.outcome(*seed).is_none() {
                let lack = match trial.status {
                    Status::Finished => format!(" without a {}", group.metric.title()),
                    _ => String::new(),
                };
                notes.push(format!(
                    "{} {}{lack} at seed {seed}: dropped from both",
                    group.label, trial.status
                ));
            }
        }
    }
    notes
}
