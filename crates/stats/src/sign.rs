//! The sign test on wins and losses of matched pairs.

use crate::{
    distribution::{Alternative, fair_binomial_cdf},
    effect::paired_improvement,
    error::{Degenerate, Result, require_open_unit},
    interval::{Interval, clopper_pearson_interval, wilson_interval},
    wilcoxon::Tails,
};

/// Answer of the sign test.
#[derive(Debug, Clone, PartialEq)]
pub struct SignTest {
    /// Pairs that the first wins.
    pub wins: usize,
    /// Pairs that the first loses.
    pub losses: usize,
    /// Pairs without a difference; they are dropped, so report them.
    pub ties: usize,
    /// Exact p-value from wins ~ Binomial(wins + losses, 1/2); 1 with a reason when all are tied.
    pub p_value: f64,
    /// Exact interval for the probability of a win among untied pairs; `None` when all are tied.
    pub clopper_pearson: Option<Interval>,
    /// Wilson's interval for the same.
    pub wilson: Option<Interval>,
    /// Why there is nothing to test.
    pub degenerate: Option<Degenerate>,
}

/// Sign test of matched pairs (Arbuthnott 1710): a coarse fallback that uses only who won. Shares
/// the floor of 2 / 2^n with the signed-rank test and is weaker above it.
///
/// ```
/// use dst_stats::{Alternative, sign_test};
///
/// let test = sign_test(&[2.0, 3.0, 4.0], &[1.0, 3.0, 1.0], Alternative::Greater, 0.95).unwrap();
/// assert_eq!((test.wins, test.losses, test.ties), (2, 0, 1));
/// assert_eq!(test.p_value, 0.25);
/// ```
///
/// # Errors
///
/// Unequal counts, no pair, a value that is not finite, or a level outside (0, 1).
pub fn sign_test(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Result<SignTest> {
    require_open_unit("level", level)?;
    let counts = paired_improvement(a, b)?;
    let (wins, n) = (counts.wins as u64, (counts.wins + counts.losses) as u64);
    let tails = Tails { upper: fair_binomial_cdf(n - wins, n), lower: fair_binomial_cdf(wins, n) };
    let untied = n > 0;
    Ok(SignTest {
        wins: counts.wins,
        losses: counts.losses,
        ties: counts.ties,
        p_value: tails.p(alternative),
        clopper_pearson: untied.then(|| clopper_pearson_interval(wins, n, level)).transpose()?,
        wilson: untied.then(|| wilson_interval(wins, n, level)).transpose()?,
        degenerate: (!untied).then_some(Degenerate::Identical),
    })
}
