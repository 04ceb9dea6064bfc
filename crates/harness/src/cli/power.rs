//! What `harness power` takes.

use std::path::PathBuf;

use clap::Args;

use super::AnalysisArgs;

pub(super) const HELP: &str = "\
Examples:
  harness power --pilot runs
  harness power --pilot runs --strategies rigl,set --effect 0.003 --power 0.9
  harness power --sd 0.004 --effect 0.005
  harness power --sd 0.004 --comparisons 12 --test wilcoxon

Every comparison with the control on one data set and model is one of a family, and verdicts are
corrected for all of it: so are these counts of seeds. Of a pilot, the family is the pilot's unless
--comparisons says how many the grid will have.

A pilot is a grid of a few seeds: the latest of the store, with the seeds that its configurations
have from earlier grids. What it tells is the spread of the differences between a strategy
and its control, not the difference itself: decide which difference matters before looking.";

/// `harness power`
#[derive(Debug, Clone, Default, Args)]
pub struct PowerArgs {
    /// Run store of a pilot, from which spreads are estimated
    #[arg(long, value_name = "DIR", required_unless_present = "sd")]
    pub pilot: Option<PathBuf>,
    /// Standard deviation of the differences between pairs of seeds, instead of a pilot
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true,
          conflicts_with_all = ["pilot", "strategies", "control"])]
    pub sd: Option<String>,
    /// Every trial of the store instead of those that its latest grid compares
    #[arg(long, conflicts_with = "sd")]
    pub all: bool,
    /// Only these strategies of the pilot, such as rigl,set
    #[arg(long, value_name = "NAMES", alias = "strategy")]
    pub strategies: Option<String>,
    /// Difference to detect, in units of the metric [default: the margin]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub effect: Option<String>,
    /// Comparisons with the control on one data set and model: strategies, sets of parameters and
    /// sparsities [default: those of the pilot, else 1]
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    pub comparisons: Option<String>,
    /// Probability with which it is to be detected [default: 0.8]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub power: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub analysis: AnalysisArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
