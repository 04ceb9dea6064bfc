//! Kruskal and Wallis' rank test of several independent groups.

use crate::{
    distribution::chi_square_sf,
    error::{Degenerate, Result, p_value},
    groups::{GroupTest, pooled, require_groups},
    ranks::{mid_ranks, tie_term},
    rounding::with_exact_ties,
};

/// Kruskal-Wallis test (1952): H = 12 / (n (n + 1)) sum n_i (mean rank_i - (n + 1)/2)^2, divided by
/// the tie factor, asymptotically chi-square with k - 1 degrees of freedom. For matched seeds use
/// Friedman's test. Values that agree to twelve digits are tied.
///
/// # Errors
///
/// Fewer than 2 groups, an empty group, or a value that is not finite.
pub fn kruskal_wallis<G: AsRef<[f64]>>(groups: &[G]) -> Result<GroupTest> {
    require_groups(groups, 1)?;
    let all = with_exact_ties(&pooled(groups));
    let n = all.len() as f64;
    let df = (groups.len() - 1) as f64;
    let tie_factor = 1.0 - tie_term(&all) / (n * n * n - n);
    if tie_factor <= 1e-12 {
        return Ok(GroupTest::undefined(df, None, Degenerate::AllTied));
    }
    let ranks = mid_ranks(&all);
    let mut start = 0;
    let mut spread = 0.0;
    for group in groups {
        let size = group.as_ref().len();
        let sum: f64 = ranks[start..start + size].iter().sum();
        spread += (sum / size as f64 - 0.5 * (n + 1.0)).powi(2) * size as f64;
        start += size;
    }
    let h = 12.0 / (n * (n + 1.0)) * spread / tie_factor;
    Ok(GroupTest {
        statistic: Some(h),
        df1: df,
        df2: None,
        p_value: Some(p_value(chi_square_sf(h, df))),
        degenerate: None,
    })
}
