//! Equivalence and non-inferiority: claims of "no worse by more than a margin".
//!
//! The margin is in the units of the metric and fixed before the run. A difference test that is
//! not significant never shows equivalence.

use std::fmt;

use crate::{
    describe::{mean, variance},
    differences::{Differences, differences},
    distribution::{Alternative, student_t_sf},
    effect::constant_samples,
    error::{
        Degenerate, Error, LARGEST, Result, p_value, rejects, require_count, require_finite,
        require_non_negative, require_open_unit,
    },
    interval::Interval,
    paired::t_interval,
};

/// One of the two one-sided tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneSidedTest {
    /// (mean difference - bound) / standard error; `None` without variance.
    pub t: Option<f64>,
    /// Degrees of freedom; `None` when they are 0/0.
    pub df: Option<f64>,
    /// p-value; `None` without variance.
    pub p_value: Option<f64>,
}

/// Answer of the two one-sided tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Equivalence {
    /// Mean difference, first minus second.
    pub mean_difference: f64,
    /// Bounds (low, high) of what counts as equivalent.
    pub bounds: (f64, f64),
    /// Level of either one-sided test.
    pub alpha: f64,
    /// Against "difference at or below low": the non-inferiority test of the first sample.
    pub lower: OneSidedTest,
    /// Against "difference at or above high".
    pub upper: OneSidedTest,
    /// The larger of both p-values; `None` without variance.
    pub p_value: Option<f64>,
    /// Two-sided interval at level 1 - 2 alpha. Equivalence is shown iff it lies inside the bounds.
    pub interval: Option<Interval>,
    /// Whether equivalence is shown at `alpha`; `None` without variance.
    pub equivalent: Option<bool>,
    /// Whether the mean difference itself lies strictly inside the bounds; a description, not a
    /// test.
    pub mean_inside: bool,
    /// Why there is no test.
    pub degenerate: Option<Degenerate>,
}

/// Treatment of the variances of two independent samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variances {
    /// One variance each, Welch-Satterthwaite degrees of freedom; sparse methods often vary more
    /// than dense ones, so this is the default.
    #[default]
    Separate,
    /// One pooled variance.
    Pooled,
}

/// Two one-sided t tests on matched pairs (Schuirmann 1987): equivalent at `alpha` when the
/// difference is shown to be above `low` and below `high`.
///
/// # Errors
///
/// Unequal counts, fewer than 2 pairs, a value that is not finite, `low` above `high`, or an alpha
/// outside (0, 1/2).
pub fn tost_paired(a: &[f64], b: &[f64], low: f64, high: f64, alpha: f64) -> Result<Equivalence> {
    let d = differences(a, b)?;
    require_count("pairs", 2, d.len())?;
    tost(&paired_estimate(&d), low, high, alpha)
}

/// Two one-sided t tests on independent samples. With [`Variances::Separate`] the pairing by seeds,
/// if there is one, is lost: prefer [`tost_paired`].
///
/// # Errors
///
/// Fewer than 2 values in a sample, a value that is not finite, `low` above `high`, or an alpha
/// outside (0, 1/2).
pub fn tost_independent(
    a: &[f64],
    b: &[f64],
    low: f64,
    high: f64,
    alpha: f64,
    variances: Variances,
) -> Result<Equivalence> {
    tost(&independent_estimate(a, b, variances)?, low, high, alpha)
}

/// A mean difference with what is known of its error.
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) standard_error: f64,
    pub(crate) df: Option<f64>,
    pub(crate) degenerate: Option<Degenerate>,
}

impl Estimate {
    fn usable_df(&self) -> Option<f64> {
        self.df.filter(|_| self.degenerate.is_none())
    }

    /// Test of the mean against `bound`.
    fn test(&self, bound: f64, alternative: Alternative) -> OneSidedTest {
        let t = self.usable_df().map(|_| (self.mean - bound) / self.standard_error);
        OneSidedTest {
            t,
            df: self.df,
            p_value: t.zip(self.df).map(|(t, df)| {
                crate::distribution::symmetric_p(t, alternative, |x| student_t_sf(x, df))
            }),
        }
    }

    fn interval(&self, level: f64) -> Option<Interval> {
        self.usable_df()
            .map(|df| t_interval(self.mean, self.standard_error, df, Alternative::TwoSided, level))
    }
}

fn paired_estimate(d: &Differences) -> Estimate {
    let n = d.len() as f64;
    Estimate {
        mean: d.mean(),
        standard_error: (d.variance() / n).sqrt(),
        df: Some(n - 1.0),
        degenerate: d.no_variance(),
    }
}

pub(crate) fn independent_estimate(a: &[f64], b: &[f64], variances: Variances) -> Result<Estimate> {
    require_count("values in each sample", 2, a.len().min(b.len()))?;
    require_finite(a)?;
    require_finite(b)?;
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let degenerate = constant_samples(a, b);
    let (va, vb) = (variance(a), variance(b));
    let (standard_error, df) = match variances {
        Variances::Pooled => {
            let df = na + nb - 2.0;
            let pooled = ((na - 1.0) * va + (nb - 1.0) * vb) / df;
            ((pooled * (1.0 / na + 1.0 / nb)).sqrt(), Some(df))
        }
        Variances::Separate => {
            let (ea, eb) = (va / na, vb / nb);
            // Divided by the sum first, so that squares of tiny variances do not underflow.
            let (sa, sb) = (ea / (ea + eb), eb / (ea + eb));
            let df = 1.0 / (sa * sa / (na - 1.0) + sb * sb / (nb - 1.0));
            ((ea + eb).sqrt(), degenerate.is_none().then_some(df))
        }
    };
    Ok(Estimate {
        mean: mean(a) - mean(b),
        standard_error: if degenerate.is_some() { 0.0 } else { standard_error },
        df,
        degenerate,
    })
}

fn tost(estimate: &Estimate, low: f64, high: f64, alpha: f64) -> Result<Equivalence> {
    if !(-LARGEST <= low && low <= high && high <= LARGEST) {
        return Err(Error::Parameter {
            name: "bounds",
            found: format!("({low}, {high})"),
            legal: "low at most high, both within 1e70 of 0",
        });
    }
    require_alpha(alpha)?;
    let lower = estimate.test(low, Alternative::Greater);
    let upper = estimate.test(high, Alternative::Less);
    let p = lower.p_value.zip(upper.p_value).map(|(l, u)| l.max(u));
    Ok(Equivalence {
        mean_difference: estimate.mean,
        bounds: (low, high),
        alpha,
        lower,
        upper,
        p_value: p,
        interval: estimate.interval(1.0 - 2.0 * alpha),
        equivalent: p.map(|p| rejects(p, alpha)),
        mean_inside: low < estimate.mean && estimate.mean < high,
        degenerate: estimate.degenerate,
    })
}

fn require_alpha(alpha: f64) -> Result<()> {
    require_open_unit("alpha", alpha)?;
    if alpha < 0.5 {
        return Ok(());
    }
    Err(Error::Parameter {
        name: "alpha",
        found: alpha.to_string(),
        legal: "below 0.5, because an interval at level 1 - 2 alpha goes with it",
    })
}

/// What a comparison against a control shows.
///
/// The rule, for differences d = candidate - control oriented so that larger is better, a margin
/// and an alpha; the first line that applies counts:
///
/// 1. [`Superior`](Self::Superior): the two-sided 1 - alpha interval of the mean lies above 0,
///    which is the two-sided t test with p <= alpha and a positive mean.
/// 2. [`Inferior`](Self::Inferior): the two-sided 1 - alpha interval lies below -margin.
/// 3. [`NonInferior`](Self::NonInferior): the two-sided 1 - 2 alpha interval, which is the
///    one-sided 1 - alpha interval, lies above -margin.
/// 4. [`Inconclusive`](Self::Inconclusive): none of these.
///
/// Either claim of a difference costs alpha / 2, so two identical methods are called superior or
/// inferior at most at rate alpha, even with margin 0. Non-inferiority is tested one-sided at
/// alpha, as is usual. A p-value that equals alpha rejects. A difference that is significantly negative yet within the margin is
/// non-inferior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Better than the control.
    Superior,
    /// Not worse than the control by more than the margin.
    NonInferior,
    /// Worse than the control by more than the margin.
    Inferior,
    /// The data do not decide.
    Inconclusive,
}

impl Verdict {
    /// Applies the rule to three p-values, which may be adjusted for a family first.
    ///
    /// `p_difference` is two-sided against 0 and counts for superiority only where
    /// `mean_difference` is positive; `p_inferior` is two-sided against -margin and counts only
    /// where the mean lies below -margin; `p_non_inferior` is one-sided against -margin.
    #[must_use]
    pub fn from_p_values(
        mean_difference: f64,
        margin: f64,
        p_difference: f64,
        p_non_inferior: f64,
        p_inferior: f64,
        alpha: f64,
    ) -> Self {
        if mean_difference > 0.0 && rejects(p_difference, alpha) {
            Self::Superior
        } else if mean_difference < -margin && rejects(p_inferior, alpha) {
            Self::Inferior
        } else if rejects(p_non_inferior, alpha) {
            Self::NonInferior
        } else {
            Self::Inconclusive
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Superior => "superior",
            Self::NonInferior => "non-inferior",
            Self::Inferior => "inferior",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// Comparison of a candidate with a control within a margin.
#[derive(Debug, Clone, PartialEq)]
pub struct NonInferiority {
    /// Count of pairs.
    pub n: usize,
    /// Mean difference, candidate minus control, larger is better.
    pub mean_difference: f64,
    /// Margin, 0 or more, in units of the metric.
    pub margin: f64,
    /// Level of the rule in [`Verdict`].
    pub alpha: f64,
    /// Two-sided p-value of "no difference".
    pub p_difference: Option<f64>,
    /// One-sided p-value of "worse by the margin or more".
    pub p_non_inferior: Option<f64>,
    /// Two-sided p-value of "worse by exactly the margin"; with a mean below -margin it shows
    /// inferiority.
    pub p_inferior: Option<f64>,
    /// Two-sided interval at level 1 - alpha, for claims of a difference.
    pub interval: Option<Interval>,
    /// Two-sided interval at level 1 - 2 alpha, for non-inferiority.
    pub interval_non_inferior: Option<Interval>,
    /// Verdict by the rule of [`Verdict`]; inconclusive when the differences have no variance,
    /// since a constant difference over a handful of seeds has no known error.
    pub verdict: Verdict,
    /// Why there is no test.
    pub degenerate: Option<Degenerate>,
}

/// Four-way comparison of matched pairs, `candidate` against `control`, where LARGER is better
/// (negate losses first). The rule stands at [`Verdict`].
///
/// ```
/// use dst_stats::{Verdict, non_inferiority_paired};
///
/// let sparse = [0.941, 0.926, 0.921, 0.917, 0.937];
/// let dense = [0.942, 0.927, 0.920, 0.917, 0.940];
/// let half_a_point = non_inferiority_paired(&sparse, &dense, 0.005, 0.05).unwrap();
/// assert_eq!(half_a_point.verdict, Verdict::NonInferior);
/// let no_margin = non_inferiority_paired(&sparse, &dense, 0.0, 0.05).unwrap();
/// assert_eq!(no_margin.verdict, Verdict::Inconclusive);
/// ```
///
/// # Errors
///
/// Unequal counts, fewer than 2 pairs, a value that is not finite, a negative margin, or an alpha
/// outside (0, 1/2).
pub fn non_inferiority_paired(
    candidate: &[f64],
    control: &[f64],
    margin: f64,
    alpha: f64,
) -> Result<NonInferiority> {
    let d = differences(candidate, control)?;
    require_count("pairs", 2, d.len())?;
    from_differences(&d, margin, alpha)
}

/// As [`non_inferiority_paired`], from differences that are already formed.
///
/// # Errors
///
/// Fewer than 2 differences, one that is not finite, a negative margin, or an alpha outside
/// (0, 1/2).
pub fn non_inferiority(differences: &[f64], margin: f64, alpha: f64) -> Result<NonInferiority> {
    require_count("differences", 2, differences.len())?;
    require_finite(differences)?;
    from_differences(&Differences::given(differences), margin, alpha)
}

fn from_differences(d: &Differences, margin: f64, alpha: f64) -> Result<NonInferiority> {
    require_non_negative("margin", margin)?;
    require_alpha(alpha)?;
    let estimate = paired_estimate(d);
    let p_difference = estimate.test(0.0, Alternative::TwoSided).p_value;
    let p_non_inferior = estimate.test(-margin, Alternative::Greater).p_value;
    let p_inferior = estimate.test(-margin, Alternative::TwoSided).p_value;
    let verdict = match (p_difference, p_non_inferior, p_inferior) {
        (Some(p), Some(q), Some(r)) => {
            Verdict::from_p_values(estimate.mean, margin, p, q, r, alpha)
        }
        _ => Verdict::Inconclusive,
    };
    Ok(NonInferiority {
        n: d.len(),
        mean_difference: estimate.mean,
        margin,
        alpha,
        p_difference: p_difference.map(p_value),
        p_non_inferior,
        p_inferior,
        interval: estimate.interval(1.0 - alpha),
        interval_non_inferior: estimate.interval(1.0 - 2.0 * alpha),
        verdict,
        degenerate: estimate.degenerate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_verdicts_from_one_spread() {
        let around =
            |centre: f64| [centre - 0.002, centre - 0.001, centre, centre + 0.001, centre + 0.002];
        let verdict = |centre| non_inferiority(&around(centre), 0.005, 0.05).unwrap().verdict;
        assert_eq!(verdict(0.010), Verdict::Superior);
        assert_eq!(verdict(0.0), Verdict::NonInferior);
        // Significantly worse, yet within the margin.
        assert_eq!(verdict(-0.003), Verdict::NonInferior);
        assert_eq!(verdict(-0.005), Verdict::Inconclusive);
        assert_eq!(verdict(-0.010), Verdict::Inferior);
    }

    #[test]
    fn verdict_agrees_with_the_intervals() {
        for i in -60..60 {
            let centre = f64::from(i) * 2e-4;
            let d = [centre - 0.003, centre + 0.001, centre, centre + 0.002, centre - 0.001];
            let r = non_inferiority(&d, 0.004, 0.05).unwrap();
            let (wide, narrow) = (r.interval.unwrap(), r.interval_non_inferior.unwrap());
            let by_intervals = if wide.lower > 0.0 {
                Verdict::Superior
            } else if wide.upper < -0.004 {
                Verdict::Inferior
            } else if narrow.lower > -0.004 {
                Verdict::NonInferior
            } else {
                Verdict::Inconclusive
            };
            assert_eq!(r.verdict, by_intervals, "centre {centre}");
        }
    }

    #[test]
    fn identical_runs_give_a_reason_and_no_verdict() {
        let r = non_inferiority_paired(&[0.9, 0.8], &[0.9, 0.8], 0.01, 0.05).unwrap();
        assert_eq!(r.verdict, Verdict::Inconclusive);
        assert_eq!(r.degenerate, Some(Degenerate::Identical));
        assert_eq!(r.p_non_inferior, None);
    }
}
