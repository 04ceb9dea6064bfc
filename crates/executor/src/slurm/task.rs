//! What a node does with one task of an array.

use std::cell::Cell;
use std::path::Path;

use dst_record::record::{Status, TrialSpec};
use dst_record::{Error, Result};
use dst_store::Store;

use super::commands::Commands;
use super::submission::{self, Submission, Task};
use crate::local::execute_until;
use crate::{Asked, Event, Execution, Interrupts};

/// Brings the trials of one task to their end on this machine.
///
/// SIGUSR2, which Slurm sends shortly before the time limit, stops the trials with checkpoints, and the
/// task is requeued. SIGTERM stops them too; who sent it decides whether the task comes back.
///
/// # Errors
/// If the file is not that of a task, the store cannot be read or written, or time was over before any
/// trial got on: then the task would be requeued for ever.
pub fn work(path: &Path, events: &mut dyn FnMut(Event)) -> Result<Execution> {
    let mut interrupts = Interrupts::listen_for_notice()?;
    let job = Job {
        name: std::env::var("SLURM_JOB_ID").ok(),
        starts_before: std::env::var("SLURM_RESTART_COUNT")
            .ok()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0),
        commands: Commands::default(),
    };
    job.work(path, events, &mut || interrupts.asked())
}

/// The job of the cluster that this process is.
struct Job {
    /// Its number; none outside a cluster.
    name: Option<String>,
    /// How often it was requeued.
    starts_before: u32,
    commands: Commands,
}

impl Job {
    fn work(
        &self,
        path: &Path,
        events: &mut dyn FnMut(Event),
        interrupts: &mut dyn FnMut() -> Asked,
    ) -> Result<Execution> {
        let task: Task = submission::read(path)?;
        let submission = Submission::of_task(path);
        let failures = Failures { submission: &submission, most: task.most_failures };
        if failures.are_too_many(submission.failures()?) {
            return Ok(Execution { given_up: true, ..Execution::default() });
        }
        let store = Store::open(&task.store)?;
        let specs: Vec<TrialSpec> =
            task.trials.iter().map(|id| store.spec(id)).collect::<Result<_>>()?;
        let mut options = task.options;
        // What failed since the first start of this task failed in this grid.
        options.retry_failed &= self.starts_before == 0;
        let (mut got_on, mut is_time_over) = (false, false);
        let too_many = Cell::new(false);
        let mut listen = |event: Event| {
            got_on |= matches!(event, Event::Progress { .. } | Event::Ended { .. });
            if let Event::Ended { id, status, .. } = &event
                && *status != Status::Finished
                && failures.add(id)
            {
                too_many.set(true);
            }
            events(event);
        };
        let mut asked = || {
            let asked = interrupts();
            is_time_over |= asked.is_time_over;
            let stops = asked.stops + usize::from(asked.is_time_over || too_many.get());
            Asked { stops, ..asked }
        };
        let mut execution = execute_until(&store, &specs, &options, &mut listen, &mut asked)?;
        if too_many.get() {
            execution.given_up = true;
            self.cancel(&submission)?;
        } else if is_time_over && execution.interrupted {
            self.requeue(got_on)?;
        }
        Ok(execution)
    }

    /// Lets the cluster start this task again; its trials go on from their checkpoints.
    fn requeue(&self, got_on: bool) -> Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        if !got_on {
            return Err(Error::usage("the time limit of the job was over before a trial got on")
                .hint(
                    "submit the grid again with a larger --slurm time=…, or a smaller notice=…",
                ));
        }
        self.commands.run("scontrol", &["requeue".to_owned(), name.clone()]).map(|_| ())
    }

    /// Stops all tasks of the submission.
    fn cancel(&self, submission: &Submission) -> Result<()> {
        if self.name.is_none() {
            return Ok(());
        }
        let jobs = submission.jobs()?;
        let numbers: Vec<String> = jobs.arrays.iter().map(|array| array.job.to_string()).collect();
        self.commands.run("scancel", &numbers).map(|_| ())
    }
}

/// Trials that failed in all tasks of a submission.
struct Failures<'a> {
    submission: &'a Submission,
    most: Option<usize>,
}

impl Failures<'_> {
    fn are_too_many(&self, failed: usize) -> bool {
        self.most.is_some_and(|most| failed >= most)
    }

    /// Counts one more, and says whether those are as many as may fail.
    fn add(&self, trial: &str) -> bool {
        // A count that cannot be written, such as on a full disk, must not hide why.
        self.submission.count_failure(trial).is_ok_and(|failed| self.are_too_many(failed))
    }
}

#[cfg(test)]
mod tests;
