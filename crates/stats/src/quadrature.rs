//! Numerical integration of smooth functions: Gauss-Legendre on equal panels.

use std::sync::OnceLock;

/// Points per panel; exact for polynomials up to degree 31.
const POINTS: usize = 16;

/// Nodes and weights on [-1, 1].
fn rule() -> &'static [(f64, f64); POINTS] {
    static RULE: OnceLock<[(f64, f64); POINTS]> = OnceLock::new();
    RULE.get_or_init(|| {
        let n = POINTS as f64;
        std::array::from_fn(|i| {
            // Newton's method on the Legendre polynomial from the usual cosine guess.
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut before, mut value) = (1.0, x);
                for k in 2..=POINTS {
                    let k = k as f64;
                    (before, value) =
                        (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-16 {
                    break;
                }
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
    })
}

/// Integral of `f` from `low` to `high` on `panels` equal panels.
pub(crate) fn integrate(f: impl Fn(f64) -> f64, low: f64, high: f64, panels: usize) -> f64 {
    let half = 0.5 * (high - low) / panels as f64;
    let mut sum = 0.0;
    for panel in 0..panels {
        let centre = low + half * (2 * panel + 1) as f64;
        for (x, weight) in rule() {
            sum += weight * f(centre + half * x);
        }
    }
    sum * half
}

/// Mean of `f(s)` where s = sqrt(chi-square / df) is the estimated over the true standard
/// deviation: the mixture that turns a normal result into its Student form.
pub(crate) fn mean_over_scale(df: f64, f: impl Fn(f64) -> f64) -> f64 {
    // Beyond this the spread of s is below 1e-3 of a percent and its density loses digits.
    if df > 1e9 {
        return f(1.0);
    }
    let spread = 1.0 / (2.0 * df).sqrt();
    let low = (1.0 - 12.0 * spread).max(0.0);
    let high = 1.0 + 12.0 * spread;
    let half = 0.5 * df;
    let log_constant = std::f64::consts::LN_2 + half * half.ln() - libm::lgamma(half);
    // s = u^2 tames s^(df - 1) at 0 when df is not an integer.
    integrate(
        |u| {
            let s = u * u;
            let density = (log_constant + (df - 1.0) * s.ln() - half * s * s).exp();
            2.0 * u * density * f(s)
        },
        low.sqrt(),
        high.sqrt(),
        16,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_the_normal_density() {
        let total = integrate(crate::distribution::normal_pdf, -9.0, 9.0, 18);
        assert!((total - 1.0).abs() < 1e-14, "{total}");
    }

    #[test]
    fn scale_mixture_has_mean_square_one() {
        for df in [1.0, 2.0, 2.5, 9.0, 60.0, 5e3, 1e6] {
            let total = mean_over_scale(df, |_| 1.0);
            let square = mean_over_scale(df, |s| s * s);
            assert!((total - 1.0).abs() < 1e-8, "df {df}: {total}");
            assert!((square - 1.0).abs() < 1e-8, "df {df}: {square}");
        }
    }
}
