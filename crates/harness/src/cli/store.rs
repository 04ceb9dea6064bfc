//! `harness store`

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What `harness store --help` ends with.
pub(super) const HELP: &str = "\
Examples:
  harness store verify
  harness store verify --store runs --json
  harness store repair
  harness store gc --dry-run
  harness store merge other-machine/runs third-machine/runs --store runs
  harness store publish results/my-paper --store runs

Results, records of grids and checkpoints carry digests. `verify` reads everything, compares, and
ends with 3 if something is damaged. `repair` deletes nothing: what is damaged gets another name, and
the grid that it belongs to trains or writes it anew. `gc` removes what processes left that were killed
and checkpoints of trials that ended. `merge` takes trials that ended elsewhere; where both stores have
a result, the one that is here stays. `publish` makes a copy for others: trials that ended, without logs,
names of machines and paths of folders; it gives the same report.";

/// `harness store`
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: StoreAction,
}

/// What can be done with a store.
#[derive(Debug, Clone, Subcommand)]
pub enum StoreAction {
    /// Read everything and say what is damaged
    #[command(after_long_help = HELP)]
    Verify(StorePlaceArgs),
    /// Set aside what is damaged, so that the grid makes it anew
    #[command(after_long_help = HELP)]
    Repair(StorePlaceArgs),
    /// Remove what nobody needs
    #[command(after_long_help = HELP)]
    Gc(StoreGcArgs),
    /// Take trials that ended in other stores
    #[command(after_long_help = HELP)]
    Merge(StoreMergeArgs),
    /// Copy what ended for others, without names of machines and paths
    #[command(after_long_help = HELP)]
    Publish(StorePublishArgs),
}

/// `harness store verify` and `harness store repair`
#[derive(Debug, Clone, Args)]
pub struct StorePlaceArgs {
    /// Folder of the store (HARNESS_STORE) [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `harness store gc`
#[derive(Debug, Clone, Args)]
pub struct StoreGcArgs {
    /// Where the store is, and how to print
    #[command(flatten)]
    pub place: StorePlaceArgs,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Remove results that were set aside too: of other code, damaged, or failed and trained again
    #[arg(long)]
    pub set_aside: bool,
}

/// `harness store merge`
#[derive(Debug, Clone, Args)]
pub struct StoreMergeArgs {
    /// Folders of the stores to take trials from
    #[arg(required = true, value_name = "DIR")]
    pub from: Vec<PathBuf>,
    /// Where the store is, and how to print
    #[command(flatten)]
    pub place: StorePlaceArgs,
}

/// `harness store publish`
#[derive(Debug, Clone, Args)]
pub struct StorePublishArgs {
    /// Folder of the copy, which must be new or empty
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// Where the store is, and how to print
    #[command(flatten)]
    pub place: StorePlaceArgs,
}
