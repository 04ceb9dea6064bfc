//! Tail probabilities and quantiles of the distributions that the tests need.
//!
//! Every tail is computed directly, never as 1 - cdf, so that p = 1e-12 has as many digits as
//! p = 0.3. The incomplete gamma function comes from `statrs`. `erfc` and `lgamma` come from `libm`,
//! because `statrs::erfc` 0.19 is wrong in the 10th digit around 0.7, that is for z near 1. The
//! incomplete beta function is our own, because the usual signature takes x only: near x = 1 the
//! complement 1 - x has then lost its digits, while here both are known.

use libm::{erfc, lgamma as ln_gamma};
use statrs::function::{erf::erfc_inv, gamma::gamma_ur};

use crate::error::p_value;

/// Direction of the alternative hypothesis, always about first minus second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alternative {
    /// The difference is not 0.
    #[default]
    TwoSided,
    /// The first is larger.
    Greater,
    /// The first is smaller.
    Less,
}

/// P(Z <= z) of the standard normal distribution.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// P(Z > z) of the standard normal distribution.
#[must_use]
pub fn normal_sf(z: f64) -> f64 {
    0.5 * erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Density of the standard normal distribution.
#[must_use]
pub fn normal_pdf(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The z with P(Z <= z) = `p`; infinite at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let z = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p);
    // One Newton step, on the smaller tail, takes the inverse from about 1e-13 to full precision.
    let density = normal_pdf(z);
    if density < 1e-300 {
        return z;
    }
    if z < 0.0 {
        z - (normal_cdf(z) - p) / density
    } else {
        z + (normal_sf(z) - (1.0 - p)) / density
    }
}

/// Above this many degrees of freedom t is normal but for a correction of order 1 / df (Abramowitz
/// and Stegun 26.7.8), whose own error is of order 1 / df^2.
const NEARLY_NORMAL: f64 = 1e7;

/// P(T > t) of Student's t with `df` degrees of freedom (any positive real).
#[must_use]
pub fn student_t_sf(t: f64, df: f64) -> f64 {
    if t == f64::INFINITY {
        return 0.0;
    }
    if t < 0.0 {
        return 1.0 - student_t_sf(-t, df);
    }
    let square = t * t;
    if df > NEARLY_NORMAL {
        return normal_sf(t * (1.0 - 0.25 / df) / (1.0 + 0.5 * square / df).sqrt());
    }
    0.5 * beta_regularized(0.5 * df, 0.5, df / (df + square), square / (df + square))
}

/// Density of Student's t.
fn student_t_pdf(t: f64, df: f64) -> f64 {
    (ln_gamma(0.5 * (df + 1.0)) - ln_gamma(0.5 * df) - 0.5 * (df + 1.0) * (t * t / df).ln_1p())
        .exp()
        / (df * std::f64::consts::PI).sqrt()
}

/// The t with P(T > t) = `tail`, for 0 < `tail` < 1.
#[must_use]
pub fn student_t_isf(tail: f64, df: f64) -> f64 {
    if tail > 0.5 {
        return -student_t_isf(1.0 - tail, df);
    }
    if tail == 0.5 {
        return 0.0;
    }
    let mut high = 1.0;
    while student_t_sf(high, df) > tail && high < 1e300 {
        high *= 2.0;
    }
    let t = root(|t| student_t_sf(t, df) - tail, 0.0, high);
    let density = student_t_pdf(t, df);
    if density > 0.0 { t + (student_t_sf(t, df) - tail) / density } else { t }
}

/// P(X > x) of the F distribution.
#[must_use]
pub fn f_sf(x: f64, df1: f64, df2: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let denominator = df2 + df1 * x;
    beta_regularized(0.5 * df2, 0.5 * df1, df2 / denominator, df1 * x / denominator)
}

/// P(X > x) of the chi-square distribution.
#[must_use]
pub fn chi_square_sf(x: f64, df: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    gamma_ur(0.5 * df, 0.5 * x)
}

/// P(X <= k) of the binomial distribution.
#[must_use]
pub fn binomial_cdf(k: u64, n: u64, probability: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    beta_regularized((n - k) as f64, k as f64 + 1.0, 1.0 - probability, probability)
}

/// P(X = k) of the binomial distribution with success probability 1/2.
pub(crate) fn fair_binomial_pmf(k: u64, n: u64) -> f64 {
    let (count, hits) = (n as f64, k as f64);
    if n > FAIR_LIMIT {
        return (ln_gamma(count + 1.0)
            - ln_gamma(hits + 1.0)
            - ln_gamma(count - hits + 1.0)
            - count * std::f64::consts::LN_2)
            .exp();
    }
    fair_binomial_terms(n).nth(k as usize).unwrap_or(0.0)
}

/// P(X <= k) of the binomial distribution with success probability 1/2: by summing terms, which is
/// exact up to about 50 trials, so that 2 of 2 wins gives 0.25 and not its neighbour.
pub(crate) fn fair_binomial_cdf(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if n > FAIR_LIMIT {
        return binomial_cdf(k, n, 0.5);
    }
    fair_binomial_terms(n).take(k as usize + 1).sum()
}

/// Up to this many trials 2^-n is a normal number.
const FAIR_LIMIT: u64 = 1_000;

fn fair_binomial_terms(n: u64) -> impl Iterator<Item = f64> {
    let mut term = (-(n as f64)).exp2();
    (0..=n).map(move |k| {
        let now = term;
        term *= (n - k) as f64;
        term /= (k + 1) as f64;
        now
    })
}

/// The x with I_x(a, b) = `p`: quantile of the beta distribution.
#[must_use]
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    root(|x| beta_regularized(a, b, x, 1.0 - x) - p, 0.0, 1.0)
}

/// P of the two-sided or one-sided alternative for a statistic with a symmetric null distribution,
/// given its upper tail function.
pub(crate) fn symmetric_p(
    statistic: f64,
    alternative: Alternative,
    sf: impl Fn(f64) -> f64,
) -> f64 {
    p_value(match alternative {
        Alternative::TwoSided => 2.0 * sf(statistic.abs()),
        Alternative::Greater => sf(statistic),
        Alternative::Less => sf(-statistic),
    })
}

/// Regularised incomplete beta function I_x(a, b) with `y` = 1 - x given separately.
///
/// Continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated by the modified
/// Lentz method on the side where it converges fast.
pub(crate) fn beta_regularized(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - beta_tail(b, a, y, x) } else { beta_tail(a, b, x, y) }
}

fn beta_tail(a: f64, b: f64, x: f64, y: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    // The logarithm of a number near 1 comes from its small complement.
    let log = |v: f64, complement: f64| if v < 0.5 { v.ln() } else { (-complement).ln_1p() };
    let front = (a * log(x, y) + b * log(y, x) - ln_beta(a, b)).exp() / a;
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // About sqrt(max(a, b)) terms are needed; the bound is for a billion degrees of freedom.
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// Logarithm of the beta function. For a large argument the difference of two `lgamma` would lose
/// as many digits as their size has, so it is formed from Stirling's series.
fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = (a.min(b), a.max(b));
    if large < 100.0 {
        return ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    }
    // ln Γ(large + small) - ln Γ(large)
    let sum = large + small;
    let series = |x: f64| (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * x * x)) / (x * x)) / x;
    let difference =
        (large - 0.5) * (small / large).ln_1p() + small * (sum.ln() - 1.0) + series(sum)
            - series(large);
    ln_gamma(small) - difference
}

/// Zero of a monotone function inside `[low, high]` by Brent's method, to the last digits.
pub(crate) fn root(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let (mut a, mut b) = (low, high);
    let (mut fa, mut fb) = (f(a), f(b));
    if fa == 0.0 {
        return a;
    }
    if fb == 0.0 || fa.signum() == fb.signum() {
        return b;
    }
    let (mut c, mut fc) = (a, fa);
    let mut step = b - a;
    let mut previous = step;
    for _ in 0..200 {
        if fb.signum() == fc.signum() {
            (c, fc) = (a, fa);
            step = b - a;
            previous = step;
        }
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tolerance = 2.0 * f64::EPSILON * b.abs() + 1e-300;
        let half = 0.5 * (c - b);
        if half.abs() <= tolerance || fb == 0.0 {
            break;
        }
        if previous.abs() >= tolerance && fa.abs() > fb.abs() {
            let s = fb / fa;
            let (mut p, mut q) = if a == c {
                (2.0 * half * s, 1.0 - s)
            } else {
                let (q, r) = (fa / fc, fb / fc);
                (
                    s * (2.0 * half * q * (q - r) - (b - a) * (r - 1.0)),
                    (q - 1.0) * (r - 1.0) * (s - 1.0),
                )
            };
            if p > 0.0 {
                q = -q;
            }
            p = p.abs();
            if 2.0 * p < (3.0 * half * q - (tolerance * q).abs()).min((previous * q).abs()) {
                previous = step;
                step = p / q;
            } else {
                step = half;
                previous = half;
            }
        } else {
            step = half;
            previous = half;
        }
        (a, fa) = (b, fb);
        b += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        fb = f(b);
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, rel: f64) {
        assert!((got - want).abs() <= rel * want.abs(), "got {got:e}, want {want:e}");
    }

    #[test]
    fn normal_tails_keep_their_digits() {
        // Abramowitz and Stegun, tables 26.1 and 26.2.
        close(normal_sf(1.0), 0.158_655_253_931_457_05, 1e-14);
        close(normal_sf(10.0), 7.619_853_024_160_527e-24, 1e-12);
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-14);
        close(normal_quantile(1e-20), -9.262_340_089_798_408, 1e-12);
    }

    #[test]
    fn t_with_one_degree_of_freedom_is_cauchy() {
        for t in [1e-9, 1e-4, 0.3, 1.0, 7.0, 1e6] {
            let cauchy = (1.0_f64 / t).atan() / std::f64::consts::PI;
            close(student_t_sf(t, 1.0), cauchy, 1e-13);
            // Near 1/2 the tail itself has no digits left to tell small t apart.
            if t > 1e-3 {
                close(student_t_isf(cauchy, 1.0), t, 1e-11);
            }
        }
    }

    #[test]
    fn t_with_two_degrees_of_freedom_has_a_closed_form() {
        for t in [0.01_f64, 0.5, 2.0, 30.0, 1e5] {
            let root = (2.0 + t * t).sqrt();
            close(student_t_sf(t, 2.0), 1.0 / (root * (root + t)), 1e-13);
        }
    }

    #[test]
    fn large_degrees_of_freedom_approach_the_normal() {
        for t in [0.1, 1.96, 3.0] {
            for df in [1e5, 1e6, 9.9e6, 1.1e7, 1e12, f64::INFINITY] {
                // Expansion in 1 / df to second order (Abramowitz and Stegun 26.7.5, inverted).
                let shift = normal_pdf(t) * (t * t * t + t) / (4.0 * df);
                close(
                    student_t_sf(t, df),
                    normal_sf(t) + shift,
                    300.0 / (df * df) + 1e-16 * df + 1e-12,
                );
            }
        }
    }

    #[test]
    fn ln_beta_meets_itself_at_the_switch() {
        for (a, b) in [(99.9, 0.5), (99.9, 80.0), (3.0, 99.0)] {
            // B(a + 1, b) = B(a, b) a / (a + b)
            let stepped = ln_beta(a, b) + (a / (a + b)).ln();
            close(ln_beta(a + 1.0, b), stepped, 1e-13);
            close(ln_beta(b, a + 1.0), stepped, 1e-13);
        }
    }

    #[test]
    fn chi_square_with_two_degrees_is_exponential() {
        for x in [1e-3_f64, 1.0, 20.0, 400.0] {
            close(chi_square_sf(x, 2.0), (-0.5 * x).exp(), 1e-12);
        }
    }

    #[test]
    fn chi_square_with_one_degree_is_squared_normal() {
        for z in [1e-3_f64, 0.1, 0.7, 1.0, 1.4, 3.0, 12.0] {
            close(chi_square_sf(z * z, 1.0), 2.0 * normal_sf(z), 1e-12);
        }
    }

    #[test]
    fn f_is_squared_t() {
        close(f_sf(2.25, 1.0, 9.0), 2.0 * student_t_sf(1.5, 9.0), 1e-13);
    }

    #[test]
    fn binomial_tails_are_sums_of_the_pmf() {
        let sum: f64 = (0..=5).map(|k| fair_binomial_pmf(k, 19)).sum();
        close(binomial_cdf(5, 19, 0.5), sum, 1e-12);
        close(fair_binomial_cdf(450, 999), binomial_cdf(450, 999, 0.5), 1e-10);
        close(fair_binomial_cdf(450, 1_001), binomial_cdf(450, 1_001, 0.5), 1e-10);
        close(fair_binomial_pmf(480, 1_000), fair_binomial_pmf(520, 1_000), 1e-12);
        assert_eq!(fair_binomial_cdf(1, 3), 0.5);
    }

    #[test]
    fn beta_quantile_inverts() {
        let x = beta_quantile(0.025, 11.0, 3.0);
        close(beta_regularized(11.0, 3.0, x, 1.0 - x), 0.025, 1e-12);
    }
}
