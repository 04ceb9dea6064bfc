//! Power of t tests and the count of seeds they need. Computed from a stated or piloted effect,
//! never from the observed result of the same data.

use crate::{
    distribution::{Alternative, normal_cdf, normal_quantile, root, student_t_isf},
    error::{Error, Result, require_open_unit},
    quadrature::mean_over_scale,
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

/// P(T > t) of the noncentral t distribution, by quadrature over the estimated standard deviation;
/// accurate to about 1e-10.
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
    mean_over_scale(df, |s| normal_cdf(noncentrality - t * s)).clamp(0.0, 1.0)
}

/// Power of a t test: the probability of p < `alpha` when the true standardised effect is `effect`
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
    Ok(n.max(1.0).ceil() as usize)
}

/// Fewest pairs with which an exact two-sided test of signs (Wilcoxon, sign flips, sign test) can
/// give p < `alpha`: n pairs have 2^n patterns of signs, so no p-value is below 2 / 2^n.
///
/// ```
/// assert_eq!(dst_stats::fewest_exact_pairs(0.05).unwrap(), 6);
/// ```
///
/// # Errors
///
/// An alpha outside (0, 1).
pub fn fewest_exact_pairs(alpha: f64) -> Result<u32> {
    require_open_unit("alpha", alpha)?;
    let mut pairs = 1;
    let mut smallest_p = 1.0;
    while smallest_p >= alpha {
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
            assert!((got - want).abs() < 1e-10, "{t}: {got} {want}");
        }
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
        assert_eq!(pairs, [6, 8, 6, 3]);
        assert!(fewest_exact_pairs(f64::MIN_POSITIVE).unwrap() > 1_000);
        assert!(fewest_exact_pairs(0.0).is_err());
    }

    #[test]
    fn an_effect_of_zero_has_no_sample_size() {
        assert!(sample_size(Design::Paired, 0.0, 0.8, 0.05, Alternative::TwoSided).is_err());
        assert!(sample_size(Design::Paired, -1.0, 0.8, 0.05, Alternative::Greater).is_err());
    }
}
