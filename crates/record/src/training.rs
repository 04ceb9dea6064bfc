//! How a trial trains: plain data, interpreted by `dst-train`.

mod component;
mod flat;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::backend::BackendKind;
use crate::error::{Error, Result};
use crate::precision::Precision;
use crate::span::Span;

pub use component::Component;
pub use flat::{old_spelling_of, path_of};

use flat::{OPTIMIZER, SCHEDULE};

/// How a trial trains. Defaults are those of the experiment plan, but for 10 epochs.
///
/// Optimiser and schedule are [`Component`]s. Where they are among those that trials knew before there
/// were components, files have them in the flat form of that time (`"optimizer": "sgd",
/// "momentum": 0.9`), so that trials keep their ids; both forms are read.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
pub struct Training {
    /// Passes over the training data.
    pub epochs: u32,
    /// Samples in one batch.
    pub batch_size: u32,
    /// Batches whose gradients are averaged for one optimiser step.
    pub accumulate: u32,
    /// The optimiser: a name, or a table with the name and parameters.
    pub optimizer: Component,
    /// The learning rate after warm-up.
    pub learning_rate: f64,
    /// How the learning rate changes over training: a name, or a table with the name and parameters.
    pub schedule: Component,
    /// Linear growth of the learning rate from 0 at the start.
    pub warmup: Span,
    /// Probability mass moved from the true class to all classes alike, in [0, 1).
    pub label_smoothing: f64,
    /// Largest norm of all gradients together; 0 does not clip.
    pub clip_norm: f64,
    /// How prunable layers multiply. Files leave it out at its default.
    #[schemars(extend("default" = "f32"))]
    pub precision: Precision,
    /// With what prunable layers compute. Files leave it out at its default.
    #[schemars(extend("default" = "masked"))]
    pub backend: BackendKind,
    /// Threads of one operation on a CPU: sums of several threads have other last digits. Files leave
    /// it out at 1. `--threads` sets it; it is no setting of a training, and 1 on accelerators.
    #[schemars(skip)]
    pub threads: u32,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 64,
            accumulate: 1,
            optimizer: OPTIMIZER.default_component(),
            learning_rate: 0.001,
            schedule: SCHEDULE.default_component(),
            warmup: Span::Steps(0),
            label_smoothing: 0.0,
            clip_norm: 0.0,
            precision: Precision::F32,
            backend: BackendKind::Masked,
            threads: 1,
        }
    }
}

impl Training {
    /// Refuses values outside their range, naming the key. Those of the optimiser and the schedule
    /// are checked by the crate that has their code: `dst_train::validate`.
    ///
    /// # Errors
    /// If a value is out of range or not finite.
    pub fn validate(&self) -> Result<()> {
        for (key, value) in [
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("accumulate", self.accumulate),
            ("threads", self.threads),
        ] {
            if value == 0 {
                return Err(Error::usage(format!("{key} = 0 must be at least 1")));
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let rate = self.learning_rate;
            return Err(Error::usage(format!("learning_rate = {rate} must be more than 0")));
        }
        if !(self.clip_norm >= 0.0 && self.clip_norm.is_finite()) {
            return Err(Error::usage(format!("clip_norm = {} must be 0 or more", self.clip_norm)));
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            let share = self.label_smoothing;
            return Err(Error::usage(format!("label_smoothing = {share} is not in [0, 1)")));
        }
        OPTIMIZER.validate(&self.optimizer)?;
        SCHEDULE.validate(&self.schedule)
    }

    /// Every setting under a key of its own, as tables and labels show it: `optimizer` is a name, and
    /// its parameters are `weight_decay` and `momentum` as ever, or `optimizer.alpha` where no key of
    /// the flat form is called so.
    pub fn settings(&self) -> Map<String, Value> {
        let value = serde_json::to_value(self).expect("a training is plain data");
        let Value::Object(mut settings) = value else {
            unreachable!("a training is written as a map");
        };
        for (form, component) in [(OPTIMIZER, &self.optimizer), (SCHEDULE, &self.schedule)] {
            if let Some(Value::Object(table)) = settings.remove(form.table) {
                form.spread(table, &mut settings);
            }
            settings.insert(form.name_key.to_owned(), component.name.as_str().into());
        }
        settings
    }
}

/// What is no component.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Plain {
    epochs: u32,
    batch_size: u32,
    accumulate: u32,
    learning_rate: f64,
    warmup: Span,
    label_smoothing: f64,
    clip_norm: f64,
    #[serde(skip_serializing_if = "Precision::is_default")]
    precision: Precision,
    #[serde(skip_serializing_if = "BackendKind::is_default")]
    backend: BackendKind,
    #[serde(skip_serializing_if = "is_one")]
    threads: u32,
}

fn is_one(threads: &u32) -> bool {
    *threads == 1
}

impl Default for Plain {
    fn default() -> Self {
        Self::of(&Training::default())
    }
}

impl Plain {
    fn of(training: &Training) -> Self {
        let Training { epochs, batch_size, accumulate, learning_rate, warmup, .. } = *training;
        let Training { label_smoothing, clip_norm, precision, backend, threads, .. } = *training;
        Self {
            epochs,
            batch_size,
            accumulate,
            learning_rate,
            warmup,
            label_smoothing,
            clip_norm,
            precision,
            backend,
            threads,
        }
    }
}

impl Serialize for Training {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let plain = serde_json::to_value(Plain::of(self)).map_err(S::Error::custom)?;
        let Value::Object(mut map) = plain else {
            return Err(S::Error::custom("a struct is written as a map"));
        };
        OPTIMIZER.write(&self.optimizer, &mut map);
        SCHEDULE.write(&self.schedule, &mut map);
        map.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Training {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut map = Map::deserialize(deserializer)?;
        let mut component = |form: &flat::Form| {
            form.read(&mut map).map_err(|error| D::Error::custom(error.one_line()))
        };
        let (optimizer, schedule) = (component(&OPTIMIZER)?, component(&SCHEDULE)?);
        let plain: Plain = serde_json::from_value(Value::Object(map)).map_err(D::Error::custom)?;
        let default = Self::default();
        Ok(Self {
            epochs: plain.epochs,
            batch_size: plain.batch_size,
            accumulate: plain.accumulate,
            optimizer: optimizer.unwrap_or(default.optimizer),
            learning_rate: plain.learning_rate,
            schedule: schedule.unwrap_or(default.schedule),
            warmup: plain.warmup,
            label_smoothing: plain.label_smoothing,
            clip_norm: plain.clip_norm,
            precision: plain.precision,
            backend: plain.backend,
            threads: plain.threads,
        })
    }
}

#[cfg(test)]
mod tests;
