//! Mann and Whitney's rank-sum test of two independent samples.

use crate::{
    distribution::{Alternative, normal_sf},
    error::{Degenerate, Error, Result, p_value, require_count, require_finite},
    ranks::{mid_ranks, tie_term},
    rounding::with_exact_ties,
    wilcoxon::{NullDistribution, Tails},
};

/// Up to this many values in both samples together [`NullDistribution::Auto`] is exact.
pub const RANK_SUM_EXACT_LIMIT: usize = 60;

/// Above this many values the exact distribution is refused: its table grows with the cube.
const EXACT_MAXIMUM: usize = 120;

/// Answer of the rank-sum test.
#[derive(Debug, Clone, PartialEq)]
pub struct RankSum {
    /// Pairs (x, y) with x > y, ties counted half: the U of the first sample.
    pub u1: f64,
    /// na nb - u1: the U of the second sample.
    pub u2: f64,
    /// u1 / (na nb), Vargha and Delaney's A12.
    pub a12: f64,
    /// Standardised U; `None` when the distribution was exact or all values are tied.
    pub z: Option<f64>,
    /// p-value; `None` under the normal approximation when all values are tied.
    pub p_value: Option<f64>,
    /// Whether the p-value is exact.
    pub exact: bool,
    /// Why there is nothing to test.
    pub degenerate: Option<Degenerate>,
}

/// Rank-sum test of `a` against `b` (Mann and Whitney 1947): are values of one stochastically
/// larger? For seeds that match use the signed-rank test.
///
/// The exact distribution is that of the mid-ranks at hand, so it holds with ties too; two-sided is
/// twice the smaller tail. Values that agree to twelve digits are tied.
///
/// # Errors
///
/// An empty sample, a value that is not finite, or the exact distribution for more than 120 values.
pub fn rank_sum(
    a: &[f64],
    b: &[f64],
    alternative: Alternative,
    null: NullDistribution,
) -> Result<RankSum> {
    require_count("values in each sample", 1, a.len().min(b.len()))?;
    require_finite(a)?;
    require_finite(b)?;
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let pooled = with_exact_ties(&[a, b].concat());
    let ranks = mid_ranks(&pooled);
    let sum: f64 = ranks[..a.len()].iter().sum();
    let u1 = sum - na * (na + 1.0) / 2.0;
    let u2 = na * nb - u1;
    let all_tied = pooled.iter().all(|v| *v == pooled[0]);
    let (exact, continuity) = match null {
        NullDistribution::Auto => (pooled.len() <= RANK_SUM_EXACT_LIMIT, true),
        NullDistribution::Exact => (true, false),
        NullDistribution::Normal { continuity } => (false, continuity),
    };
    let (z, p) = if exact {
        if pooled.len() > EXACT_MAXIMUM {
            return Err(Error::Parameter {
                name: "null",
                found: format!("exact for {} values", pooled.len()),
                legal: "exact up to 120 values, normal above",
            });
        }
        let tails = exact_tails(&ranks, a.len(), sum);
        (None, Some(tails.p(alternative)))
    } else if all_tied {
        (None, None)
    } else {
        let n = na + nb;
        let variance = na * nb / 12.0 * (n + 1.0 - tie_term(&pooled) / (n * (n - 1.0)));
        let u = match alternative {
            Alternative::TwoSided => u1.max(u2),
            Alternative::Greater => u1,
            Alternative::Less => u2,
        };
        let shift = if continuity { 0.5 } else { 0.0 };
        let z = (u - na * nb / 2.0 - shift) / variance.sqrt();
        let p = match alternative {
            Alternative::TwoSided => 2.0 * normal_sf(z),
            _ => normal_sf(z),
        };
        (Some(z), Some(p_value(p)))
    };
    Ok(RankSum {
        u1,
        u2,
        a12: u1 / (na * nb),
        z,
        p_value: p,
        exact,
        degenerate: all_tied.then_some(Degenerate::AllTied),
    })
}

/// Exact tails of the rank sum of `size` out of all `ranks`, which are multiples of 1/2.
fn exact_tails(ranks: &[f64], size: usize, observed: f64) -> Tails {
    let doubled: Vec<usize> = ranks.iter().map(|r| (2.0 * r).round() as usize).collect();
    let total: usize = doubled.iter().sum();
    // ways[j][s] counts subsets of j ranks with doubled sum s.
    let mut ways = vec![vec![0.0_f64; total + 1]; size + 1];
    ways[0][0] = 1.0;
    for (i, r) in doubled.iter().enumerate() {
        for j in (1..=size.min(i + 1)).rev() {
            let (smaller, larger) = ways.split_at_mut(j);
            let from = &smaller[j - 1];
            for (to, count) in larger[0][*r..].iter_mut().zip(from) {
                *to += count;
            }
        }
    }
    let ways = &ways[size];
    let all: f64 = ways.iter().sum();
    let observed = (2.0 * observed).round() as usize;
    Tails {
        upper: ways[observed..].iter().sum::<f64>() / all,
        lower: ways[..=observed].iter().sum::<f64>() / all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_against_two_by_hand() {
        // Six ways to choose ranks {1,2}: P(U <= 0) = 1/6, twice that is 1/3.
        let test =
            rank_sum(&[1.0, 2.0], &[3.0, 4.0], Alternative::TwoSided, NullDistribution::Exact)
                .unwrap();
        assert!((test.p_value.unwrap() - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn exact_with_ties_by_enumeration() {
        // Mid-ranks 1, 2.5, 2.5, 4 and a = {2.5, 4}: sums of two are 3.5 3.5 5 5 6.5 6.5.
        let test =
            rank_sum(&[2.0, 3.0], &[1.0, 2.0], Alternative::Greater, NullDistribution::Exact)
                .unwrap();
        assert!((test.p_value.unwrap() - 2.0 / 6.0).abs() < 1e-15);
    }
}
