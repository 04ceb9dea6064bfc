//! What a training is made of.

use dst_core::{
    Architecture, Backend, Builder, Dataset, Error, GradientScope, Model, Pass, Result, Split,
    Strategy, Task, Training,
};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Everything that a training needs, borrowed from the caller.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Decides which connections are active.
    pub strategy: &'a dyn Strategy,
    /// Builds the network.
    pub architecture: &'a dyn Architecture,
    /// Hands out the samples.
    pub dataset: &'a dyn Dataset,
    /// Epochs, batches and optimiser.
    pub training: &'a Training,
    /// The sparsity to reach, of all prunable weights, in [0, 1).
    pub sparsity: f64,
    /// The seed of all random streams.
    pub seed: u64,
    /// How prunable layers compute.
    pub backend: &'a dyn Backend,
    /// Where tensors lie.
    pub device: tch::Device,
    /// SHA-256 of the trained weights that the network starts from, or empty: a checkpoint belongs
    /// to them.
    pub weights_digest: &'a str,
    /// Names the code of the plug-ins, such as by digests: a checkpoint belongs to it, and to
    /// [`NUMERICS`](crate::NUMERICS). Empty if the caller tells no codes apart.
    pub code: &'a str,
    /// A checkpoint of other code is continued too; [`Trained::earlier_code`] names that code.
    ///
    /// [`Trained::earlier_code`]: crate::Trained::earlier_code
    pub accept_code: bool,
}

/// Builds the network for a data set, whose names of classes it may need.
pub(crate) fn build_for(
    dataset: &dyn Dataset,
    architecture: &dyn Architecture,
    builder: Builder<'_>,
) -> Result<Box<dyn Model>> {
    let classes = match dataset.task() {
        Task::Classification { classes } => classes as usize,
        Task::Regression | Task::NextToken { .. } => 0,
    };
    let names: Option<Vec<String>> =
        (0..classes).map(|class| dataset.class_name(class).map(str::to_owned)).collect();
    let mut builder = builder.with_classes(names.unwrap_or_default());
    architecture.build(dataset.input(), dataset.task(), &mut builder)
}

/// Keys of a fingerprint that say what made a checkpoint, not of what.
const CODE: [&str; 2] = ["code", "numerics"];

impl<'a> Setup<'a> {
    /// A forward pass without dropout and gradients.
    pub fn evaluation(&self) -> Pass<'a> {
        Pass { precision: self.training.precision, backend: self.backend, ..Pass::EVALUATION }
    }

    /// A forward pass whose backward pass gives these weights a gradient.
    pub(crate) fn pass(&self, scope: GradientScope) -> Pass<'a> {
        Pass { training: true, scope, ..self.evaluation() }
    }

    /// Refuses what cannot be trained, before anything expensive.
    ///
    /// # Errors
    /// If a value is out of range or a split has no samples.
    pub fn validate(&self) -> Result<()> {
        crate::validate(self.training).map_err(|error| error.at("training"))?;
        self.strategy.validate()?;
        if !(self.sparsity >= 0.0 && self.sparsity < 1.0) {
            return Err(Error::usage(format!("sparsity {} is not in [0, 1)", self.sparsity)));
        }
        for (split, name) in
            [(Split::Train, "train"), (Split::Validation, "validation"), (Split::Test, "test")]
        {
            if self.dataset.is_empty(split) {
                return Err(Error::data(format!("the {name} split has no samples"))
                    .at(self.dataset.origin().to_owned()));
            }
        }
        let (task, metric) = (self.dataset.task(), self.dataset.metric());
        if !metric.fits(task) {
            return Err(Error::contract(format!("the metric {metric} does not fit {task:?}"))
                .at(self.dataset.origin().to_owned()));
        }
        Ok(())
    }

    /// Rows of the micro-batches of one epoch, in order or shuffled.
    pub(crate) fn micro_batches(&self, order: Option<&mut ChaCha8Rng>) -> Vec<Vec<i64>> {
        self.dataset.batches(Split::Train, self.training.batch_size as usize, order)
    }

    /// How many steps that many micro-batches feed.
    pub(crate) fn steps_of(&self, micro_batches: usize) -> u64 {
        micro_batches.div_ceil(self.training.accumulate as usize) as u64
    }

    /// All that determines the course of this training on one machine, to tell whether a
    /// checkpoint belongs to it.
    pub(crate) fn fingerprint(&self) -> Result<Value> {
        let mut value = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "strategy": self.strategy,
            "architecture": self.architecture,
            "data": self.dataset.digest(),
            "input": self.dataset.input(),
            "task": self.dataset.task(),
            "metric": self.dataset.metric(),
            "training": self.training,
            "sparsity": self.sparsity,
            "seed": self.seed,
            "device": format!("{:?}", self.device),
            "code": self.code,
            "numerics": crate::NUMERICS,
        });
        if !self.weights_digest.is_empty() {
            value["weights"] = self.weights_digest.into();
        }
        Ok(value)
    }

    /// Whether a checkpoint with the fingerprint `found` is one of this training; if it was made
    /// by other code, which the setup accepts, that code in words.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn admits(&self, found: &Value) -> Result<Option<String>> {
        let wanted = self.fingerprint()?;
        if *found == wanted {
            return Ok(None);
        }
        if without_code(found) != without_code(&wanted) {
            return Err(Error::data("the checkpoint belongs to another training"));
        }
        if !self.accept_code {
            return Err(Error::data("the checkpoint was made by other code"));
        }
        let code = found.get("code").and_then(Value::as_str).unwrap_or("unknown code");
        let numerics = found.get("numerics").and_then(Value::as_u64).unwrap_or(0);
        Ok(Some(format!("{code} numerics={numerics}").trim().to_owned()))
    }
}

fn without_code(fingerprint: &Value) -> Value {
    let mut rest = fingerprint.clone();
    if let Some(map) = rest.as_object_mut() {
        map.retain(|key, _| !CODE.contains(&key.as_str()));
    }
    rest
}
