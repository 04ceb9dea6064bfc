//! The local executor: several trials at once, each in a process of its own.
//!
//! A crash in C++ or the out-of-memory killer costs one trial, threads cannot disturb the
//! seeds, and the memory of a device is returned. The processes talk through the store; what
//! they print is only for people who wait.

mod child;
mod pool;

use dst_record::record::{Status, TrialSpec};
use dst_record::{Error, Result};
use dst_store::{Store, TrialState};

use crate::{Asked, Event, Execution, Executor, ExecutorOptions, Interrupts, in_order};
use pool::Pool;

/// Starts a process for each trial on this machine.
///
/// A trial that fails does not disturb the others. One that is killed from outside while others run
/// goes on when fewer run, in the end alone; killed alone, it has crashed.
///
/// The first Ctrl-C or SIGTERM stops the trials at their next batch, with a checkpoint; the second
/// kills them. SIGUSR1 lets them save a checkpoint and go on. On Linux the processes are asked to stop
/// when the thread that started them is gone, so that a killed grid leaves none behind. Trials that run
/// when the disk is full are brought to their end before that is reported.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

impl Executor for Local {
    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }

    fn execute(
        &self,
        store: &Store,
        specs: &[TrialSpec],
        options: &ExecutorOptions,
        events: &mut dyn FnMut(Event),
    ) -> Result<Execution> {
        let mut interrupts = Interrupts::listen()?;
        execute_until(store, specs, options, events, &mut || interrupts.asked())
    }
}

/// Executes trials on this machine, with what signals asked for from `interrupts`.
pub(crate) fn execute_until(
    store: &Store,
    specs: &[TrialSpec],
    options: &ExecutorOptions,
    events: &mut dyn FnMut(Event),
    interrupts: &mut dyn FnMut() -> Asked,
) -> Result<Execution> {
    if options.workers == 0 {
        return Err(Error::usage("0 trials at once would never end").hint("pass --jobs 1"));
    }
    let mut pool = Pool::new(store, options, events);
    for (spec, id) in in_order(specs) {
        store.add(spec)?;
        pool.consider(id, options.retry_failed)?;
    }
    pool.run(interrupts)
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
