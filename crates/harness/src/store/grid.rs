//! What was planned, and which analysis was fixed before it ran.

use std::collections::BTreeMap;

use dst_analysis::{Analysis, Budget, Budgets};
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
    /// What sparsities or epochs of trials were chosen for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetedTrials>,
}

/// Trials whose sparsity or epochs were chosen for one cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetedTrials {
    /// The cost.
    pub budget: Budget,
    /// Their ids.
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
            budgets: Vec::new(),
        }
    }

    /// Says what sparsities or epochs were chosen for, by the ids of trials.
    #[must_use]
    pub fn with_budgets(mut self, budgets: &Budgets) -> Self {
        let mut by_budget: BTreeMap<Budget, Vec<String>> = BTreeMap::new();
        for (id, budget) in budgets {
            by_budget.entry(*budget).or_default().push(id.clone());
        }
        let budgeted =
            by_budget.into_iter().map(|(budget, trials)| BudgetedTrials { budget, trials });
        self.budgets = budgeted.collect();
        self
    }

    /// What sparsities or epochs were chosen for, by the ids of trials.
    pub fn budgets(&self) -> Budgets {
        let of = |own: &BudgetedTrials| {
            let budget = own.budget;
            own.trials.iter().map(move |id| (id.clone(), budget)).collect::<Vec<_>>()
        };
        self.budgets.iter().flat_map(of).collect()
    }

    /// A hash of the trials and the analysis, 16 hexadecimal digits. The same grid typed in
    /// another way, or started again, has the same id.
    pub fn id(&self) -> String {
        let mut trials = self.trials.clone();
        trials.sort();
        let mut canonical = serde_json::json!({ "analysis": self.analysis, "trials": trials });
        if !self.budgets.is_empty() {
            canonical["budgets"] = serde_json::json!(self.budgets);
        }
        let digest = Sha256::digest(canonical.to_string().as_bytes());
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
