//! Choosing exactly k entries of a tensor.
//!
//! Every function takes candidates and scores and returns a `Bool` mask of the scores' shape
//! with exactly k entries set. Ties are broken by index: of equal scores the lower index is
//! selected. Nothing is ever excluded by adding small offsets to scores.
//!
//! On the CPU, f32 scores are ranked by their bits in one pass over them (see `host`). Elsewhere the
//! same result comes from `kthvalue` and a running count, without leaving the device.

mod groups;
mod host;
mod structured;

pub use groups::Groups;
pub use structured::{random_k_rows, row_counts, top_k_rows, top_n_of_m};

use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, ErrorKind, Result};
use crate::mask::{self, with_bytes_mut, with_floats};
pub use crate::mask::{gather, scatter, with_bytes};

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
    mask::count(mask)
}

fn select(scores: &Tensor, candidates: Option<&Tensor>, k: usize, end: End) -> Result<Tensor> {
    let scores = scores.detach();
    if is_ranked_on_host(&scores) {
        select_on_host(&scores, candidates, k, end)
    } else {
        select_on_device(&scores, candidates, k, end)
    }
}

/// Are such scores ranked by their bits in the host's memory?
fn is_ranked_on_host(scores: &Tensor) -> bool {
    let is_indexed = u32::try_from(scores.numel()).is_ok();
    scores.device() == Device::Cpu && scores.kind() == Kind::Float && is_indexed
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
    let mut mask = Tensor::zeros(scores.size(), (Kind::Bool, Device::Cpu));
    with_floats(&contiguous, |scores| {
        with_bytes(&candidates, |candidates| {
            with_bytes_mut(&mut mask, |mask| host::select(scores, candidates, k, end, mask))
        })
    })?;
    Ok(mask)
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
            // Coarse scores tie often.
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
