//! Selections with a structure: so many of every row, N of every M inputs.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::host::{Order, select};
use super::{End, from_bytes, host, is_ranked_on_host, not_a_number, random_k, top_k};
use crate::error::{Error, Result};
use crate::mask::{count_bytes, with_bytes, with_bytes_mut, with_floats};

/// How many entries of every row of a `Bool` mask are set. A row is all that belongs to one output:
/// one index of the first dimension.
pub fn row_counts(mask: &Tensor) -> Result<Vec<usize>> {
    let rows = rows_of(&host(mask));
    let length = rows.size()[1] as usize;
    if length == 0 {
        return Ok(vec![0; rows.size()[0] as usize]);
    }
    Ok(with_bytes(&rows, |entries| entries.chunks_exact(length).map(count_bytes).collect()))
}

/// Of every row the `counts[row]` candidates with the largest scores, ties to the lower index.
///
/// # Errors
/// If a row has fewer candidates, a candidate's score is not a number, or `counts` is not as long as
/// there are rows.
pub fn top_k_rows(
    scores: &Tensor,
    candidates: Option<&Tensor>,
    counts: &[usize],
) -> Result<Tensor> {
    let scores = scores.detach();
    if !is_ranked_on_host(&scores) {
        return by_row(&scores, candidates, counts, top_k);
    }
    check_rows(counts, &scores.size())?;
    let scores = scores.contiguous();
    let candidates = match candidates {
        Some(candidates) => host(candidates),
        None => Tensor::ones(scores.size(), (Kind::Bool, Device::Cpu)),
    };
    let mut mask = Tensor::zeros(scores.size(), (Kind::Bool, Device::Cpu));
    let length = (scores.numel() / counts.len().max(1)).max(1);
    with_floats(&scores, |scores| {
        with_bytes(&candidates, |candidates| {
            with_bytes_mut(&mut mask, |mask| {
                let rows = scores.chunks(length).zip(candidates.chunks(length));
                let mut rows = rows.zip(mask.chunks_mut(length)).zip(counts).enumerate();
                rows.try_for_each(|(row, (((scores, candidates), mask), count))| {
                    select(scores, candidates, *count, End::Largest, mask)
                        .map_err(|error| error.at(format!("row {row}")))
                })
            })
        })
    })?;
    Ok(mask)
}

/// `counts[row]` candidates (`Bool`) of every row, every subset with the same probability.
///
/// # Errors
/// If a row has fewer candidates, or `counts` is not as long as there are rows.
pub fn random_k_rows(
    candidates: &Tensor,
    counts: &[usize],
    rng: &mut ChaCha8Rng,
) -> Result<Tensor> {
    by_row(candidates, None, counts, |candidates, _, count| random_k(candidates, count, rng))
}

fn by_row(
    tensor: &Tensor,
    candidates: Option<&Tensor>,
    counts: &[usize],
    mut select: impl FnMut(&Tensor, Option<&Tensor>, usize) -> Result<Tensor>,
) -> Result<Tensor> {
    let shape = tensor.size();
    check_rows(counts, &shape)?;
    let rows = rows_of(tensor);
    let candidates = candidates.map(rows_of);
    let selected = counts.iter().zip(0..).map(|(count, row)| {
        let candidates = candidates.as_ref().map(|candidates| candidates.get(row));
        select(&rows.get(row), candidates.as_ref(), *count)
            .map_err(|error| error.at(format!("row {row}")))
    });
    let selected = selected.collect::<Result<Vec<Tensor>>>()?;
    Ok(Tensor::f_stack(&selected, 0)?.reshape(shape))
}

/// # Errors
/// If there is not one count for each row of a weight of this shape.
fn check_rows(counts: &[usize], shape: &[i64]) -> Result<()> {
    if counts.len() as i64 == shape[0] {
        return Ok(());
    }
    let message = format!("{} counts were given for {} rows", counts.len(), shape[0]);
    Err(Error::contract(message))
}

/// The first dimension, and all others as one.
pub(super) fn rows_of(tensor: &Tensor) -> Tensor {
    tensor.reshape([tensor.size()[0], -1]).contiguous()
}

/// Of every `group` consecutive inputs (the second dimension, at the same place of a kernel) the
/// `kept` largest scores, ties to the lower index: N:M sparsity.
///
/// # Errors
/// If the inputs are no whole number of groups, `kept` is more than a group, or a score is not a
/// number.
pub fn top_n_of_m(scores: &Tensor, kept: usize, group: usize) -> Result<Tensor> {
    let shape = scores.size();
    let inputs = shape.get(1).copied().unwrap_or(0) as usize;
    if group == 0 || kept > group || !inputs.is_multiple_of(group) {
        return Err(Error::contract(format!(
            "{kept} of every {group} cannot be selected from {inputs} inputs"
        )));
    }
    let host = scores.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let stride = shape[2..].iter().product::<i64>() as usize;
    let mask = with_floats(&host, |scores| n_of_m(scores, kept, group, stride))?;
    Ok(from_bytes(&mask, &shape).to_device(scores.device()))
}

/// Groups of so many entries or fewer are compared pair by pair, larger ones are partitioned.
const COMPARED: usize = 8;

/// `stride` is the distance of two consecutive inputs.
fn n_of_m(scores: &[f32], kept: usize, group: usize, stride: usize) -> Result<Vec<u8>> {
    if scores.iter().any(|score| score.is_nan()) {
        return Err(not_a_number());
    }
    let mut mask = vec![0u8; scores.len()];
    if kept == 0 {
        return Ok(mask);
    }
    let span = group * stride;
    let mut ranks = Vec::with_capacity(group);
    for (scores, mask) in scores.chunks_exact(span).zip(mask.chunks_exact_mut(span)) {
        for place in 0..stride {
            if group > COMPARED {
                ranks.clear();
                let entries = scores[place..].iter().step_by(stride).enumerate();
                ranks.extend(entries.map(|(own, score)| Order::LARGEST.rank_of(*score, own)));
                let (_, least, first) = ranks.select_nth_unstable(group - kept);
                for rank in first.iter().chain([&*least]) {
                    mask[Order::LARGEST.index(*rank) * stride + place] = 1;
                }
                continue;
            }
            // An entry is kept if fewer than `kept` of its group come before it.
            for own in 0..group {
                let score = scores[own * stride + place];
                let earlier = (0..own).filter(|i| scores[i * stride + place] >= score).count();
                let later = (own + 1..group).filter(|i| scores[i * stride + place] > score).count();
                mask[own * stride + place] = u8::from(earlier + later < kept);
            }
        }
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::with_bytes;
    use crate::seed::SeedStreams;
    use proptest::prelude::*;

    fn bits(mask: &Tensor) -> Vec<u8> {
        with_bytes(&mask.flatten(0, -1).contiguous(), <[u8]>::to_vec)
    }

    fn matrix(values: &[f32], rows: i64) -> Tensor {
        Tensor::from_slice(values).reshape([rows, -1])
    }

    #[test]
    fn every_row_keeps_its_own_count() {
        let scores = matrix(&[3.0, 1.0, 2.0, 5.0, 5.0, 4.0], 2);
        let mask = top_k_rows(&scores, None, &[2, 1]).unwrap();
        assert_eq!(bits(&mask), [1, 0, 1, 1, 0, 0]);
        assert_eq!(row_counts(&mask).unwrap(), [2, 1]);
        let candidates = Tensor::from_slice(&[0u8, 1, 1, 1, 0, 1]).to_kind(Kind::Bool);
        let mask = top_k_rows(&scores, Some(&candidates.reshape([2, 3])), &[1, 0]).unwrap();
        assert_eq!(bits(&mask), [0, 0, 1, 0, 0, 0]);
        let error = top_k_rows(&scores, None, &[1, 4]).unwrap_err().to_string();
        assert!(error.starts_with("row 1: 4 entries"), "{error}");
        assert!(top_k_rows(&scores, None, &[1]).is_err());
    }

    #[test]
    fn rows_of_a_convolution_are_its_outputs() {
        let scores = Tensor::arange(12, (Kind::Float, Device::Cpu)).reshape([2, 3, 1, 2]);
        let mask = top_k_rows(&scores, None, &[1, 2]).unwrap();
        assert_eq!(mask.size(), [2, 3, 1, 2]);
        assert_eq!(bits(&mask), [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn random_rows_hold_their_counts() {
        let mut rng = SeedStreams::new(1).stream("test");
        let all = Tensor::ones([3, 5], (Kind::Bool, Device::Cpu));
        let mask = random_k_rows(&all, &[0, 2, 5], &mut rng).unwrap();
        assert_eq!(row_counts(&mask).unwrap(), [0, 2, 5]);
    }

    /// Groups of two along the inputs, at each of the two places of the kernel.
    #[test]
    fn groups_run_along_the_inputs() {
        let scores = matrix(&[1.0, 2.0, 2.0, 1.0, 7.0, 7.0, 0.0, 9.0], 1).reshape([1, 4, 1, 2]);
        let mask = top_n_of_m(&scores, 1, 2).unwrap();
        assert_eq!(bits(&mask), [0, 1, 1, 0, 1, 0, 0, 1]);
        let error = top_n_of_m(&scores, 1, 3).unwrap_err().to_string();
        assert_eq!(error, "1 of every 3 cannot be selected from 4 inputs");
        assert!(top_n_of_m(&(scores * f64::NAN), 1, 2).is_err());
    }

    proptest! {
        /// Every group is selected as if it stood alone.
        #[test]
        fn groups_agree_with_the_selection_of_one(
            values in prop::collection::vec(-3i8..=3, 32),
            kept in 0usize..=4,
        ) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            // Compared pair by pair, and partitioned.
            for group in [4, 16] {
                let groups = values.len() / group;
                let mask = top_n_of_m(&matrix(&values, 2), kept, group).unwrap();
                let alone =
                    top_k_rows(&matrix(&values, groups as i64), None, &vec![kept; groups]).unwrap();
                prop_assert_eq!(bits(&mask), bits(&alone));
            }
        }
    }
}
