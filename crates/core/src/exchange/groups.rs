//! Drop-and-grow on whole groups of a weight.

use tch::Tensor;

use super::Rewiring;
use crate::error::Result;
use crate::selection::Groups;
use crate::topology::Layer;

impl Layer {
    /// Activates whole groups at random, as many as come nearest to the target, but at least one. The
    /// target becomes what they hold.
    ///
    /// # Errors
    /// Never: all groups together are the layer.
    pub fn activate_groups(&mut self, groups: Groups) -> Result<()> {
        let size = groups.size(&self.shape());
        let nearest = (self.target() as f64 / size as f64).round() as usize;
        let count = nearest.max(1);
        self.set_target(count * size)?;
        let all = self.active().ones_like();
        let chosen = groups.random_k(&all, count, self.rng())?;
        self.activate(&chosen)
    }
}

impl Rewiring<'_, '_> {
    /// Drops whole groups with the smallest sums of `weakest`, as many as there are in
    /// [`counts`](Rewiring::counts), and grows as many with the largest sums of `growth`, which may be
    /// some of those that were dropped. The layer must consist of whole groups, as
    /// [`Layer::activate_groups`] leaves it.
    ///
    /// # Errors
    /// If a sum is not a number.
    pub fn exchange_groups(
        &mut self,
        groups: Groups,
        weakest: &Tensor,
        growth: &Tensor,
    ) -> Result<()> {
        let view = self.view();
        let size = groups.size(&view.layer.shape());
        let (active, drop) = (view.layer.active_count() / size, self.counts.drop / size);
        let kept = groups.top_k(weakest, Some(view.active), active - drop)?;
        let grown = groups.top_k(growth, Some(&kept.logical_not()), drop)?;
        self.update.retain(&kept);
        self.update.connect(&grown)
    }
}
