//! What the two kernels share: tiles of the output, lines of the input, and asking for them early.

use crate::list::List;
use crate::vector::{LANES, Vector};

/// Vectors that one visit computes together where registers are few.
pub(crate) const GROUPS: usize = 4;
/// Vectors that one visit computes together at most: with 32 registers, loops over few entries
/// begin half as often.
pub(crate) const MOST: usize = 2 * GROUPS;
/// Floats that one visit computes together at most.
pub(crate) const TILE: usize = MOST * LANES;
/// The most rows that visit one block of columns before the next: their sums stay in the second
/// cache. Few for an interpreter, which then sees several blocks of a small layer.
pub(crate) const ROW_BLOCK: usize = if cfg!(miri) { 2 } else { 256 };

/// So many rows before they are read, the entries of a list in order of rows are asked for.
const ENTRIES_AHEAD: usize = 3;

/// Up to [`MOST`] vectors of the output: several pixels, or several times 16 samples of one.
///
/// Small, because layers of few channels have many.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tile {
    groups: u8,
    /// Samples of each group, at most [`LANES`].
    lanes: [u8; MOST],
    x: [u32; MOST],
    y: [u32; MOST],
}

impl Tile {
    /// Adds a group of so many samples, which reads at `x` at offset 0, in floats of the lines, and
    /// lies at `y` of a row of the output.
    #[inline(always)]
    pub(crate) fn push(&mut self, x: usize, y: usize, lanes: usize) {
        let j = self.groups();
        (self.x[j], self.y[j], self.lanes[j]) = (x as u32, y as u32, lanes as u8);
        self.groups += 1;
    }

    /// Twice [`GROUPS`] whole groups, which begin at these `x` and `y`.
    #[inline(always)]
    pub(crate) fn whole(halves: [[usize; 2]; 2]) -> Self {
        let at = |j: usize, d: usize| (halves[j / GROUPS][d] + j % GROUPS * LANES) as u32;
        Self {
            groups: MOST as u8,
            lanes: [LANES as u8; MOST],
            x: std::array::from_fn(|j| at(j, 0)),
            y: std::array::from_fn(|j| at(j, 1)),
        }
    }

    /// The first groups alone.
    #[inline(always)]
    pub(crate) fn first(&self, groups: usize) -> Self {
        Self { groups: groups as u8, ..*self }
    }

    /// What is behind the first groups.
    pub(crate) fn rest(&self, groups: usize) -> Self {
        let mut rest = Self { groups: self.groups - groups as u8, ..*self };
        rest.lanes.rotate_left(groups);
        rest.x.rotate_left(groups);
        rest.y.rotate_left(groups);
        rest
    }

    #[inline(always)]
    pub(crate) fn groups(&self) -> usize {
        usize::from(self.groups)
    }

    /// Where group `j` reads at offset 0, in floats of the lines.
    #[inline(always)]
    pub(crate) fn x(&self, j: usize) -> usize {
        self.x[j] as usize
    }

    /// Where group `j` lies in a row of the output, in floats.
    #[inline(always)]
    pub(crate) fn y(&self, j: usize) -> usize {
        self.y[j] as usize
    }

    /// Samples of group `j`.
    #[inline(always)]
    pub(crate) fn lanes(&self, j: usize) -> usize {
        usize::from(self.lanes[j])
    }

    /// Do the first groups have all samples?
    #[inline(always)]
    pub(crate) fn is_whole(&self, groups: usize) -> bool {
        self.lanes[..groups].iter().all(|lanes| usize::from(*lanes) == LANES)
    }

    /// How the groups lie to each other, of four or [`MOST`].
    #[inline]
    pub(crate) fn shape(&self) -> u8 {
        match self.groups() {
            GROUPS => self.shape_of::<GROUPS>(),
            MOST => self.shape_of::<MOST>(),
            _ => FAR,
        }
    }

    #[inline(always)]
    fn shape_of<const P: usize>(&self) -> u8 {
        let (mut is_near, mut is_square) = (true, true);
        for j in 1..P {
            is_near &= self.x(j) == self.x(0) + behind(NEAR, j);
            is_square &= self.x(j) == self.x(base(SQUARE, j)) + behind(SQUARE, j);
        }
        match (is_near, is_square) {
            (true, _) => NEAR,
            (_, true) => SQUARE,
            _ => FAR,
        }
    }
}

/// Groups anywhere: kernels keep the address of each.
pub(crate) const FAR: u8 = 0;
/// One group behind the other: one address.
pub(crate) const NEAR: u8 = 1;
/// Two rows of neighbours, in squares of four: an address for each row.
pub(crate) const SQUARE: u8 = 2;

/// The group from whose address that of group `j` is known.
#[inline(always)]
pub(crate) const fn base(shape: u8, j: usize) -> usize {
    match shape {
        NEAR => 0,
        SQUARE => j & 2,
        _ => j,
    }
}

/// How far group `j` lies behind its base, in floats.
#[inline(always)]
pub(crate) const fn behind(shape: u8, j: usize) -> usize {
    match shape {
        NEAR => j * LANES,
        SQUARE => ((j & 1) + j / 4 * 2) * LANES,
        _ => 0,
    }
}

/// Calls the macro `$run` with the numbers of groups and the shape of a tile, as constants: kernels are
/// compiled for few groups, and for [`MOST`] where vectors of `$vector` have the registers.
macro_rules! by_tile {
    ($run:ident, $tile:expr, $vector:ty) => {
        match ($tile.groups(), $tile.shape()) {
            (1, _) => $run!(1, $crate::tile::NEAR),
            (2, _) => $run!(2, $crate::tile::FAR),
            (3, _) => $run!(3, $crate::tile::FAR),
            (4, $crate::tile::NEAR) => $run!(4, $crate::tile::NEAR),
            (4, $crate::tile::SQUARE) => $run!(4, $crate::tile::SQUARE),
            (4, _) => $run!(4, $crate::tile::FAR),
            _ if <$vector>::GROUPS < $crate::tile::MOST => {
                unreachable!("`check` saw no larger tile")
            }
            (_, $crate::tile::NEAR) => $run!(8, $crate::tile::NEAR),
            (_, $crate::tile::SQUARE) => $run!(8, $crate::tile::SQUARE),
            (_, _) => $run!(8, $crate::tile::FAR),
        }
    };
}
pub(crate) use by_tile;

/// The lines that a pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    pub floats: &'a [f32],
    /// Floats from one line to the next.
    pub pitch: usize,
}

/// Does every read of `tiles`, of at most so many groups, at offsets up to `reach` stay inside, and
/// every group in its row?
pub(crate) fn check(lines: Lines, reach: usize, tiles: &[Tile], groups: usize, row_len: usize) {
    let beyond = reach * lines.pitch + LANES;
    for tile in tiles {
        let known = (1..=GROUPS).contains(&tile.groups()) || tile.groups() == MOST.min(groups);
        assert!(known, "a tile has no or too many groups");
        for j in 0..tile.groups() {
            assert!(tile.x(j) + beyond <= lines.floats.len(), "a tile reads beyond the lines");
            assert!(tile.lanes(j) <= LANES && tile.y(j) + tile.lanes(j) <= row_len, "beyond a row");
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
            from: lines.floats.as_ptr().wrapping_add(tile.x(0)),
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
