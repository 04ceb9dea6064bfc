//! Floating-point operations of a topology, by the conventions of RigL (Evci et al. 2020,
//! App. H).
//!
//! A multiplication and an addition are two operations. Only prunable layers are counted:
//! biases, norms, activations, pooling and the loss are left out. The backward pass costs twice
//! the forward pass: once for the gradient of the input, once for that of the weights.
//!
//! These are the operations that the method *needs*, whatever arithmetic is used here: masked
//! dense kernels do more.

use crate::strategy::GradientScope;
use crate::topology::{Layer, Topology};

/// Forward operations for one sample at the present topology.
pub fn inference(topology: &Topology) -> f64 {
    inference_with(topology, &present(topology))
}

/// As [`inference`], with so many connections in each layer; a forecast may have parts of them.
pub fn inference_with(topology: &Topology, connections: &[f64]) -> f64 {
    let layers = topology.layers().iter().zip(connections);
    layers.map(|(layer, active)| 2.0 * active * layer.positions() as f64).sum()
}

fn present(topology: &Topology) -> Vec<f64> {
    topology.layers().iter().map(|layer| layer.active_count() as f64).collect()
}

/// Forward operations for one sample if every layer were dense.
pub fn dense_inference(topology: &Topology) -> f64 {
    topology.layers().iter().map(|layer| 2.0 * layer.size() as f64 * layer.positions() as f64).sum()
}

/// Operations to train on one sample: forward and the gradient of the input cost `f_S` each, the
/// gradient of the weights `f_S`, that of trainable weights, or `f_D`, by its scope.
pub fn training(topology: &Topology, scope: GradientScope) -> f64 {
    training_with(topology, &present(topology), scope)
}

/// As [`training`], with so many connections in each layer, where as many weights are trained as at
/// present.
pub fn training_with(topology: &Topology, connections: &[f64], scope: GradientScope) -> f64 {
    let of_weights = |layer: &Layer, active: f64| match scope {
        GradientScope::Active => active,
        GradientScope::Trainable => (layer.trainable_count() as f64).max(active),
        GradientScope::All => layer.size() as f64,
    };
    let per_layer = topology.layers().iter().zip(connections).map(|(layer, active)| {
        2.0 * (2.0 * active + of_weights(layer, *active)) * layer.positions() as f64
    });
    per_layer.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Pass;
    use crate::density::Distribution;
    use crate::layers::{Builder, Parameters};
    use crate::seed::SeedStreams;
    use crate::selection;
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
        assert_eq!(training(&topology, GradientScope::Active), 3.0 * 2.0 * 7.0 * 1000.0);
        let dense = 101.0 * training(&topology, GradientScope::Active);
        topology.allocate(Distribution::Uniform).unwrap();
        topology.activate_random().unwrap();
        topology.start().unwrap();
        assert_eq!((inference(&topology), dense_inference(&topology)), (2800.0, 14_000.0));
        let interval = 100.0 * training(&topology, GradientScope::Active)
            + training(&topology, GradientScope::All);
        assert!((interval / dense - 0.20264).abs() < 5e-6, "{}", interval / dense);
    }

    /// A fifth computes and three tenths are trained: forward and the gradient of the input need the
    /// fifth, the gradient of the weights the three tenths.
    #[test]
    fn weights_that_are_only_trained_cost_their_gradient() {
        let streams = SeedStreams::new(0);
        let mut parameters = Parameters::default();
        let layer = Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", 50, 20);
        let _ =
            layer.forward(&Tensor::zeros([1, 50], (Kind::Float, Device::Cpu)), &Pass::EVALUATION);
        let mut topology = Topology::new(&parameters, 0.2, &streams).unwrap();
        topology.allocate(Distribution::Uniform).unwrap();
        let layer = &mut topology.layers_mut()[0];
        layer.keep_inactive();
        let magnitude = layer.magnitude();
        layer.activate(&selection::top_k(&magnitude, None, 200).unwrap()).unwrap();
        let trained = selection::top_k(&magnitude, None, 300).unwrap();
        layer.set_trainable(Some(trained)).unwrap();
        topology.start().unwrap();
        assert_eq!(training(&topology, GradientScope::Trainable), 2.0 * (2.0 * 200.0 + 300.0));
        assert_eq!(training(&topology, GradientScope::All), 2.0 * (2.0 * 200.0 + 1000.0));
    }
}
