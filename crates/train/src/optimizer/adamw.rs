//! AdamW.

use dst_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::adam::AdamStep;
use super::rule::{Entries, Rule, check};

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, Algorithm 2), multiplied by the learning
/// rate as PyTorch does. Unlike PyTorch's, the decay is 0 unless it is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct AdamW {
    /// Share of itself that a weight loses in a step of learning rate 1, on every parameter.
    weight_decay: f64,
    /// Decay of the mean of gradients, in [0, 1).
    beta1: f64,
    /// Decay of the mean of squared gradients, in [0, 1).
    beta2: f64,
    /// Added to the root of the mean of squared gradients.
    epsilon: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { weight_decay: 0.0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Rule for AdamW {
    fn validate(&self) -> Result<()> {
        check::not_negative("weight_decay", self.weight_decay)?;
        check::below_one("beta1", self.beta1)?;
        check::below_one("beta2", self.beta2)?;
        check::positive("epsilon", self.epsilon)
    }

    fn moments(&self) -> usize {
        2
    }

    fn step(&self, entries: Entries<'_>, learning_rate: f64, updates: u64) -> Result<()> {
        let Self { weight_decay, beta1, beta2, epsilon } = *self;
        let step = AdamStep::new(learning_rate, updates, beta1, beta2, epsilon);
        entries.move_by(step.with_shrink(learning_rate * weight_decay))
    }
}

crate::optimizer_plugin! {
    AdamW,
    name: "adamw",
    title: "AdamW",
    paper: "Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization",
    summary: "Adam with decoupled weight decay, which is multiplied by the learning rate.",
}
