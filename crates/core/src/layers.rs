//! Parameters, and the layers that declare which of them can be pruned.
//!
//! Nothing is found by matching names: a layer says so when it is built. Biases and norms are
//! always dense, embeddings unless a model asks for a prunable one.

mod builder;
mod convolution;
mod embedding;
mod layer_norm;
mod layout;
mod linear;
mod norm;
mod pooling;

pub use builder::Builder;
pub use convolution::{Conv2d, Convolution, Start};
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use layout::{add, is_samples_innermost, mean_of_maps, relu};
pub use linear::DenseLinear;
pub use norm::BatchNorm2d;
pub use pooling::{Pooling, pool2d};

use std::collections::BTreeMap;

use tch::Tensor;

use crate::architecture::Pass;
use crate::weight::{StepOperands, Weight};

/// One named trainable tensor of a model.
#[derive(Debug)]
pub enum Parameter {
    /// Its connections can be pruned and regrown.
    Prunable(Weight),
    /// Always dense: a bias, a norm, what a model does not want pruned.
    Dense(Tensor),
}

impl Parameter {
    /// Another handle of the same parameter.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        match self {
            Self::Prunable(weight) => Self::Prunable(weight.shallow_clone()),
            Self::Dense(tensor) => Self::Dense(tensor.shallow_clone()),
        }
    }

    /// What the forward pass uses, a leaf that requires gradients; see [`Weight::dense`].
    pub fn tensor(&self) -> Tensor {
        match self {
            Self::Prunable(weight) => weight.dense(),
            Self::Dense(tensor) => tensor.shallow_clone(),
        }
    }

    /// Its shape.
    pub fn shape(&self) -> Vec<i64> {
        match self {
            Self::Prunable(weight) => weight.shape(),
            Self::Dense(tensor) => tensor.size(),
        }
    }

    /// The gradient in the parameter's shape; none if the loss has not reached it. See
    /// [`Weight::gradient`].
    pub fn gradient(&self) -> Option<Tensor> {
        match self {
            Self::Prunable(weight) => weight.gradient(),
            Self::Dense(tensor) => Some(tensor.grad()).filter(Tensor::defined),
        }
    }

    /// Bytes of its values as they are stored at present.
    pub fn stored_bytes(&self) -> usize {
        match self {
            Self::Prunable(weight) => weight.stored_bytes(),
            Self::Dense(tensor) => tensor.numel() * tensor.kind().elt_size_in_bytes(),
        }
    }

    /// What an optimiser needs for one step; none if the loss has not reached it.
    pub fn operands(&self) -> Option<StepOperands> {
        match self {
            Self::Prunable(weight) => weight.operands(),
            Self::Dense(tensor) => Some(StepOperands {
                values: tensor.detach(),
                gradient: self.gradient()?,
                active: None,
            }),
        }
    }

    /// Ends a step: there is no gradient of it any more, or one of zeros.
    pub fn zero_gradient(&self) {
        match self {
            Self::Prunable(weight) => weight.zero_gradient(),
            Self::Dense(tensor) => tensor.shallow_clone().zero_grad(),
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
        self.iter().map(|(_, parameter)| parameter.shape().iter().product::<i64>() as usize).sum()
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
