//! Trials as jobs of a Slurm cluster.
//!
//! A grid becomes arrays of tasks. A task is given one file and brings the trials in it to their end
//! with the local executor, several at once if asked for, on whatever node it gets. Everything goes
//! through the store, which lies on a file system that all nodes see: a task that Slurm requeues, after
//! a node was lost or for another job's sake, goes on from the checkpoints of its trials. Shortly before
//! its time limit a task saves and requeues itself, so that trials may take longer than jobs may.
//!
//! No lock is needed and any login node will do: what was submitted stands in the store, and the queue
//! is asked for the rest.

mod commands;
mod queue;
mod settings;
mod submission;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dst_record::record::TrialSpec;
use dst_record::{Error, Result};
use dst_store::Store;

use crate::{Event, Execution, Executor, ExecutorOptions, FailurePolicy, in_order};
use commands::Commands;
pub use queue::QueuedTask;
pub use settings::SlurmSettings;
use submission::{Array, Jobs, Submission, Task};
pub use task::work;

/// Tasks in an array where the cluster does not say how many it takes, which is Slurm's default.
const TASKS_IN_ARRAY: usize = 1001;

/// Submits trials as arrays of jobs, and returns when they are in the queue.
#[derive(Debug, Clone, Default)]
pub struct Slurm {
    settings: SlurmSettings,
    /// What the program does when all tasks have ended, in a job that depends on them.
    conclusion: Vec<String>,
    commands: Commands,
}

impl Slurm {
    /// Jobs as the user describes them.
    pub fn new(settings: SlurmSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Lets the program run once more, with these arguments, when all tasks have ended.
    #[must_use]
    pub fn with_conclusion(mut self, arguments: Vec<String>) -> Self {
        self.conclusion = arguments;
        self
    }

    /// The trials of a store that are in the queue or at work on a node, each with its task.
    ///
    /// # Errors
    /// If what was submitted cannot be read, or the cluster does not answer. A store of which nothing
    /// was submitted asks no cluster.
    pub fn queued(&self, store: &Store) -> Result<BTreeMap<String, QueuedTask>> {
        let mut submitted = Vec::new();
        for submission in Submission::all(store)? {
            let jobs = submission.jobs()?;
            if !jobs.arrays.is_empty() {
                submitted.push((submission, jobs));
            }
        }
        let mut trials = BTreeMap::new();
        if submitted.is_empty() {
            return Ok(trials);
        }
        let tasks = queue::tasks(&self.commands)?;
        for (submission, jobs) in submitted {
            for array in jobs.arrays {
                for number in 0..array.tasks {
                    let Some(queued) = tasks.get(&(array.job, number)) else { continue };
                    for id in submission.task(array.first + number)?.trials {
                        trials.insert(id, queued.clone());
                    }
                }
            }
        }
        Ok(trials)
    }

    /// Takes every job of a store from the queue. Trials that run save a checkpoint. Returns how many
    /// trials were waiting or running.
    ///
    /// # Errors
    /// As [`Slurm::queued`], or if the cluster refuses.
    pub fn cancel(&self, store: &Store) -> Result<usize> {
        let queued = self.queued(store)?;
        let live: BTreeSet<u64> = queue::tasks(&self.commands)?.keys().map(|key| key.0).collect();
        let mut jobs = Vec::new();
        for submission in Submission::all(store)? {
            let Jobs { arrays, report, .. } = submission.jobs()?;
            jobs.extend(arrays.iter().map(|array| array.job).chain(report));
        }
        jobs.retain(|job| live.contains(job));
        if !jobs.is_empty() {
            let jobs: Vec<String> = jobs.iter().map(u64::to_string).collect();
            self.commands.run("scancel", &jobs)?;
        }
        Ok(queued.len())
    }

    /// How many tasks the cluster takes in one array.
    fn most_tasks(&self) -> Result<usize> {
        let config = self.commands.run("scontrol", &["show".into(), "config".into()])?;
        let size = config.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "MaxArraySize").then(|| value.trim().parse::<usize>().ok())?
        });
        // 0 switches arrays off, which the submission will say.
        Ok(size.unwrap_or(TASKS_IN_ARRAY).max(1))
    }

    /// Hands one array to the cluster and returns the number of its job.
    fn submit(&self, submission: &Submission, array: &Array, cpus: usize) -> Result<u64> {
        let mut range = format!("--array=0-{}", array.tasks - 1);
        if let Some(at_once) = self.settings.tasks_at_once {
            range.push_str(&format!("%{at_once}"));
        }
        let mut arguments = self.settings.for_tasks(cpus);
        arguments.extend([
            "--parsable".to_owned(),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            format!("--signal=B:USR2@{}", self.settings.notice),
            format!("--output={}", log_path(submission, "%A_%a.txt")),
            range,
            submission.folder().join("task.sh").display().to_string(),
            array.first.to_string(),
        ]);
        job_number(&self.commands.run("sbatch", &arguments)?)
    }

    /// Submits the job that comes after all others: those of this submission, and those of `earlier` ones
    /// that have trials of the same grid.
    fn submit_conclusion(
        &self,
        submission: &Submission,
        jobs: &Jobs,
        earlier: &BTreeSet<u64>,
    ) -> Result<u64> {
        let own = jobs.arrays.iter().map(|array| &array.job);
        let others = earlier.iter().chain(own).map(u64::to_string);
        let mut arguments = self.settings.for_report();
        arguments.extend([
            "--parsable".to_owned(),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            format!("--dependency=afterany:{}", others.collect::<Vec<_>>().join(":")),
            format!("--output={}", log_path(submission, "report.txt")),
            submission.folder().join("report.sh").display().to_string(),
        ]);
        job_number(&self.commands.run("sbatch", &arguments)?)
    }

    /// Writes the scripts, and the file of each task.
    fn prepare(
        &self,
        store: &Store,
        submission: &Submission,
        tasks: &[Vec<String>],
        options: &ExecutorOptions,
    ) -> Result<()> {
        let program = quoted(&options.program.display().to_string())?;
        let folder = quoted(&submission.folder().display().to_string())?;
        let task = format!("exec {program} work {folder}/task-$(($1 + SLURM_ARRAY_TASK_ID)).json");
        let mut scripts = vec![("task.sh", task)];
        if !self.conclusion.is_empty() {
            let words = self.conclusion.iter().map(|word| quoted(word));
            let words = words.collect::<Result<Vec<_>>>()?.join(" ");
            scripts.push(("report.sh", format!("exec {program} {words}")));
        }
        for (name, last) in scripts {
            let setup: String =
                self.settings.setup.iter().map(|line| format!("{line}\n")).collect();
            let text = format!("#!/bin/sh\n{setup}{last}\n");
            let path = submission.folder().join(name);
            std::fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))?;
        }
        for (number, trials) in tasks.iter().enumerate() {
            let failures = FailurePolicy { most: None, ..options.failures.clone() };
            let task = Task {
                store: store.root().to_owned(),
                trials: trials.clone(),
                options: ExecutorOptions { failures, ..options.of(trials) },
                most_failures: options.failures.most,
            };
            submission.write_task(number, &task)?;
        }
        Ok(())
    }
}

impl Executor for Slurm {
    /// Lets the cluster look at the options without submitting anything.
    fn check(&self, processors: usize) -> Result<()> {
        let mut arguments = self.settings.for_tasks(processors);
        arguments.extend(["--test-only", "--wrap=true"].map(str::to_owned));
        self.commands.run("sbatch", &arguments).map(|_| ())
    }

    fn execute(
        &self,
        store: &Store,
        specs: &[TrialSpec],
        options: &ExecutorOptions,
        events: &mut dyn FnMut(Event),
    ) -> Result<Execution> {
        if options.workers == 0 {
            return Err(Error::usage("0 trials at once would never end").hint("pass --jobs 1"));
        }
        let mut execution = Execution::default();
        let before = self.queued(store)?;
        let (mut fresh, mut earlier) = (Vec::new(), BTreeSet::new());
        for (spec, id) in in_order(specs) {
            store.add(spec)?;
            match before.get(&id) {
                Some(task) => {
                    execution.queued += 1;
                    earlier.insert(task.job);
                    events(Event::Queued { id, task: task.name.clone() });
                }
                None => fresh.push(id),
            }
        }
        if fresh.is_empty() {
            return Ok(execution);
        }
        let size = self.settings.trials_per_task.unwrap_or(options.workers);
        let tasks: Vec<Vec<String>> = fresh.chunks(size).map(<[String]>::to_vec).collect();
        let most = self.most_tasks()?;
        let submission = Submission::create(store)?;
        self.prepare(store, &submission, &tasks, options)?;
        let mut jobs = Jobs { submitted: dst_store::clock::now(), ..Jobs::default() };
        let cpus = options.workers.min(size) * options.threads.max(1);
        for first in (0..tasks.len()).step_by(most) {
            let mut array = Array { job: 0, first, tasks: most.min(tasks.len() - first) };
            array.job = self.submit(&submission, &array, cpus).map_err(|error| {
                let arrays = tasks.len().div_ceil(most);
                error.hint(format!(
                    "{} of {arrays} arrays are in the queue; the same command submits the others",
                    jobs.arrays.len()
                ))
            })?;
            jobs.arrays.push(array);
            // At once: what was submitted must be found if the next submission fails.
            submission.write_jobs(&jobs)?;
            for (number, trials) in tasks[first..first + array.tasks].iter().enumerate() {
                for id in trials {
                    execution.queued += 1;
                    let task = format!("{}_{number}", array.job);
                    events(Event::Queued { id: id.clone(), task });
                }
            }
        }
        if !self.conclusion.is_empty() {
            jobs.report = Some(self.submit_conclusion(&submission, &jobs, &earlier)?);
            submission.write_jobs(&jobs)?;
        }
        Ok(execution)
    }
}

/// A file in the submission's folder of logs. Slurm fills in what stands behind `%`, in folders too.
fn log_path(submission: &Submission, name: &str) -> String {
    let folder = submission.folder().join("log").display().to_string().replace('%', "%%");
    Path::new(&folder).join(name).display().to_string()
}

/// `sbatch --parsable` prints the number, and on some sites a semicolon and the cluster.
fn job_number(printed: &str) -> Result<u64> {
    let last = printed.lines().last().unwrap_or_default();
    let number = last.split(';').next().unwrap_or_default().trim();
    number.parse().map_err(|_| {
        Error::data(format!("sbatch printed '{}' and no number of a job", printed.trim()))
    })
}

/// One word for a shell.
fn quoted(word: &str) -> Result<String> {
    if word.contains(char::is_control) {
        return Err(Error::usage(format!("{word:?} cannot stand in the script of a job")));
    }
    Ok(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests;
