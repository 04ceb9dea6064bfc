//! A straight line.

use dst_core::{Result, Step, strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Schedule, since};

/// A straight line from the learning rate down, as BERT is trained (Devlin et al. 2019, A.2). It spans
/// what warm-up leaves and would reach its end at the batch after the last.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Linear {
    /// Share of the learning rate at the end, in [0, 1].
    end_factor: f64,
}

impl Schedule for Linear {
    fn validate(&self) -> Result<()> {
        strategy::check::fraction("end_factor", self.end_factor)
    }

    fn factor(&self, step: &Step, warmup: u64) -> f64 {
        let (done, all) = since(warmup, step);
        1.0 - (1.0 - self.end_factor) * done / all
    }
}

crate::schedule_plugin! {
    Linear,
    name: "linear",
    title: "Linear",
    paper: "Devlin, Chang, Lee & Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers \
            for Language Understanding",
    summary: "A straight line from the learning rate to a share of it, 0 unless set.",
}
