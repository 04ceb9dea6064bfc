//! The kernel of weight gradients: lines times lines, at the entries of a list.

use std::ops::Range;

use crate::instructions::Level;
use crate::list::List;
use crate::tile::{
    Ahead, GROUPS, Lines, ROW_BLOCK, TILE, Tile, base, behind, by_tile, check, fetch_entries,
};
use crate::vector::{LANES, Portable, Vector};

/// So many rows before it is read, a gradient of the output is asked for: rows lie too far apart
/// for the processor to foresee.
const ROWS_AHEAD: usize = 4;
/// What [`correlate`] needs besides rows, their gradients and the result.
#[derive(Clone, Copy)]
pub(crate) struct Correlate<'a> {
    pub list: &'a List,
    /// Does the list have one row, which stands for all?
    pub dense: bool,
    pub lines: Lines<'a>,
    pub tiles: &'a [Tile],
    /// As in [`Multiply`](crate::multiply::Multiply).
    pub ahead: bool,
}

/// `into[k] += Σ dy[row(k)] · x[offset(k)]` over tiles, for some rows.
///
/// For each tile, sixteen chains of fused multiplications over its groups are added in a tree. `dy`
/// and `into` are of the given rows only; `held` is memory to work in, [`ROW_BLOCK`]` · `[`TILE`]
/// floats.
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
    check(job.lines, job.list.reach(), job.tiles, level.groups(), row_len);
    // SAFETY: a level exists only where its instructions do. Lengths and tiles were checked above;
    // the list keeps its own promises.
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

/// The loop compiled for each instruction set.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Correlate, Range, correlate_by};
    use crate::vector::x86::{Avx2, Avx512};

    /// # Safety
    /// As [`correlate_by`]; needs AVX-512.
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

    /// # Safety
    /// As [`correlate_by`]; needs AVX2 and FMA.
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
                macro_rules! tile {
                    ($groups:literal, $shape:expr) => {
                        correlate_tile::<V, $groups, { $shape }>(
                            job,
                            block,
                            [tile, next],
                            dy,
                            row_len,
                            into,
                            held,
                        )
                    };
                }
                by_tile!(tile, tile, V)
            }
        }
    }
}

/// One tile of at most [`ROW_BLOCK`] rows; `dy` points to the first of them.
///
/// # Safety
/// As [`correlate_by`].
#[inline(always)]
unsafe fn correlate_tile<V: Vector, const P: usize, const SHAPE: u8>(
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
    // SAFETY: as in `multiply_block`, with `dy` for `y` and `held` for `sums`; entry k of a row is
    // result k, in a dense list behind the results of the rows before.
    unsafe {
        let x: [*const f32; P] = std::array::from_fn(|j| job.lines.floats.as_ptr().add(tile.x(j)));
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
                if !job.dense {
                    fetch_entries::<V>(job.list, visit, rows.len() - 1 - local, into);
                }
                let saved = held.add(local * P * LANES);
                let gradient: [V; P] = if block == 0 {
                    let read: [V; P] = std::array::from_fn(|j| {
                        V::load_first(dy.add(local * row_len + tile.y(j)), tile.lanes(j))
                    });
                    if blocks > 1 {
                        // Together, because rows of `dy` often lie apart by a power of two and
                        // would push each other out of the cache before the next block.
                        for (j, read) in read.iter().enumerate() {
                            read.store(saved.add(j * LANES));
                        }
                    }
                    for at in (0..P).map(|j| tile.y(j)) {
                        V::prefetch(dy.wrapping_add((local + ROWS_AHEAD) * row_len + at));
                    }
                    read
                } else {
                    std::array::from_fn(|j| V::load(saved.add(j * LANES)))
                };
                let into = into.wrapping_add(local * results);
                let at = |k: usize| *offsets.add(k) as usize * pitch;
                while k + 4 <= end {
                    for half in 0..P.div_ceil(GROUPS) {
                        let sums = [
                            dot::<V, P, SHAPE>(&gradient, half, &x, at(k)),
                            dot::<V, P, SHAPE>(&gradient, half, &x, at(k + 1)),
                            dot::<V, P, SHAPE>(&gradient, half, &x, at(k + 2)),
                            dot::<V, P, SHAPE>(&gradient, half, &x, at(k + 3)),
                        ];
                        V::add_sums(sums, into.wrapping_add(k));
                    }
                    k += 4;
                }
                let rest = end - k.min(end);
                if rest > 0 {
                    let none = V::splat(0.0);
                    for half in 0..P.div_ceil(GROUPS) {
                        let first = dot::<V, P, SHAPE>(&gradient, half, &x, at(k));
                        let sums = V::sums(match rest {
                            1 => [first, none, none, none],
                            2 => {
                                let second = dot::<V, P, SHAPE>(&gradient, half, &x, at(k + 1));
                                [first, second, none, none]
                            }
                            _ => {
                                let second = dot::<V, P, SHAPE>(&gradient, half, &x, at(k + 1));
                                let third = dot::<V, P, SHAPE>(&gradient, half, &x, at(k + 2));
                                [first, second, third, none]
                            }
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
}

/// The product of gradients and lines at one entry, of one half of the groups: the halves of a
/// large tile count as two tiles, so that sums have one order everywhere.
///
/// A function, for a closure does not always dissolve into its caller, and then every instruction
/// is a call.
///
/// # Safety
/// As [`correlate_by`]; `at` is an offset of the list in floats.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the count must be known where it is compiled")]
unsafe fn dot<V: Vector, const P: usize, const SHAPE: u8>(
    gradient: &[V; P],
    half: usize,
    x: &[*const f32; P],
    at: usize,
) -> V {
    let first = half * GROUPS;
    // SAFETY: the caller's promise.
    unsafe {
        let from = |j: usize| x[base(SHAPE, j)].add(at).add(behind(SHAPE, j));
        let mut sum = gradient[first].mul(V::load(from(first)));
        for j in first + 1..P.min(first + GROUPS) {
            sum = sum.fma(gradient[j], V::load(from(j)));
        }
        sum
    }
}
