//! Tests of equal variances: diagnostics beside a report, not a gate before a test.

use crate::{
    anova::one_way_anova,
    describe::{mean, median, variance},
    distribution::chi_square_sf,
    error::{Degenerate, Result, p_value},
    groups::{GroupTest, constant_groups, pooled, require_groups},
    rounding::{Precision, merge},
};

/// Centre from which Levene's test takes deviations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeveneCentre {
    /// The mean (Levene 1960): for symmetric data.
    Mean,
    /// The median (Brown and Forsythe 1974): robust against skewness, the default.
    #[default]
    Median,
}

/// Levene's test of equal variances: one-way analysis of variance of absolute deviations from the
/// centre of each group.
///
/// # Errors
///
/// Fewer than 2 groups, fewer than 2 values in a group, or a value that is not finite.
pub fn levene<G: AsRef<[f64]>>(groups: &[G], centre: LeveneCentre) -> Result<GroupTest> {
    require_groups(groups, 2)?;
    let precision = Precision::of(&pooled(groups));
    let deviations: Vec<Vec<f64>> = groups
        .iter()
        .map(|g| {
            let g = g.as_ref();
            let middle = match centre {
                LeveneCentre::Mean => mean(g),
                LeveneCentre::Median => median(g),
            };
            let deviations: Vec<f64> = g.iter().map(|v| (v - middle).abs()).collect();
            // Equal deviations differ by the rounding of the values, which is large beside them.
            let tolerances: Vec<f64> = g.iter().map(|v| precision.tie(*v)).collect();
            merge(&deviations, &tolerances, vec![0.0])
        })
        .collect();
    one_way_anova(&deviations)
}

/// Bartlett's test of equal variances (Bartlett 1937): powerful for normal data, misleading for
/// others, undefined with a constant group.
///
/// # Errors
///
/// Fewer than 2 groups, fewer than 2 values in a group, or a value that is not finite.
pub fn bartlett<G: AsRef<[f64]>>(groups: &[G]) -> Result<GroupTest> {
    require_groups(groups, 2)?;
    let k = groups.len() as f64;
    let constant = constant_groups(groups);
    if let Some(first) = constant.first() {
        let reason = if constant.len() == groups.len() {
            Degenerate::NoVariance
        } else {
            Degenerate::ConstantGroup(*first)
        };
        return Ok(GroupTest::undefined(k - 1.0, None, reason));
    }
    // (degrees of freedom, variance) of each group.
    let parts: Vec<(f64, f64)> =
        groups.iter().map(|g| (g.as_ref().len() as f64 - 1.0, variance(g.as_ref()))).collect();
    let df: f64 = parts.iter().map(|(v, _)| v).sum();
    let pooled = parts.iter().map(|(v, s)| v * s).sum::<f64>() / df;
    // Logs of ratios instead of a difference of sums of logs: 0 for equal variances.
    let numerator: f64 = parts.iter().map(|(v, s)| v * (pooled / s).ln()).sum();
    let factor =
        1.0 + (parts.iter().map(|(v, _)| 1.0 / v).sum::<f64>() - 1.0 / df) / (3.0 * (k - 1.0));
    let statistic = (numerator / factor).max(0.0);
    Ok(GroupTest {
        statistic: Some(statistic),
        df1: k - 1.0,
        df2: None,
        p_value: Some(p_value(chi_square_sf(statistic, k - 1.0))),
        degenerate: None,
    })
}
