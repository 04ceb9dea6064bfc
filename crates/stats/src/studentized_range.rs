//! The studentized range: the largest minus the smallest of k means, in standard errors. All-pairs
//! comparisons (Tukey, Nemenyi) rest on it.

use crate::{
    distribution::{normal_cdf, normal_pdf, root},
    error::{Error, Result, require_open_unit},
    quadrature::{integrate, mean_over_scale},
};

/// P(Q > q) for the range of `k` standard normal means over an independent estimate of their
/// standard error with `df` degrees of freedom, which may be infinite.
///
/// By quadrature of k ∫ φ(z) [Φ(z)^(k-1) - (Φ(z) - Φ(z - q))^(k-1)] dz, the complement taken inside
/// the integral, so that small tails keep their digits; accurate to about 1e-10.
///
/// # Errors
///
/// `k` below 2, `df` below 1, or a `q` that is NaN.
pub fn studentized_range_sf(q: f64, k: usize, df: f64) -> Result<f64> {
    require_shape(k, df)?;
    if q.is_nan() {
        return Err(Error::Parameter { name: "q", found: q.to_string(), legal: "a number" });
    }
    Ok(sf(q, k, df))
}

/// The q with P(Q > q) = `tail`.
///
/// # Errors
///
/// `k` below 2, `df` below 1, or a tail outside (0, 1).
pub fn studentized_range_isf(tail: f64, k: usize, df: f64) -> Result<f64> {
    require_shape(k, df)?;
    require_open_unit("tail", tail)?;
    let mut high = 4.0;
    while sf(high, k, df) > tail && high < 1e6 {
        high *= 2.0;
    }
    Ok(root(|q| sf(q, k, df) - tail, 0.0, high))
}

fn require_shape(k: usize, df: f64) -> Result<()> {
    if k < 2 {
        return Err(Error::Parameter { name: "k", found: k.to_string(), legal: "2 or more means" });
    }
    if df.is_nan() || df < 1.0 {
        return Err(Error::Parameter {
            name: "df",
            found: df.to_string(),
            legal: "1 or more, or infinity",
        });
    }
    Ok(())
}

fn sf(q: f64, k: usize, df: f64) -> f64 {
    if q <= 0.0 {
        return 1.0;
    }
    let tail = if df.is_infinite() {
        normal_range_sf(q, k)
    } else {
        mean_over_scale(df, |s| normal_range_sf(q * s, k))
    };
    tail.clamp(0.0, 1.0)
}

/// P(range > q) of `k` standard normal values.
fn normal_range_sf(q: f64, k: usize) -> f64 {
    let others = (k - 1) as f64;
    // z is the largest value. For large q the mass sits around q / 2.
    let (low, high) = (-8.5, 8.5_f64.max(0.5 * q + 8.5));
    if !high.is_finite() {
        return 0.0;
    }
    let panels = (high - low).ceil().min(100.0) as usize;
    let integral = integrate(
        |z| {
            let below = normal_cdf(z);
            let share = (normal_cdf(z - q) / below).min(1.0);
            normal_pdf(z) * below.powf(others) * -f64::exp_m1(others * f64::ln_1p(-share))
        },
        low,
        high,
        panels,
    );
    k as f64 * integral
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::{normal_sf, student_t_sf};

    #[test]
    fn two_means_are_a_t_test() {
        // The range of two is sqrt 2 times the absolute difference.
        for q in [0.5, 2.77, 6.0, 12.0] {
            let z = q / std::f64::consts::SQRT_2;
            let got = studentized_range_sf(q, 2, f64::INFINITY).unwrap();
            assert!((got / (2.0 * normal_sf(z)) - 1.0).abs() < 1e-9, "{q}: {got:e}");
            let got = studentized_range_sf(q, 2, 7.0).unwrap();
            assert!((got / (2.0 * student_t_sf(z, 7.0)) - 1.0).abs() < 1e-8);
        }
    }

    #[test]
    fn quantile_inverts() {
        let q = studentized_range_isf(0.05, 7, 20.0).unwrap();
        let tail = studentized_range_sf(q, 7, 20.0).unwrap();
        assert!((tail - 0.05).abs() < 1e-12);
    }

    #[test]
    fn impossible_shapes_are_errors() {
        assert!(studentized_range_sf(1.0, 1, 5.0).is_err());
        assert!(studentized_range_isf(0.05, 3, 0.0).is_err());
        assert!(studentized_range_isf(0.0, 3, 9.0).is_err());
    }
}
