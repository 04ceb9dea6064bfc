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

/// Integral of `f` over `panels` equal panels from `low` to `high`, each halved until its halves say
/// the same as it does, to about 1e-13 of the whole. Features much narrower than a panel must have
/// an end of the range near them.
pub(crate) fn integrate_adaptively(
    f: impl Fn(f64) -> f64,
    low: f64,
    high: f64,
    panels: usize,
) -> f64 {
    // Rounding that never settles (a noncentrality of a million) must not halve for ever.
    const MOST_HALVINGS: usize = 2_000;
    let width = (high - low) / panels as f64;
    let mut open: Vec<(f64, f64, f64)> = (0..panels)
        .map(|panel| {
            let (from, to) = (low + width * panel as f64, low + width * (panel + 1) as f64);
            (from, to, integrate(&f, from, to, 1))
        })
        .collect();
    let whole: f64 = open.iter().map(|panel| panel.2.abs()).sum();
    let (mut sum, mut halvings) = (0.0, 0);
    while let Some((from, to, coarse)) = open.pop() {
        let middle = 0.5 * (from + to);
        let (left, right) = (integrate(&f, from, middle, 1), integrate(&f, middle, to, 1));
        if (left + right - coarse).abs() <= 1e-14 * whole || halvings == MOST_HALVINGS {
            sum += left + right;
        } else {
            halvings += 1;
            open.push((from, middle, left));
            open.push((middle, to, right));
        }
    }
    sum
}

/// Integral of an analytic `f` that vanishes towards both ends, by the trapezoidal rule with steps
/// of at most `step`, which then converges faster than any power of the step.
pub(crate) fn integrate_bell(f: impl Fn(f64) -> f64, low: f64, high: f64, step: f64) -> f64 {
    let count = ((high - low) / step).ceil().max(1.0) as usize;
    let step = (high - low) / count as f64;
    let ends = 0.5 * (f(low) + f(high));
    step * (ends + (1..count).map(|i| f(low + step * i as f64)).sum::<f64>())
}

/// The distribution of x = ln s, where s = sqrt(chi-square / df) is the estimated over the true
/// standard deviation: the mixture that turns a normal result into its Student form.
///
/// The logarithm, because for few degrees of freedom a far tail comes from s as small as the
/// quantile is large (1e-8 for one in 1e8 with one), and in it every scale is as wide as any other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogScale {
    df: f64,
    log_constant: f64,
}

impl LogScale {
    /// `None` beyond a billion degrees of freedom: s is then 1, its spread below 1e-4 and its
    /// density short of digits.
    pub(crate) fn new(df: f64) -> Option<Self> {
        if df > 1e9 {
            return None;
        }
        let half = 0.5 * df;
        // ln(2 half^half e^-half / gamma(half)), by Stirling's series where its terms are large.
        let log_constant = if half < 50.0 {
            std::f64::consts::LN_2 + half * half.ln() - half - libm::lgamma(half)
        } else {
            let square = half * half;
            let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * square)) / square) / half;
            0.5 * (2.0 * half / std::f64::consts::PI).ln() - series
        };
        Some(Self { df, log_constant })
    }

    /// Density of x.
    pub(crate) fn density(&self, x: f64) -> f64 {
        (self.log_constant - 0.5 * self.df * exp_beyond_linear(2.0 * x)).exp()
    }

    /// Standard deviation of x, roughly.
    pub(crate) fn spread(&self) -> f64 {
        1.0 / (2.0 * self.df).sqrt()
    }

    /// Where x is never above.
    pub(crate) fn high(&self) -> f64 {
        (12.0 * self.spread()).ln_1p()
    }

    /// Below this there is no mass that counts beside that around `centre`, where the function to
    /// be averaged starts to be level towards the left.
    pub(crate) fn low(&self, centre: f64) -> f64 {
        // Far to the left the density falls like exp(df (x + 1/2)), around 0 it is nearly normal.
        let far = -36.0 / self.df - 0.5;
        let reach = 12.0 * self.spread();
        let low = if reach < 0.9 { far.max((-reach).ln_1p()) } else { far };
        low + centre.min(0.0)
    }
}

/// exp(y) - 1 - y without cancellation around 0, where a billion degrees of freedom multiply it.
fn exp_beyond_linear(y: f64) -> f64 {
    if y.abs() > 0.5 {
        return y.exp_m1() - y;
    }
    // y^2 / 2 (1 + y / 3 (1 + y / 4 (...)))
    let series = (3..=18).rev().fold(1.0, |sum, k| 1.0 + sum * y / f64::from(k));
    0.5 * y * y * series
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
    fn adaptive_panels_find_a_narrow_step() {
        let step = |x: f64| 1.0 / (1.0 + (1e4 * (x - 0.3)).exp());
        let got = integrate_adaptively(step, 0.0, 1.0, 4);
        assert!((got - 0.3).abs() < 1e-12, "{got}");
    }

    #[test]
    fn scale_mixture_has_mean_square_one() {
        for df in [1.0, 2.0, 2.5, 9.0, 60.0, 99.9, 100.1, 5e3, 1e6, 9e8] {
            let scale = LogScale::new(df).unwrap();
            let mean = |power: f64| {
                let f = |x: f64| scale.density(x) * (power * x).exp();
                integrate_adaptively(f, scale.low(0.0), scale.high(), 8)
            };
            let (total, square) = (mean(0.0), mean(2.0));
            let tolerance = 1e-13 + 1e-15 * df.sqrt();
            assert!((total - 1.0).abs() < tolerance, "df {df}: {total}");
            assert!((square - 1.0).abs() < tolerance, "df {df}: {square}");
        }
    }
}
