//! Trials that ended in another store, such as that of another machine.

use std::fs;

use dst_record::record::Outcome;
use dst_record::{Error, Result};

use crate::file::{self, Durability};
use crate::trial::{self, RESULT};
use crate::{Claim, DATA, Store, TrialResult, TrialState};

/// What a merge came to.
#[derive(Debug, Default)]
pub struct Merged {
    /// Trials that were taken.
    pub taken: usize,
    /// Trials that had ended here too.
    pub present: usize,
    /// Of those, the ids of trials whose results are not the same.
    pub differing: Vec<String>,
    /// Trials that have not ended there, or are worked on here.
    pub open: usize,
    /// What was left out, and why.
    pub damaged: Vec<Error>,
}

impl Store {
    /// Takes the trials that ended in another store, unless they ended here too, and its grids and looks.
    ///
    /// # Errors
    /// If the other store cannot be read or this one not be written.
    pub fn merge(&self, other: &Self) -> Result<Merged> {
        let mut merged = Merged::default();
        for id in other.ids()? {
            match self.take(other, &id, &mut merged) {
                Err(error) if error.kind() == DATA => merged.damaged.push(error),
                taken => taken?,
            }
        }
        let grids = other.grids()?;
        grids.all.iter().try_for_each(|grid| self.remember_grid(grid))?;
        merged.damaged.extend(grids.damaged);
        self.remember_looks(&other.looks()?)?;
        Ok(merged)
    }

    fn take(&self, other: &Self, id: &str, merged: &mut Merged) -> Result<()> {
        let from = other.folder(id);
        let Some(result) = trial::read_result(&from, id)? else {
            merged.open += 1;
            return Ok(());
        };
        trial::check_files(&from, id, &result)?;
        let spec = other.spec(id)?;
        if let TrialState::Ended { .. } = self.checked_state(id)? {
            merged.present += 1;
            let own = self.result(id)?;
            if own.is_some_and(|own| !is_same(&own, &result)) {
                merged.differing.push(id.to_owned());
            }
            return Ok(());
        }
        self.add(&spec)?;
        let Claim::Ours(held) = self.claim(id)? else {
            merged.open += 1;
            return Ok(());
        };
        // One that is damaged here gives way.
        trial::set_aside(&self.folder(id), "damaged")?;
        let to = self.folder(id);
        for entry in fs::read_dir(&from).map_err(|error| Error::io("read", &from, &error))? {
            let entry = entry.map_err(|error| Error::io("read", &from, &error))?;
            let (path, name) = (entry.path(), entry.file_name());
            let is_own = trial::belongs_to_a_trial(&name.to_string_lossy());
            if let Some(bytes) = is_own.then(|| file::read_bytes(&path)).transpose()?.flatten() {
                file::replace(&to.join(name), &bytes, Durability::Synced)?;
            }
        }
        let bytes = file::read_bytes(&from.join(RESULT))?.unwrap_or_default();
        if held.is_ours() && file::create(&to.join(RESULT), &bytes, Durability::Synced)? {
            merged.taken += 1;
        }
        held.end("taken from another store")
    }
}

/// Are two results the same but for times and machines?
fn is_same(one: &TrialResult, other: &TrialResult) -> bool {
    let scores = |outcome: &Option<Outcome>| {
        outcome.as_ref().map(|it| (it.test, it.test_last, it.validation, it.best_epoch))
    };
    one.status == other.status && scores(&one.outcome) == scores(&other.outcome)
}

#[cfg(test)]
mod tests {
    use dst_analysis::Analysis;
    use dst_analysis::sample::{self, Size};
    use dst_record::record::TrialRecord;

    use super::*;
    use crate::GridRecord;
    use crate::testing::{end, spec, success};

    #[test]
    fn two_halves_make_the_whole() {
        let root = tempfile::tempdir().unwrap();
        let [whole, one, other] =
            ["whole", "one", "other"].map(|name| Store::create(&root.path().join(name)).unwrap());
        let size = Size { datasets: 1, strategies: 2, sparsities: 1, seeds: 4, epochs: 2 };
        let mut trials = sample::grid(size);
        sample::predict(&mut trials, 50);
        sample::score_by_predictions(&mut trials);
        for (place, trial) in trials.iter().enumerate() {
            whole.put(trial).unwrap();
            if place % 3 != 1 {
                one.put(trial).unwrap();
            }
            if place % 3 != 0 {
                other.put(trial).unwrap();
            }
        }
        let specs: Vec<_> = trials.iter().map(|trial| trial.spec.clone()).collect();
        let grid = GridRecord::new("grid", &specs, Analysis::default());
        other.remember_grid(&grid).unwrap();
        let merged = one.merge(&other).unwrap();
        assert_eq!((merged.taken, merged.present, merged.open), (4, 4, 0));
        assert!(merged.damaged.is_empty() && merged.differing.is_empty(), "{merged:?}");
        assert_eq!(one.records().unwrap().all, whole.records().unwrap().all);
        assert_eq!(one.grids().unwrap().all, [grid]);
        assert_eq!(one.verify().unwrap(), []);
        let again = one.merge(&other).unwrap();
        assert_eq!((again.taken, again.present), (0, 8));
    }

    #[test]
    fn what_is_damaged_there_stays_there_and_what_is_damaged_here_gives_way() {
        let root = tempfile::tempdir().unwrap();
        let [here, there] =
            ["here", "there"].map(|name| Store::create(&root.path().join(name)).unwrap());
        for seed in 0..4 {
            let trial = spec("set", seed);
            there.add(&trial).unwrap();
            end(&there, &success(&trial)).unwrap();
        }
        let result = |store: &Store, seed| store.folder(&spec("set", seed).id()).join(RESULT);
        fs::write(result(&there, 0), "{").unwrap();
        for seed in [1, 2] {
            here.add(&spec("set", seed)).unwrap();
        }
        fs::write(result(&here, 1), "{").unwrap();
        let mut other = success(&spec("set", 2));
        other.outcome.as_mut().unwrap().best_epoch = 2;
        end(&here, &other).unwrap();
        there.add(&spec("set", 9)).unwrap();
        let merged = here.merge(&there).unwrap();
        assert_eq!((merged.taken, merged.present, merged.open), (2, 1, 1));
        assert_eq!(merged.differing, [spec("set", 2).id()]);
        assert_eq!(merged.damaged.len(), 1);
        let seeds: Vec<u64> =
            here.records().unwrap().all.iter().map(|TrialRecord { spec, .. }| spec.seed).collect();
        assert_eq!(seeds, [1, 2, 3]);
    }
}
