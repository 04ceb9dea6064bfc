//! Adam, and the step that it shares with AdamW.

use dst_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::rule::{Entries, Rule, Update, check, flushed};

/// Adam (Kingma & Ba 2015), with the penalty added to the gradient as PyTorch does.
///
/// The bias correction counts all updates: an entry that is born late is corrected like the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Adam {
    /// L2 penalty on every parameter, added to the gradient.
    weight_decay: f64,
    /// Decay of the mean of gradients, in [0, 1).
    beta1: f64,
    /// Decay of the mean of squared gradients, in [0, 1).
    beta2: f64,
    /// Added to the root of the mean of squared gradients.
    epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { weight_decay: 0.0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Rule for Adam {
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
        entries.move_by(step.with_penalty(weight_decay))
    }
}

crate::optimizer_plugin! {
    Adam,
    name: "adam",
    title: "Adam",
    paper: "Kingma & Ba (2015), Adam: A Method for Stochastic Optimization",
    summary: "Adam; weight decay is added to the gradient.",
}

/// One step of Adam or AdamW.
pub(super) struct AdamStep {
    /// Learning rate over the first bias correction.
    rate: f64,
    /// Root of the second bias correction.
    root: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    /// L2 penalty, added to the gradient.
    penalty: f64,
    /// The share that a weight loses by itself: learning rate times decoupled decay.
    shrink: f64,
}

impl AdamStep {
    /// A step without decay of either kind.
    pub(super) fn new(rate: f64, updates: u64, beta1: f64, beta2: f64, epsilon: f64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powf(updates as f64);
        let (rate, root) = (rate / correction(beta1), correction(beta2).sqrt());
        Self { rate, root, beta1, beta2, epsilon, penalty: 0.0, shrink: 0.0 }
    }

    fn with_penalty(self, penalty: f64) -> Self {
        Self { penalty, ..self }
    }

    /// The share that a weight loses by itself.
    pub(super) fn with_shrink(self, shrink: f64) -> Self {
        Self { shrink, ..self }
    }
}

impl Update for AdamStep {
    fn penalty(&self) -> f64 {
        self.penalty
    }

    #[inline(always)]
    fn entry(&self, weight: f32, gradient: f32, [mean, square]: [&mut f32; 2]) -> f32 {
        let (gain1, gain2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        *mean = flushed(*mean + (gradient - *mean) * gain1);
        *square = flushed(*square * self.beta2 as f32 + gradient * gradient * gain2);
        let divisor = square.sqrt() / self.root as f32 + self.epsilon as f32;
        weight * (1.0 - self.shrink) as f32 - self.rate as f32 * *mean / divisor
    }

    fn tensor(&self, weight: &Tensor, gradient: Tensor, moments: &mut [Tensor]) -> Result<Tensor> {
        let [mean, square] = moments else { unreachable!("Adam has two moments") };
        *mean += (&gradient - &*mean) * (1.0 - self.beta1);
        *square *= self.beta2;
        *square += gradient.square() * (1.0 - self.beta2);
        let divisor = square.sqrt() / self.root + self.epsilon;
        let delta = &*mean / divisor * -self.rate;
        Ok(if self.shrink == 0.0 { delta } else { delta - weight * self.shrink })
    }
}
