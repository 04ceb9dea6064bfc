//! What happens while trials are executed.

use dst_record::record::Status;
use serde::{Deserialize, Serialize};

/// What happens while trials are executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The trial ended before; nothing is done.
    Skipped {
        /// The trial.
        id: String,
        /// How it ended.
        status: Status,
    },
    /// Its process was started.
    Started {
        /// The trial.
        id: String,
    },
    /// It trains. Such events arrive a few times a second.
    Progress {
        /// The trial.
        id: String,
        /// The current epoch, from 1.
        epoch: u32,
        /// Planned epochs.
        epochs: u32,
        /// Share of the training done, in [0, 1].
        fraction: f64,
        /// Mean training loss of the epoch so far. Not a number before the first batch.
        #[serde(deserialize_with = "number_or_nan")]
        train_loss: f64,
        /// Validation accuracy after the last epoch, in [0, 1].
        accuracy: Option<f64>,
    },
    /// It has a result.
    Ended {
        /// The trial.
        id: String,
        /// How it ended.
        status: Status,
        /// Why it did not finish; empty if it did.
        reason: String,
        /// Time of this attempt.
        seconds: f64,
    },
    /// It waits in the queue of a cluster.
    Queued {
        /// The trial.
        id: String,
        /// The task that will bring it to its end, as the cluster names it.
        task: String,
    },
    /// Another process works on it; it is looked at again until that one ends.
    Held {
        /// The trial.
        id: String,
        /// Who.
        holder: String,
    },
    /// Its process was killed while others ran, or just after, most likely because memory ran out.
    /// It goes on from its checkpoint.
    Postponed {
        /// The trial.
        id: String,
        /// How many trials run at once from now on.
        workers: usize,
    },
    /// It failed in a way that may not come again, and is tried once more.
    Retried {
        /// The trial.
        id: String,
        /// How the attempt ended.
        status: Status,
        /// Why.
        reason: String,
        /// How many attempts remain after the next.
        remaining: u32,
    },
    /// As many trials have failed as may: trials that run stop with a checkpoint, and nothing further is
    /// started.
    GivenUp {
        /// How many failed.
        failed: usize,
    },
    /// Somebody asked by SIGUSR1 for checkpoints now: trials that run save one and go on.
    Saving {
        /// How many run.
        trials: usize,
    },
    /// The user wants to stop: trials that run stop with a checkpoint, and nothing further is started.
    Stopping {
        /// How many run.
        trials: usize,
    },
    /// It has no result, for a reason that the user can mend.
    Unfinished {
        /// The trial.
        id: String,
        /// The reason.
        reason: String,
    },
}

/// JSON has no NaN; it is written as null.
fn number_or_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
