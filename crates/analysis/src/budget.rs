//! What trials were to cost, where their sparsity or epochs were chosen for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format::percent;
use crate::trial_table::sparsity_key;

/// What a trial was to cost: shares of the floating-point operations of the dense network, for which
/// its sparsity or its epochs were chosen before training. Without shares nothing was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// For one sample at the end of training, above 0 and below 1; the sparsity was chosen for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference: Option<f64>,
    /// For the whole training, as a share of what the dense network costs in the epochs that were
    /// configured, above 0; the epochs were chosen for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<f64>,
}

/// Budgets of trials by their ids.
pub type Budgets = BTreeMap<String, Budget>;

impl Budget {
    /// Was something chosen?
    pub fn is_some(&self) -> bool {
        self.inference.is_some() || self.training.is_some()
    }

    /// Such as `10 % of the dense network's inference FLOPs`; empty if nothing was chosen.
    pub fn words(&self) -> String {
        let part = |share: Option<f64>, what: &str| {
            Some(format!("{} of the dense network's {what} FLOPs", percent(share?)))
        };
        let parts = [part(self.inference, "inference"), part(self.training, "training")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }

    fn bits(&self) -> [Option<u64>; 2] {
        [self.inference, self.training].map(|share| share.map(f64::to_bits))
    }
}

// Shares are what was typed, never computed, so that equal ones have equal bits.
impl Eq for Budget {}

impl PartialOrd for Budget {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Budget {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Positive numbers are in the order of their bits.
        self.bits().cmp(&other.bits())
    }
}

/// What strategies are compared at: a sparsity, or the budget that each one's own sparsity was chosen
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level {
    budget: Budget,
    /// The key of the sparsity; 0 if it was chosen.
    sparsity: u64,
}

impl Level {
    pub(crate) fn new(budget: Budget, sparsity: f64) -> Self {
        let sparsity = if budget.inference.is_some() { 0 } else { sparsity_key(sparsity) };
        Self { budget, sparsity }
    }

    /// Is it that of a network in which nothing is pruned?
    pub(crate) fn is_dense(self) -> bool {
        self.sparsity == 0 && self.budget.inference.is_none()
    }

    /// The sparsity, or the one at which a network with equally sparse layers has the budget.
    pub(crate) fn sparsity(self) -> f64 {
        self.budget.inference.map_or(self.sparsity as f64 / 1e12, |share| 1.0 - share)
    }

    /// For a heading, such as `Sparsity 90 %`.
    pub(crate) fn heading(self) -> String {
        self.named(format!("Sparsity {}", percent(self.sparsity())))
    }

    /// For a part of a figure, such as `90 % sparsity`.
    pub(crate) fn title(self) -> String {
        self.named(format!("{} sparsity", percent(self.sparsity())))
    }

    fn named(self, sparsity: String) -> String {
        match (self.budget.inference, self.budget.training) {
            (None, None) => sparsity,
            (None, Some(_)) => format!("{sparsity}, {}", self.budget.words()),
            (Some(_), _) => self.budget.words(),
        }
    }

    /// For the end of a method's name, such as `at 90 %`.
    pub(crate) fn suffix(self) -> String {
        let share = |share: f64, what: &str| format!("{} of {what} FLOPs", percent(share));
        let mut parts = vec![match self.budget.inference {
            Some(inference) => share(inference, "inference"),
            None => percent(self.sparsity()),
        }];
        parts.extend(self.budget.training.map(|training| share(training, "training")));
        format!("at {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_sparsities_or_budgets() {
        let plain = Level::new(Budget::default(), 0.9);
        assert_eq!([plain.heading(), plain.title()], ["Sparsity 90 %", "90 % sparsity"]);
        assert_eq!(plain.suffix(), "at 90 %");
        let inference = Budget { inference: Some(0.1), training: None };
        let chosen = Level::new(inference, 0.934);
        assert_eq!(chosen, Level::new(inference, 0.9), "whatever was chosen");
        assert_eq!(chosen.title(), "10 % of the dense network's inference FLOPs");
        assert_eq!(chosen.suffix(), "at 10 % of inference FLOPs");
        let longer = Level::new(Budget { training: Some(1.0), inference: None }, 0.9);
        assert_eq!(longer.suffix(), "at 90 %, 100 % of training FLOPs");
        assert!(Level::new(Budget::default(), 0.0).is_dense() && !chosen.is_dense());
    }

    #[test]
    fn budgets_are_named_and_ordered() {
        let inference = |share| Budget { inference: Some(share), training: None };
        assert_eq!(inference(0.1).words(), "10 % of the dense network's inference FLOPs");
        let both = Budget { training: Some(1.0), ..inference(0.05) };
        assert_eq!(
            both.words(),
            "5 % of the dense network's inference FLOPs and 100 % of the dense network's training FLOPs"
        );
        assert_eq!(Budget::default().words(), "");
        assert!(inference(0.05) < inference(0.1) && Budget::default() < inference(0.05));
    }
}
