//! The choice of an omnibus test by pre-tests, as autorank (Herbold 2020) makes it.

use std::fmt;

use crate::{
    anova::repeated_anova,
    blocks::{column, require_table},
    describe::{Summary, summary},
    error::{Degenerate, Result, rejects, require_open_unit},
    friedman::{CriticalDifference, MeanRanks, critical_difference, friedman, mean_ranks},
    normality::{ShapiroWilk, shapiro_wilk},
    variance::{LeveneCentre, bartlett, levene},
};

/// Omnibus test over methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omnibus {
    /// Analysis of variance with repeated measures, then Tukey.
    Anova,
    /// Friedman's rank test, then Nemenyi.
    Friedman,
}

impl Omnibus {
    /// Name of the post-hoc test that goes with it.
    #[must_use]
    pub fn post_hoc(self) -> &'static str {
        match self {
            Self::Anova => "tukeyhsd",
            Self::Friedman => "nemenyi",
        }
    }
}

impl fmt::Display for Omnibus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Anova => "anova",
            Self::Friedman => "friedman",
        })
    }
}

/// Test of equal variances that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Homogeneity {
    /// Where all methods look normal.
    Bartlett,
    /// Otherwise, around the median.
    Levene,
}

impl fmt::Display for Homogeneity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bartlett => "bartlett",
            Self::Levene => "levene",
        })
    }
}

/// Choice of a test and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSelection {
    /// Description of each method.
    pub methods: Vec<Summary>,
    /// Shapiro-Wilk of each method.
    pub normality: Vec<ShapiroWilk>,
    /// Level of each normality test, alpha / k.
    pub alpha_normality: f64,
    /// Whether no method failed its normality test. A constant method fails: no test could pass.
    pub all_normal: bool,
    /// Test of equal variances.
    pub homogeneity: Homogeneity,
    /// Its p-value.
    pub p_homogeneity: Option<f64>,
    /// Whether it did not reject at alpha.
    pub homoscedastic: bool,
    /// The test chosen (or forced).
    pub omnibus: Omnibus,
    /// Its p-value: F of the analysis of variance without sphericity correction, or Friedman's
    /// chi-square.
    pub p_value: Option<f64>,
    /// Nemenyi's critical difference on the rank path.
    pub critical_difference: Option<CriticalDifference>,
    /// Mean ranks, 1 is best.
    pub mean_ranks: MeanRanks,
    /// Why the omnibus test has no answer.
    pub degenerate: Option<Degenerate>,
}

/// Chooses between analysis of variance and Friedman's test as autorank does: Shapiro-Wilk per
/// method at alpha / k, then Bartlett (all normal) or Levene, and the parametric test only when
/// both pass. Rows are blocks, columns are methods, larger is better.
///
/// Kept for comparison with that package. Choosing a test by pre-tests on the same data distorts
/// error rates, and with few blocks the pre-tests see little: fix the test in the configuration
/// instead and show the pre-tests as diagnostics.
///
/// # Errors
///
/// Fewer than 3 blocks or methods, rows of unequal length, a value that is not finite, or an alpha
/// outside (0, 1).
pub fn select_test<R: AsRef<[f64]>>(
    blocks: &[R],
    alpha: f64,
    forced: Option<Omnibus>,
) -> Result<TestSelection> {
    let (count, k) = require_table(blocks, 3, 3)?;
    require_open_unit("alpha", alpha)?;
    let columns: Vec<Vec<f64>> = (0..k).map(|m| column(blocks, m)).collect();
    let methods = columns.iter().map(|c| summary(c)).collect::<Result<_>>()?;
    let normality = columns.iter().map(|c| shapiro_wilk(c)).collect::<Result<Vec<_>>>()?;
    let alpha_normality = alpha / k as f64;
    let all_normal =
        normality.iter().all(|s| s.p_value.is_some_and(|p| !rejects(p, alpha_normality)));
    let (homogeneity, test) = if all_normal {
        (Homogeneity::Bartlett, bartlett(&columns)?)
    } else {
        (Homogeneity::Levene, levene(&columns, LeveneCentre::Median)?)
    };
    let homoscedastic = test.p_value.is_some_and(|p| !rejects(p, alpha));
    let omnibus = forced.unwrap_or(if all_normal && homoscedastic {
        Omnibus::Anova
    } else {
        Omnibus::Friedman
    });
    let (p, degenerate, cd) = match omnibus {
        Omnibus::Anova => {
            let anova = repeated_anova(blocks)?;
            (anova.p_value, anova.degenerate, None)
        }
        Omnibus::Friedman => {
            let ranks = friedman(blocks)?;
            let cd = critical_difference(k, count, alpha)?;
            (ranks.p_value, ranks.degenerate, Some(cd))
        }
    };
    Ok(TestSelection {
        methods,
        normality,
        alpha_normality,
        all_normal,
        homogeneity,
        p_homogeneity: test.p_value,
        homoscedastic,
        omnibus,
        p_value: p,
        critical_difference: cd,
        mean_ranks: mean_ranks(blocks)?,
        degenerate,
    })
}
