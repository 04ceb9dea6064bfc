//! RMSprop.

use dst_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::rule::{Entries, Rule, Update, check, flushed};

/// RMSprop (Tieleman & Hinton 2012) as PyTorch has it: the mean of squares starts at 0 and is not
/// corrected for that, `epsilon` is added outside the root, and the penalty is added to the gradient.
/// The centred form is left out, because it would need a third moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RmsProp {
    /// L2 penalty on every parameter, added to the gradient.
    weight_decay: f64,
    /// Decay of the mean of squared gradients, in [0, 1).
    alpha: f64,
    /// Added to the root of the mean of squared gradients.
    epsilon: f64,
    /// Share of the last direction that the next one keeps, in [0, 1).
    momentum: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { weight_decay: 0.0, alpha: 0.99, epsilon: 1e-8, momentum: 0.0 }
    }
}

impl Rule for RmsProp {
    fn validate(&self) -> Result<()> {
        check::not_negative("weight_decay", self.weight_decay)?;
        check::below_one("alpha", self.alpha)?;
        check::positive("epsilon", self.epsilon)?;
        check::below_one("momentum", self.momentum)
    }

    fn moments(&self) -> usize {
        if self.momentum > 0.0 { 2 } else { 1 }
    }

    fn step(&self, entries: Entries<'_>, learning_rate: f64, _: u64) -> Result<()> {
        entries.move_by(RmsPropStep { rate: learning_rate, rule: *self })
    }
}

crate::optimizer_plugin! {
    RmsProp,
    name: "rmsprop",
    title: "RMSprop",
    paper: "Tieleman & Hinton (2012), Lecture 6.5: RMSprop, COURSERA: Neural Networks for Machine \
            Learning",
    summary: "Gradients divided by the root of their mean square, with momentum if it is asked for.",
}

struct RmsPropStep {
    rate: f64,
    rule: RmsProp,
}

impl Update for RmsPropStep {
    fn penalty(&self) -> f64 {
        self.rule.weight_decay
    }

    #[inline(always)]
    fn entry(&self, weight: f32, gradient: f32, [square, buffer]: [&mut f32; 2]) -> f32 {
        let RmsProp { alpha, epsilon, momentum, .. } = self.rule;
        let gain = (1.0 - alpha) as f32;
        *square = flushed(*square * alpha as f32 + gradient * gradient * gain);
        let direction = gradient / (square.sqrt() + epsilon as f32);
        // Without momentum there is no buffer, and what stands in for it is 0.
        *buffer = flushed(*buffer * momentum as f32 + direction);
        weight - self.rate as f32 * *buffer
    }

    fn tensor(&self, _: &Tensor, gradient: Tensor, moments: &mut [Tensor]) -> Result<Tensor> {
        let RmsProp { alpha, epsilon, momentum, .. } = self.rule;
        let (square, buffer) = moments.split_first_mut().expect("RMSprop has a mean of squares");
        *square *= alpha;
        *square += gradient.square() * (1.0 - alpha);
        let direction = gradient / (square.sqrt() + epsilon);
        let Some(buffer) = buffer.first_mut() else { return Ok(direction * -self.rate) };
        *buffer *= momentum;
        *buffer += direction;
        Ok(&*buffer * -self.rate)
    }
}
