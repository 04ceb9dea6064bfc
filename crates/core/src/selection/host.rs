//! Selecting from slices of the host's memory: exact, linear, and independent of the scores' order.

use super::{End, not_a_number, too_few};
use crate::error::Result;
use crate::mask::count_bytes;

/// So many entries are sampled; of fewer, all candidates are ranked.
const SAMPLE: usize = 1 << 14;

/// So many entries are looked at together.
const BLOCK: usize = 16;

/// Sets exactly `k` of the candidates with the largest scores, or the smallest, in `mask`, which is 0;
/// ties go to the lower index. Slices are of equal length, at most 2³².
///
/// Rank and index of an entry are one number, so no two are tied. A bound that a sample suggests
/// leaves little more than `k` of them, in one pass over all entries, and what is left is partitioned.
/// If the sample misled, because scores have a pattern, the bound is dropped: it decides how long the
/// selection takes and never what is selected.
///
/// # Errors
/// If there are fewer than `k` candidates, or the score of one is not a number.
pub(super) fn select(
    scores: &[f32],
    candidates: &[u8],
    k: usize,
    end: End,
    mask: &mut [u8],
) -> Result<()> {
    select_by(scores, candidates, k, end, mask, SAMPLE)
}

fn select_by(
    scores: &[f32],
    candidates: &[u8],
    k: usize,
    end: End,
    mask: &mut [u8],
    sample: usize,
) -> Result<()> {
    let count = count_bytes(candidates);
    // Whichever is less: the entries to take, or those to leave.
    let leaves = 2 * k > count;
    let wanted = if leaves { count.saturating_sub(k) } else { k };
    let order = Order { end, reversed: leaves };
    let bound = order.bound(scores, candidates, wanted as f64 / count as f64, sample);
    let mut near = order.reaching(scores, candidates, bound, wanted)?;
    if k > count {
        return Err(too_few(k, count));
    }
    if near.len() < wanted {
        near = order.reaching(scores, candidates, i32::MIN, count)?;
    }
    let surplus = near.len() - wanted;
    if surplus > 0 && wanted > 0 {
        near.select_nth_unstable(surplus);
    }
    if leaves {
        mask.copy_from_slice(candidates);
    }
    for rank in &near[surplus..] {
        mask[order.index(*rank)] = u8::from(!leaves);
    }
    Ok(())
}

/// How entries are ranked: what is selected first has the largest rank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    end: End,
    /// What would be selected last has the largest rank.
    reversed: bool,
}

impl Order {
    /// The largest scores come first.
    pub(super) const LARGEST: Self = Self { end: End::Largest, reversed: false };

    /// Score and index as one number, larger for what is selected earlier.
    #[inline(always)]
    pub(super) fn rank_of(self, score: f32, index: usize) -> i64 {
        self.rank(self.key(score), index)
    }

    /// Maps a score to an integer, larger for what is selected earlier. −0 and +0 are the same score.
    #[inline(always)]
    fn key(self, score: f32) -> i32 {
        let bits = (score + 0.0).to_bits() as i32;
        let ascending = bits ^ ((bits >> 31) as u32 >> 1) as i32;
        let falls = (self.end == End::Smallest) != self.reversed;
        if falls { !ascending } else { ascending }
    }

    /// Key and index as one number. Of equal keys the lower index is selected first.
    #[inline(always)]
    fn rank(self, key: i32, index: usize) -> i64 {
        let index = if self.reversed { index as u32 } else { !(index as u32) };
        i64::from(key) << 32 | i64::from(index)
    }

    /// The index that is part of a rank.
    pub(super) fn index(self, rank: i64) -> usize {
        let index = rank as u32;
        (if self.reversed { index } else { !index }) as usize
    }

    /// A key that probably somewhat more than this share of candidates reach.
    fn bound(self, scores: &[f32], candidates: &[u8], share: f64, sample: usize) -> i32 {
        if scores.len() <= sample {
            return i32::MIN;
        }
        // Odd, because the lengths of rows are powers of 2 as a rule.
        let stride = (scores.len() / sample) | 1;
        let entries = scores.iter().zip(candidates).step_by(stride);
        let mut keys: Vec<i32> =
            entries.filter(|(_, set)| **set != 0).map(|(score, _)| self.key(*score)).collect();
        let expected = share * keys.len() as f64;
        // Four standard deviations beyond it.
        let reaching = (expected + 4.0 * expected.sqrt() + 8.0) as usize;
        match keys.len().checked_sub(reaching) {
            Some(rank) if rank > 0 => *keys.select_nth_unstable(rank).1,
            _ => i32::MIN,
        }
    }

    /// The ranks of the candidates whose key reaches the bound, of which about so many are expected.
    ///
    /// # Errors
    /// If the score of any candidate is not a number.
    fn reaching(
        self,
        scores: &[f32],
        candidates: &[u8],
        bound: i32,
        expected: usize,
    ) -> Result<Vec<i64>> {
        // A bound from a sample lets somewhat more pass.
        let mut ranks = Vec::with_capacity((expected + expected / 8).min(scores.len()));
        let mut is_valid = true;
        let (score_blocks, last_scores) = scores.as_chunks::<BLOCK>();
        let (candidate_blocks, last_candidates) = candidates.as_chunks::<BLOCK>();
        for (number, (scores, candidates)) in score_blocks.iter().zip(candidate_blocks).enumerate()
        {
            // Few blocks have an entry that passes, and this loop has no branches.
            let (mut passing, mut invalid) = (0, 0);
            for (score, set) in scores.iter().zip(candidates) {
                passing |= i32::from(self.key(*score) >= bound) & i32::from(*set);
                invalid |= i32::from(score.is_nan()) & i32::from(*set);
            }
            is_valid &= invalid == 0;
            if passing != 0 {
                self.collect(scores, candidates, bound, number * BLOCK, &mut ranks);
            }
        }
        let mut last = last_scores.iter().zip(last_candidates);
        is_valid &= last.all(|(score, set)| !score.is_nan() || *set == 0);
        let start = score_blocks.len() * BLOCK;
        self.collect(last_scores, last_candidates, bound, start, &mut ranks);
        if is_valid { Ok(ranks) } else { Err(not_a_number()) }
    }

    /// Appends the ranks of those that reach the bound among the entries from `start`, of which there
    /// is at most one block.
    fn collect(
        self,
        scores: &[f32],
        candidates: &[u8],
        bound: i32,
        start: usize,
        ranks: &mut Vec<i64>,
    ) {
        let mut passing = [0; BLOCK];
        let mut length = 0;
        for (index, (score, set)) in (start..).zip(scores.iter().zip(candidates)) {
            let key = self.key(*score);
            passing[length] = self.rank(key, index);
            length += usize::from((key >= bound) & (*set != 0));
        }
        ranks.extend_from_slice(&passing[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By a sort.
    fn expected(scores: &[f32], candidates: &[u8], k: usize, end: End) -> Vec<u8> {
        let mut order: Vec<usize> = (0..scores.len()).filter(|i| candidates[*i] != 0).collect();
        order.sort_by(|a, b| {
            let by_score = scores[*a].total_cmp(&scores[*b]);
            if end == End::Smallest { by_score } else { by_score.reverse() }.then(a.cmp(b))
        });
        let mut mask = vec![0; scores.len()];
        order[..k].iter().for_each(|index| mask[*index] = 1);
        mask
    }

    fn selected(scores: &[f32], candidates: &[u8], k: usize, end: End, sample: usize) -> Vec<u8> {
        let mut mask = vec![0; scores.len()];
        select_by(scores, candidates, k, end, &mut mask, sample).unwrap();
        mask
    }

    proptest! {
        #[test]
        fn the_sample_decides_nothing(
            entries in prop::collection::vec((-3i8..=3, 0u8..=1, -1e3f32..1e3), 1..500),
            share in 0.0f64..=1.0,
            sample in 1usize..64,
            coarse in any::<bool>(),
        ) {
            let scores: Vec<f32> =
                entries.iter().map(|(c, _, f)| if coarse { f32::from(*c) } else { *f }).collect();
            let candidates: Vec<u8> = entries.iter().map(|(_, set, _)| *set).collect();
            let k = (share * count_bytes(&candidates) as f64) as usize;
            for end in [End::Largest, End::Smallest] {
                prop_assert_eq!(
                    selected(&scores, &candidates, k, end, sample),
                    expected(&scores, &candidates, k, end)
                );
            }
        }
    }

    /// What the sample sees is larger than all else, or smaller.
    #[test]
    fn a_sample_that_misleads_costs_time_only() {
        let sample = 16;
        let stride = (1000 / sample) | 1;
        for (seen, unseen) in [(1e6, 1.0), (1.0, 1e6)] {
            let scores: Vec<f32> = (0..1000)
                .map(|index| index as f32 + if index % stride == 0 { seen } else { unseen })
                .collect();
            let candidates = vec![1; 1000];
            for k in [1, 10, 100, 500, 900, 1000] {
                for end in [End::Largest, End::Smallest] {
                    assert_eq!(
                        selected(&scores, &candidates, k, end, sample),
                        expected(&scores, &candidates, k, end)
                    );
                }
            }
        }
    }
}
