//! What a rule keeps of the entries of one parameter.

use dst_core::selection::{gather, scatter};
use tch::Tensor;

/// The moments of one parameter, laid out as the values that were moved last: of all entries, or of those
/// of an active set. Entries outside that set have none, which reads as 0.
#[derive(Debug)]
pub(super) struct State {
    /// The set (`Bool`, shape of the parameter) whose entries they are, row by row; `None` is all.
    active: Option<Tensor>,
    /// One for each moment of the rule, such as SGD's buffer of momentum, or Adam's mean of gradients and
    /// mean of their squares.
    moments: Vec<Tensor>,
}

impl State {
    /// So many moments, all 0, of a parameter.
    pub(super) fn new(parameter: &Tensor, moments: usize) -> Self {
        let zeros = |_| parameter.detach().zeros_like();
        Self { active: None, moments: (0..moments).map(zeros).collect() }
    }

    /// The first and the second moment, shared.
    pub(super) fn moments(&self) -> [Option<&Tensor>; 2] {
        [self.moments.first(), self.moments.get(1)]
    }

    /// Lays moments out for the entries of `active`; those that had none have 0, and those of entries that
    /// are not in it are lost.
    pub(super) fn lay_out(&mut self, active: Option<&Tensor>) {
        let is_laid_out = match (&self.active, active) {
            (None, None) => true,
            // An active set is replaced by another tensor and never changed, and this one is alive.
            (Some(own), Some(active)) => own.data_ptr() == active.data_ptr(),
            _ => false,
        };
        if is_laid_out {
            return;
        }
        for moment in &mut self.moments {
            if let Some(own) = &self.active {
                *moment = scatter(moment, own);
            }
            if let Some(active) = active {
                *moment = gather(moment, active);
            }
        }
        self.active = active.map(Tensor::shallow_clone);
    }

    /// All moments in the shape of the parameter: handles where they lie so, copies otherwise.
    pub(super) fn dense(&self) -> impl Iterator<Item = Tensor> {
        self.moments.iter().map(|moment| match &self.active {
            Some(active) => scatter(moment, active),
            None => moment.shallow_clone(),
        })
    }

    /// Sets all to 0.
    pub(super) fn clear(&mut self) {
        for moment in &mut self.moments {
            let _ = moment.zero_();
        }
    }

    /// Sets those of these entries (`Bool`, shape of the parameter) to 0.
    pub(super) fn clear_where(&mut self, entries: &Tensor) {
        let within = self.active.as_ref().map(|active| entries.masked_select(active));
        for moment in &mut self.moments {
            let _ = moment.masked_fill_(within.as_ref().unwrap_or(entries), 0.0);
        }
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |moment: &Tensor| moment.numel() * moment.kind().elt_size_in_bytes();
        self.moments.iter().map(bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(bits: [bool; 4]) -> Tensor {
        Tensor::from_slice(&bits).reshape([2, 2])
    }

    fn floats(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.flatten(0, -1)).unwrap()
    }

    /// Two moments that hold 1, 2, 3, 4 and ten times as much.
    fn state() -> State {
        let state = State::new(&Tensor::zeros([2, 2], tch::kind::FLOAT_CPU), 2);
        for (moment, factor) in state.dense().zip([1.0, 10.0]) {
            let numbers = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]).reshape([2, 2]);
            moment.shallow_clone().copy_(&(numbers * factor));
        }
        state
    }

    #[test]
    fn moments_follow_their_entries_from_set_to_set() {
        let mut state = state();
        state.lay_out(Some(&mask([true, true, false, false])));
        let [first, second] = state.moments().map(Option::unwrap);
        assert_eq!((floats(first), floats(second)), (vec![1.0, 2.0], vec![10.0, 20.0]));
        assert_eq!(state.bytes(), 16);
        let entries = mask([false, true, true, false]);
        state.lay_out(Some(&entries));
        assert_eq!(floats(state.moments()[0].unwrap()), [2.0, 0.0]);
        state.lay_out(None);
        let dense: Vec<Vec<f32>> = state.dense().map(|moment| floats(&moment)).collect();
        assert_eq!(dense, [[0.0, 2.0, 0.0, 0.0], [0.0, 20.0, 0.0, 0.0]]);
    }

    #[test]
    fn entries_are_cleared_wherever_they_lie() {
        let mut state = state();
        state.clear_where(&mask([true, false, false, false]));
        state.lay_out(Some(&mask([true, true, false, true])));
        state.clear_where(&mask([false, true, true, false]));
        assert_eq!(floats(state.moments()[1].unwrap()), [0.0, 0.0, 40.0]);
        state.clear();
        assert_eq!(floats(&state.dense().next().unwrap()), [0.0; 4]);
    }
}
