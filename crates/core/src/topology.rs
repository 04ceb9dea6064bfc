//! Which connections are active: the state of every method, in one place.
//!
//! Inactive weights are exactly 0 in the weight tensor itself, so a dense forward pass needs no
//! mask and the gradient that libtorch computes is the dense one: the gradient at the masked
//! weights for all positions.

mod initial_mask;
mod layer;
mod magnitude;
mod neurons;
mod records;
mod state;
mod update;

pub use initial_mask::InitialMask;
pub use layer::{Change, Layer, Regrowth};
pub use magnitude::count_largest;
pub use neurons::Neurons;
pub use records::{Churn, Records};
pub use state::TopologyState;
pub use update::{Growth, Update};

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::density::{self, Distribution};
use crate::error::{Error, Result};
use crate::layers::Parameters;
use crate::seed::SeedStreams;
use crate::selection;
use crate::strategy::GradientScope;

/// What happens to an optimiser's moments when the topology changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moments {
    /// Moments of new-born weights are 0 (RigL, reference implementation).
    #[default]
    ZeroNewborn,
    /// New-born weights inherit what the position held when it was last active, decayed since.
    Keep,
    /// All moments of a layer are 0 after its update, as in the masked Keras version of SET,
    /// which rebuilds its optimiser.
    ResetAll,
}

/// All prunable layers of a model, in name order, and what a strategy keeps about them.
#[derive(Debug)]
pub struct Topology {
    layers: Vec<Layer>,
    /// For every layer, the index of the one whose outputs are its inputs, if that is known.
    feeders: Vec<Option<usize>>,
    density: f64,
    rng: ChaCha8Rng,
    values: BTreeMap<String, f64>,
    /// What an update does to optimiser state; strategies set it in `init`.
    pub moments: Moments,
}

impl Topology {
    /// A dense topology over the prunable weights of `parameters`, meant to reach `density`.
    ///
    /// # Errors
    /// If `density` is not in (0, 1].
    pub fn new(parameters: &Parameters, density: f64, streams: &SeedStreams) -> Result<Self> {
        if !(density > 0.0 && density <= 1.0) {
            return Err(Error::usage(format!("sparsity {} is not in [0, 1)", 1.0 - density)));
        }
        let layers: Vec<Layer> = parameters
            .prunable()
            .map(|(name, weight)| {
                let is_output = parameters.output() == Some(name);
                Layer::dense(name, weight, is_output, streams)
            })
            .collect();
        let index = |name: &str| layers.iter().position(|layer| layer.name() == name);
        let feeders =
            layers.iter().map(|layer| parameters.feeder(layer.name()).and_then(index)).collect();
        Ok(Self {
            feeders,
            layers,
            density,
            rng: streams.stream("topology"),
            values: BTreeMap::new(),
            moments: Moments::default(),
        })
    }

    /// The density to reach, of all prunable weights together.
    pub fn density(&self) -> f64 {
        self.density
    }

    /// The layers in name order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers in name order.
    pub fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// Prunable weights of all layers.
    pub fn size(&self) -> usize {
        self.layers.iter().map(Layer::size).sum()
    }

    /// Active weights of all layers.
    pub fn active_count(&self) -> usize {
        self.layers.iter().map(Layer::active_count).sum()
    }

    /// The share of active weights at present, in [0, 1]; [`Topology::density`] is the one to reach.
    pub fn active_density(&self) -> f64 {
        self.active_count() as f64 / self.size() as f64
    }

    /// The stream for choices that concern several layers; each layer has one of its own too.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// A number that the strategy keeps, saved with the checkpoint.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// The layers to be changed, beside the numbers that the strategy keeps.
    pub(crate) fn layers_and_values(&mut self) -> (&mut [Layer], &BTreeMap<String, f64>) {
        (&mut self.layers, &self.values)
    }

    /// Keeps a number under a name.
    pub fn set_value(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }

    /// Sets every layer's target so that the whole reaches [`Topology::density`], shared by
    /// `distribution`. Nothing is activated or dropped yet.
    ///
    /// # Errors
    /// If the budget cannot be shared; see [`density::allocate`].
    pub fn allocate(&mut self, distribution: Distribution) -> Result<()> {
        self.allocate_around(distribution, &BTreeMap::new())
    }

    /// As [`Topology::allocate`], where layers with an entry in `fixed`, by index, have that density
    /// in (0, 1]. The others share what is left, so that the whole reaches the same density.
    ///
    /// # Errors
    /// If the fixed layers leave nothing for the others; see [`density::allocate`].
    pub fn allocate_around(
        &mut self,
        distribution: Distribution,
        fixed: &BTreeMap<usize, f64>,
    ) -> Result<()> {
        let shapes: Vec<Vec<i64>> = self.layers.iter().map(Layer::shape).collect();
        let counts = density::allocate_around(distribution, self.density, &shapes, fixed)?;
        for (layer, count) in self.layers.iter_mut().zip(counts) {
            layer.set_target(count)?;
            layer.final_target = count;
        }
        Ok(())
    }

    /// Sets the targets of a start that is denser than the end, after [`Topology::allocate`]: `density`
    /// in all, shared by `distribution`, and in no layer less than its final target. Nothing is
    /// activated or dropped yet.
    ///
    /// # Errors
    /// Never: it is denser than what could be allocated.
    pub fn allocate_start(&mut self, distribution: Distribution, density: f64) -> Result<()> {
        let shapes: Vec<Vec<i64>> = self.layers.iter().map(Layer::shape).collect();
        let counts = density::allocate(distribution, density.max(self.density), &shapes)?;
        for (layer, count) in self.layers.iter_mut().zip(counts) {
            layer.set_target(count.max(layer.final_target))?;
        }
        Ok(())
    }

    /// Makes every layer dense for now; their final targets stay what [`Topology::allocate`] gave.
    ///
    /// # Errors
    /// Never: a layer holds its size.
    pub fn start_dense(&mut self) -> Result<()> {
        for layer in &mut self.layers {
            layer.set_target(layer.size())?;
            layer.activate(&layer.active().ones_like())?;
        }
        Ok(())
    }

    /// Activates a uniformly random set of exactly the target count in every layer.
    ///
    /// # Errors
    /// Never for targets set by [`Topology::allocate`].
    pub fn activate_random(&mut self) -> Result<()> {
        self.layers.iter_mut().try_for_each(Layer::activate_random)
    }

    /// Activates, over all layers together, the entries with the largest scores so that the
    /// whole has `active` of them; targets follow. `scores` are in layer order.
    ///
    /// # Errors
    /// If a score is not a number, or a layer would be left without any connection.
    pub fn activate_globally(&mut self, scores: &[Tensor], active: usize) -> Result<()> {
        let all: Vec<Tensor> = self.layers.iter().map(|layer| layer.active().ones_like()).collect();
        let masks = selection::global_top_k(scores, &all, active)?;
        for (layer, mask) in self.layers.iter_mut().zip(masks) {
            layer.set_target(selection::count(&mask))?;
            layer.activate(&mask)?;
        }
        Ok(())
    }

    /// Keeps, of the active weights of all layers together, the `total` with the largest |w|, and at
    /// least one in every layer; targets follow.
    ///
    /// # Errors
    /// As [`count_largest`].
    pub fn keep_largest(&mut self, total: usize) -> Result<()> {
        let counts = count_largest(&self.layers.iter().collect::<Vec<_>>(), total)?;
        for (layer, count) in self.layers.iter_mut().zip(counts) {
            layer.set_target(count)?;
            layer.keep_largest(&layer.magnitude())?;
        }
        Ok(())
    }

    /// Called by the loop before the hooks of a step: which weights have gradients that may be used.
    ///
    /// # Errors
    /// If the optimiser would move weights that get no gradient.
    pub fn announce(&mut self, scope: GradientScope) -> Result<()> {
        self.layers.iter_mut().try_for_each(|layer| layer.announce(scope))
    }

    /// Called by the loop between `after_backward` and the optimiser: the gradients belong to the
    /// active set of the forward pass, so it must not have changed.
    ///
    /// # Errors
    /// If it has.
    pub fn check_unchanged(&self) -> Result<()> {
        match self.layers.iter().find(|layer| layer.is_pending()) {
            None => Ok(()),
            Some(layer) => Err(Error::contract(
                "the topology changed in `after_backward` of a batch that the optimiser uses",
            )
            .at(layer.name().to_owned())
            .hint("return `BatchUse::Topology`, or change it in `after_step`")),
        }
    }

    /// Called by the loop after the hooks of a step: makes pending changes real. Dropped weights
    /// become exactly 0, and the caller learns whose optimiser state must be reset.
    ///
    /// # Errors
    /// If a strategy left a layer with another number of active weights than its target.
    pub fn commit(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            changes.extend(layer.commit(index)?);
            layer.permit_compact(self.moments);
        }
        Ok(changes)
    }

    /// Called by the loop after it changed values itself: inactive weights become exactly 0 in what the
    /// forward pass sees.
    pub fn publish(&mut self) {
        self.layers.iter().for_each(Layer::publish);
    }

    /// Called by the loop once after [`Strategy::init`](crate::Strategy::init): the topology that
    /// was chosen becomes the first one, and records of churn and of ever-active connections
    /// begin here.
    ///
    /// # Errors
    /// As [`Topology::commit`].
    pub fn start(&mut self) -> Result<()> {
        self.commit()?;
        self.layers.iter_mut().for_each(Layer::restart_records);
        Ok(())
    }

    /// Everything but the weights, for a checkpoint: named tensors and plain state.
    pub fn save(&self) -> (Vec<(String, Tensor)>, TopologyState) {
        state::save(self)
    }

    /// Puts back what [`Topology::save`] gave.
    ///
    /// # Errors
    /// If the state is of another model.
    pub fn restore(
        &mut self,
        tensors: &BTreeMap<String, Tensor>,
        saved: &TopologyState,
    ) -> Result<()> {
        state::restore(self, tensors, saved)?;
        self.layers.iter().for_each(|layer| layer.permit_compact(self.moments));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
