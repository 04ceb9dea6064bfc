//! Confidence intervals for a mean, a standard deviation and a proportion.

use crate::{
    describe::{mean, variance},
    distribution::{beta_quantile, chi_square_sf, normal_quantile, root, student_t_isf},
    error::{
        Degenerate, Error, Result, require_count, require_finite, require_non_negative,
        require_open_unit,
    },
    rounding::Precision,
};

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end; minus infinity for an interval that is open below.
    pub lower: f64,
    /// Upper end; infinity for an interval that is open above.
    pub upper: f64,
    /// Nominal coverage, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// Whether `value` lies in the closed interval.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }

    /// Upper minus lower end.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.upper - self.lower
    }
}

/// Mean with its t interval.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanInterval {
    /// Count of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (denominator n - 1).
    pub sd: f64,
    /// Standard error, sd / sqrt n.
    pub standard_error: f64,
    /// mean ± t * standard error with n - 1 degrees of freedom; `None` on constant data, where an
    /// interval of width 0 would claim a certainty that nothing supports.
    pub interval: Option<Interval>,
    /// Why there is no interval.
    pub degenerate: Option<Degenerate>,
}

/// Student's t interval for the mean of one sample, two-sided at `level` (such as 0.95).
///
/// Applies to independent, roughly normal values; from 10 values on skewness matters little. With
/// few seeds it is wider, and more honest, than a bootstrap interval.
///
/// ```
/// let ci = dst_stats::mean_interval(&[0.91, 0.92, 0.93], 0.95).unwrap();
/// assert!((ci.interval.unwrap().lower - 0.8952).abs() < 1e-4);
/// ```
///
/// # Errors
///
/// Fewer than 2 values, a value that is not finite, or a level outside (0, 1).
pub fn mean_interval(values: &[f64], level: f64) -> Result<MeanInterval> {
    require_count("values", 2, values.len())?;
    require_finite(values)?;
    require_open_unit("level", level)?;
    let n = values.len();
    let centre = mean(values);
    let constant = Precision::of(values).is_constant(values);
    let sd = if constant { 0.0 } else { variance(values).sqrt() };
    let standard_error = sd / (n as f64).sqrt();
    let half = student_t_isf(0.5 * (1.0 - level), n as f64 - 1.0) * standard_error;
    Ok(MeanInterval {
        n,
        mean: centre,
        sd,
        standard_error,
        interval: (!constant).then_some(Interval {
            lower: centre - half,
            upper: centre + half,
            level,
        }),
        degenerate: constant.then_some(Degenerate::NoVariance),
    })
}

/// Interval for the standard deviation of a normal population from the `sd` of `count` values:
/// sd sqrt(df / q) with the chi-square quantiles q of df = count - 1 degrees of freedom.
///
/// It is as wide as few seeds are uninformative: five leave a factor of 4.8 between its ends at
/// level 0.95. It rests on normality more than an interval of a mean does.
///
/// ```
/// let interval = dst_stats::sd_interval(1.0, 5, 0.95).unwrap();
/// assert!((interval.lower - 0.5991).abs() < 1e-4);
/// assert!((interval.upper - 2.8736).abs() < 1e-4);
/// ```
///
/// # Errors
///
/// Fewer than 2 values, an `sd` that is negative or not finite, or a level outside (0, 1).
pub fn sd_interval(sd: f64, count: usize, level: f64) -> Result<Interval> {
    require_count("values", 2, count)?;
    require_non_negative("standard deviation", sd)?;
    require_open_unit("level", level)?;
    let df = (count - 1) as f64;
    let end = |upper_tail: f64| {
        let mut high = df;
        while chi_square_sf(high, df) > upper_tail {
            high *= 2.0;
        }
        sd * (df / root(|x| chi_square_sf(x, df) - upper_tail, 0.0, high)).sqrt()
    };
    let tail = 0.5 * (1.0 - level);
    Ok(Interval { lower: end(tail), upper: end(1.0 - tail), level })
}

fn require_share(successes: u64, trials: u64) -> Result<()> {
    require_count("trials", 1, usize::try_from(trials).unwrap_or(usize::MAX))?;
    if successes > trials {
        return Err(Error::Parameter {
            name: "successes",
            found: successes.to_string(),
            legal: "at most the count of trials",
        });
    }
    Ok(())
}

/// Wilson's score interval for a proportion (Wilson 1927), without continuity correction. Stays in
/// [0, 1] and is usable for few trials and for proportions of 0 and 1, so it serves failure rates.
///
/// ```
/// let ci = dst_stats::wilson_interval(0, 10, 0.95).unwrap();
/// assert_eq!(ci.lower, 0.0);
/// assert!((ci.upper - 0.2775).abs() < 1e-4);
/// ```
///
/// # Errors
///
/// No trial, more successes than trials, or a level outside (0, 1).
pub fn wilson_interval(successes: u64, trials: u64, level: f64) -> Result<Interval> {
    require_share(successes, trials)?;
    require_open_unit("level", level)?;
    let n = trials as f64;
    let share = successes as f64 / n;
    let z = -normal_quantile(0.5 * (1.0 - level));
    let z2 = z * z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Ok(Interval {
        // The ends are exact here; the general formula leaves rounding in their place.
        lower: if successes == 0 { 0.0 } else { (centre - half).max(0.0) },
        upper: if successes == trials { 1.0 } else { (centre + half).min(1.0) },
        level,
    })
}

/// Clopper and Pearson's exact interval for a proportion (1934), from beta quantiles. Covers at
/// least at the nominal rate and is therefore wider than Wilson's.
///
/// # Errors
///
/// No trial, more than a billion, more successes than trials, or a level outside (0, 1).
pub fn clopper_pearson_interval(successes: u64, trials: u64, level: f64) -> Result<Interval> {
    require_share(successes, trials)?;
    require_open_unit("level", level)?;
    if trials > 1_000_000_000 {
        return Err(Error::Parameter {
            name: "trials",
            found: trials.to_string(),
            legal: "up to a billion; Wilson's interval takes any count",
        });
    }
    let tail = 0.5 * (1.0 - level);
    let (k, n) = (successes as f64, trials as f64);
    Ok(Interval {
        lower: if successes == 0 { 0.0 } else { beta_quantile(tail, k, n - k + 1.0) },
        upper: if successes == trials {
            1.0
        } else {
            // The upper quantile through the mirrored distribution keeps the small tail small.
            1.0 - beta_quantile(tail, n - k, k + 1.0)
        },
        level,
    })
}
