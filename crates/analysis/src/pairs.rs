//! Pairs of one seed.

use crate::trial_table::Group;

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

/// Those of `seeds` that finished on both sides.
pub fn pairs(candidate: &Group<'_>, control: &Group<'_>, seeds: &[u64]) -> Vec<Pair> {
    let pair = |seed: &u64| {
        Some(Pair {
            seed: *seed,
            candidate: candidate.score(*seed)?,
            control: control.score(*seed)?,
        })
    };
    seeds.iter().filter_map(pair).collect()
}

/// Scores of the first group and of the second, in the order of the pairs.
pub(crate) fn scores(pairs: &[Pair]) -> [Vec<f64>; 2] {
    let of = |score: fn(&Pair) -> f64| pairs.iter().map(score).collect();
    [of(|pair| pair.candidate), of(|pair| pair.control)]
}
