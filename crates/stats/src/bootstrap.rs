//! Bootstrap intervals of any statistic of one sample.

use rand_chacha::ChaCha8Rng;

use crate::{
    describe::{mean, quantile_of_sorted, sum_of_squares, variance},
    distribution::{normal_cdf, normal_quantile},
    error::{Degenerate, Error, Result, require_count, require_finite, require_open_unit},
    interval::Interval,
    random::{in_chunks, index},
    rounding::Precision,
};

/// Settings of a bootstrap. The answer depends on all of them but `threads`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapOptions {
    /// Coverage of the intervals.
    pub level: f64,
    /// Count of resamples; 10,000 for intervals.
    pub draws: usize,
    /// Seed; record it, and take one per comparison from [`stream_seed`](crate::stream_seed).
    pub seed: u64,
    /// Worker threads, 0 for as many as the machine offers. Moves no bit of the answer.
    pub threads: usize,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        Self { level: 0.95, draws: 10_000, seed: 0, threads: 0 }
    }
}

impl BootstrapOptions {
    pub(crate) fn require_legal(&self) -> Result<()> {
        require_open_unit("level", self.level)?;
        if self.draws < 2 {
            return Err(Error::Parameter {
                name: "draws",
                found: self.draws.to_string(),
                legal: "2 or more",
            });
        }
        Ok(())
    }
}

/// Bootstrap distribution of a statistic and three intervals from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// The statistic of the sample itself.
    pub estimate: f64,
    /// Standard deviation of the statistic over resamples.
    pub standard_error: f64,
    /// Quantiles of the resampled statistic (Efron 1979).
    pub percentile: Interval,
    /// Percentile interval mirrored at the estimate (Davison and Hinkley 1997, section 5.2).
    pub basic: Interval,
    /// Bias-corrected and accelerated interval (Efron 1987); `None` when the resamples or the
    /// jackknife do not vary.
    pub bca: Option<Interval>,
    /// Bias correction z0 = Φ^-1(share of resamples below the estimate, ties counted half).
    pub z0: Option<f64>,
    /// Acceleration sum u^3 / (6 (sum u^2)^1.5) from the jackknife.
    pub acceleration: Option<f64>,
    /// Count of resamples.
    pub draws: usize,
    /// Seed they came from.
    pub seed: u64,
    /// Why there is no BCa interval.
    pub degenerate: Option<Degenerate>,
}

/// Bootstraps `statistic` over resamples of `values`.
///
/// Below 10 values bootstrap intervals are too narrow: prefer
/// [`mean_interval`](crate::mean_interval). For pairs, resample their differences.
///
/// ```
/// use dst_stats::{BootstrapOptions, bootstrap};
///
/// let median = |s: &[f64]| {
///     let mut s = s.to_vec();
///     s.sort_by(f64::total_cmp);
///     s[s.len() / 2]
/// };
/// let scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// let one = BootstrapOptions { threads: 1, ..Default::default() };
/// let four = BootstrapOptions { threads: 4, ..Default::default() };
/// assert_eq!(bootstrap(&scores, median, &one), bootstrap(&scores, median, &four));
/// ```
///
/// # Errors
///
/// Fewer than 2 values, a value or a resampled statistic that is not finite, a level outside
/// (0, 1), or fewer than 2 draws.
pub fn bootstrap(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64 + Sync,
    options: &BootstrapOptions,
) -> Result<Bootstrap> {
    require_count("values", 2, values.len())?;
    require_finite(values)?;
    options.require_legal()?;
    let estimate = statistic(values);
    let resampled = resample(options, |rng, sample: &mut Vec<f64>| {
        sample.clear();
        sample.extend((0..values.len()).map(|_| values[index(rng, values.len())]));
        statistic(sample)
    });
    require_finite(&[estimate])?;
    require_finite(&resampled)?;
    let standard_error = variance(&resampled).sqrt();
    let sorted = crate::describe::sorted(&resampled);
    let tail = 0.5 * (1.0 - options.level);
    let percentile = Interval {
        lower: quantile_of_sorted(&sorted, tail),
        upper: quantile_of_sorted(&sorted, 1.0 - tail),
        level: options.level,
    };
    let z0 = bias(&sorted, estimate);
    let acceleration = acceleration(values, &statistic);
    let bca = z0.zip(acceleration).map(|(z0, a)| {
        let end = |tail: f64| {
            let z = z0 + normal_quantile(tail);
            quantile_of_sorted(&sorted, normal_cdf(z0 + z / (1.0 - a * z)).clamp(0.0, 1.0))
        };
        Interval { lower: end(tail), upper: end(1.0 - tail), level: options.level }
    });
    Ok(Bootstrap {
        estimate,
        standard_error,
        percentile,
        basic: Interval {
            lower: 2.0 * estimate - percentile.upper,
            upper: 2.0 * estimate - percentile.lower,
            level: options.level,
        },
        bca,
        z0,
        acceleration,
        draws: options.draws,
        seed: options.seed,
        degenerate: bca.is_none().then_some(Degenerate::NoSpreadInResamples),
    })
}

/// Bootstraps the mean.
///
/// # Errors
///
/// As [`bootstrap`].
pub fn bootstrap_mean(values: &[f64], options: &BootstrapOptions) -> Result<Bootstrap> {
    bootstrap(values, mean, options)
}

/// The statistic of every resample, in an order that does not depend on threads. `draw` gets a
/// scratch value that it may reuse.
pub(crate) fn resample<S: Default, T: Clone + Send>(
    options: &BootstrapOptions,
    draw: impl Fn(&mut ChaCha8Rng, &mut S) -> T + Sync,
) -> Vec<T> {
    in_chunks(options.seed, options.draws, options.threads, |rng, count| {
        let mut scratch = S::default();
        (0..count).map(|_| draw(rng, &mut scratch)).collect::<Vec<T>>()
    })
    .concat()
}

/// z0, or `None` when the estimate lies outside the resamples or they do not vary.
fn bias(sorted: &[f64], estimate: f64) -> Option<f64> {
    let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
    // The same values in another order may give a mean that differs in the last digit.
    let tolerance = Precision::of(sorted).rounding(estimate);
    if last - first <= tolerance {
        return None;
    }
    let below = sorted.partition_point(|s| *s < estimate - tolerance);
    let up_to = sorted.partition_point(|s| *s <= estimate + tolerance);
    let share = 0.5 * (below + up_to) as f64 / sorted.len() as f64;
    (share > 0.0 && share < 1.0).then(|| normal_quantile(share))
}

/// Acceleration, or `None` when leaving out a value never moves the statistic.
fn acceleration(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Option<f64> {
    let mut rest = values[1..].to_vec();
    let mut left_out = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        left_out.push(statistic(&rest));
        if i < rest.len() {
            rest[i] = values[i];
        }
    }
    let centre = mean(&left_out);
    let squares = sum_of_squares(&left_out);
    if !squares.is_finite() || Precision::of(&left_out).is_constant(&left_out) {
        return None;
    }
    let cubes: f64 = left_out.iter().map(|v| (centre - v).powi(3)).sum();
    Some(cubes / (6.0 * squares.powf(1.5)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_move_no_bit() {
        let values = [0.911, 0.924, 0.918, 0.935, 0.902];
        let run = |threads| {
            bootstrap_mean(
                &values,
                &BootstrapOptions { threads, draws: 5_003, seed: 42, ..Default::default() },
            )
            .unwrap()
        };
        let one = run(1);
        for threads in [0, 2, 3, 16] {
            assert_eq!(run(threads), one);
        }
        let other = bootstrap_mean(&values, &BootstrapOptions { seed: 43, ..Default::default() });
        assert_ne!(other.unwrap().percentile, one.percentile);
    }

    #[test]
    fn constant_data_have_no_bca() {
        let b = bootstrap_mean(&[0.1; 5], &BootstrapOptions::default()).unwrap();
        assert_eq!((b.percentile.lower, b.percentile.upper), (0.1, 0.1));
        assert_eq!((b.bca, b.z0, b.acceleration), (None, None, None));
        assert_eq!(b.degenerate, Some(Degenerate::NoSpreadInResamples));
    }

    #[test]
    fn a_statistic_that_fails_is_an_error() {
        let b = bootstrap(&[1.0, 2.0], |_| f64::NAN, &BootstrapOptions::default());
        assert_eq!(b.unwrap_err().code(), "not-finite");
    }
}
