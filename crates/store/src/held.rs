//! A trial that this process works on: the only way to write what comes of it.

use std::fs;
use std::path::{Path, PathBuf};

use dst_record::record::{AgeRecord, EpochRecord, LayerRecord};
use dst_record::{Error, ErrorKind, LayerMask, NetworkWeights, Predictions, Result};

use crate::file::Durability;
use crate::lease::{self, Claimed, Holder, Lease};
use crate::{Store, TrialProgress, TrialResult, masks, predictions, progress, trial, weights};

/// What came of the wish to work on a trial.
#[derive(Debug)]
pub enum Claim {
    /// It is ours until it is ended.
    Ours(HeldTrial),
    /// Somebody else works on it.
    Held(Holder),
}

impl Store {
    /// Claims the next attempt at a trial.
    ///
    /// # Errors
    /// If its folder cannot be written.
    pub fn claim(&self, id: &str) -> Result<Claim> {
        let folder = self.folder(id);
        Ok(match lease::claim(&folder)? {
            Claimed::Ours(lease) => Claim::Ours(HeldTrial { folder, lease }),
            Claimed::Held(holder) => Claim::Held(holder),
        })
    }
}

/// The right to work on a trial, and to write into its folder.
///
/// A process that slept, with its machine or on its own, may be taken for dead, and then another one
/// works on the trial. So every write looks at that moment whether the trial still is ours, and
/// fails with [`ErrorKind::Superseded`] if not: what the other one wrote stays as it is.
#[derive(Debug)]
pub struct HeldTrial {
    folder: PathBuf,
    lease: Lease,
}

impl HeldTrial {
    /// The number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.lease.attempt()
    }

    /// Since when it is held, UTC.
    pub fn since(&self) -> &str {
        self.lease.since()
    }

    /// Was it noticed that another worker has taken the trial over? For every step of a training:
    /// asks nothing of the file system.
    pub fn is_lost(&self) -> bool {
        self.lease.is_lost()
    }

    /// Is the trial ours at this moment?
    pub fn is_ours(&self) -> bool {
        self.lease.is_ours()
    }

    /// Where it stands is kept here, by whoever [asks](Self::is_ours) before writing.
    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    /// Removes a checkpoint that is of no more use. One that stays is of no harm.
    pub fn remove_checkpoint(&self) {
        if self.is_ours() {
            let _ = fs::remove_dir_all(self.checkpoint());
        }
    }

    /// Rewrites `history.csv`, `layers.csv` and `ages.csv`.
    ///
    /// # Errors
    /// If the trial was taken over, or its folder cannot be written.
    pub fn write_tables(
        &self,
        history: &[EpochRecord],
        layers: &[LayerRecord],
        ages: &[AgeRecord],
        durability: Durability,
    ) -> Result<()> {
        trial::write_tables(self.ours()?, history, layers, ages, durability)
    }

    /// Writes the connections after the last step.
    ///
    /// # Errors
    /// If the trial was taken over, or its folder cannot be written.
    pub fn write_masks(&self, masks: &[LayerMask]) -> Result<()> {
        masks::write_masks(self.ours()?, masks)
    }

    /// Writes the predictions on the test set.
    ///
    /// # Errors
    /// If the trial was taken over, or its folder cannot be written.
    pub fn write_predictions(&self, predictions: &Predictions) -> Result<()> {
        predictions::write_predictions(self.ours()?, predictions)
    }

    /// Writes the network that the test set was read with.
    ///
    /// # Errors
    /// If the trial was taken over, or its folder cannot be written.
    pub fn write_weights(&self, weights: &NetworkWeights) -> Result<()> {
        weights::write_weights(self.ours()?, weights)
    }

    /// Removes the network that another attempt left, if there is one.
    ///
    /// # Errors
    /// If the trial was taken over, or the system refuses.
    pub fn remove_weights(&self) -> Result<()> {
        weights::remove_weights(self.ours()?)
    }

    /// Notes how far it is, for those who look at the store.
    ///
    /// # Errors
    /// If the trial was taken over, or its folder cannot be written.
    pub fn write_progress(&self, said: &TrialProgress) -> Result<()> {
        progress::write_progress(self.ours()?, said)
    }

    /// Writes how it ended, after everything that belongs to it. Says whether it was the first to end.
    ///
    /// # Errors
    /// If the trial was taken over, its folder cannot be written, or the result cannot be (kind
    /// `Contract`).
    pub fn write_result(&self, result: &TrialResult) -> Result<bool> {
        let is_first = trial::write_result(self.ours()?, result)?;
        progress::remove_progress(&self.folder);
        Ok(is_first)
    }

    /// Ends the attempt and says how, so that the next may begin at once.
    ///
    /// # Errors
    /// If its file cannot be written.
    pub fn end(self, how: &str) -> Result<()> {
        self.lease.end(how)
    }

    /// The folder, if it may be written.
    fn ours(&self) -> Result<&Path> {
        if self.is_ours() {
            return Ok(&self.folder);
        }
        Err(Error::new(ErrorKind::Superseded, "another process has taken this trial over")
            .at(self.folder.display().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use dst_record::record::Status;

    use super::*;
    use crate::testing::{failure, spec, success};

    #[test]
    fn whoever_was_taken_for_dead_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::create(&root.path().join("runs")).unwrap();
        let trial = spec("set", 0);
        store.add(&trial).unwrap();
        let id = trial.id();
        let Claim::Ours(held) = store.claim(&id).unwrap() else { panic!("nobody else is there") };
        held.write_tables(&[], &[], &[], Durability::Cached).unwrap();
        held.write_progress(&TrialProgress::default()).unwrap();
        assert!(matches!(store.claim(&id).unwrap(), Claim::Held(_)));
        let folder = store.folder(&id);
        // Another machine takes it over, and the sleeper wakes.
        fs::write(folder.join("attempts/2.json"), "{}").unwrap();
        for name in
            ["history.csv", "layers.csv", "ages.csv", "progress.json", "weights.safetensors"]
        {
            fs::write(folder.join(name), "of the other").unwrap();
        }
        fs::create_dir(held.checkpoint()).unwrap();
        let superseded = |result: Result<()>| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Superseded);
        };
        superseded(held.write_tables(&[], &[], &[], Durability::Cached));
        superseded(held.write_masks(&[]));
        superseded(held.write_progress(&TrialProgress::default()));
        superseded(held.remove_weights());
        superseded(held.write_result(&failure(&trial, Status::Crashed, "late")).map(|_| ()));
        held.remove_checkpoint();
        assert!(held.is_lost() && held.checkpoint().exists());
        for name in
            ["history.csv", "layers.csv", "ages.csv", "progress.json", "weights.safetensors"]
        {
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "of the other", "{name}");
        }
        held.end("taken over").unwrap();
        assert_eq!(store.result(&id).unwrap(), None);
    }

    #[test]
    fn an_attempt_ends_with_one_result() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::create(&root.path().join("runs")).unwrap();
        let trial = spec("set", 0);
        store.add(&trial).unwrap();
        let Claim::Ours(held) = store.claim(&trial.id()).unwrap() else { panic!("it is free") };
        assert_eq!(held.attempt(), 1);
        held.write_progress(&TrialProgress::default()).unwrap();
        assert!(held.write_result(&success(&trial)).unwrap());
        assert!(!held.write_result(&failure(&trial, Status::TimedOut, "late")).unwrap());
        assert_eq!(store.records().unwrap().all[0].status, Status::Finished);
        assert!(!store.folder(&trial.id()).join("progress.json").exists());
        held.end("ended").unwrap();
    }
}
