//! Mid-ranks and the sizes of tie groups.

/// Ranks from 1 (smallest) with ties sharing the mean of their places. Only values that are exactly
/// equal are tied here; the tests of this crate make ties that differ by rounding exact first.
/// Values must be comparable; callers reject NaN first.
///
/// ```
/// assert_eq!(dst_stats::mid_ranks(&[0.3, 0.1, 0.3, 0.9]), [2.5, 1.0, 2.5, 4.0]);
/// ```
#[must_use]
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let rank = (start + end + 1) as f64 / 2.0;
        for &index in &order[start..end] {
            ranks[index] = rank;
        }
        start = end;
    }
    ranks
}

/// Sum of t^3 - t over groups of t tied values.
pub(crate) fn tie_term(values: &[f64]) -> f64 {
    let sorted = crate::describe::sorted(values);
    let mut term = 0.0;
    for group in sorted.chunk_by(|a, b| a == b) {
        let t = group.len() as f64;
        term += t * t * t - t;
    }
    term
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_the_mean_of_their_places() {
        assert_eq!(mid_ranks(&[5.0, 5.0, 5.0]), [2.0, 2.0, 2.0]);
        assert_eq!(tie_term(&[1.0, 2.0, 2.0, 3.0, 3.0, 3.0]), 6.0 + 24.0);
    }

    #[test]
    fn negative_zero_ties_with_zero() {
        assert_eq!(mid_ranks(&[0.0, -0.0, 1.0]), [1.5, 1.5, 3.0]);
    }
}
