//! What was planned, and which analysis was fixed before it ran.

use dst_analysis::Analysis;
use dst_core::record::TrialSpec;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A grid that was started on a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridRecord {
    /// What was typed, for people.
    pub command: String,
    /// When it was first started, UTC, such as `2026-01-31T12:00:00Z`.
    pub started: String,
    /// How its trials are compared.
    pub analysis: Analysis,
    /// Ids of its trials, in the order of the grid.
    pub trials: Vec<String>,
}

impl GridRecord {
    /// The record of a grid that starts now.
    pub fn new(command: impl Into<String>, specs: &[TrialSpec], analysis: Analysis) -> Self {
        Self {
            command: command.into(),
            started: crate::clock::now(),
            analysis,
            trials: specs.iter().map(TrialSpec::id).collect(),
        }
    }

    /// A hash of the trials and the analysis, 16 hexadecimal digits. The same grid typed in
    /// another way, or started again, has the same id.
    pub fn id(&self) -> String {
        let mut trials = self.trials.clone();
        trials.sort();
        let canonical = serde_json::json!({ "analysis": self.analysis, "trials": trials });
        let digest = Sha256::digest(canonical.to_string().as_bytes());
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
