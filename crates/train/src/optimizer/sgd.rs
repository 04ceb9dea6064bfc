//! Stochastic gradient descent.

use dst_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::rule::{Entries, Rule, Update, check, flushed};

/// Stochastic gradient descent with momentum, as PyTorch has it: the buffer is not damped, and the
/// penalty is added to the gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Sgd {
    /// L2 penalty on every parameter, added to the gradient.
    weight_decay: f64,
    /// Share of the last direction that the next one keeps, in [0, 1).
    momentum: f64,
    /// Nesterov's form of momentum.
    nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { weight_decay: 0.0, momentum: 0.9, nesterov: false }
    }
}

impl Rule for Sgd {
    fn validate(&self) -> Result<()> {
        check::not_negative("weight_decay", self.weight_decay)?;
        check::below_one("momentum", self.momentum)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::usage("nesterov needs a momentum above 0"));
        }
        Ok(())
    }

    fn moments(&self) -> usize {
        usize::from(self.momentum > 0.0)
    }

    fn step(&self, entries: Entries<'_>, learning_rate: f64, _: u64) -> Result<()> {
        let Self { weight_decay: penalty, momentum, nesterov } = *self;
        if momentum == 0.0 {
            return entries.move_by(Descent { rate: learning_rate, penalty });
        }
        entries.move_by(Momentum { rate: learning_rate, penalty, momentum, nesterov })
    }
}

crate::optimizer_plugin! {
    Sgd,
    name: "sgd",
    title: "SGD",
    paper: "Sutskever, Martens, Dahl & Hinton (2013), On the importance of initialization and \
            momentum in deep learning",
    summary: "Stochastic gradient descent with momentum; weight decay is added to the gradient.",
}

/// Without momentum.
struct Descent {
    rate: f64,
    penalty: f64,
}

impl Update for Descent {
    fn penalty(&self) -> f64 {
        self.penalty
    }

    #[inline(always)]
    fn entry(&self, weight: f32, gradient: f32, _: [&mut f32; 2]) -> f32 {
        weight - self.rate as f32 * gradient
    }

    fn tensor(&self, _: &Tensor, gradient: Tensor, _: &mut [Tensor]) -> Result<Tensor> {
        Ok(gradient * -self.rate)
    }
}

struct Momentum {
    rate: f64,
    penalty: f64,
    momentum: f64,
    nesterov: bool,
}

impl Update for Momentum {
    fn penalty(&self) -> f64 {
        self.penalty
    }

    #[inline(always)]
    fn entry(&self, weight: f32, gradient: f32, [buffer, _]: [&mut f32; 2]) -> f32 {
        let momentum = self.momentum as f32;
        // One formula for both forms: g · own + m · carried.
        let (own, carried) = if self.nesterov { (1.0, momentum) } else { (0.0, 1.0) };
        *buffer = flushed(momentum * *buffer + gradient);
        weight - self.rate as f32 * (own * gradient + carried * *buffer)
    }

    fn tensor(&self, _: &Tensor, gradient: Tensor, moments: &mut [Tensor]) -> Result<Tensor> {
        let buffer = &mut moments[0];
        *buffer *= self.momentum;
        *buffer += &gradient;
        let direction = if self.nesterov {
            gradient + &*buffer * self.momentum
        } else {
            buffer.shallow_clone()
        };
        Ok(direction * -self.rate)
    }
}
