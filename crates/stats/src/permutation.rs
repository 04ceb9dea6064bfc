//! Sign-flip permutation test of matched pairs.

use rand_chacha::rand_core::Rng;

use crate::{
    describe::mean,
    distribution::Alternative,
    error::{Degenerate, Error, Result, require_count, require_finite},
    random::in_chunks,
    rounding::Precision,
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
/// A pattern with flipped differences F has a mean at most that of the data exactly when F sums to
/// 0 or more, so only sums over F are compared, each with the rounding of its own members. Equal
/// decimals are ties (.010 - .005 - .005 sums to 0), and small differences count beside an outlier
/// of any size. Best given [`rounded_differences`](crate::rounded_differences): here only
/// the size of a difference is known, not that of the values it came from. A difference below 1e-12
/// of a typical one is taken for rounding.
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
    let terms = terms(differences);
    let exact = n <= ENUMERATION_LIMIT;
    let (above, below, patterns) = if exact { enumerate(&terms) } else { draw(&terms, options) };
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

/// A difference, or a sum of them, with how far rounding may have moved it.
#[derive(Debug, Clone, Copy, Default)]
struct Term {
    value: f64,
    rounding: f64,
}

impl Term {
    fn plus(self, other: Self) -> Self {
        Self { value: self.value + other.value, rounding: self.rounding + other.rounding }
    }

    /// Whether flipping these differences leaves a sum at least that of the data, and whether one
    /// at most that.
    fn sides(self) -> (bool, bool) {
        (self.value <= self.rounding, self.value >= -self.rounding)
    }
}

/// Differences of nearby scores carry the rounding of the scores, which may be 1e5 times as large
/// as they are: ten digits of a typical difference (the median of those that are not 0) cover it.
/// For an outlier only its own rounding counts, and that of sums with it: otherwise two opposite
/// outliers would cover all else.
fn terms(differences: &[f64]) -> Vec<Term> {
    const TEN_DIGITS: f64 = 1.0 / (1_u64 << 33) as f64;
    const TWELVE_DIGITS: f64 = 1.0 / (1_u64 << 40) as f64;
    let nonzero: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let typical = Precision::of(&nonzero).typical();
    let term = |d: &f64| {
        let size = d.abs();
        let rounding = (TEN_DIGITS * size.min(typical))
            .max(TWELVE_DIGITS * typical)
            .max(32.0 * f64::EPSILON * size);
        Term { value: *d, rounding: if *d == 0.0 { 0.0 } else { rounding } }
    };
    differences.iter().map(term).collect()
}

/// Sums over all subsets.
fn subset_sums(terms: &[Term]) -> Vec<Term> {
    let mut sums = vec![Term::default()];
    for term in terms {
        for i in 0..sums.len() {
            sums.push(sums[i].plus(*term));
        }
    }
    sums
}

/// Counts of sign patterns with a sum at least, and at most, that of the data; count of patterns.
fn enumerate(terms: &[Term]) -> (u64, u64, u64) {
    // Two halves keep the memory at 2 * 2^10 sums.
    let (left, right) = terms.split_at(terms.len() / 2);
    let (left, right) = (subset_sums(left), subset_sums(right));
    let (mut above, mut below) = (0, 0);
    for l in &left {
        for r in &right {
            let (at_least, at_most) = l.plus(*r).sides();
            above += u64::from(at_least);
            below += u64::from(at_most);
        }
    }
    (above, below, 1 << terms.len())
}

fn draw(terms: &[Term], options: &SignFlipOptions) -> (u64, u64, u64) {
    let counts = in_chunks(options.seed, options.draws, 0, |rng, count| {
        let (mut above, mut below) = (0_u64, 0_u64);
        for _ in 0..count {
            let mut flipped = Term::default();
            for block in terms.chunks(64) {
                let mut signs = rng.next_u64();
                for term in block {
                    if signs & 1 == 0 {
                        flipped = flipped.plus(*term);
                    }
                    signs >>= 1;
                }
            }
            let (at_least, at_most) = flipped.sides();
            above += u64::from(at_least);
            below += u64::from(at_most);
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
