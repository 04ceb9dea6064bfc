//! How trials are executed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use dst_record::record::Provenance;
use dst_record::{Keep, Result};
use dst_store::Store;
use serde::{Deserialize, Serialize};

use crate::FailurePolicy;

/// How trials are executed. A task of a cluster reads it from a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    pub provenance: BTreeMap<String, Provenance>,
}

/// A result that does not count, because other code, data or weights made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outdated {
    /// Of that result: one that another grid wrote meanwhile counts.
    pub provenance: Provenance,
    /// Part of the name that it gets, such as `other-code`.
    pub why: String,
}

impl ExecutorOptions {
    /// Why the result that is there now does not count; none if it does, or there is none.
    pub(crate) fn outdated(&self, store: &Store, id: &str) -> Result<Option<&str>> {
        let Some(outdated) = self.outdated.get(id) else { return Ok(None) };
        let found = store.result(id)?.map(|result| result.provenance);
        Ok((found.as_ref() == Some(&outdated.provenance)).then_some(&*outdated.why))
    }

    /// The same for a few of the trials only.
    pub(crate) fn of(&self, ids: &[String]) -> Self {
        Self {
            outdated: only(&self.outdated, ids),
            provenance: only(&self.provenance, ids),
            ..self.clone()
        }
    }
}

fn only<T: Clone>(all: &BTreeMap<String, T>, ids: &[String]) -> BTreeMap<String, T> {
    let found = ids.iter().filter_map(|id| Some((id.clone(), all.get(id)?.clone())));
    found.collect()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// One trial at once, with a shell script in place of trials.
    pub(crate) fn options() -> ExecutorOptions {
        ExecutorOptions {
            workers: 1,
            threads: 1,
            data_dir: None,
            hub_revision: None,
            timeout: None,
            retry_failed: false,
            failures: FailurePolicy::default(),
            program: concat!(env!("CARGO_MANIFEST_DIR"), "/src/local/fake_trial.sh").into(),
            device: "cpu".into(),
            accept_code: false,
            keep: Keep::None,
            outdated: BTreeMap::new(),
            provenance: BTreeMap::new(),
        }
    }
}
