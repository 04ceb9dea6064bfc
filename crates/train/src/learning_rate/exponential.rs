//! Exponential decay.

use dst_core::{Result, Step};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::check;

/// Multiplied by `decay` once an epoch, smoothly, from the start of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Exponential {
    /// The factor, in (0, 1].
    decay: f64,
}

impl Default for Exponential {
    fn default() -> Self {
        Self { decay: 0.1 }
    }
}

impl Schedule for Exponential {
    fn validate(&self) -> Result<()> {
        check::factor("decay", self.decay)
    }

    fn factor(&self, step: &Step, _: u64) -> f64 {
        self.decay.powf(step.position() as f64 / step.per_epoch as f64)
    }
}

crate::schedule_plugin! {
    Exponential,
    name: "exponential",
    title: "Exponential",
    paper: "",
    summary: "Multiplied by decay once an epoch, smoothly.",
}
