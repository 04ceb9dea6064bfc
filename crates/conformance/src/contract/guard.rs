//! A method under guard: every hook is watched, and gradients that it may not read are no numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dst_core::tch::{Kind, Tensor};
use dst_core::{
    BatchUse, Forecast, GradientScope, Layer, Probe, Result, Rewinds, Step, Strategy, Topology,
    selection,
};
use serde::{Deserialize, Serialize};

use super::{breach, panic_text};

/// The method, and what was seen of it. The training loop calls it in place of the method.
///
/// It hands over every hook that the loop calls and has no part in those that the method calls
/// itself. One that is forgotten here makes the guarded training another one, which the suite finds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Guard {
    method: Box<dyn Strategy>,
    #[serde(skip)]
    plan: Plan,
    #[serde(skip)]
    tape: Mutex<Tape>,
}

/// What the guard does besides watching.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// May hooks change values of active weights?
    pub(super) may_move_weights: bool,
    /// Do hooks find NaN in place of gradients that were not announced?
    pub(super) poisons: bool,
    /// Batches in which hooks find other gradients than those of the network; the optimiser still
    /// finds the right ones.
    pub(super) scrambled: BTreeSet<u64>,
}

/// What hooks did, by the number of the batch.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) batches: BTreeMap<u64, Noted>,
    /// The densities that the method foresaw after every batch, asked before the first one.
    pub(super) densities: Vec<f64>,
    /// The hook that reported an error or panicked.
    pub(super) failed: Option<&'static str>,
    /// The error is a finding of the guard, not one of the method.
    pub(super) is_breach: bool,
}

/// What hooks did with one batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted {
    pub(super) step: Step,
    pub(super) scope: GradientScope,
    /// How often dense gradients were read.
    pub(super) reads: u64,
    /// Does the optimiser move inactive weights, and so read their gradients?
    pub(super) trains_inactive: bool,
    /// Did a hook set the active set of a layer, be it to what it was?
    pub(super) touched: bool,
}

impl Guard {
    pub(super) fn new(method: Box<dyn Strategy>, plan: Plan) -> Self {
        Self { method, plan, tape: Mutex::default() }
    }

    /// What was seen.
    pub(super) fn into_tape(self) -> Tape {
        self.tape.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a hook and looks at what it did.
    fn around<T>(
        &self,
        hook: &'static str,
        step: Option<&Step>,
        topology: &mut Topology,
        call: impl FnOnce(&mut Topology) -> Result<T>,
    ) -> Result<T> {
        let batch = step.map(Step::position);
        let scope = batch.and_then(|batch| Some(self.tape().batches.get(&batch)?.scope));
        let scope = scope.unwrap_or_default();
        let disguise = match batch {
            None => Disguise::default(),
            Some(batch) => Disguise {
                scrambles: self.plan.scrambled.contains(&batch),
                poisons: self.plan.poisons && scope < GradientScope::All,
            },
        };
        let before: Vec<Before> =
            topology.layers().iter().map(|layer| Before::of(layer, disguise)).collect();
        let disguised: Vec<Option<Tensor>> = before
            .iter()
            .zip(topology.layers())
            .map(|(before, layer)| before.put_on(disguise, scope, layer))
            .collect();
        let reads = reads(topology);
        let called = catch_unwind(AssertUnwindSafe(|| call(topology)));
        for ((before, layer), disguised) in before.iter().zip(topology.layers()).zip(&disguised) {
            before.take_off(disguised.as_ref(), layer);
        }
        let place = || step.map_or_else(String::new, |step| format!(" at step {}", step.index));
        let result = called.unwrap_or_else(|panic| {
            Err(breach(
                format!("`{hook}` panicked{}: {}", place(), panic_text(&*panic)),
                "report an error instead; operations of tensors that may fail begin with f_",
            ))
        });
        let mut tape = self.tape();
        if let Some(noted) = batch.and_then(|batch| tape.batches.get_mut(&batch)) {
            noted.reads += self::reads(topology) - reads;
            noted.touched |= topology.layers().iter().any(Layer::is_pending);
            noted.trains_inactive |= topology.layers().iter().any(trains_inactive);
        }
        let result = result.inspect_err(|_| tape.failed = Some(hook))?;
        if !self.plan.may_move_weights {
            for (before, layer) in before.iter().zip(topology.layers()) {
                if let Some(moved) = before.moved(layer) {
                    tape.is_breach = true;
                    return Err(breach(
                        format!("`{hook}`{} {moved}", place()),
                        "leave values to the optimiser, and drop connections to make them 0. If the \
                         method is to move weights, say `moves_weights: true` in strategy_plugin!",
                    ));
                }
            }
        }
        Ok(result)
    }
}

#[typetag::serde(name = "guarded-by-the-contract")]
impl Strategy for Guard {
    fn validate(&self) -> Result<()> {
        self.method.validate()
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        self.around("init", None, topology, |topology| self.method.init(topology, probe))
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        self.method.density_at(step, topology)
    }

    fn rewinds(&self, start: &Step) -> Option<Rewinds> {
        self.method.rewinds(start)
    }

    fn updates(&self, start: &Step) -> Forecast {
        self.method.updates(start)
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        let scope = self.method.gradient_scope(step);
        let noted = Noted { step: *step, scope, reads: 0, trains_inactive: false, touched: false };
        self.tape().batches.insert(step.position(), noted);
        scope
    }

    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<BatchUse> {
        if step.position() == 0 {
            let density = |position| self.method.density_at(&step.at(position), topology);
            self.tape().densities = (0..step.total()).map(density).collect();
        }
        let call = |topology: &mut Topology| self.method.after_backward(step, topology);
        let batch_use = self.around("after_backward", Some(step), topology, call)?;
        let is_lost = batch_use == BatchUse::Topology
            && topology.active_count() < topology.size()
            && !topology.layers().iter().any(Layer::is_pending);
        if is_lost {
            self.tape().is_breach = true;
            return Err(breach(
                format!(
                    "`after_backward` returned `BatchUse::Topology` at step {} and changed no \
                     connection, so that the batch trained nothing",
                    step.index
                ),
                "return `BatchUse::Weights` except for an update that takes the place of the step",
            ));
        }
        Ok(batch_use)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let call = |topology: &mut Topology| self.method.after_step(step, topology);
        self.around("after_step", Some(step), topology, call)
    }
}

fn reads(topology: &Topology) -> u64 {
    topology.layers().iter().map(Layer::dense_gradient_reads).sum()
}

fn trains_inactive(layer: &Layer) -> bool {
    selection::count(&layer.trainable().logical_and(&layer.active().logical_not())) > 0
}

/// What hooks find in place of the gradients.
#[derive(Debug, Clone, Copy, Default)]
struct Disguise {
    /// Those of the mirrored positions, much larger.
    scrambles: bool,
    /// No numbers where no gradient was announced.
    poisons: bool,
}

impl Disguise {
    fn is_any(self) -> bool {
        self.scrambles || self.poisons
    }
}

/// A layer before a hook.
struct Before {
    values: Tensor,
    active: Tensor,
    /// None before the first backward pass, and where it stays as it is: looking at the gradient of a
    /// compact weight makes it dense.
    gradient: Option<Tensor>,
}

impl Before {
    fn of(layer: &Layer, disguise: Disguise) -> Self {
        let gradient = disguise.is_any().then(|| layer.weight().gradient()).flatten();
        Self {
            values: layer.values().copy(),
            active: layer.active().copy(),
            gradient: gradient.map(|gradient| gradient.copy()),
        }
    }

    /// Disguises the gradient of a layer and returns what hooks find.
    fn put_on(&self, disguise: Disguise, scope: GradientScope, layer: &Layer) -> Option<Tensor> {
        let gradient = self.gradient.as_ref()?;
        let mut seen = gradient.copy();
        if disguise.scrambles {
            let all: Vec<i64> = (0..gradient.dim() as i64).collect();
            // So large that a running mean follows them too.
            seen = seen.flip(all) * 1e4;
        }
        if disguise.poisons {
            let announced = match scope {
                GradientScope::Trainable => self.active.logical_or(layer.trainable()),
                _ => self.active.shallow_clone(),
            };
            seen = seen.masked_fill(&announced.logical_not(), f64::NAN);
        }
        layer.weight().gradient()?.copy_(&seen);
        Some(seen)
    }

    /// Puts the gradient back, with what the hook added to it.
    fn take_off(&self, disguised: Option<&Tensor>, layer: &Layer) {
        let (Some(gradient), Some(disguised)) = (&self.gradient, disguised) else { return };
        let Some(mut seen) = layer.weight().gradient() else { return };
        let added = (&seen - disguised).nan_to_num(0.0, 0.0, 0.0);
        // What was not touched comes back bit for bit, −0 too.
        let touched = added.ne(0.0);
        seen.copy_(&(gradient + added).where_self(&touched, gradient));
    }

    /// In which way values of weights that were active and still are changed, if they did.
    fn moved(&self, layer: &Layer) -> Option<String> {
        let values = layer.values();
        let mut changed = self.values.ne_tensor(&values);
        changed = changed.logical_and(&self.active).logical_and(layer.active());
        if let Some(reborn) = layer.reborn() {
            changed = changed.logical_and(&reborn.logical_not());
        }
        let count = selection::count(&changed);
        if count == 0 {
            return None;
        }
        let first = changed.flatten(0, -1).to_kind(Kind::Uint8).argmax(0, false).int64_value(&[]);
        let at = |values: &Tensor| values.flatten(0, -1).double_value(&[first]);
        let (from, to) = (at(&self.values), at(&values));
        let name = layer.name();
        Some(match to == 0.0 {
            true => format!("set {count} weights of {name} to 0 and kept them active"),
            false => format!(
                "changed {count} active weights of {name}; entry {first} went from {from} to {to}"
            ),
        })
    }
}
