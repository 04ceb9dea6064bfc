//! What belongs to values, carried from one set of active weights to the next.

use crate::error::length;
use crate::{Error, Pattern};

/// Where each value of a new pattern was among those of the old one.
///
/// Values, moments and ages are all in the order of values, so one refit serves them all.
///
/// ```
/// use dst_kernels::{Geometry, Pattern, Refit};
/// let geometry = Geometry::linear(4, 1)?;
/// let old = Pattern::new(geometry, &[true, true, false, false])?;
/// let new = Pattern::new(geometry, &[false, true, false, true])?;
/// let refit = Refit::between(&old, &new)?;
/// // Position 1 stayed, and position 3 was born.
/// let mut moments = [0.0; 2];
/// refit.carry(&[5.0, 7.0], 0.0, &mut moments)?;
/// assert_eq!(moments, [7.0, 0.0]);
/// assert_eq!(refit.kept_count(), 1);
/// # Ok::<(), dst_kernels::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refit {
    /// For each new value its old number, or [`BORN`].
    from: Vec<u32>,
    old_count: usize,
    kept_count: usize,
}

/// A number that no value has: geometries have at most `u32::MAX` positions.
const BORN: u32 = u32::MAX;

impl Refit {
    /// Walks along both patterns once.
    ///
    /// # Errors
    /// [`Error::Shape`] if the patterns are of layers with different weights.
    pub fn between(old: &Pattern, new: &Pattern) -> Result<Self, Error> {
        let shape = |pattern: &Pattern| {
            let sizes = pattern.geometry().sizes();
            (sizes.out_channels, sizes.in_channels, sizes.kernel)
        };
        if shape(old) != shape(new) {
            return Err(Error::Shape(format!(
                "weights of shape {:?} cannot become weights of shape {:?}",
                shape(old),
                shape(new)
            )));
        }
        let (mut at, mut kept_count) = (0, 0);
        let positions = old.positions();
        let from = new
            .positions()
            .iter()
            .map(|position| {
                while positions.get(at).is_some_and(|old| old < position) {
                    at += 1;
                }
                if positions.get(at) == Some(position) {
                    kept_count += 1;
                    at as u32
                } else {
                    BORN
                }
            })
            .collect();
        Ok(Self { from, old_count: positions.len(), kept_count })
    }

    /// Number of weights that are active in both.
    pub fn kept_count(&self) -> usize {
        self.kept_count
    }

    /// For each new value in order, its number among the old values, or `None` for one that was not
    /// active.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = Option<usize>> {
        self.from.iter().map(|from| (*from != BORN).then_some(*from as usize))
    }

    /// Writes what was kept to its new place, and `born` where nothing was before.
    ///
    /// # Errors
    /// [`Error::Length`] if `old` or `new` has another length than the values of its pattern.
    pub fn carry<T: Copy>(&self, old: &[T], born: T, new: &mut [T]) -> Result<(), Error> {
        length("what belongs to the old values", old.len(), self.old_count)?;
        length("what belongs to the new values", new.len(), self.from.len())?;
        for (new, from) in new.iter_mut().zip(&self.from) {
            *new = if *from == BORN { born } else { old[*from as usize] };
        }
        Ok(())
    }
}
