//! DSR: one threshold for the whole network, and connections move to where weights survive it.

use dst_core::redistribution::{self, Candidate};
use dst_core::{
    Counts, Curve, Distribution, Error, Exchange, Keys, Layer, Regrowth, Result, Shared, Span,
    Step, Strategy, Topology, View, selection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Dynamic sparse reparameterisation (Mostafa & Wang 2019).
///
/// Every `interval`, all weights of the network nearer to 0 than one threshold H are dropped, and as
/// many connections grow at random positions, from 0. Layers share them in proportion to the weights
/// that survived. H adapts: it halves after an update that dropped 10 % more than `drop_fraction`, and
/// doubles after one that dropped 10 % less.
///
/// Counts are exact, where the public code hands rounding errors to a layer at random; a layer that
/// loses everything gets one connection back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dsr {
    #[serde(flatten, with = "Shared::<Dsr>")]
    #[schemars(with = "Shared<Dsr>")]
    exchange: Exchange,
    /// The threshold H of the first update, above 0, in the unit of the weights.
    threshold: f64,
}

impl Default for Dsr {
    fn default() -> Self {
        let exchange = Exchange {
            distribution: Distribution::Uniform,
            drop_fraction: 0.05,
            decay: Curve::Constant,
            end: Span::Fraction(1.0),
            regrowth: Regrowth::Reinitialised,
            ..Exchange::STEPS
        };
        Self { exchange, threshold: 1e-3 }
    }
}

/// The number under which the present H is kept.
const THRESHOLD: &str = "threshold";

/// H changes when an update drops more or less than this share besides what it aims at.
const TOLERANCE: f64 = 0.1;

/// How many active weights of the layer lie below the threshold.
fn below(layer: &Layer, threshold: f64) -> usize {
    selection::count(&layer.magnitude().lt(threshold).logical_and(layer.active()))
}

#[typetag::serde(name = "dsr")]
impl Strategy for Dsr {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        // H is compared with weights that the step has moved.
        Keys { absent: &["growth_batches", "replaces_step"], ..Keys::ALL }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate()?;
        if self.threshold > 0.0 && self.threshold.is_finite() {
            return Ok(());
        }
        Err(Error::usage(format!("threshold = {} is not a number above 0", self.threshold)))
    }

    fn counts(&self, layers: &[View<'_>]) -> Result<Vec<Counts>> {
        let candidate = |view: &View<'_>| {
            let threshold = view.value(THRESHOLD).unwrap_or(self.threshold);
            let (size, active) = (view.layer.size(), view.layer.active_count());
            let removed = below(view.layer, threshold);
            Candidate { size, active, removed, merit: (active - removed) as f64 }
        };
        let candidates: Vec<Candidate> = layers.iter().map(candidate).collect();
        Ok(redistribution::counts(&candidates))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !self.exchange.timing().is_due(step) {
            return Ok(());
        }
        let threshold = topology.value(THRESHOLD).unwrap_or(self.threshold);
        let removed: usize = topology.layers().iter().map(|layer| below(layer, threshold)).sum();
        self.exchange.after_step(self, step, topology)?;
        let aim = self.exchange.fraction(step) * topology.active_count() as f64;
        if removed as f64 > (1.0 + TOLERANCE) * aim {
            topology.set_value(THRESHOLD, threshold / 2.0);
        } else if (removed as f64) < (1.0 - TOLERANCE) * aim {
            topology.set_value(THRESHOLD, threshold * 2.0);
        }
        Ok(())
    }
}

dst_core::strategy_plugin! {
    Dsr,
    name: "dsr",
    title: "DSR",
    paper: "Mostafa & Wang (2019), Parameter Efficient Training of Deep Convolutional Neural Networks by Dynamic Sparse Reparameterization",
    bibtex: include_str!("../paper.bib"),
    summary: "Drops what lies below one adaptive threshold and regrows where weights survive.",
    brief: "threshold = 0.02",
    redistributes: true,
}

#[cfg(test)]
mod tests;
