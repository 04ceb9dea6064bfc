//! Grids in the queue of a cluster: what is checked before, what a node does, what comes after.

use std::collections::BTreeMap;
use std::path::Path;

use dst_analysis::format::count;
use dst_core::record::{Status, TrialSpec};
use dst_core::{Error, Keep, Result};
use dst_executor::slurm::{self, SlurmSettings};
use dst_executor::{Event, Executor, Exit, Slurm};
use dst_settings::{CommandLine, ExecutionConfig, ResolvedSettings};
use dst_store::{GridRecord, Store};
use serde_json::json;

use super::kept_networks::KeptNetworks;
use super::label::{self, Labels};
use super::{preflight, readable, report};
use crate::cli::{CancelArgs, ConcludeArgs, GridArgs, WorkArgs};
use crate::flags;
use crate::output;
use crate::progress::span;

/// Can the cluster be asked, and does it take these options? Paths become absolute, because a node starts
/// in a folder of its own.
pub(super) fn check(settings: &SlurmSettings, execution: &mut ExecutionConfig) -> Result<()> {
    let ExecutionConfig { store, data_dir, jobs, threads, .. } = execution;
    for path in std::iter::once(store).chain(data_dir) {
        *path = std::path::absolute(&*path).map_err(|error| Error::io("find", path, &error))?;
    }
    Slurm::new(settings.clone()).check(*jobs * *threads).map_err(|error| error.at("--slurm"))
}

/// What the program does when all tasks have ended; empty if nothing is left to do.
pub(super) fn conclusion(
    store: &Store,
    record: &GridRecord,
    keep: Keep,
    no_report: bool,
) -> Vec<String> {
    if no_report && keep != Keep::Best {
        return Vec::new();
    }
    let store = store.root().display().to_string();
    let mut words =
        ["conclude", "--store", &store, "--record", &record.id()].map(str::to_owned).to_vec();
    if keep.is_some() {
        words.extend(["--keep".to_owned(), keep.to_string()]);
    }
    if no_report {
        words.push("--no-report".to_owned());
    }
    words
}

/// What a grid says that waits in the queue.
pub(super) fn say_queued(
    store: &Store,
    record: &GridRecord,
    queued: usize,
    args: &GridArgs,
) -> Result<Exit> {
    let folder = report::default_folder(store.root());
    if args.json {
        output::print_json(&json!({
            "store": store.root(),
            "grid": record.id(),
            "queued": queued,
            "trials": [],
            "files": [],
        }))?;
    }
    if !args.quiet {
        let place = store.root().display();
        let report = match args.no_report {
            true => String::new(),
            false => format!("; the report will be in {}", folder.display()),
        };
        output::note(&format!(
            "{} in the queue{report}\n  harness status --store {place} --watch   shows how they get on\n  \
             harness cancel --store {place}           takes them from the queue",
            count(queued, "trial")
        ));
    }
    Ok(Exit::Success)
}

/// `harness work`: a node brings the trials of one task to their end. Its log has a line for whatever
/// happens.
pub(super) fn work(args: &WorkArgs) -> Result<Exit> {
    let executed = slurm::work(&args.task, &mut |event| log(&event))?;
    Ok(if executed.interrupted && !executed.given_up {
        Exit::Interrupted
    } else if executed.failed > 0 || executed.given_up || !executed.unfinished.is_empty() {
        Exit::TrialsFailed
    } else {
        Exit::Success
    })
}

fn log(event: &Event) {
    let line = match event {
        Event::Progress { .. } | Event::Queued { .. } => return,
        Event::Skipped { id, status } => format!("{id}: {status} before"),
        Event::Started { id } => format!("{id}: started"),
        Event::Ended { id, status: Status::Finished, seconds, .. } => {
            format!("{id}: finished in {}", span(*seconds))
        }
        Event::Ended { id, status, reason, .. } => format!("{id}: {status}: {reason}"),
        Event::Held { id, holder } => format!("{id}: waits for {holder}"),
        Event::Postponed { id, workers } => {
            format!("{id}: killed beside others; {workers} at once from now on")
        }
        Event::Retried { id, status, reason, remaining } => {
            format!("{id}: {status}: {reason}; again, and then {remaining} times more")
        }
        Event::GivenUp { failed } => format!("given up after {}", count(*failed, "failure")),
        Event::Saving { trials } => format!("{} save a checkpoint", count(*trials, "trial")),
        Event::Stopping { trials } => format!("{} stop with a checkpoint", count(*trials, "trial")),
        Event::Unfinished { id, reason } => format!("{id}: no result: {reason}"),
    };
    output::note(&format!("{} {line}", dst_store::clock::now()));
}

/// `harness conclude`: networks that are not wanted any more go, and the report is written.
pub(super) fn conclude(args: &ConcludeArgs) -> Result<Exit> {
    let store = Store::open(&args.store)?;
    let record = readable::grids(&store)?.into_iter().find(|grid| grid.id() == args.record);
    let record = record.ok_or_else(|| {
        Error::data(format!("{} has no grid {}", store.root().display(), args.record))
            .hint("`harness report` builds the report of the latest grid")
    })?;
    let specs: Vec<TrialSpec> =
        record.trials.iter().map(|id| store.spec(id)).collect::<Result<_>>()?;
    let kept = KeptNetworks::of(&store, args.keep, &specs)?;
    kept.all_ended()?;
    kept.summary().iter().for_each(|words| output::note(words));
    let input = report::ReportInput::of_grid(&store, &record, record.analysis.clone())?;
    if input.records.is_empty() {
        output::note("no trial has ended, so there is nothing to report");
        return Ok(Exit::TrialsFailed);
    }
    if !args.no_report {
        let folder: &Path = &report::default_folder(store.root());
        preflight::writable(folder)?;
        output::print_styled(&report::build(&store, &input, Some(folder))?.text)?;
    }
    let labels = Labels::of(specs.iter());
    let ended: BTreeMap<&str, Status> =
        input.records.iter().map(|record| (&*record.id, record.status)).collect();
    let mut complete = true;
    for spec in &specs {
        match ended.get(&*spec.id()) {
            Some(Status::Finished) => continue,
            Some(status) => output::note(&format!("{}: {status}", label::trial(&labels, spec))),
            None => output::note(&format!("{}: no result", label::trial(&labels, spec))),
        }
        complete = false;
    }
    Ok(if complete { Exit::Success } else { Exit::TrialsFailed })
}

/// `harness cancel`
pub(super) fn cancel(args: &CancelArgs) -> Result<Exit> {
    let mut flags = CommandLine::new();
    flags::store(&mut flags, args.store.as_deref())?;
    let store = Store::open(&ResolvedSettings::of_process(None, flags)?.execution()?.store)?;
    let words = match Slurm::default().cancel(&store)? {
        0 => format!("no trial of {} is in the queue", store.root().display()),
        trials => format!("{} taken from the queue; the same grid goes on", count(trials, "trial")),
    };
    output::note(&words);
    Ok(Exit::Success)
}
