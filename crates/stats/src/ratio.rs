//! Ratios of matched positive quantities, such as the seconds that two methods take at one seed.

use crate::{
    error::{
        Degenerate, Error, Result, require_count, require_equal, require_finite, require_open_unit,
    },
    interval::{Interval, mean_interval},
};

/// How many times as large the first of each pair is as the second.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedRatio {
    /// Count of pairs.
    pub n: usize,
    /// Geometric mean of the ratios first / second; swapping the samples gives its reciprocal.
    pub geometric_mean: f64,
    /// Student's interval of the mean logarithm, as ratios; `None` for one pair and for ratios that
    /// do not vary.
    pub interval: Option<Interval>,
    /// Why there is no interval.
    pub degenerate: Option<Degenerate>,
}

/// Geometric mean of the ratios of matched positive values, with the interval of Student's t on
/// their logarithms, two-sided at `level` (such as 0.95).
///
/// The arithmetic mean of ratios depends on which side is the denominator, and may call either of
/// two methods the slower one (Fleming and Wallace 1986); the geometric mean does not. Applies to
/// independent pairs whose logarithms are roughly normal.
///
/// ```
/// let ratio = dst_stats::paired_ratio(&[1.0, 4.0], &[2.0, 2.0], 0.95).unwrap();
/// assert!((ratio.geometric_mean - 1.0).abs() < 1e-12);
/// ```
///
/// # Errors
///
/// Unequal counts, no pair, a value that is not finite or not above 0, or a level outside (0, 1).
pub fn paired_ratio(a: &[f64], b: &[f64], level: f64) -> Result<PairedRatio> {
    require_equal(a, b)?;
    require_count("pairs", 1, a.len())?;
    require_finite(a)?;
    require_finite(b)?;
    require_open_unit("level", level)?;
    if let Some(value) = a.iter().chain(b).find(|value| **value <= 0.0) {
        return Err(Error::Parameter {
            name: "a value of a ratio",
            found: value.to_string(),
            legal: "above 0",
        });
    }
    let logarithms: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a / b).ln()).collect();
    if let [only] = logarithms[..] {
        let (n, geometric_mean) = (1, only.exp());
        return Ok(PairedRatio { n, geometric_mean, interval: None, degenerate: None });
    }
    let mean = mean_interval(&logarithms, level)?;
    Ok(PairedRatio {
        n: mean.n,
        geometric_mean: mean.mean.exp(),
        interval: mean.interval.map(|logarithm| Interval {
            lower: logarithm.lower.exp(),
            upper: logarithm.upper.exp(),
            level,
        }),
        degenerate: mean.degenerate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ratios of 0.2, 0.25 and 0.3125: their logarithms have a standard deviation of ln 1.25 = 0.223144,
    /// and t(0.975, 2) = 4.302653, so half of the width is 4.302653 · 0.223144 / √3 = 0.554320.
    #[test]
    fn the_interval_is_that_of_the_logarithms() {
        let ratio = paired_ratio(&[2.0, 2.5, 3.125], &[10.0; 3], 0.95).unwrap();
        assert!((ratio.geometric_mean - 0.25).abs() < 1e-12, "{ratio:?}");
        let interval = ratio.interval.unwrap();
        let half = (interval.upper / interval.lower).ln() / 2.0;
        assert!((half - 0.554_32).abs() < 1e-5, "{ratio:?}");
        assert!((interval.lower * interval.upper - 0.0625).abs() < 1e-12, "{ratio:?}");
    }

    #[test]
    fn swapped_samples_give_reciprocals() {
        let (a, b) = ([3.0, 5.0, 4.5], [11.0, 13.0, 12.0]);
        let (there, back) =
            (paired_ratio(&a, &b, 0.9).unwrap(), paired_ratio(&b, &a, 0.9).unwrap());
        assert!((there.geometric_mean * back.geometric_mean - 1.0).abs() < 1e-12);
        let (there, back) = (there.interval.unwrap(), back.interval.unwrap());
        assert!((there.lower * back.upper - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_spread_has_no_interval() {
        let one = paired_ratio(&[1.0], &[4.0], 0.95).unwrap();
        assert_eq!((one.n, one.geometric_mean, one.interval), (1, 0.25, None));
        let constant = paired_ratio(&[1.0, 2.0], &[4.0, 8.0], 0.95).unwrap();
        assert_eq!(constant.interval, None);
        assert_eq!(constant.degenerate, Some(Degenerate::NoVariance));
    }

    #[test]
    fn times_are_positive() {
        let error = paired_ratio(&[1.0, 0.0], &[1.0, 1.0], 0.95).unwrap_err();
        assert_eq!(error.to_string(), "a value of a ratio is 0, legal: above 0");
        assert!(paired_ratio(&[], &[], 0.95).is_err());
        assert!(paired_ratio(&[1.0], &[1.0, 2.0], 0.95).is_err());
        assert!(paired_ratio(&[f64::INFINITY], &[1.0], 0.95).is_err());
    }
}
