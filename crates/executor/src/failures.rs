//! What is done when trials fail.

use std::collections::BTreeSet;

use dst_record::record::{Collapse, Status};
use serde::{Deserialize, Serialize};

/// What is done when trials fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailurePolicy {
    /// When so many have failed, nothing further is started, and those that run stop with a
    /// checkpoint; none goes on.
    pub most: Option<usize>,
    /// How often a trial is tried again whose process died, that ran out of memory or took too long.
    pub retries: u32,
    /// Trials whose collapse is no failure, with the way in which they may collapse.
    pub accepted: BTreeSet<(String, Collapse)>,
}

impl FailurePolicy {
    /// The status for those who count failures.
    pub(crate) fn judged(&self, id: &str, status: Status, collapse: Option<Collapse>) -> Status {
        let accepted = |collapse| self.accepted.contains(&(id.to_owned(), collapse));
        match status {
            Status::Collapsed if collapse.is_some_and(accepted) => Status::Finished,
            status => status,
        }
    }

    /// May another attempt end otherwise?
    pub(crate) fn is_worth_retrying(status: Status) -> bool {
        matches!(status, Status::Crashed | Status::OutOfMemory | Status::TimedOut)
    }
}
