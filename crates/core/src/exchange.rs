//! What drop-and-grow methods share: their parameters, and when and how an update runs.
//!
//! A method holds one [`Exchange`] among its own parameters and says, in the hooks of
//! [`Strategy`] that take a [`View`], which weights are weakest, where to grow, and how many. The
//! rest (timing, growth windows, exact counts, forecast) is the same for all and lies here.

mod groups;
mod keys;

pub use keys::{Keys, Shared};

use std::collections::BTreeMap;

use tch::Tensor;

use crate::error::{Error, Result};
use crate::probe::Probe;
use crate::schedule::{Span, Timing};
use crate::strategy::{BatchUse, Step, Strategy, check};
use crate::topology::{InitialMask, Layer, Moments, Regrowth, Topology, Update};
use crate::{Curve, Distribution, selection};

keys::exchange! {
    /// How the connections are shared among layers.
    distribution: Distribution,
    /// The first layer of the model stays dense, and the others share what it leaves.
    dense_first_layer: bool,
    /// The last layer of the model stays dense, and the others share what it leaves.
    dense_last_layer: bool,
    /// Densities in (0, 1] of layers by name, such as `{ "conv1.weight" = 0.5 }`; the other layers
    /// share what they leave. Such a layer keeps its number of connections in every update.
    layer_densities: BTreeMap<String, f64>,
    /// By what the first topology is chosen.
    start: InitialMask,
    /// Fraction of a layer's active weights that the first update replaces, in [0, 1].
    drop_fraction: f64,
    /// The fraction that is replaced at `end`, in [0, 1].
    final_drop_fraction: f64,
    /// How the fraction decays until `end`.
    decay: Curve,
    /// The distance between updates.
    interval: Span,
    /// The first update; one interval after the start unless given.
    begin: Option<Span>,
    /// No updates from here on.
    end: Span,
    /// An update consumes its batch and takes the place of the optimiser step; otherwise both
    /// happen.
    replaces_step: bool,
    /// Batches whose mean gradient decides what grows, the last one being the update's own.
    growth_batches: u64,
    /// Whether a connection may be dropped and grown in one update.
    regrowth: Regrowth,
    /// Connections grow where none has been before, as long as there is such a place (in-time
    /// over-parameterisation, Liu et al. 2021).
    grow_new_first: bool,
    /// What happens to the optimiser's moments.
    moments: Moments,
}

/// Slot: the sum of dense gradients while a growth window is open.
const GRADIENTS: &str = "exchange/gradients";

/// What the hooks of an update see of one layer.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The step that the update belongs to.
    pub step: &'a Step,
    /// The layer before the update.
    pub layer: &'a Layer,
    /// The active set (`Bool`): that of the layer, or when the hook says where to grow, what is
    /// left after the drop.
    pub active: &'a Tensor,
    /// The share of active weights to replace, from the schedule.
    pub fraction: f64,
    gradient: Option<&'a Tensor>,
    values: &'a BTreeMap<String, f64>,
}

impl View<'_> {
    /// A number that the method keeps; see [`Topology::value`].
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// The sum of the dense gradients of the growth batches, in the weight's shape.
    ///
    /// # Errors
    /// If the method does not say that it reads them.
    pub fn gradient(&self) -> Result<&Tensor> {
        self.gradient.ok_or_else(|| {
            Error::contract("an update read the dense gradient, which was not announced")
                .at(self.layer.name().to_owned())
                .hint("return true from `reads_gradient`")
        })
    }

    /// The fraction as a whole number of active weights, rounded down.
    pub fn count(&self) -> usize {
        (self.fraction * self.layer.active_count() as f64) as usize
    }

    /// The share of the positive active weights, and separately of the negative ones, that lies
    /// nearest to 0 (`Bool`), each rounded down.
    ///
    /// # Errors
    /// If a weight is not a number.
    pub fn nearest_by_sign(&self) -> Result<Tensor> {
        let positive = self.layer.values().gt(0.0);
        let nearest = |side: &Tensor| {
            let side = side.logical_and(self.layer.active());
            let count = (self.fraction * selection::count(&side) as f64) as usize;
            selection::bottom_k(&self.layer.magnitude(), Some(&side), count)
        };
        Ok(nearest(&positive)?.logical_or(&nearest(&positive.logical_not())?))
    }

    /// Drops `drop` connections and grows as many as the layer's present target takes.
    pub fn exchange(&self, drop: usize) -> Counts {
        Counts { drop, target: self.layer.target() }
    }
}

/// What all views of one update share.
#[derive(Debug, Clone, Copy)]
struct Moment<'a> {
    step: &'a Step,
    fraction: f64,
    values: &'a BTreeMap<String, f64>,
}

impl Moment<'_> {
    fn view<'a>(
        &'a self,
        layer: &'a Layer,
        active: &'a Tensor,
        gradient: Option<&'a Tensor>,
    ) -> View<'a> {
        let Self { step, fraction, values } = *self;
        View { step, layer, active, fraction, gradient, values }
    }
}

/// One layer in the middle of an update.
#[derive(Debug)]
pub struct Rewiring<'a, 'b> {
    moment: Moment<'a>,
    counts: Counts,
    gradient: Option<&'a Tensor>,
    update: &'a mut Update<'b>,
}

impl<'b> Rewiring<'_, 'b> {
    /// The layer and what is active after the steps so far.
    pub fn view(&self) -> View<'_> {
        self.moment.view(self.update.layer(), self.update.active(), self.gradient)
    }

    /// What [`Strategy::counts`] gave for the layer.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Where connections are dropped and grown.
    pub fn update(&mut self) -> &mut Update<'b> {
        self.update
    }
}

/// How many connections of a layer an update drops, and how many are active after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Active weights to drop.
    pub drop: usize,
    /// Active weights after the update; as many grow as that takes.
    pub target: usize,
}

impl Exchange {
    /// RigL's schedule (Evci et al. 2020), which later papers use for most methods, as a base for
    /// others: `Exchange { interval: …, ..Exchange::STEPS }`.
    pub const STEPS: Self = Self {
        distribution: Distribution::Erk,
        dense_first_layer: false,
        dense_last_layer: false,
        layer_densities: BTreeMap::new(),
        start: InitialMask::Random,
        drop_fraction: 0.3,
        final_drop_fraction: 0.0,
        decay: Curve::Cosine,
        interval: Span::Steps(100),
        begin: None,
        end: Span::Fraction(0.75),
        replaces_step: false,
        growth_batches: 1,
        regrowth: Regrowth::Allowed,
        grow_new_first: false,
        moments: Moments::ZeroNewborn,
    };

    /// The schedule of SET (Mocanu et al. 2018): once an epoch, always the same fraction.
    pub const EPOCHS: Self = {
        let mut epochs = Self::STEPS;
        epochs.interval = Span::Epochs(1.0);
        epochs.end = Span::Fraction(1.0);
        epochs.decay = Curve::Constant;
        epochs
    };

    /// When updates happen.
    pub fn timing(&self) -> Timing {
        Timing { interval: self.interval, begin: self.begin, end: self.end }
    }

    /// The share of active weights that an update at `step` replaces.
    pub fn fraction(&self, step: &Step) -> f64 {
        let progress = self.timing().progress(step);
        self.decay.at(self.drop_fraction, self.final_drop_fraction, progress)
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// If one is, naming its key.
    pub fn validate(&self) -> Result<()> {
        self.validate_as(Keys::ALL)
    }

    /// As [`Exchange::validate`], for a method that has own words for some of its `keys`.
    ///
    /// # Errors
    /// As there.
    pub fn validate_as(&self, keys: Keys) -> Result<()> {
        check::fraction(keys.own_name("drop_fraction"), self.drop_fraction)?;
        check::fraction(keys.own_name("final_drop_fraction"), self.final_drop_fraction)?;
        for (layer, density) in &self.layer_densities {
            if !(*density > 0.0 && *density <= 1.0) {
                return Err(Error::usage(format!(
                    "layer_densities.{layer} = {density} is not in (0, 1]"
                )));
            }
        }
        self.interval.check_interval("interval")?;
        check::at_least_one("growth_batches", self.growth_batches)
    }

    /// How many updates a whole training from the step `start` has.
    pub fn updates(&self, start: &Step) -> usize {
        self.timing().updates(start, self.batch_use())
    }

    /// How many updates are due in batches up to the one at `step`, this one included.
    pub fn passed(&self, step: &Step) -> usize {
        self.timing().passed(step, self.batch_use())
    }

    /// What becomes of the batch at `step`.
    pub fn use_of(&self, step: &Step) -> BatchUse {
        let updates = self.replaces_step && self.timing().is_due(step);
        if updates { BatchUse::Topology } else { BatchUse::Weights }
    }

    /// How far a schedule is that arrives with the last update before `until`; see
    /// [`Timing::arrival`].
    pub fn arrival(&self, step: &Step, until: Span) -> f64 {
        let end = step.steps_in(self.end).min(step.steps_in(until));
        Timing { end: Span::Steps(end), ..self.timing() }.arrival(step, self.batch_use())
    }

    /// The steps of a whole training from `start` at which an update is due, for forecasts.
    pub fn update_steps(&self, start: &Step) -> Vec<Step> {
        self.timing().due_at(start, self.batch_use())
    }

    /// Shares the connections among the layers and chooses the first topology.
    ///
    /// # Errors
    /// As [`Topology::allocate`] and [`Topology::activate_by`].
    pub fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        self.allocate(topology)?;
        topology.activate_by(self.start, probe)
    }

    /// Shares the connections among the layers and settles what becomes of moments: the part of
    /// [`Exchange::init`] before a first topology is chosen.
    ///
    /// # Errors
    /// As [`Topology::allocate_around`], and if a layer is named that the model does not have.
    pub fn allocate(&self, topology: &mut Topology) -> Result<()> {
        topology.moments = self.moments;
        let fixed = self.fixed_densities(topology)?;
        topology.allocate_around(self.distribution, &fixed)
    }

    /// Densities that users fixed, by the layer's index.
    fn fixed_densities(&self, topology: &Topology) -> Result<BTreeMap<usize, f64>> {
        let layers = topology.layers();
        let mut fixed = BTreeMap::new();
        let declared = |index: &usize| layers[*index].declared();
        let ends = [
            (self.dense_first_layer, (0..layers.len()).min_by_key(declared)),
            (self.dense_last_layer, (0..layers.len()).max_by_key(declared)),
        ];
        for (_, index) in ends.into_iter().filter(|(is_dense, _)| *is_dense) {
            fixed.extend(index.map(|index| (index, 1.0)));
        }
        for (name, density) in &self.layer_densities {
            let index = layers.iter().position(|layer| layer.name() == name);
            let index = index
                .ok_or_else(|| Error::unknown("layer", name, layers.iter().map(Layer::name)))?;
            fixed.insert(index, *density);
        }
        Ok(fixed)
    }

    /// Is this batch's gradient one of the growth batches?
    pub fn is_window(&self, step: &Step) -> bool {
        self.timing().is_due_within(step, self.growth_batches.saturating_sub(1))
    }

    /// Lets the method look at every layer, sums gradients over the growth window, and updates if
    /// that takes the place of the step. A method that does more after backward does it in
    /// [`Strategy::observe`], or calls this at the end of its own hook.
    ///
    /// # Errors
    /// What the method or the topology refuse.
    // Generic, because `&self` of a trait's default method is no `&dyn Strategy`.
    pub fn after_backward<S: Strategy + ?Sized>(
        &self,
        method: &S,
        step: &Step,
        topology: &mut Topology,
    ) -> Result<BatchUse> {
        for layer in topology.layers_mut() {
            method.observe(step, layer)?;
        }
        let updates = self.use_of(step) == BatchUse::Topology;
        if method.reads_gradient() && self.is_window(step) {
            for layer in topology.layers_mut() {
                let gradient = match layer.take_slot(GRADIENTS) {
                    Some(earlier) => earlier + layer.dense_gradient()?,
                    None if updates => layer.dense_gradient()?,
                    // Copied, because the gradient's storage is used again by the next batch.
                    None => layer.dense_gradient()?.copy(),
                };
                layer.set_slot(GRADIENTS, gradient);
            }
        }
        if !updates {
            return Ok(BatchUse::Weights);
        }
        self.update(method, step, topology)?;
        Ok(BatchUse::Topology)
    }

    /// Updates if that follows the step.
    ///
    /// # Errors
    /// What the method or the topology refuse.
    pub fn after_step<S: Strategy + ?Sized>(
        &self,
        method: &S,
        step: &Step,
        topology: &mut Topology,
    ) -> Result<()> {
        if self.replaces_step || !self.timing().is_due(step) {
            return Ok(());
        }
        self.update(method, step, topology)
    }

    fn update<S: Strategy + ?Sized>(
        &self,
        method: &S,
        step: &Step,
        topology: &mut Topology,
    ) -> Result<()> {
        let fraction = self.fraction(step);
        let fixed = self.fixed_densities(topology)?;
        let (layers, values) = topology.layers_and_values();
        let gradients: Vec<Option<Tensor>> =
            layers.iter_mut().map(|layer| layer.take_slot(GRADIENTS)).collect();
        let moment = Moment { step, fraction, values };
        let views: Vec<View<'_>> = layers
            .iter()
            .zip(&gradients)
            .map(|(layer, gradient)| moment.view(layer, layer.active(), gradient.as_ref()))
            .collect();
        let counts = counts(method, &views, &fixed)?;
        for ((layer, gradient), counts) in layers.iter_mut().zip(gradients).zip(counts) {
            layer.set_target(counts.target)?;
            if layer.stays_dense() {
                continue;
            }
            let gradient = gradient.as_ref();
            layer.update(self.regrowth, |update: &mut Update<'_>| {
                update.set_new_first(self.grow_new_first);
                method.rewire(&mut Rewiring { moment, counts, gradient, update })
            })?;
        }
        Ok(())
    }

    fn batch_use(&self) -> BatchUse {
        if self.replaces_step { BatchUse::Topology } else { BatchUse::Weights }
    }
}

/// The counts of all layers. A layer of fixed density is asked for by itself, so that no connection
/// moves from it to others.
fn counts<S: Strategy + ?Sized>(
    method: &S,
    views: &[View<'_>],
    fixed: &BTreeMap<usize, f64>,
) -> Result<Vec<Counts>> {
    let checked = |views: &[View<'_>]| {
        let counts = method.counts(views)?;
        if counts.len() == views.len() {
            return Ok(counts);
        }
        Err(Error::contract(format!(
            "`counts` gave {} layers where there are {}",
            counts.len(),
            views.len()
        )))
    };
    let is_fixed = |index: &usize| fixed.contains_key(index);
    let open: Vec<View<'_>> =
        (0..views.len()).filter(|index| !is_fixed(index)).map(|index| views[index]).collect();
    let mut open = checked(&open)?.into_iter();
    let mut all = Vec::with_capacity(views.len());
    for index in 0..views.len() {
        match is_fixed(&index) {
            true => all.extend(checked(&views[index..=index])?),
            false => all.extend(open.next()),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
