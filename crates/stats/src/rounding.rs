//! Which numbers are equal: decimals that were parsed, subtracted or averaged agree only up to
//! rounding, and 0.93 - 0.92 must tie with 0.91 - 0.90 in every test.
//!
//! Every value has a tolerance of its own, from the magnitudes that it was computed from. One
//! tolerance for all, from the largest of them, would let a single diverged run (a loss of 1e10)
//! swallow every difference among the others.

/// Values that agree in this share of their magnitude are tied: 2^-40, about twelve significant
/// digits. Parsing and subtracting leaves 2^-52 of it.
const TIE: f64 = 1.0 / (1_u64 << 40) as f64;

/// Rounding of a value of magnitude `scale`. A spread below this is no spread: 0.91 - 0.90 and
/// 0.57 - 0.56 differ in the last digits although the data say 0.01 twice, and a t of 1e14 from
/// them would be a number made up by rounding. The absolute floor is where squares of squares
/// underflow.
pub(crate) fn rounding(scale: f64) -> f64 {
    (16.0 * f64::EPSILON * scale).max(1e-75)
}

/// How precise values of a sample are, given the magnitudes that they were computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Precision {
    /// Lower median of the magnitudes: what a value near 0 among them may be off by, which its own
    /// magnitude does not tell (0.1 + 0.2 - 0.3 among scores). No outlier moves it.
    typical: f64,
}

impl Precision {
    /// From values, each of which stands for itself.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut magnitudes: Vec<f64> = values.iter().map(|v| v.abs()).collect();
        if magnitudes.is_empty() {
            return Self { typical: 0.0 };
        }
        let middle = (magnitudes.len() - 1) / 2;
        let (_, typical, _) = magnitudes.select_nth_unstable_by(middle, f64::total_cmp);
        Self { typical: *typical }
    }

    /// Magnitude of a typical value.
    pub(crate) fn typical(self) -> f64 {
        self.typical
    }

    /// Rounding of a value computed from numbers as large as `magnitude`.
    pub(crate) fn rounding(self, magnitude: f64) -> f64 {
        rounding(magnitude.abs().max(self.typical))
    }

    /// Distance within which such a value is tied with another.
    pub(crate) fn tie(self, magnitude: f64) -> f64 {
        (TIE * magnitude.abs()).max(16.0 * f64::EPSILON * self.typical)
    }

    /// Whether all values are one number up to the rounding of each.
    pub(crate) fn is_constant(self, values: &[f64]) -> bool {
        agree(values.iter().map(|v| (*v, self.rounding(*v))))
    }
}

/// Whether some number lies within the tolerance of every value: (value, tolerance).
pub(crate) fn agree(values: impl Iterator<Item = (f64, f64)>) -> bool {
    let (low, high) = values.fold((f64::NEG_INFINITY, f64::INFINITY), |(low, high), (v, t)| {
        (low.max(v - t), high.min(v + t))
    });
    low <= high
}

/// The values with ties made exact: those that agree up to rounding become one number.
///
/// ```text
/// 0.3, 0.1 + 0.2, 1e10  ->  0.3, 0.3, 1e10
/// ```
pub(crate) fn with_exact_ties(values: &[f64]) -> Vec<f64> {
    let precision = Precision::of(values);
    let tolerances: Vec<f64> = values.iter().map(|v| precision.tie(*v)).collect();
    merge(values, &tolerances, Vec::new())
}

/// Replaces every value by the centre of its group. Groups are founded from the most precise value
/// to the least: a value joins the nearest centre within its own tolerance, or founds a group. So
/// no group is wider than the tolerance of its member, chains of near values do not run together,
/// and an imprecise value never joins two precise ones. `centres` are the groups there are already,
/// ascending.
pub(crate) fn merge(values: &[f64], tolerances: &[f64], mut centres: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| {
        let by = |k: usize| (tolerances[k], values[k].abs(), values[k]);
        let (a, b) = (by(i), by(j));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
    });
    let mut merged = values.to_vec();
    for index in order {
        let value = values[index];
        let place = centres.partition_point(|c| *c < value);
        let neighbours = [place.checked_sub(1), Some(place)];
        let nearest = neighbours
            .into_iter()
            .flatten()
            .filter_map(|i| centres.get(i).copied())
            .min_by(|a, b| (a - value).abs().total_cmp(&(b - value).abs()));
        match nearest {
            Some(centre) if (centre - value).abs() <= tolerances[index] => merged[index] = centre,
            _ => centres.insert(place, value),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_decimals_are_one_number_beside_an_outlier() {
        for outlier in [1.0, 1e10, 1e69] {
            let tied = with_exact_ties(&[0.3, outlier, 0.1 + 0.2, 0.300_000_001]);
            assert_eq!(tied[0], tied[2]);
            assert_eq!(tied[1], outlier);
            assert!(tied[3] > tied[0]);
        }
    }

    #[test]
    fn rounding_around_zero_is_zero() {
        let tied = with_exact_ties(&[0.0, 0.1 + 0.2 - 0.3, 0.9, 0.8, 0.7]);
        assert_eq!(tied[1], 0.0);
        assert_eq!(with_exact_ties(&[0.0, -0.0, 1.0])[..2], [0.0, 0.0]);
    }

    #[test]
    fn an_imprecise_value_joins_one_group_and_merges_none() {
        let merged = merge(&[0.2, 0.5, 0.8, 0.45], &[1e-12, 1e-12, 1e-12, 0.4], Vec::new());
        assert_eq!(merged, [0.2, 0.5, 0.8, 0.5]);
        // A chain of steps below the tolerance does not become one group.
        let merged = merge(&[1.0, 1.9, 2.8, 3.7], &[1.0; 4], Vec::new());
        assert_eq!(merged, [1.0, 1.0, 2.8, 2.8]);
    }

    #[test]
    fn constant_up_to_the_rounding_of_each_value() {
        let values = [0.3, 0.1 + 0.2];
        assert!(Precision::of(&values).is_constant(&values));
        // 1e14 rounds in steps of 1/64; the others do not.
        let values = [1e14, 0.1, 0.2];
        assert!(!Precision::of(&values).is_constant(&values[1..]));
    }
}
