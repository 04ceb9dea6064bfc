//! The same training in another process, from a config and a checkpoint that lie on the disk.
//!
//! What a method keeps outside of the topology, be it in a field, in a static or in the identity of
//! its process, does not get there. The test binary starts itself again with the name of the
//! running test; [`serve`] takes the job there, and the process ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use dst_core::{Result, Strategy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::course::{Course, Record};
use super::{breach, config};

/// Names the file of the job.
const JOB: &str = "DST_CONTRACT_JOB";

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    method: Value,
    course: Course,
    /// Checkpoints of trainings that were stopped.
    folders: Vec<PathBuf>,
    answer: PathBuf,
}

/// What it found.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    fresh: Trial,
    resumed: Vec<Trial>,
}

/// A training in the child, or why it failed.
type Trial = std::result::Result<Record, String>;

/// Does the job and ends the process, if this one was started for a job.
pub(super) fn serve() {
    let Some(path) = env::var_os(JOB) else { return };
    match work(Path::new(&path)) {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

fn work(path: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
    dst_core::tch::set_num_threads(1);
    let job: Job = serde_json::from_slice(&fs::read(path)?)?;
    let run = |folder: Option<&Path>| -> Result<Trial> {
        let method = config::from_value(&job.method)?;
        let finished = job.course.run(&*method, folder, None).finished();
        Ok(finished.map_err(|error| error.one_line()))
    };
    // In this order, because a whole training begins with `init`, which may put statics right.
    let resumed = job.folders.iter().map(|folder| run(Some(folder))).collect::<Result<_>>()?;
    let answer = Answer { fresh: run(None)?, resumed };
    // Whole or absent.
    let partial = job.answer.with_extension("partial");
    fs::write(&partial, serde_json::to_vec(&answer)?)?;
    fs::rename(&partial, &job.answer)?;
    Ok(())
}

/// Trains once more in another process, from the start and from where trainings were stopped after
/// so many batches, and compares with `record`, the same training in this process.
pub(super) fn check(
    strategy: &dyn Strategy,
    course: &Course,
    record: &Record,
    stops: &BTreeSet<u64>,
) -> Result<()> {
    let io = |error: std::io::Error| {
        breach(format!("the contract cannot use its temporary folder: {error}"), "free some space")
    };
    let scratch = tempfile::tempdir().map_err(io)?;
    let mut folders = Vec::new();
    for stop in stops {
        let folder = scratch.path().join(stop.to_string());
        let _ = course.run(strategy, Some(&folder), Some(*stop)).finished()?;
        folders.push(folder);
    }
    let job = Job {
        method: config::to_value(strategy)?,
        course: course.clone(),
        folders,
        answer: scratch.path().join("answer.json"),
    };
    let path = scratch.path().join("job.json");
    let text = serde_json::to_vec(&job).map_err(|error| io(error.into()))?;
    fs::write(&path, text).map_err(io)?;
    let answer = ask(&path, &job.answer)?;
    compare(record, &answer)
}

/// Starts this binary again with the running test alone.
fn ask(job: &Path, answer: &Path) -> Result<Answer> {
    let failed = |why: String| {
        breach(
            format!("the contract got no answer from a second process of this test: {why}"),
            "call `check` on the thread of the test, which has its name, and let nothing before it \
             fail",
        )
    };
    let binary = env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(binary);
    if let Some(test) = thread::current().name().filter(|name| *name != "main") {
        command.args([test, "--exact", "--include-ignored", "--nocapture"]);
    }
    let output = command.env(JOB, job).stdin(Stdio::null()).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    let Ok(bytes) = fs::read(answer) else {
        let said = String::from_utf8_lossy(&output.stderr);
        let said =
            if said.trim().is_empty() { String::from_utf8_lossy(&output.stdout) } else { said };
        return Err(failed(format!("{}, {}", output.status, said.trim())));
    };
    serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
}

fn compare(record: &Record, answer: &Answer) -> Result<()> {
    let fresh = match &answer.fresh {
        Ok(fresh) => record.departure(fresh),
        Err(error) => Some(format!("the other one fails: {error}")),
    };
    if let Some(how) = fresh {
        return Err(breach(
            format!(
                "two trainings with the same seed in two processes are not the same: {how}. The method \
                 draws something from its process, such as its id, the time or an address, or keeps \
                 something longer than a training"
            ),
            "draw random numbers from `Layer::rng` or `Topology::rng`, and keep nothing in statics",
        ));
    }
    for resumed in &answer.resumed {
        let resumed = resumed.as_ref();
        let how = match resumed {
            Ok(resumed) if resumed.commits.first().is_none_or(|(batch, _)| *batch == 0) => {
                return Err(breach(
                    "a training does not continue from its checkpoint in another process",
                    "write the same config in every process: a checkpoint belongs to one config",
                ));
            }
            Ok(resumed) => record.departure(resumed),
            Err(error) => Some(format!("the other one fails: {error}")),
        };
        if let Some(how) = how {
            return Err(breach(
                format!(
                    "a training that is resumed in another process is not the same as the \
                     uninterrupted one: {how}. The method keeps state outside of the topology, in a \
                     field or a static"
                ),
                "keep it with `Layer::set_slot` or `Topology::set_value`, which are in checkpoints",
            ));
        }
    }
    Ok(())
}
