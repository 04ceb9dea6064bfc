//! What the two kernels share: tiles of the output, lines of the input, and asking for them early.

use crate::list::List;
use crate::vector::{LANES, Vector};

/// Vectors that one visit computes together.
pub(crate) const GROUPS: usize = 4;
/// Floats that one visit computes together.
pub(crate) const TILE: usize = GROUPS * LANES;
/// The most rows that visit one block of columns before the next: their sums stay in the second
/// cache. Few for an interpreter, which then sees several blocks of a small layer.
pub(crate) const ROW_BLOCK: usize = if cfg!(miri) { 2 } else { 256 };

/// So many rows before they are read, the entries of a list in order of rows are asked for.
const ENTRIES_AHEAD: usize = 3;

/// Up to [`GROUPS`] vectors of the output: several pixels, or several times 16 samples of one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tile {
    pub groups: usize,
    /// Where each group reads at offset 0, in floats of the lines.
    pub x: [usize; GROUPS],
    /// Where each group lies in a row of the output, in floats.
    pub y: [usize; GROUPS],
    /// Samples of each group, at most [`LANES`].
    pub lanes: [usize; GROUPS],
}

impl Tile {
    /// Does it read neighbouring floats? Kernels then need one address in place of four.
    pub(crate) fn is_near(&self) -> bool {
        (1..self.groups).all(|j| self.x[j] == self.x[0] + j * LANES)
    }
}

/// The lines that a pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    pub floats: &'a [f32],
    /// Floats from one line to the next.
    pub pitch: usize,
}

/// Does every read of `tiles` at offsets up to `reach` stay inside, and every group in its row?
pub(crate) fn check(lines: Lines, reach: usize, tiles: &[Tile], row_len: usize) {
    let beyond = reach * lines.pitch + LANES;
    for tile in tiles {
        assert!((1..=GROUPS).contains(&tile.groups), "a tile has no or too many groups");
        for j in 0..tile.groups {
            assert!(tile.x[j] + beyond <= lines.floats.len(), "a tile reads beyond the lines");
            assert!(tile.lanes[j] <= LANES && tile.y[j] + tile.lanes[j] <= row_len, "beyond a row");
        }
    }
}

/// The lines that the next block reads, fetched into the first cache while the rows of this one
/// compute: a few at each visit. The processor does not foresee them, for they are short and apart.
pub(crate) struct Ahead<'a> {
    offsets: std::slice::Iter<'a, u32>,
    /// Lines at each visit.
    step: usize,
    from: *const f32,
    pitch: usize,
}

impl<'a> Ahead<'a> {
    /// `block` may be the one behind the last, which is the first of the next tile.
    #[inline(always)]
    pub(crate) fn new(
        wanted: bool,
        list: &'a List,
        block: usize,
        lines: Lines,
        tile: &Tile,
        rows: usize,
    ) -> Self {
        let offsets = if wanted { list.ahead(block % list.blocks()) } else { &[] };
        Self {
            step: offsets.len().div_ceil(rows),
            offsets: offsets.iter(),
            from: lines.floats.as_ptr().wrapping_add(tile.x[0]),
            pitch: lines.pitch,
        }
    }

    #[inline(always)]
    pub(crate) fn fetch<V: Vector>(&mut self) {
        for offset in self.offsets.by_ref().take(self.step) {
            V::prefetch(self.from.wrapping_add(*offset as usize * self.pitch));
        }
    }
}

/// Asks for the entries of a row a few visits later, `left` at most: in a list in order of rows
/// they lie apart, and the processor does not foresee them. `values` is what belongs to entries.
#[inline(always)]
pub(crate) fn fetch_entries<V: Vector>(list: &List, visit: usize, left: usize, values: *const f32) {
    /// So many entries stay in the second cache with what belongs to them.
    const SHORT: usize = 1 << 15;
    let step = list.step();
    if step == 1 || list.len() <= SHORT {
        return;
    }
    if let Some(first) = list.starts().get(visit + ENTRIES_AHEAD.min(left) * step) {
        // About as many as a visit has.
        for entry in [*first as usize, *first as usize + LANES] {
            V::prefetch(list.offsets().as_ptr().wrapping_add(entry).cast());
            V::prefetch(values.wrapping_add(entry));
        }
    }
}
