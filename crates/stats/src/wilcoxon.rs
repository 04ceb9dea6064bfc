//! Wilcoxon's signed-rank test.

use crate::{
    differences::differences,
    distribution::{Alternative, normal_sf},
    error::{Degenerate, Error, Result, p_value, require_count, require_finite},
    ranks::{mid_ranks, tie_term},
};

/// Up to this many non-zero differences [`NullDistribution::Auto`] is exact.
pub const EXACT_LIMIT: usize = 50;

/// Above this many differences the exact distribution is refused: its table grows with the square.
const EXACT_MAXIMUM: usize = 1_000;

/// What happens to pairs without a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zeros {
    /// Leave them out before ranking (Wilcoxon 1945). Say how many.
    #[default]
    Drop,
    /// Rank them with the others, then leave their ranks out (Pratt 1959). The normal
    /// approximation drifts when zeros abound.
    Pratt,
    /// Rank them and give half of their ranks to either side.
    Split,
}

/// Null distribution of the statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NullDistribution {
    /// Exact up to [`EXACT_LIMIT`] non-zero differences, with or without ties; above that normal
    /// without continuity correction.
    #[default]
    Auto,
    /// All sign patterns over the ranks at hand, ties included.
    Exact,
    /// Normal approximation with the tie term.
    Normal {
        /// Whether the statistic moves half a rank towards its mean first.
        continuity: bool,
    },
}

/// Settings of the signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignedRankOptions {
    /// Alternative about the differences.
    pub alternative: Alternative,
    /// Treatment of zeros.
    pub zeros: Zeros,
    /// Null distribution.
    pub null: NullDistribution,
}

/// Answer of the signed-rank test.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedRank {
    /// Count of differences, zeros included.
    pub n: usize,
    /// Count of differences that are exactly 0.
    pub zero_count: usize,
    /// Whether magnitudes of non-zero differences are tied.
    pub ties: bool,
    /// Sum of ranks of positive differences, under the chosen treatment of zeros.
    pub w_plus: f64,
    /// Sum of ranks of negative differences, under the chosen treatment of zeros.
    pub w_minus: f64,
    /// min(W+, W-) for the two-sided test, W+ for the one-sided ones.
    pub statistic: f64,
    /// Standardised `statistic`; `None` when the distribution was exact or the variance is 0.
    pub z: Option<f64>,
    /// p-value; 1 with a reason when all differences are 0 under the exact distribution, `None`
    /// under the normal one.
    pub p_value: Option<f64>,
    /// Whether the p-value is exact.
    pub exact: bool,
    /// Smallest p-value this count of non-zero differences can reach with the exact test:
    /// 2 / 2^n two-sided. Five pairs stop at 0.0625.
    pub smallest_p: f64,
    /// Matched-pairs rank-biserial correlation (W+ - W-) / (W+ + W-) with zeros left out, in
    /// [-1, 1] (Kerby 2014); `None` when all differences are 0.
    pub rank_biserial: Option<f64>,
    /// Why there is nothing to test.
    pub degenerate: Option<Degenerate>,
}

/// Signed-rank test of matched samples. Differences that are equal in decimals count as ties, and
/// equal values as no difference: see [`rounded_differences`].
///
/// ```
/// use dst_stats::{SignedRankOptions, signed_rank_paired};
///
/// let a = [0.51, 0.62, 0.73, 0.84, 0.95];
/// let b = [0.50, 0.60, 0.70, 0.80, 0.90];
/// let test = signed_rank_paired(&a, &b, &SignedRankOptions::default()).unwrap();
/// // Five seeds, all won, and still not below 0.05.
/// assert_eq!(test.p_value, Some(0.0625));
/// ```
///
/// # Errors
///
/// Unequal counts, no pair, a value that is not finite, or the exact distribution for more than
/// 1,000 pairs.
pub fn signed_rank_paired(a: &[f64], b: &[f64], options: &SignedRankOptions) -> Result<SignedRank> {
    signed_rank(&rounded_differences(a, b)?, options)
}

/// Signed-rank test of differences as they are: ties and zeros are those of the numbers given
/// (Wilcoxon 1945). W+ is the sum of ranks of |d| over d > 0.
///
/// Applies from 6 differences on, and tolerates outliers. It assumes that the differences are
/// symmetric under the null hypothesis. The exact distribution counts sign patterns over the
/// doubled mid-ranks, which are integers, by dynamic programming; some libraries go to the normal
/// approximation as soon as there is a tie.
///
/// # Errors
///
/// No difference, one that is not finite, or the exact distribution for more than 1,000 non-zero
/// differences.
pub fn signed_rank(differences: &[f64], options: &SignedRankOptions) -> Result<SignedRank> {
    require_count("differences", 1, differences.len())?;
    require_finite(differences)?;
    let n = differences.len();
    let nonzero: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    let zero_count = n - nonzero.len();

    let (plus_dropped, minus_dropped, _) = rank_sums(&nonzero);
    let rank_biserial = (!nonzero.is_empty())
        .then(|| (plus_dropped - minus_dropped) / (plus_dropped + minus_dropped));
    let ranked = match options.zeros {
        Zeros::Drop => nonzero.as_slice(),
        Zeros::Pratt | Zeros::Split => differences,
    };
    let (mut w_plus, mut w_minus, ranks) = rank_sums(ranked);
    let zero_share = match options.zeros {
        Zeros::Split => {
            let z = zero_count as f64;
            z * (z + 1.0) / 4.0
        }
        Zeros::Drop | Zeros::Pratt => 0.0,
    };
    w_plus += zero_share;
    w_minus += zero_share;
    let statistic = match options.alternative {
        Alternative::TwoSided => w_plus.min(w_minus),
        Alternative::Greater | Alternative::Less => w_plus,
    };
    let exact = match options.null {
        NullDistribution::Exact => true,
        NullDistribution::Auto => nonzero.len() <= EXACT_LIMIT,
        NullDistribution::Normal { .. } => false,
    };
    if exact && nonzero.len() > EXACT_MAXIMUM {
        return Err(Error::Parameter {
            name: "null",
            found: format!("exact for {} differences", nonzero.len()),
            legal: "exact up to 1000 differences, normal above",
        });
    }
    let degenerate = nonzero.is_empty().then_some(Degenerate::Identical);
    let (z, p) = if exact {
        let tails = exact_tails(&ranks, w_plus - zero_share);
        (None, Some(tails.p(options.alternative)))
    } else if degenerate.is_some() {
        (None, None)
    } else {
        let continuity = options.null == NullDistribution::Normal { continuity: true };
        let (z, p) =
            normal_p(ranked, zero_count, statistic, options.alternative, options.zeros, continuity);
        (Some(z), Some(p))
    };
    let floor = (-(nonzero.len() as f64)).exp2();
    Ok(SignedRank {
        n,
        zero_count,
        ties: tie_term(&nonzero.iter().map(|d| d.abs()).collect::<Vec<_>>()) > 0.0,
        w_plus,
        w_minus,
        statistic,
        z,
        p_value: p,
        exact,
        smallest_p: match options.alternative {
            Alternative::TwoSided => (2.0 * floor).min(1.0),
            _ => floor,
        },
        rank_biserial,
        degenerate,
    })
}

/// Rank sums of positive and negative differences, and the ranks of the non-zero ones.
fn rank_sums(differences: &[f64]) -> (f64, f64, Vec<f64>) {
    let ranks = mid_ranks(&differences.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let (mut plus, mut minus, mut nonzero) = (0.0, 0.0, Vec::new());
    for (d, rank) in differences.iter().zip(ranks) {
        if *d > 0.0 {
            plus += rank;
        } else if *d < 0.0 {
            minus += rank;
        } else {
            continue;
        }
        nonzero.push(rank);
    }
    (plus, minus, nonzero)
}

/// Both tails of a discrete null distribution at the observed value, which belongs to each.
pub(crate) struct Tails {
    pub(crate) upper: f64,
    pub(crate) lower: f64,
}

impl Tails {
    /// Two-sided is twice the smaller tail, at most 1.
    pub(crate) fn p(&self, alternative: Alternative) -> f64 {
        p_value(match alternative {
            Alternative::TwoSided => 2.0 * self.upper.min(self.lower),
            Alternative::Greater => self.upper,
            Alternative::Less => self.lower,
        })
    }
}

/// Exact tails of W+ over all sign patterns of `ranks`, which are multiples of 1/2.
fn exact_tails(ranks: &[f64], w_plus: f64) -> Tails {
    let doubled: Vec<usize> = ranks.iter().map(|r| (2.0 * r).round() as usize).collect();
    let total: usize = doubled.iter().sum();
    // probability[s] = P(doubled rank sum = s). Halving is exact, so up to 1,000 ranks no digit
    // is lost that counting would have kept.
    let mut probability = vec![0.0; total + 1];
    probability[0] = 1.0;
    let mut reached = 0;
    for r in doubled {
        for s in (0..=reached + r).rev() {
            let stays = if s <= reached { probability[s] } else { 0.0 };
            let moves = if s >= r { probability[s - r] } else { 0.0 };
            probability[s] = 0.5 * (stays + moves);
        }
        reached += r;
    }
    let observed = (2.0 * w_plus).round() as usize;
    Tails {
        upper: probability[observed..].iter().sum(),
        lower: probability[..=observed].iter().sum(),
    }
}

fn normal_p(
    ranked: &[f64],
    zero_count: usize,
    statistic: f64,
    alternative: Alternative,
    zeros: Zeros,
    continuity: bool,
) -> (f64, f64) {
    let n = ranked.len() as f64;
    let mut mean = n * (n + 1.0) / 4.0;
    let mut variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0;
    let mut magnitudes: Vec<f64> = ranked.iter().map(|d| d.abs()).collect();
    if zeros == Zeros::Pratt {
        let z = zero_count as f64;
        mean -= z * (z + 1.0) / 4.0;
        variance -= z * (z + 1.0) * (2.0 * z + 1.0) / 24.0;
        magnitudes.retain(|m| *m != 0.0);
    }
    variance -= tie_term(&magnitudes) / 48.0;
    let shift = match (continuity, alternative) {
        (false, _) => 0.0,
        (true, Alternative::TwoSided) if statistic == mean => 0.0,
        (true, Alternative::TwoSided) => 0.5_f64.copysign(statistic - mean),
        (true, Alternative::Greater) => 0.5,
        (true, Alternative::Less) => -0.5,
    };
    let z = (statistic - mean - shift) / variance.sqrt();
    let p = match alternative {
        Alternative::TwoSided => 2.0 * normal_sf(z.abs()),
        Alternative::Greater => normal_sf(z),
        Alternative::Less => normal_sf(-z),
    };
    (z, p_value(p))
}

/// Differences a - b of which those that agree in size to twelve significant digits of their pair
/// are made exactly equal, and those that small 0: what [`signed_rank_paired`] ranks and
/// [`sign_flip`](crate::sign_flip) should be given.
///
/// The digits are those of each pair: one diverged run with a loss of 1e10 leaves the differences
/// of the others as they are.
///
/// ```
/// let d = dst_stats::rounded_differences(&[0.91, 0.93, 0.3, 1e10], &[0.90, 0.92, 0.1 + 0.2, 2.0]);
/// let d = d.unwrap();
/// assert!(d[0] == d[1] && d[2] == 0.0 && d[3] == 1e10 - 2.0);
/// ```
///
/// # Errors
///
/// Unequal counts, or a value that is not finite.
pub fn rounded_differences(a: &[f64], b: &[f64]) -> Result<Vec<f64>> {
    Ok(differences(a, b)?.with_exact_ties())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_sign_patterns_counted_by_hand() {
        // n = 3, ranks 1 2 3, W+ = 5 (d = -1, 2, 3): P(W+ >= 5) = P({2,3}, {1,2,3}) = 2/8.
        let test = signed_rank(
            &[-1.0, 2.0, 3.0],
            &SignedRankOptions { alternative: Alternative::Greater, ..Default::default() },
        )
        .unwrap();
        assert_eq!((test.w_plus, test.p_value), (5.0, Some(0.25)));
    }

    #[test]
    fn exact_is_close_to_normal_at_fifty() {
        let d: Vec<f64> =
            (1..=50).map(|i| f64::from(i) * if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let exact = signed_rank(&d, &SignedRankOptions::default()).unwrap();
        assert!(exact.exact);
        let normal = signed_rank(
            &d,
            &SignedRankOptions {
                null: NullDistribution::Normal { continuity: false },
                ..Default::default()
            },
        )
        .unwrap();
        let (p, q) = (exact.p_value.unwrap(), normal.p_value.unwrap());
        assert!((p - q).abs() < 2e-3, "{p} {q}");
    }

    #[test]
    fn all_zero_has_a_reason() {
        for zeros in [Zeros::Drop, Zeros::Pratt, Zeros::Split] {
            let exact = SignedRankOptions { zeros, ..Default::default() };
            let test = signed_rank(&[0.0; 6], &exact).unwrap();
            assert_eq!(test.p_value, Some(1.0));
            assert_eq!(test.degenerate, Some(Degenerate::Identical));
            let normal =
                SignedRankOptions { null: NullDistribution::Normal { continuity: true }, ..exact };
            let test = signed_rank(&[0.0; 6], &normal).unwrap();
            assert_eq!((test.p_value, test.z), (None, None));
        }
    }
}
