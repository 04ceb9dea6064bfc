//! `harness data`

use clap::{Args, Subcommand};

/// What `harness data --help` ends with.
pub(super) const HELP: &str = "\
Examples:
  harness data list
  harness data fetch mnist cifar10
  harness data fetch glue/sst2 --revision v1.0
  harness data fetch hub:google/bert_uncased_L-2_H-128_A-2
  harness data verify mnist-10k --json
  harness data verify image-folder:photos --set image-folder.size=32

Data sets are looked for in --data-dir, then in the cache that all tools of the Hugging Face Hub
share. The Hub's own variables are honoured: HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and
HF_HUB_OFFLINE. `harness grid` fetches what is nowhere; trials never use the network. A grid
reads texts with the vocabulary beside a model's weights instead of the one that is listed here.";

/// `harness data`
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: DataAction,
}

/// What can be done with data sets.
#[derive(Debug, Clone, Subcommand)]
pub enum DataAction {
    /// Fetch data sets, or models as hub:org/name, into the cache of the Hub
    #[command(after_long_help = HELP)]
    Fetch(DataFetchArgs),
    /// Load data sets, check every byte that is checked before training, and print digests
    #[command(after_long_help = HELP)]
    Verify(DataVerifyArgs),
    /// List data sets and where each was found
    #[command(after_long_help = HELP)]
    List(DataNamesArgs),
}

/// `harness data fetch`
#[derive(Debug, Clone, Args)]
pub struct DataFetchArgs {
    /// Data sets, such as mnist or glue/sst2, or glue for all its tasks; or models, such as
    /// hub:org/name or hub:org/name@revision
    #[arg(required = true)]
    pub names: Vec<String>,
    /// Branch, tag or commit [default: main]
    #[arg(long, value_name = "REVISION", alias = "hub-revision")]
    pub revision: Option<String>,
    /// Say only what went wrong
    #[arg(long, short)]
    pub quiet: bool,
}

/// `harness data verify`
#[derive(Debug, Clone, Args)]
pub struct DataVerifyArgs {
    /// Which data sets, and where they are.
    #[command(flatten)]
    pub names: DataNamesArgs,
    /// An option of a data set, such as glue/rte.max_length=64, as a grid takes it; of several values
    /// each is loaded
    #[arg(long, value_name = "KEY=VALUES")]
    pub set: Vec<String>,
}

/// Where data sets are.
#[derive(Debug, Clone, Default, Args)]
pub struct DataPlaceArgs {
    /// Folder with data files (HARNESS_DATA)
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Branch, tag or commit of data sets from the Hugging Face Hub [default: main]
    #[arg(long, value_name = "REVISION")]
    pub hub_revision: Option<String>,
}

/// `harness data verify` and `harness data list`
#[derive(Debug, Clone, Args)]
pub struct DataNamesArgs {
    /// Only these [default: list: all; verify: all that are found]
    pub names: Vec<String>,
    /// Folder with data files (HARNESS_DATA)
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Branch, tag or commit in the cache of the Hub [default: main]
    #[arg(long, value_name = "REVISION", alias = "revision")]
    pub hub_revision: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
