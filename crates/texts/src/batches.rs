//! Batches of sentences of like length, so that little of a batch is padding.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Batches whose rows are sorted together. More would pad less and shuffle less.
const POOL: usize = 64;

/// Groups rows of the given lengths into batches of `batch_size`.
///
/// With `order`, rows are shuffled, sorted by length within pools of 64 batches, and the batches
/// are shuffled. Without, all rows are sorted by length (the earlier row first among equals) and
/// the batches follow one another in a fixed order that does not depend on length, so the first
/// few stand for all. If the rows do not fill whole batches, the last one is smaller.
pub(crate) fn by_length(
    lengths: &[u32],
    batch_size: usize,
    order: Option<&mut ChaCha8Rng>,
) -> Vec<Vec<i64>> {
    let batch_size = batch_size.max(1);
    let mut rows: Vec<i64> = (0..lengths.len() as i64).collect();
    let mut fixed = ChaCha8Rng::seed_from_u64(0);
    let (pool, shuffled) = match order {
        Some(order) => {
            rows.shuffle(order);
            (POOL * batch_size, order)
        }
        None => (rows.len().max(1), &mut fixed),
    };
    // The rows that fill no batch are set aside before sorting, where the shuffle put them: taken
    // from the end of a sorted pool they would always be the longest.
    let rest = rows.split_off(rows.len() - rows.len() % batch_size);
    for pool in rows.chunks_mut(pool) {
        pool.sort_by_key(|row| lengths[*row as usize]);
    }
    let mut batches: Vec<Vec<i64>> = rows.chunks(batch_size).map(<[i64]>::to_vec).collect();
    batches.shuffle(shuffled);
    if !rest.is_empty() {
        batches.push(rest);
    }
    batches
}

/// Share of padding in all batches together, in [0, 1).
#[cfg(test)]
pub(crate) fn padding(lengths: &[u32], batches: &[Vec<i64>]) -> f64 {
    let length = |row: &i64| u64::from(lengths[*row as usize]);
    let tokens: u64 = batches.iter().flatten().map(length).sum();
    let padded: u64 = batches
        .iter()
        .map(|batch| batch.len() as u64 * batch.iter().map(length).max().unwrap_or(0))
        .sum();
    1.0 - tokens as f64 / padded as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths() -> Vec<u32> {
        (0..10_007u32).map(|row| 3 + row.wrapping_mul(2_654_435_761) % 60).collect()
    }

    #[test]
    fn every_row_comes_once_and_only_the_last_batch_is_smaller() {
        let lengths = lengths();
        for seed in [None, Some(1)] {
            let mut order = seed.map(ChaCha8Rng::seed_from_u64);
            let batches = by_length(&lengths, 32, order.as_mut());
            let (last, whole) = batches.split_last().unwrap();
            assert!(whole.iter().all(|batch| batch.len() == 32));
            assert_eq!(last.len(), 10_007 % 32);
            let mut rows: Vec<i64> = batches.concat();
            rows.sort_unstable();
            assert_eq!(rows, (0..10_007).collect::<Vec<i64>>());
            assert!(padding(&lengths, &batches) < 0.02);
        }
        let plain: Vec<Vec<i64>> =
            (0..10_007i64).collect::<Vec<_>>().chunks(32).map(<[i64]>::to_vec).collect();
        assert!(padding(&lengths, &plain) > 0.4);
    }

    #[test]
    fn the_order_follows_the_stream() {
        let lengths = lengths();
        let batches = |seed| by_length(&lengths, 32, Some(&mut ChaCha8Rng::seed_from_u64(seed)));
        assert_eq!(batches(1), batches(1));
        assert_ne!(batches(1), batches(2));
        assert_eq!(by_length(&lengths, 32, None), by_length(&lengths, 32, None));
    }

    /// Latency is measured on the first batches without an order.
    #[test]
    fn the_first_batches_stand_for_all() {
        let lengths = lengths();
        let batches = by_length(&lengths, 32, None);
        let mean = |batches: &[Vec<i64>]| {
            let rows: Vec<i64> = batches.concat();
            rows.iter().map(|row| f64::from(lengths[*row as usize])).sum::<f64>()
                / rows.len() as f64
        };
        assert!((mean(&batches[..16]) / mean(&batches) - 1.0).abs() < 0.25);
    }

    #[test]
    fn small_and_empty_splits_are_batched() {
        assert_eq!(by_length(&[5, 4], 8, None).concat(), [0, 1]);
        assert!(by_length(&[], 8, None).is_empty());
        assert_eq!(by_length(&[5, 4, 3], 0, None).len(), 3);
    }
}
