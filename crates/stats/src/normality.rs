//! Shapiro and Wilk's test of normality: a diagnostic. Below 10 values it detects little, and
//! choosing the test by it distorts error rates.

use crate::{
    describe::{mean, sorted, sum_of_squares},
    distribution::{normal_quantile, normal_sf},
    error::{Degenerate, Error, Result, p_value, require_count, require_finite},
    rounding::Precision,
};

/// Answer of the Shapiro-Wilk test.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapiroWilk {
    /// Count of values.
    pub n: usize,
    /// W in (0, 1], near 1 for normal data; `None` on constant data.
    pub w: Option<f64>,
    /// p-value of normality.
    pub p_value: Option<f64>,
    /// Why there is no test.
    pub degenerate: Option<Degenerate>,
}

/// Shapiro-Wilk test with the coefficients and the normalising transformation of Royston (1995),
/// algorithm AS R94, for 3 to 5,000 values.
///
/// # Errors
///
/// Fewer than 3 or more than 5,000 values, or one that is not finite.
pub fn shapiro_wilk(values: &[f64]) -> Result<ShapiroWilk> {
    let n = values.len();
    require_count("values", 3, n)?;
    require_finite(values)?;
    if n > 5_000 {
        return Err(Error::Parameter {
            name: "count of values",
            found: n.to_string(),
            legal: "3 to 5000",
        });
    }
    if Precision::of(values).is_constant(values) {
        return Ok(ShapiroWilk {
            n,
            w: None,
            p_value: None,
            degenerate: Some(Degenerate::NoVariance),
        });
    }
    let sorted = sorted(values);
    let centre = mean(&sorted);
    let slope: f64 = coefficients(n)
        .into_iter()
        .enumerate()
        .map(|(i, a)| a * ((sorted[n - 1 - i] - centre) - (sorted[i] - centre)))
        .sum();
    let w = (slope * slope / sum_of_squares(&sorted)).min(1.0);
    Ok(ShapiroWilk { n, w: Some(w), p_value: Some(p_value(tail(w, n))), degenerate: None })
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// Weights of the n / 2 largest values, largest first.
fn coefficients(n: usize) -> Vec<f64> {
    if n == 3 {
        return vec![std::f64::consts::FRAC_1_SQRT_2];
    }
    let count = n as f64;
    // Blom's approximation of the expected normal order statistics, largest first.
    let scores: Vec<f64> =
        (1..=n / 2).map(|i| -normal_quantile((i as f64 - 0.375) / (count + 0.25))).collect();
    let squares = 2.0 * scores.iter().map(|m| m * m).sum::<f64>();
    let x = 1.0 / count.sqrt();
    let first = scores[0] / squares.sqrt()
        + polynomial(&[0.0, 0.221_157, -0.147_981, -2.071_19, 4.434_685, -2.706_056], x);
    let mut weights = vec![first];
    let mut rest = squares - 2.0 * scores[0] * scores[0];
    let mut share = 1.0 - 2.0 * first * first;
    if n > 5 {
        let second = scores[1] / squares.sqrt()
            + polynomial(&[0.0, 0.042_981, -0.293_762, -1.752_461, 5.682_633, -3.582_633], x);
        weights.push(second);
        rest -= 2.0 * scores[1] * scores[1];
        share -= 2.0 * second * second;
    }
    let factor = (rest / share).sqrt();
    for score in &scores[weights.len()..] {
        weights.push(score / factor);
    }
    weights
}

/// p-value of W for n values.
fn tail(w: f64, n: usize) -> f64 {
    if n == 3 {
        let sixth = 6.0 / std::f64::consts::PI;
        return (sixth * (w.sqrt().asin() - 0.75_f64.sqrt().asin())).max(0.0);
    }
    let size = n as f64;
    let log = (1.0 - w).ln();
    let (y, location, spread) = if n <= 11 {
        let limit = polynomial(&[-2.273, 0.459], size);
        if log >= limit {
            return 0.0;
        }
        (
            -(limit - log).ln(),
            polynomial(&[0.544, -0.399_78, 0.025_054, -6.714e-4], size),
            polynomial(&[1.3822, -0.778_57, 0.062_767, -0.002_032_2], size).exp(),
        )
    } else {
        let x = size.ln();
        (
            log,
            polynomial(&[-1.5861, -0.310_82, -0.083_751, 0.003_891_5], x),
            polynomial(&[-0.4803, -0.082_676, 0.003_030_2], x).exp(),
        )
    };
    normal_sf((y - location) / spread)
}
