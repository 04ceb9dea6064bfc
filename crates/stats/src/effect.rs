//! Effect sizes: standardised mean differences and ordinal dominance. The raw mean difference with
//! its interval comes first in any table; these follow.

use std::fmt;

use libm::lgamma as ln_gamma;

use crate::{
    describe::{mad, mean, median, variance},
    differences::differences,
    error::{Degenerate, Result, require_count, require_finite},
    rounding::{Precision, with_exact_ties},
};

/// Standardised mean difference of two independent samples.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardizedDifference {
    /// Mean of the first minus mean of the second.
    pub mean_difference: f64,
    /// Pooled standard deviation sqrt(((na - 1) va + (nb - 1) vb) / (na + nb - 2)).
    pub pooled_sd: f64,
    /// Cohen's d, mean difference / pooled sd; `None` without variance.
    pub d: Option<f64>,
    /// Hedges' factor J = Γ(v/2) / (sqrt(v/2) Γ((v-1)/2)) with v = na + nb - 2, which removes the
    /// bias of d in small samples. `None` for v = 1.
    pub j: Option<f64>,
    /// Hedges' g = d J.
    pub g: Option<f64>,
    /// The usual approximation of J, 1 - 3/(4v - 1).
    pub j_approximate: f64,
    /// d times the approximate J; what most packages print as g.
    pub g_approximate: Option<f64>,
    /// Why there is no d.
    pub degenerate: Option<Degenerate>,
}

/// Cohen's d (Cohen 1988) and Hedges' g (Hedges 1981) of two independent samples.
///
/// For samples that are matched by seed use [`paired_effect`]: d ignores the pairing.
///
/// # Errors
///
/// An empty sample, fewer than 3 values in all, or a value that is not finite.
pub fn standardized_difference(a: &[f64], b: &[f64]) -> Result<StandardizedDifference> {
    require_count("values in each sample", 1, a.len().min(b.len()))?;
    require_count("values in both samples together", 3, a.len() + b.len())?;
    require_finite(a)?;
    require_finite(b)?;
    let v = (a.len() + b.len() - 2) as f64;
    let mean_difference = mean(a) - mean(b);
    let degenerate = constant_samples(a, b);
    let squares = |s: &[f64]| {
        if s.len() < 2 { 0.0 } else { variance(s) * (s.len() - 1) as f64 }
    };
    let pooled_sd = if degenerate.is_some() { 0.0 } else { ((squares(a) + squares(b)) / v).sqrt() };
    let d = degenerate.is_none().then(|| mean_difference / pooled_sd);
    let j =
        (v > 1.0).then(|| (ln_gamma(0.5 * v) - ln_gamma(0.5 * (v - 1.0))).exp() / (0.5 * v).sqrt());
    let j_approximate = 1.0 - 3.0 / (4.0 * v - 1.0);
    Ok(StandardizedDifference {
        mean_difference,
        pooled_sd,
        d,
        j,
        g: d.zip(j).map(|(d, j)| d * j),
        j_approximate,
        g_approximate: d.map(|d| d * j_approximate),
        degenerate,
    })
}

/// The reason why two samples have no variance within them, if so.
pub(crate) fn constant_samples(a: &[f64], b: &[f64]) -> Option<Degenerate> {
    let precision = Precision::of(&[a, b].concat());
    if !(precision.is_constant(a) && precision.is_constant(b)) {
        return None;
    }
    Some(if precision.is_constant(&[a[0], b[0]]) {
        Degenerate::Identical
    } else {
        Degenerate::NoVariance
    })
}

/// Standardised mean differences of matched pairs. They differ widely, so always print the name.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedEffect {
    /// Count of pairs.
    pub n: usize,
    /// Mean difference, first minus second.
    pub mean_difference: f64,
    /// Standard deviation of the differences.
    pub sd_difference: f64,
    /// mean / sd of the differences = t / sqrt n: what power depends on. Grows with the
    /// correlation of the pairs, so it is not comparable with an unpaired d.
    pub d_z: Option<f64>,
    /// mean / sqrt((va + vb) / 2): ignores the correlation, comparable with an unpaired d.
    pub d_av: Option<f64>,
    /// d_z sqrt(2 (1 - r)) (Lakens 2013): d_z taken back to the scale of an unpaired d.
    pub d_rm: Option<f64>,
    /// Pearson's correlation r of the pairs; `None` when one side is constant.
    pub correlation: Option<f64>,
    /// Why there is no d_z.
    pub degenerate: Option<Degenerate>,
}

/// d_z, d_av and d_rm of matched pairs (Lakens 2013).
///
/// # Errors
///
/// Unequal counts, fewer than 2 pairs, or a value that is not finite.
pub fn paired_effect(a: &[f64], b: &[f64]) -> Result<PairedEffect> {
    let d = differences(a, b)?;
    let n = d.len();
    require_count("pairs", 2, n)?;
    let degenerate = d.no_variance();
    let mean_difference = d.mean();
    let sd_difference = d.variance().sqrt();
    let d_z = degenerate.is_none().then(|| mean_difference / sd_difference);
    let precision = Precision::of(&[a, b].concat());
    let both_vary = !precision.is_constant(a) && !precision.is_constant(b);
    let correlation = both_vary.then(|| pearson(a, b));
    let d_av = constant_samples(a, b)
        .is_none()
        .then(|| mean_difference / (0.5 * (variance(a) + variance(b))).sqrt());
    Ok(PairedEffect {
        n,
        mean_difference,
        sd_difference,
        d_z,
        d_av,
        d_rm: d_z.zip(correlation).map(|(d_z, r)| d_z * (2.0 * (1.0 - r)).sqrt()),
        correlation,
        degenerate,
    })
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - ma, y - mb);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0)
}

/// Label of an absolute Cliff's delta (Romano et al. 2006). A label, not a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Magnitude {
    /// Below 0.147.
    Negligible,
    /// From 0.147.
    Small,
    /// From 0.33.
    Medium,
    /// From 0.474.
    Large,
}

impl Magnitude {
    fn of(delta: f64) -> Self {
        match delta.abs() {
            d if d < 0.147 => Self::Negligible,
            d if d < 0.33 => Self::Small,
            d if d < 0.474 => Self::Medium,
            _ => Self::Large,
        }
    }
}

impl fmt::Display for Magnitude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Negligible => "negligible",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        })
    }
}

/// Dominance of one independent sample over another.
#[derive(Debug, Clone, PartialEq)]
pub struct OrdinalEffect {
    /// Cliff's delta P(a > b) - P(a < b), in [-1, 1].
    pub cliffs_delta: f64,
    /// Vargha and Delaney's A12 = P(a > b) + P(a = b) / 2 = (delta + 1) / 2, in [0, 1].
    pub a12: f64,
    /// Label of the delta.
    pub magnitude: Magnitude,
}

/// Cliff's delta (Cliff 1993) and A12 (Vargha and Delaney 2000): every value of `a` against every
/// value of `b`, unmatched. Values that agree to twelve digits are tied. Defined for all-tied data,
/// where delta is 0.
///
/// # Errors
///
/// An empty sample or a value that is not finite.
pub fn ordinal_effect(a: &[f64], b: &[f64]) -> Result<OrdinalEffect> {
    require_count("values in each sample", 1, a.len().min(b.len()))?;
    require_finite(a)?;
    require_finite(b)?;
    let pooled = with_exact_ties(&[a, b].concat());
    let (a, b) = pooled.split_at(a.len());
    let mut balance = 0_i64;
    for x in a {
        for y in b {
            balance += i64::from(x > y) - i64::from(x < y);
        }
    }
    let cliffs_delta = balance as f64 / (a.len() * b.len()) as f64;
    Ok(OrdinalEffect {
        cliffs_delta,
        a12: 0.5 * (cliffs_delta + 1.0),
        magnitude: Magnitude::of(cliffs_delta),
    })
}

/// Difference of medians in units of the pooled median absolute deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustEffect {
    /// Median of the first minus median of the second.
    pub median_difference: f64,
    /// sqrt(((na - 1) ma^2 + (nb - 1) mb^2) / (na + nb - 2)) with m = 1.4826 MAD.
    pub pooled_mad: f64,
    /// median difference / pooled MAD; `None` when more than half of each sample is one value.
    pub gamma: Option<f64>,
    /// Why there is no gamma.
    pub degenerate: Option<Degenerate>,
}

/// Akinshin's gamma (Akinshin 2020) at the median: a Cohen's d that one outlier cannot move.
///
/// # Errors
///
/// Fewer than 2 values in a sample or a value that is not finite.
pub fn akinshin_gamma(a: &[f64], b: &[f64]) -> Result<RobustEffect> {
    /// 1 / quantile(3/4) of the normal distribution, as rounded by the packages in use.
    const TO_SD: f64 = 1.4826;
    require_count("values in each sample", 2, a.len().min(b.len()))?;
    require_finite(a)?;
    require_finite(b)?;
    let weighted = |s: &[f64]| (s.len() - 1) as f64 * (TO_SD * mad(s)).powi(2);
    let pooled_mad = ((weighted(a) + weighted(b)) / (a.len() + b.len() - 2) as f64).sqrt();
    let median_difference = median(a) - median(b);
    // The medians do not see an outlier, so neither may the rounding.
    let rounding = Precision::of(&[a, b].concat()).rounding(0.0);
    let degenerate = (pooled_mad <= rounding).then_some(Degenerate::NoVariance);
    Ok(RobustEffect {
        median_difference,
        pooled_mad,
        gamma: degenerate.is_none().then(|| median_difference / pooled_mad),
        degenerate,
    })
}

/// How often the first beats the second with the same seed.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedImprovement {
    /// Pairs that the first wins.
    pub wins: usize,
    /// Pairs without a difference.
    pub ties: usize,
    /// Pairs that the first loses.
    pub losses: usize,
    /// (wins + ties / 2) / n, in [0, 1].
    pub probability: f64,
}

/// Probability of improvement P(A > B) by seeds (Bouthillier et al. 2021, section 4.1): the share
/// of pairs won, ties counted half. They call a result meaningful from 0.75 on. Values of a pair
/// that agree to twelve digits are tied.
///
/// # Errors
///
/// Unequal counts, no pair, or a value that is not finite.
pub fn paired_improvement(a: &[f64], b: &[f64]) -> Result<PairedImprovement> {
    let d = differences(a, b)?;
    require_count("pairs", 1, d.len())?;
    let d = d.with_exact_ties();
    let wins = d.iter().filter(|d| **d > 0.0).count();
    let losses = d.iter().filter(|d| **d < 0.0).count();
    let ties = a.len() - wins - losses;
    Ok(PairedImprovement {
        wins,
        ties,
        losses,
        probability: (wins as f64 + 0.5 * ties as f64) / a.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinal_effect_by_eye() {
        // 2 beats 1, ties 2, loses to 3: delta 0. 4 beats all: delta 1. Mean 1/2.
        let effect = ordinal_effect(&[2.0, 4.0], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((effect.cliffs_delta, effect.a12), (0.5, 0.75));
        assert_eq!(effect.magnitude, Magnitude::Large);
    }

    #[test]
    fn magnitude_thresholds_belong_to_the_larger_label() {
        assert_eq!(Magnitude::of(-0.147), Magnitude::Small);
        assert_eq!(Magnitude::of(0.33), Magnitude::Medium);
        assert_eq!(Magnitude::of(0.473), Magnitude::Medium);
    }

    #[test]
    fn improvement_counts_pairs() {
        let p = paired_improvement(&[1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 4.0, 1.0]).unwrap();
        assert_eq!((p.wins, p.ties, p.losses), (2, 1, 1));
        assert_eq!(p.probability, 0.625);
    }

    #[test]
    fn a_constant_control_leaves_d_z_but_no_correlation() {
        let effect = paired_effect(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0]).unwrap();
        assert_eq!((effect.d_z, effect.correlation), (Some(1.0), None));
        assert_eq!(effect.d_rm, None);
    }
}
