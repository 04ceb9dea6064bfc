//! How far a trial is that has not ended: what its worker says for those who look at the store.

use std::path::Path;

use dst_record::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::file::{self, Durability};
use crate::table;

const PROGRESS: &str = "progress.json";

/// How far a trial is, or was when it was interrupted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialProgress {
    /// The epoch at work, from 1.
    pub epoch: u32,
    /// Planned epochs.
    pub epochs: u32,
    /// Share of the training done, in [0, 1].
    pub fraction: f64,
    /// Mean training loss of the epoch so far; missing before the first batch and where it is no
    /// number.
    pub train_loss: Option<f64>,
    /// Validation accuracy after the last whole epoch, in [0, 1]; missing before it, and where the
    /// targets are numbers or tokens.
    pub accuracy: Option<f64>,
}

/// Writes how far the trial of a folder is, over what was there.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn write_progress(folder: &Path, progress: &TrialProgress) -> Result<()> {
    let bytes = serde_json::to_vec(progress)
        .map_err(|error| Error::contract(format!("progress cannot be written: {error}")))?;
    file::replace(&folder.join(PROGRESS), &bytes, Durability::Cached)
}

/// Removes it when the trial has ended. One that stays is of no harm: results are read first.
pub(crate) fn remove_progress(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(PROGRESS));
}

/// How far the trial of a folder is: what its worker said last, or its whole epochs. Nothing is
/// known of one that said nothing, and what cannot be read is not known.
pub(crate) fn read_progress(folder: &Path, epochs: u32) -> Option<TrialProgress> {
    let said = file::read_optional(&folder.join(PROGRESS)).ok().flatten();
    let said = said.and_then(|text| serde_json::from_str::<TrialProgress>(&text).ok());
    if let Some(said) = said.filter(|said| (0.0..=1.0).contains(&said.fraction)) {
        return Some(said);
    }
    // Written by a version that did not say more.
    let text = file::read_optional(&folder.join(super::trial::HISTORY)).ok().flatten()?;
    let history = table::read_history(&text).ok()?;
    let last = history.last()?;
    Some(TrialProgress {
        epoch: last.epoch,
        epochs,
        fraction: (f64::from(last.epoch) / f64::from(epochs.max(1))).min(1.0),
        train_loss: Some(last.train_loss).filter(|loss| loss.is_finite()),
        accuracy: last.validation.shown_accuracy(),
    })
}

#[cfg(test)]
mod tests {
    use dst_record::record::{EpochRecord, Scores};

    use super::*;
    use crate::trial::write_tables;

    fn epochs(count: u32) -> Vec<EpochRecord> {
        let epoch = |epoch: u32| EpochRecord {
            epoch,
            steps: 10 * u64::from(epoch),
            learning_rate: 0.001,
            train_loss: 1.0 / f64::from(epoch),
            validation: Scores { accuracy: Some(0.5), ..Scores::default() },
            sparsity_prunable: 0.9,
            train_flops: 1e9,
            train_seconds: 1.5,
        };
        (1..=count).map(epoch).collect()
    }

    #[test]
    fn what_the_worker_said_last_is_known_or_its_whole_epochs() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_progress(folder.path(), 4), None);
        let history = epochs(2);
        write_tables(folder.path(), &history, &[], &[], Durability::Cached).unwrap();
        let known = read_progress(folder.path(), 4).unwrap();
        assert_eq!((known.epoch, known.epochs, known.fraction), (2, 4, 0.5));
        assert_eq!(known.train_loss, Some(history[1].train_loss));
        let said = TrialProgress {
            epoch: 3,
            epochs: 4,
            fraction: 0.6,
            train_loss: None,
            accuracy: Some(0.9),
        };
        write_progress(folder.path(), &said).unwrap();
        assert_eq!(read_progress(folder.path(), 4), Some(said));
        remove_progress(folder.path());
        assert_eq!(read_progress(folder.path(), 4), Some(known));
    }

    #[test]
    fn half_a_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["{\"epoch\": 1", "[]", r#"{"epoch":1,"epochs":2,"fraction":7.5}"#] {
            std::fs::write(folder.path().join(PROGRESS), text).unwrap();
            assert_eq!(read_progress(folder.path(), 4), None, "{text}");
        }
    }
}
