//! Power of t tests and the count of seeds they need. Computed from a stated or piloted effect,
//! never from the observed result of the same data.

use crate::{
    distribution::{Alternative, normal_cdf, normal_quantile, root, student_t_isf},
    error::{Error, Result, rejects, require_open_unit},
    quadrature::{LogScale, integrate_adaptively},
};

/// What is compared, which fixes degrees of freedom and noncentrality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// n matched pairs: df = n - 1, noncentrality d_z sqrt n.
    Paired,
    /// n values in each of two groups: df = 2n - 2, noncentrality d sqrt(n / 2).
    Independent,
}

impl Design {
    fn df(self, n: f64) -> f64 {
        match self {
            Self::Paired => n - 1.0,
            Self::Independent => 2.0 * n - 2.0,
        }
    }

    fn noncentrality(self, effect: f64, n: f64) -> f64 {
        match self {
            Self::Paired => effect * n.sqrt(),
            Self::Independent => effect * (0.5 * n).sqrt(),
        }
    }
}

/// P(T > t) of the noncentral t distribution, by quadrature over the logarithm of the estimated
/// standard deviation; accurate to about twelve digits, far tails and few degrees of freedom
/// included.
///
/// # Errors
///
/// `df` below 1, or `t` or `noncentrality` not finite.
pub fn noncentral_t_sf(t: f64, df: f64, noncentrality: f64) -> Result<f64> {
    if !(df >= 1.0 && t.is_finite() && noncentrality.is_finite()) {
        return Err(Error::Parameter {
            name: "noncentral t",
            found: format!("t {t}, df {df}, noncentrality {noncentrality}"),
            legal: "finite numbers with df 1 or more",
        });
    }
    Ok(tail(t, df, noncentrality))
}

fn tail(t: f64, df: f64, noncentrality: f64) -> f64 {
    let above = |s: f64| normal_cdf(noncentrality - t * s);
    let Some(scale) = LogScale::new(df) else {
        return above(1.0);
    };
    let (mut low, mut high) = (scale.low(0.0), scale.high());
    if t > 0.0 {
        if above(0.0) == 0.0 {
            return 0.0;
        }
        // Where the product of both densities peaks: the positive root of
        // (df + t^2) s^2 - t nc s - df. A far tail has it near sqrt(df) / t.
        let size = df.sqrt().hypot(t);
        let (share, middle) = (df.sqrt() / size, 0.5 * (t / size) * (noncentrality / size));
        let root = middle.hypot(share);
        let peak = if middle > 0.0 { middle + root } else { share * (share / (root - middle)) };
        low = scale.low(peak.ln());
        // Beyond this the normal tail underflows.
        high = high.min(((noncentrality.max(0.0) + 38.0) / t).ln());
    }
    if low >= high {
        return 0.0;
    }
    integrate_adaptively(|x| scale.density(x) * above(x.exp()), low, high, 16).clamp(0.0, 1.0)
}

/// Power of a t test: the probability of p <= `alpha` when the true standardised effect is `effect`
/// (d_z for pairs, d for groups). `n` may be fractional. The two-sided power counts both tails.
///
/// ```
/// use dst_stats::{Alternative, Design, power};
///
/// let five_seeds = power(Design::Paired, 1.0, 5.0, 0.05, Alternative::TwoSided).unwrap();
/// assert!(five_seeds < 0.5);
/// let ten_seeds = power(Design::Paired, 1.0, 10.0, 0.05, Alternative::TwoSided).unwrap();
/// assert!(ten_seeds > 0.8);
/// ```
///
/// # Errors
///
/// `n` outside [2, 1e15], an effect that is not finite, or an alpha outside (0, 1).
pub fn power(
    design: Design,
    effect: f64,
    n: f64,
    alpha: f64,
    alternative: Alternative,
) -> Result<f64> {
    require_effect(effect)?;
    require_open_unit("alpha", alpha)?;
    if !(2.0..=1e15).contains(&n) {
        return Err(Error::Parameter {
            name: "n",
            found: n.to_string(),
            legal: "a count from 2 to 1e15",
        });
    }
    Ok(power_at(design, effect, n, alpha, alternative))
}

fn power_at(design: Design, effect: f64, n: f64, alpha: f64, alternative: Alternative) -> f64 {
    let df = design.df(n);
    let shift = design.noncentrality(effect, n);
    match alternative {
        Alternative::TwoSided => {
            let critical = student_t_isf(0.5 * alpha, df);
            tail(critical, df, shift) + tail(critical, df, -shift)
        }
        Alternative::Greater => tail(student_t_isf(alpha, df), df, shift),
        Alternative::Less => tail(student_t_isf(alpha, df), df, -shift),
    }
}

/// Count of seeds that a wanted power needs.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleSize {
    /// The solution in real numbers.
    pub exact: f64,
    /// Pairs (or values per group) to run: the next integer.
    pub count: usize,
    /// Power at `count`.
    pub power_at_count: f64,
}

/// Smallest count of pairs (or of values per group) at which the t test reaches `wanted_power`.
///
/// # Errors
///
/// An effect that is 0, not finite, or against the alternative; alpha or power outside (0, 1); or
/// more than ten million needed.
pub fn sample_size(
    design: Design,
    effect: f64,
    wanted_power: f64,
    alpha: f64,
    alternative: Alternative,
) -> Result<SampleSize> {
    require_effect(effect)?;
    require_open_unit("alpha", alpha)?;
    require_open_unit("power", wanted_power)?;
    let wrong_way = match alternative {
        Alternative::TwoSided => effect == 0.0,
        Alternative::Greater => effect <= 0.0,
        Alternative::Less => effect >= 0.0,
    };
    let at = |n: f64| power_at(design, effect, n, alpha, alternative);
    let unreachable = || Error::Parameter {
        name: "effect",
        found: effect.to_string(),
        legal: "an effect in the direction of the alternative, large enough for ten million values",
    };
    if wrong_way {
        return Err(unreachable());
    }
    // Two values are the least that a t test takes.
    let least = 2.0;
    let exact = if at(least) >= wanted_power {
        least
    } else {
        let mut high = 4.0;
        while at(high) < wanted_power {
            high *= 2.0;
            if high > 2e7 {
                return Err(unreachable());
            }
        }
        root(|n| at(n) - wanted_power, least, high)
    };
    let count = (exact - 1e-9).ceil();
    Ok(SampleSize { exact, count: count as usize, power_at_count: at(count) })
}

/// Smallest standardised effect that `n` pairs (or values per group) show with `wanted_power`;
/// times the standard deviation it is the smallest detectable difference in units of the metric.
///
/// # Errors
///
/// `n` outside [2, 1e15], or alpha or power outside (0, 1).
pub fn detectable_effect(
    design: Design,
    n: f64,
    wanted_power: f64,
    alpha: f64,
    alternative: Alternative,
) -> Result<f64> {
    require_open_unit("power", wanted_power)?;
    let sign = if alternative == Alternative::Less { -1.0 } else { 1.0 };
    if power(design, 0.0, n, alpha, alternative)? >= wanted_power {
        return Ok(0.0);
    }
    let at = |effect: f64| power_at(design, sign * effect, n, alpha, alternative);
    let mut high = 1.0;
    while at(high) < wanted_power && high < 1e12 {
        high *= 2.0;
    }
    Ok(sign * root(|effect| at(effect) - wanted_power, 0.0, high))
}

/// Pairs needed to show P(A > B) = `probability` against 1/2 by a rank test (Noether 1987, in the
/// form of Bouthillier et al. 2021, appendix C): one-sided level `alpha` and power 1 - `beta`.
///
/// ```
/// assert_eq!(dst_stats::noether_sample_size(0.75, 0.05, 0.05).unwrap(), 29);
/// ```
///
/// # Errors
///
/// A probability outside (1/2, 1], or alpha or beta outside (0, 1).
pub fn noether_sample_size(probability: f64, alpha: f64, beta: f64) -> Result<usize> {
    require_open_unit("alpha", alpha)?;
    require_open_unit("beta", beta)?;
    if !(probability > 0.5 && probability <= 1.0) {
        return Err(Error::Parameter {
            name: "probability",
            found: probability.to_string(),
            legal: "above 0.5, at most 1",
        });
    }
    let distance = normal_quantile(1.0 - alpha) - normal_quantile(beta);
    let n = (distance / (6.0_f64.sqrt() * (probability - 0.5))).powi(2);
    // A count that is whole up to rounding is that count.
    Ok((n - 1e-9).max(1.0).ceil() as usize)
}

/// Fewest pairs with which an exact two-sided test of signs (Wilcoxon, sign flips, sign test) can
/// give p <= `alpha`, which rejects: n pairs have 2^n patterns of signs, so no p-value is below
/// 2 / 2^n. With Bonferroni or Holm among K comparisons ask for `alpha` / K: log2(2 K / alpha).
///
/// ```
/// assert_eq!(dst_stats::fewest_exact_pairs(0.05).unwrap(), 6);
/// assert_eq!(dst_stats::fewest_exact_pairs(0.05 / 12.0).unwrap(), 9);
/// ```
///
/// # Errors
///
/// An alpha outside (0, 1).
pub fn fewest_exact_pairs(alpha: f64) -> Result<u32> {
    require_open_unit("alpha", alpha)?;
    let mut pairs = 1;
    let mut smallest_p = 1.0;
    while !rejects(smallest_p, alpha) {
        pairs += 1;
        smallest_p *= 0.5;
    }
    Ok(pairs)
}

fn require_effect(effect: f64) -> Result<()> {
    if effect.is_finite() {
        Ok(())
    } else {
        Err(Error::Parameter {
            name: "effect",
            found: effect.to_string(),
            legal: "a finite number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn central_case_is_students_t() {
        for t in [-2.0, 0.0, 1.5, 9.0] {
            let got = noncentral_t_sf(t, 6.0, 0.0).unwrap();
            let want = crate::distribution::student_t_sf(t, 6.0);
            assert!((got - want).abs() < 1e-12, "{t}: {got} {want}");
        }
    }

    /// Quadrature at 30 digits with mpmath 1.3 over ln s, of
    /// 2 (df/2)^(df/2) / gamma(df/2) s^df exp(-df s^2 / 2) Phi(nc - t s).
    #[test]
    fn noncentral_tails_with_few_degrees_of_freedom() {
        for (t, df, nc, want) in [
            (636.62, 1.0, 0.0, 0.000_499_999_409_985_514),
            (10.0, 1.0, 5.0, 0.381_176_611_009_943),
            (3.0, 2.0, 1.5, 0.260_430_196_796_327),
            (-2.0, 3.0, 1.0, 0.990_031_499_367_269),
            (1_000.0, 1.0, 30.0, 0.023_932_934_865_350_4),
            (5.0, 50.0, 7.0, 0.964_748_783_815_822),
            (30.0, 2.5, 0.0, 0.000_145_532_354_578_698),
            (2.0, 200.0, -1.0, 0.001_428_547_713_468_68),
            (12.0, 4.0, -2.0, 6.065_780_409_333_74e-7),
        ] {
            let got = noncentral_t_sf(t, df, nc).unwrap();
            assert!((got / want - 1.0).abs() < 1e-12, "{t} {df} {nc}: {got:e} {want:e}");
        }
    }

    /// The same quadrature at the central quantile.
    #[test]
    fn power_of_few_pairs_at_strict_levels() {
        use Alternative::{Greater, TwoSided};
        for (effect, n, alpha, side, want) in [
            (10.0, 2.0, 0.001, TwoSided, 0.017_723_073_544_971_2),
            (50.0, 2.0, 0.05 / 30.0, Greater, 0.288_795_246_886_494),
            (3.0, 3.0, 1e-8, TwoSided, 2.799_999_595_004_30e-7),
            (0.0, 2.0, 1e-8, TwoSided, 1e-8),
            (1.0, 5.0, 0.05, TwoSided, 0.401_389_917_371_795),
            (2.0, 4.0, 0.05 / 30.0, TwoSided, 0.069_191_037_748_328_7),
            (1.5, 8.0, 0.025 / 12.0, Greater, 0.564_993_149_356_577),
            (0.2, 100.0, 0.05, TwoSided, 0.508_264_806_621_037),
            (5.0, 3.0, 1e-4, TwoSided, 0.007_570_825_825_472_95),
        ] {
            let got = power(Design::Paired, effect, n, alpha, side).unwrap();
            assert!((got / want - 1.0).abs() < 1e-11, "{effect} {n} {alpha}: {got:e} {want:e}");
        }
    }

    #[test]
    fn noncentral_t_far_out_is_still_a_probability() {
        for t in [-1e300, -1e6, -1.0, 1e-300, 1.0, 1e6, 1e300] {
            for df in [1.0, 7.5, 1e4, 1e8, 1e12] {
                for nc in [-1e300, -1e5, -3.0, 0.0, 3.0, 1e5, 1e300] {
                    let p = noncentral_t_sf(t, df, nc).unwrap();
                    assert!((0.0..=1.0).contains(&p), "{t} {df} {nc}: {p}");
                }
            }
        }
        let p = noncentral_t_sf(1e5, 1e8, 1e5).unwrap();
        assert!((p - 0.5).abs() < 1e-3, "{p}");
    }

    #[test]
    fn seeds_for_common_effects() {
        // The table in the methods of the project.
        let pairs =
            |d| sample_size(Design::Paired, d, 0.8, 0.05, Alternative::TwoSided).unwrap().count;
        assert_eq!([0.5, 0.8, 1.0, 1.5, 2.0].map(pairs), [34, 15, 10, 6, 5]);
        let groups = |d| {
            sample_size(Design::Independent, d, 0.8, 0.05, Alternative::TwoSided).unwrap().count
        };
        assert_eq!([0.5, 0.8, 1.0, 1.5, 2.0].map(groups), [64, 26, 17, 9, 6]);
    }

    #[test]
    fn detectable_effect_by_count() {
        let detect =
            |n| detectable_effect(Design::Paired, n, 0.8, 0.05, Alternative::TwoSided).unwrap();
        for (n, want) in [(3.0, 3.3), (5.0, 1.7), (10.0, 1.0)] {
            assert!((detect(n) - want).abs() < 0.05, "{n}: {}", detect(n));
        }
    }

    #[test]
    fn exact_tests_have_a_floor() {
        let pairs = [0.05, 0.01, 0.0625, 0.49].map(|alpha| fewest_exact_pairs(alpha).unwrap());
        assert_eq!(pairs, [6, 8, 5, 3]);
        // With a family of K, as planned.
        let pairs = [1.0, 6.0, 12.0, 30.0].map(|k| fewest_exact_pairs(0.05 / k).unwrap());
        assert_eq!(pairs, [6, 8, 9, 11]);
        assert!(fewest_exact_pairs(f64::MIN_POSITIVE).unwrap() > 1_000);
        assert!(fewest_exact_pairs(0.0).is_err());
    }

    #[test]
    fn an_effect_of_zero_has_no_sample_size() {
        assert!(sample_size(Design::Paired, 0.0, 0.8, 0.05, Alternative::TwoSided).is_err());
        assert!(sample_size(Design::Paired, -1.0, 0.8, 0.05, Alternative::Greater).is_err());
    }
}
