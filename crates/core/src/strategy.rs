//! What a method of dynamic sparse training is.

use std::fmt::Debug;

use dst_record::Span;
use tch::Tensor;

use crate::error::Result;
use crate::exchange::{Counts, Exchange, Keys, Rewiring, View};
use crate::origin::FromCrate;
use crate::probe::Probe;
use crate::topology::{Growth, Layer, Topology};

/// Where training stands when a hook is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Optimiser steps taken so far; batches that went into the topology are not counted.
    pub index: u64,
    /// The current epoch, from 0.
    pub epoch: u32,
    /// Batches of this epoch already consumed. With gradient accumulation a batch is what feeds
    /// one optimiser step.
    pub offset: u64,
    /// Batches in one epoch.
    pub per_epoch: u64,
    /// Planned epochs.
    pub epochs: u32,
    /// The `index` at which a batch last went into the topology instead of the weights.
    pub updated_at: Option<u64>,
    /// The learning rate of this step.
    pub learning_rate: f64,
}

impl Step {
    /// The first step of a training of `epochs` epochs with `per_epoch` batches each. Its learning
    /// rate is 0, because only the loop knows it.
    pub fn first(per_epoch: u64, epochs: u32) -> Self {
        Self {
            index: 0,
            epoch: 0,
            offset: 0,
            per_epoch,
            epochs,
            updated_at: None,
            learning_rate: 0.0,
        }
    }

    /// The step of the batch at `position` of this training, if no batch goes into the topology.
    pub fn at(&self, position: u64) -> Self {
        let per_epoch = self.per_epoch.max(1);
        let (epoch, offset) = ((position / per_epoch) as u32, position % per_epoch);
        Self { index: position, epoch, offset, ..*self }
    }

    /// The step of the last batch of this training, as [`Step::at`].
    pub fn last(&self) -> Self {
        self.at(self.total().saturating_sub(1))
    }

    /// The step after the batch at this one was used.
    #[must_use]
    pub fn after(&self, batch_use: BatchUse) -> Self {
        let mut next = *self;
        match batch_use {
            BatchUse::Weights => next.index += 1,
            BatchUse::Topology => next.updated_at = Some(self.index),
        }
        next.offset += 1;
        if next.offset >= next.per_epoch {
            (next.epoch, next.offset) = (next.epoch + 1, 0);
        }
        next
    }

    /// Planned optimiser steps of the whole training.
    pub fn total(&self) -> u64 {
        self.per_epoch * u64::from(self.epochs)
    }

    /// The length of `span` in optimiser steps of this training.
    pub fn steps_in(&self, span: Span) -> u64 {
        match span {
            Span::Steps(steps) => steps,
            Span::Epochs(epochs) => (epochs * self.per_epoch as f64).round() as u64,
            Span::Fraction(fraction) => (fraction * self.total() as f64).round() as u64,
        }
    }

    /// Batches consumed so far, whatever they were used for.
    pub fn position(&self) -> u64 {
        u64::from(self.epoch) * self.per_epoch + self.offset
    }
}

/// Which weights need a gradient in a step: what the backward pass must compute, and what the step
/// is charged for. Each scope contains the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum GradientScope {
    /// The active ones.
    #[default]
    Active,
    /// Those that the optimiser moves, too, where a method trains inactive weights
    /// ([`Layer::set_trainable`](crate::Layer::set_trainable)).
    Trainable,
    /// All.
    All,
}

impl GradientScope {
    /// All weights if `condition` holds, otherwise the active ones.
    pub fn all_if(condition: bool) -> Self {
        if condition { Self::All } else { Self::Active }
    }
}

/// What happens with a batch after `after_backward`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchUse {
    /// The optimiser steps with its gradients.
    Weights,
    /// It went into the topology: the weights do not move and the step does not advance.
    Topology,
}

/// How often a whole training changes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// Never: the first topology is the last one.
    Never,
    /// So many times.
    Exactly(usize),
    /// So many times or fewer, because it depends on what happens in the training.
    AtMost(usize),
}

/// Training that begins anew from an early state, with the connections that are left then (Frankle &
/// Carbin 2019): weights, buffers and the optimiser become what they were at the end of epoch `to`,
/// and so does the learning rate, which runs through the rest of its schedule until the next rewind.
/// Connections, their ages and the data go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewinds {
    /// So many epochs had been trained; 0 is the start.
    pub to: u32,
    /// The epochs, from 0, ascending, at whose first batch the state is set back, after the hooks of
    /// that batch. None is before `to`.
    pub at: Vec<u32>,
}

/// A method that decides which connections are active.
///
/// The config is the strategy: implementors are plain serde structs with the defaults of their
/// paper and no tensors. All that changes during training lives in the [`Topology`]. A strategy
/// decides *when*, *which scores* and *how many*; it need not select exact counts, zero dropped
/// weights, reset optimiser state, suspend gradient recording (every hook runs without it),
/// save anything, or know how sparsity is stored.
///
/// The sparsity to reach is [`Topology::density`]; how many connections a layer must have after
/// an update is [`Layer::target`].
///
/// Most methods drop connections and grow others, now and then. Such a method holds an
/// [`Exchange`] and writes [`exchange`](Strategy::exchange) and what it decides of
/// [`weakest`](Strategy::weakest), [`growth`](Strategy::growth), [`counts`](Strategy::counts) and
/// [`reads_gradient`](Strategy::reads_gradient). The other hooks then have defaults that run the
/// updates. A method of another kind writes those that it needs, from
/// [`init`](Strategy::init) to [`after_step`](Strategy::after_step).
#[typetag::serde(tag = "name")]
pub trait Strategy: FromCrate + Debug + Send + Sync {
    /// Refuses values outside their range, naming the key. Called before anything expensive.
    ///
    /// # Errors
    /// If a parameter is out of range; see [`check`].
    fn validate(&self) -> Result<()> {
        self.exchange().map_or(Ok(()), Exchange::validate)
    }

    /// What a drop-and-grow method shares with others. It drives all hooks that are not written.
    fn exchange(&self) -> Option<&Exchange> {
        None
    }

    /// How this method spells the parameters that it shares with others.
    fn keys() -> Keys
    where
        Self: Sized,
    {
        Keys::ALL
    }

    /// Do updates look at the dense gradient? It is then announced, summed over
    /// [`Exchange::growth_batches`], and there in every [`View`].
    fn reads_gradient(&self) -> bool {
        false
    }

    /// Called for every layer after every backward pass, before an update: for running means of
    /// gradients. It must not change connections.
    ///
    /// # Errors
    /// What the layer refuses.
    fn observe(&self, step: &Step, layer: &mut Layer) -> Result<()> {
        let _ = (step, layer);
        Ok(())
    }

    /// How many connections an update drops in every layer, and how many are active after it, in
    /// the order of the topology: [`View::count`] and the present target unless written.
    ///
    /// # Errors
    /// What the layers refuse.
    fn counts(&self, layers: &[View<'_>]) -> Result<Vec<Counts>> {
        Ok(layers.iter().map(|view| view.exchange(view.count())).collect())
    }

    /// Scores in the weight's shape; an update drops the lowest of active weights. |w| unless
    /// written.
    ///
    /// # Errors
    /// What the layer refuses.
    fn weakest(&self, view: &View<'_>) -> Result<Tensor> {
        Ok(view.layer.magnitude())
    }

    /// Where an update grows: at random unless written.
    ///
    /// # Errors
    /// What the layer refuses.
    fn growth(&self, view: &View<'_>) -> Result<Growth> {
        let _ = view;
        Ok(Growth::Random)
    }

    /// The update of one layer: drops the [`weakest`](Strategy::weakest) and lets
    /// [`growth`](Strategy::growth) choose what comes in their place, as many as
    /// [`counts`](Strategy::counts) says. Written by methods whose choice has a structure, such as
    /// equally many connections for every neuron.
    ///
    /// # Errors
    /// What the layer refuses.
    fn rewire(&self, layer: &mut Rewiring<'_, '_>) -> Result<()> {
        let drop = layer.counts().drop;
        let weakest = self.weakest(&layer.view())?;
        layer.update().drop(drop, &weakest)?;
        let growth = self.growth(&layer.view())?;
        layer.update().grow(&growth)
    }

    /// Called once before the first step to choose the starting topology. Every layer is dense
    /// until then.
    ///
    /// # Errors
    /// If the sparsity cannot be reached.
    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        self.exchange().map_or(Ok(()), |shared| shared.init(topology, probe))
    }

    /// The density of all prunable weights once the batch at `step` is through, as the schedule has
    /// it: always that of the start unless written. `topology` is what [`Strategy::init`] chose.
    ///
    /// What a training costs is worked out from it beforehand, and users hear of it where the last
    /// batch leaves another density than the one that was asked for. It is asked for every batch,
    /// so it must be cheap.
    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let _ = step;
        topology.active_density()
    }

    /// How often a whole training, from its first step `start`, changes connections, as the schedule
    /// has it. If that is 0 times, users hear of it before they train: an interval that is longer than
    /// the training makes every method a static one. [`Forecast::Never`] is for methods that are static
    /// by design.
    fn updates(&self, start: &Step) -> Forecast {
        let exactly = |shared: &Exchange| Forecast::Exactly(shared.updates(start));
        self.exchange().map_or(Forecast::Never, exactly)
    }

    /// When the loop sets the training back to an early state: never unless written. Must depend on the
    /// config and the length of the training only.
    fn rewinds(&self, start: &Step) -> Option<Rewinds> {
        let _ = start;
        None
    }

    /// Called before the forward pass: which weights need a gradient in this step? Sparse kernels
    /// compute no more, and [`Layer::dense_gradient`](crate::topology::Layer::dense_gradient)
    /// refuses it unless the scope is [`GradientScope::All`].
    fn gradient_scope(&self, step: &Step) -> GradientScope {
        let reads = |shared: &Exchange| self.reads_gradient() && shared.is_window(step);
        GradientScope::all_if(self.exchange().is_some_and(reads))
    }

    /// Called after backward and before the optimiser, with unclipped gradients. Only a batch that
    /// is skipped may change the topology here: the gradients of an applied one belong to the
    /// active set of its forward pass. Others change it in `after_step`.
    ///
    /// # Errors
    /// Whatever the topology refuses.
    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<BatchUse> {
        match self.exchange() {
            Some(shared) => shared.after_backward(self, step, topology),
            None => Ok(BatchUse::Weights),
        }
    }

    /// Called after the optimiser stepped; not after [`BatchUse::Topology`]. `step.index` is the
    /// same as in `after_backward` of this batch.
    ///
    /// # Errors
    /// Whatever the topology refuses.
    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        self.exchange().map_or(Ok(()), |shared| shared.after_step(self, step, topology))
    }
}

/// Range checks for [`Strategy::validate`].
pub mod check {
    use crate::error::{Error, Result};

    /// `value` lies in [0, 1].
    ///
    /// # Errors
    /// If it does not, naming `key`.
    pub fn fraction(key: &str, value: f64) -> Result<()> {
        if (0.0..=1.0).contains(&value) {
            return Ok(());
        }
        Err(Error::usage(format!("{key} = {value} is not in [0, 1]")))
    }

    /// `value` is at least 1.
    ///
    /// # Errors
    /// If it is 0, naming `key`.
    pub fn at_least_one(key: &str, value: u64) -> Result<()> {
        if value > 0 {
            return Ok(());
        }
        Err(Error::usage(format!("{key} = 0 must be at least 1")))
    }
}
