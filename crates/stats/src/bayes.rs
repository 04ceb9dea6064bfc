//! Bayesian comparison with a region of practical equivalence (rope), after Benavoli et al. (2017).

use rand_distr::{Distribution, Exp1, Gamma};

use crate::{
    describe::{differences, mean, variance},
    distribution::student_t_sf,
    error::{Degenerate, Error, Result, require_count, require_non_negative},
    paired::no_variance,
    random::in_chunks,
};

/// Settings of the Bayesian signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BayesSignedRankOptions {
    /// Half width of the region of practical equivalence, in units of the metric.
    pub rope: f64,
    /// Weight of the prior observation at difference 0.
    pub prior_strength: f64,
    /// Count of posterior draws.
    pub draws: usize,
    /// Seed; record it.
    pub seed: u64,
    /// Worker threads, 0 for as many as the machine offers. Moves no bit of the answer.
    pub threads: usize,
}

impl Default for BayesSignedRankOptions {
    fn default() -> Self {
        Self { rope: 0.0, prior_strength: 0.5, draws: 50_000, seed: 0, threads: 0 }
    }
}

/// Posterior shares of the Bayesian signed-rank test.
#[derive(Debug, Clone, PartialEq)]
pub struct BayesSignedRank {
    /// Share of draws in which "first better by more than the rope" has the most mass.
    pub p_first: Option<f64>,
    /// Share of draws in which "practically equivalent" has it.
    pub p_rope: Option<f64>,
    /// Share of draws in which "second better by more than the rope" has it.
    pub p_second: Option<f64>,
    /// Count of posterior draws.
    pub draws: usize,
    /// Seed they came from.
    pub seed: u64,
    /// Why the shares are undecidable: all pairs equal and no rope.
    pub degenerate: Option<Degenerate>,
}

/// Bayesian signed-rank test of matched samples over data sets (Benavoli et al. 2017, section 4.2):
/// Dirichlet weights on the differences and on one prior observation at 0, mass of the Walsh sums
/// in the three regions, and the share of draws that each region wins. Ties of mass are shared.
///
/// These are posterior probabilities under this prior, not p-values; there is nothing to correct
/// for multiplicity and no error rate.
///
/// # Errors
///
/// Unequal counts, no pair, a value that is not finite, a rope that is negative, a prior strength
/// that is not positive, or no draws.
pub fn bayes_signed_rank(
    a: &[f64],
    b: &[f64],
    options: &BayesSignedRankOptions,
) -> Result<BayesSignedRank> {
    let d = differences(a, b)?;
    require_count("pairs", 1, d.values.len())?;
    require_non_negative("rope", options.rope)?;
    if options.draws == 0 {
        return Err(Error::Parameter { name: "draws", found: "0".to_owned(), legal: "1 or more" });
    }
    let prior = Gamma::new(options.prior_strength, 1.0)
        .ok()
        .filter(|_| options.prior_strength.is_finite())
        .ok_or_else(|| Error::Parameter {
            name: "prior_strength",
            found: options.prior_strength.to_string(),
            legal: "a finite number above 0",
        })?;
    let mut values = crate::ranks::round_to_grid(&d.values, d.scale);
    if options.rope == 0.0 && values.iter().all(|v| *v == 0.0) {
        return Ok(BayesSignedRank {
            p_first: None,
            p_rope: None,
            p_second: None,
            draws: options.draws,
            seed: options.seed,
            degenerate: Some(Degenerate::Identical),
        });
    }
    // Sorted, so that the mass beyond a threshold is a running sum per row of Walsh sums. The
    // prior observation sits first among the values until then.
    values.insert(0, 0.0);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let sorted: Vec<f64> = order.iter().map(|&i| values[i]).collect();
    let prior_place = order.iter().position(|&i| i == 0).unwrap_or(0);
    let limit = 2.0 * options.rope;
    let shares = in_chunks(options.seed, options.draws, options.threads, |rng, count| {
        let mut wins = [0.0; 3];
        let mut weights = vec![0.0; sorted.len()];
        for _ in 0..count {
            for (place, weight) in weights.iter_mut().enumerate() {
                *weight = if place == prior_place { prior.sample(rng) } else { Exp1.sample(rng) };
            }
            let mass = region_mass(&sorted, &weights, limit);
            let most = mass.iter().copied().fold(0.0, f64::max);
            let winners = mass.map(|m| m == most);
            let count = winners.iter().filter(|w| **w).count() as f64;
            for (win, won) in wins.iter_mut().zip(winners) {
                if won {
                    *win += 1.0 / count;
                }
            }
        }
        wins
    });
    let share =
        |region: usize| Some(shares.iter().map(|w| w[region]).sum::<f64>() / options.draws as f64);
    Ok(BayesSignedRank {
        p_first: share(2),
        p_rope: share(1),
        p_second: share(0),
        draws: options.draws,
        seed: options.seed,
        degenerate: None,
    })
}

/// Unnormalised mass of Walsh sums below -limit, within, and above limit.
fn region_mass(sorted: &[f64], weights: &[f64], limit: f64) -> [f64; 3] {
    let total: f64 = weights.iter().sum();
    let (mut below, mut above) = (0.0, 0.0);
    // For growing d_i the partners d_j < -limit - d_i become fewer.
    let (mut low_end, mut low_mass) = (sorted.len(), total);
    let (mut high_start, mut high_mass) = (sorted.len(), 0.0);
    for (d, weight) in sorted.iter().zip(weights) {
        while low_end > 0 && sorted[low_end - 1] + d >= -limit {
            low_end -= 1;
            low_mass -= weights[low_end];
        }
        while high_start > 0 && sorted[high_start - 1] + d > limit {
            high_start -= 1;
            high_mass += weights[high_start];
        }
        if low_end > 0 {
            below += weight * low_mass;
        }
        if high_start < sorted.len() {
            above += weight * high_mass;
        }
    }
    [below, (total * total - below - above).max(0.0), above]
}

/// Posterior of the Bayesian correlated t test.
#[derive(Debug, Clone, PartialEq)]
pub struct BayesCorrelatedT {
    /// Posterior probability that the first is better by more than the rope.
    pub p_first: Option<f64>,
    /// Posterior probability of practical equivalence.
    pub p_rope: Option<f64>,
    /// Posterior probability that the second is better by more than the rope.
    pub p_second: Option<f64>,
    /// Centre of the posterior, the mean difference.
    pub mean: f64,
    /// Degrees of freedom of the posterior Student distribution.
    pub df: f64,
    /// Squared scale of the posterior, var(d) (1/n + rho / (1 - rho)).
    pub squared_scale: f64,
    /// Why there is no posterior.
    pub degenerate: Option<Degenerate>,
}

/// Bayesian correlated t test (Corani and Benavoli 2015) in closed form: a Student posterior of the
/// mean difference. `rho` is the correlation of differences from overlapping training sets, 1/folds
/// in cross-validation, and 0 for independent seeds on a fixed split.
///
/// # Errors
///
/// Unequal counts, fewer than 2 pairs, a value that is not finite, a negative rope, or a rho
/// outside [0, 1).
pub fn bayes_correlated_t(a: &[f64], b: &[f64], rope: f64, rho: f64) -> Result<BayesCorrelatedT> {
    let d = differences(a, b)?;
    require_count("pairs", 2, d.values.len())?;
    require_non_negative("rope", rope)?;
    if !(0.0..1.0).contains(&rho) {
        return Err(Error::Parameter {
            name: "rho",
            found: rho.to_string(),
            legal: "from 0 to below 1",
        });
    }
    let n = d.values.len() as f64;
    let centre = mean(&d.values);
    let degenerate = no_variance(&d.values, d.scale);
    let squared_scale = if degenerate.is_some() {
        0.0
    } else {
        variance(&d.values) * (1.0 / n + rho / (1.0 - rho))
    };
    let tail = |distance: f64| student_t_sf(distance / squared_scale.sqrt(), n - 1.0);
    let ends = degenerate.is_none().then(|| (tail(rope - centre), tail(rope + centre)));
    Ok(BayesCorrelatedT {
        p_first: ends.map(|(first, _)| first),
        p_rope: ends.map(|(first, second)| (1.0 - first - second).max(0.0)),
        p_second: ends.map(|(_, second)| second),
        mean: centre,
        df: n - 1.0,
        squared_scale,
        degenerate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_mass_matches_all_pairs() {
        let sorted = [-0.3, -0.1, 0.0, 0.0, 0.2, 0.5];
        let weights = [0.5, 1.25, 0.25, 2.0, 1.0, 0.75];
        for limit in [0.0, 0.1, 0.25, 2.0] {
            let mut want = [0.0; 3];
            for (x, wx) in sorted.iter().zip(weights) {
                for (y, wy) in sorted.iter().zip(weights) {
                    let region = if x + y < -limit {
                        0
                    } else if x + y > limit {
                        2
                    } else {
                        1
                    };
                    want[region] += wx * wy;
                }
            }
            let got = region_mass(&sorted, &weights, limit);
            for (g, w) in got.iter().zip(want) {
                assert!((g - w).abs() < 1e-12, "{limit}: {got:?} {want:?}");
            }
        }
    }

    #[test]
    fn threads_move_no_bit() {
        let (a, b) = ([0.9, 0.8, 0.7, 0.6], [0.85, 0.82, 0.66, 0.5]);
        let run = |threads| {
            let options = BayesSignedRankOptions { threads, draws: 3_000, ..Default::default() };
            bayes_signed_rank(&a, &b, &options).unwrap()
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn equal_pairs_without_rope_are_undecidable() {
        let options = BayesSignedRankOptions::default();
        let r = bayes_signed_rank(&[1.0; 6], &[1.0; 6], &options).unwrap();
        assert_eq!((r.p_first, r.p_second), (None, None));
        assert_eq!(r.degenerate, Some(Degenerate::Identical));
    }

    #[test]
    fn legal_parameters_only() {
        let bad = |options| bayes_signed_rank(&[1.0, 2.0], &[1.0, 3.0], &options).is_err();
        let base = BayesSignedRankOptions::default();
        assert!(bad(BayesSignedRankOptions { rope: -0.1, ..base }));
        assert!(bad(BayesSignedRankOptions { prior_strength: 0.0, ..base }));
        assert!(bad(BayesSignedRankOptions { prior_strength: f64::NAN, ..base }));
        assert!(bad(BayesSignedRankOptions { draws: 0, ..base }));
        assert!(bayes_correlated_t(&[1.0, 2.0], &[1.0, 3.0], 0.1, 1.0).is_err());
    }
}
