//! `harness compare` as it is typed.

use clap::Args;

use super::AnalysisArgs;

pub(super) const HELP: &str = "\
Examples:
  harness compare rigl set                         two strategies of the store runs
  harness compare rigl set --store paper           of another store
  harness compare runs-new runs-old                two stores: what both trained, by strategy
  harness compare runs other-tool.csv              a store and results of another tool

The second is the control. Pairs are seeds that finished on both sides; stores and files are
compared strategy by strategy at equal sparsity.

A file needs a header with dataset, strategy, seed and one of test_metric, test_accuracy, accuracy
or score; it may have model, sparsity (0 where it is missing), metric (accuracy where it is
missing), params and status. The trials.csv of a report is such a file. Scores are in the unit of
the metric: accuracy 0.98, not 98.";

/// `harness compare`
#[derive(Debug, Clone, Default, Args)]
pub struct CompareArgs {
    /// What is judged: a strategy, the folder of a store, or a CSV file
    #[arg(value_name = "A")]
    pub first: String,
    /// What it is compared with
    #[arg(value_name = "B")]
    pub second: String,
    /// Folder of the run store of the two strategies [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub analysis: AnalysisArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
