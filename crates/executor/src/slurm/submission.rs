//! What was handed to the cluster: a folder in the store for each submission.
//!
//! ```text
//! slurm/3/submission.json   the jobs
//! slurm/3/task-0.json       what the first task does: all that it is given
//! slurm/3/task.sh           the script of the array
//! slurm/3/log/17_0.txt      what task 0 of job 17 wrote
//! slurm/3/failed/           a file for each trial that failed, which its tasks count together
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dst_record::{Error, Result};
use dst_store::Store;
use dst_store::file::{self, Durability};
use dst_store::seal::{self, Seal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ExecutorOptions;

/// The folder of submissions in a store.
const FOLDER: &str = "slurm";

/// What one task of an array does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    /// The store.
    pub(super) store: PathBuf,
    /// Ids of its trials, in the order in which they are begun.
    pub(super) trials: Vec<String>,
    /// How they are trained.
    pub(super) options: ExecutorOptions,
    /// When so many trials of the submission have failed, none goes on.
    pub(super) most_failures: Option<usize>,
}

/// An array of jobs: its number, and which tasks of the submission are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Array {
    pub(super) job: u64,
    /// Its task 0 is this one of the submission.
    pub(super) first: usize,
    pub(super) tasks: usize,
}

/// What was submitted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jobs {
    /// When, UTC.
    pub(super) submitted: String,
    pub(super) arrays: Vec<Array>,
    /// The job that writes the report when the others have ended.
    pub(super) report: Option<u64>,
}

/// A submission.
#[derive(Debug, Clone)]
pub(super) struct Submission {
    folder: PathBuf,
}

impl Submission {
    /// Makes the folder of the next one. Two grids that start at the same moment get two.
    pub(super) fn create(store: &Store) -> Result<Self> {
        let all = store.root().join(FOLDER);
        fs::create_dir_all(&all).map_err(|error| Error::io("create", &all, &error))?;
        let mut number = numbers(&all)?.last().map_or(1, |last| last + 1);
        loop {
            let folder = all.join(number.to_string());
            match fs::create_dir(&folder) {
                Ok(()) => {
                    for name in ["log", "failed"] {
                        let path = folder.join(name);
                        fs::create_dir(&path)
                            .map_err(|error| Error::io("create", &path, &error))?;
                    }
                    return Ok(Self { folder });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(Error::io("create", &folder, &error)),
            }
        }
    }

    /// Those of a store, the oldest first.
    pub(super) fn all(store: &Store) -> Result<Vec<Self>> {
        let folder = store.root().join(FOLDER);
        let of = |number: u32| Self { folder: folder.join(number.to_string()) };
        Ok(numbers(&folder)?.into_iter().map(of).collect())
    }

    /// The one to which the file of a task belongs.
    pub(super) fn of_task(path: &Path) -> Self {
        Self { folder: path.parent().unwrap_or(Path::new(".")).to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn write_task(&self, number: usize, task: &Task) -> Result<()> {
        self.write(&self.task_path(number), task)
    }

    /// What a task does.
    pub(super) fn task(&self, number: usize) -> Result<Task> {
        read(&self.task_path(number))
    }

    fn task_path(&self, number: usize) -> PathBuf {
        self.folder.join(format!("task-{number}.json"))
    }

    pub(super) fn write_jobs(&self, jobs: &Jobs) -> Result<()> {
        self.write(&self.folder.join("submission.json"), jobs)
    }

    /// What was submitted; nothing if it was interrupted before anything was.
    pub(super) fn jobs(&self) -> Result<Jobs> {
        let path = self.folder.join("submission.json");
        if path.exists() { read(&path) } else { Ok(Jobs::default()) }
    }

    fn write(&self, path: &Path, value: &impl Serialize) -> Result<()> {
        file::replace(path, &seal::sealed(value)?, Durability::Synced)
    }

    /// Counts a trial among those that failed, once, and returns how many those are now.
    pub(super) fn count_failure(&self, trial: &str) -> Result<usize> {
        let path = self.folder.join("failed").join(trial);
        fs::write(&path, "").map_err(|error| Error::io("write", &path, &error))?;
        self.failures()
    }

    /// Trials that failed in any of its tasks.
    pub(super) fn failures(&self) -> Result<usize> {
        let path = self.folder.join("failed");
        let entries = fs::read_dir(&path).map_err(|error| Error::io("read", &path, &error))?;
        Ok(entries.count())
    }
}

/// Reads a file of a submission.
///
/// # Errors
/// If it is not there, or is not what was written.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = file::read_optional(path)?.ok_or_else(|| {
        Error::data("this file of a submission is not there").at(path.display().to_string())
    })?;
    let read = || {
        let value = match seal::opened(&text)? {
            (value, Seal::Whole) => value,
            (_, Seal::None) => return Err(Error::data("it has no digest")),
        };
        serde_json::from_value(value).map_err(|error| Error::data(error.to_string()))
    };
    read().map_err(|error: Error| {
        error
            .at(path.display().to_string())
            .hint("submit the grid again, with the same command; what was trained is kept")
    })
}

/// Numbers of submissions, sorted. What has another name is not ours.
fn numbers(folder: &Path) -> Result<Vec<u32>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", folder, &error)),
    };
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut numbers: Vec<u32> = entries.flatten().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
