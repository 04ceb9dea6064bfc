//! What is recorded about the connections of a layer, by the topology and for every method.

use tch::Tensor;

use crate::mask;

/// How many connections of a layer began and ended in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Churn {
    /// They began, or began anew from 0.
    pub born: u64,
    /// Those among them that had been active before.
    pub regrown: u64,
    /// They ended.
    pub dropped: u64,
}

/// The records of one layer, from its first topology on.
#[derive(Debug)]
pub struct Records {
    /// Union of all active sets so far (`Bool`, shape of the weight).
    pub(super) ever_active: Tensor,
    /// What happened since it was last asked for.
    pub(super) churn: Churn,
}

impl Records {
    /// At the start, when `active` (`Bool`) is the first active set.
    pub fn new(active: &Tensor) -> Self {
        Self { ever_active: active.copy(), churn: Churn::default() }
    }

    /// Notes which connections began and which ended in a commit (`Bool`, shape of the weight).
    ///
    /// It runs in the time of every update, so it passes over each mask once and makes no new one.
    pub fn note(&mut self, born: &Tensor, dropped: &Tensor) {
        self.churn.dropped += mask::count(dropped) as u64;
        let count = mask::count(born) as u64;
        if count > 0 {
            self.churn.born += count;
            self.churn.regrown += mask::count_both(born, &self.ever_active) as u64;
            // What is active and was not born now was active before.
            let _ = self.ever_active.logical_or_(born);
        }
    }

    /// The share of entries that have ever been active, in [0, 1].
    pub fn ever_active_share(&self) -> f64 {
        mask::count(&self.ever_active) as f64 / self.ever_active.numel() as f64
    }

    /// What happened since the last call.
    pub fn take_churn(&mut self) -> Churn {
        std::mem::take(&mut self.churn)
    }
}
