//! What can be read of a store, with a word about what cannot.

use std::collections::BTreeSet;
use std::sync::Mutex;

use dst_analysis::format::count;
use dst_core::Result;
use dst_core::record::{TrialRecord, TrialSpec};
use dst_store::{Found, GridRecord, Store};

use crate::output;

/// How many damaged files are named.
const NAMED: usize = 5;

/// The grids of a store, the oldest first.
pub(super) fn grids(store: &Store) -> Result<Vec<GridRecord>> {
    Ok(readable(store.grids()?))
}

/// What the trials of a store train.
pub(super) fn specs(store: &Store) -> Result<Vec<TrialSpec>> {
    Ok(readable(store.specs()?))
}

/// The trials of a store that ended.
pub(super) fn records(store: &Store) -> Result<Vec<TrialRecord>> {
    Ok(readable(store.records()?))
}

/// Those of some trials that ended.
pub(super) fn records_of(store: &Store, ids: &[String]) -> Result<Vec<TrialRecord>> {
    Ok(readable(store.records_of(ids)?))
}

/// Leaves out what is damaged, and says so once a process.
fn readable<T>(found: Found<T>) -> Vec<T> {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let words = found.damaged.iter().map(|error| error.to_string());
    let new: Vec<String> = words.filter(|words| said.insert(words.clone())).collect();
    for words in new.iter().take(NAMED) {
        output::note(&format!("warning: left out: {words}"));
    }
    if new.len() > NAMED {
        let more = count(new.len() - NAMED, "more damaged file");
        output::note(&format!("warning: and {more}; `harness store verify` lists all"));
    }
    found.all
}
