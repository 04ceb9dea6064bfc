//! Tests, intervals, effect sizes and corrections for experiments with seeds; pure functions
//!
//! No tensors, no files, no clock: samples in, a named struct out. Differences are always first
//! minus second, and larger is better wherever one is better. The convention for bad input and
//! undefined answers stands at [`Error`] and [`Degenerate`]: nothing here makes up a number, and no
//! p-value is 0.
//!
//! | question | function |
//! | --- | --- |
//! | what does one sample look like? | [`summary`], [`quantile`], [`mean_interval`] |
//! | how many times as long does one take as the other? | [`paired_ratio`] |
//! | how long does it take, if some never arrive? | [`median_interval`] |
//! | which share failed? | [`wilson_interval`], [`clopper_pearson_interval`] |
//! | do matched pairs differ in mean? | [`paired_t`], [`one_sample_t`], [`sign_flip`] |
//! | do matched pairs differ in ranks or wins? | [`signed_rank_paired`], [`sign_test`] |
//! | do unmatched samples differ? | [`independent_t`], [`rank_sum`], [`almost_stochastic_order`] |
//! | do two stored models differ on the same examples? | [`mcnemar`], [`mcnemar_from_predictions`] |
//! | how far would another run, or another test set, move the difference? | [`two_way`], [`two_way_bootstrap`] |
//! | is the candidate no worse within a margin? | [`non_inferiority_paired`], [`tost_paired`], [`tost_independent`] |
//! | how large is the difference? | [`paired_effect`], [`standardized_difference`], [`ordinal_effect`], [`akinshin_gamma`], [`paired_improvement`] |
//! | how sure, without normality? | [`bootstrap`], [`bootstrap_mean`], [`stratified_bootstrap`] |
//! | how probable is a difference that matters? | [`bayes_signed_rank`], [`bayes_correlated_t`] |
//! | how many comparisons were made? | [`adjust`] |
//! | what may be claimed of a whole family against its control? | [`verdict::judge`] |
//! | do methods differ over data sets? | [`friedman`], [`nemenyi`], [`critical_difference`], [`cliques`], [`friedman_against_control`] |
//! | do several groups differ? | [`one_way_anova`], [`repeated_anova`], [`alexander_govern`], [`kruskal_wallis`], [`tukey_hsd`] |
//! | do the assumptions look right? | [`shapiro_wilk`], [`levene`], [`bartlett`], [`select_test`] |
//! | what is the score over tasks? | [`aggregate`], [`interquartile_mean`], [`performance_profile`], [`probability_of_improvement`] |
//! | what of resampled splits? | [`five_by_two`], [`nadeau_bengio`] |
//! | how many seeds? | [`power`], [`sample_size`], [`detectable_effect`], [`noether_sample_size`], [`sd_interval`], [`fewest_exact_pairs`] |

pub mod distribution;
pub mod verdict;

mod aggregate;
mod anova;
mod bayes;
mod blocks;
mod bootstrap;
mod correction;
mod describe;
mod differences;
mod dominance;
mod effect;
mod equivalence;
mod error;
mod friedman;
mod groups;
mod independent;
mod interval;
mod kruskal;
mod mcnemar;
mod median;
mod normality;
mod paired;
mod permutation;
mod power;
mod quadrature;
mod random;
mod rank_sum;
mod ranks;
mod ratio;
mod resampled;
mod rounding;
mod selection;
mod sign;
mod studentized_range;
mod tukey;
mod two_way;
mod variance;
mod wilcoxon;

pub use aggregate::{
    Aggregate, StratifiedBootstrap, aggregate, interquartile_mean, performance_profile,
    probability_of_improvement, stratified_bootstrap,
};
pub use anova::{RepeatedAnova, alexander_govern, one_way_anova, repeated_anova};
pub use bayes::{
    BayesCorrelatedT, BayesSignedRank, BayesSignedRankOptions, bayes_correlated_t,
    bayes_signed_rank,
};
pub use bootstrap::{Bootstrap, BootstrapOptions, bootstrap, bootstrap_mean};
pub use correction::{AdjustedFamily, Correction, adjust};
pub use describe::{CompletePairs, Summary, complete_pairs, quantile, summary};
pub use distribution::Alternative;
pub use dominance::{AlmostStochasticOrder, almost_stochastic_order};
pub use effect::{
    Magnitude, OrdinalEffect, PairedEffect, PairedImprovement, RobustEffect,
    StandardizedDifference, akinshin_gamma, ordinal_effect, paired_effect, paired_improvement,
    standardized_difference,
};
pub use equivalence::{
    Equivalence, NonInferiority, OneSidedTest, Variances, non_inferiority, non_inferiority_paired,
    tost_independent, tost_paired,
};
pub use error::{Degenerate, Error, Result};
pub use friedman::{
    CriticalDifference, Friedman, ImanDavenport, MeanRanks, RankComparison, cliques,
    critical_difference, friedman, friedman_against_control, mean_ranks, nemenyi,
};
pub use groups::GroupTest;
pub use independent::independent_t;
pub use interval::{
    Interval, MeanInterval, clopper_pearson_interval, mean_interval, sd_interval, wilson_interval,
};
pub use kruskal::kruskal_wallis;
pub use mcnemar::{CHI_SQUARE_MINIMUM, ChiSquare, McNemar, mcnemar, mcnemar_from_predictions};
pub use median::{MedianInterval, median_interval};
pub use normality::{ShapiroWilk, shapiro_wilk};
pub use paired::{TTest, one_sample_t, paired_t};
pub use permutation::{ENUMERATION_LIMIT, SignFlip, SignFlipOptions, sign_flip};
pub use power::{
    Design, SampleSize, detectable_effect, fewest_exact_pairs, noether_sample_size,
    noncentral_t_sf, power, sample_size,
};
pub use random::stream_seed;
pub use rank_sum::{RANK_SUM_EXACT_LIMIT, RankSum, rank_sum};
pub use ranks::mid_ranks;
pub use ratio::{PairedRatio, paired_ratio};
pub use resampled::{FiveByTwo, ResampledT, five_by_two, nadeau_bengio};
pub use selection::{Homogeneity, Omnibus, TestSelection, select_test};
pub use sign::{SignTest, sign_test};
pub use studentized_range::{studentized_range_isf, studentized_range_sf};
pub use tukey::{TukeyHsd, tukey_hsd};
pub use two_way::{TwoWay, TwoWayBootstrap, two_way, two_way_bootstrap};
pub use variance::{LeveneCentre, bartlett, levene};
pub use wilcoxon::{
    EXACT_LIMIT, NullDistribution, SignedRank, SignedRankOptions, Zeros, rounded_differences,
    signed_rank, signed_rank_paired,
};
