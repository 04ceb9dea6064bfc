//! What transformers share.

use dst_core::layers::DenseLinear;
use dst_core::tch::Tensor;
use dst_core::{Linear, Pass};

/// A linear layer that is prunable in one network and dense in another.
#[derive(Debug)]
pub(crate) enum Projection {
    Prunable(Linear),
    Dense(DenseLinear),
}

impl Projection {
    /// `[…, inputs] → […, outputs]`.
    pub(crate) fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        match self {
            Self::Prunable(layer) => layer.forward(input, pass),
            Self::Dense(layer) => layer.forward(input),
        }
    }
}

/// Dropout in training, drawn from libtorch's generator, which the loop seeds for every batch.
/// Without it nothing is drawn, so the generator does not move.
pub(crate) fn dropout(signal: Tensor, share: f64, pass: &Pass<'_>) -> Tensor {
    if pass.training && share > 0.0 { signal.dropout(share, true) } else { signal }
}
