//! Differences of matched samples, each with the size of its rounding.

use crate::{
    describe::{mean, variance},
    error::{Degenerate, Result, require_equal, require_finite},
    rounding::{Precision, agree, merge},
};

/// Differences first - second, with the magnitudes that they were computed from.
pub(crate) struct Differences {
    pub(crate) values: Vec<f64>,
    magnitudes: Vec<f64>,
}

/// Differences a - b of matched samples.
pub(crate) fn differences(a: &[f64], b: &[f64]) -> Result<Differences> {
    require_equal(a, b)?;
    require_finite(a)?;
    require_finite(b)?;
    let pairs = || a.iter().zip(b);
    Ok(Differences {
        values: pairs().map(|(x, y)| x - y).collect(),
        magnitudes: pairs().map(|(x, y)| x.abs().max(y.abs())).collect(),
    })
}

impl Differences {
    /// Differences that someone else formed: of their rounding no more is known than their own
    /// magnitude.
    pub(crate) fn given(values: &[f64]) -> Self {
        Self { values: values.to_vec(), magnitudes: values.iter().map(|v| v.abs()).collect() }
    }

    /// Differences of `values` from one number.
    pub(crate) fn from_reference(values: &[f64], reference: f64) -> Self {
        Self {
            values: values.iter().map(|v| v - reference).collect(),
            magnitudes: values.iter().map(|v| v.abs().max(reference.abs())).collect(),
        }
    }

    /// Count of pairs.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn mean(&self) -> f64 {
        mean(&self.values)
    }

    /// Sample variance (denominator n - 1); 0 where there is none but rounding.
    pub(crate) fn variance(&self) -> f64 {
        if self.no_variance().is_some() { 0.0 } else { variance(&self.values) }
    }

    /// The reason why the differences have no usable variance, if so.
    pub(crate) fn no_variance(&self) -> Option<Degenerate> {
        let precision = Precision::of(&self.magnitudes);
        let with_rounding =
            || self.values.iter().zip(&self.magnitudes).map(|(d, m)| (*d, precision.rounding(*m)));
        if with_rounding().all(|(d, rounding)| d.abs() <= rounding) {
            Some(Degenerate::Identical)
        } else if agree(with_rounding()) {
            Some(Degenerate::NoVariance)
        } else {
            None
        }
    }

    /// Distance within which each difference is tied with another.
    pub(crate) fn ties(&self) -> Vec<f64> {
        let precision = Precision::of(&self.magnitudes);
        self.magnitudes.iter().map(|m| precision.tie(*m)).collect()
    }

    /// The differences with ties of their magnitudes and zeros made exact.
    pub(crate) fn with_exact_ties(&self) -> Vec<f64> {
        let sizes: Vec<f64> = self.values.iter().map(|d| d.abs()).collect();
        merge(&sizes, &self.ties(), vec![0.0])
            .into_iter()
            .zip(&self.values)
            .map(|(size, d)| if size == 0.0 { 0.0 } else { size.copysign(*d) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_that_vary_by_rounding_only_are_constant() {
        let d = differences(&[0.91, 0.57], &[0.90, 0.56]).unwrap();
        assert!(d.values[0] != d.values[1]);
        assert_eq!(d.no_variance(), Some(Degenerate::NoVariance));
        let d = differences(&[0.3, 0.3, 0.6], &[0.1 + 0.2, 0.3, 0.6]).unwrap();
        assert_eq!(d.no_variance(), Some(Degenerate::Identical));
    }

    #[test]
    fn a_pair_of_huge_values_hides_no_variance_of_the_others() {
        let d = differences(&[1e14, 0.1, 0.2], &[1e14, 0.0, 0.0]).unwrap();
        assert_eq!(d.no_variance(), None);
    }

    #[test]
    fn equal_decimals_of_any_size_are_tied() {
        let a = [0.91, 0.93, 0.29, 1_000.01, 1e10, 1e10 + 0.01, 0.3];
        let b = [0.90, 0.92, 0.30, 1_000.00, 20.0, 1e10, 0.1 + 0.2];
        let d = differences(&a, &b).unwrap().with_exact_ties();
        assert_eq!(d[0], d[1]);
        assert_eq!(d[0], -d[2]);
        assert_eq!(d[0], d[3]);
        assert_eq!(d[4], 1e10 - 20.0);
        // At 1e10 twelve digits end at 0.01.
        assert!(d[5] == d[0] || d[5] == 0.0);
        assert_eq!(d[6], 0.0);
    }
}
