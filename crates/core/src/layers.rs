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

pub use builder::Builder;
pub use convolution::{Conv2d, Convolution, Start};
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use linear::DenseLinear;
pub use norm::BatchNorm2d;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tch::Tensor;

use crate::architecture::Pass;

/// A weight that can be pruned, shared by the layer that uses it and the topology.
///
/// Both hold the same storage: what the topology zeroes, the layer sees.
#[derive(Debug)]
pub struct Prunable {
    /// The weight, `[out, in]` or `[out, in, height, width]`, a leaf that requires gradients.
    pub tensor: Tensor,
    positions: Arc<AtomicU64>,
    declared: usize,
}

impl Prunable {
    /// How often each weight is multiplied for one sample: 1 in a linear layer on vectors, the
    /// tokens of a sequence, the output pixels of a convolution. 0 before the first forward
    /// pass, which measures it, and in an embedding, which multiplies nothing.
    pub fn positions(&self) -> u64 {
        self.positions.load(Ordering::Relaxed)
    }

    /// The how-many-th parameter of its model it is, from 0, as the model declares them: the
    /// smallest is that of the first layer and the largest that of the last.
    pub fn declared(&self) -> usize {
        self.declared
    }

    /// Another handle of the same weight.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        Self {
            tensor: self.tensor.shallow_clone(),
            positions: Arc::clone(&self.positions),
            declared: self.declared,
        }
    }

    fn measure(&self, positions: impl FnOnce() -> i64) {
        if self.positions() == 0 {
            self.positions.store(positions().max(1) as u64, Ordering::Relaxed);
        }
    }
}

/// One named trainable tensor of a model.
#[derive(Debug)]
pub enum Parameter {
    /// Its connections can be pruned and regrown.
    Prunable(Prunable),
    /// Always dense: a bias, a norm, what a model does not want pruned.
    Dense(Tensor),
}

impl Parameter {
    /// The tensor, a leaf that requires gradients.
    pub fn tensor(&self) -> &Tensor {
        match self {
            Self::Prunable(prunable) => &prunable.tensor,
            Self::Dense(tensor) => tensor,
        }
    }
}

/// All parameters and buffers of a model, in name order.
#[derive(Debug, Default)]
pub struct Parameters {
    entries: BTreeMap<String, Parameter>,
    buffers: BTreeMap<String, Tensor>,
}

impl Parameters {
    /// All trainable tensors with their names, in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.entries.iter().map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// Those that can be pruned, in name order.
    pub fn prunable(&self) -> impl Iterator<Item = (&str, &Prunable)> {
        self.iter().filter_map(|(name, parameter)| match parameter {
            Parameter::Prunable(prunable) => Some((name, prunable)),
            Parameter::Dense(_) => None,
        })
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
    pub weight: Prunable,
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
