//! t tests for scores from resampled splits, whose training sets overlap. Not for fixed splits with
//! different seeds: there the paired t test applies.

use crate::{
    differences::Differences,
    distribution::{f_sf, student_t_sf},
    error::{Degenerate, Result, p_value, require_count, require_finite, require_non_negative},
    rounding::Precision,
};

/// Answer of the 5x2 cross-validation tests.
#[derive(Debug, Clone, PartialEq)]
pub struct FiveByTwo {
    /// Dietterich's t with 5 degrees of freedom: the first difference over the root mean of the
    /// five variances. It hangs on which fold comes first.
    pub t: Option<f64>,
    /// Two-sided p-value of t.
    pub p_value_t: Option<f64>,
    /// Alpaydin's F with 10 and 5 degrees of freedom, which uses all ten differences.
    pub f: Option<f64>,
    /// Upper tail of F.
    pub p_value_f: Option<f64>,
    /// Why there is no test.
    pub degenerate: Option<Degenerate>,
}

/// 5x2cv t test (Dietterich 1998) and F test (Alpaydin 1999) from the differences of five
/// repetitions of two-fold cross-validation.
///
/// # Errors
///
/// A difference that is not finite.
pub fn five_by_two(differences: &[[f64; 2]; 5]) -> Result<FiveByTwo> {
    let all = differences.concat();
    require_finite(&all)?;
    let half_gaps: Vec<f64> = differences.iter().map(|d| d[0] - d[1]).collect();
    let precision = Precision::of(&all);
    if differences.iter().all(|d| precision.is_constant(d)) {
        return Ok(FiveByTwo {
            t: None,
            p_value_t: None,
            f: None,
            p_value_f: None,
            degenerate: Differences::given(&all).no_variance().or(Some(Degenerate::NoVariance)),
        });
    }
    // The variance of a pair is half its squared gap.
    let variances: f64 = half_gaps.iter().map(|g| 0.5 * g * g).sum();
    let t = all[0] / (variances / 5.0).sqrt();
    let f = all.iter().map(|d| d * d).sum::<f64>() / (2.0 * variances);
    Ok(FiveByTwo {
        t: Some(t),
        p_value_t: Some(p_value(2.0 * student_t_sf(t.abs(), 5.0))),
        f: Some(f),
        p_value_f: Some(p_value(f_sf(f, 10.0, 5.0))),
        degenerate: None,
    })
}

/// Answer of the corrected resampled t test.
#[derive(Debug, Clone, PartialEq)]
pub struct ResampledT {
    /// mean / sqrt(variance (1/J + n_test/n_train)); `None` without variance.
    pub t: Option<f64>,
    /// J - 1.
    pub df: f64,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
    /// Why there is no test.
    pub degenerate: Option<Degenerate>,
}

/// Corrected resampled t test (Nadeau and Bengio 2003) of the differences on J random splits;
/// `test_over_train` is the ratio of test to training examples, 1/9 in ten-fold cross-validation.
///
/// # Errors
///
/// Fewer than 2 differences, one that is not finite, or a negative ratio.
pub fn nadeau_bengio(differences: &[f64], test_over_train: f64) -> Result<ResampledT> {
    require_count("differences", 2, differences.len())?;
    require_finite(differences)?;
    require_non_negative("test_over_train", test_over_train)?;
    let n = differences.len() as f64;
    let d = Differences::given(differences);
    let degenerate = d.no_variance();
    let t = degenerate
        .is_none()
        .then(|| d.mean() / (d.variance() * (1.0 / n + test_over_train)).sqrt());
    Ok(ResampledT {
        t,
        df: n - 1.0,
        p_value: t.map(|t| p_value(2.0 * student_t_sf(t.abs(), n - 1.0))),
        degenerate,
    })
}
