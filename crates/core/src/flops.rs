//! Floating-point operations of a topology, by the conventions of RigL (Evci et al. 2020,
//! App. H).
//!
//! A multiplication and an addition are two operations. Only prunable layers are counted:
//! biases, norms, activations, pooling and the loss are left out. The backward pass costs twice
//! the forward pass: once for the gradient of the input, once for that of the weights.
//!
//! These are the operations that the method *needs*, whatever arithmetic is used here: masked
//! dense kernels do more.

use crate::topology::Topology;

/// Forward operations for one sample at the present topology.
pub fn inference(topology: &Topology) -> f64 {
    topology
        .layers()
        .iter()
        .map(|layer| 2.0 * layer.active_count() as f64 * layer.positions() as f64)
        .sum()
}

/// Forward operations for one sample if every layer were dense.
pub fn dense_inference(topology: &Topology) -> f64 {
    topology.layers().iter().map(|layer| 2.0 * layer.size() as f64 * layer.positions() as f64).sum()
}

/// Operations to train on one sample: `3 f_S`, and `2 f_S + f_D` when the gradient of inactive
/// weights was asked for.
pub fn training(topology: &Topology, dense_gradient: bool) -> f64 {
    let sparse = inference(topology);
    2.0 * sparse + if dense_gradient { dense_inference(topology) } else { sparse }
}
