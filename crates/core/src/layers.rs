//! Parameters, and the layers that declare which of them can be pruned.
//!
//! Nothing is found by matching names: a layer says so when it is built. Biases and norms are
//! always dense, embeddings unless a model asks for a prunable one.

mod builder;
mod convolution;
mod embedding;
mod layer_norm;
mod linear;
mod norm;
mod pooling;

pub use builder::Builder;
pub use convolution::{Conv2d, Convolution, Start};
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use linear::DenseLinear;
pub use norm::BatchNorm2d;
pub use pooling::{Pooling, pool2d};

use std::collections::BTreeMap;

use tch::Tensor;

use crate::architecture::Pass;
use crate::weight::Weight;

/// One named trainable tensor of a model.
#[derive(Debug)]
pub enum Parameter {
    /// Its connections can be pruned and regrown.
    Prunable(Weight),
    /// Always dense: a bias, a norm, what a model does not want pruned.
    Dense(Tensor),
}

impl Parameter {
    /// What the forward pass uses, a leaf that requires gradients.
    pub fn tensor(&self) -> &Tensor {
        match self {
            Self::Prunable(weight) => weight.dense(),
            Self::Dense(tensor) => tensor,
        }
    }

    /// What the optimiser moves, without a graph: the same storage unless a method keeps the
    /// values of inactive entries.
    pub fn values(&self) -> Tensor {
        match self {
            Self::Prunable(weight) => weight.values(),
            Self::Dense(tensor) => tensor.detach(),
        }
    }
}

/// All parameters and buffers of a model, in name order.
#[derive(Debug, Default)]
pub struct Parameters {
    entries: BTreeMap<String, Parameter>,
    /// The weight that was declared last, prunable or not: biases and norms, which have one
    /// dimension, do not count.
    output: Option<String>,
    buffers: BTreeMap<String, Tensor>,
    /// By the name of a weight, that of the layer whose outputs are its inputs; see
    /// [`Builder::chain`].
    feeders: BTreeMap<String, String>,
}

impl Parameters {
    /// All trainable tensors with their names, in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.entries.iter().map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// Those that can be pruned, in name order.
    pub fn prunable(&self) -> impl Iterator<Item = (&str, &Weight)> {
        self.iter().filter_map(|(name, parameter)| match parameter {
            Parameter::Prunable(weight) => Some((name, weight)),
            Parameter::Dense(_) => None,
        })
    }

    /// The name of the weight of the output layer: the last one that the model declared.
    pub fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }

    /// The name of the weight whose outputs are the inputs of the weight `name`, if the model declares
    /// it; see [`Builder::chain`].
    pub fn feeder(&self, name: &str) -> Option<&str> {
        self.feeders.get(name).map(String::as_str)
    }

    /// Tensors that are part of the model but not trained, such as running statistics.
    pub fn buffers(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.buffers.iter().map(|(name, buffer)| (name.as_str(), buffer))
    }

    /// Number of trainable values.
    pub fn count(&self) -> usize {
        self.iter().map(|(_, parameter)| parameter.tensor().numel()).sum()
    }
}

/// `y = x Wᵀ + b` over the last dimension, with a prunable weight.
#[derive(Debug)]
pub struct Linear {
    /// `[outputs, inputs]`.
    pub weight: Weight,
    /// `[outputs]`.
    pub bias: Tensor,
}

impl Linear {
    /// `[…, inputs] → […, outputs]`.
    pub fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        self.weight.measure(|| {
            let size = input.size();
            size[1..size.len() - 1].iter().product()
        });
        pass.backend.linear(self, input, pass)
    }
}
