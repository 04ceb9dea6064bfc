//! What the queue of a cluster says of the trials of a store.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dst_executor::Slurm;
use dst_executor::slurm::QueuedTask;
use dst_store::Store;

use crate::output;

/// How long an answer of the cluster is good for. Everybody's jobs wait for its controller, so it is not asked
/// as often as a store is looked at.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// The trials of a store that wait in the queue of a cluster or that it works on, as it said last.
#[derive(Debug, Default)]
pub(super) struct Queue {
    asked: Option<Instant>,
    tasks: BTreeMap<String, QueuedTask>,
    /// Was it said that the cluster does not answer?
    is_silence_told: bool,
}

impl Queue {
    /// The task of each trial, by id. A cluster that does not answer is no reason to say nothing of the
    /// store.
    pub(super) fn tasks(&mut self, store: &Store) -> &BTreeMap<String, QueuedTask> {
        if self.asked.is_some_and(|asked| asked.elapsed() < GOOD_FOR) {
            return &self.tasks;
        }
        self.tasks = Slurm::default().queued(store).unwrap_or_else(|error| {
            if !self.is_silence_told {
                self.is_silence_told = true;
                let words = error.one_line();
                output::note(&format!("warning: what waits in the queue is not known: {words}"));
            }
            BTreeMap::new()
        });
        self.asked = Some(Instant::now());
        &self.tasks
    }
}
