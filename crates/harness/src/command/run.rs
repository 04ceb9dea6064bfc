//! `harness run`

use std::collections::BTreeMap;

use dst_analysis::format::count;
use dst_analysis::{Analysis, Budget};
use dst_core::record::{TrialRecord, TrialSpec};
use dst_core::tch::Device;
use dst_core::{Error, Result};
use dst_settings::{ExecutionConfig, ResolvedSettings};

use super::fetch::Absent;
use super::kept_networks::KeptNetworks;
use super::preflight::intervals;
use super::standing::{ReusePolicy, Standings};
use super::{preflight, restart, results};
use crate::cli::RunArgs;
use crate::flags;
use crate::output;
use crate::run::{RunOptions, RunOutcome, run_trial};
use dst_executor::Exit;
use dst_store::{Store, TrialState};

pub(super) fn run(args: &RunArgs) -> Result<Exit> {
    let file = args.settings.config.as_deref();
    let resolved = ResolvedSettings::of_process(file, flags::trial(args)?)?;
    let mut execution = resolved.execution()?;
    if args.worker {
        let store = Store::open(&execution.store)?;
        execution.own_data = store.own_data()?;
        return work(&store, args, &execution);
    }
    let (store, spec) = match &args.trial {
        Some(id) => {
            let store = Store::open(&execution.store)?;
            execution.own_data = store.own_data()?;
            let spec = store.spec(id)?;
            check_threads(&resolved, &spec, &execution)?;
            (store, spec)
        }
        None => {
            let grid = resolved.grid()?;
            execution.own_data.clone_from(&grid.execution.own_data);
            let mut spec = only(grid.trials.clone())?;
            if grid.budgets.iter().any(Budget::is_some) {
                return Err(Error::usage("this grid chooses sparsity or epochs for their cost").hint(
                    "`harness grid --dry-run` shows them: pass --sparsity and --epochs, and another \
                     --grid",
                ));
            }
            let trials = std::slice::from_mut(&mut spec);
            let metrics = &grid.analysis.metrics;
            let inputs = preflight::load(trials, &|_| true, &execution, metrics, Absent::Fetched)?;
            let is_given = |strategy: &str| resolved.sets_interval(strategy);
            for words in intervals::fit(trials, &inputs, &is_given)? {
                output::note(&words);
            }
            preflight::check(trials, &inputs, &BTreeMap::new(), true)?;
            let store = Store::create(&execution.store)?;
            store.remember_own_data(&execution.own_data)?;
            store.add(&spec)?;
            (store, spec)
        }
    };
    let id = spec.id();
    set_aside_if_outdated(&store, &spec, &execution, args.accept_code)?;
    if matches!(store.state(&id)?, TrialState::Ended { .. }) {
        output::note(&format!("trial {id} is done; nothing is trained"));
    } else {
        restart::with_environment(&spec, &execution.device)?;
        output::note(&format!("trial {id}: {}", store.folder(&id).display()));
        let outcome = run_trial(&store, &spec, &options(args, &execution))?;
        if let Some(exit) = unfinished(&outcome) {
            return Ok(exit);
        }
    }
    let kept = KeptNetworks::of(&store, execution.keep, std::slice::from_ref(&spec))?;
    kept.ended(&id)?;
    kept.missing()?.iter().for_each(|words| output::note(words));
    let record = store
        .record(&id)?
        .ok_or_else(|| Error::data(format!("the result of trial {id} is gone")))?;
    let TrialRecord { spec, status, collapse, .. } = &record;
    let is_trained = resolved.analysis()?.counts_as_trained(&spec.dataset, *status, *collapse);
    let records = [record];
    if args.json {
        let mut list = results::json(&records);
        output::print_json(&list[0].take())?;
    } else {
        output::print(&results::text(&records[0]))?;
    }
    Ok(if is_trained { Exit::Success } else { Exit::TrialsFailed })
}

/// On a CPU the number of threads belongs to a trial.
fn check_threads(
    resolved: &ResolvedSettings,
    spec: &TrialSpec,
    execution: &ExecutionConfig,
) -> Result<()> {
    let own = spec.training.threads as usize;
    let asked = resolved.has("threads") && execution.device()? == Device::Cpu;
    match asked && execution.threads != own {
        true => Err(Error::usage(format!("this trial is one of {}", count(own, "thread")))
            .at("--threads")
            .hint("leave it out, or start a grid with --threads: that trial has another id")),
        false => Ok(()),
    }
}

/// A result of other code, data or weights does not count.
fn set_aside_if_outdated(
    store: &Store,
    spec: &TrialSpec,
    execution: &ExecutionConfig,
    accept_code: bool,
) -> Result<()> {
    let trials = std::slice::from_ref(spec);
    let policy = ReusePolicy { accept_code, ..ReusePolicy::default() };
    let mut standings = Standings::read(Some(store), trials, policy, &Analysis::default())?;
    let trains = standings.pending().len() == 1;
    // What trains loads its data itself.
    if !trains {
        let inputs =
            preflight::load(trials, &|_| false, execution, &BTreeMap::new(), Absent::Refused)?;
        standings.compare(&inputs)?;
    }
    standings.notes().iter().for_each(|words| output::note(words));
    for (id, outdated) in standings.outdated() {
        store.set_aside(&id, &outdated.why)?;
    }
    Ok(())
}

/// The process that an executor starts. Whatever way the trial ends, its result is in the store.
fn work(store: &Store, args: &RunArgs, execution: &ExecutionConfig) -> Result<Exit> {
    let spec = store.spec(args.trial.as_deref().unwrap_or_default())?;
    restart::with_environment(&spec, &execution.device)?;
    let outcome = run_trial(store, &spec, &options(args, execution))?;
    Ok(unfinished(&outcome).unwrap_or(Exit::Success))
}

fn options(args: &RunArgs, execution: &ExecutionConfig) -> RunOptions {
    RunOptions {
        threads: execution.threads,
        sources: execution.sources(),
        device: execution.device.clone(),
        worker: args.worker,
        accept_code: args.accept_code,
        keep: execution.keep,
    }
}

/// The exit code of a trial that has no result yet, with a line for people.
fn unfinished(outcome: &RunOutcome) -> Option<Exit> {
    match outcome {
        RunOutcome::Ended { .. } => None,
        RunOutcome::Interrupted => {
            output::note("interrupted; the same command continues where it stopped");
            Some(Exit::Interrupted)
        }
        RunOutcome::Held(holder) => {
            output::note(&format!("this trial is trained by {holder}"));
            Some(Exit::TrialsFailed)
        }
    }
}

fn only(mut trials: Vec<TrialSpec>) -> Result<TrialSpec> {
    match trials.len() {
        1 => Ok(trials.remove(0)),
        several => Err(Error::usage(format!("this describes {several} trials, not one"))
            .hint("give one value for each key, or use `harness grid`")),
    }
}
