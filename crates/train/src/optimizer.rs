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

use dst_core::topology::Change;
use dst_core::{Layer, Moments, Parameters, Result, Topology, Training};
use tch::{Device, Kind, Tensor};

use crate::snapshot::{self, Tensors};
use rule::{Entries, Rule};

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
    weight: Tensor,
    /// Index in the topology of a prunable weight.
    layer: Option<usize>,
    /// What the rule keeps of each entry, such as SGD's buffer of momentum or Adam's mean of
    /// gradients.
    first: Option<Tensor>,
    /// What else it keeps, such as Adam's mean of squared gradients.
    second: Option<Tensor>,
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
        let (needs_first, needs_second) = (rule.moments() >= 1, rule.moments() >= 2);
        let entries = parameters.iter().map(|(name, parameter)| {
            let weight = parameter.tensor().detach();
            let zeros = || weight.zeros_like();
            Entry {
                name: name.to_owned(),
                layer: topology.layers().iter().position(|layer| layer.name() == name),
                first: needs_first.then(zeros),
                second: needs_second.then(zeros),
                weight: parameter.tensor().shallow_clone(),
            }
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
        let scale = self.clip_factor(topology)?;
        for entry in &self.entries {
            let gradient = entry.weight.grad();
            if !gradient.defined() {
                continue;
            }
            let values = match entry.layer {
                Some(index) => topology.layers()[index].values(),
                None => entry.weight.shallow_clone(),
            };
            let operands = Operands {
                weight: &values,
                gradient: &gradient,
                first: entry.first.as_ref(),
                second: entry.second.as_ref(),
                mask: entry.mask(topology),
            };
            let is_fused = self.arithmetic == Arithmetic::Fused && operands.are_plain_floats();
            let entries = Entries { operands, scale: scale.as_ref(), is_fused };
            self.rule.step(entries, learning_rate, self.updates)?;
        }
        Ok(())
    }

    /// What gradients are multiplied with so that their norm over all entries that may move is
    /// at most `clip_norm`; `None` without clipping. Gradients themselves stay, because a
    /// strategy may read them after the step.
    fn clip_factor(&self, topology: &Topology) -> Result<Option<Tensor>> {
        if self.clip_norm == 0.0 {
            return Ok(None);
        }
        let mut norms = Vec::new();
        for entry in &self.entries {
            let gradient = entry.weight.grad();
            if gradient.defined() {
                norms.push(match entry.mask(topology) {
                    Some(mask) => gradient.f_masked_fill(&mask.logical_not(), 0.0)?.norm(),
                    None => gradient.norm(),
                });
            }
        }
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
        for moment in [&mut entry.first, &mut entry.second].into_iter().flatten() {
            let _ = match moments {
                Moments::ResetAll => moment.zero_(),
                _ => moment.masked_fill_(&change.born, 0.0),
            };
        }
    }

    /// Sets all gradients to 0; those that were never computed stay undefined.
    pub fn zero_gradients(&mut self) {
        for entry in &mut self.entries {
            entry.weight.zero_grad();
        }
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// All moments as `first/<parameter>` and `second/<parameter>`, shared with the optimiser. What
    /// they are is the rule's to say.
    pub fn moments(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.entries.iter().flat_map(|entry| {
            let first = entry.first.iter().map(|moment| (format!("first/{}", entry.name), moment));
            let second =
                entry.second.iter().map(|moment| (format!("second/{}", entry.name), moment));
            first.chain(second)
        })
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
        for (name, moment) in self.moments() {
            snapshot::copy(tensors, &format!("{prefix}{name}"), moment)?;
        }
        for entry in &mut self.entries {
            let Some(still) = entry.mask(topology).map(Tensor::logical_not) else { continue };
            for moment in [&mut entry.first, &mut entry.second].into_iter().flatten() {
                let _ = moment.f_masked_fill_(&still, 0.0)?;
            }
        }
        self.updates = updates;
        Ok(())
    }

    /// Copies back what [`Optimizer::moments`] and [`Optimizer::updates`] gave.
    pub(crate) fn restore(&mut self, tensors: &Tensors, updates: u64) -> Result<()> {
        for (name, moment) in self.moments() {
            snapshot::copy(tensors, &name, moment)?;
        }
        self.updates = updates;
        Ok(())
    }
}

impl Entry {
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
