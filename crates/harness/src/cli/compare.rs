//! `harness compare` as it is typed.

use clap::Args;

use super::AnalysisArgs;

pub(super) const HELP: &str = "\
Examples:
  harness compare rigl set                         two strategies of the store runs
  harness compare rigl set --store paper           of another store
  harness compare 'rigl[drop_fraction=0.1]' 'rigl[drop_fraction=0.3]'
                                                   two values of a parameter
  harness compare 'rigl[training.epochs=5]@0.9' set@0.9
                                                   one training and one sparsity
  harness compare runs-new runs-old                two stores: what both trained, by strategy
  harness compare runs other-tool.csv              a store and results of another tool
  harness compare runs 'other-tool.csv:rigl[lr=0.1]@0.9'
                                                   a part of a file

The second is the control. Pairs are seeds that finished on both sides; stores and files are
compared strategy by strategy at equal sparsity. What has no partner is listed. Trials that tell of
different data or starting weights are not compared.

A side is STRATEGY, SOURCE or SOURCE:STRATEGY. SOURCE is the folder of a store or a CSV file.
STRATEGY may go on with [KEY=VALUE,...] and @SPARSITY. KEY is a parameter of the strategy,
training.KEY, model, model.KEY, dataset, or a column of a file. Quote brackets for your shell. If
one side names a strategy and the other none, that strategy is compared in both. A name or sparsity
that differs in case, dashes or rounding to 32 bits is the same.

A file has a header with these columns, in any case, also with a prefix such as config. or summary.:
  dataset (or task), strategy (or method, algorithm), seed
  a score: test_metric, test_accuracy, test_acc, test/accuracy, accuracy, acc, eval/accuracy, score,
    or another metric such as f1, matthews or pearson; scores on validation are never taken
  if there: sparsity (0 where it is missing) or density, model, metric (of test_metric or score),
    params, status or state; of our own tables also model_params, training, data_digest and
    weights_digest
The trials.csv of a report is such a file. Cells are separated by comma, semicolon, tab or |. The
encoding is UTF-8 or UTF-16. NA, NaN, None, null and empty cells are missing. Shares are written as
0.98, 0,98 or 98 %; a column in percent says so in its name, as 'accuracy %'.";

/// `harness compare`
#[derive(Debug, Clone, Default, Args)]
pub struct CompareArgs {
    /// What is judged: a strategy, the folder of a store, a CSV file, or a part such as
    /// 'runs:rigl[drop_fraction=0.3]@0.9'
    #[arg(value_name = "A")]
    pub first: String,
    /// What it is compared with
    #[arg(value_name = "B")]
    pub second: String,
    /// Folder of the run store of strategies [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub analysis: AnalysisArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
