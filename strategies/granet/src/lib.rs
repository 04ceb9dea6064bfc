//! GraNet: global magnitude pruning along a cubic curve, with an exchange at every update.

use dst_core::strategy::check;
use dst_core::topology::count_largest;
use dst_core::{
    Counts, Curve, Exchange, Growth, Keys, Layer, Probe, Regrowth, Result, Shared, Span, Step,
    Strategy, Topology, View,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gradual pruning with zero-cost neuroregeneration (Liu, Chen, Chen, Atashgahi, Yin, Kou, Shen,
/// Pechenizkiy, Wang & Mocanu 2021).
///
/// An update removes the smallest weights of all layers together, so that the sparsity goes from
/// `initial_sparsity` to the one to reach along a cubic curve until `prune_end`. Then each layer drops
/// the fraction f(t) of what it has left, by magnitude, and grows as many connections where the gradient
/// is largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GraNet {
    #[serde(flatten, with = "Shared::<GraNet>")]
    #[schemars(with = "Shared<GraNet>")]
    exchange: Exchange,
    /// Sparsity at the start, in [0, 1]; that to reach if it is lower.
    initial_sparsity: f64,
    /// The sparsity to reach is reached with the last update before this; later ones only exchange.
    prune_end: Span,
}

impl Default for GraNet {
    fn default() -> Self {
        let exchange = Exchange {
            drop_fraction: 0.5,
            final_drop_fraction: 0.005,
            end: Span::Fraction(1.0),
            regrowth: Regrowth::Reinitialised,
            ..Exchange::STEPS
        };
        Self { exchange, initial_sparsity: 0.5, prune_end: Span::Fraction(0.6875) }
    }
}

#[typetag::serde(name = "granet")]
impl Strategy for GraNet {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        Keys { absent: &["start"], ..Keys::ALL }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate()?;
        check::fraction("initial_sparsity", self.initial_sparsity)
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        self.exchange.allocate(topology)?;
        topology.allocate_start(self.exchange.distribution, 1.0 - self.initial_sparsity)?;
        topology.activate_random()
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let start = topology.active_density();
        match self.exchange.passed(step) {
            0 => start,
            _ => {
                let arrival = self.exchange.arrival(step, self.prune_end);
                Curve::Cubic.at(start, topology.density(), arrival)
            }
        }
    }

    fn reads_gradient(&self) -> bool {
        true
    }

    fn counts(&self, views: &[View<'_>]) -> Result<Vec<Counts>> {
        let Some(View { step, fraction, .. }) = views.first() else { return Ok(Vec::new()) };
        let layers: Vec<&Layer> = views.iter().map(|view| view.layer).collect();
        let sum = |count: fn(&Layer) -> usize| layers.iter().map(|layer| count(layer)).sum();
        let (initial, last): (usize, usize) =
            (sum(Layer::initial_target), sum(Layer::final_target));
        let arrival = self.exchange.arrival(step, self.prune_end);
        let total = Curve::Cubic.at(initial as f64, last as f64, arrival).round() as usize;
        let counts = |(layer, kept): (&&Layer, usize)| Counts {
            // Pruning and exchange both take the smallest weights: first these, then those.
            drop: layer.active_count() - kept + (fraction * kept as f64).ceil() as usize,
            target: kept,
        };
        Ok(layers.iter().zip(count_largest(&layers, total)?).map(counts).collect())
    }

    fn growth(&self, view: &View<'_>) -> Result<Growth> {
        Ok(Growth::Largest(view.gradient()?.abs()))
    }
}

dst_core::strategy_plugin! {
    GraNet,
    name: "granet",
    title: "GraNet",
    paper: "Liu, Chen, Chen, Atashgahi, Yin, Kou, Shen, Pechenizkiy, Wang & Mocanu (2021), Sparse Training via Boosting Pruning Plasticity with Neuroregeneration",
    bibtex: include_str!("../paper.bib"),
    summary: "Prunes over all layers along a cubic curve and exchanges connections at every update.",
}

#[cfg(test)]
mod tests;
