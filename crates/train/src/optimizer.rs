//! Optimisers with visible state and a mask on the final delta. Their rules lie below, one a file.
//!
//! tch's optimisers hide their buffers, so new-born weights could not start clean and nothing
//! could be resumed bit for bit. These follow PyTorch's conventions.
//!
//! An entry outside the mask does not move at all, neither by gradient nor by momentum nor by
//! weight decay. Its gradient counts as 0, so its moments decay as they would if it were never
//! touched; what happens to them when the entry is born again is [`Moments`]' to say.

mod adam;
mod adamw;
mod fused;
mod plain;
mod rmsprop;
pub(crate) mod rule;
mod sgd;
mod state;

use dst_core::topology::Change;
use dst_core::{Layer, Moments, Parameter, Parameters, Result, StepOperands, Topology, Training};
use tch::{Device, Kind, Tensor};

use crate::snapshot::{self, Tensors};
use rule::{Entries, Rule};
use state::State;

/// How updates are computed. Both give the same numbers up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arithmetic {
    /// One pass over weight, gradient, moments and mask where the tensors are f32 on the CPU,
    /// libtorch's operations elsewhere.
    #[default]
    Fused,
    /// libtorch's operations everywhere.
    Plain,
}

/// An update rule with its state for every parameter of a model.
#[derive(Debug)]
pub struct Optimizer {
    rule: Box<dyn Rule>,
    clip_norm: f64,
    arithmetic: Arithmetic,
    /// Updates so far, the exponent of Adam's bias correction. It is the same for all entries:
    /// an entry born late is corrected like the others.
    updates: u64,
    entries: Vec<Entry>,
}

/// One parameter and its state.
#[derive(Debug)]
struct Entry {
    name: String,
    parameter: Parameter,
    /// Index in the topology of a prunable weight.
    layer: Option<usize>,
    state: State,
}

/// The tensors of one parameter during one update.
#[derive(Debug, Clone, Copy)]
struct Operands<'a> {
    weight: &'a Tensor,
    gradient: &'a Tensor,
    first: Option<&'a Tensor>,
    second: Option<&'a Tensor>,
    /// `Bool`, the entries that may move; `None` is all.
    mask: Option<&'a Tensor>,
}

impl Optimizer {
    /// An optimiser for `parameters`, whose prunable weights are the layers of `topology`.
    ///
    /// # Errors
    /// If the optimiser that `training` names or a parameter of it is unknown, of the wrong type or
    /// out of range.
    pub fn new(training: &Training, parameters: &Parameters, topology: &Topology) -> Result<Self> {
        let rule = rule::rule(&training.optimizer)?;
        let entries = parameters.iter().map(|(name, parameter)| Entry {
            name: name.to_owned(),
            layer: topology.layers().iter().position(|layer| layer.name() == name),
            state: State::new(&parameter.tensor(), rule.moments()),
            parameter: parameter.shallow_clone(),
        });
        Ok(Self {
            entries: entries.collect(),
            rule,
            clip_norm: training.clip_norm,
            arithmetic: Arithmetic::default(),
            updates: 0,
        })
    }

    /// Chooses how updates are computed.
    #[must_use]
    pub fn with_arithmetic(mut self, arithmetic: Arithmetic) -> Self {
        self.arithmetic = arithmetic;
        self
    }

    /// Moves every parameter that has a gradient by one update, prunable ones only where the
    /// topology lets them be trained. Gradients are read and not changed.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn step(&mut self, topology: &Topology, learning_rate: f64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.updates += 1;
        let moved: Vec<Option<Moved>> =
            self.entries.iter().map(|entry| entry.moved(topology)).collect();
        let scale = self.clip_factor(moved.iter().flatten())?;
        for (entry, moved) in self.entries.iter_mut().zip(&moved) {
            let Some(Moved { operands: StepOperands { values, gradient, active }, mask }) = moved
            else {
                continue;
            };
            entry.state.lay_out(active.as_ref());
            let [first, second] = entry.state.moments();
            let operands = Operands { weight: values, gradient, first, second, mask: *mask };
            let is_fused = self.arithmetic == Arithmetic::Fused && operands.are_plain_floats();
            let entries = Entries { operands, scale: scale.as_ref(), is_fused };
            self.rule.step(entries, learning_rate, self.updates)?;
        }
        Ok(())
    }

    /// What gradients are multiplied with so that their norm over all entries that may move is
    /// at most `clip_norm`; `None` without clipping. Gradients themselves stay, because a
    /// strategy may read them after the step.
    fn clip_factor<'a>(
        &self,
        moved: impl Iterator<Item = &'a Moved<'a>>,
    ) -> Result<Option<Tensor>> {
        if self.clip_norm == 0.0 {
            return Ok(None);
        }
        let norms = moved.map(|Moved { operands, mask }| {
            Ok(match mask {
                Some(mask) => operands.gradient.f_masked_fill(&mask.logical_not(), 0.0)?.norm(),
                None => operands.gradient.norm(),
            })
        });
        let norms = norms.collect::<Result<Vec<Tensor>>>()?;
        if norms.is_empty() {
            return Ok(None);
        }
        // The small constant is PyTorch's.
        let norm = Tensor::f_stack(&norms, 0)?.norm() + 1e-6;
        Ok(Some((norm.reciprocal() * self.clip_norm).clamp_max(1.0)))
    }

    /// Sets the moments of a layer after its topology changed, as `moments` says.
    pub fn reset(&mut self, change: &Change, moments: Moments) {
        if moments == Moments::Keep {
            return;
        }
        let _guard = tch::no_grad_guard();
        let mut entries = self.entries.iter_mut();
        let Some(entry) = entries.find(|entry| entry.layer == Some(change.layer)) else {
            return;
        };
        match moments {
            Moments::ResetAll => entry.state.clear(),
            _ => entry.state.clear_where(&change.born),
        }
    }

    /// Ends a step: gradients are 0 or undefined.
    pub fn zero_gradients(&mut self) {
        self.entries.iter().for_each(|entry| entry.parameter.zero_gradient());
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// All moments as `first/<parameter>` and `second/<parameter>`, in the shape of the parameter:
    /// handles, or copies where only those of active entries are stored, of which the others are 0. What
    /// they are is the rule's to say.
    pub fn moments(&self) -> impl Iterator<Item = (String, Tensor)> {
        self.entries.iter().flat_map(|entry| {
            let named = |(which, moment)| (format!("{which}/{}", entry.name), moment);
            MOMENTS.into_iter().zip(entry.state.dense()).map(named)
        })
    }

    /// Bytes of all moments as they are stored.
    pub fn moment_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.state.bytes()).sum()
    }

    /// Sets moments and the number of updates back to an earlier state, whose names begin with
    /// `prefix`. Moments are 0 where nothing may move now.
    pub(crate) fn rewind(
        &mut self,
        tensors: &Tensors,
        prefix: &str,
        updates: u64,
        topology: &Topology,
    ) -> Result<()> {
        self.copy_moments(tensors, prefix)?;
        for entry in &mut self.entries {
            if let Some(still) = entry.mask(topology).map(Tensor::logical_not) {
                entry.state.clear_where(&still);
            }
        }
        self.updates = updates;
        Ok(())
    }

    /// Copies back what [`Optimizer::moments`] and [`Optimizer::updates`] gave.
    pub(crate) fn restore(&mut self, tensors: &Tensors, updates: u64) -> Result<()> {
        self.copy_moments(tensors, "")?;
        self.updates = updates;
        Ok(())
    }

    fn copy_moments(&mut self, tensors: &Tensors, prefix: &str) -> Result<()> {
        for entry in &mut self.entries {
            entry.state.lay_out(None);
            for (which, moment) in MOMENTS.into_iter().zip(entry.state.dense()) {
                snapshot::copy(tensors, &format!("{prefix}{which}/{}", entry.name), &moment)?;
            }
        }
        Ok(())
    }
}

/// What moments are called in checkpoints.
const MOMENTS: [&str; 2] = ["first", "second"];

/// What one step moves of one parameter.
struct Moved<'a> {
    operands: StepOperands,
    /// `Bool`, the entries that may move; `None` is all.
    mask: Option<&'a Tensor>,
}

impl Entry {
    fn moved<'a>(&self, topology: &'a Topology) -> Option<Moved<'a>> {
        let operands = self.parameter.operands()?;
        // Entries of a compact weight all move.
        let mask = if operands.active.is_some() { None } else { self.mask(topology) };
        Some(Moved { operands, mask })
    }

    fn mask<'a>(&self, topology: &'a Topology) -> Option<&'a Tensor> {
        let layer: &Layer = &topology.layers()[self.layer?];
        if layer.moves_freely() { None } else { Some(layer.trainable()) }
    }
}

impl Operands<'_> {
    /// Can slices of the tensors be used as they are?
    fn are_plain_floats(&self) -> bool {
        let plain = |tensor: &Tensor, kind: Kind| {
            tensor.kind() == kind && tensor.device() == Device::Cpu && tensor.is_contiguous()
        };
        let moments = self.first.iter().chain(&self.second);
        plain(self.weight, Kind::Float)
            && plain(self.gradient, Kind::Float)
            && moments.into_iter().all(|moment| plain(moment, Kind::Float))
            && self.mask.is_none_or(|mask| plain(mask, Kind::Bool))
    }
}
