//! How a trial trains: plain data, interpreted by `dst-train`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::precision::Precision;
use crate::span::Span;

/// The optimiser's update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum; weight decay is added to the gradient.
    Sgd,
    /// Adam (Kingma & Ba 2015); weight decay is added to the gradient.
    #[default]
    Adam,
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019), multiplied by the learning
    /// rate.
    Adamw,
}

/// The shape of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateShape {
    /// Always the same.
    #[default]
    Constant,
    /// Multiplied by `decay` every `decay_every`.
    Step,
    /// Half a cosine from the learning rate to 0.
    Cosine,
    /// Multiplied by `decay` once an epoch, smoothly.
    Exponential,
}

/// How a trial trains. Defaults are those of the experiment plan, but for 10 epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Training {
    /// Passes over the training data.
    pub epochs: u32,
    /// Samples in one batch.
    pub batch_size: u32,
    /// Batches whose gradients are averaged for one optimiser step.
    pub accumulate: u32,
    /// The optimiser's update rule.
    pub optimizer: OptimizerKind,
    /// The learning rate after warm-up.
    pub learning_rate: f64,
    /// How the learning rate changes over training.
    pub learning_rate_shape: LearningRateShape,
    /// The factor of the shapes `step` and `exponential`, in (0, 1].
    pub decay: f64,
    /// The interval of the shape `step`.
    pub decay_every: Span,
    /// Linear growth of the learning rate from 0 at the start.
    pub warmup: Span,
    /// L2 penalty (SGD, Adam) or decoupled decay (AdamW), on every parameter.
    pub weight_decay: f64,
    /// Momentum of SGD, in [0, 1).
    pub momentum: f64,
    /// Nesterov's form of momentum.
    pub nesterov: bool,
    /// Decay of Adam's mean of gradients, in [0, 1).
    pub beta1: f64,
    /// Decay of Adam's mean of squared gradients, in [0, 1).
    pub beta2: f64,
    /// Added to the root of Adam's second moment.
    pub epsilon: f64,
    /// Probability mass moved from the true class to all classes alike, in [0, 1).
    pub label_smoothing: f64,
    /// Largest norm of all gradients together; 0 does not clip.
    pub clip_norm: f64,
    /// How prunable layers multiply. Files leave it out at its default.
    #[serde(skip_serializing_if = "Precision::is_default")]
    #[schemars(extend("default" = "f32"))]
    pub precision: Precision,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 64,
            accumulate: 1,
            optimizer: OptimizerKind::Adam,
            learning_rate: 0.001,
            learning_rate_shape: LearningRateShape::Constant,
            decay: 0.1,
            decay_every: Span::Epochs(30.0),
            warmup: Span::Steps(0),
            weight_decay: 0.0,
            momentum: 0.9,
            nesterov: false,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            label_smoothing: 0.0,
            clip_norm: 0.0,
            precision: Precision::F32,
        }
    }
}

impl Training {
    /// Refuses values outside their range, naming the key.
    ///
    /// # Errors
    /// If a value is out of range or not finite.
    pub fn validate(&self) -> Result<()> {
        let below_one = |key: &str, value: f64| {
            if (0.0..1.0).contains(&value) {
                return Ok(());
            }
            Err(Error::usage(format!("{key} = {value} is not in [0, 1)")))
        };
        let not_negative = |key: &str, value: f64| {
            if value >= 0.0 && value.is_finite() {
                return Ok(());
            }
            Err(Error::usage(format!("{key} = {value} must be 0 or more")))
        };
        let positive = |key: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                return Ok(());
            }
            Err(Error::usage(format!("{key} = {value} must be more than 0")))
        };
        for (key, value) in [
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("accumulate", self.accumulate),
        ] {
            if value == 0 {
                return Err(Error::usage(format!("{key} = 0 must be at least 1")));
            }
        }
        positive("learning_rate", self.learning_rate)?;
        positive("epsilon", self.epsilon)?;
        not_negative("weight_decay", self.weight_decay)?;
        not_negative("clip_norm", self.clip_norm)?;
        below_one("momentum", self.momentum)?;
        below_one("beta1", self.beta1)?;
        below_one("beta2", self.beta2)?;
        below_one("label_smoothing", self.label_smoothing)?;
        if !(self.decay > 0.0 && self.decay <= 1.0) {
            return Err(Error::usage(format!("decay = {} is not in (0, 1]", self.decay)));
        }
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::usage("nesterov needs a momentum above 0"));
        }
        self.decay_every.check_interval("decay_every")
    }
}
