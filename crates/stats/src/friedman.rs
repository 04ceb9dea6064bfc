//! Ranks of methods over blocks: Friedman's test and what follows it (Demsar 2006).
//!
//! The unit is the block. Seeds are not data sets: a table of data sets times seeds as blocks is
//! pseudo-replication. Below five data sets these tests have almost no power.

use crate::{
    blocks::require_table,
    correction::{Correction, adjust},
    distribution::{chi_square_sf, f_sf, normal_sf},
    error::{Degenerate, Error, Result, p_value, require_count, require_open_unit},
    ranks::{mid_ranks, tie_term},
    rounding::with_exact_ties,
    studentized_range::{studentized_range_isf, studentized_range_sf},
};

/// Mean ranks of methods over blocks; rank 1 is the LARGEST value of a block.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanRanks {
    /// Count of blocks D.
    pub blocks: usize,
    /// Mean rank of each method, 1 is best; they sum to k (k + 1) / 2.
    pub ranks: Vec<f64>,
    /// Sum over blocks of t^3 - t over groups of t tied methods.
    tie_term: f64,
}

impl MeanRanks {
    /// Methods from best to worst mean rank; equal ranks keep their order.
    #[must_use]
    pub fn best_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.ranks.len()).collect();
        order.sort_by(|&i, &j| self.ranks[i].total_cmp(&self.ranks[j]));
        order
    }

    /// Friedman's chi-square as in Demsar 2006, without division by the tie factor:
    /// 12 D / (k (k + 1)) (sum R_j^2 - k (k + 1)^2 / 4).
    #[must_use]
    pub fn chi_square_without_ties(&self) -> f64 {
        let k = self.ranks.len() as f64;
        let centre = (k + 1.0) / 2.0;
        let spread: f64 = self.ranks.iter().map(|r| (r - centre).powi(2)).sum();
        12.0 * self.blocks as f64 / (k * (k + 1.0)) * spread
    }

    /// Standard error of a difference of two mean ranks, sqrt(k (k + 1) / (6 D)).
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        rank_standard_error(self.ranks.len(), self.blocks)
    }
}

fn rank_standard_error(k: usize, blocks: usize) -> f64 {
    let k = k as f64;
    (k * (k + 1.0) / (6.0 * blocks as f64)).sqrt()
}

/// Ranks the methods within each block and averages over blocks. Larger values are better and get
/// the smaller rank; negate losses first. Values of a block that agree to twelve digits are tied.
///
/// # Errors
///
/// No block, fewer than 2 methods, rows of unequal length, or a value that is not finite.
pub fn mean_ranks<R: AsRef<[f64]>>(blocks: &[R]) -> Result<MeanRanks> {
    let (count, methods) = require_table(blocks, 1, 2)?;
    let mut sums = vec![0.0; methods];
    let mut ties = 0.0;
    for row in blocks {
        let row = row.as_ref();
        let negated: Vec<f64> = row.iter().map(|v| -v).collect();
        let values = with_exact_ties(&negated);
        ties += tie_term(&values);
        for (sum, rank) in sums.iter_mut().zip(mid_ranks(&values)) {
            *sum += rank;
        }
    }
    Ok(MeanRanks {
        blocks: count,
        ranks: sums.into_iter().map(|s| s / count as f64).collect(),
        tie_term: ties,
    })
}

/// Answer of Friedman's test.
#[derive(Debug, Clone, PartialEq)]
pub struct Friedman {
    /// Mean ranks, 1 is best.
    pub mean_ranks: MeanRanks,
    /// Friedman's statistic divided by the tie factor 1 - sum(t^3 - t) / (D (k^3 - k)); `None` when
    /// every block is all tied.
    pub chi_square: Option<f64>,
    /// k - 1.
    pub df: usize,
    /// Upper tail of the chi-square distribution, a poor approximation for few blocks.
    pub p_value: Option<f64>,
    /// Kendall's coefficient of concordance W = chi2 / (D (k - 1)), in [0, 1].
    pub kendall_w: Option<f64>,
    /// The better F form.
    pub iman_davenport: ImanDavenport,
    /// Why there is no statistic.
    pub degenerate: Option<Degenerate>,
}

/// F form of Friedman's test (Iman and Davenport 1980).
#[derive(Debug, Clone, PartialEq)]
pub struct ImanDavenport {
    /// (D - 1) chi2 / (D (k - 1) - chi2) from the tie-corrected chi2; `None` when all tied, and
    /// under perfect agreement, where the denominator is 0.
    pub f: Option<f64>,
    /// k - 1.
    pub df1: usize,
    /// (k - 1)(D - 1).
    pub df2: usize,
    /// Upper tail of the F distribution.
    pub p_value: Option<f64>,
    /// Why there is no F.
    pub degenerate: Option<Degenerate>,
}

/// Friedman's rank test of k methods over D blocks (Friedman 1937), with the Iman-Davenport form.
///
/// # Errors
///
/// Fewer than 2 blocks or 3 methods (for two methods use the signed-rank or sign test), rows of
/// unequal length, or a value that is not finite.
pub fn friedman<R: AsRef<[f64]>>(blocks: &[R]) -> Result<Friedman> {
    let (count, methods) = require_table(blocks, 2, 3)?;
    let ranks = mean_ranks(blocks)?;
    let (d, k) = (count as f64, methods as f64);
    let tie_factor = 1.0 - ranks.tie_term / (d * (k * k * k - k));
    let all_tied = tie_factor <= 1e-12;
    let chi_square = (!all_tied).then(|| ranks.chi_square_without_ties() / tie_factor);
    let kendall_w = chi_square.map(|c| c / (d * (k - 1.0)));
    let agreement = kendall_w.is_some_and(|w| w > 1.0 - 1e-12);
    let df2 = (methods - 1) * (count - 1);
    let f = chi_square.filter(|_| !agreement).map(|c| (d - 1.0) * c / (d * (k - 1.0) - c));
    let degenerate = all_tied.then_some(Degenerate::AllTied);
    Ok(Friedman {
        chi_square,
        df: methods - 1,
        p_value: chi_square.map(|c| p_value(chi_square_sf(c, k - 1.0))),
        kendall_w: kendall_w.map(|w| w.min(1.0)),
        iman_davenport: ImanDavenport {
            f,
            df1: methods - 1,
            df2,
            p_value: f.map(|f| p_value(f_sf(f, k - 1.0, df2 as f64))),
            degenerate: degenerate.or(agreement.then_some(Degenerate::PerfectAgreement)),
        },
        degenerate,
        mean_ranks: ranks,
    })
}

/// Nemenyi's critical difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CriticalDifference {
    /// Upper alpha quantile of the studentized range of k means with infinite df.
    pub q_range: f64,
    /// q_range / sqrt 2, the constant that Demsar tabulates.
    pub q_alpha: f64,
    /// q_alpha sqrt(k (k + 1) / (6 D)), in mean ranks.
    pub value: f64,
}

/// Critical difference of mean ranks of `methods` methods over `blocks` blocks (Nemenyi 1963):
/// pairs at least this far apart differ at family-wise level `alpha`.
///
/// ```
/// let cd = dst_stats::critical_difference(4, 14, 0.05).unwrap();
/// assert!((cd.value - 1.2536).abs() < 1e-4);
/// // Three data sets can hardly separate anything: the largest possible distance is 3.
/// assert!(dst_stats::critical_difference(4, 3, 0.05).unwrap().value > 2.7);
/// ```
///
/// # Errors
///
/// Fewer than 2 methods, no block, or an alpha outside (0, 1).
pub fn critical_difference(
    methods: usize,
    blocks: usize,
    alpha: f64,
) -> Result<CriticalDifference> {
    require_count("methods", 2, methods)?;
    require_count("blocks", 1, blocks)?;
    require_open_unit("alpha", alpha)?;
    let q_range = studentized_range_isf(alpha, methods, f64::INFINITY)?;
    let q_alpha = q_range / std::f64::consts::SQRT_2;
    Ok(CriticalDifference {
        q_range,
        q_alpha,
        value: q_alpha * rank_standard_error(methods, blocks),
    })
}

/// Nemenyi's p-values of all pairs, adjusted for all pairs by construction: the tail of the
/// studentized range at |R_i - R_j| sqrt 2 / standard error. The diagonal is 1.
///
/// The answer for a pair depends on which other methods are in the table (Benavoli et al. 2016);
/// for a single pair prefer the signed-rank test with Holm.
///
/// # Errors
///
/// Never for mean ranks of this crate; the range function's errors are passed on.
pub fn nemenyi(ranks: &MeanRanks) -> Result<Vec<Vec<f64>>> {
    let k = ranks.ranks.len();
    let unit = ranks.standard_error() / std::f64::consts::SQRT_2;
    let p = |i: usize, j: usize| {
        if i == j {
            return Ok(1.0);
        }
        let q = (ranks.ranks[i] - ranks.ranks[j]).abs() / unit;
        studentized_range_sf(q, k, f64::INFINITY).map(p_value)
    };
    (0..k).map(|i| (0..k).map(|j| p(i, j)).collect()).collect()
}

/// Groups of methods that a critical difference cannot tell apart, for the bars of a
/// critical-difference diagram: maximal runs of at least two methods, best first, whose mean ranks
/// are less than `difference` apart. Ranks that are exactly that far apart differ (Demsar 2006,
/// section 3.2.2).
#[must_use]
pub fn cliques(ranks: &MeanRanks, difference: f64) -> Vec<Vec<usize>> {
    let order = ranks.best_first();
    let limit = difference * (1.0 - 1e-12);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut reached = 0;
    for start in 0..order.len() {
        let mut end = start + 1;
        while end < order.len() && ranks.ranks[order[end]] - ranks.ranks[order[start]] < limit {
            end += 1;
        }
        // A run that ends where an earlier one ended lies inside it.
        if end - start > 1 && end > reached {
            groups.push(order[start..end].to_vec());
            reached = end;
        }
    }
    groups
}

/// One method against the control.
#[derive(Debug, Clone, PartialEq)]
pub struct RankComparison {
    /// Column of the method.
    pub method: usize,
    /// (R_method - R_control) / sqrt(k (k + 1) / (6 D)); positive when the control ranks better.
    pub z: f64,
    /// Two-sided normal p-value.
    pub p_raw: f64,
    /// The same after Holm over all k - 1 comparisons.
    pub p_holm: f64,
}

/// Every method against one control column by mean ranks (Demsar 2006, section 3.2.2), with Holm.
/// More powerful than Nemenyi where only the control matters.
///
/// # Errors
///
/// As [`mean_ranks`], or a control that is not a column.
pub fn friedman_against_control<R: AsRef<[f64]>>(
    blocks: &[R],
    control: usize,
) -> Result<Vec<RankComparison>> {
    let ranks = mean_ranks(blocks)?;
    if control >= ranks.ranks.len() {
        return Err(Error::Parameter {
            name: "control",
            found: control.to_string(),
            legal: "a column of the table, counted from 0",
        });
    }
    let unit = ranks.standard_error();
    let others: Vec<usize> = (0..ranks.ranks.len()).filter(|m| *m != control).collect();
    let z: Vec<f64> =
        others.iter().map(|m| (ranks.ranks[*m] - ranks.ranks[control]) / unit).collect();
    let raw: Vec<f64> = z.iter().map(|z| p_value(2.0 * normal_sf(z.abs()))).collect();
    let adjusted = adjust(&raw, Correction::Holm)?.adjusted;
    Ok(others
        .into_iter()
        .enumerate()
        .map(|(i, method)| RankComparison { method, z: z[i], p_raw: raw[i], p_holm: adjusted[i] })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_value_has_rank_one() {
        let r = mean_ranks(&[[0.9, 0.8, 0.8], [0.7, 0.9, 0.1]]).unwrap();
        assert_eq!(r.ranks, [1.5, 1.75, 2.75]);
        assert_eq!(r.best_first(), [0, 1, 2]);
    }

    #[test]
    fn cliques_are_maximal_runs() {
        let ranks = MeanRanks { blocks: 10, ranks: vec![3.5, 1.0, 1.8, 2.4, 5.0], tie_term: 0.0 };
        // In order: 1 (1.0), 2 (1.8), 3 (2.4), 0 (3.5), 4 (5.0).
        assert_eq!(cliques(&ranks, 1.2), [vec![1, 2], vec![2, 3], vec![3, 0]]);
        assert_eq!(cliques(&ranks, 1.55), [vec![1, 2, 3], vec![3, 0], vec![0, 4]]);
        // 3.5 and 5.0 are exactly 1.5 apart.
        assert_eq!(cliques(&ranks, 1.5), [vec![1, 2, 3], vec![3, 0]]);
        assert!(cliques(&ranks, 0.1).is_empty());
    }

    #[test]
    fn ragged_tables_are_errors() {
        assert!(friedman(&[vec![1.0, 2.0, 3.0], vec![1.0, 2.0]]).is_err());
        assert!(friedman(&[[1.0, 2.0, f64::NAN], [1.0, 2.0, 3.0]]).is_err());
        let empty: [[f64; 3]; 0] = [];
        assert!(friedman(&empty).is_err());
    }
}
