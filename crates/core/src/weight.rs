//! One prunable weight, and how its values are stored.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::mask;

/// A weight that can be pruned, shared by the layer that uses it, the topology, the optimiser and
/// the backend: the one place that knows how its values are stored.
///
/// | storage | the optimiser moves | the forward pass sees |
/// |---|---|---|
/// | projected | the dense tensor, whose inactive entries are 0 | the same tensor |
/// | kept | values behind the mask, for inactive entries too | the active ones of them, 0 elsewhere |
/// | compact | the values of active entries, row by row | the same values, in sparse kernels |
///
/// Weights are projected unless a method asks for kept values
/// ([`Layer::keep_inactive`](crate::Layer::keep_inactive)) or a backend for compact ones
/// ([`Weight::compact`]). Whoever asks a compact weight for a dense tensor gets one and makes it projected
/// again, until the backend next asks.
#[derive(Debug)]
pub struct Weight {
    shape: Vec<i64>,
    declared: usize,
    shared: Arc<Shared>,
}

/// What all handles of one weight have in common.
#[derive(Debug)]
struct Shared {
    positions: AtomicU64,
    revision: AtomicU64,
    may_compact: AtomicBool,
    storage: Mutex<Storage>,
}

/// Where the values lie. At least one of `dense` and `compact` is there, and if both are, the values are
/// those of `dense` and the gradient is that of `compact`.
#[derive(Debug)]
struct Storage {
    /// What dense arithmetic multiplies with, a leaf that requires gradients.
    dense: Option<Tensor>,
    compact: Option<Compact>,
    /// The values behind the mask, if they are kept.
    kept: Option<Tensor>,
}

/// The active entries.
#[derive(Debug)]
struct Compact {
    /// Which they are (`Bool`, shape of the weight).
    active: Tensor,
    /// Their values, `[active entries]`, row by row: a leaf that requires gradients.
    values: Tensor,
}

/// What an optimiser needs of a weight for one step. All tensors are without a graph.
#[derive(Debug)]
pub struct StepOperands {
    /// What it moves, sharing the weight's storage: entries of the whole weight, or of `active` alone.
    pub values: Tensor,
    /// Their gradient, in the same shape.
    pub gradient: Tensor,
    /// Where the weight is compact, the active set whose entries the tensors are, row by row (`Bool`, shape
    /// of the weight).
    pub active: Option<Tensor>,
}

impl Weight {
    /// A projected weight, all of whose entries are active. `declared` is its place among the
    /// parameters of its model.
    pub(crate) fn new(dense: Tensor, declared: usize) -> Self {
        let shape = dense.size();
        let storage = Storage { dense: Some(dense), compact: None, kept: None };
        let shared = Shared {
            positions: AtomicU64::new(0),
            revision: AtomicU64::new(0),
            may_compact: AtomicBool::new(false),
            storage: Mutex::new(storage),
        };
        Self { shape, declared, shared: Arc::new(shared) }
    }

    /// Another handle of the same weight.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        Self {
            shape: self.shape.clone(),
            declared: self.declared,
            shared: Arc::clone(&self.shared),
        }
    }

    /// What dense arithmetic multiplies with, in the weight's shape: inactive entries are exactly 0 between
    /// steps. A leaf that requires gradients.
    pub fn dense(&self) -> Tensor {
        self.storage().dense().shallow_clone()
    }

    /// What the optimiser moves, in the same shape and without a graph: the dense tensor, or the
    /// values behind it where inactive ones are kept. It shares its storage with the weight until the
    /// next forward pass.
    pub fn values(&self) -> Tensor {
        let mut storage = self.storage();
        match &storage.kept {
            Some(kept) => kept.shallow_clone(),
            None => storage.dense().detach(),
        }
    }

    /// The values of the entries in `active` (`Bool`, shape of the weight), `[active entries]`, row by row,
    /// for a backend that computes with them alone: a leaf that requires gradients. All other entries must
    /// be 0. From here on the weight is compact, if it may be.
    ///
    /// It may not be while the method keeps values of inactive entries or moves others than the active
    /// ones, nor while moments of inactive entries are to survive.
    pub fn compact(&self, active: &Tensor) -> Option<Tensor> {
        if !self.shared.may_compact.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.storage().compact(active).shallow_clone())
    }

    /// What an optimiser needs for one step; none if the loss has not reached the weight.
    pub fn operands(&self) -> Option<StepOperands> {
        let mut storage = self.storage();
        if let Some((active, gradient)) = storage.compact_gradient() {
            let values = storage.compact(&active).detach();
            return Some(StepOperands { values, gradient, active: Some(active) });
        }
        let gradient = storage.gradient()?;
        let values = match &storage.kept {
            Some(kept) => kept.shallow_clone(),
            None => storage.dense().detach(),
        };
        Some(StepOperands { values, gradient, active: None })
    }

    /// Do inactive entries keep their values?
    pub fn keeps_inactive(&self) -> bool {
        self.storage().kept.is_some()
    }

    /// The gradient in the weight's shape; none if the loss has not reached it. Of a compact weight it is 0
    /// where nothing is active. What is written into it is what the optimiser finds.
    pub fn gradient(&self) -> Option<Tensor> {
        self.storage().gradient()
    }

    /// Ends a step: there is no gradient of it any more, or one of zeros.
    pub fn zero_gradient(&self) {
        let mut storage = self.storage();
        match &mut storage.dense {
            Some(dense) => {
                dense.zero_grad();
                storage.compact = None;
            }
            // A leaf without a gradient takes over what the next backward pass computes.
            None => storage.renew_compact(),
        }
    }

    /// The shape: `[out, in]` or `[out, in, height, width]`.
    pub fn shape(&self) -> Vec<i64> {
        self.shape.clone()
    }

    /// Number of entries, active or not.
    pub fn size(&self) -> usize {
        self.shape.iter().product::<i64>() as usize
    }

    /// Bytes of the values as they are stored at present, without gradients and without the active set.
    pub fn stored_bytes(&self) -> usize {
        let Storage { dense, compact, kept } = &*self.storage();
        let compact = compact.iter().map(|compact| &compact.values);
        let stored = dense.iter().chain(compact).chain(kept);
        stored.map(|values| values.numel() * values.kind().elt_size_in_bytes()).sum()
    }

    /// What kind of numbers it holds, and where.
    pub fn kind_and_device(&self) -> (Kind, Device) {
        let storage = self.storage();
        let leaf =
            storage.dense.iter().chain(storage.compact.iter().map(|compact| &compact.values));
        let mut leaf = leaf.map(|leaf| (leaf.kind(), leaf.device()));
        leaf.next().unwrap_or_else(|| unreachable!("{STORED}"))
    }

    /// How often each entry is multiplied for one sample: 1 in a linear layer on vectors, the
    /// tokens of a sequence, the output pixels of a convolution. 0 before the first forward
    /// pass, which measures it, and in an embedding, which multiplies nothing.
    pub fn positions(&self) -> u64 {
        self.shared.positions.load(Ordering::Relaxed)
    }

    /// Are both handles of one weight?
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The how-many-th parameter of its model it is, from 0, as the model declares them: the
    /// smallest is that of the first layer and the largest that of the last.
    pub fn declared(&self) -> usize {
        self.declared
    }

    /// How often its active set has changed: a backend that prepared itself for one set knows from
    /// this number that there is another.
    pub fn revision(&self) -> u64 {
        self.shared.revision.load(Ordering::Relaxed)
    }

    pub(crate) fn measure(&self, positions: impl FnOnce() -> i64) {
        if self.positions() == 0 {
            self.shared.positions.store(positions().max(1) as u64, Ordering::Relaxed);
        }
    }

    /// The active set is another now.
    pub(crate) fn advance_revision(&self) {
        self.shared.revision.fetch_add(1, Ordering::Relaxed);
    }

    /// From here on a backend may store active values only, or may not.
    pub(crate) fn permit_compact(&self, permitted: bool) {
        let was_permitted = self.shared.may_compact.swap(permitted, Ordering::Relaxed);
        if was_permitted && !permitted {
            let _ = self.storage().dense();
        }
    }

    /// Stores projected values, whatever an earlier training had.
    pub(crate) fn project(&self) {
        self.permit_compact(false);
        self.storage().kept = None;
    }

    /// Stores `values` behind the mask from now on.
    pub(crate) fn keep(&self, values: Tensor) {
        self.permit_compact(false);
        self.storage().kept = Some(values);
    }

    /// Makes what the forward pass sees that of the active set whose complement is `inactive`
    /// (`Bool`): 0 there, and with kept values those of active entries elsewhere.
    pub(crate) fn publish(&self, inactive: &Tensor) {
        let mut storage = self.storage();
        let mut dense = storage.dense().detach();
        if let Some(kept) = &storage.kept {
            dense.copy_(kept);
        }
        let _ = dense.masked_fill_(inactive, 0.0);
    }

    fn storage(&self) -> MutexGuard<'_, Storage> {
        // It is whole whenever the lock is free: tensors are replaced one at a time.
        self.shared.storage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`Storage`] promises.
const STORED: &str = "a weight is stored densely or compactly";

impl Storage {
    /// The dense leaf with the values; the weight is projected from here on.
    fn dense(&mut self) -> &Tensor {
        let compact = self.compact.as_ref();
        self.dense.get_or_insert_with(|| {
            let Compact { active, values } = compact.unwrap_or_else(|| unreachable!("{STORED}"));
            mask::scatter(&values.detach(), active).set_requires_grad(true)
        })
    }

    /// The leaf of the entries in `active` with the values; the weight is compact from here on.
    fn compact(&mut self, active: &Tensor) -> &Tensor {
        let is_of_set = |compact: &Compact| {
            // An active set is replaced by another tensor and never changed.
            compact.active.data_ptr() == active.data_ptr()
        };
        if !self.compact.as_ref().is_some_and(is_of_set) {
            let values = mask::gather(&self.dense().detach(), active).set_requires_grad(true);
            self.compact = Some(Compact { active: active.shallow_clone(), values });
            self.dense = None;
        }
        let compact = self.compact.as_ref().unwrap_or_else(|| unreachable!("{STORED}"));
        if let Some(dense) = self.dense.take() {
            // Values may have changed; the leaf and its gradient stay.
            compact.values.detach().copy_(&mask::gather(&dense.detach(), active));
        }
        &compact.values
    }

    /// The active set of a compact leaf and its gradient, if the loss has reached it.
    fn compact_gradient(&self) -> Option<(Tensor, Tensor)> {
        let Compact { active, values } = self.compact.as_ref()?;
        let gradient = Some(values.grad()).filter(Tensor::defined)?;
        Some((active.shallow_clone(), gradient))
    }

    /// The gradient at the dense leaf, where that of a compact one is moved first.
    fn gradient(&mut self) -> Option<Tensor> {
        if let Some((active, gradient)) = self.compact_gradient() {
            let gradient = mask::scatter(&gradient, &active);
            let mut leaf = self.dense().shallow_clone();
            self.compact = None;
            // libtorch has no other way to give a leaf its gradient: that of Σ w g is g.
            leaf.zero_grad();
            tch::with_grad(|| (&leaf * gradient).sum(Kind::Float).backward());
        }
        self.dense.as_ref().map(Tensor::grad).filter(Tensor::defined)
    }

    /// The same values in a leaf that has no gradient.
    fn renew_compact(&mut self) {
        if let Some(Compact { values, .. }) = &mut self.compact {
            *values = values.detach().set_requires_grad(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn weight() -> Weight {
        Weight::new(Tensor::from_slice(&[1.0f32, 2.0, 3.0]).set_requires_grad(true), 0)
    }

    fn floats(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach()).unwrap()
    }

    #[test]
    fn projected_values_are_what_the_forward_pass_sees() {
        let weight = weight();
        let inactive = Tensor::from_slice(&[0u8, 1, 0]).to_kind(Kind::Bool);
        tch::no_grad(|| weight.publish(&inactive));
        assert_eq!(floats(&weight.dense()), [1.0, 0.0, 3.0]);
        let _ = weight.values().fill_(5.0);
        assert_eq!(floats(&weight.dense()), [5.0; 3]);
    }

    #[test]
    fn kept_values_survive_behind_the_mask_in_every_handle() {
        let weight = weight();
        let other = weight.shallow_clone();
        weight.keep(weight.dense().detach().copy());
        let inactive = Tensor::from_slice(&[0u8, 1, 0]).to_kind(Kind::Bool);
        tch::no_grad(|| weight.publish(&inactive));
        assert_eq!(floats(&other.dense()), [1.0, 0.0, 3.0]);
        assert_eq!(floats(&other.values()), [1.0, 2.0, 3.0]);
        let _ = other.values().fill_(4.0);
        tch::no_grad(|| other.publish(&inactive.logical_not()));
        assert_eq!(floats(&weight.dense()), [0.0, 4.0, 0.0]);
        other.project();
        assert!(!weight.keeps_inactive());
    }

    fn compact() -> (Weight, Tensor) {
        let weight = Weight::new(
            Tensor::from_slice(&[1.0f32, 0.0, 3.0, 0.0]).reshape([2, 2]).set_requires_grad(true),
            0,
        );
        let active = Tensor::from_slice(&[true, false, true, false]).reshape([2, 2]);
        weight.permit_compact(true);
        (weight, active)
    }

    #[test]
    fn a_compact_weight_holds_active_entries_and_gives_a_dense_tensor_to_whoever_asks() {
        let (weight, active) = compact();
        let leaf = weight.compact(&active).unwrap();
        assert_eq!(floats(&leaf), [1.0, 3.0]);
        assert!(leaf.requires_grad());
        let _ = leaf.detach().fill_(5.0);
        assert_eq!(floats(&weight.values().flatten(0, -1)), [5.0, 0.0, 5.0, 0.0]);
        let _ = weight.dense().detach().fill_(7.0);
        // Values that were changed meanwhile are those of the next pass, in the leaf of before.
        assert_eq!(floats(&weight.compact(&active).unwrap()), [7.0, 7.0]);
        let other = Tensor::from_slice(&[false, true, true, false]).reshape([2, 2]);
        assert_eq!(floats(&weight.compact(&other).unwrap()), [0.0, 7.0]);
    }

    #[test]
    fn the_gradient_of_a_compact_weight_reaches_the_optimiser_and_whoever_asks() {
        let (weight, active) = compact();
        let factors = Tensor::from_slice(&[2.0f32, 4.0]);
        let backward = || {
            (weight.compact(&active).unwrap() * &factors).sum(Kind::Float).backward();
        };
        assert!(weight.operands().is_none());
        backward();
        let operands = weight.operands().unwrap();
        assert_eq!(floats(&operands.gradient), [2.0, 4.0]);
        assert!(operands.active.is_some());
        // A hook that changed values before the step.
        let _ = weight.values().fill_(9.0);
        assert_eq!(floats(&weight.operands().unwrap().values), [9.0, 9.0]);

        // Once it was asked for, what is written into it counts.
        let mut gradient = weight.gradient().unwrap();
        assert_eq!(floats(&gradient.flatten(0, -1)), [2.0, 0.0, 4.0, 0.0]);
        let _ = gradient.fill_(1.0);
        let operands = weight.operands().unwrap();
        assert_eq!(floats(&operands.gradient.flatten(0, -1)), [1.0; 4]);
        assert!(operands.active.is_none());

        // The next step begins without one, and dense arithmetic has its own.
        weight.zero_gradient();
        backward();
        weight.zero_gradient();
        assert!(weight.operands().is_none());
        (weight.dense() * 3.0).sum(Kind::Float).backward();
        assert_eq!(floats(&weight.operands().unwrap().gradient.flatten(0, -1)), [3.0; 4]);
    }

    #[test]
    fn a_weight_is_compact_only_while_it_may_be() {
        let (weight, active) = compact();
        let _ = weight.compact(&active).unwrap().detach().fill_(5.0);
        weight.permit_compact(false);
        assert!(weight.compact(&active).is_none());
        assert_eq!(floats(&weight.values().flatten(0, -1)), [5.0, 0.0, 5.0, 0.0]);
        weight.permit_compact(true);
        weight.keep(weight.values().copy());
        assert!(weight.compact(&active).is_none());
    }
}
