//! Two or more independent groups: input checks and the shape of an omnibus answer.

use crate::{
    describe::largest_magnitude,
    error::{Degenerate, Result, require_count, require_finite},
    rounding::Precision,
};

/// Answer of a test over several groups.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupTest {
    /// The statistic; `None` without variance or when all is tied.
    pub statistic: Option<f64>,
    /// Degrees of freedom: of the chi-square, or the numerator of F.
    pub df1: f64,
    /// Degrees of freedom of the denominator of F.
    pub df2: Option<f64>,
    /// Upper tail of the null distribution.
    pub p_value: Option<f64>,
    /// Why there is no statistic.
    pub degenerate: Option<Degenerate>,
}

impl GroupTest {
    pub(crate) fn undefined(df1: f64, df2: Option<f64>, degenerate: Degenerate) -> Self {
        Self { statistic: None, df1, df2, p_value: None, degenerate: Some(degenerate) }
    }
}

/// Checks at least two groups of at least `needed` finite values.
pub(crate) fn require_groups<G: AsRef<[f64]>>(groups: &[G], needed: usize) -> Result<()> {
    require_count("groups", 2, groups.len())?;
    for group in groups {
        require_count("values in each group", needed, group.as_ref().len())?;
        require_finite(group.as_ref())?;
    }
    Ok(())
}

/// The values of all groups.
pub(crate) fn pooled<G: AsRef<[f64]>>(groups: &[G]) -> Vec<f64> {
    groups.iter().flat_map(|g| g.as_ref()).copied().collect()
}

/// Largest magnitude over all groups.
pub(crate) fn scale<G: AsRef<[f64]>>(groups: &[G]) -> f64 {
    groups.iter().map(|g| largest_magnitude(g.as_ref())).fold(0.0, f64::max)
}

/// Positions of groups without variation.
pub(crate) fn constant_groups<G: AsRef<[f64]>>(groups: &[G]) -> Vec<usize> {
    let precision = Precision::of(&pooled(groups));
    (0..groups.len()).filter(|i| precision.is_constant(groups[*i].as_ref())).collect()
}
