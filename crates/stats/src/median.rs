//! The median of a sample in which some values are only known to be larger than all others.

use crate::{
    distribution::fair_binomial_cdf,
    error::{Error, Result, require_count, require_open_unit},
    interval::Interval,
};

/// A median with its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct MedianInterval {
    /// Count of values.
    pub n: usize,
    /// The middle value, or the mean of the two in the middle; infinite if one of them is.
    pub median: f64,
    /// From one order statistic to another, with the level that it *has*: at least the one asked for
    /// if the sample is large enough, otherwise that of the whole range. Its upper end is infinite
    /// where it is a value that never came. `None` for one value.
    pub interval: Option<Interval>,
}

/// Median of one sample with its exact, distribution-free interval (Thompson 1936; Conover 1999,
/// section 3.2), the narrowest symmetric pair of order statistics that covers with at least `level`.
///
/// A value may be infinite: it is larger than all others, such as the time of a run that never
/// arrived. So runs that fail to arrive are neither left out, which would flatter who fails, nor
/// taken for runs that would have arrived soon after they were stopped, as estimators for censored
/// data (Kaplan and Meier 1958) do: they are given the worst rank (Lachin 1999).
///
/// Five values cover with 93.75 % at most, six reach 95 %.
///
/// ```
/// let times = [2.0, 3.0, 5.0, f64::INFINITY, 4.0, 6.0];
/// let answer = dst_stats::median_interval(&times, 0.95).unwrap();
/// assert_eq!(answer.median, 4.5);
/// let interval = answer.interval.unwrap();
/// assert_eq!((interval.lower, interval.upper, interval.level), (2.0, f64::INFINITY, 0.96875));
/// ```
///
/// # Errors
///
/// No value, one that is NaN or negatively infinite, or a level outside (0, 1).
pub fn median_interval(values: &[f64], level: f64) -> Result<MedianInterval> {
    require_count("values", 1, values.len())?;
    require_open_unit("level", level)?;
    if let Some((index, value)) =
        values.iter().enumerate().find(|(_, value)| value.is_nan() || **value == f64::NEG_INFINITY)
    {
        return Err(Error::NotFinite { index, value: *value });
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let median = f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);
    // From the k-th smallest to the k-th largest, counted from 0: the median is below or above with
    // the chance that at most k of n values lie on one side.
    let coverage = |k: usize| 1.0 - 2.0 * fair_binomial_cdf(k as u64, n as u64);
    let widest = (n > 1).then_some(0);
    let narrowest = (0..n / 2).take_while(|k| coverage(*k) >= level).last();
    let interval = narrowest.or(widest).map(|k| Interval {
        lower: sorted[k],
        upper: sorted[n - 1 - k],
        level: coverage(k),
    });
    Ok(MedianInterval { n, median, interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> (f64, Option<(f64, f64, f64)>) {
        let answer = median_interval(values, 0.95).unwrap();
        (answer.median, answer.interval.map(|i| (i.lower, i.upper, i.level)))
    }

    /// Coverages of order statistics as in table A3 of Conover (1999): of 8 values the extremes
    /// cover with 1 - 2 / 2^8, of 10 values the second ones with 1 - 22 / 1024.
    #[test]
    fn intervals_are_order_statistics() {
        let eight: Vec<f64> = (1..=8).map(f64::from).collect();
        assert_eq!(of(&eight), (4.5, Some((1.0, 8.0, 0.992_187_5))));
        let ten: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        let (median, interval) = of(&ten);
        let (lower, upper, level) = interval.unwrap();
        assert_eq!((median, lower, upper), (5.5, 2.0, 9.0));
        assert!((level - (1.0 - 22.0 / 1024.0)).abs() < 1e-12);
    }

    #[test]
    fn a_small_sample_says_what_its_range_covers() {
        assert_eq!(of(&[3.0, 1.0, 2.0, 5.0, 4.0]), (3.0, Some((1.0, 5.0, 0.9375))));
        assert_eq!(of(&[7.0]), (7.0, None));
    }

    #[test]
    fn what_never_came_is_larger_than_all() {
        let never = f64::INFINITY;
        assert_eq!(of(&[1.0, never, 2.0]).0, 2.0);
        assert_eq!(of(&[1.0, never]).0, never);
        assert_eq!(of(&[never; 6]), (never, Some((never, never, 0.96875))));
        assert!(median_interval(&[1.0, f64::NAN], 0.95).is_err());
        assert!(median_interval(&[f64::NEG_INFINITY], 0.95).is_err());
        assert!(median_interval(&[], 0.95).is_err());
    }
}
