//! One-shot pruning: trains dense, removes the smallest weights once, and fine-tunes.

use dst_core::{
    BatchUse, Distribution, Forecast, Layer, Probe, Result, Span, Step, Strategy, Timing, Topology,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One-shot magnitude pruning with fine-tuning (Han, Pool, Tran & Dally 2015).
///
/// The network is dense until `prune_at`. Then the weights with the smallest magnitude of every layer, or
/// of the whole network, are removed all at once, and training goes on with the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OneShot {
    /// When the network is pruned, counted from the start of the training; must lie before its end.
    prune_at: Span,
    /// One threshold for all layers; otherwise every layer keeps its part by `distribution`.
    global: bool,
    /// How the connections are shared among layers if the choice is not global.
    distribution: Distribution,
}

impl Default for OneShot {
    fn default() -> Self {
        Self { prune_at: Span::Fraction(0.5), global: false, distribution: Distribution::Uniform }
    }
}

impl OneShot {
    /// Due once: the next time would be after the end.
    fn timing(&self) -> Timing {
        let whole = Span::Fraction(1.0);
        Timing { interval: whole, begin: Some(self.prune_at), end: whole }
    }
}

#[typetag::serde(name = "one-shot")]
impl Strategy for OneShot {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.allocate(self.distribution)?;
        topology.start_dense()
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        if self.timing().passed(step, BatchUse::Weights) == 0 { 1.0 } else { topology.density() }
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(self.timing().updates(start, BatchUse::Weights))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !self.timing().is_due(step) {
            return Ok(());
        }
        if self.global {
            let kept = topology.layers().iter().map(Layer::final_target).sum();
            return topology.keep_largest(kept);
        }
        for layer in topology.layers_mut() {
            layer.set_target(layer.final_target())?;
            layer.keep_largest(&layer.magnitude())?;
        }
        Ok(())
    }
}

dst_core::strategy_plugin! {
    OneShot,
    name: "one-shot",
    title: "One-shot",
    paper: "Han, Pool, Tran & Dally (2015), Learning both Weights and Connections for Efficient Neural Networks",
    bibtex: include_str!("../paper.bib"),
    summary: "Trains dense, removes the smallest weights at once, and trains the others on.",
}

#[cfg(test)]
mod tests;
