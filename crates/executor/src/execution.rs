//! What an execution came to.

/// A trial without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The trial.
    pub id: String,
    /// Why: its data is missing, a value cannot be used, or it was stopped from outside.
    pub reason: String,
}

/// What an execution came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Execution {
    /// Trials that finished.
    pub finished: usize,
    /// Trials that failed: diverged, collapsed, crashed, timed out or ran out of memory.
    pub failed: usize,
    /// Trials that had ended before, in whatever way, or were ended by another grid meanwhile.
    pub skipped: usize,
    /// Trials that wait in a queue, or that a machine works on which the queue gave them.
    pub queued: usize,
    /// Trials that were tried and have no result.
    pub unfinished: Vec<Unfinished>,
    /// Did so many fail that it was given up? The same call goes on where it stopped.
    pub given_up: bool,
    /// Was it stopped by the user? The same call goes on where it stopped.
    pub interrupted: bool,
}
