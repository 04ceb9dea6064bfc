//! The local executor: several trials at once, each in a process of its own.
//!
//! A crash in C++ or the out-of-memory killer costs one trial, threads cannot disturb the
//! seeds, and the memory of a device is returned. The processes talk through the store; what
//! they print is only for people who wait.

mod child;
mod interrupt;
mod pool;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use dst_core::record::{Collapse, Provenance, Status, TrialSpec};
use dst_core::{Error, Keep, Result};
use serde::{Deserialize, Serialize};

use dst_store::{Store, TrialState};
pub(crate) use interrupt::{Asked, Interrupts};
use pool::Pool;

/// How trials are executed.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// Trials at once, at least 1.
    pub workers: usize,
    /// Threads of one trial.
    pub threads: usize,
    /// Handed to the trials as `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// Handed to the trials as `--hub-revision`.
    pub hub_revision: Option<String>,
    /// A trial that takes longer in one attempt is stopped and counts as timed out.
    pub timeout: Option<Duration>,
    /// Trials that failed before are trained again instead of skipped.
    pub retry_failed: bool,
    /// What is done when trials fail.
    pub failures: FailurePolicy,
    /// The program whose `run` subcommand trains one trial: usually this one.
    pub program: PathBuf,
    /// Where tensors are, such as `cpu`.
    pub device: String,
    /// Handed to the trials as `--accept-code`.
    pub accept_code: bool,
    /// Handed to the trials as `--keep`.
    pub keep: Keep,
    /// By trial: results that do not count. Each is set aside when its trial is started, so that
    /// those whose turn does not come stay where they are.
    pub outdated: BTreeMap<String, Outdated>,
    /// By trial: the code that trains it, for the result of one whose process dies.
    pub code: BTreeMap<String, BTreeMap<String, String>>,
}

/// What is done when trials fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailurePolicy {
    /// When so many have failed, nothing further is started, and those that run stop with a
    /// checkpoint; none goes on.
    pub most: Option<usize>,
    /// How often a trial is tried again whose process died, that ran out of memory or took too long.
    pub retries: u32,
    /// Trials whose collapse is no failure, with the way in which they may collapse.
    pub accepted: BTreeSet<(String, Collapse)>,
}

impl FailurePolicy {
    /// The status for those who count failures.
    fn judged(&self, id: &str, status: Status, collapse: Option<Collapse>) -> Status {
        let accepted = |collapse| self.accepted.contains(&(id.to_owned(), collapse));
        match status {
            Status::Collapsed if collapse.is_some_and(accepted) => Status::Finished,
            status => status,
        }
    }

    /// May another attempt end otherwise?
    fn is_worth_retrying(status: Status) -> bool {
        matches!(status, Status::Crashed | Status::OutOfMemory | Status::TimedOut)
    }
}

/// A result that does not count, because other code, data or weights made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// Of that result: one that another grid wrote meanwhile counts.
    pub provenance: Provenance,
    /// Part of the name that it gets, such as `other-code`.
    pub why: &'static str,
}

impl ExecutorOptions {
    /// Why the result that is there now does not count; none if it does, or there is none.
    fn outdated(&self, store: &Store, id: &str) -> Result<Option<&'static str>> {
        let Some(outdated) = self.outdated.get(id) else { return Ok(None) };
        let found = store.result(id)?.map(|result| result.provenance);
        Ok((found.as_ref() == Some(&outdated.provenance)).then_some(outdated.why))
    }
}

/// What happens while trials are executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The trial ended before; nothing is done.
    Skipped {
        /// The trial.
        id: String,
        /// How it ended.
        status: Status,
    },
    /// Its process was started.
    Started {
        /// The trial.
        id: String,
    },
    /// It trains. Such events arrive a few times a second.
    Progress {
        /// The trial.
        id: String,
        /// The current epoch, from 1.
        epoch: u32,
        /// Planned epochs.
        epochs: u32,
        /// Share of the training done, in [0, 1].
        fraction: f64,
        /// Mean training loss of the epoch so far. Not a number before the first batch.
        #[serde(deserialize_with = "number_or_nan")]
        train_loss: f64,
        /// Validation accuracy after the last epoch, in [0, 1].
        accuracy: Option<f64>,
    },
    /// It has a result.
    Ended {
        /// The trial.
        id: String,
        /// How it ended.
        status: Status,
        /// Why it did not finish; empty if it did.
        reason: String,
        /// Time of this attempt.
        seconds: f64,
    },
    /// Another process works on it; it is looked at again until that one ends.
    Held {
        /// The trial.
        id: String,
        /// Who.
        holder: String,
    },
    /// Its process was killed while others ran, or just after, most likely because memory ran out.
    /// It goes on from its checkpoint.
    Postponed {
        /// The trial.
        id: String,
        /// How many trials run at once from now on.
        workers: usize,
    },
    /// It failed in a way that may not come again, and is tried once more.
    Retried {
        /// The trial.
        id: String,
        /// How the attempt ended.
        status: Status,
        /// Why.
        reason: String,
        /// How many attempts remain after the next.
        remaining: u32,
    },
    /// As many trials have failed as may: trials that run stop with a checkpoint, and nothing further is
    /// started.
    GivenUp {
        /// How many failed.
        failed: usize,
    },
    /// Somebody asked by SIGUSR1 for checkpoints now: trials that run save one and go on.
    Saving {
        /// How many run.
        trials: usize,
    },
    /// The user wants to stop: trials that run stop with a checkpoint, and nothing further is started.
    Stopping {
        /// How many run.
        trials: usize,
    },
    /// It has no result, for a reason that the user can mend.
    Unfinished {
        /// The trial.
        id: String,
        /// The reason.
        reason: String,
    },
}

/// A trial without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The trial.
    pub id: String,
    /// Why: its data is missing, a value cannot be used, or it was stopped from outside.
    pub reason: String,
}

/// What an execution came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Execution {
    /// Trials that finished.
    pub finished: usize,
    /// Trials that failed: diverged, collapsed, crashed, timed out or ran out of memory.
    pub failed: usize,
    /// Trials that had ended before, in whatever way, or were ended by another grid meanwhile.
    pub skipped: usize,
    /// Trials that were tried and have no result.
    pub unfinished: Vec<Unfinished>,
    /// Did so many fail that it was given up? The same call goes on where it stopped.
    pub given_up: bool,
    /// Was it stopped by the user? The same call goes on where it stopped.
    pub interrupted: bool,
}

/// Brings all trials to an end, each in its own process, and tells `events` about it.
///
/// Trials that ended before are skipped without starting anything. Seeds are the outermost
/// order, so that a grid that is interrupted compares its strategies already. A trial that
/// fails does not disturb the others. One that is killed from outside while others run goes on
/// when fewer run, in the end alone; killed alone, it has crashed.
///
/// The first Ctrl-C or SIGTERM stops the trials at their next batch, with a checkpoint; the
/// second kills them. SIGUSR1 lets them save a checkpoint and go on. Call it from a thread that lives as long as the execution: on Linux the
/// processes are asked to stop when the thread that started them is gone, so that a killed grid
/// leaves none behind.
///
/// # Errors
/// If the store cannot be read or written, or the program cannot be started. Trials that run at
/// that moment are brought to their end before a full disk is reported.
pub fn execute(
    store: &Store,
    specs: &[TrialSpec],
    options: &ExecutorOptions,
    events: &mut dyn FnMut(Event),
) -> Result<Execution> {
    let mut interrupts = Interrupts::listen()?;
    execute_until(store, specs, options, events, &mut || interrupts.asked())
}

/// As [`execute`], with what was asked for by signals from `interrupts`.
fn execute_until(
    store: &Store,
    specs: &[TrialSpec],
    options: &ExecutorOptions,
    events: &mut dyn FnMut(Event),
    interrupts: &mut dyn FnMut() -> Asked,
) -> Result<Execution> {
    if options.workers == 0 {
        return Err(Error::usage("0 trials at once would never end").hint("pass --jobs 1"));
    }
    let mut seen = HashSet::new();
    let mut ordered: Vec<(&TrialSpec, String)> = specs
        .iter()
        .map(|spec| (spec, spec.id()))
        .filter(|(_, id)| seen.insert(id.clone()))
        .collect();
    ordered.sort_by_key(|(spec, _)| spec.seed);

    let mut pool = Pool::new(store, options, events);
    for (spec, id) in ordered {
        store.add(spec)?;
        pool.consider(id, options.retry_failed)?;
    }
    pool.run(interrupts)
}

/// JSON has no NaN; it is written as null.
fn number_or_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Is there already a result that is to be kept? Sets aside those that are not.
fn ended_before(
    store: &Store,
    id: &str,
    options: &ExecutorOptions,
    retry_failed: bool,
) -> Result<Option<Status>> {
    if options.outdated(store, id)?.is_some() {
        return Ok(None);
    }
    match store.checked_state(id)? {
        // Whoever refused it has been asked again and refuses no longer.
        TrialState::Ended { status: Status::Refused, .. } => {
            store.set_aside(id, "refused").map(|()| None)
        }
        TrialState::Ended { status, .. } if status == Status::Finished || !retry_failed => {
            Ok(Some(status))
        }
        TrialState::Ended { .. } => store.set_aside(id, "failed").map(|()| None),
        TrialState::Damaged(_) => store.set_aside(id, "damaged").map(|()| None),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
