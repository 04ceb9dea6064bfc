//! Analysis of variance: one-way, with unequal variances, and with repeated measures.

use crate::{
    blocks::{column, require_table},
    describe::{mean, sum_of_squares, variance},
    distribution::{chi_square_sf, f_sf},
    error::{Degenerate, Result, p_value},
    groups::{GroupTest, constant_groups, pooled, require_groups, scale},
    rounding::{Precision, rounding},
};

/// One-way analysis of variance of independent groups (Fisher 1925): mean squares between over
/// within groups.
///
/// Assumes equal variances; see [`alexander_govern`] where they differ. Runs that share seeds are
/// not independent groups: use [`repeated_anova`].
///
/// # Errors
///
/// Fewer than 2 groups, an empty group, no more values than groups, or a value that is not finite.
pub fn one_way_anova<G: AsRef<[f64]>>(groups: &[G]) -> Result<GroupTest> {
    require_groups(groups, 1)?;
    let all = pooled(groups);
    crate::error::require_count("values, one more than groups,", groups.len() + 1, all.len())?;
    let df1 = (groups.len() - 1) as f64;
    let df2 = (all.len() - groups.len()) as f64;
    if constant_groups(groups).len() == groups.len() {
        let reason = if Precision::of(&all).is_constant(&all) {
            Degenerate::Identical
        } else {
            Degenerate::NoVariance
        };
        return Ok(GroupTest::undefined(df1, Some(df2), reason));
    }
    let centre = mean(&all);
    let between: f64 =
        groups.iter().map(|g| g.as_ref().len() as f64 * (mean(g.as_ref()) - centre).powi(2)).sum();
    let within: f64 = groups.iter().map(|g| sum_of_squares(g.as_ref())).sum();
    let f = (between / df1) / (within / df2);
    Ok(GroupTest {
        statistic: Some(f),
        df1,
        df2: Some(df2),
        p_value: Some(p_value(f_sf(f, df1, df2))),
        degenerate: None,
    })
}

/// Test of equal means with unequal variances (Alexander and Govern 1994), asymptotically
/// chi-square with k - 1 degrees of freedom.
///
/// # Errors
///
/// Fewer than 2 groups, fewer than 2 values in a group, or a value that is not finite.
pub fn alexander_govern<G: AsRef<[f64]>>(groups: &[G]) -> Result<GroupTest> {
    require_groups(groups, 2)?;
    let df = (groups.len() - 1) as f64;
    if let Some(first) = constant_groups(groups).first() {
        let reason = Degenerate::ConstantGroup(*first);
        return Ok(GroupTest::undefined(df, None, reason));
    }
    // (mean, squared standard error, degrees of freedom) of each group.
    let parts: Vec<(f64, f64, f64)> = groups
        .iter()
        .map(|g| {
            let g = g.as_ref();
            (mean(g), variance(g) / g.len() as f64, g.len() as f64 - 1.0)
        })
        .collect();
    let weight: f64 = parts.iter().map(|(_, e, _)| 1.0 / e).sum();
    let centre = parts.iter().map(|(m, e, _)| m / e).sum::<f64>() / weight;
    let statistic: f64 = parts
        .iter()
        .map(|(m, e, v)| {
            // Hill's normalising transformation of t (equations 8 to 10 of the paper).
            let t2 = (m - centre).powi(2) / e;
            let a = v - 0.5;
            let b = 48.0 * a * a;
            let c = (a * (t2 / v).ln_1p()).sqrt();
            let z = c + (c.powi(3) + 3.0 * c) / b
                - (4.0 * c.powi(7) + 33.0 * c.powi(5) + 240.0 * c.powi(3) + 855.0 * c)
                    / (10.0 * b * b + 8.0 * b * c.powi(4) + 1000.0 * b);
            z * z
        })
        .sum();
    Ok(GroupTest {
        statistic: Some(statistic),
        df1: df,
        df2: None,
        p_value: Some(p_value(chi_square_sf(statistic, df))),
        degenerate: None,
    })
}

/// Answer of the analysis of variance with repeated measures.
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatedAnova {
    /// Mean squares of methods over residual mean squares; `None` without residual variation.
    pub f: Option<f64>,
    /// k - 1.
    pub df1: f64,
    /// (k - 1)(D - 1).
    pub df2: f64,
    /// Upper tail of F, valid under sphericity: all differences of methods vary alike.
    pub p_value: Option<f64>,
    /// Greenhouse and Geisser's epsilon in [1 / (k - 1), 1]; 1 is sphericity.
    pub epsilon: Option<f64>,
    /// Upper tail with both degrees of freedom times epsilon: the p-value to print.
    pub p_value_corrected: Option<f64>,
    /// Why there is no F.
    pub degenerate: Option<Degenerate>,
}

/// Analysis of variance with repeated measures: rows are blocks (seeds), columns are methods, every
/// method on every block. Corrected for sphericity after Greenhouse and Geisser (1959).
///
/// # Errors
///
/// Fewer than 2 blocks or 2 methods, rows of unequal length, or a value that is not finite.
pub fn repeated_anova<R: AsRef<[f64]>>(blocks: &[R]) -> Result<RepeatedAnova> {
    let (count, methods) = require_table(blocks, 2, 2)?;
    let (d, k) = (count as f64, methods as f64);
    let (df1, df2) = (k - 1.0, (k - 1.0) * (d - 1.0));
    let columns: Vec<Vec<f64>> = (0..methods).map(|m| column(blocks, m)).collect();
    let method_means: Vec<f64> = columns.iter().map(|c| mean(c)).collect();
    let block_means: Vec<f64> = blocks.iter().map(|row| mean(row.as_ref())).collect();
    let centre = mean(&method_means);
    let mut residuals = Vec::with_capacity(count * methods);
    for (row, block_mean) in blocks.iter().zip(&block_means) {
        for (value, method_mean) in row.as_ref().iter().zip(&method_means) {
            residuals.push(value - block_mean - method_mean + centre);
        }
    }
    // Means of methods and the centre round as the largest value does, and with them all residuals.
    let rounding = rounding(scale(blocks));
    if residuals.iter().all(|r| r.abs() <= rounding) {
        let reason = if method_means.iter().all(|m| (m - centre).abs() <= rounding) {
            Degenerate::Identical
        } else {
            Degenerate::NoVariance
        };
        return Ok(RepeatedAnova {
            f: None,
            df1,
            df2,
            p_value: None,
            epsilon: None,
            p_value_corrected: None,
            degenerate: Some(reason),
        });
    }
    let between: f64 = d * method_means.iter().map(|m| (m - centre).powi(2)).sum::<f64>();
    let residual: f64 = residuals.iter().map(|r| r * r).sum();
    let f = (between / df1) / (residual / df2);
    let epsilon = greenhouse_geisser(&columns, &method_means);
    Ok(RepeatedAnova {
        f: Some(f),
        df1,
        df2,
        p_value: Some(p_value(f_sf(f, df1, df2))),
        epsilon: Some(epsilon),
        p_value_corrected: Some(p_value(f_sf(f, epsilon * df1, epsilon * df2))),
        degenerate: None,
    })
}

/// Epsilon from the double-centred covariance matrix: trace^2 / ((k - 1) sum of squares).
fn greenhouse_geisser(columns: &[Vec<f64>], means: &[f64]) -> f64 {
    let k = columns.len();
    let mut covariance = vec![vec![0.0; k]; k];
    for i in 0..k {
        for j in 0..k {
            covariance[i][j] = columns[i]
                .iter()
                .zip(&columns[j])
                .map(|(x, y)| (x - means[i]) * (y - means[j]))
                .sum();
        }
    }
    let row_means: Vec<f64> = covariance.iter().map(|row| mean(row)).collect();
    let centre = mean(&row_means);
    let (mut trace, mut squares) = (0.0, 0.0);
    for i in 0..k {
        for j in 0..k {
            let c = covariance[i][j] - row_means[i] - row_means[j] + centre;
            squares += c * c;
            if i == j {
                trace += c;
            }
        }
    }
    let limit = (k - 1) as f64;
    (trace * trace / (limit * squares)).clamp(1.0 / limit, 1.0)
}
