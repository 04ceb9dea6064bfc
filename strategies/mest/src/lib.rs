//! MEST: drop by weight and gradient, grow at random, in stages that exchange less and less.

use dst_core::strategy::check;
use dst_core::tch::Tensor;
use dst_core::topology::Growth;
use dst_core::{
    Counts, Curve, Distribution, Error, Exchange, Keys, Layer, Probe, Regrowth, Result, Shared,
    Span, Step, Strategy, Topology, View,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Memory-economic sparse training (Yuan et al. 2021).
///
/// Every `interval`, a layer drops the active weights with the smallest |w| + λ·|g| and grows others at
/// random positions, from 0. Two bounds say how many, relative to the connections that the layer shall
/// have in the end: it drops down to 1 − `drop_fraction` and grows up to 1 + `soft_bound` of them. From
/// `second_stage` on both distances are half as large, and from `end` on connections are fixed.
///
/// With `soft_bound` = 0 this is the method EM of the paper. With `drop_fraction` = 0 and a soft bound
/// it is EM&S, which is denser than the sparsity that is asked for until the last update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mest {
    #[serde(flatten, with = "Shared::<Mest>")]
    #[schemars(with = "Shared<Mest>")]
    exchange: Exchange,
    /// Weight of |g| in the score of a connection, at least 0 (λ in the paper).
    gradient_weight: f64,
    /// Connections that a layer has in the first stage besides those of the end, as a share of those,
    /// at least 0.
    soft_bound: f64,
    /// From here on both bounds are half as far away.
    second_stage: Span,
}

impl Default for Mest {
    fn default() -> Self {
        let exchange = Exchange {
            distribution: Distribution::Uniform,
            drop_fraction: 0.2,
            decay: Curve::Constant,
            interval: Span::Epochs(5.0),
            regrowth: Regrowth::Reinitialised,
            ..Exchange::STEPS
        };
        Self {
            exchange,
            gradient_weight: 0.01,
            soft_bound: 0.0,
            second_stage: Span::Fraction(0.5625),
        }
    }
}

impl Mest {
    /// How many connections a layer has after an update at which the bounds have `share` of their
    /// distance.
    fn upper(&self, layer: &Layer, share: f64) -> usize {
        let upper = layer.final_target() as f64 * (1.0 + self.soft_bound * share);
        (upper.round() as usize).min(layer.size())
    }

    /// The share of their distance that both bounds have.
    fn share(&self, step: &Step) -> f64 {
        if step.position() < step.steps_in(self.second_stage) { 1.0 } else { 0.5 }
    }

    /// The share of the distance to the upper bound that is left after the update at `step`: none
    /// after the last.
    fn extra(&self, step: &Step) -> f64 {
        let is_last = self.exchange.passed(step) == self.exchange.updates(step);
        if is_last { 0.0 } else { self.share(step) }
    }
}

#[typetag::serde(name = "mest")]
impl Strategy for Mest {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        // Stages take the place of a decay.
        let absent = &["decay", "final_drop_fraction", "growth_batches", "replaces_step"];
        Keys { absent, ..Keys::ALL }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate()?;
        for (key, value) in
            [("gradient_weight", self.gradient_weight), ("soft_bound", self.soft_bound)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::usage(format!("{key} = {value} is not a positive number or 0")));
            }
        }
        if let Span::Fraction(fraction) = self.second_stage {
            check::fraction("second_stage", fraction)?;
        }
        Ok(())
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        self.exchange.init(topology, probe)?;
        for layer in topology.layers_mut() {
            layer.set_target(self.upper(layer, 1.0))?;
            layer.update(Regrowth::Allowed, |update| update.grow(&Growth::Random))?;
        }
        Ok(())
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let updates = self.exchange.update_steps(step);
        let Some(last) = updates.iter().rfind(|update| update.position() <= step.position()) else {
            return topology.active_density();
        };
        let extra = self.extra(last);
        let counts = topology.layers().iter().map(|layer| self.upper(layer, extra));
        counts.sum::<usize>() as f64 / topology.size() as f64
    }

    fn counts(&self, layers: &[View<'_>]) -> Result<Vec<Counts>> {
        let Some(first) = layers.first() else { return Ok(Vec::new()) };
        let (share, extra) = (self.share(first.step), self.extra(first.step));
        let counts = |view: &View<'_>| {
            let last = view.layer.final_target();
            let below = (view.fraction * share * last as f64) as usize;
            let drop = (view.layer.active_count() + below).saturating_sub(last);
            Counts {
                drop: drop.min(view.layer.active_count()),
                target: self.upper(view.layer, extra),
            }
        };
        Ok(layers.iter().map(counts).collect())
    }

    fn weakest(&self, view: &View<'_>) -> Result<Tensor> {
        let gradient = view.layer.active_gradient()?.abs();
        Ok(view.layer.magnitude() + gradient * self.gradient_weight)
    }
}

dst_core::strategy_plugin! {
    Mest,
    name: "mest",
    title: "MEST",
    paper: "Yuan et al. (2021), MEST: Accurate and Fast Memory-Economic Sparse Training Framework on the Edge",
    bibtex: include_str!("../paper.bib"),
    summary: "Drops by weight and gradient and grows at random, in stages.",
}

#[cfg(test)]
mod tests;
