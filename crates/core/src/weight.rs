//! One prunable weight, and how its values are stored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::Tensor;

/// A weight that can be pruned, shared by the layer that uses it, the topology, the optimiser and
/// the backend: the one place that knows how its values are stored.
///
/// | storage | the optimiser moves | the forward pass sees |
/// |---|---|---|
/// | projected | the dense tensor, whose inactive entries are 0 | the same tensor |
/// | kept | values behind the mask, for inactive entries too | the active ones of them, 0 elsewhere |
///
/// Weights are projected unless a method asks for kept values
/// ([`Layer::keep_inactive`](crate::Layer::keep_inactive)).
#[derive(Debug)]
pub struct Weight {
    /// What dense arithmetic multiplies with, a leaf that requires gradients.
    dense: Tensor,
    declared: usize,
    shared: Arc<Shared>,
}

/// What all handles of one weight have in common besides the storage of `dense`.
#[derive(Debug, Default)]
struct Shared {
    positions: AtomicU64,
    revision: AtomicU64,
    /// The values behind the mask, if they are kept.
    kept: Mutex<Option<Tensor>>,
}

impl Weight {
    /// A projected weight, all of whose entries are active. `declared` is its place among the
    /// parameters of its model.
    pub(crate) fn new(dense: Tensor, declared: usize) -> Self {
        Self { dense, declared, shared: Arc::default() }
    }

    /// Another handle of the same weight.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        Self {
            dense: self.dense.shallow_clone(),
            declared: self.declared,
            shared: Arc::clone(&self.shared),
        }
    }

    /// What the forward pass sees, `[out, in]` or `[out, in, height, width]`: inactive entries are
    /// exactly 0 between steps. A leaf that requires gradients.
    pub fn dense(&self) -> &Tensor {
        &self.dense
    }

    /// What the optimiser moves, in the same shape and without a graph: the dense tensor, or the
    /// values behind it where inactive ones are kept. It shares its storage with the weight.
    pub fn values(&self) -> Tensor {
        match &*self.kept() {
            Some(kept) => kept.shallow_clone(),
            None => self.dense.detach(),
        }
    }

    /// Do inactive entries keep their values?
    pub fn keeps_inactive(&self) -> bool {
        self.kept().is_some()
    }

    /// The gradient at the dense tensor; none if the loss has not reached it.
    pub fn gradient(&self) -> Option<Tensor> {
        Some(self.dense.grad()).filter(Tensor::defined)
    }

    /// The shape: `[out, in]` or `[out, in, height, width]`.
    pub fn shape(&self) -> Vec<i64> {
        self.dense.size()
    }

    /// Number of entries, active or not.
    pub fn size(&self) -> usize {
        self.dense.numel()
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

    /// Stores projected values, whatever an earlier training had.
    pub(crate) fn project(&self) {
        *self.kept() = None;
    }

    /// Stores `values` behind the mask from now on.
    pub(crate) fn keep(&self, values: Tensor) {
        *self.kept() = Some(values);
    }

    /// Makes what the forward pass sees that of the active set whose complement is `inactive`
    /// (`Bool`): 0 there, and with kept values those of active entries elsewhere.
    pub(crate) fn publish(&self, inactive: &Tensor) {
        let mut dense = self.dense.detach();
        if let Some(kept) = &*self.kept() {
            dense.copy_(kept);
        }
        let _ = dense.masked_fill_(inactive, 0.0);
    }

    fn kept(&self) -> MutexGuard<'_, Option<Tensor>> {
        // A tensor handle is whole whenever the lock is free.
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(floats(weight.dense()), [1.0, 0.0, 3.0]);
        let _ = weight.values().fill_(5.0);
        assert_eq!(floats(weight.dense()), [5.0; 3]);
    }

    #[test]
    fn kept_values_survive_behind_the_mask_in_every_handle() {
        let weight = weight();
        let other = weight.shallow_clone();
        weight.keep(weight.dense().detach().copy());
        let inactive = Tensor::from_slice(&[0u8, 1, 0]).to_kind(Kind::Bool);
        tch::no_grad(|| weight.publish(&inactive));
        assert_eq!(floats(other.dense()), [1.0, 0.0, 3.0]);
        assert_eq!(floats(&other.values()), [1.0, 2.0, 3.0]);
        let _ = other.values().fill_(4.0);
        tch::no_grad(|| other.publish(&inactive.logical_not()));
        assert_eq!(floats(weight.dense()), [0.0, 4.0, 0.0]);
        other.project();
        assert!(!weight.keeps_inactive());
    }
}
