//! Bayesian comparison with a region of practical equivalence (rope), after Benavoli et al. (2017).

use rand_distr::{Distribution, Exp1, Gamma};

use crate::{
    differences::differences,
    distribution::student_t_sf,
    error::{Degenerate, Error, Result, require_count, require_non_negative},
    random::in_chunks,
};

/// Settings of the Bayesian signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BayesSignedRankOptions {
    /// Half width of the region of practical equivalence, in units of the metric; 0 for none.
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
    /// Share of draws in which "practically equivalent" has it; 0 without a rope.
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
/// A Walsh sum of exactly twice the rope belongs to the rope, as in the paper. Without a rope there
/// are two regions, and a Walsh sum of 0 counts half for either: the Heaviside step of the paper's
/// section 4.2, and what baycomp does. So `p_rope` is 0 then, and pairs without a difference speak for
/// neither: one win beside four of them decides every draw. Where ties abound, give a rope.
///
/// Sums that are equal in decimals are equal here: 0.1 + 0.2 lies within a rope of 0.15, whatever
/// the last digits are.
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
    require_count("pairs", 1, d.len())?;
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
    let mut values = d.with_exact_ties();
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
    // Sorted, so that the Walsh sums of a row that lie beyond a threshold are at its ends. The prior
    // observation sits first among the values until then.
    values.insert(0, 0.0);
    let mut ties = d.ties();
    ties.insert(0, 0.0);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let sorted: Vec<(f64, f64)> = order.iter().map(|&i| (values[i], ties[i])).collect();
    let prior_place = order.iter().position(|&i| i == 0).unwrap_or(0);
    let regions = Regions::new(&sorted, 2.0 * options.rope);
    let shares = in_chunks(options.seed, options.draws, options.threads, |rng, count| {
        let mut wins = [0.0; 3];
        let mut weights = vec![0.0; sorted.len()];
        let mut running = vec![0.0; sorted.len() + 1];
        for _ in 0..count {
            for (place, weight) in weights.iter_mut().enumerate() {
                *weight = if place == prior_place { prior.sample(rng) } else { Exp1.sample(rng) };
            }
            let mass = regions.mass(&weights, &mut running);
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

/// Where the Walsh sums d_i + d_j of sorted differences lie: below -limit, within, above limit.
struct Regions {
    /// For each i: count of j below, and the first j above.
    ends: Vec<(usize, usize)>,
    /// Whether what lies within counts half for either side, because there is no rope.
    shared: bool,
}

impl Regions {
    /// From differences with the distance within which each is tied, ascending.
    fn new(sorted: &[(f64, f64)], limit: f64) -> Self {
        let ends = |&(d, tie): &(f64, f64)| {
            let below = sorted.partition_point(|(e, other)| -(d + e) - limit > tie + other);
            let above = sorted.partition_point(|(e, other)| d + e - limit <= tie + other);
            (below, above)
        };
        Self { ends: sorted.iter().map(ends).collect(), shared: limit == 0.0 }
    }

    /// Unnormalised mass of the three regions. `running` is scratch for one more than the weights.
    fn mass(&self, weights: &[f64], running: &mut [f64]) -> [f64; 3] {
        for (i, weight) in weights.iter().enumerate() {
            running[i + 1] = running[i] + weight;
        }
        let total = running[weights.len()];
        let (mut below, mut above) = (0.0, 0.0);
        for ((low, high), weight) in self.ends.iter().zip(weights) {
            below += weight * running[*low];
            above += weight * (total - running[*high]);
        }
        let within = (total * total - below - above).max(0.0);
        if self.shared {
            [below + 0.5 * within, 0.0, above + 0.5 * within]
        } else {
            [below, within, above]
        }
    }
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
    require_count("pairs", 2, d.len())?;
    require_non_negative("rope", rope)?;
    if !(0.0..1.0).contains(&rho) {
        return Err(Error::Parameter {
            name: "rho",
            found: rho.to_string(),
            legal: "from 0 to below 1",
        });
    }
    let n = d.len() as f64;
    let centre = d.mean();
    let degenerate = d.no_variance();
    let squared_scale = d.variance() * (1.0 / n + rho / (1.0 - rho));
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
                    let sum = ((x + y) * 1e6_f64).round() / 1e6;
                    let region = if sum < -limit {
                        0
                    } else if sum > limit {
                        2
                    } else {
                        1
                    };
                    want[region] += wx * wy;
                }
            }
            if limit == 0.0 {
                want = [want[0] + 0.5 * want[1], 0.0, want[2] + 0.5 * want[1]];
            }
            let got =
                Regions::new(&sorted.map(|d| (d, 1e-12)), limit).mass(&weights, &mut [0.0; 7]);
            for (g, w) in got.iter().zip(want) {
                assert!((g - w).abs() < 1e-12, "{limit}: {got:?} {want:?}");
            }
        }
    }

    /// Shares (first, rope, second) of differences.
    fn shares(d: &[f64], rope: f64) -> [f64; 3] {
        let options = BayesSignedRankOptions { rope, draws: 20_000, ..Default::default() };
        let r = bayes_signed_rank(d, &vec![0.0; d.len()], &options).unwrap();
        [r.p_first.unwrap(), r.p_rope.unwrap(), r.p_second.unwrap()]
    }

    #[test]
    fn without_a_rope_zeros_speak_for_neither() {
        // Mostly tied: one win decides its draws' direction, nothing is "equivalent".
        let [first, rope, second] = shares(&[0.0, 0.0, 0.0, 0.0, 0.01], 0.0);
        assert_eq!([first, rope, second], [1.0, 0.0, 0.0]);
        // Symmetric differences, of which every Walsh sum with its mirror is 0.
        let [first, rope, second] = shares(&[-0.02, -0.01, 0.0, 0.01, 0.02], 0.0);
        assert_eq!(rope, 0.0);
        assert!((first - 0.5).abs() < 0.02 && (second - 0.5).abs() < 0.02, "{first}");
        // The narrowest rope takes the zeros for its own.
        assert!(shares(&[0.0, 0.0, 0.0, 0.0, 0.01], 1e-6)[1] > 0.7);
    }

    #[test]
    fn sums_on_the_edge_of_the_rope_lie_within() {
        // 0.1 + 0.2 is above 0.3 in binary; every other sum is within the rope as well.
        assert_eq!(shares(&[0.1, 0.15, 0.1, 0.15], 0.15), [0.0, 1.0, 0.0]);
        assert_eq!(shares(&[0.15, 0.75 - 0.6, 0.45 - 0.3], 0.15), [0.0, 1.0, 0.0]);
    }

    #[test]
    fn one_outlier_takes_nothing_from_the_others() {
        let d = |outlier| [0.1, 0.2, 0.3, 0.4, -0.05, 0.6, 0.7, outlier];
        let want = shares(&d(1.0), 0.05);
        for outlier in [1e3, 1e10, 1e11, 1e15] {
            assert_eq!(shares(&d(outlier), 0.05), want, "{outlier}");
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
