//! Movement pruning: keeps the weights that training moves away from 0.

use dst_core::{
    BatchUse, Curve, Distribution, Forecast, GradientScope, Layer, Moments, Probe, Result, Span,
    Step, Strategy, Timing, Topology, selection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hard movement pruning (Sanh, Wolf & Rush 2020).
///
/// The score of a weight is the sum of −w · ∂L/∂w over all steps so far, with the gradient at the masked
/// weights for every position. The largest scores of each layer are active; their number falls along a
/// cubic curve, after a dense warm-up and until the cool-down, in which the choice still changes.
/// Weights that are not active keep their values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Movement {
    /// The network is dense for so long.
    warm_up: Span,
    /// The sparsity to reach is reached so long before the end.
    cool_down: Span,
    /// The distance between two choices.
    interval: Span,
    /// How the connections that stay are shared among layers.
    distribution: Distribution,
}

impl Default for Movement {
    fn default() -> Self {
        Self {
            warm_up: Span::Fraction(0.1),
            cool_down: Span::Fraction(0.2),
            interval: Span::Steps(1),
            distribution: Distribution::Uniform,
        }
    }
}

/// Slot: the score of every weight.
const SCORES: &str = "movement/scores";

impl Movement {
    /// When connections are chosen.
    fn timing(&self) -> Timing {
        let (begin, end) = (Some(self.warm_up), Span::Fraction(1.0));
        Timing { interval: self.interval, begin, end }
    }

    /// How far the pruning is after the choice at `step`: 1 from the last one before the cool-down on.
    fn arrival(&self, step: &Step) -> f64 {
        let end = step.total().saturating_sub(step.steps_in(self.cool_down));
        Timing { end: Span::Steps(end), ..self.timing() }.arrival(step, BatchUse::Weights)
    }
}

#[typetag::serde(name = "movement")]
impl Strategy for Movement {
    fn validate(&self) -> Result<()> {
        self.interval.check_interval("interval")
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        // A weight that comes back goes on where it stopped, as one under a mask does.
        topology.moments = Moments::Keep;
        topology.allocate(self.distribution)?;
        topology.start_dense()?;
        for layer in topology.layers_mut() {
            layer.keep_inactive();
            layer.set_slot(SCORES, layer.values().zeros_like());
        }
        Ok(())
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        match self.timing().passed(step, BatchUse::Weights) {
            0 => 1.0,
            _ => Curve::Cubic.at(1.0, topology.density(), self.arrival(step)),
        }
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(self.timing().updates(start, BatchUse::Weights))
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        // Scores that no later choice sees need no gradient.
        GradientScope::all_if(self.timing().is_due_within(step, u64::MAX))
    }

    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<BatchUse> {
        if self.gradient_scope(step) == GradientScope::All {
            for layer in topology.layers_mut() {
                let movement = layer.values() * layer.dense_gradient()?;
                if let Some(scores) = layer.take_slot(SCORES) {
                    layer.set_slot(SCORES, scores - movement);
                }
            }
        }
        Ok(BatchUse::Weights)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !self.timing().is_due(step) {
            return Ok(());
        }
        let arrival = self.arrival(step);
        topology.layers_mut().iter_mut().try_for_each(|layer| choose(layer, arrival))
    }
}

/// Activates the largest scores of a layer, as many as the schedule leaves.
fn choose(layer: &mut Layer, arrival: f64) -> Result<()> {
    let (from, to) = (layer.initial_target() as f64, layer.final_target() as f64);
    layer.set_target(Curve::Cubic.at(from, to, arrival).round() as usize)?;
    let chosen = layer.slot(SCORES).map(|scores| selection::top_k(scores, None, layer.target()));
    match chosen {
        Some(chosen) => layer.activate(&chosen.map_err(|error| error.at(layer.name().to_owned()))?),
        None => Ok(()),
    }
}

dst_core::strategy_plugin! {
    Movement,
    name: "movement",
    title: "Movement pruning",
    paper: "Sanh, Wolf & Rush (2020), Movement Pruning: Adaptive Sparsity by Fine-Tuning",
    bibtex: include_str!("../paper.bib"),
    summary: "Keeps the weights that training moves away from 0, for fine-tuning.",
}

#[cfg(test)]
mod tests;
