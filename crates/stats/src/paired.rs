//! Student's t for one sample and for matched pairs.

use crate::{
    differences::{Differences, differences},
    distribution::{Alternative, student_t_isf, student_t_sf, symmetric_p},
    error::{Degenerate, Error, LARGEST, Result, require_count, require_finite, require_open_unit},
    interval::Interval,
};

/// Answer of a t test.
#[derive(Debug, Clone, PartialEq)]
pub struct TTest {
    /// Count of differences (or values) used; for two independent samples the sum of both counts.
    pub n: usize,
    /// Mean difference, first minus second (or mean minus reference).
    pub mean: f64,
    /// Standard deviation of the differences (denominator n - 1); `None` for independent samples.
    pub sd: Option<f64>,
    /// Standard error of the mean difference.
    pub standard_error: f64,
    /// Degrees of freedom; not an integer for Welch. `None` when they are 0/0.
    pub df: Option<f64>,
    /// mean / standard error; `None` without variance.
    pub t: Option<f64>,
    /// p-value for `alternative`; `None` without variance.
    pub p_value: Option<f64>,
    /// Interval that fits the alternative: a one-sided one has an infinite end. `None` without
    /// variance.
    pub interval: Option<Interval>,
    /// Alternative that was tested.
    pub alternative: Alternative,
    /// Why there is no test.
    pub degenerate: Option<Degenerate>,
}

/// Paired t test of `a` against `b`, matched by position (seed): t = mean(d) / (sd(d) / sqrt n)
/// with n - 1 degrees of freedom (Student 1908).
///
/// Applies from about 5 pairs on, when the differences are roughly symmetric; the samples
/// themselves need not be. Constant differences have no standard error: the answer is then a
/// reason, not an infinite t.
///
/// ```
/// use dst_stats::{Alternative, paired_t};
///
/// let rigl = [0.941, 0.936, 0.927, 0.926, 0.932];
/// let dense = [0.934, 0.933, 0.926, 0.923, 0.929];
/// let test = paired_t(&rigl, &dense, Alternative::TwoSided, 0.95).unwrap();
/// assert!((test.mean - 0.0034).abs() < 1e-12);
/// assert!(test.p_value.unwrap() < 0.05);
/// ```
///
/// # Errors
///
/// Unequal counts, fewer than 2 pairs, a value that is not finite, or a level outside (0, 1).
pub fn paired_t(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Result<TTest> {
    let d = differences(a, b)?;
    require_count("pairs", 2, d.len())?;
    t_of_differences(&d, alternative, level)
}

/// One-sample t test of the mean against `reference`. With differences and reference 0 it is the
/// paired test.
///
/// # Errors
///
/// Fewer than 2 values, a value or a reference that is not finite, or a level outside (0, 1).
pub fn one_sample_t(
    values: &[f64],
    reference: f64,
    alternative: Alternative,
    level: f64,
) -> Result<TTest> {
    require_count("values", 2, values.len())?;
    require_finite(values)?;
    if reference.is_nan() || reference.abs() > LARGEST {
        return Err(Error::Parameter {
            name: "reference",
            found: reference.to_string(),
            legal: "a number within 1e70 of 0",
        });
    }
    t_of_differences(&Differences::from_reference(values, reference), alternative, level)
}

fn t_of_differences(d: &Differences, alternative: Alternative, level: f64) -> Result<TTest> {
    require_open_unit("level", level)?;
    let n = d.len();
    let sd = d.variance().sqrt();
    Ok(t_result(TParts {
        n,
        mean: d.mean(),
        sd: Some(sd),
        standard_error: sd / (n as f64).sqrt(),
        df: Some(n as f64 - 1.0),
        degenerate: d.no_variance(),
        alternative,
        level,
    }))
}

pub(crate) struct TParts {
    pub(crate) n: usize,
    pub(crate) mean: f64,
    pub(crate) sd: Option<f64>,
    pub(crate) standard_error: f64,
    pub(crate) df: Option<f64>,
    pub(crate) degenerate: Option<Degenerate>,
    pub(crate) alternative: Alternative,
    pub(crate) level: f64,
}

pub(crate) fn t_result(parts: TParts) -> TTest {
    let usable = parts.df.filter(|_| parts.degenerate.is_none());
    let t = usable.map(|_| parts.mean / parts.standard_error);
    let p_value =
        t.zip(usable).map(|(t, df)| symmetric_p(t, parts.alternative, |x| student_t_sf(x, df)));
    let interval = usable
        .map(|df| t_interval(parts.mean, parts.standard_error, df, parts.alternative, parts.level));
    TTest {
        n: parts.n,
        mean: parts.mean,
        sd: parts.sd,
        standard_error: parts.standard_error,
        df: parts.df,
        t,
        p_value,
        interval,
        alternative: parts.alternative,
        degenerate: parts.degenerate,
    }
}

pub(crate) fn t_interval(
    centre: f64,
    standard_error: f64,
    df: f64,
    alternative: Alternative,
    level: f64,
) -> Interval {
    let (lower, upper) = match alternative {
        Alternative::TwoSided => {
            let half = student_t_isf(0.5 * (1.0 - level), df) * standard_error;
            (centre - half, centre + half)
        }
        Alternative::Greater => {
            let reach = student_t_isf(1.0 - level, df) * standard_error;
            (centre - reach, f64::INFINITY)
        }
        Alternative::Less => {
            let reach = student_t_isf(1.0 - level, df) * standard_error;
            (f64::NEG_INFINITY, centre + reach)
        }
    };
    Interval { lower, upper, level }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_noise_is_no_variance() {
        // Every difference is 0.01 in the data; in binary they differ in the last digits.
        let a = [0.91, 0.93, 0.3, 0.57];
        let b = [0.90, 0.92, 0.29, 0.56];
        let test = paired_t(&a, &b, Alternative::TwoSided, 0.95).unwrap();
        assert_eq!(test.degenerate, Some(Degenerate::NoVariance));
        assert_eq!((test.t, test.p_value, test.interval), (None, None, None));
    }

    #[test]
    fn one_sample_matches_paired() {
        let a = [0.91, 0.94, 0.95];
        let b = [0.90, 0.92, 0.96];
        let d: Vec<f64> = a.iter().zip(&b).map(|(x, y)| x - y).collect();
        let paired = paired_t(&a, &b, Alternative::Greater, 0.9).unwrap();
        let single = one_sample_t(&d, 0.0, Alternative::Greater, 0.9).unwrap();
        assert_eq!(paired, single);
    }

    #[test]
    fn bad_input_is_an_error_with_a_sentence() {
        let two = Alternative::TwoSided;
        let messages: Vec<String> = [
            paired_t(&[1.0], &[1.0, 2.0], two, 0.95),
            paired_t(&[1.0], &[2.0], two, 0.95),
            paired_t(&[1.0, f64::NAN], &[2.0, 3.0], two, 0.95),
            paired_t(&[1.0, 2.0], &[2.0, 4.0], two, 95.0),
        ]
        .into_iter()
        .map(|r| r.unwrap_err().to_string())
        .collect();
        assert_eq!(
            messages,
            [
                "paired samples must have equal counts, found 1 and 2",
                "needs at least 2 pairs, found 1",
                "value NaN at position 1 is not finite; drop the pair or the run first",
                "level is 95, legal: strictly between 0 and 1",
            ]
        );
    }
}
