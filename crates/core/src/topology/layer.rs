//! One prunable weight tensor and its active connections.

use std::cell::Cell;
use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::records::{Churn, Records};
use super::{Growth, Moments, Update};
use crate::error::{Error, Result};
use crate::mask;
use crate::seed::SeedStreams;
use crate::selection;
use crate::strategy::GradientScope;
use crate::weight::Weight;

/// Whether a connection that an update drops may return in the same update.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Regrowth {
    /// It may, and keeps its value (RigL, reference implementation).
    #[default]
    Allowed,
    /// It may, and starts from 0 like any new-born weight.
    Reinitialised,
    /// It may not.
    Forbidden,
}

/// What an update did to one layer.
#[derive(Debug)]
pub struct Change {
    /// Index of the layer in the topology.
    pub layer: usize,
    /// Connections that start anew (`Bool`): their optimiser state must be reset.
    pub born: Tensor,
    /// Connections that ended (`Bool`).
    pub dropped: Tensor,
}

/// One prunable weight tensor: which of its entries are active, how many shall be, and what a
/// strategy keeps about it.
#[derive(Debug)]
pub struct Layer {
    pub(super) name: String,
    pub(super) weight: Weight,
    is_output: bool,
    pub(super) active: Tensor,
    pub(super) active_count: usize,
    pub(super) trainable: Option<Trainable>,
    pub(super) target: usize,
    pub(super) final_target: usize,
    pub(super) initial_target: usize,
    pub(super) slots: BTreeMap<String, Tensor>,
    pub(super) rng: ChaCha8Rng,
    pub(super) records: Records,
    /// The active set at the last commit, while a change is pending.
    before: Option<Tensor>,
    /// Entries that were dropped and returned from 0 since the last commit.
    reborn: Option<Tensor>,
    /// Which gradients may be read in this step.
    scope: GradientScope,
    dense_gradient_reads: Cell<u64>,
}

/// Entries that the optimiser moves where they are not simply the active ones.
#[derive(Debug)]
pub(super) struct Trainable {
    /// `Bool`, shape of the weight.
    pub(super) mask: Tensor,
    pub(super) count: usize,
}

impl Trainable {
    pub(super) fn new(mask: Tensor) -> Self {
        Self { count: selection::count(&mask), mask }
    }
}

impl Layer {
    pub(super) fn dense(
        name: &str,
        weight: &Weight,
        is_output: bool,
        streams: &SeedStreams,
    ) -> Self {
        weight.project();
        let size = weight.size();
        let active = weight.dense().detach().ones_like().to_kind(Kind::Bool);
        Self {
            name: name.to_owned(),
            weight: weight.shallow_clone(),
            is_output,
            records: Records::new(&active),
            active,
            active_count: size,
            trainable: None,
            target: size,
            final_target: size,
            initial_target: size,
            slots: BTreeMap::new(),
            rng: streams.stream(&format!("topology/{name}")),
            before: None,
            reborn: None,
            scope: GradientScope::Active,
            dense_gradient_reads: Cell::new(0),
        }
    }

    /// The name of the weight, such as `fc1.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The weight's shape: `[out, in]` or `[out, in, height, width]`.
    pub fn shape(&self) -> Vec<i64> {
        self.weight.shape()
    }

    /// Number of entries, active or not.
    pub fn size(&self) -> usize {
        self.weight.size()
    }

    /// The weight itself.
    pub fn weight(&self) -> &Weight {
        &self.weight
    }

    /// What the optimiser moves, in the weight's shape, to be read: the weights, or with
    /// [`Layer::keep_inactive`] also the values behind the mask. Methods change them through
    /// [`Layer::map_active`] and [`Layer::add_gradient`].
    pub fn values(&self) -> Tensor {
        self.weight.values()
    }

    /// Its place among all parameters as the model declares them; see [`Weight::declared`].
    pub fn declared(&self) -> usize {
        self.weight.declared()
    }

    /// Does it give the output of the network? No layer does where the model does not let its last
    /// one be pruned.
    pub fn is_output(&self) -> bool {
        self.is_output
    }

    /// How often one weight is used for one sample; see [`Weight::positions`].
    pub fn positions(&self) -> u64 {
        self.weight.positions()
    }

    /// The active set (`Bool`, shape of the weight).
    pub fn active(&self) -> &Tensor {
        &self.active
    }

    /// How many entries are active.
    pub fn active_count(&self) -> usize {
        self.active_count
    }

    /// The share of active entries, in [0, 1].
    pub fn density(&self) -> f64 {
        self.active_count as f64 / self.size() as f64
    }

    /// How many entries must be active after an update.
    pub fn target(&self) -> usize {
        self.target
    }

    /// How many entries shall be active at the end of training: the layer's part of
    /// [`Topology::density`](super::Topology::density), where [`Layer::target`] is that of the
    /// present. Methods that begin denser come down to it.
    pub fn final_target(&self) -> usize {
        self.final_target
    }

    /// How many entries were active when training started, where a method that began denser comes
    /// from.
    pub fn initial_target(&self) -> usize {
        self.initial_target
    }

    /// Changes the target; the layer must meet it before the hook returns.
    ///
    /// # Errors
    /// If it is 0, which would cut the network, or more than the layer holds.
    pub fn set_target(&mut self, count: usize) -> Result<()> {
        if count == 0 {
            return Err(Error::new(crate::ErrorKind::Collapsed, "no connection would be left")
                .at(self.name.clone())
                .hint("choose a lower sparsity, or a distribution that spares small layers"));
        }
        if count > self.size() {
            return Err(Error::contract(format!(
                "target {count} is more than the {} weights",
                self.size()
            ))
            .at(self.name.clone()));
        }
        self.target = count;
        Ok(())
    }

    /// Which entries the optimiser moves (`Bool`): the active ones unless a strategy chose
    /// others.
    pub fn trainable(&self) -> &Tensor {
        self.trainable.as_ref().map_or(&self.active, |trainable| &trainable.mask)
    }

    /// How many entries the optimiser moves.
    pub fn trainable_count(&self) -> usize {
        self.trainable.as_ref().map_or(self.active_count, |trainable| trainable.count)
    }

    /// Lets the optimiser move these entries (`Bool`, shape of the weight); `None` returns to the
    /// active ones. Entries that are not active at the next commit need
    /// [`Layer::keep_inactive`]: what the optimiser moved there would not be 0 otherwise.
    ///
    /// # Errors
    /// If the mask is of another shape or kind.
    pub fn set_trainable(&mut self, mask: Option<Tensor>) -> Result<()> {
        if let Some(mask) = &mask {
            self.check_mask("a trainable set", mask)?;
        }
        self.trainable = mask.map(Trainable::new);
        Ok(())
    }

    /// From here on inactive entries keep their values: the forward pass sees 0 there, while scores
    /// and the optimiser see the values, and a connection that becomes active again has the value
    /// behind it. For methods that revive weights or train them unseen (Top-KAST, SR-STE).
    pub fn keep_inactive(&mut self) {
        if !self.weight.keeps_inactive() {
            self.weight.keep(self.weight.dense().detach().copy());
        }
    }

    /// Does every entry move, so that the optimiser needs no mask?
    pub fn moves_freely(&self) -> bool {
        self.trainable_count() == self.size()
    }

    /// Are all entries active and trainable?
    pub fn is_dense(&self) -> bool {
        self.active_count == self.size() && self.moves_freely()
    }

    /// |w|, in the weight's shape; of inactive entries 0, or what is kept behind the mask.
    pub fn magnitude(&self) -> Tensor {
        self.values().abs()
    }

    /// Replaces the values of active entries by those of `new`, which gets all values and returns
    /// as many; what it returns for inactive ones is not looked at. Entries that a hook has just
    /// activated count as active.
    ///
    /// # Errors
    /// What `new` reports, or if it returns another shape.
    pub fn map_active(&mut self, new: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<()> {
        let mut values = self.values();
        let new = new(&values).map_err(|error| error.at(self.name.clone()))?;
        if new.size() != self.shape() {
            return Err(Error::contract(format!(
                "new values must be {:?}, not {:?}",
                self.shape(),
                new.size()
            ))
            .at(self.name.clone()));
        }
        values.f_copy_(&new.f_where_self(&self.active, &values)?)?;
        Ok(())
    }

    /// Adds to the gradient that the optimiser will use in this step (shape of the weight): a
    /// penalty on the weights, for example. Momentum and clipping treat it as part of the gradient,
    /// and gradients that are read later in the step contain it. A weight that the loss does not
    /// reach has no gradient and is not moved by the term either.
    ///
    /// # Errors
    /// If the shape differs.
    pub fn add_gradient(&mut self, term: &Tensor) -> Result<()> {
        if let Some(mut gradient) = self.weight.gradient() {
            let _ =
                gradient.f_add_(term).map_err(|error| Error::from(error).at(self.name.clone()))?;
        }
        Ok(())
    }

    /// The gradient for every position, active or not.
    ///
    /// # Errors
    /// If the strategy did not announce it for this step, or there was no backward pass.
    pub fn dense_gradient(&self) -> Result<Tensor> {
        if self.scope < GradientScope::All {
            return Err(Error::contract(
                "the gradient of inactive weights was read without being announced",
            )
            .at(self.name.clone())
            .hint("return `GradientScope::All` from `gradient_scope` for this step"));
        }
        self.dense_gradient_reads.set(self.dense_gradient_reads.get() + 1);
        self.gradient()
    }

    /// The gradient of the weights that the optimiser moves, 0 elsewhere.
    ///
    /// # Errors
    /// If some of them are inactive and the strategy did not announce [`GradientScope::Trainable`],
    /// or there was no backward pass.
    pub fn trainable_gradient(&self) -> Result<Tensor> {
        self.check_scope(self.scope)?;
        // Selected, not multiplied: what is not announced may be anything, and 0 · NaN is no 0.
        Ok(self.gradient()?.masked_fill(&self.trainable().logical_not(), 0.0))
    }

    /// How often [`Layer::dense_gradient`] gave the gradient in this process: what was announced
    /// must be read, because kernels compute it and FLOPs charge it.
    pub fn dense_gradient_reads(&self) -> u64 {
        self.dense_gradient_reads.get()
    }

    /// The gradient of active weights, 0 elsewhere. Always available after backward.
    ///
    /// # Errors
    /// If there was no backward pass.
    pub fn active_gradient(&self) -> Result<Tensor> {
        // As above.
        Ok(self.gradient()?.masked_fill(&self.inactive(), 0.0))
    }

    fn gradient(&self) -> Result<Tensor> {
        self.weight.gradient().ok_or_else(|| {
            Error::contract("there is no gradient before the first backward pass")
                .at(self.name.clone())
        })
    }

    /// Does a backward pass of this scope give every weight that the optimiser moves its gradient?
    fn check_scope(&self, scope: GradientScope) -> Result<()> {
        match &self.trainable {
            Some(trainable) if scope == GradientScope::Active => {
                let unseen = selection::count(&trainable.mask.logical_and(&self.inactive()));
                if unseen == 0 {
                    return Ok(());
                }
                Err(Error::contract(format!(
                    "the optimiser moves {unseen} inactive weights, whose gradients were not announced"
                ))
                .at(self.name.clone())
                .hint("return `GradientScope::Trainable` from `gradient_scope`"))
            }
            _ => Ok(()),
        }
    }

    fn inactive(&self) -> Tensor {
        self.active.logical_not()
    }

    fn check_mask(&self, what: &str, mask: &Tensor) -> Result<()> {
        if mask.size() == self.shape() && mask.kind() == Kind::Bool {
            return Ok(());
        }
        Err(Error::contract(format!(
            "{what} must be Bool {:?}, not {:?} {:?}",
            self.shape(),
            mask.kind(),
            mask.size()
        ))
        .at(self.name.clone()))
    }

    /// A tensor that the strategy keeps for this layer, saved with the checkpoint.
    pub fn slot(&self, name: &str) -> Option<&Tensor> {
        self.slots.get(name)
    }

    /// Keeps a tensor under a name.
    pub fn set_slot(&mut self, name: &str, tensor: Tensor) {
        self.slots.insert(name.to_owned(), tensor);
    }

    /// Forgets a slot and returns it.
    pub fn take_slot(&mut self, name: &str) -> Option<Tensor> {
        self.slots.remove(name)
    }

    /// Has the active set changed since the last commit?
    pub fn is_pending(&self) -> bool {
        self.before.is_some()
    }

    /// Entries that [`Regrowth::Reinitialised`] let start anew from 0 since the last commit
    /// (`Bool`), if there are any.
    pub fn reborn(&self) -> Option<&Tensor> {
        self.reborn.as_ref()
    }

    /// This layer's own stream of random choices.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// Replaces the active set by `mask` (`Bool`, shape of the weight).
    ///
    /// # Errors
    /// If the shape differs.
    pub fn activate(&mut self, mask: &Tensor) -> Result<()> {
        self.check_mask("an active set", mask)?;
        self.replace_active(mask.copy(), selection::count(mask));
        Ok(())
    }

    pub(super) fn replace_active(&mut self, mask: Tensor, count: usize) {
        let old = std::mem::replace(&mut self.active, mask);
        self.before.get_or_insert(old);
        self.active_count = count;
    }

    /// Activates a uniformly random set of exactly the target count.
    ///
    /// # Errors
    /// Never: a target fits its layer.
    pub fn activate_random(&mut self) -> Result<()> {
        let all = self.active.ones_like();
        let mask = selection::random_k(&all, self.target, &mut self.rng)?;
        self.activate(&mask)
    }

    /// Keeps, of the active set, the target count with the largest scores and drops the rest.
    ///
    /// # Errors
    /// If fewer than the target are active, or a score is not a number.
    pub fn keep_largest(&mut self, scores: &Tensor) -> Result<()> {
        let kept = selection::top_k(scores, Some(&self.active), self.target)
            .map_err(|error| error.at(self.name.clone()))?;
        self.activate(&kept)
    }

    /// Changes the active set in steps that are one commit; see [`Update`].
    ///
    /// # Errors
    /// What `steps` report, with the layer's name.
    pub fn update<T>(
        &mut self,
        regrowth: Regrowth,
        steps: impl FnOnce(&mut Update<'_>) -> Result<T>,
    ) -> Result<T> {
        let name = self.name.clone();
        let mut update = Update::new(self, regrowth);
        let result = steps(&mut update).map_err(|error| error.at(name))?;
        update.finish();
        Ok(result)
    }

    /// Drops the `count` active weights with the lowest `scores`, then grows as many as the target
    /// allows: an [`update`](Layer::update) of two steps.
    ///
    /// # Errors
    /// If a score is not a number, or the target cannot be met.
    pub fn drop_and_grow(
        &mut self,
        count: usize,
        scores: &Tensor,
        growth: &Growth,
        regrowth: Regrowth,
    ) -> Result<()> {
        self.update(regrowth, |update| {
            update.drop(count, scores)?;
            update.grow(growth)
        })
    }

    /// Is every entry active, and is that the target?
    pub(crate) fn stays_dense(&self) -> bool {
        self.active_count == self.size() && self.target == self.size()
    }

    /// The active set at the last commit, if it changed since.
    pub(super) fn committed(&self) -> Option<&Tensor> {
        self.before.as_ref()
    }

    /// Lets weights start anew from 0, like new-born ones.
    pub(super) fn restart(&mut self, returned: &Tensor) {
        let _ = self.values().masked_fill_(returned, 0.0);
        self.reborn = Some(match self.reborn.take() {
            Some(earlier) => earlier.logical_or(returned),
            None => returned.shallow_clone(),
        });
    }

    /// In-time over-parameterisation rate R_s (Liu et al. 2021): the share of entries that have
    /// ever been active.
    pub fn ever_active_share(&self) -> f64 {
        self.records.ever_active_share()
    }

    /// What happened to connections since the last call.
    pub fn take_churn(&mut self) -> Churn {
        self.records.take_churn()
    }

    pub(super) fn announce(&mut self, scope: GradientScope) -> Result<()> {
        self.scope = scope;
        self.check_scope(scope)
    }

    pub(super) fn publish(&self) {
        self.weight.publish(&self.inactive());
    }

    pub(super) fn commit(&mut self, index: usize) -> Result<Option<Change>> {
        if self.active_count != self.target {
            return Err(Error::contract(format!(
                "{} weights are active where {} must be",
                self.active_count, self.target
            ))
            .at(self.name.clone()));
        }
        let keeps_inactive = self.weight.keeps_inactive();
        if let Some(trainable) = self.trainable.as_ref().filter(|_| !keeps_inactive) {
            let stray = selection::count(&trainable.mask.logical_and(&self.inactive()));
            if stray > 0 {
                return Err(Error::contract(format!(
                    "the optimiser may move {stray} inactive weights, which must stay 0"
                ))
                .at(self.name.clone())
                .hint(
                    "give `set_trainable` a part of the active set, and again after it changes, or \
                     call `keep_inactive`",
                ));
            }
        }
        let Some(before) = self.before.take() else {
            if keeps_inactive {
                self.weight.publish(&self.inactive());
            }
            return Ok(None);
        };
        let (mut born, dropped) = mask::change(&before, &self.active);
        if let Some(reborn) = self.reborn.take() {
            born = born.logical_or(&reborn.logical_and(&self.active));
        }
        if keeps_inactive {
            self.weight.publish(&self.inactive());
        } else {
            // All others that are inactive are 0 since an earlier commit.
            mask::clear(&mut self.values(), &dropped);
        }
        self.weight.advance_revision();
        self.records.note(&born, &dropped);
        Ok(Some(Change { layer: index, born, dropped }))
    }

    /// Lets a backend store active values only where nothing of others would be lost.
    pub(super) fn permit_compact(&self, moments: Moments) {
        let moves_active = self.trainable.is_none() && !self.weight.keeps_inactive();
        self.weight.permit_compact(moves_active && moments != Moments::Keep);
    }

    /// Starts the records anew: what happened so far was choosing the first topology.
    pub(super) fn restart_records(&mut self) {
        self.initial_target = self.target;
        self.records = Records::new(&self.active);
    }
}
