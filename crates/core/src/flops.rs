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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Pass;
    use crate::density::Distribution;
    use crate::layers::{Builder, Parameters};
    use crate::seed::SeedStreams;
    use tch::{Device, Kind, Tensor};

    /// RigL with a fifth of the connections in every layer and an update every 100 steps:
    /// (3 f_S ΔT + 2 f_S + f_D) / (ΔT + 1) is 0.20264 of the dense 3 f_D.
    #[test]
    fn an_interval_of_rigl_costs_its_published_share() {
        let streams = SeedStreams::new(0);
        let mut parameters = Parameters::default();
        let layer = Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", 50, 20);
        let tokens = Tensor::zeros([1, 7, 50], (Kind::Float, Device::Cpu));
        let _ = layer.forward(&tokens, &Pass::EVALUATION);
        let mut topology = Topology::new(&parameters, 0.2, &streams).unwrap();
        assert_eq!(training(&topology, false), 3.0 * 2.0 * 7.0 * 1000.0);
        let dense = 101.0 * training(&topology, false);
        topology.allocate(Distribution::Uniform).unwrap();
        topology.activate_random().unwrap();
        topology.start().unwrap();
        assert_eq!((inference(&topology), dense_inference(&topology)), (2800.0, 14_000.0));
        let interval = 100.0 * training(&topology, false) + training(&topology, true);
        assert!((interval / dense - 0.20264).abs() < 5e-6, "{}", interval / dense);
    }
}
