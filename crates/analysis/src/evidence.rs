//! What stands beside the verdict of a comparison, and the p-values that it rests on.

use crate::Analysis;
use dst_record::Metric;
use dst_record::record::Status;
use dst_stats::{
    Alternative, BayesCorrelatedT, BootstrapOptions, Design, Interval, McNemar, NonInferiority,
    NullDistribution, Result, SignFlipOptions, SignedRankOptions, Zeros,
};

use crate::comparison::Comparison;
use crate::pairs::{self, Pair};
use crate::table::Group;

/// Wilcoxon's test by its exact distribution; pairs without a difference are left out.
pub(crate) const EXACT: SignedRankOptions = SignedRankOptions {
    alternative: Alternative::TwoSided,
    zeros: Zeros::Drop,
    null: NullDistribution::Exact,
};

/// Sign flips: every pattern up to 20 pairs, then 100,000 random ones.
pub(crate) const FLIPS: SignFlipOptions =
    SignFlipOptions { alternative: Alternative::TwoSided, draws: 100_000, seed: 0 };

/// Resamples of one bootstrap.
pub const RESAMPLES: usize = 10_000;

/// Power at which the smallest detectable difference is given.
pub const POWER: f64 = 0.8;

/// The p-values of one test that a verdict rests on; see [`dst_stats::Verdict`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValues {
    /// What the test estimates: the mean difference, or the pseudo-median of the ranks.
    pub location: f64,
    /// Two-sided, of "no difference".
    pub difference: f64,
    /// One-sided, of "worse by the margin or more".
    pub non_inferior: f64,
    /// Two-sided, of "worse by exactly the margin".
    pub inferior: f64,
}

impl PValues {
    pub(crate) fn of_t(answer: &NonInferiority) -> Option<Self> {
        Some(Self {
            location: answer.mean_difference,
            difference: answer.p_difference?,
            non_inferior: answer.p_non_inferior?,
            inferior: answer.p_inferior?,
        })
    }
}

/// Wilcoxon's test of the differences, and of the differences raised by the margin.
pub(crate) fn wilcoxon(a: &[f64], b: &[f64], margin: f64) -> Result<Option<PValues>> {
    let test = |shift: f64, alternative| -> Result<Option<f64>> {
        let options = SignedRankOptions { alternative, ..EXACT };
        Ok(dst_stats::signed_rank(&raised(a, b, shift)?, &options)?.p_value)
    };
    let values = (
        test(0.0, Alternative::TwoSided)?,
        test(margin, Alternative::Greater)?,
        test(margin, Alternative::TwoSided)?,
    );
    Ok(match values {
        (Some(difference), Some(non_inferior), Some(inferior)) => {
            let location = pseudo_median(&raised(a, b, 0.0)?);
            Some(PValues { location, difference, non_inferior, inferior })
        }
        _ => None,
    })
}

/// Sign flips of the differences, and of the differences raised by the margin.
pub(crate) fn sign_flips(a: &[f64], b: &[f64], margin: f64) -> Result<Option<PValues>> {
    let test = |shift: f64, alternative| -> Result<f64> {
        let options = SignFlipOptions { alternative, ..FLIPS };
        Ok(dst_stats::sign_flip(&raised(a, b, shift)?, &options)?.p_value)
    };
    Ok(Some(PValues {
        location: dst_stats::summary(&raised(a, b, 0.0)?)?.mean,
        difference: test(0.0, Alternative::TwoSided)?,
        non_inferior: test(margin, Alternative::Greater)?,
        inferior: test(margin, Alternative::TwoSided)?,
    }))
}

/// Differences raised by `shift`. They are rounded after it: a difference of exactly minus the
/// margin is then 0, and equal ones stay ties.
fn raised(a: &[f64], b: &[f64], shift: f64) -> Result<Vec<f64>> {
    let a: Vec<f64> = a.iter().map(|value| value + shift).collect();
    dst_stats::rounded_differences(&a, b)
}

/// Median of the means of all pairs of differences (Hodges & Lehmann 1963): the shift that
/// Wilcoxon's test is about.
fn pseudo_median(differences: &[f64]) -> f64 {
    let mut means: Vec<f64> = Vec::new();
    for (i, first) in differences.iter().enumerate() {
        means.extend(differences[i..].iter().map(|second| 0.5 * (first + second)));
    }
    means.sort_by(f64::total_cmp);
    let middle = means.len() / 2;
    match means.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => means[middle],
        _ => 0.5 * (means[middle - 1] + means[middle]),
    }
}

/// What stands beside the tests of a comparison; no verdict rests on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Bias-corrected and accelerated bootstrap interval of the mean difference, level 1 − alpha,
    /// from [`RESAMPLES`] resamples; too narrow below about ten pairs.
    pub bca: Option<Interval>,
    /// Of the hypothesis that differences are normal (Shapiro & Wilk 1965); with ten pairs or
    /// fewer it detects little.
    pub p_normal: Option<f64>,
    /// Posterior probabilities that the candidate is better by more than the margin, within it,
    /// or worse by more, for independent seeds (Corani & Benavoli 2015, ρ = 0).
    pub posterior: Option<[f64; 3]>,
    /// The smallest mean difference that a two-sided paired t test would find with power
    /// [`POWER`] at this number of pairs and this spread.
    pub detectable: Option<f64>,
    /// Share of seeds at which the candidate is better, ties counted half (Bouthillier et al.
    /// 2021, P(A > B)).
    pub improvement: Option<f64>,
    /// McNemar's test of the two stored models of each seed on the same test examples.
    pub mcnemar: Vec<SeedMcNemar>,
    /// Mean difference over all seeds that ended if a failed trial scored as much as guessing;
    /// none where nothing failed, or that score is unknown.
    pub with_failures: Option<f64>,
}

/// McNemar's test at one seed. It speaks of these two models, not of the methods.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedMcNemar {
    /// The seed.
    pub seed: u64,
    /// The test; `only_first` are examples that the candidate alone got right.
    pub test: McNemar,
}

impl Evidence {
    /// Everything, for at least two pairs that are not all equal.
    pub(crate) fn new(comparison: &Comparison<'_>, analysis: &Analysis) -> Result<Self> {
        let pairs = &comparison.pairs;
        let [a, b] = pairs::scores(pairs);
        let differences = dst_stats::rounded_differences(&a, &b)?;
        // A stream for each comparison, named by what it compares and not by labels, which depend on
        // what else there is: adding a strategy moves no other number.
        let stream = format!("{}/{}", stream(&comparison.candidate), stream(&comparison.control));
        let options = BootstrapOptions {
            level: 1.0 - analysis.alpha,
            draws: RESAMPLES,
            seed: dst_stats::stream_seed(0, &stream),
            threads: 1,
        };
        let sd = dst_stats::summary(&differences)?.sd.filter(|sd| *sd > 0.0);
        let effect = dst_stats::detectable_effect(
            Design::Paired,
            differences.len() as f64,
            POWER,
            analysis.alpha,
            Alternative::TwoSided,
        );
        let normal = (differences.len() >= 3).then(|| dst_stats::shapiro_wilk(&differences));
        Ok(Self {
            bca: sd.and(dst_stats::bootstrap_mean(&differences, &options)?.bca),
            p_normal: normal.transpose()?.and_then(|test| test.p_value),
            posterior: posterior(&dst_stats::bayes_correlated_t(
                &a,
                &b,
                analysis.margin.size(),
                0.0,
            )?),
            detectable: sd.zip(effect.ok()).map(|(sd, effect)| sd * effect),
            improvement: Some(dst_stats::paired_improvement(&a, &b)?.probability),
            mcnemar: comparison.evidence.mcnemar.clone(),
            with_failures: with_failures(comparison),
        })
    }
}

/// What the bootstrap of a group is named by.
fn stream(group: &Group<'_>) -> String {
    let spec = group.trials.values().next().map(|trial| &trial.spec);
    let place = spec.map(|spec| format!("{} {} ", spec.dataset_label(), spec.model));
    let place = place.unwrap_or_default();
    format!("{place}{} {} {}", group.strategy, group.parameters, group.sparsity)
}

/// The seeds whose two models were tested on the same examples and kept their predictions.
pub(crate) fn mcnemar(comparison: &Comparison<'_>) -> Vec<SeedMcNemar> {
    let test = |pair: &Pair| {
        let candidate = comparison.candidate.trials.get(&pair.seed)?.predictions.as_ref()?;
        let control = comparison.control.trials.get(&pair.seed)?.predictions.as_ref()?;
        let (only_candidate, only_control) = candidate.discordant(control)?;
        let test = dst_stats::mcnemar(only_candidate, only_control);
        Some(SeedMcNemar { seed: pair.seed, test })
    };
    comparison.pairs.iter().filter_map(test).collect()
}

fn posterior(answer: &BayesCorrelatedT) -> Option<[f64; 3]> {
    Some([answer.p_first?, answer.p_rope?, answer.p_second?])
}

/// The mean difference with failures as guesses; guessing is known for accuracy over classes
/// that are about equally frequent.
pub(crate) fn with_failures(comparison: &Comparison<'_>) -> Option<f64> {
    let (candidate, control) = (&comparison.candidate, &comparison.control);
    if candidate.failures().is_empty() && control.failures().is_empty()
        || comparison.metric != Metric::Accuracy
    {
        return None;
    }
    let trials = candidate.trials.values().chain(control.trials.values());
    let classes = trials.map(|trial| trial.confusion.len()).find(|classes| *classes > 1);
    let chance = 1.0 / classes? as f64;
    let score = |group: &crate::table::Group<'_>, seed: u64| match group.score(seed) {
        Some(score) => Some(score),
        None => group.trials.get(&seed).filter(|t| t.status != Status::Finished).map(|_| chance),
    };
    let seeds: Vec<u64> = candidate.trials.keys().copied().collect();
    let differences: Vec<f64> = seeds
        .into_iter()
        .filter_map(|seed| Some(score(candidate, seed)? - score(control, seed)?))
        .collect();
    dst_stats::summary(&differences).ok().map(|summary| summary.mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pseudo_median_is_that_of_the_walsh_averages() {
        // Means of pairs: 1, 1.5, 2.5, 2, 3, 4.
        assert_eq!(pseudo_median(&[1.0, 2.0, 4.0]), 2.25);
        assert_eq!(pseudo_median(&[3.0]), 3.0);
    }

    #[test]
    fn a_margin_shifts_the_exact_tests() {
        let differences = [-0.001, 0.002, -0.0005, 0.001, 0.0015, -0.0015, 0.0005, 0.0025];
        let control = [0.9; 8];
        let candidate = differences.map(|difference| 0.9 + difference);
        let none = wilcoxon(&candidate, &control, 0.0).unwrap().unwrap();
        let wide = wilcoxon(&candidate, &control, 0.01).unwrap().unwrap();
        assert_eq!(none.difference, wide.difference);
        // Every raised difference is positive: the smallest p-value of eight.
        assert_eq!(wide.non_inferior, 1.0 / 256.0);
        let flips = sign_flips(&candidate, &control, 0.01).unwrap().unwrap();
        assert_eq!(flips.non_inferior, 1.0 / 256.0);
        assert!(none.non_inferior > 0.05);
    }

    /// 0.7 - 0.705 + 0.005 is 1.7e-17 in floating point, which would count as a gain.
    #[test]
    fn a_loss_of_exactly_the_margin_is_no_gain() {
        let (a, b) = ([0.7, 0.9, 0.8, 0.6], [0.705, 0.905, 0.805, 0.605]);
        assert_eq!(raised(&a, &b, 0.005).unwrap(), [0.0; 4]);
        assert_eq!(wilcoxon(&a, &b, 0.005).unwrap().unwrap().non_inferior, 1.0);
    }
}
