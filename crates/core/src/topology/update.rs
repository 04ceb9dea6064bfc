//! Changing a layer's active set in several steps that are one commit.

use tch::Tensor;

use super::{Layer, Regrowth};
use crate::error::{Error, Result};
use crate::mask;
use crate::selection;

/// How an update chooses the connections that it grows.
#[derive(Debug)]
pub enum Growth {
    /// The largest scores, a tensor of the weight's shape; ties by index.
    Largest(Tensor),
    /// At random in proportion to these scores, which are not negative, from the layer's own
    /// stream; see [`selection::sample_k`].
    Sampled(Tensor),
    /// Uniformly at random, from the layer's own stream.
    Random,
}

/// A change of one layer in several steps, made by [`Layer::update`].
///
/// Whatever the steps, the layer changes once, at the end. Which connections may return, and from
/// which value, is judged against the last commit: what an earlier change of the same hook dropped
/// is dropped for a later one too.
///
/// A dense layer that is to stay dense has nothing to exchange: every step does nothing then.
#[derive(Debug)]
pub struct Update<'a> {
    layer: &'a mut Layer,
    regrowth: Regrowth,
    active: Tensor,
    active_count: usize,
    /// Active at the last commit or since (`Bool`), and their number.
    taken: Tensor,
    taken_count: usize,
    stays_dense: bool,
    new_first: bool,
}

impl<'a> Update<'a> {
    pub(super) fn new(layer: &'a mut Layer, regrowth: Regrowth) -> Self {
        let (taken, taken_count) = match layer.committed() {
            // Nothing has changed since the last commit.
            None => (layer.active.shallow_clone(), layer.active_count),
            Some(committed) => {
                let taken = committed.logical_or(&layer.active);
                let count = selection::count(&taken);
                (taken, count)
            }
        };
        Self {
            active: layer.active.shallow_clone(),
            active_count: layer.active_count,
            stays_dense: layer.stays_dense(),
            taken,
            taken_count,
            layer,
            regrowth,
            new_first: false,
        }
    }

    /// Grow only where no connection has ever been, as long as there is such a place?
    pub fn set_new_first(&mut self, new_first: bool) {
        self.new_first = new_first;
    }

    /// The layer as it was before the update; its weights are those of the last commit.
    pub fn layer(&self) -> &Layer {
        self.layer
    }

    /// The active set after the steps so far (`Bool`, shape of the weight).
    pub fn active(&self) -> &Tensor {
        &self.active
    }

    /// How many are active after the steps so far.
    pub fn active_count(&self) -> usize {
        self.active_count
    }

    /// Drops the `count` active weights with the lowest `scores`, ties by index.
    ///
    /// With [`Regrowth::Forbidden`], fewer are dropped if the free positions are too few to meet
    /// the target.
    ///
    /// # Errors
    /// If a score is not a number, or fewer than `count` are active.
    pub fn drop(&mut self, count: usize, scores: &Tensor) -> Result<()> {
        if self.stays_dense {
            return Ok(());
        }
        let target = self.layer.target;
        let count = match self.regrowth {
            Regrowth::Forbidden => {
                let free = self.layer.size() - self.taken_count;
                count
                    .min(free.saturating_sub(target.saturating_sub(self.active_count)))
                    .max(self.active_count.saturating_sub(target))
            }
            Regrowth::Allowed | Regrowth::Reinitialised => count,
        };
        let dropped = selection::bottom_k(scores, Some(&self.active), count)?;
        self.active = mask::without(&self.active, &dropped);
        self.active_count -= count;
        Ok(())
    }

    /// Drops every active weight that is not in `kept` (`Bool`, shape of the weight): for choices with
    /// a structure, such as so many of every row.
    pub fn retain(&mut self, kept: &Tensor) {
        if !self.stays_dense {
            self.active = self.active.logical_and(kept);
            self.active_count = selection::count(&self.active);
        }
    }

    /// Grows the entries of `chosen` (`Bool`, shape of the weight) that are not active.
    ///
    /// # Errors
    /// If some of them may not return, by [`Regrowth::Forbidden`].
    pub fn connect(&mut self, chosen: &Tensor) -> Result<()> {
        if self.stays_dense {
            return Ok(());
        }
        let grown = mask::without(chosen, &self.active);
        if self.regrowth == Regrowth::Forbidden {
            let returned = selection::count(&grown.logical_and(&self.taken));
            if returned > 0 {
                return Err(Error::contract(format!(
                    "{returned} connections return in the update that dropped them, which is \
                     forbidden"
                )));
            }
        }
        let count = selection::count(&grown);
        self.settle(&grown, count);
        Ok(())
    }

    /// Grows as many connections as the target allows.
    ///
    /// # Errors
    /// If a score is not a number, or too few positions are free.
    pub fn grow(&mut self, growth: &Growth) -> Result<()> {
        self.grow_at_most(usize::MAX, growth)
    }

    /// Grows as many connections as the target allows, but at most `most`.
    ///
    /// # Errors
    /// As [`Update::grow`].
    pub fn grow_at_most(&mut self, most: usize, growth: &Growth) -> Result<()> {
        if self.stays_dense {
            return Ok(());
        }
        let count = self.layer.target.saturating_sub(self.active_count).min(most);
        let candidates = match self.regrowth {
            Regrowth::Forbidden => self.taken.logical_not(),
            Regrowth::Allowed | Regrowth::Reinitialised => self.active.logical_not(),
        };
        let grown = if self.new_first {
            let fresh = mask::without(&candidates, &self.layer.records.ever_active);
            let fresh_count = selection::count(&fresh).min(count);
            let first = self.chosen(growth, &fresh, fresh_count)?;
            let rest = mask::without(&candidates, &first);
            first.logical_or(&self.chosen(growth, &rest, count - fresh_count)?)
        } else {
            self.chosen(growth, &candidates, count)?
        };
        self.settle(&grown, count);
        Ok(())
    }

    /// Makes the `count` entries of `grown`, none of which is active, active.
    fn settle(&mut self, grown: &Tensor, count: usize) {
        match self.regrowth {
            Regrowth::Allowed => {}
            Regrowth::Reinitialised => self.layer.restart(&grown.logical_and(&self.taken)),
            Regrowth::Forbidden => {
                self.taken = self.taken.logical_or(grown);
                self.taken_count += count;
            }
        }
        self.active = self.active.logical_or(grown);
        self.active_count += count;
    }

    fn chosen(&mut self, growth: &Growth, candidates: &Tensor, count: usize) -> Result<Tensor> {
        match growth {
            Growth::Largest(scores) => selection::top_k(scores, Some(candidates), count),
            Growth::Sampled(scores) => {
                selection::sample_k(scores, candidates, count, &mut self.layer.rng)
            }
            Growth::Random => selection::random_k(candidates, count, &mut self.layer.rng),
        }
    }

    pub(super) fn finish(self) {
        if !self.stays_dense {
            self.layer.replace_active(self.active, self.active_count);
        }
    }
}
