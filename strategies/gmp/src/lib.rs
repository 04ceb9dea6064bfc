//! Gradual magnitude pruning: from dense to the target along a cubic curve.

use dst_core::strategy::check;
use dst_core::topology::count_largest;
use dst_core::{
    Counts, Curve, Distribution, Error, Exchange, Keys, Layer, Probe, Result, Rewiring, Shared,
    Step, Strategy, Topology, View,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gradual magnitude pruning (Zhu & Gupta 2017).
///
/// Every `interval` the weights with the smallest magnitude are removed, so that the sparsity goes from
/// `initial_sparsity` to the one to reach along a cubic curve. The k-th of n updates is at k / n of the
/// curve, so that the last one arrives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gmp {
    #[serde(flatten, with = "Shared::<Gmp>")]
    #[schemars(with = "Shared<Gmp>")]
    exchange: Exchange,
    /// Sparsity at the start, in [0, 1]; that to reach if it is lower.
    initial_sparsity: f64,
    /// One threshold for all layers instead of one for each; `distribution` then says only how the
    /// connections of the start are shared.
    global: bool,
    /// The way from the sparsity at the start to that to reach.
    curve: Curve,
}

impl Default for Gmp {
    fn default() -> Self {
        let exchange = Exchange { distribution: Distribution::Uniform, ..Exchange::STEPS };
        Self { exchange, initial_sparsity: 0.0, global: false, curve: Curve::Cubic }
    }
}

#[typetag::serde(name = "gmp")]
impl Strategy for Gmp {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        Keys {
            absent: &[
                "start",
                "drop_fraction",
                "final_drop_fraction",
                "decay",
                "replaces_step",
                "growth_batches",
                "regrowth",
                "grow_new_first",
                "moments",
            ],
            ..Keys::ALL
        }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate()?;
        if self.curve == Curve::Constant {
            return Err(Error::usage("curve = constant would never remove anything")
                .hint("write \"cubic\" or \"linear\""));
        }
        check::fraction("initial_sparsity", self.initial_sparsity)
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        self.exchange.allocate(topology)?;
        topology.allocate_start(self.exchange.distribution, 1.0 - self.initial_sparsity)?;
        for layer in topology.layers_mut() {
            layer.keep_largest(&layer.magnitude())?;
        }
        Ok(())
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let start = topology.active_density();
        match self.exchange.passed(step) {
            0 => start,
            _ => {
                let arrival = self.exchange.arrival(step, self.exchange.end);
                self.curve.at(start, topology.density(), arrival)
            }
        }
    }

    fn counts(&self, layers: &[View<'_>]) -> Result<Vec<Counts>> {
        let Some(View { step, .. }) = layers.first() else { return Ok(Vec::new()) };
        let arrival = self.exchange.arrival(step, self.exchange.end);
        let scheduled = |view: &View<'_>| {
            let (from, to) = (view.layer.initial_target(), view.layer.final_target());
            self.curve.at(from as f64, to as f64, arrival).round() as usize
        };
        let mut kept: Vec<usize> = layers.iter().map(scheduled).collect();
        if self.global {
            let layers: Vec<&Layer> = layers.iter().map(|view| view.layer).collect();
            kept = count_largest(&layers, kept.iter().sum())?;
        }
        let counts = |(view, kept): (&View<'_>, usize)| Counts {
            drop: view.layer.active_count() - kept,
            target: kept,
        };
        Ok(layers.iter().zip(kept).map(counts).collect())
    }

    fn rewire(&self, layer: &mut Rewiring<'_, '_>) -> Result<()> {
        let (drop, weakest) = (layer.counts().drop, self.weakest(&layer.view())?);
        layer.update().drop(drop, &weakest)
    }
}

dst_core::strategy_plugin! {
    Gmp,
    name: "gmp",
    title: "GMP",
    paper: "Zhu & Gupta (2017), To prune, or not to prune: exploring the efficacy of pruning for model compression",
    bibtex: include_str!("../paper.bib"),
    summary: "Removes the smallest weights of a dense network along a cubic curve.",
}

#[cfg(test)]
mod tests;
