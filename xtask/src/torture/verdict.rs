//! What a store must be in the end, and what may never happen on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::harness::EndedHarness;
use crate::{Result, note};

/// What went wrong; everything must be 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Trials without a finished result in the end, or whose result went away.
    pub(super) lost: usize,
    /// Finished trials that were trained again, though nothing was damaged.
    pub(super) doubled: usize,
    /// Trials with another result than undisturbed.
    pub(super) wrong: usize,
    /// Harnesses that did not end.
    pub(super) hung: usize,
    pub(super) panicked: usize,
    /// Harnesses that stopped without saying what to do.
    pub(super) stopped: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, doubled, wrong, hung, panicked, stopped } = self;
        write!(
            f,
            "{lost} lost, {doubled} doubled, {wrong} wrong, {hung} hung, {panicked} panicked, {stopped} \
             stopped without a hint"
        )
    }
}

impl Verdict {
    pub(super) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.wrong += other.wrong;
        self.hung += other.hung;
        self.panicked += other.panicked;
        self.stopped += other.stopped;
    }

    /// # Errors
    /// When anything went wrong.
    pub(super) fn into_result(self) -> Result {
        match self == Self::default() {
            true => Ok(()),
            false => Err(format!("the store did not stand it: {self}")),
        }
    }

    /// A harness ended: did it say why?
    pub(super) fn judge(&mut self, ended: &EndedHarness) {
        let EndedHarness { code, stderr, .. } = ended;
        if stderr.contains("panicked at") || ended.crashed() {
            note!("panicked: {stderr}");
            self.panicked += 1;
            return;
        }
        // Done, trials failed, interrupted, or killed.
        if matches!(code, Some(0 | 1 | 130) | None) || ended.is_cut {
            return;
        }
        // Errors say what, and in a further line what to do; those that a trial said have it in one.
        let mut error = stderr.lines().skip_while(|line| !line.contains("error:"));
        let says = error.next().is_some_and(|first| first.contains("; "));
        if !says && error.next().is_none_or(str::is_empty) {
            note!("stopped with {code:?} and no hint: {stderr}");
            self.stopped += 1;
        }
    }

    /// Compares what is there in the end with the undisturbed scores.
    pub(super) fn compare(
        &mut self,
        store: &Path,
        expected: &BTreeMap<String, String>,
    ) -> Result<()> {
        let found = scores(store)?;
        for (id, scores) in expected {
            match found.get(id) {
                None => {
                    note!("lost: {id}");
                    self.lost += 1;
                }
                Some(other) if other != scores => {
                    note!("wrong: {id}: {other} in place of {scores}");
                    self.wrong += 1;
                }
                Some(_) => {}
            }
        }
        for entry in fs::read_dir(store).into_iter().flatten().flatten() {
            let log = fs::read(entry.path().join("log.txt")).unwrap_or_default();
            if String::from_utf8_lossy(&log).contains("panicked at") {
                note!("panicked: {}", entry.path().display());
                self.panicked += 1;
            }
        }
        Ok(())
    }
}

/// Results that were seen.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// When it ended and what it measured, by trial.
    results: BTreeMap<String, String>,
    /// Trials of which a fault damaged a file since they were looked at.
    damaged: BTreeSet<String>,
}

impl Observed {
    /// A fault damaged this file: whatever follows in its trial is no surprise.
    pub(super) fn damaged(&mut self, path: &Path) {
        for part in path.components() {
            self.damaged.insert(part.as_os_str().to_string_lossy().into_owned());
        }
    }

    /// Looks at all results; one that was there must be the same.
    pub(super) fn look(&mut self, store: &Path, verdict: &mut Verdict) {
        let Ok(now) = whole_results(store) else { return };
        for (id, before) in &self.results {
            if self.damaged.contains(id) {
                continue;
            }
            match now.get(id) {
                None => {
                    note!("lost: {id} had a result");
                    verdict.lost += 1;
                }
                Some(other) if other != before => {
                    note!("doubled: {id}");
                    verdict.doubled += 1;
                }
                Some(_) => {}
            }
        }
        self.results = now;
    }
}

/// Test scores of finished trials, by id.
pub(super) fn scores(store: &Path) -> Result<BTreeMap<String, String>> {
    let results = whole_results(store)?;
    let scores = results.into_iter().filter_map(|(id, text)| {
        let value: Value = serde_json::from_str(&text).ok()?;
        let outcome = (value["status"] == "finished").then(|| &value["outcome"])?;
        let parts =
            ["test", "test_last", "validation", "best_epoch", "nonzero_parameters", "steps"];
        Some((id, parts.map(|part| outcome[part].to_string()).join(" ")))
    });
    Ok(scores.collect())
}

fn whole_results(store: &Path) -> Result<BTreeMap<String, String>> {
    let entries = fs::read_dir(store).map_err(|e| crate::cannot("read", store, &e))?;
    let results = entries.flatten().filter_map(|entry| {
        let text = fs::read_to_string(entry.path().join("result.json")).ok()?;
        // Failures may be trained again.
        let value: Value = serde_json::from_str(&text).ok()?;
        (value["status"] == "finished")
            .then(|| (entry.file_name().to_string_lossy().into_owned(), text))
    });
    Ok(results.collect())
}
