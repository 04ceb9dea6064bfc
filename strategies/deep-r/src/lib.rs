//! Deep R: a random walk on weights of fixed sign; one that would change its sign is rewired.

use dst_core::tch::{Kind, Tensor};
use dst_core::topology::Growth;
use dst_core::{
    Distribution, Error, Forecast, Layer, Probe, Regrowth, Result, Step, Strategy, Topology,
    selection,
};
use rand::RngExt;
use rand_distr::{Distribution as _, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Deep rewiring (Bellec, Kappel, Maass & Legenstein 2018).
///
/// Every connection of the network, active or not, has a sign that was drawn at random. After every
/// step of the optimiser at learning rate η, active weights move by −η·`l1` along their sign and by a
/// normal random number of standard deviation η·`noise`. A weight that reaches 0 or changes its sign
/// becomes dormant; as many dormant connections of the layer, drawn at random, wake with their own sign
/// at almost 0. There are no scores and no interval.
///
/// The gradient step is that of any optimiser; the paper's is stochastic gradient descent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeepR {
    /// How the connections are shared among layers.
    distribution: Distribution,
    /// How far a step pulls a weight towards 0, divided by the learning rate, at least 0 (α in the
    /// paper).
    l1: f64,
    /// Standard deviation of the noise of a step, divided by the learning rate, at least 0.
    noise: f64,
}

impl Default for DeepR {
    fn default() -> Self {
        Self { distribution: Distribution::Erk, l1: 1e-5, noise: 1e-5 }
    }
}

/// Slot: 1 and −1, the signs of all connections of a layer.
const SIGN: &str = "sign";

/// The magnitude at which a connection wakes.
const AWAKE: f64 = 1e-12;

impl DeepR {
    /// The steps that are not the optimiser's, towards 0 and at random; returns which connections are
    /// awake then (`Bool`).
    fn walk(&self, layer: &mut Layer, sign: &Tensor, learning_rate: f64) -> Result<Tensor> {
        let active = layer.active().shallow_clone();
        // The active ones alone, as the paper has them: θ, positive while awake.
        let sign = selection::gather(sign, &active);
        let mut theta =
            selection::gather(&layer.values(), &active) * &sign - learning_rate * self.l1;
        if self.noise > 0.0 {
            theta += noise(layer) * (learning_rate * self.noise);
        }
        // What is not a number stays, so that the loop finds it.
        let asleep = selection::scatter(&theta.le(0.0).to_kind(Kind::Float), &active);
        let walked = selection::scatter(&(theta * sign), &active);
        layer.map_active(|_| Ok(walked))?;
        Ok(active.f_logical_and(&asleep.eq(0.0))?)
    }
}

/// A standard normal number for every active weight of the layer.
fn noise(layer: &mut Layer) -> Tensor {
    let count = layer.active_count();
    let drawn: Vec<f32> = StandardNormal.sample_iter(layer.rng()).take(count).collect();
    Tensor::from_slice(&drawn).to_device(layer.active().device())
}

/// Puts all but the connections that are `awake` to sleep, and wakes as many others.
fn rewire(layer: &mut Layer, sign: &Tensor, awake: &Tensor) -> Result<()> {
    if selection::count(awake) == layer.active_count() {
        return Ok(());
    }
    layer.update(Regrowth::Reinitialised, |update| {
        update.retain(awake);
        update.grow(&Growth::Random)
    })?;
    // What was put to sleep and drawn again at once starts from 0 like all others.
    layer.map_active(|values| Ok((sign * AWAKE).where_self(&values.eq(0.0), values)))
}

#[typetag::serde(name = "deep-r")]
impl Strategy for DeepR {
    fn validate(&self) -> Result<()> {
        for (key, value) in [("l1", self.l1), ("noise", self.noise)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::usage(format!("{key} = {value} is not a positive number or 0")));
            }
        }
        Ok(())
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.allocate(self.distribution)?;
        topology.activate_random()?;
        // A dense layer has no dormant connections and is left to the optimiser.
        for layer in topology.layers_mut().iter_mut().filter(|layer| !layer.is_dense()) {
            let size = layer.size();
            let rng = layer.rng();
            let signs: Vec<f32> =
                (0..size).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect();
            let values = layer.values();
            let sign = Tensor::from_slice(&signs).reshape(layer.shape()).to_device(values.device());
            layer.map_active(|values| Ok(values.abs() * &sign))?;
            layer.set_slot(SIGN, sign.to_kind(Kind::Float));
        }
        Ok(())
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::AtMost(start.total() as usize)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        for layer in topology.layers_mut() {
            let Some(sign) = layer.slot(SIGN).map(Tensor::shallow_clone) else { continue };
            let awake = self.walk(layer, &sign, step.learning_rate)?;
            rewire(layer, &sign, &awake)?;
        }
        Ok(())
    }
}

dst_core::strategy_plugin! {
    DeepR,
    name: "deep-r",
    title: "Deep R",
    paper: "Bellec, Kappel, Maass & Legenstein (2018), Deep Rewiring: Training very sparse deep networks",
    bibtex: include_str!("../paper.bib"),
    summary: "Walks at random with weights of fixed sign and rewires those that would change it.",
    brief: "noise = 1.0",
    moves_weights: true,
}

#[cfg(test)]
mod tests;
