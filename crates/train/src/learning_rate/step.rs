//! Steps down.

use dst_core::{Result, Span, Step};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::check;

/// Multiplied by `decay` every `decay_every`, counted from the start of training as milestones in papers
/// are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Steps {
    /// The factor, in (0, 1].
    decay: f64,
    /// The interval.
    decay_every: Span,
}

impl Default for Steps {
    fn default() -> Self {
        Self { decay: 0.1, decay_every: Span::Epochs(30.0) }
    }
}

impl Schedule for Steps {
    fn validate(&self) -> Result<()> {
        check::factor("decay", self.decay)?;
        self.decay_every.check_interval("decay_every")
    }

    fn factor(&self, step: &Step, _: u64) -> f64 {
        // A span shorter than one batch rounds to 0 steps.
        let every = step.steps_in(self.decay_every).max(1);
        self.decay.powf((step.position() / every) as f64)
    }
}

crate::schedule_plugin! {
    Steps,
    name: "step",
    title: "Steps",
    paper: "",
    summary: "Multiplied by decay every decay_every.",
}
