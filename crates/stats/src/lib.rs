//! Tests, intervals, effect sizes and corrections for experiments with seeds; pure functions
//!
//! No tensors, no files, no clock: samples in, a named struct out. Differences are always first
//! minus second. The convention for bad input and undefined answers stands at [`Error`] and
//! [`Degenerate`]: nothing here makes up a number, and no p-value is 0.
//!
//! | question | function |
//! | --- | --- |
//! | what does one sample look like? | [`summary`], [`mean_interval`] |
//! | which share failed? | [`wilson_interval`], [`clopper_pearson_interval`] |
//! | do matched pairs differ in mean? | [`paired_t`], [`sign_flip`] |
//! | do matched pairs differ in ranks? | [`signed_rank_paired`] |
//! | is the candidate no worse within a margin? | [`non_inferiority_paired`], [`tost_paired`], [`tost_independent`] |
//! | how large is the difference? | [`paired_effect`], [`standardized_difference`], [`ordinal_effect`], [`akinshin_gamma`], [`paired_improvement`] |
//! | how many comparisons were made? | [`adjust`] |

pub mod distribution;

mod correction;
mod describe;
mod effect;
mod equivalence;
mod error;
mod interval;
mod paired;
mod permutation;
mod random;
mod ranks;
mod wilcoxon;

pub use correction::{AdjustedFamily, Correction, adjust};
pub use describe::{CompletePairs, Summary, complete_pairs, quantile, summary};
pub use distribution::Alternative;
pub use effect::{
    Magnitude, OrdinalEffect, PairedEffect, PairedImprovement, RobustEffect,
    StandardizedDifference, akinshin_gamma, ordinal_effect, paired_effect, paired_improvement,
    standardized_difference,
};
pub use equivalence::{
    Equivalence, NonInferiority, OneSidedTest, Variances, Verdict, non_inferiority,
    non_inferiority_paired, tost_independent, tost_paired,
};
pub use error::{Degenerate, Error, Result};
pub use interval::{
    Interval, MeanInterval, clopper_pearson_interval, mean_interval, wilson_interval,
};
pub use paired::{TTest, one_sample_t, paired_t};
pub use permutation::{ENUMERATION_LIMIT, SignFlip, SignFlipOptions, sign_flip};
pub use ranks::mid_ranks;
pub use wilcoxon::{
    EXACT_LIMIT, NullDistribution, SignedRank, SignedRankOptions, Zeros, rounded_differences,
    signed_rank, signed_rank_paired,
};
