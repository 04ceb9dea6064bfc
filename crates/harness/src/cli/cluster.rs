//! `harness cancel`, and what a cluster starts.

use std::path::PathBuf;

use clap::Args;
use dst_core::Keep;

/// What the help of these commands ends with.
pub(super) const HELP: &str = "\
Examples:
  harness grid --grid family-mnist --slurm partition=cpu,time=2:00:00,mem=4G
  harness status --watch
  harness cancel --store runs

A grid with --slurm or --executor slurm waits in the queue of the cluster. Trials that `cancel` stops
have a checkpoint, and the same grid goes on from it, on the cluster or elsewhere.";

/// `harness cancel`
#[derive(Debug, Clone, Args)]
pub struct CancelArgs {
    /// Folder of the run store [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
}

/// `harness work`
#[derive(Debug, Clone, Args)]
pub struct WorkArgs {
    /// The file of the task
    pub task: PathBuf,
}

/// `harness conclude`
#[derive(Debug, Clone, Args)]
pub struct ConcludeArgs {
    /// Folder of the run store
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Id of the record of the grid
    #[arg(long, value_name = "ID")]
    pub record: String,
    /// Which trained networks stay in the store
    #[arg(long, value_name = "WHICH", value_parser = Keep::parse, default_value = "none")]
    pub keep: Keep,
    /// Build no reports
    #[arg(long)]
    pub no_report: bool,
}
