//! The kernel of forward pass and input gradient: a sparse matrix times lines.

use std::ops::Range;

use crate::instructions::Level;
use crate::list::List;
use crate::tile::{
    Ahead, Lines, ROW_BLOCK, TILE, Tile, base, behind, by_tile, check, fetch_entries,
};
use crate::vector::{LANES, Portable, Vector};

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
    check(job.lines, job.list.reach(), job.tiles, level.groups(), row_len);
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

/// The loop compiled for each instruction set.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Multiply, Range, multiply_by};
    use crate::vector::x86::{Avx2, Avx512};

    /// # Safety
    /// As [`multiply_by`]; needs AVX-512.
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

    /// # Safety
    /// As [`multiply_by`]; needs AVX2 and FMA.
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
                let tiles = [tile, next];
                macro_rules! tile {
                    ($groups:literal, $shape:expr) => {
                        multiply_tile::<V, $groups, { $shape }>(job, block, tiles, y, row_len, sums)
                    };
                }
                by_tile!(tile, tile, V)
            }
        }
    }
}

/// One tile of at most [`ROW_BLOCK`] rows; `y` points to the first of them.
///
/// # Safety
/// As [`multiply_by`].
#[inline(always)]
unsafe fn multiply_tile<V: Vector, const P: usize, const SHAPE: u8>(
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
            return multiply_block::<V, P, SHAPE, true, true>(whole, 0, y, sums, coming(0, next));
        }
        multiply_block::<V, P, SHAPE, true, false>(whole.clone(), 0, y, sums, coming(0, tile));
        for block in 1..last {
            let ahead = coming(block, tile);
            multiply_block::<V, P, SHAPE, false, false>(whole.clone(), block, y, sums, ahead);
        }
        multiply_block::<V, P, SHAPE, false, true>(whole, last, y, sums, coming(last, next));
    }
}

/// One block of columns, which begins the sums or reads them, and saves or ends them.
///
/// # Safety
/// As [`multiply_by`].
#[inline(always)]
unsafe fn multiply_block<
    V: Vector,
    const P: usize,
    const SHAPE: u8,
    const FIRST: bool,
    const LAST: bool,
>(
    (job, rows, tile): (Multiply, Range<usize>, &Tile),
    block: usize,
    (y, row_len): (*mut f32, usize),
    sums: *mut f32,
    mut ahead: Ahead,
) {
    let (step, visit) = (job.list.step(), job.list.visit(rows.start, block));
    let (starts, offsets) = (job.list.starts().as_ptr(), job.list.offsets().as_ptr());
    let (values, pitch) = (job.values.as_ptr(), job.lines.pitch);
    let whole = tile.is_whole(P);
    // SAFETY: rows and blocks are of the list, so starts are in range and entries between them
    // too; offsets are at most `reach`, for which `check` saw that all groups stay inside the
    // lines; `sums` has room for ROW_BLOCK rows of P vectors; groups lie inside a row of `y`.
    unsafe {
        let x: [*const f32; P] = std::array::from_fn(|j| job.lines.floats.as_ptr().add(tile.x(j)));
        let to: [*mut f32; P] = std::array::from_fn(|j| y.add(tile.y(j)));
        for row in rows.clone() {
            ahead.fetch::<V>();
            let local = row - rows.start;
            let visit = visit + local * step;
            let (mut k, end) = (*starts.add(visit) as usize, *starts.add(visit + 1) as usize);
            fetch_entries::<V>(job.list, visit, rows.len() - 1 - local, values);
            let saved = sums.add(local * P * LANES);
            let mut sum: [V; P] = if FIRST {
                [V::splat(job.bias.map_or(0.0, |bias| *bias.get_unchecked(row))); P]
            } else {
                std::array::from_fn(|j| V::load(saved.add(j * LANES)))
            };
            while k < end {
                let weight = V::splat(*values.add(k));
                let at = *offsets.add(k) as usize * pitch;
                let here: [*const f32; P] = std::array::from_fn(|j| x[j].add(at));
                for j in 0..P {
                    let from = here[base(SHAPE, j)].add(behind(SHAPE, j));
                    sum[j] = sum[j].fma(weight, V::load(from));
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
                for (j, (sum, to)) in sum.iter().zip(&to).enumerate() {
                    sum.store_first(to.add(local * row_len), tile.lanes(j));
                }
            }
        }
    }
}
