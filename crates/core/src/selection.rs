//! Choosing exactly k entries of a tensor.
//!
//! Every function takes candidates and scores and returns a `Bool` mask of the scores' shape
//! with exactly k entries set. Ties are broken by index: of equal scores the lower index is
//! selected. Nothing is ever excluded by adding small offsets to scores.
//!
//! On the CPU, f32 scores are selected by a radix select over their bits: O(n), no copy of the
//! scores, no dependence on their order. Elsewhere the same result comes from
//! `kthvalue` and a running count, without leaving the device.

mod groups;
mod structured;

pub use groups::Groups;
pub use structured::{random_k_rows, row_counts, top_k_rows, top_n_of_m};

use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, ErrorKind, Result};

/// Which end of the scores is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Largest,
    Smallest,
}

/// The `k` candidates with the largest scores. `candidates` (`Bool`, same shape) defaults to all.
///
/// # Errors
/// If there are fewer than `k` candidates, or a candidate's score is not a number.
pub fn top_k(scores: &Tensor, candidates: Option<&Tensor>, k: usize) -> Result<Tensor> {
    select(scores, candidates, k, End::Largest)
}

/// The `k` candidates with the smallest scores.
///
/// # Errors
/// As [`top_k`].
pub fn bottom_k(scores: &Tensor, candidates: Option<&Tensor>, k: usize) -> Result<Tensor> {
    select(scores, candidates, k, End::Smallest)
}

/// `k` of the candidates (`Bool`), every subset with the same probability.
///
/// The draw happens on the host, so a seed gives the same mask on every device.
///
/// # Errors
/// If there are fewer than `k` candidates.
pub fn random_k(candidates: &Tensor, k: usize, rng: &mut ChaCha8Rng) -> Result<Tensor> {
    let host = host(candidates);
    let (count, mask) = with_bytes(&host, |candidates| {
        let count = candidates.iter().filter(|set| **set != 0).count();
        let mut mask = vec![0u8; candidates.len()];
        if k <= count {
            let mut chosen = vec![false; count];
            for rank in index::sample(rng, count, k) {
                chosen[rank] = true;
            }
            let slots = candidates.iter().zip(&mut mask).filter(|(set, _)| **set != 0);
            for ((_, slot), chosen) in slots.zip(chosen) {
                *slot = u8::from(chosen);
            }
        }
        (count, mask)
    });
    if k > count {
        return Err(too_few(k, count));
    }
    Ok(from_bytes(&mask, &candidates.size()).to_device(candidates.device()))
}

/// `k` of the candidates (`Bool`), drawn one after another without putting back, each with a
/// probability in proportion to its score among those that are left (the keys of Efraimidis &
/// Spirakis 2006). Candidates whose score is 0 follow when no others are left, all with the same
/// probability.
///
/// The draw happens on the host, so a seed gives the same mask on every device.
///
/// # Errors
/// If there are fewer than `k` candidates, or a candidate's score is negative or not a number.
pub fn sample_k(
    scores: &Tensor,
    candidates: &Tensor,
    k: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Tensor> {
    let scores = scores.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mask = with_floats(&scores, |scores| {
        with_bytes(&host(candidates), |candidates| sample(scores, candidates, k, rng))
    })?;
    Ok(from_bytes(&mask, &candidates.size()).to_device(candidates.device()))
}

fn sample(scores: &[f32], candidates: &[u8], k: usize, rng: &mut ChaCha8Rng) -> Result<Vec<u8>> {
    // An exponential variable of rate w, whose k smallest are such a sample; what has no weight
    // comes after all others.
    let mut keys: Vec<(bool, f64, usize)> = Vec::new();
    for (index, (score, set)) in scores.iter().zip(candidates).enumerate() {
        if *set == 0 {
            continue;
        }
        if score.is_nan() || *score < 0.0 {
            return Err(not_a_number().at(format!("a score of {score}")));
        }
        let exponential = -(1.0 - rng.random::<f64>()).ln();
        let weightless = *score == 0.0;
        let key = if weightless { exponential } else { exponential / f64::from(*score) };
        keys.push((weightless, key, index));
    }
    if k > keys.len() {
        return Err(too_few(k, keys.len()));
    }
    let mut mask = vec![0u8; scores.len()];
    if k > 0 {
        let order = |a: &(bool, f64, usize), b: &(bool, f64, usize)| {
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
        };
        let (smaller, last, _) = keys.select_nth_unstable_by(k - 1, order);
        for (_, _, index) in smaller.iter().chain([&*last]) {
            mask[*index] = 1;
        }
    }
    Ok(mask)
}

/// The `k` entries with the largest scores over several tensors at once, as one mask for each.
/// Ties go to the earlier tensor, then to the lower index.
///
/// # Errors
/// As [`top_k`].
pub fn global_top_k(scores: &[Tensor], candidates: &[Tensor], k: usize) -> Result<Vec<Tensor>> {
    let flat = |tensors: &[Tensor]| {
        Tensor::cat(&tensors.iter().map(|tensor| tensor.flatten(0, -1)).collect::<Vec<_>>(), 0)
    };
    let mask = top_k(&flat(scores), Some(&flat(candidates)), k)?;
    let mut start = 0;
    Ok(scores
        .iter()
        .map(|score| {
            let length = score.numel() as i64;
            let part = mask.narrow(0, start, length).reshape(score.size()).copy();
            start += length;
            part
        })
        .collect())
}

/// How many entries of a `Bool` mask are set.
pub fn count(mask: &Tensor) -> usize {
    if mask.device() == Device::Cpu && mask.is_contiguous() {
        // Unlike libtorch's sum this needs no i64 copy of the mask.
        return with_bytes(mask, |bytes| bytes.iter().map(|byte| usize::from(*byte)).sum());
    }
    mask.sum(Kind::Int64).int64_value(&[]) as usize
}

fn select(scores: &Tensor, candidates: Option<&Tensor>, k: usize, end: End) -> Result<Tensor> {
    let scores = scores.detach();
    if scores.device() == Device::Cpu && scores.kind() == Kind::Float {
        select_on_host(&scores, candidates, k, end)
    } else {
        select_on_device(&scores, candidates, k, end)
    }
}

fn select_on_host(
    scores: &Tensor,
    candidates: Option<&Tensor>,
    k: usize,
    end: End,
) -> Result<Tensor> {
    let contiguous = scores.contiguous();
    let everything;
    let candidates = match candidates {
        Some(candidates) => host(candidates),
        None => {
            everything = Tensor::ones(scores.size(), (Kind::Bool, Device::Cpu));
            everything
        }
    };
    let mask = with_floats(&contiguous, |scores| {
        with_bytes(&candidates, |candidates| radix_select(scores, candidates, k, end))
    })?;
    Ok(from_bytes(&mask, &scores.size()))
}

/// Maps a float to an integer with the same order; `End::Smallest` reverses it, so the select
/// below always looks for the largest keys. −0 and +0 are the same score and get one key.
#[inline(always)]
fn key(score: f32, end: End) -> u32 {
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 };
    match end {
        End::Largest => ordered,
        End::Smallest => !ordered,
    }
}

/// Exactly k of the candidates with the largest keys, ties to the lower index, in two passes over all
/// entries and a few over those near the threshold.
///
/// The loops over all select with arithmetic instead of branches: which entries are candidates is as
/// good as random, and mispredicted branches would cost more than all the rest.
fn radix_select(scores: &[f32], candidates: &[u8], k: usize, end: End) -> Result<Vec<u8>> {
    let candidates = &candidates[..scores.len()];
    let keys = || scores.iter().zip(candidates).map(|(score, set)| (key(*score, end), *set));

    // First pass: the distribution of the top 11 bits. Two counts of each bin, because neighbours are
    // often alike, and a count must not wait for the one before it.
    let mut lanes = [[0u32; BINS]; 2];
    for (index, (key, set)) in keys().enumerate() {
        lanes[index & 1][(key >> 21) as usize] += u32::from(set);
    }
    let [even, odd] = &lanes;
    let histogram: Vec<usize> =
        even.iter().zip(odd).map(|(even, odd)| *even as usize + *odd as usize).collect();
    let outer = histogram[..INFINITE].iter().chain(&histogram[BINS - INFINITE..]);
    if outer.sum::<usize>() > 0 {
        let mut pairs = scores.iter().zip(candidates);
        if pairs.any(|(score, set)| score.is_nan() && *set != 0) {
            return Err(not_a_number());
        }
    }
    let count: usize = histogram.iter().sum();
    if k > count {
        return Err(too_few(k, count));
    }
    let mut mask = vec![0u8; scores.len()];
    if k == 0 {
        return Ok(mask);
    }
    let (high, mut need) = crossing(&histogram, k);

    // Second pass: what lies above that bin is chosen. Of what lies in it, which is little unless
    // scores are tied, keys and places are kept.
    let mut near = vec![(0u32, 0usize); histogram[high] + 1];
    let mut length = 0;
    for (index, ((key, set), chosen)) in keys().zip(&mut mask).enumerate() {
        let bin = (key >> 21) as usize;
        *chosen = u8::from(bin > high) & set;
        near[length] = (key, index);
        length += usize::from((bin == high) & (set != 0));
    }
    near.truncate(length);
    for (shift, bits) in [(10, 0x7ff), (0, 0x3ff)] {
        let bin = |key: u32| (key >> shift & bits) as usize;
        let mut histogram = vec![0usize; BINS];
        near.iter().for_each(|(key, _)| histogram[bin(*key)] += 1);
        let (threshold, left) = crossing(&histogram, need);
        need = left;
        for (key, index) in &near {
            mask[*index] |= u8::from(bin(*key) > threshold);
        }
        near.retain(|(key, _)| bin(*key) == threshold);
    }
    near.iter().take(need).for_each(|(_, index)| mask[*index] = 1);
    Ok(mask)
}

/// Values of the top 11 bits of a key.
const BINS: usize = 2048;

/// So many bins at either end hold what is infinite or no number.
const INFINITE: usize = 4;

/// The bin, counted from the top, in which the k-th entry lies, and how many of that bin are
/// needed.
fn crossing(histogram: &[usize], k: usize) -> (usize, usize) {
    let mut need = k;
    for (bin, count) in histogram.iter().enumerate().rev() {
        if need <= *count {
            return (bin, need);
        }
        need -= count;
    }
    unreachable!("the histogram holds at least k entries")
}

fn select_on_device(
    scores: &Tensor,
    candidates: Option<&Tensor>,
    k: usize,
    end: End,
) -> Result<Tensor> {
    let shape = scores.size();
    let flat = match end {
        End::Largest => scores.flatten(0, -1),
        End::Smallest => -scores.flatten(0, -1),
    };
    let candidates = match candidates {
        Some(candidates) => candidates.flatten(0, -1).to_device(flat.device()),
        None => flat.ones_like().to_kind(Kind::Bool),
    };
    let available = count(&candidates);
    if k > available {
        return Err(too_few(k, available));
    }
    if flat.isnan().logical_and(&candidates).any().int64_value(&[]) != 0 {
        return Err(not_a_number());
    }
    if k == 0 {
        return Ok(candidates.zeros_like().reshape(shape));
    }
    // Non-candidates sort last; a candidate may be −∞ too, so they are excluded again below.
    let filled = flat.masked_fill(&candidates.logical_not(), f64::NEG_INFINITY);
    let rank = filled.numel() as i64 - k as i64 + 1;
    let (threshold, _) = filled.kthvalue(rank, 0, false);
    let above = flat.gt_tensor(&threshold).logical_and(&candidates);
    let tied = flat.eq_tensor(&threshold).logical_and(&candidates);
    let need = above.sum(Kind::Int64).neg() + k as i64;
    let chosen = tied.cumsum(0, Kind::Int64).le_tensor(&need).logical_and(&tied);
    Ok(above.logical_or(&chosen).reshape(shape))
}

fn too_few(k: usize, count: usize) -> Error {
    Error::contract(format!("{k} entries were to be selected from {count} candidates"))
}

fn not_a_number() -> Error {
    Error::new(ErrorKind::Diverged, "a score is not a number")
        .hint("lower the learning rate or clip gradients")
}

fn host(mask: &Tensor) -> Tensor {
    mask.to_device(Device::Cpu).contiguous()
}

/// Runs `f` over the values of a contiguous f32 tensor on the CPU.
pub(crate) fn with_floats<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> R {
    assert!(tensor.device() == Device::Cpu && tensor.kind() == Kind::Float);
    assert!(tensor.is_contiguous(), "raw access needs contiguous storage");
    let length = tensor.numel();
    if length == 0 {
        return f(&[]);
    }
    // SAFETY: kind, device and contiguity are asserted, so `length` floats lie at the pointer;
    // the tensor is borrowed for the call, which keeps its storage alive.
    f(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), length) })
}

/// Runs `f` over the entries of a contiguous `Bool` tensor on the CPU, one byte each, 0 or 1.
pub(crate) fn with_bytes<R>(tensor: &Tensor, f: impl FnOnce(&[u8]) -> R) -> R {
    assert!(tensor.device() == Device::Cpu && tensor.kind() == Kind::Bool);
    assert!(tensor.is_contiguous(), "raw access needs contiguous storage");
    let length = tensor.numel();
    if length == 0 {
        return f(&[]);
    }
    // SAFETY: as in `with_floats`; libtorch stores a Bool as one byte.
    f(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<u8>(), length) })
}

fn from_bytes(mask: &[u8], shape: &[i64]) -> Tensor {
    Tensor::from_data_size(mask, shape, Kind::Bool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::SeedStreams;
    use proptest::prelude::*;

    fn bits(mask: &Tensor) -> Vec<u8> {
        with_bytes(&mask.flatten(0, -1), <[u8]>::to_vec)
    }

    fn mask(bits: &[u8]) -> Tensor {
        from_bytes(bits, &[bits.len() as i64])
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        let scores = Tensor::from_slice(&[1.0f32, 3.0, 2.0, 3.0, 2.0, 2.0]);
        assert_eq!(bits(&top_k(&scores, None, 3).unwrap()), [0, 1, 1, 1, 0, 0]);
        assert_eq!(bits(&bottom_k(&scores, None, 3).unwrap()), [1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn zeros_of_either_sign_are_tied() {
        let scores = Tensor::from_slice(&[-0.0f32, 0.0, -0.0, 0.0]);
        assert_eq!(bits(&top_k(&scores, None, 2).unwrap()), [1, 1, 0, 0]);
        assert_eq!(bits(&bottom_k(&scores, None, 2).unwrap()), [1, 1, 0, 0]);
    }

    #[test]
    fn an_infinite_candidate_is_still_a_candidate() {
        let scores = Tensor::from_slice(&[f32::NEG_INFINITY, 5.0, f32::NEG_INFINITY]);
        let candidates = mask(&[1, 0, 1]);
        assert_eq!(bits(&top_k(&scores, Some(&candidates), 2).unwrap()), [1, 0, 1]);
        let device = select_on_device(&scores, Some(&candidates), 2, End::Largest).unwrap();
        assert_eq!(bits(&device), [1, 0, 1]);
    }

    #[test]
    fn too_few_candidates_and_nan_are_errors() {
        let scores = Tensor::from_slice(&[1.0f32, f32::NAN, 2.0]);
        let finite = mask(&[1, 0, 1]);
        assert!(top_k(&scores, Some(&finite), 3).is_err());
        assert_eq!(top_k(&scores, None, 1).unwrap_err().kind(), ErrorKind::Diverged);
        assert_eq!(bits(&top_k(&scores, Some(&finite), 1).unwrap()), [0, 0, 1]);
        let device = select_on_device(&scores, None, 1, End::Largest);
        assert_eq!(device.unwrap_err().kind(), ErrorKind::Diverged);
        // Whatever its sign, and at either end.
        for nan in [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xff80_0001)] {
            let scores = Tensor::from_slice(&[1.0f32, nan, f32::INFINITY, f32::NEG_INFINITY]);
            for select in [top_k, bottom_k] {
                assert_eq!(select(&scores, None, 1).unwrap_err().kind(), ErrorKind::Diverged);
            }
            assert_eq!(bits(&top_k(&scores, Some(&mask(&[1, 0, 1, 1])), 2).unwrap()), [1, 0, 1, 0]);
        }
    }

    #[test]
    fn one_threshold_serves_several_tensors() {
        let scores = [Tensor::from_slice(&[1.0f32, 5.0]), Tensor::from_slice(&[5.0f32, 4.0, 0.0])];
        let all = [mask(&[1, 1]), mask(&[1, 1, 1])];
        let masks = global_top_k(&scores, &all, 3).unwrap();
        assert_eq!(bits(&masks[0]), [0, 1]);
        assert_eq!(bits(&masks[1]), [1, 1, 0]);
    }

    #[test]
    fn random_subsets_are_uniform() {
        let mut rng = SeedStreams::new(3).stream("test");
        let candidates = mask(&[1, 0, 1, 1, 0, 1]);
        let mut hits = [0u32; 6];
        for _ in 0..6000 {
            for (hit, bit) in
                hits.iter_mut().zip(bits(&random_k(&candidates, 2, &mut rng).unwrap()))
            {
                *hit += u32::from(bit);
            }
        }
        assert_eq!((hits[1], hits[4]), (0, 0));
        // Each candidate is expected 3000 times with a standard deviation of 39.
        assert!([0, 2, 3, 5].iter().all(|i| hits[*i].abs_diff(3000) < 200), "{hits:?}");
    }

    #[test]
    fn samples_follow_their_scores() {
        let mut rng = SeedStreams::new(3).stream("test");
        let scores = Tensor::from_slice(&[1.0f32, 5.0, 3.0, 0.0, 0.0]);
        let candidates = mask(&[1, 0, 1, 1, 1]);
        let mut hits = [0u32; 5];
        for _ in 0..6000 {
            let drawn = bits(&sample_k(&scores, &candidates, 1, &mut rng).unwrap());
            hits.iter_mut().zip(drawn).for_each(|(hit, bit)| *hit += u32::from(bit));
        }
        // 1 : 3, so 1,500 and 4,500 with a standard deviation of 34.
        assert!(hits[0].abs_diff(1500) < 170 && hits[2].abs_diff(4500) < 170, "{hits:?}");
        assert_eq!([hits[1], hits[3], hits[4]], [0; 3]);
        // Weightless ones follow when nothing else is left.
        let three = bits(&sample_k(&scores, &candidates, 3, &mut rng).unwrap());
        assert_eq!((three[0], three[2], three[3] + three[4]), (1, 1, 1));
        assert!(sample_k(&scores, &candidates, 5, &mut rng).is_err());
        assert!(sample_k(&scores.neg(), &candidates, 1, &mut rng).is_err());
        assert_eq!(bits(&sample_k(&scores, &candidates, 0, &mut rng).unwrap()), [0; 5]);
    }

    proptest! {
        #[test]
        fn host_and_device_agree_with_a_sort(
            entries in prop::collection::vec((-3i8..=3, any::<bool>(), -1e3f32..1e3), 1..200),
            share in 0.0f64..=1.0,
            smallest in any::<bool>(),
            coarse in any::<bool>(),
        ) {
            // Coarse scores tie often, fine ones reach all three radix passes.
            let scores: Vec<f32> =
                entries.iter().map(|(c, _, f)| if coarse { f32::from(*c) } else { *f }).collect();
            let candidates: Vec<u8> = entries.iter().map(|(_, set, _)| u8::from(*set)).collect();
            let available = candidates.iter().filter(|set| **set != 0).count();
            let k = (share * available as f64) as usize;
            let end = if smallest { End::Smallest } else { End::Largest };

            let mut order: Vec<usize> = (0..scores.len()).filter(|i| candidates[*i] != 0).collect();
            order.sort_by(|a, b| {
                let by_score = scores[*a].total_cmp(&scores[*b]);
                if smallest { by_score } else { by_score.reverse() }.then(a.cmp(b))
            });
            let mut expected = vec![0u8; scores.len()];
            for index in &order[..k] {
                expected[*index] = 1;
            }

            let tensor = Tensor::from_slice(&scores);
            let candidates = mask(&candidates);
            let host = select_on_host(&tensor, Some(&candidates), k, end).unwrap();
            prop_assert_eq!(&bits(&host), &expected);
            let device = select_on_device(&tensor, Some(&candidates), k, end).unwrap();
            prop_assert_eq!(&bits(&device), &expected);
            prop_assert_eq!(count(&host), k);
        }

        #[test]
        fn active_sets_nest(scores in prop::collection::vec(-1e3f32..1e3, 2..100), cut in 0usize..100) {
            let tensor = Tensor::from_slice(&scores);
            let large = scores.len() - 1;
            let small = cut.min(large);
            let outer = bits(&top_k(&tensor, None, large).unwrap());
            let inner = bits(&top_k(&tensor, None, small).unwrap());
            prop_assert!(inner.iter().zip(&outer).all(|(inner, outer)| inner <= outer));
        }
    }
}
