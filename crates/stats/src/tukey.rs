//! Tukey's honestly significant differences of all pairs of independent groups.

use crate::{
    describe::{mean, sum_of_squares},
    error::{Degenerate, Result, p_value, require_count, require_open_unit},
    groups::{constant_groups, require_groups},
    studentized_range::{studentized_range_isf, studentized_range_sf},
};

/// Answer of Tukey's test; matrices are indexed by group, row minus column.
#[derive(Debug, Clone, PartialEq)]
pub struct TukeyHsd {
    /// Mean of each group.
    pub means: Vec<f64>,
    /// Differences of means.
    pub differences: Vec<Vec<f64>>,
    /// p-values, already adjusted for all pairs; 1 on the diagonal. `None` without variance.
    pub p_values: Option<Vec<Vec<f64>>>,
    /// Half widths of the simultaneous intervals around the differences. `None` without variance.
    pub half_widths: Option<Vec<Vec<f64>>>,
    /// Simultaneous coverage of the intervals.
    pub level: f64,
    /// Why there is no test.
    pub degenerate: Option<Degenerate>,
}

/// Tukey's test of all pairs with Kramer's form for unequal counts: |mi - mj| over
/// sqrt(MSE / 2 (1/ni + 1/nj)) against the studentized range of k means.
///
/// Assumes equal variances and independent groups.
///
/// # Errors
///
/// Fewer than 2 groups, an empty group, no more values than groups, a value that is not finite, or
/// a level outside (0, 1).
pub fn tukey_hsd<G: AsRef<[f64]>>(groups: &[G], level: f64) -> Result<TukeyHsd> {
    require_groups(groups, 1)?;
    require_open_unit("level", level)?;
    let k = groups.len();
    let n: usize = groups.iter().map(|g| g.as_ref().len()).sum();
    require_count("values, one more than groups,", k + 1, n)?;
    let means: Vec<f64> = groups.iter().map(|g| mean(g.as_ref())).collect();
    let differences: Vec<Vec<f64>> =
        means.iter().map(|m| means.iter().map(|other| m - other).collect()).collect();
    if constant_groups(groups).len() == k {
        return Ok(TukeyHsd {
            means,
            differences,
            p_values: None,
            half_widths: None,
            level,
            degenerate: Some(Degenerate::NoVariance),
        });
    }
    let df = (n - k) as f64;
    let within: f64 = groups.iter().map(|g| sum_of_squares(g.as_ref())).sum();
    let mean_square = within / df;
    let critical = studentized_range_isf(1.0 - level, k, df)?;
    let share = |i: usize| 1.0 / groups[i].as_ref().len() as f64;
    let mut p_values = vec![vec![1.0; k]; k];
    let mut half_widths = vec![vec![0.0; k]; k];
    for i in 0..k {
        for j in 0..=i {
            let standard_error = (0.5 * mean_square * (share(i) + share(j))).sqrt();
            half_widths[i][j] = critical * standard_error;
            half_widths[j][i] = half_widths[i][j];
            if i != j {
                let q = differences[i][j].abs() / standard_error;
                p_values[i][j] = p_value(studentized_range_sf(q, k, df)?);
                p_values[j][i] = p_values[i][j];
            }
        }
    }
    Ok(TukeyHsd {
        means,
        differences,
        p_values: Some(p_values),
        half_widths: Some(half_widths),
        level,
        degenerate: None,
    })
}
