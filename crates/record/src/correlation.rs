//! Correlations of predicted and true numbers.

/// Pearson's correlation, in [-1, 1]; none if either sample is constant.
///
/// Both samples have the same length.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if is_constant(a) || is_constant(b) {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut products, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        products += a * b;
        squares_a += a * a;
        squares_b += b * b;
    }
    let correlation = products / (squares_a.sqrt() * squares_b.sqrt());
    // Rounding may step over the ends.
    correlation.is_finite().then(|| correlation.clamp(-1.0, 1.0))
}

/// Spearman's correlation: Pearson's of the ranks, where equal values share the mean of theirs.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    // Ranks would turn the rounding errors of a constant into full steps.
    if is_constant(a) || is_constant(b) {
        return None;
    }
    pearson(&ranks(a), &ranks(b))
}

/// Are all values equal, but for the rounding of f32 arithmetic that made them? So is an empty
/// sample; one with a NaN is not.
pub fn is_constant(values: &[f64]) -> bool {
    let Some(first) = values.first() else { return true };
    values.iter().all(|value| (value - first).abs() <= 4.0 * f64::from(f32::EPSILON) * first.abs())
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        for &index in tied {
            ranks[index] = start as f64 + (tied.len() + 1) as f64 / 2.0;
        }
        start += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-14)
    }

    #[test]
    fn correlations_meet_values_worked_out_by_hand() {
        let a = [1.0, 2.0, 3.0, 6.0];
        let b = [2.0, 1.0, 4.0, 5.0];
        // Around the means 3 and 3: -2, -1, 0, 3 and -1, -2, 1, 2, so 10 / √(14 · 10).
        assert!(near(pearson(&a, &b), 10.0 / 140f64.sqrt()));
        // Ranks 1, 2, 3, 4 and 2, 1, 3, 4: 1 - 6 · 2 / (4 · 15).
        assert!(near(spearman(&a, &b), 0.8));
        let opposite = b.map(|value| 7.0 - 0.3 * value);
        assert!(near(pearson(&b, &opposite), -1.0));
        assert!(near(spearman(&a, &a.map(f64::exp)), 1.0));
    }

    #[test]
    fn ties_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[0.3, 0.1, 0.3, 0.9, 0.3]), [3.0, 1.0, 3.0, 5.0, 3.0]);
        // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / √(4.5 · 5).
        assert!(near(spearman(&[1.0, 2.0, 2.0, 9.0], &[0.0, 1.0, 2.0, 3.0]), 0.9f64.sqrt()));
    }

    #[test]
    fn a_constant_correlates_with_nothing() {
        let varying = [1.0, 2.0, 3.0];
        for constant in [[2.5; 3], [0.0; 3], [1.0, 1.0 + 1e-7, 1.0]] {
            assert_eq!((pearson(&constant, &varying), spearman(&varying, &constant)), (None, None));
        }
        assert_eq!((pearson(&[], &[]), spearman(&[1.0], &[2.0])), (None, None));
        assert_eq!(pearson(&[1.0, f64::NAN, 2.0], &varying), None);
    }
}
