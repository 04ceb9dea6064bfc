//! What stands beside the verdict of a comparison; no verdict rests on it.

use std::sync::Arc;

use dst_stats::{
    Alternative, BayesCorrelatedT, BootstrapOptions, Design, Interval, McNemar, NullDistribution,
    Result, SignFlipOptions, SignedRankOptions, Zeros,
};

use crate::criterion::Criterion;
use crate::examples::{OverExamples, over_examples};
use crate::pairs::{self, Pair};
use crate::trial_table::Group;

/// Wilcoxon's test by its exact distribution; pairs without a difference are left out.
const EXACT: SignedRankOptions = SignedRankOptions {
    alternative: Alternative::TwoSided,
    zeros: Zeros::Drop,
    null: NullDistribution::Exact,
};

/// More pairs than this are ranked by the normal approximation.
const EXACT_PAIRS: usize = 1000;

/// Sign flips: every pattern up to 20 pairs, then 100,000 random ones.
const FLIPS: SignFlipOptions =
    SignFlipOptions { alternative: Alternative::TwoSided, draws: 100_000, seed: 0 };

/// Resamples of one bootstrap.
pub const RESAMPLES: usize = 10_000;

/// Power at which the smallest detectable difference is given.
pub const POWER: f64 = 0.8;

/// What stands beside the verdict of a comparison. Without at least two different differences most of
/// it is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics {
    /// Two-sided, of the paired t test.
    pub p_paired_t: Option<f64>,
    /// Two-sided, of Wilcoxon's signed ranks with mid-ranks, zeros left out.
    pub p_wilcoxon: Option<f64>,
    /// Two-sided, of sign flips of the mean.
    pub p_sign_flip: Option<f64>,
    /// Mean difference divided by the standard deviation of the differences.
    pub d_z: Option<f64>,
    /// P(candidate > control) + P(equal) / 2, unpaired (Vargha & Delaney 2000).
    pub a12: Option<f64>,
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
    /// [`POWER`] at this number of pairs and the *observed* spread: what these runs could have shown,
    /// not what the next ones will.
    pub detectable: Option<f64>,
    /// Share of seeds at which the candidate is better, ties counted half (Bouthillier et al.
    /// 2021, P(A > B)).
    pub improvement: Option<f64>,
    /// How far the difference may move with other test examples; none without stored predictions.
    pub over_examples: Option<OverExamples>,
    /// McNemar's test of the two stored models of each seed on the same test examples.
    pub mcnemar: Vec<SeedMcNemar>,
}

/// McNemar's test at one seed. It speaks of these two models, not of the methods.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedMcNemar {
    /// The seed.
    pub seed: u64,
    /// The test; `only_first` are examples that only the candidate got right.
    pub test: McNemar,
}

impl Diagnostics {
    pub(crate) fn new(
        candidate: &Arc<Group<'_>>,
        control: &Arc<Group<'_>>,
        pairs: &[Pair],
        criterion: &Criterion,
    ) -> Result<Self> {
        // One pair of models is enough for it.
        let mcnemar = mcnemar(candidate, control, pairs);
        let [a, b] = pairs::scores(pairs);
        let differences = dst_stats::rounded_differences(&a, &b)?;
        if a.len() < 2 || differences.iter().all(|d| *d == 0.0) {
            return Ok(Self { mcnemar, ..Self::default() });
        }
        let level = 1.0 - criterion.alpha;
        let two_sided = Alternative::TwoSided;
        let null = match a.len() {
            n if n > EXACT_PAIRS => NullDistribution::Normal { continuity: false },
            _ => NullDistribution::Exact,
        };
        let ranks = SignedRankOptions { null, ..EXACT };
        // A stream for each comparison, named by what it compares and not by labels, which depend on
        // what else there is: adding a strategy moves no other number.
        let stream = format!("{}/{}", stream(candidate), stream(control));
        let options = BootstrapOptions {
            level,
            draws: RESAMPLES,
            seed: dst_stats::stream_seed(0, &stream),
            threads: 1,
        };
        let sd = dst_stats::summary(&differences)?.sd.filter(|sd| *sd > 0.0);
        let n = differences.len() as f64;
        let effect =
            dst_stats::detectable_effect(Design::Paired, n, POWER, criterion.alpha, two_sided);
        let normal = (a.len() >= 3).then(|| dst_stats::shapiro_wilk(&differences));
        let margin = criterion.margin.unwrap_or(0.0);
        Ok(Self {
            p_paired_t: dst_stats::paired_t(&a, &b, two_sided, level)?.p_value,
            p_wilcoxon: dst_stats::signed_rank_paired(&a, &b, &ranks)?.p_value,
            p_sign_flip: Some(dst_stats::sign_flip(&differences, &FLIPS)?.p_value),
            d_z: dst_stats::paired_effect(&a, &b)?.d_z,
            a12: Some(dst_stats::ordinal_effect(&a, &b)?.a12),
            bca: sd.and(dst_stats::bootstrap_mean(&differences, &options)?.bca),
            p_normal: normal.transpose()?.and_then(|test| test.p_value),
            posterior: posterior(&dst_stats::bayes_correlated_t(&a, &b, margin, 0.0)?),
            detectable: sd.zip(effect.ok()).map(|(sd, effect)| sd * effect),
            improvement: Some(dst_stats::paired_improvement(&a, &b)?.probability),
            over_examples: over_examples(candidate, control, pairs, level, options.seed)?,
            mcnemar,
        })
    }
}

/// The name of a group's stream.
fn stream(group: &Group<'_>) -> String {
    let spec = group.trials.values().next().map(|trial| &trial.spec);
    let place = spec.map(|spec| format!("{} {} ", spec.dataset_label(), spec.model));
    let place = place.unwrap_or_default();
    format!("{place}{} {} {} {}", group.strategy, group.parameters, group.training, group.sparsity)
}

/// Where two models were tested on the same examples and kept their predictions.
fn mcnemar(candidate: &Group<'_>, control: &Group<'_>, pairs: &[Pair]) -> Vec<SeedMcNemar> {
    let test = |pair: &Pair| {
        let candidate = candidate.trials.get(&pair.seed)?.predictions.as_ref()?;
        let control = control.trials.get(&pair.seed)?.predictions.as_ref()?;
        let (only_candidate, only_control) = candidate.discordant(control)?;
        let test = dst_stats::mcnemar(only_candidate, only_control);
        Some(SeedMcNemar { seed: pair.seed, test })
    };
    pairs.iter().filter_map(test).collect()
}

fn posterior(answer: &BayesCorrelatedT) -> Option<[f64; 3]> {
    Some([answer.p_first?, answer.p_rope?, answer.p_second?])
}
