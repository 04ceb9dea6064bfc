//! The studentized range: the largest minus the smallest of k means, in standard errors. All-pairs
//! comparisons (Tukey, Nemenyi) rest on it.

use crate::{
    distribution::{normal_cdf, normal_pdf, root},
    error::{Error, Result, require_open_unit},
    quadrature::{LogScale, integrate_bell},
};

/// P(Q > q) for the range of `k` standard normal means over an independent estimate of their
/// standard error with `df` degrees of freedom, which may be infinite.
///
/// By quadrature of k ∫ φ(z) [Φ(z)^(k-1) - (Φ(z) - Φ(z - q))^(k-1)] dz, the complement taken inside
/// the integral, so that small tails keep their digits, and of its mean over the estimate; accurate
/// to about eleven digits.
///
/// # Errors
///
/// `k` below 2, `df` below 1, or a `q` that is NaN.
pub fn studentized_range_sf(q: f64, k: usize, df: f64) -> Result<f64> {
    require_shape(k, df)?;
    if q.is_nan() {
        return Err(Error::Parameter { name: "q", found: q.to_string(), legal: "a number" });
    }
    Ok(StudentizedRange::new(k, df).sf(q))
}

/// The q with P(Q > q) = `tail`.
///
/// # Errors
///
/// `k` below 2, `df` below 1, or a tail outside (0, 1).
pub fn studentized_range_isf(tail: f64, k: usize, df: f64) -> Result<f64> {
    require_shape(k, df)?;
    require_open_unit("tail", tail)?;
    let range = StudentizedRange::new(k, df);
    // In logarithms the tail is nearly a line, for few degrees of freedom up to q = 1 / tail.
    let log = |p: f64| p.max(f64::MIN_POSITIVE).ln();
    let gap = |log_q: f64| log(range.sf(log_q.exp())) - log(tail);
    let (mut low, mut high, mut stride) = (0.7, 1.4, 0.7);
    // Below e^-40 the tail is 1 to the last digit.
    while gap(low) < 0.0 && low > -40.0 {
        (low, high) = (low - stride, low);
        stride *= 2.0;
    }
    while gap(high) > 0.0 {
        (low, high) = (high, high + stride);
        stride *= 2.0;
    }
    Ok(root(gap, low, high).exp())
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

struct StudentizedRange {
    normal: NormalRange,
    /// `None` where the standard error is as good as known.
    scale: Option<LogScale>,
    df: f64,
}

impl StudentizedRange {
    fn new(k: usize, df: f64) -> Self {
        Self { normal: NormalRange::new(k), scale: LogScale::new(df), df }
    }

    fn sf(&self, q: f64) -> f64 {
        if q <= 0.0 {
            return 1.0;
        }
        if q == f64::INFINITY {
            return 0.0;
        }
        let Some(scale) = self.scale else {
            return self.normal.sf(q);
        };
        // The tail of the range falls like exp(-q^2 / 4), so the product of both densities peaks at
        // s^2 = df / (df + q^2 / 2), for a far tail well below 1.
        let centre =
            (self.df.sqrt() / self.df.sqrt().hypot(q * std::f64::consts::FRAC_1_SQRT_2)).ln();
        let (low, high) = (scale.low(centre), scale.high().min((FARTHEST / q).ln()));
        if low >= high {
            return 0.0;
        }
        let step = (0.5 * scale.spread()).min(self.normal.log_step());
        let mean = |x: f64| scale.density(x) * self.normal.sf(q * x.exp());
        integrate_bell(mean, low, high, step).clamp(0.0, 1.0)
    }
}

/// A range of normal values beyond this has a probability that underflows, for any count of them.
const FARTHEST: f64 = 80.0;

/// The range of k standard normal values.
struct NormalRange {
    others: f64,
    step: f64,
    /// z, its normal distribution function, and k φ(z) Φ(z)^(k-1) times the step, for z as the
    /// largest value on an even grid: the trapezoidal rule is exact there to the last digits.
    largest: Vec<(f64, f64, f64)>,
}

impl NormalRange {
    const LOW: f64 = -8.5;

    fn new(k: usize) -> Self {
        let others = (k - 1) as f64;
        // The largest of many varies less than one.
        let step = if k > 100 { 0.0625 } else { 0.125 };
        let count = ((0.5 * FARTHEST + 8.5 - Self::LOW) / step) as usize;
        let largest = (0..=count)
            .map(|i| {
                let z = Self::LOW + step * i as f64;
                let below = normal_cdf(z);
                let weight = k as f64 * normal_pdf(z) * below.powf(others) * step;
                (z, below, weight)
            })
            .collect();
        Self { others, step, largest }
    }

    /// Step in ln q in which the tail is smooth: its width there is about 0.6 over the mean range,
    /// 2 sqrt(2 ln k) for large k.
    fn log_step(&self) -> f64 {
        (0.3 / (2.0 * (2.0 * self.others.ln_1p()).sqrt())).min(0.1)
    }

    /// P(range > q).
    fn sf(&self, q: f64) -> f64 {
        if q >= FARTHEST {
            return 0.0;
        }
        if q < 1e-4 {
            // All within q of each other: sqrt k (q / sqrt(2 pi))^(k-1), up to a share of q^2.
            let close = (q / (2.0 * std::f64::consts::PI).sqrt()).powf(self.others);
            return 1.0 - (self.others + 1.0).sqrt() * close;
        }
        // The mass sits around q / 2, and for small q around 0 and above.
        let first = ((0.5 * q - 8.5 - Self::LOW) / self.step).max(0.0) as usize;
        let last = ((0.5 * q + 8.5 - Self::LOW) / self.step).ceil() as usize;
        let within = &self.largest[first..self.largest.len().min(last + 1)];
        let tail = within.iter().map(|(z, below, weight)| {
            let share = (normal_cdf(z - q) / below).min(1.0);
            weight * -f64::exp_m1(self.others * f64::ln_1p(-share))
        });
        tail.sum::<f64>().min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::{normal_sf, student_t_sf};
    use crate::quadrature::integrate;

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

    /// scipy 1.17 `stats.studentized_range.isf`, which is good to about nine digits here.
    #[test]
    fn quantiles_with_few_degrees_of_freedom() {
        for (tail, k, df, want) in [
            (0.001, 3, 1.0, 1_350.473_795),
            (0.05, 3, 1.0, 26.975_529_87),
            (0.05, 20, 1.0, 59.557_569_91),
            (0.001, 2, 2.0, 44.687_811_54),
            (0.01, 10, 3.0, 16.690_809_117_59),
            (0.05, 100, 5.0, 10.693_500_175_84),
            (1e-6, 4, 10.0, 17.681_999_472),
            (0.05, 4, 100.0, 3.695_002_191_039),
            (0.5, 3, 1.5, 2.037_469_980_44),
        ] {
            let got = studentized_range_isf(tail, k, df).unwrap();
            assert!((got / want - 1.0).abs() < 1e-7, "{tail} {k} {df}: {got} {want}");
        }
    }

    #[test]
    fn two_means_are_a_t_test_for_any_degrees_of_freedom() {
        for df in [1.0, 1.5, 2.0, 5.0, 30.0, 300.0, 1e4, 1e6, 1e8] {
            for q in [1e-3, 0.5, 3.0, 12.0, 60.0, 1e3, 1e6] {
                let got = studentized_range_sf(q, 2, df).unwrap();
                let want = 2.0 * student_t_sf(q / std::f64::consts::SQRT_2, df);
                let close = (got - want).abs() <= 1e-11 * want + 1e-200;
                assert!(close, "{q} {df}: {got:e} {want:e}");
            }
        }
    }

    #[test]
    fn finer_steps_move_no_digit_that_counts() {
        for k in [2, 10, 100, 3_000] {
            let range = NormalRange::new(k);
            for q in [1e-3, 0.3, 2.0, 4.5, 9.0, 30.0] {
                let f = |z: f64| {
                    let below = normal_cdf(z);
                    let share = (normal_cdf(z - q) / below).min(1.0);
                    let others = (k - 1) as f64;
                    let tail = -f64::exp_m1(others * f64::ln_1p(-share));
                    k as f64 * normal_pdf(z) * below.powf(others) * tail
                };
                let want = integrate(f, -8.5, 0.5 * q + 8.5, 200);
                let got = range.sf(q);
                assert!((got / want - 1.0).abs() < 1e-11, "{k} {q}: {got:e} {want:e}");
            }
            for df in [1.0, 20.0, 1e3] {
                let scale = LogScale::new(df).unwrap();
                for q in [0.5, 6.0, 2e3] {
                    let f = |x: f64| scale.density(x) * range.sf(q * x.exp());
                    let want = integrate(f, -40.0 / df - 10.0, scale.high(), 300);
                    let got = studentized_range_sf(q, k, df).unwrap();
                    let close = (got - want).abs() <= 1e-10 * want + 1e-200;
                    assert!(close, "{k} {df} {q}: {got:e} {want:e}");
                }
            }
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
