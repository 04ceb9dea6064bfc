//! The two loops of everything: a sparse matrix times lines, and lines times lines at its entries.

use std::ops::Range;

use crate::instructions::Level;
use crate::list::List;
use crate::vector::{LANES, Portable, Vector};

/// Vectors that one visit computes together.
pub(crate) const GROUPS: usize = 4;
/// Floats that one visit computes together.
pub(crate) const TILE: usize = GROUPS * LANES;
/// The most rows that visit one block of columns before the next: their sums stay in the second
/// cache.
pub(crate) const ROW_BLOCK: usize = 256;

/// So many rows before it is read, a gradient of the output is asked for: rows lie too far apart
/// for the processor to foresee.
const ROWS_AHEAD: usize = 4;
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

/// The lines that a pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    pub floats: &'a [f32],
    /// Floats from one line to the next.
    pub pitch: usize,
}

/// Does every read of `tiles` at offsets up to `reach` stay inside, and every group in its row?
fn check(lines: Lines, reach: usize, tiles: &[Tile], row_len: usize) {
    let beyond = reach * lines.pitch + LANES;
    for tile in tiles {
        assert!((1..=GROUPS).contains(&tile.groups), "a tile has no or too many groups");
        for j in 0..tile.groups {
            assert!(tile.x[j] + beyond <= lines.floats.len(), "a tile reads beyond the lines");
            assert!(tile.lanes[j] <= LANES && tile.y[j] + tile.lanes[j] <= row_len, "beyond a row");
        }
    }
}

/// What [`multiply`] needs besides rows and output.
#[derive(Clone, Copy)]
pub(crate) struct Multiply<'a> {
    pub list: &'a List,
    /// One for each entry of the list.
    pub values: &'a [f32],
    /// One for each row.
    pub bias: Option<&'a [f32]>,
    pub lines: Lines<'a>,
    pub tiles: &'a [Tile],
    /// Are the tiles squares of pixels, whose lines lie apart? Then they are fetched in advance.
    pub ahead: bool,
}

/// `y[row] = bias[row] + Σ values[k] · x[offset(k)]` for some rows and tiles, one fused
/// multiplication after the other in the order of the list.
///
/// `y` are the given rows only; `sums` is memory to work in, [`ROW_BLOCK`]` · `[`TILE`] floats.
///
/// # Panics
/// If a tile leads out of lines or row, or a length is wrong.
pub(crate) fn multiply(
    level: Level,
    job: Multiply,
    rows: Range<usize>,
    y: &mut [f32],
    sums: &mut [f32],
) {
    assert!(rows.start < rows.end && rows.end <= job.list.rows(), "rows of the list");
    assert!(job.list.is_cut(rows.start) && job.list.is_cut(rows.end), "whole visits");
    assert_eq!(job.values.len(), job.list.len(), "a value for each entry");
    assert!(job.bias.is_none_or(|bias| bias.len() == job.list.rows()), "a bias for each row");
    assert!(sums.len() >= ROW_BLOCK * TILE, "room for sums");
    let row_len = y.len() / rows.len();
    assert_eq!(y.len(), row_len * rows.len(), "whole rows");
    check(job.lines, job.list.reach(), job.tiles, row_len);
    // SAFETY: a level exists only where its instructions do. Lengths and tiles were checked above;
    // the list keeps its own promises.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => x86::multiply_avx512(job, rows, y, row_len, sums),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => x86::multiply_avx2(job, rows, y, row_len, sums),
            Level::Portable => multiply_by::<Portable>(job, rows, y, row_len, sums),
        }
    }
}

/// What [`correlate`] needs besides rows, their gradients and the result.
#[derive(Clone, Copy)]
pub(crate) struct Correlate<'a> {
    pub list: &'a List,
    /// Does the list have one row, which stands for all?
    pub dense: bool,
    pub lines: Lines<'a>,
    pub tiles: &'a [Tile],
    /// As in [`Multiply`].
    pub ahead: bool,
}

/// `into[k] += Σ dy[row(k)] · x[offset(k)]` over tiles, for some rows.
///
/// For each tile, sixteen chains of fused multiplications over its groups are added in a tree. `dy`
/// and `into` are of the given rows only; `held` is memory to work in, as `sums` of [`multiply`].
///
/// # Panics
/// If a tile leads out of lines or row, or a length is wrong.
pub(crate) fn correlate(
    level: Level,
    job: Correlate,
    rows: Range<usize>,
    dy: &[f32],
    into: &mut [f32],
    held: &mut [f32],
) {
    assert!(rows.start < rows.end, "some rows");
    if job.dense {
        assert_eq!(job.list.rows(), 1, "one row for all");
        assert_eq!(into.len(), rows.len() * job.list.len(), "a gradient for each weight");
    } else {
        assert!(rows.end <= job.list.rows(), "rows of the list");
        assert!(job.list.is_cut(rows.start) && job.list.is_cut(rows.end), "whole visits");
        assert_eq!(into.len(), job.list.entries(&rows).len(), "a gradient for each entry");
    }
    assert!(held.len() >= ROW_BLOCK * TILE, "room for gradients");
    let row_len = dy.len() / rows.len();
    assert_eq!(dy.len(), row_len * rows.len(), "whole rows");
    check(job.lines, job.list.reach(), job.tiles, row_len);
    // SAFETY: as in `multiply`.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => x86::correlate_avx512(job, rows, dy, row_len, into, held),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => x86::correlate_avx2(job, rows, dy, row_len, into, held),
            Level::Portable => correlate_by::<Portable>(job, rows, dy, row_len, into, held),
        }
    }
}

/// The loops compiled for each instruction set.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Correlate, Multiply, Range, correlate_by, multiply_by};
    use crate::vector::x86::{Avx2, Avx512};

    /// # Safety
    /// As [`multiply_by`]; needs the instructions, as all of this module.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn multiply_avx512(
        job: Multiply,
        rows: Range<usize>,
        y: &mut [f32],
        row_len: usize,
        sums: &mut [f32],
    ) {
        // SAFETY: the caller's promise.
        unsafe { multiply_by::<Avx512>(job, rows, y, row_len, sums) }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn multiply_avx2(
        job: Multiply,
        rows: Range<usize>,
        y: &mut [f32],
        row_len: usize,
        sums: &mut [f32],
    ) {
        // SAFETY: the caller's promise.
        unsafe { multiply_by::<Avx2>(job, rows, y, row_len, sums) }
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn correlate_avx512(
        job: Correlate,
        rows: Range<usize>,
        dy: &[f32],
        row_len: usize,
        into: &mut [f32],
        held: &mut [f32],
    ) {
        // SAFETY: the caller's promise.
        unsafe { correlate_by::<Avx512>(job, rows, dy, row_len, into, held) }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn correlate_avx2(
        job: Correlate,
        rows: Range<usize>,
        dy: &[f32],
        row_len: usize,
        into: &mut [f32],
        held: &mut [f32],
    ) {
        // SAFETY: the caller's promise.
        unsafe { correlate_by::<Avx2>(job, rows, dy, row_len, into, held) }
    }
}

/// The lines that the next block reads, fetched into the first cache while the rows of this one
/// compute: a few at each visit. The processor does not foresee them, for they are short and apart.
struct Ahead<'a> {
    offsets: std::slice::Iter<'a, u32>,
    /// Lines at each visit.
    step: usize,
    from: *const f32,
    pitch: usize,
}

impl<'a> Ahead<'a> {
    /// `block` may be the one behind the last, which is the first of the next tile.
    #[inline(always)]
    fn new(
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
    fn fetch<V: Vector>(&mut self) {
        for offset in self.offsets.by_ref().take(self.step) {
            V::prefetch(self.from.wrapping_add(*offset as usize * self.pitch));
        }
    }
}

/// # Safety
/// What [`multiply`] checks must hold, and the instructions of `V` must exist.
#[inline(always)]
unsafe fn multiply_by<V: Vector>(
    job: Multiply,
    rows: Range<usize>,
    y: &mut [f32],
    row_len: usize,
    sums: &mut [f32],
) {
    for first in rows.clone().step_by(job.list.row_block()) {
        let block = first..(first + job.list.row_block()).min(rows.end);
        // SAFETY: `y` has whole rows from `rows.start` on.
        let y = unsafe { y.as_mut_ptr().add((first - rows.start) * row_len) };
        for (i, tile) in job.tiles.iter().enumerate() {
            let next = job.tiles.get(i + 1).unwrap_or(tile);
            let (block, sums) = (block.clone(), sums.as_mut_ptr());
            // SAFETY: the caller's promise; `check` saw every tile.
            unsafe {
                match tile.groups {
                    1 => multiply_tile::<V, 1>(job, block, [tile, next], y, row_len, sums),
                    2 => multiply_tile::<V, 2>(job, block, [tile, next], y, row_len, sums),
                    3 => multiply_tile::<V, 3>(job, block, [tile, next], y, row_len, sums),
                    _ => multiply_tile::<V, 4>(job, block, [tile, next], y, row_len, sums),
                }
            }
        }
    }
}

/// One tile of at most [`ROW_BLOCK`] rows; `y` points to the first of them.
///
/// # Safety
/// As [`multiply_by`].
#[inline(always)]
unsafe fn multiply_tile<V: Vector, const P: usize>(
    job: Multiply,
    rows: Range<usize>,
    [tile, next]: [&Tile; 2],
    y: *mut f32,
    row_len: usize,
    sums: *mut f32,
) {
    let last = job.list.blocks() - 1;
    let coming = |block: usize, tile| {
        Ahead::new(job.ahead, job.list, block + 1, job.lines, tile, rows.len())
    };
    // SAFETY: the caller's promise; blocks are of the list.
    unsafe {
        let (whole, y, sums) = ((job, rows.clone(), tile), (y, row_len), sums);
        if last == 0 {
            return multiply_block::<V, P, true, true>(whole, 0, y, sums, coming(0, next));
        }
        multiply_block::<V, P, true, false>(whole.clone(), 0, y, sums, coming(0, tile));
        for block in 1..last {
            let ahead = coming(block, tile);
            multiply_block::<V, P, false, false>(whole.clone(), block, y, sums, ahead);
        }
        multiply_block::<V, P, false, true>(whole, last, y, sums, coming(last, next));
    }
}

/// One block of columns, which begins the sums or reads them, and saves or ends them.
///
/// # Safety
/// As [`multiply_by`].
#[inline(always)]
unsafe fn multiply_block<V: Vector, const P: usize, const FIRST: bool, const LAST: bool>(
    (job, rows, tile): (Multiply, Range<usize>, &Tile),
    block: usize,
    (y, row_len): (*mut f32, usize),
    sums: *mut f32,
    mut ahead: Ahead,
) {
    let (step, visit) = (job.list.step(), job.list.visit(rows.start, block));
    let (starts, offsets) = (job.list.starts().as_ptr(), job.list.offsets().as_ptr());
    let (values, pitch) = (job.values.as_ptr(), job.lines.pitch);
    let whole = tile.lanes[..P] == [LANES; P];
    // SAFETY: rows and blocks are of the list, so starts are in range and entries between them
    // too; offsets are at most `reach`, for which `check` saw that all groups stay inside the
    // lines; `sums` has room for ROW_BLOCK rows of P vectors; groups lie inside a row of `y`.
    unsafe {
        let x: [*const f32; P] = std::array::from_fn(|j| job.lines.floats.as_ptr().add(tile.x[j]));
        let to: [*mut f32; P] = std::array::from_fn(|j| y.add(tile.y[j]));
        for row in rows.clone() {
            ahead.fetch::<V>();
            let local = row - rows.start;
            let visit = visit + local * step;
            let (mut k, end) = (*starts.add(visit) as usize, *starts.add(visit + 1) as usize);
            if step > 1 {
                // Entries of the next row lie apart, and the processor does not foresee them.
                let soon = visit + ENTRIES_AHEAD.min(rows.len() - 1 - local) * step;
                let soon = *starts.add(soon) as usize;
                for line in [soon, soon + LANES] {
                    V::prefetch(offsets.wrapping_add(line).cast());
                    V::prefetch(values.wrapping_add(line));
                }
            }
            let saved = sums.add(local * P * LANES);
            let mut sum: [V; P] = if FIRST {
                [V::splat(job.bias.map_or(0.0, |bias| *bias.get_unchecked(row))); P]
            } else {
                std::array::from_fn(|j| V::load(saved.add(j * LANES)))
            };
            while k < end {
                let weight = V::splat(*values.add(k));
                let at = *offsets.add(k) as usize * pitch;
                for j in 0..P {
                    sum[j] = sum[j].fma(weight, V::load(x[j].add(at)));
                }
                k += 1;
            }
            if !LAST {
                for (j, sum) in sum.iter().enumerate() {
                    sum.store(saved.add(j * LANES));
                }
            } else if whole {
                for (sum, to) in sum.iter().zip(&to) {
                    sum.store(to.add(local * row_len));
                }
            } else {
                for ((sum, to), lanes) in sum.iter().zip(&to).zip(&tile.lanes) {
                    let mut all = [0.0; LANES];
                    sum.store(all.as_mut_ptr());
                    std::ptr::copy_nonoverlapping(all.as_ptr(), to.add(local * row_len), *lanes);
                }
            }
        }
    }
}

/// # Safety
/// What [`correlate`] checks must hold, and the instructions of `V` must exist.
#[inline(always)]
unsafe fn correlate_by<V: Vector>(
    job: Correlate,
    rows: Range<usize>,
    dy: &[f32],
    row_len: usize,
    into: &mut [f32],
    held: &mut [f32],
) {
    let before = if job.dense { 0 } else { job.list.entries(&rows).start };
    for first in rows.clone().step_by(job.list.row_block()) {
        let block = first..(first + job.list.row_block()).min(rows.end);
        for (i, tile) in job.tiles.iter().enumerate() {
            let next = job.tiles.get(i + 1).unwrap_or(tile);
            let (block, held) = (block.clone(), held.as_mut_ptr());
            // SAFETY: `dy` has whole rows from `rows.start` on, and `into` the entries from
            // `before` on; the rest is the caller's promise.
            unsafe {
                let dy = dy.as_ptr().add((first - rows.start) * row_len);
                let into = if job.dense {
                    into.as_mut_ptr().add((first - rows.start) * job.list.len())
                } else {
                    // A list in which entries are counted from its first; entries of these rows
                    // are never before `before`.
                    into.as_mut_ptr().wrapping_sub(before)
                };
                match tile.groups {
                    1 => correlate_tile::<V, 1>(job, block, [tile, next], dy, row_len, into, held),
                    2 => correlate_tile::<V, 2>(job, block, [tile, next], dy, row_len, into, held),
                    3 => correlate_tile::<V, 3>(job, block, [tile, next], dy, row_len, into, held),
                    _ => correlate_tile::<V, 4>(job, block, [tile, next], dy, row_len, into, held),
                }
            }
        }
    }
}

/// One tile of at most [`ROW_BLOCK`] rows; `dy` points to the first of them.
///
/// # Safety
/// As [`correlate_by`].
#[inline(always)]
unsafe fn correlate_tile<V: Vector, const P: usize>(
    job: Correlate,
    rows: Range<usize>,
    [tile, next]: [&Tile; 2],
    dy: *const f32,
    row_len: usize,
    into: *mut f32,
    held: *mut f32,
) {
    let blocks = job.list.blocks();
    let (starts, offsets) = (job.list.starts().as_ptr(), job.list.offsets().as_ptr());
    let pitch = job.lines.pitch;
    // What one row adds to the numbers of visits and of results.
    let (step, results) = if job.dense { (0, job.list.len()) } else { (job.list.step(), 0) };
    // SAFETY: as in `multiply_tile`, with `dy` for `y` and `held` for `sums`; entry k of a row is
    // result k, in a dense list behind the results of the rows before.
    unsafe {
        let x: [*const f32; P] = std::array::from_fn(|j| job.lines.floats.as_ptr().add(tile.x[j]));
        for block in 0..blocks {
            let first = job.list.visit(if job.dense { 0 } else { rows.start }, block);
            let coming = if block + 1 == blocks { next } else { tile };
            let mut ahead =
                Ahead::new(job.ahead, job.list, block + 1, job.lines, coming, rows.len());
            for row in rows.clone() {
                ahead.fetch::<V>();
                let local = row - rows.start;
                let visit = first + local * step;
                let (mut k, end) = (*starts.add(visit) as usize, *starts.add(visit + 1) as usize);
                if step > 1 {
                    let soon = visit + ENTRIES_AHEAD.min(rows.len() - 1 - local) * step;
                    let soon = *starts.add(soon) as usize;
                    for line in [soon, soon + LANES] {
                        V::prefetch(offsets.wrapping_add(line).cast());
                        V::prefetch(into.wrapping_add(line));
                    }
                }
                let saved = held.add(local * P * LANES);
                let gradient: [V; P] = if block == 0 {
                    let read: [V; P] = std::array::from_fn(|j| {
                        let from = dy.add(local * row_len + tile.y[j]);
                        if tile.lanes[j] == LANES {
                            return V::load(from);
                        }
                        let mut all = [0.0; LANES];
                        std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), tile.lanes[j]);
                        V::load(all.as_ptr())
                    });
                    if blocks > 1 {
                        // Together, because rows of `dy` often lie apart by a power of two and
                        // would push each other out of the cache before the next block.
                        for (j, read) in read.iter().enumerate() {
                            read.store(saved.add(j * LANES));
                        }
                    }
                    for at in tile.y[..P].iter() {
                        V::prefetch(dy.wrapping_add((local + ROWS_AHEAD) * row_len + at));
                    }
                    read
                } else {
                    std::array::from_fn(|j| V::load(saved.add(j * LANES)))
                };
                let into = into.wrapping_add(local * results);
                let dot = |k: usize| {
                    let at = *offsets.add(k) as usize * pitch;
                    let mut sum = gradient[0].mul(V::load(x[0].add(at)));
                    for j in 1..P {
                        sum = sum.fma(gradient[j], V::load(x[j].add(at)));
                    }
                    sum
                };
                while k + 4 <= end {
                    let sums = V::sums([dot(k), dot(k + 1), dot(k + 2), dot(k + 3)]);
                    for (i, sum) in sums.iter().enumerate() {
                        *into.wrapping_add(k + i) += sum;
                    }
                    k += 4;
                }
                let rest = end - k.min(end);
                if rest > 0 {
                    let none = V::splat(0.0);
                    let sums = V::sums(match rest {
                        1 => [dot(k), none, none, none],
                        2 => [dot(k), dot(k + 1), none, none],
                        _ => [dot(k), dot(k + 1), dot(k + 2), none],
                    });
                    // One by one: the compiler makes too much of a loop over at most three.
                    *into.wrapping_add(k) += sums[0];
                    if rest > 1 {
                        *into.wrapping_add(k + 1) += sums[1];
                    }
                    if rest > 2 {
                        *into.wrapping_add(k + 2) += sums[2];
                    }
                }
            }
        }
    }
}
