//! Student's and Welch's t for two independent samples.

use crate::{
    distribution::Alternative,
    equivalence::{Variances, independent_estimate},
    error::{Result, require_open_unit},
    paired::{TParts, TTest, t_result},
};

/// t test of two samples whose values are not matched: seeds differ, or failures left unequal
/// counts.
///
/// With [`Variances::Separate`] (Welch 1947) t = (ma - mb) / sqrt(va/na + vb/nb) with the degrees
/// of freedom of Satterthwaite; with [`Variances::Pooled`] Student's form, which is wrong when the
/// method with fewer runs varies more. Where seeds match, the paired test sees smaller differences.
///
/// ```
/// use dst_stats::{Alternative, Variances, independent_t};
///
/// let test = independent_t(
///     &[0.90, 0.92],
///     &[0.85, 0.86],
///     Variances::Separate,
///     Alternative::TwoSided,
///     0.95,
/// )
/// .unwrap();
/// assert!((test.df.unwrap() - 1.4706).abs() < 1e-4);
/// ```
///
/// # Errors
///
/// Fewer than 2 values in a sample, a value that is not finite, or a level outside (0, 1).
pub fn independent_t(
    a: &[f64],
    b: &[f64],
    variances: Variances,
    alternative: Alternative,
    level: f64,
) -> Result<TTest> {
    require_open_unit("level", level)?;
    let estimate = independent_estimate(a, b, variances)?;
    Ok(t_result(TParts {
        n: a.len() + b.len(),
        mean: estimate.mean,
        sd: None,
        standard_error: estimate.standard_error,
        df: estimate.df,
        degenerate: estimate.degenerate,
        alternative,
        level,
    }))
}
