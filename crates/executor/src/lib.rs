//! Who brings trials to their end: processes of this machine, or a cluster.
//!
//! An [`Executor`] is given trials and [`ExecutorOptions`]. [`Local`] starts a process a trial;
//! [`Slurm`] submits arrays whose tasks are [`Local`] again, each with its share of the trials. All
//! of them talk through the store, whose attempts keep two workers off one trial, so that no executor
//! has to know of another.

pub mod exit;
pub mod slurm;

mod event;
mod execution;
mod failures;
mod interrupt;
mod local;
mod options;

use dst_record::Result;
use dst_record::record::TrialSpec;
use dst_store::Store;

pub use event::Event;
pub use execution::{Execution, Unfinished};
pub use exit::Exit;
pub use failures::FailurePolicy;
pub use interrupt::{Asked, Interrupts, hang_up};
pub use local::Local;
pub use options::{ExecutorOptions, Outdated};
pub use slurm::Slurm;

/// Brings trials to their end, or sees to it that another machine does.
pub trait Executor {
    /// Asked before anything that takes time: can trials be executed in this way, here and now, with so
    /// many processors for those that are trained together?
    ///
    /// # Errors
    /// If not: why, and what to do.
    fn check(&self, processors: usize) -> Result<()>;

    /// Executes the trials, each once, and tells `events` what happens. Trials that ended before are
    /// skipped. Call it from a thread that lives as long as the execution.
    ///
    /// # Errors
    /// If the store cannot be read or written, or nothing can be started.
    fn execute(
        &self,
        store: &Store,
        specs: &[TrialSpec],
        options: &ExecutorOptions,
        events: &mut dyn FnMut(Event),
    ) -> Result<Execution>;
}

/// Each trial once, with its id, in the order in which trials are begun: seeds are outermost, so that a
/// grid that is interrupted compares its strategies already.
fn in_order(specs: &[TrialSpec]) -> Vec<(&TrialSpec, String)> {
    let mut seen = std::collections::HashSet::new();
    let mut ordered: Vec<(&TrialSpec, String)> = specs
        .iter()
        .map(|spec| (spec, spec.id()))
        .filter(|(_, id)| seen.insert(id.clone()))
        .collect();
    ordered.sort_by_key(|(spec, _)| spec.seed);
    ordered
}
