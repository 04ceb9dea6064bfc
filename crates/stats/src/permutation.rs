//! Sign-flip permutation test of matched pairs.

use rand_chacha::rand_core::Rng;

use crate::{
    describe::mean,
    distribution::Alternative,
    error::{Degenerate, Error, Result, require_count, require_finite},
    random::in_chunks,
    wilcoxon::Tails,
};

/// Up to this many differences all sign patterns are enumerated (2^20 of them).
pub const ENUMERATION_LIMIT: usize = 20;

/// Settings of the sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignFlipOptions {
    /// Alternative about the mean difference.
    pub alternative: Alternative,
    /// Random sign patterns above [`ENUMERATION_LIMIT`] differences.
    pub draws: usize,
    /// Seed of the random patterns; record it.
    pub seed: u64,
}

impl Default for SignFlipOptions {
    fn default() -> Self {
        Self { alternative: Alternative::TwoSided, draws: 100_000, seed: 0 }
    }
}

/// Answer of the sign-flip test.
#[derive(Debug, Clone, PartialEq)]
pub struct SignFlip {
    /// Count of differences.
    pub n: usize,
    /// Mean difference.
    pub mean: f64,
    /// Share of sign patterns whose mean is at least as extreme; two-sided is twice the smaller
    /// tail, at most 1.
    pub p_value: f64,
    /// Count of sign patterns looked at.
    pub patterns: u64,
    /// Whether these were all of them. Otherwise the p-value is (hits + 1) / (draws + 1) per tail
    /// and never 0.
    pub exact: bool,
    /// Why the p-value of 1 says nothing: all differences are 0.
    pub degenerate: Option<Degenerate>,
}

/// Sign-flip permutation test of the mean difference (Fisher 1935): under the null hypothesis every
/// difference might as well have had the other sign.
///
/// Needs symmetry of the differences, not normality. Shares the floor of the signed-rank test:
/// 2 / 2^n two-sided.
///
/// ```
/// use dst_stats::{SignFlipOptions, sign_flip};
///
/// let test = sign_flip(&[0.01, 0.02, 0.03, 0.04, 0.05], &SignFlipOptions::default()).unwrap();
/// assert_eq!((test.p_value, test.patterns, test.exact), (0.0625, 32, true));
/// ```
///
/// # Errors
///
/// No difference, one that is not finite, or no draws.
pub fn sign_flip(differences: &[f64], options: &SignFlipOptions) -> Result<SignFlip> {
    require_count("differences", 1, differences.len())?;
    require_finite(differences)?;
    if options.draws == 0 {
        return Err(Error::Parameter { name: "draws", found: "0".to_owned(), legal: "1 or more" });
    }
    let n = differences.len();
    let total: f64 = differences.iter().sum();
    // Sums that are equal in exact arithmetic must count as ties, whatever the order of adding.
    let tolerance = 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let exact = n <= ENUMERATION_LIMIT;
    let (above, below, patterns) = if exact {
        enumerate(differences, total, tolerance)
    } else {
        draw(differences, total, tolerance, options)
    };
    let share = |hits: u64| {
        if exact {
            hits as f64 / patterns as f64
        } else {
            (hits + 1) as f64 / (patterns + 1) as f64
        }
    };
    let tails = Tails { upper: share(above), lower: share(below) };
    Ok(SignFlip {
        n,
        mean: mean(differences),
        p_value: tails.p(options.alternative),
        patterns,
        exact,
        degenerate: differences.iter().all(|d| *d == 0.0).then_some(Degenerate::Identical),
    })
}

/// Sums of all sign patterns of `d`.
fn signed_sums(d: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for x in d {
        let mut next = Vec::with_capacity(2 * sums.len());
        for s in sums {
            next.push(s + x);
            next.push(s - x);
        }
        sums = next;
    }
    sums
}

fn enumerate(d: &[f64], total: f64, tolerance: f64) -> (u64, u64, u64) {
    // Two halves keep the memory at 2 * 2^10 sums.
    let (left, right) = d.split_at(d.len() / 2);
    let (left, right) = (signed_sums(left), signed_sums(right));
    let (mut above, mut below) = (0, 0);
    for l in &left {
        for r in &right {
            let sum = l + r;
            above += u64::from(sum >= total - tolerance);
            below += u64::from(sum <= total + tolerance);
        }
    }
    (above, below, 1 << d.len())
}

fn draw(d: &[f64], total: f64, tolerance: f64, options: &SignFlipOptions) -> (u64, u64, u64) {
    let counts = in_chunks(options.seed, options.draws, 0, |rng, count| {
        let (mut above, mut below) = (0_u64, 0_u64);
        for _ in 0..count {
            let mut sum = 0.0;
            for block in d.chunks(64) {
                let mut signs = rng.next_u64();
                for x in block {
                    sum += if signs & 1 == 1 { *x } else { -x };
                    signs >>= 1;
                }
            }
            above += u64::from(sum >= total - tolerance);
            below += u64::from(sum <= total + tolerance);
        }
        (above, below)
    });
    let above = counts.iter().map(|c| c.0).sum();
    let below = counts.iter().map(|c| c.1).sum();
    (above, below, options.draws as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monte_carlo_is_near_the_exact_answer_and_repeats() {
        // 21 differences of which one is 0: the exact answer is that of the other 20.
        let mut d: Vec<f64> = (0..20).map(|i| 0.3 + f64::from(i * 7 % 11) - 4.0).collect();
        let exact = sign_flip(&d, &SignFlipOptions::default()).unwrap();
        d.push(0.0);
        let drawn = sign_flip(&d, &SignFlipOptions::default()).unwrap();
        assert!(exact.exact && !drawn.exact);
        assert!((exact.p_value - drawn.p_value).abs() < 0.01);
        assert_eq!(drawn, sign_flip(&d, &SignFlipOptions::default()).unwrap());
    }

    #[test]
    fn all_zero_is_one_with_a_reason() {
        let test = sign_flip(&[0.0; 4], &SignFlipOptions::default()).unwrap();
        assert_eq!(test.p_value, 1.0);
        assert_eq!(test.degenerate, Some(Degenerate::Identical));
    }
}
