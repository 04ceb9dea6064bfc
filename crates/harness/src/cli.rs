//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use dst_executor::exit::{self, Exit};

mod bench;
mod cluster;
mod compare;
mod data;
mod networks;
mod power;
mod store;
mod tools;
mod version;

pub use bench::BenchArgs;
pub use cluster::{CancelArgs, ConcludeArgs, WorkArgs};
pub use compare::CompareArgs;
pub use data::{DataAction, DataArgs, DataFetchArgs, DataNamesArgs, DataPlaceArgs, DataVerifyArgs};
pub use networks::{ComputeBackend, ExportArgs, ExportFormat, PredictArgs, PredictedSplit};
pub use power::PowerArgs;
pub use store::{
    StoreAction, StoreArgs, StoreGcArgs, StoreMergeArgs, StorePlaceArgs, StorePublishArgs,
};
pub use tools::{CompletionsArgs, DoctorArgs, ManArgs};

/// Trains grids of sparse networks and tells whether the differences are real.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = exit::TABLE)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "a process makes one")]
pub enum Command {
    /// Train every combination of strategies, data sets, models, sparsities and seeds
    #[command(after_long_help = GRID_HELP)]
    Grid(GridArgs),
    /// Train one trial in this process
    #[command(after_long_help = RUN_HELP)]
    Run(RunArgs),
    /// Show which trials of a store are done, running or failed, and how long the rest takes
    #[command(after_long_help = STATUS_HELP)]
    Status(StatusArgs),
    /// Build the reports anew from a store; trains nothing
    #[command(after_long_help = REPORT_HELP)]
    Report(ReportArgs),
    /// Compare two strategies, two stores, or a store with the results of another tool
    #[command(after_long_help = compare::HELP)]
    Compare(CompareArgs),
    /// Write the network of a trial for other programs, such as PyTorch
    #[command(after_long_help = networks::EXPORT_HELP)]
    Export(ExportArgs),
    /// Let the network of a trial predict images, texts or its test set
    #[command(after_long_help = networks::PREDICT_HELP)]
    Predict(PredictArgs),
    /// Tell how many seeds an experiment needs, from a pilot or a known spread
    #[command(after_long_help = power::HELP)]
    Power(PowerArgs),
    /// Time training steps and inference of a network on this machine, dense and sparse
    #[command(after_long_help = bench::HELP)]
    Bench(BenchArgs),
    /// List strategies, models, data sets, reports and grids
    #[command(after_long_help = LIST_HELP)]
    List(ListArgs),
    /// Explain a plug-in: paper, parameters, defaults
    #[command(after_long_help = DESCRIBE_HELP)]
    Describe(DescribeArgs),
    /// Fetch data sets from the Hugging Face Hub, verify them, or list where they are
    #[command(after_long_help = data::HELP)]
    Data(DataArgs),
    /// Take the trials of a store from the queue of the cluster; those that run save a checkpoint
    #[command(after_long_help = cluster::HELP)]
    Cancel(CancelArgs),
    /// Verify a store, mend it, clear it up, or take trials of others
    #[command(after_long_help = store::HELP)]
    Store(StoreArgs),
    /// Begin a strategy: a crate that passes the contract suite, to be filled in
    #[command(after_long_help = NEW_STRATEGY_HELP)]
    NewStrategy(ScaffoldArgs),
    /// Begin a data set: a crate with made-up images and tests, to be filled in
    #[command(after_long_help = NEW_DATASET_HELP)]
    NewDataset(ScaffoldArgs),
    /// Begin a model: a crate with a small network and tests, to be filled in
    #[command(after_long_help = NEW_MODEL_HELP)]
    NewModel(ScaffoldArgs),
    /// Look at this machine, its data and the store, and say what to do about what is missing
    #[command(after_long_help = tools::DOCTOR_HELP)]
    Doctor(DoctorArgs),
    /// Print completions for a shell
    #[command(after_long_help = tools::COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Write manual pages
    #[command(after_long_help = tools::MAN_HELP)]
    Man(ManArgs),
    /// What a node of a cluster does with one task
    #[command(hide = true, after_long_help = cluster::HELP)]
    Work(WorkArgs),
    /// What a cluster does when all tasks of a grid have ended
    #[command(hide = true, after_long_help = cluster::HELP)]
    Conclude(ConcludeArgs),
}

const GRID_HELP: &str = "\
Examples:
  harness grid --strategies rigl,set,dense
  harness grid --strategies rigl,dense --sparsity 0.5,0.9 --seeds 0..10 --dry-run
  harness grid --strategies rigl,dense --set rigl.drop_fraction=0.1,0.3 --set mlp.hidden=[300,100] \\
      --models mlp
  harness grid --strategies rigl,dense --datasets mnist --data-dir data --epochs 20
  harness grid --strategies rigl,gmp,dense --inference-flops 10% --dry-run
  harness grid --strategies rigl,gmp,dense --sparsity 0.9 --training-flops 100%
  harness grid --grid snfs-lenet5 --data-dir data --dry-run
  harness grid --strategies rigl,dense --keep best
  harness grid --config grid.toml --print-config
  harness grid --grid family-mnist --slurm partition=cpu,time=2:00:00,mem=4G

Grids that ship with the harness begin with --grid: quick is the default, `harness list grids` has all.
`harness describe snfs-lenet5` prints one with the source of its numbers; any flag changes it.

A finished trial is never trained again, so the same command continues a grid that was
interrupted, and a longer list of seeds extends it. But a result belongs to the code, the data and
the weights that made it: when one of them is another now, the grid says so and trains the trial
again; --accept-code keeps results of other code.

A grid file has the same keys, and one table for each plug-in; arrays in tables are axes:
  strategies = [\"rigl\", \"dense\"]
  seeds = \"0..6\"
  [training]
  epochs = 20
  [strategy.rigl]
  drop_fraction = [0.1, 0.3]
  [strategy.\"*\"]            # every strategy that has such a parameter
  interval = \"1 epochs\"
  [dataset.glue.training]   # only on GLUE; or --set glue.training.learning_rate=3e-5
  learning_rate = 3e-5
  [strategy.rigl.training]  # only of RigL; or --set rigl.training.learning_rate=0.01,0.1
  learning_rate = [0.01, 0.1]
  [analysis.margins]        # or --set analysis.margins.glue/rte=0.02
  \"glue/rte\" = 0.02

With --inference-flops or --training-flops, the sparsity or the epochs of every strategy are chosen
before training, by an estimate of its FLOPs; --dry-run shows them. The dense network is trained for
the configured epochs.

How a strategy trains is stronger than how a data set does, and that than [training]. A strategy
named * is every one that is not named itself, the control too. Several trainings of one strategy
are choices: reports take the best on validation (analysis.tuned).

These can be variables, too, each after HARNESS: _STRATEGIES, _DATASETS, _MODELS, _SPARSITY,
_SEEDS, _EPOCHS, _BATCH_SIZE, _LEARNING_RATE, _PRECISION, _GRID, _STORE, _DATA (--data-dir),
_INFERENCE_FLOPS, _TRAINING_FLOPS, _HUB_REVISION, _DEVICE, _JOBS, _THREADS, _TIMEOUT, _KEEP, _EXECUTOR, _SLURM, _MARGIN, _ALPHA and _CONTROL, so HARNESS_SEEDS.
Flags win over variables, those over the file, that over the grid that ships, that over defaults.";

const RUN_HELP: &str = "\
Examples:
  harness run --dataset mnist-10k --strategy rigl --sparsity 0.9 --seed 3
  harness run --strategy set --model mlp --set mlp.hidden=[100] --epochs 2
  harness run --store runs --trial 0123456789abcdef

The result goes into the store, so a grid that contains this trial will not train it again.";

const STATUS_HELP: &str = "\
Examples:
  harness status
  harness status --watch                           beside a grid that runs
  harness status --store runs --json

Trials that differ only in their seed are in one line. The metric is mean ± standard deviation
over the seeds that finished; the time that is left follows from how long finished trials took,
and from how many run at once now.";

const REPORT_HELP: &str = "\
Examples:
  harness report
  harness report --all --out everything
  harness report --margin 0.01
  harness report --watch                           beside a grid that runs

Margin, level and control are fixed when a grid starts and recorded with it. A report with
others says that they were chosen post hoc.";

const LIST_HELP: &str = "\
Examples:
  harness list
  harness list strategies
  harness list --json";

const DESCRIBE_HELP: &str = "\
Examples:
  harness describe rigl
  harness describe mnist-10k
  harness describe adamw
  harness describe training";

const NEW_STRATEGY_HELP: &str = "\
Examples:
  harness new-strategy my-method
  harness new-strategy my-method --project ../my-lab

In a clone of the harness the crate becomes a part of it. A project of your own lies outside: its
binary has the harness's plug-ins and yours, it is built against the clone, and further crates are
added to it with the same commands.";

const NEW_DATASET_HELP: &str = "\
Examples:
  harness new-dataset my-data
  harness new-dataset my-data --project ../my-lab";

const NEW_MODEL_HELP: &str = "\
Examples:
  harness new-model my-net
  harness new-model my-net --project ../my-lab";

const SET_HELP: &str = "A parameter, such as rigl.drop_fraction=0.1,0.3, mlp.hidden=[300,100] or \
                        training.weight_decay=1e-4; several values are an axis of the grid";

/// What a trial is made of, as lists.
#[derive(Debug, Clone, Default, Args)]
pub struct ExperimentArgs {
    /// Strategies, such as rigl,set,dense
    #[arg(long, value_name = "NAMES", alias = "strategy")]
    pub strategies: Option<String>,
    /// Data sets, such as mnist-10k
    #[arg(long, value_name = "NAMES", alias = "dataset")]
    pub datasets: Option<String>,
    /// Architectures, such as lenet5, and files, file:net.toml [default: the one of each data set]
    #[arg(long, value_name = "NAMES", alias = "model")]
    pub models: Option<String>,
    /// Shares of the prunable weights to remove, in [0, 1), such as 0.5,0.9
    #[arg(long, value_name = "NUMBERS", allow_hyphen_values = true)]
    pub sparsity: Option<String>,
    /// Equal inference FLOPs instead of equal sparsity: shares of the dense network's, such as 10%,5%,
    /// for which the sparsity of each strategy and model is chosen
    #[arg(long, value_name = "SHARES", allow_hyphen_values = true)]
    pub inference_flops: Option<String>,
    /// Equal training FLOPs instead of equal epochs: shares of what the dense network needs for the
    /// configured epochs, such as 100%, for which the epochs of each strategy and model are chosen
    #[arg(long, value_name = "SHARES", allow_hyphen_values = true)]
    pub training_flops: Option<String>,
    /// Seeds: 0..6 are six seeds, 0..=5 the same, or 1,2,3
    #[arg(long, value_name = "SEEDS", alias = "seed", allow_hyphen_values = true)]
    pub seeds: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: SettingArgs,
}

/// Settings that every experiment has.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingArgs {
    /// A parameter with its values; several are an axis of the grid.
    // Rustdoc would take the brackets of the example for a link.
    #[arg(long, value_name = "KEY=VALUES", help = SET_HELP)]
    pub set: Vec<String>,
    /// Passes over the training data (training.epochs)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub epochs: Option<String>,
    /// Samples in one batch (training.batch_size)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub batch_size: Option<String>,
    /// Learning rate after warm-up (training.learning_rate)
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub learning_rate: Option<String>,
    /// How layers multiply: f32, tf32 (NVIDIA) or bf16 (training.precision)
    #[arg(long, value_name = "NAME")]
    pub precision: Option<String>,
    /// With what pruned layers compute: masked (dense arithmetic), sparse (kernels on the CPU) or auto
    /// (sparse where it pays) (training.backend)
    #[arg(long, value_name = "NAME")]
    pub backend: Option<String>,
    /// Optimiser, such as adamw; `harness list optimizers` has all (training.optimizer)
    #[arg(long, value_name = "NAME")]
    pub optimizer: Option<String>,
    /// How the learning rate changes, such as cosine; `harness list schedules` has all
    /// (training.schedule)
    #[arg(long, value_name = "NAME")]
    pub schedule: Option<String>,
    /// A grid that ships with the harness, such as plan; `harness list grids` has all [default: quick]
    #[arg(long, alias = "preset", value_name = "NAME")]
    pub grid: Option<String>,
    /// A grid file in TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How trials are compared.
#[derive(Debug, Clone, Default, Args)]
pub struct AnalysisArgs {
    /// Largest loss that still counts as no worse: 0.005 is half a point of accuracy, 2% a share of
    /// what the control scores above chance
    #[arg(long, value_name = "LOSS", allow_hyphen_values = true)]
    pub margin: Option<String>,
    /// Chance of a false claim that is allowed in each family of comparisons
    #[arg(long, value_name = "LEVEL", allow_hyphen_values = true)]
    pub alpha: Option<String>,
    /// Strategy that the others are compared with [default: the dense one]
    #[arg(long, value_name = "NAME")]
    pub control: Option<String>,
    /// Test that verdicts rest on: paired-t, wilcoxon or sign-flips [default: paired-t]
    #[arg(long, value_name = "NAME")]
    pub test: Option<String>,
    /// How the comparisons of a family are corrected for their number, such as holm, bonferroni or
    /// none [default: holm]
    #[arg(long, value_name = "NAME")]
    pub correction: Option<String>,
    /// Counts of seeds after which verdicts may be looked at, the last of all seeds, such as 6,12
    #[arg(long, value_name = "COUNTS", allow_hyphen_values = true)]
    pub looks: Option<String>,
    /// Data sets on which a network that gives one answer to everything counts as trained, such as
    /// glue/wnli,glue/cola
    #[arg(long, value_name = "NAMES")]
    pub accept_collapse: Option<String>,
}

/// Where trials run.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceArgs {
    /// Folder of the run store [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataPlaceArgs,
    /// cpu, cuda, cuda:N or auto [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Threads of one operation [default: 1; on an accelerator cores / jobs]. On a CPU a trial with
    /// other threads is another trial: its sums have other last digits
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub threads: Option<String>,
}

/// `harness grid`
#[derive(Debug, Clone, Default, Args)]
pub struct GridArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub experiment: ExperimentArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub analysis: AnalysisArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: PlaceArgs,
    /// Trials at once [default: cores / threads, fewer if memory is short; 1 on an accelerator]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub jobs: Option<String>,
    /// Longest time of one attempt, such as 30m; a trial that needs more has timed out
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub timeout: Option<String>,
    /// Which trained networks stay in the store: none, best (of each group of seeds the one that is best
    /// on validation) or all; for `harness export` and `harness predict` [default: none]
    #[arg(long, value_name = "WHICH")]
    pub keep: Option<String>,
    /// Who brings trials to their end: local (processes of this machine) or slurm (jobs of a cluster)
    /// [default: local, or slurm with --slurm]
    #[arg(long, value_name = "NAME")]
    pub executor: Option<String>,
    /// What jobs of the cluster need, such as partition=gpu,time=4:00:00,mem=16G: long options of sbatch;
    /// and trials-per-task, tasks-at-once, notice (seconds) and setup (a line of shell)
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub slurm: Vec<String>,
    /// Which trials are trained: those without a result, those that failed too, or all anew
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub rerun: Rerun,
    /// Train a trial again, so often, when its process died, memory ran out or its time was over; it
    /// goes on from its checkpoint
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u32,
    /// Go on when trials fail, however many; the default
    #[arg(long)]
    pub keep_going: bool,
    /// Stop when a trial has failed: those that run stop with a checkpoint
    #[arg(long, conflicts_with = "keep_going")]
    pub fail_fast: bool,
    /// The same when so many have failed
    #[arg(long, value_name = "N", conflicts_with_all = ["keep_going", "fail_fast"],
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_fails: Option<u32>,
    /// Keep results and continue checkpoints that other code made; reports say so
    #[arg(long)]
    pub accept_code: bool,
    /// List the trials with ids, states and estimated operations; train nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the settings in force and where each came from; train nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub print_config: bool,
    /// Add what happens to a file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Build no reports at the end and compare nothing; `harness report` does both later
    #[arg(long)]
    pub no_report: bool,
    /// Say only what went wrong
    #[arg(long, short)]
    pub quiet: bool,
    /// Print the result as JSON
    #[arg(long, conflicts_with = "print_config")]
    pub json: bool,
}

/// Which trials of a grid are trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Rerun {
    /// Those without a result
    #[default]
    Missing,
    /// Those that failed too
    Failed,
    /// All, whatever their results
    All,
}

/// `harness run`
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Id of a trial that the store knows already
    #[arg(long, value_name = "ID", conflicts_with_all = ["strategy", "dataset", "model", "sparsity", "seed", "SettingArgs"])]
    pub trial: Option<String>,
    /// The strategy
    #[arg(long, value_name = "NAME", required_unless_present = "trial")]
    pub strategy: Option<String>,
    /// The data set [default: that of the grid]
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// The architecture, or a network in a file, such as file:net.toml [default: that of the data set]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Share of the prunable weights to remove, in [0, 1) [default: that of the grid]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub sparsity: Option<String>,
    /// The seed [default: 0]
    #[arg(long, value_name = "SEED", allow_hyphen_values = true)]
    pub seed: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: SettingArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: PlaceArgs,
    /// Which trained networks stay in the store: none, best (of each group of seeds the one that is best
    /// on validation) or all; for `harness export` and `harness predict` [default: none]
    #[arg(long, value_name = "WHICH")]
    pub keep: Option<String>,
    /// Keep a result and continue a checkpoint that other code made
    #[arg(long)]
    pub accept_code: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Started by an executor: progress goes to stdout as one JSON object a line
    #[arg(long, hide = true, requires = "trial")]
    pub worker: bool,
}

/// `harness status`
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Folder of the run store [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
    /// Look again every so many seconds, until all trials have ended or Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          conflicts_with = "json", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub watch: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `harness report`
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Folder of the run store [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
    /// Where the files go [default: report in the store]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Every trial of the store instead of those of its latest grid
    #[arg(long)]
    pub all: bool,
    /// Build them again whenever a trial ends, until all have or Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub analysis: AnalysisArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Methods that decide which connections are active
    Strategies,
    /// Architectures
    Models,
    /// Data sets
    Datasets,
    /// What moves the weights
    Optimizers,
    /// How the learning rate changes over training
    Schedules,
    /// What is made from finished trials
    Reports,
    /// Starting points for a grid
    #[value(alias = "presets")]
    Grids,
}

/// `harness list`
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only these
    pub kind: Option<Kind>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `harness describe`
#[derive(Debug, Clone, Args)]
pub struct DescribeArgs {
    /// A strategy, model, data set, report or grid; or `training` or `analysis`
    pub name: String,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `harness new-strategy`, `new-dataset` and `new-model`
#[derive(Debug, Clone, Args)]
pub struct ScaffoldArgs {
    /// Its name, in lower case with dashes
    pub name: String,
    /// A project outside the clone: one to add the crate to, or a new folder for one
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// The clone of the harness [default: the one around the current folder; for a new project, the
    /// one that this program was built from]
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
}

/// Reads the command line. Help, the version and usage errors are printed here.
///
/// # Errors
/// The exit code when there is nothing more to do.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, Exit> {
    let mut command = command().long_version(version::long());
    let matches = command.try_get_matches_from_mut(arguments);
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        let error = error.format(&mut command);
        let failed = error.use_stderr();
        match error.print() {
            _ if failed => Exit::Usage,
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Io,
            _ => Exit::Success,
        }
    })
}

/// The command as clap knows it, for completions and manual pages.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:"), "{}", command.get_name());
        }
    }
}
