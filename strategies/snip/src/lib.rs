//! SNIP: keeps the connections whose removal would change the loss most.

use dst_core::strategy::check;
use dst_core::tch::Tensor;
use dst_core::{Distribution, Layer, Probe, Result, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Single-shot pruning by connection sensitivity (Lee, Ajanthan & Torr 2019).
///
/// The score of a weight is |w · ∂L/∂w| at the starting weights. The largest scores of the whole network
/// stay, or of every layer; the topology is static from then on.
///
/// A global choice that would leave a layer without any connection is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snip {
    /// Training batches whose mean gradient is looked at, at least 1.
    batches: u64,
    /// One threshold for all layers; otherwise every layer keeps its part by `distribution`.
    global: bool,
    /// How the connections are shared among layers if the choice is not global.
    distribution: Distribution,
}

impl Default for Snip {
    fn default() -> Self {
        Self { batches: 1, global: true, distribution: Distribution::Erk }
    }
}

#[typetag::serde(name = "snip")]
impl Strategy for Snip {
    fn validate(&self) -> Result<()> {
        check::at_least_one("batches", self.batches)
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        topology.allocate(self.distribution)?;
        let gradients = probe.gradients(usize::try_from(self.batches).unwrap_or(usize::MAX))?;
        let weights = topology.layers().iter().map(Layer::magnitude);
        let scores: Vec<Tensor> =
            weights.zip(gradients).map(|(weight, gradient)| weight * gradient.abs()).collect();
        if self.global {
            let active = topology.layers().iter().map(Layer::target).sum();
            return topology.activate_globally(&scores, active);
        }
        let layers = topology.layers_mut().iter_mut();
        layers.zip(&scores).try_for_each(|(layer, scores)| layer.keep_largest(scores))
    }
}

dst_core::strategy_plugin! {
    Snip,
    name: "snip",
    title: "SNIP",
    paper: "Lee, Ajanthan & Torr (2019), SNIP: Single-shot Network Pruning based on Connection Sensitivity",
    bibtex: include_str!("../paper.bib"),
    summary: "Prunes before training the weights whose removal would change the loss least.",
    reaches: "Every sparsity at which the choice leaves each layer a connection. One threshold for the whole network shares them unless `global` is off.",
}

#[cfg(test)]
mod tests;
