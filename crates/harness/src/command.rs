//! The commands. Each takes what was typed and returns the exit code.

mod adoption;
mod bench;
mod cluster;
mod compare;
mod completions;
mod data;
mod describe;
mod doctor;
mod epoch_times;
mod event_log;
mod expectation;
mod export;
mod fetch;
mod grid;
mod kept_networks;
mod label;
mod list;
mod man;
mod power;
mod predict;
mod preflight;
mod readable;
mod report;
mod restart;
mod results;
mod run;
mod scaffold;
mod standing;
mod status;
mod store;
mod trained_on;
mod watch;

use dst_analysis::ReportPlugin;
use dst_core::Result;
use dst_core::plugin::{DatasetGroup, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};

use crate::cli::{Cli, Command};
use dst_executor::Exit;

/// Does what was typed.
///
/// # Errors
/// Whatever the command refuses; the kind of the error gives the exit code.
pub(crate) fn run(typed: &Cli) -> Result<Exit> {
    // Two plug-ins of one name are a mistake whatever is done, and better known before training.
    StrategyPlugin::all()?;
    ModelPlugin::all()?;
    DatasetPlugin::all()?;
    DatasetGroup::all()?;
    ReportPlugin::all()?;
    match &typed.command {
        Command::Grid(args) => grid::run(args),
        Command::Run(args) => run::run(args),
        Command::Status(args) => status::run(args),
        Command::Report(args) => report::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Export(args) => export::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Power(args) => power::run(args),
        Command::Bench(args) => bench::run(args),
        Command::List(args) => list::run(args),
        Command::Describe(args) => describe::run(args),
        Command::Data(args) => data::run(&args.action),
        Command::Cancel(args) => cluster::cancel(args),
        Command::Work(args) => cluster::work(args),
        Command::Conclude(args) => cluster::conclude(args),
        Command::Store(args) => store::run(&args.action),
        Command::NewStrategy(args) => scaffold::run(&scaffold::STRATEGY, args),
        Command::NewDataset(args) => scaffold::run(&scaffold::DATASET, args),
        Command::NewModel(args) => scaffold::run(&scaffold::MODEL, args),
        Command::Doctor(args) => doctor::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}
