//! Top-KAST: the largest weights compute, and somewhat more are trained.

use dst_core::strategy::check;
use dst_core::{
    BatchUse, Distribution, Error, Forecast, GradientScope, Layer, Moments, Probe, Result, Span,
    Step, Strategy, Timing, Topology, selection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Top-K always sparse training (Jayakumar, Pascanu, Rae, Osindero & Elsen 2020).
///
/// All weights keep their values. The forward pass sees the set A of the largest magnitudes of each
/// layer; the set B, which contains A and `extra_density` of the layer's weights more, gets
/// gradients and moves. A weight of B that grows past one of A takes its place. An L2 penalty
/// pulls weights of B towards 0, those outside A the harder the sparser the network is, so that only
/// weights that the loss wants stay large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TopKast {
    /// How the connections are shared among layers.
    distribution: Distribution,
    /// Share of each layer's weights that is trained besides those that compute, in [0, 1] (M in the
    /// paper).
    extra_density: f64,
    /// Strength of the L2 penalty on weights that compute. On those that are only trained it is
    /// divided by the layer's density.
    penalty: f64,
    /// The distance between two choices of both sets.
    interval: Span,
}

impl Default for TopKast {
    fn default() -> Self {
        Self {
            distribution: Distribution::Erk,
            extra_density: 0.1,
            penalty: 1e-4,
            interval: Span::Steps(1),
        }
    }
}

impl TopKast {
    fn timing(&self) -> Timing {
        Timing { interval: self.interval, begin: None, end: Span::Fraction(1.0) }
    }

    fn choose(&self, layer: &mut Layer) -> Result<()> {
        let magnitude = layer.magnitude();
        let extra = (self.extra_density * layer.size() as f64) as usize;
        let trained = (layer.target() + extra).min(layer.size());
        layer.activate(&selection::top_k(&magnitude, None, layer.target())?)?;
        layer.set_trainable(Some(selection::top_k(&magnitude, None, trained)?))
    }
}

#[typetag::serde(name = "top-kast")]
impl Strategy for TopKast {
    fn validate(&self) -> Result<()> {
        check::fraction("extra_density", self.extra_density)?;
        if self.penalty >= 0.0 && self.penalty.is_finite() {
            return Ok(());
        }
        Err(Error::usage(format!("penalty = {} is not a positive number or 0", self.penalty)))
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        // A weight that enters A was trained before; its moments are as good as any.
        topology.moments = Moments::Keep;
        topology.allocate(self.distribution)?;
        for layer in topology.layers_mut() {
            layer.keep_inactive();
            self.choose(layer)?;
        }
        Ok(())
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(self.timing().updates(start, BatchUse::Weights))
    }

    fn gradient_scope(&self, _: &Step) -> GradientScope {
        if self.extra_density > 0.0 { GradientScope::Trainable } else { GradientScope::Active }
    }

    fn after_backward(&self, _: &Step, topology: &mut Topology) -> Result<BatchUse> {
        for layer in topology.layers_mut() {
            let values = layer.values();
            let unseen = values.masked_fill(layer.active(), 0.0);
            let harder = unseen * (1.0 / layer.density() - 1.0);
            layer.add_gradient(&((values + harder) * self.penalty))?;
        }
        Ok(BatchUse::Weights)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !self.timing().is_due(step) {
            return Ok(());
        }
        topology.layers_mut().iter_mut().try_for_each(|layer| self.choose(layer))
    }
}

dst_core::strategy_plugin! {
    TopKast,
    name: "top-kast",
    title: "Top-KAST",
    paper: "Jayakumar, Pascanu, Rae, Osindero & Elsen (2020), Top-KAST: Top-K Always Sparse Training",
    bibtex: include_str!("../paper.bib"),
    summary: "Computes with the largest weights and trains somewhat more.",
}

#[cfg(test)]
mod tests;
