//! The trials of a grid, and how they are compared and run.

use dst_analysis::{Analysis, Budget};
use dst_core::record::TrialSpec;

use crate::ExecutionConfig;

/// A grid, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct GridConfig {
    /// Each trial once, in the order in which they are started: all of one seed before the
    /// next, so that a grid that is cut short leaves whole pairs.
    pub trials: Vec<TrialSpec>,
    /// For each trial what its sparsity or its epochs are to be chosen for. Until that is done, the
    /// trial has the sparsity at which equally sparse layers would do, and the configured epochs.
    pub budgets: Vec<Budget>,
    /// How they are compared.
    pub analysis: Analysis,
    /// How they are run.
    pub execution: ExecutionConfig,
}
