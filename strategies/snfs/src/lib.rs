//! SNFS: drop the weakest connections, grow where the momentum is largest, and move connections
//! to the layers with the most of it.

use dst_core::redistribution::{self, Candidate};
use dst_core::tch::{Kind, Tensor};
use dst_core::{
    Counts, Distribution, Error, Exchange, GradientScope, Growth, Keys, Layer, Result, Shared,
    Span, Step, Strategy, View,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What decides how many of the removed connections each layer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Redistribution {
    /// The mean magnitude of the momentum of its active weights.
    #[default]
    Momentum,
    /// The mean magnitude of its active weights.
    Magnitude,
    /// Each layer grows what it dropped (how later papers run the method).
    None,
}

/// Sparse networks from scratch by sparse momentum (Dettmers & Zettlemoyer 2019, Algorithm 1).
///
/// Every `interval`, each layer drops the fraction `drop_fraction` of its active weights that have
/// the smallest magnitude. As many connections grow in the whole network: layers share them by
/// the mean magnitude of the momentum of their active weights, and within a layer they grow
/// where the momentum is largest. The fraction decays from `drop_fraction` to `final_drop_fraction`.
///
/// The momentum is an exponential mean of dense gradients that the strategy keeps itself; the
/// reference reads the optimiser's buffer. Counts are exact, where the reference starts from a
/// random number of connections and corrects for what it missed. The update happens after the
/// first step of an epoch instead of the last of the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snfs {
    #[serde(flatten, with = "Shared::<Snfs>")]
    #[schemars(with = "Shared<Snfs>")]
    exchange: Exchange,
    /// Decay of the mean of gradients, in [0, 1); 0 follows the last gradient alone.
    momentum: f64,
    /// What decides how many of the removed connections each layer gets.
    redistribution: Redistribution,
}

impl Default for Snfs {
    fn default() -> Self {
        let exchange = Exchange {
            distribution: Distribution::Uniform,
            drop_fraction: 0.5,
            final_drop_fraction: 0.005,
            interval: Span::Epochs(1.0),
            end: Span::Fraction(1.0),
            ..Exchange::STEPS
        };
        Self { exchange, momentum: 0.9, redistribution: Redistribution::Momentum }
    }
}

/// Slot: the exponential mean of dense gradients.
const MOMENTUM: &str = "momentum";

/// Layers with a smaller share of free positions than this drop less if they are to grow more
/// than the average layer (reference code).
const NEARLY_DENSE: f64 = 0.2;

impl Snfs {
    /// What a layer deserves, in any unit.
    fn merit(&self, layer: &Layer) -> Result<f64> {
        let score = match self.redistribution {
            Redistribution::Momentum => momentum(layer)?.abs(),
            Redistribution::Magnitude => layer.magnitude(),
            Redistribution::None => return Ok(0.0),
        };
        let sum = (score * layer.active()).sum(Kind::Double).double_value(&[]);
        Ok(sum / layer.active_count() as f64)
    }

    /// What the sharing needs to know about every layer.
    fn candidates(&self, layers: &[View<'_>]) -> Result<Vec<Candidate>> {
        let merits: Vec<f64> =
            layers.iter().map(|view| self.merit(view.layer)).collect::<Result<_>>()?;
        let mean = merits.iter().sum::<f64>() / merits.len() as f64;
        Ok(layers
            .iter()
            .zip(merits)
            .map(|(view, merit)| {
                let (size, active) = (view.layer.size(), view.layer.active_count());
                let (rate, free) = (view.fraction, 1.0 - view.layer.density());
                let rate = if free < NEARLY_DENSE && merit > mean { rate.min(free) } else { rate };
                let removed = ((rate * active as f64).ceil() as usize).min(active);
                Candidate { size, active, removed, merit }
            })
            .collect())
    }
}

/// The mean of gradients of a layer, in the weight's shape.
fn momentum(layer: &Layer) -> Result<&Tensor> {
    layer.slot(MOMENTUM).ok_or_else(|| {
        Error::contract("there is no momentum before the first backward pass")
            .at(layer.name().to_owned())
    })
}

#[typetag::serde(name = "snfs")]
impl Strategy for Snfs {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        Keys { absent: &["growth_batches"], later: &["replaces_step"], ..Keys::ALL }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate_as(Self::keys())?;
        if (0.0..1.0).contains(&self.momentum) {
            return Ok(());
        }
        Err(Error::usage(format!("momentum = {} is not in [0, 1)", self.momentum)))
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(step.index < step.steps_in(self.exchange.end))
    }

    fn observe(&self, step: &Step, layer: &mut Layer) -> Result<()> {
        if self.gradient_scope(step) < GradientScope::All {
            return Ok(());
        }
        let gradient = layer.dense_gradient()?;
        let mut mean = match layer.take_slot(MOMENTUM) {
            Some(mean) => mean,
            None => gradient.zeros_like(),
        };
        let _ = mean.f_lerp_(&gradient, 1.0 - self.momentum)?;
        layer.set_slot(MOMENTUM, mean);
        Ok(())
    }

    fn counts(&self, layers: &[View<'_>]) -> Result<Vec<Counts>> {
        Ok(redistribution::counts(&self.candidates(layers)?))
    }

    fn growth(&self, view: &View<'_>) -> Result<Growth> {
        Ok(Growth::Largest(momentum(view.layer)?.abs()))
    }
}

dst_core::strategy_plugin! {
    Snfs,
    name: "snfs",
    title: "SNFS",
    paper: "Dettmers & Zettlemoyer (2019), Sparse Networks from Scratch: Faster Training without Losing Performance",
    bibtex: include_str!("../paper.bib"),
    summary: "Drops the weakest connections and grows by momentum, in the layers that have the most.",
    redistributes: true,
    earlier_names: &[("prune_rate", "drop_fraction"), ("final_prune_rate", "final_drop_fraction")],
}

#[cfg(test)]
mod tests;
