//! Setting a training back to an early state, as lottery tickets need it.

use dst_core::{Parameters, Result, Rewinds, Step, Topology};

use crate::optimizer::Optimizer;
use crate::snapshot::{self, Tensors};

/// Where the early state lies in a checkpoint.
const PREFIX: &str = "early/";

/// When a training is set back, and to what.
#[derive(Debug)]
pub(crate) struct Rewind {
    plan: Rewinds,
    /// Copies of values, buffers and moments, once there are any.
    early: Option<Tensors>,
    /// Optimiser updates that had been made.
    updates: u64,
}

impl Rewind {
    pub(crate) fn new(plan: Rewinds) -> Self {
        Self { plan, early: None, updates: 0 }
    }

    /// Called before every step: remembers the state if it is the one to come back to.
    pub(crate) fn before(&mut self, step: &Step, parameters: &Parameters, optimizer: &Optimizer) {
        if self.early.is_some() || (step.epoch, step.offset) != (self.plan.to, 0) {
            return;
        }
        let mut early = Tensors::new();
        for (name, parameter) in parameters.iter() {
            early.insert(format!("{PREFIX}parameter/{name}"), parameter.values());
        }
        for (name, buffer) in parameters.buffers() {
            early.insert(format!("{PREFIX}buffer/{name}"), buffer.shallow_clone());
        }
        for (name, moment) in optimizer.moments() {
            early.insert(format!("{PREFIX}{name}"), moment);
        }
        self.early = Some(snapshot::copies(&early));
        self.updates = optimizer.updates();
    }

    /// Called after the commit of every step: sets the state back if that is planned.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub(crate) fn after(
        &self,
        step: &Step,
        parameters: &Parameters,
        topology: &mut Topology,
        optimizer: &mut Optimizer,
    ) -> Result<()> {
        let Some(early) = &self.early else { return Ok(()) };
        if step.offset != 0 || !self.plan.at.contains(&step.epoch) {
            return Ok(());
        }
        for (name, parameter) in parameters.iter() {
            snapshot::copy(early, &format!("{PREFIX}parameter/{name}"), &parameter.values())?;
        }
        for (name, buffer) in parameters.buffers() {
            snapshot::copy(early, &format!("{PREFIX}buffer/{name}"), buffer)?;
        }
        topology.publish();
        optimizer.rewind(early, PREFIX, self.updates, topology)
    }

    /// The step as the schedule of the learning rate sees it: in a training that began with the last
    /// rewind, `to` epochs after its start, and ends with the next.
    pub(crate) fn seen_by_schedule(&self, step: &Step) -> Step {
        let earlier = self.plan.at.iter().copied().filter(|at| *at <= step.epoch).max();
        let later = self.plan.at.iter().copied().filter(|at| *at > step.epoch).min();
        // Epochs that the clock is set back by.
        let back = earlier.map_or(0, |at| at.saturating_sub(self.plan.to));
        Step {
            index: step.index.saturating_sub(u64::from(back) * step.per_epoch),
            epoch: step.epoch - back,
            epochs: later.unwrap_or(step.epochs) - back,
            ..*step
        }
    }

    /// Adds the early state to a checkpoint.
    pub(crate) fn save(&self, tensors: &mut Tensors) -> u64 {
        let early = self.early.iter().flatten();
        tensors.extend(early.map(|(name, tensor)| (name.clone(), tensor.shallow_clone())));
        self.updates
    }

    /// Takes it back from one.
    pub(crate) fn restore(&mut self, tensors: &Tensors, updates: u64) {
        let early = tensors.iter().filter(|(name, _)| name.starts_with(PREFIX));
        let early: Tensors = early.map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
        self.early = (!early.is_empty()).then_some(early);
        self.updates = updates;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten epochs of 5 batches, set back to epoch 1 at epochs 4 and 7.
    #[test]
    fn the_schedule_runs_from_rewind_to_rewind() {
        let rewind = Rewind::new(Rewinds { to: 1, at: vec![4, 7] });
        let seen = |epoch: u32| {
            let position = u64::from(epoch) * 5;
            let step = Step { index: position, epoch, ..Step::first(5, 10) };
            let seen = rewind.seen_by_schedule(&step);
            (seen.epoch, seen.epochs, seen.index)
        };
        assert_eq!(seen(0), (0, 4, 0));
        assert_eq!(seen(3), (3, 4, 15));
        assert_eq!(seen(4), (1, 4, 5));
        assert_eq!(seen(6), (3, 4, 15));
        assert_eq!(seen(7), (1, 4, 5));
        assert_eq!(seen(9), (3, 4, 15));
    }
}
