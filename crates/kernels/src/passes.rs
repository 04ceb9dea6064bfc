//! The passes of a layer: forward, and the gradients of input, weights and bias.

use std::ops::Range;

use crate::correlate::{Correlate, correlate};
use crate::error::length;
use crate::list::List;
use crate::multiply::{Multiply, multiply};
use crate::pattern::CACHE;
use crate::plane::{Plane, Spots};
use crate::team::Threads;
use crate::tile::{GROUPS, Lines, MOST, Tile};
use crate::vector::LANES;
use crate::workspace::Buffer;
use crate::{Error, Pattern, Workspace};

/// The most samples that are read where they are. With more, neighbouring features lie so far
/// apart that they push each other out of the cache, and packing costs less.
const NEAR: usize = 128;

/// Fewer rows than this have no time to fetch the lines of the next block.
const ROWS_AHEAD: usize = if cfg!(miri) { 2 } else { 32 };

impl Pattern {
    /// `y = x ∗ weights + bias`.
    ///
    /// Activations have the samples innermost: `x` is `[in_channels, height, width, batch]` and
    /// `y` `[out_channels, out_height, out_width, batch]`, for a linear layer `[features, batch]`,
    /// contiguous. `bias` has an element for each output channel. `y` is overwritten.
    ///
    /// Each element is the bias plus products in the row-major order of the weight, one fused
    /// multiplication after the other: the same bits for every batch, instruction set and number of
    /// threads. Padding takes part as zeros, so an infinite weight gives NaN at the border.
    ///
    /// ```
    /// use dst_kernels::{Geometry, Pattern, Workspace};
    /// // Two inputs, two outputs, weights [[2, 0], [0, 3]].
    /// let pattern = Pattern::new(Geometry::linear(2, 2)?, &[true, false, false, true])?;
    /// let values = [2.0, 3.0];
    /// // Three samples: [1, 10], [2, 20], [3, 30].
    /// let x = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
    /// let mut y = [0.0; 6];
    /// let mut workspace = Workspace::new();
    /// pattern.forward(&mut workspace, &values, Some(&[0.5, 0.0]), &x, 3, &mut y)?;
    /// assert_eq!(y, [2.5, 4.5, 6.5, 30.0, 60.0, 90.0]);
    /// # Ok::<(), dst_kernels::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if a slice has another length, [`Error::TooLarge`] if the batch overflows.
    pub fn forward(
        &self,
        workspace: &mut Workspace,
        values: &[f32],
        bias: Option<&[f32]>,
        x: &[f32],
        batch: usize,
        y: &mut [f32],
    ) -> Result<(), Error> {
        let geometry = &self.geometry;
        length("values", values.len(), self.active_count())?;
        if let Some(bias) = bias {
            length("the bias", bias.len(), geometry.conv.out_channels)?;
        }
        self.check_batch(batch)?;
        length("x", x.len(), floats(geometry.input_count(), batch)?)?;
        length("y", y.len(), floats(geometry.output_count(), batch)?)?;
        let side = Side { plane: &self.input, floats: x, batch: batch * self.fold };
        let jobs = [Job { list: &self.forward, values, spots: &self.spots }];
        let Workspace { level, threads, scratch } = workspace;
        let parts = threads.parts(self.active_count() * self.spots.len() * self.fold * batch);
        let (packed, _, tiles, sums) = scratch.split(parts);
        side.prepare(geometry.conv.in_channels, geometry.taps(), level.groups()).each(
            threads,
            parts,
            packed,
            |chunk| {
                multiply_all(*level, threads, &jobs, bias, chunk, tiles, sums, y);
            },
        );
        Ok(())
    }

    /// The gradient of the input, from that of the output.
    ///
    /// `dy` has the shape of `y`, `dx` that of `x`; see [`Pattern::forward`]. `dx` is overwritten.
    /// Each element adds its products by output channel, then by tap, with the same promise about
    /// bits.
    ///
    /// # Errors
    /// As [`Pattern::forward`].
    pub fn input_gradient(
        &self,
        workspace: &mut Workspace,
        values: &[f32],
        dy: &[f32],
        batch: usize,
        dx: &mut [f32],
    ) -> Result<(), Error> {
        let geometry = &self.geometry;
        length("values", values.len(), self.active_count())?;
        length("dy", dy.len(), floats(geometry.output_count(), batch)?)?;
        self.check_batch(batch)?;
        length("dx", dx.len(), floats(geometry.input_count(), batch)?)?;
        let side = Side { plane: &self.gradient, floats: dy, batch: batch * self.fold };
        let Workspace { level, threads, scratch } = workspace;
        let parts = threads.parts(self.active_count() * self.spots.len() * self.fold * batch);
        let (packed, gathered, tiles, sums) = scratch.split(parts);
        let mut rest = gathered.take(values.len());
        let mut jobs = Vec::with_capacity(self.phases.len());
        for phase in &self.phases {
            let (own, next) = rest.split_at_mut(phase.order.len());
            rest = next;
            let step = phase.order.len().div_ceil(parts).max(1);
            threads.run(own.chunks_mut(step).zip(phase.order.chunks(step)), |(own, order)| {
                for (own, at) in own.iter_mut().zip(order) {
                    *own = values[*at as usize];
                }
            });
            jobs.push(Job { list: &phase.list, values: own, spots: &phase.spots });
        }
        side.prepare(geometry.conv.out_channels, geometry.taps(), level.groups()).each(
            threads,
            parts,
            packed,
            |chunk| {
                multiply_all(*level, threads, &jobs, None, chunk, tiles, sums, dx);
            },
        );
        Ok(())
    }

    /// The gradient of the values, summed over samples and pixels.
    ///
    /// `dvalues` has the order of the values and is overwritten. The order of sums depends on the
    /// layer's shape and the batch only: same bits for every instruction set and number of threads.
    ///
    /// # Errors
    /// As [`Pattern::forward`].
    pub fn weight_gradient(
        &self,
        workspace: &mut Workspace,
        x: &[f32],
        dy: &[f32],
        batch: usize,
        dvalues: &mut [f32],
    ) -> Result<(), Error> {
        length("the gradient of values", dvalues.len(), self.active_count())?;
        self.correlate(workspace, &self.forward, false, x, dy, batch, dvalues)
    }

    /// The gradient of the dense weight at all positions, active or not, in row-major order; else
    /// as [`Pattern::weight_gradient`], whose bits it has at active positions.
    ///
    /// # Errors
    /// As [`Pattern::forward`].
    pub fn dense_weight_gradient(
        &self,
        workspace: &mut Workspace,
        x: &[f32],
        dy: &[f32],
        batch: usize,
        dweight: &mut [f32],
    ) -> Result<(), Error> {
        length("the gradient of the weight", dweight.len(), self.geometry.weight_count())?;
        self.correlate(workspace, self.dense(), true, x, dy, batch, dweight)
    }

    /// Can tiles count the floats of one channel, of a side as it is and as it is packed?
    fn check_batch(&self, batch: usize) -> Result<(), Error> {
        let [height, width] = self.geometry.output_size();
        let conv = &self.geometry.conv;
        let pixels = (height * width).max(conv.height * conv.width) as u128;
        let lines = self.input.lines().max(self.gradient.lines()) as u128;
        // What is read in place or packed has lines of at most so many floats.
        let longest = (pixels * batch as u128).max(lines * NEAR.max(MOST * LANES) as u128);
        match u32::try_from(longest) {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(Error::TooLarge(format!("a batch of {batch} samples of {pixels} pixels")))
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the operands of a pass")]
    fn correlate(
        &self,
        workspace: &mut Workspace,
        list: &List,
        dense: bool,
        x: &[f32],
        dy: &[f32],
        batch: usize,
        into: &mut [f32],
    ) -> Result<(), Error> {
        let geometry = &self.geometry;
        self.check_batch(batch)?;
        length("x", x.len(), floats(geometry.input_count(), batch)?)?;
        length("dy", dy.len(), floats(geometry.output_count(), batch)?)?;
        into.fill(0.0);
        let Workspace { level, threads, scratch } = workspace;
        let parts = threads.parts(into.len() * self.spots.len() * self.fold * batch);
        let (packed, _, tiles, held) = scratch.split(parts);
        let rows = geometry.conv.out_channels;
        let ranges = if dense { equal(rows, parts) } else { list.split(parts) };
        let side = Side { plane: &self.input, floats: x, batch: batch * self.fold };
        side.prepare(geometry.conv.in_channels, geometry.taps(), level.groups()).each(
            threads,
            parts,
            packed,
            |chunk| {
                chunk.tiles(&self.spots, tiles);
                let ahead = chunk.squares && rows >= ROWS_AHEAD;
                let job = Correlate { list, dense, lines: chunk.lines, tiles, ahead };
                let row_len = dy.len() / rows;
                let (mut into, mut jobs) = (&mut *into, Vec::with_capacity(parts));
                for (rows, held) in ranges.iter().zip(&mut *held) {
                    let len =
                        if dense { rows.len() * list.len() } else { list.entries(rows).len() };
                    let (own, next) = into.split_at_mut(len);
                    into = next;
                    let dy = &dy[rows.start * row_len..rows.end * row_len];
                    jobs.push((rows.clone(), dy, own, held));
                }
                threads.run(jobs, |(rows, dy, own, held)| {
                    correlate(*level, job, rows, dy, own, held.take_sums());
                });
            },
        );
        Ok(())
    }

    /// The gradient of the bias, summed over samples and pixels of `dy`. It is overwritten, and
    /// has the same bits everywhere.
    ///
    /// # Errors
    /// As [`Pattern::forward`].
    pub fn bias_gradient(&self, dy: &[f32], batch: usize, dbias: &mut [f32]) -> Result<(), Error> {
        let geometry = &self.geometry;
        length("dy", dy.len(), floats(geometry.output_count(), batch)?)?;
        length("the gradient of the bias", dbias.len(), geometry.conv.out_channels)?;
        if batch == 0 {
            dbias.fill(0.0);
            return Ok(());
        }
        let row_len = dy.len() / dbias.len();
        for (sum, row) in dbias.iter_mut().zip(dy.chunks_exact(row_len)) {
            // Few floats are added in a chain before the sum is widened, or long rows would lose
            // digits.
            let total: f64 = row
                .chunks(256 * LANES)
                .map(|part| {
                    let (lines, rest) = part.as_chunks::<LANES>();
                    let mut sums = [0.0f32; LANES];
                    for line in lines {
                        for (sum, value) in sums.iter_mut().zip(line) {
                            *sum += value;
                        }
                    }
                    sums.iter().chain(rest).map(|value| f64::from(*value)).sum::<f64>()
                })
                .sum();
            *sum = total as f32;
        }
        Ok(())
    }
}

/// Length of a side, unless it overflows.
fn floats(count: usize, batch: usize) -> Result<usize, Error> {
    // Twice, so that packed lines of a partial tile are counted too.
    match count.checked_mul(batch).and_then(|len| len.checked_mul(2 * size_of::<f32>() * LANES)) {
        Some(_) => Ok(count * batch),
        None => Err(Error::TooLarge(format!("a batch of {batch} samples of {count} floats"))),
    }
}

/// Ranges that differ by at most one row, none of them empty.
fn equal(rows: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.min(rows);
    (0..parts).map(|part| rows * part / parts..rows * (part + 1) / parts).collect()
}

/// One matrix of a pass, and the output pixels that it computes.
struct Job<'a> {
    list: &'a List,
    values: &'a [f32],
    spots: &'a Spots,
}

/// All jobs on one chunk of samples.
#[expect(clippy::too_many_arguments, reason = "the operands of a pass")]
fn multiply_all(
    level: crate::instructions::Level,
    threads: &Threads,
    jobs: &[Job],
    bias: Option<&[f32]>,
    chunk: Chunk,
    tiles: &mut Vec<Tile>,
    sums: &mut [Buffer],
    y: &mut [f32],
) {
    for Job { list, values, spots } in jobs {
        chunk.tiles(spots, tiles);
        let (lines, tiles) = (chunk.lines, &*tiles);
        let ahead = chunk.squares && list.rows() >= ROWS_AHEAD;
        let job = Multiply { list, values, bias, lines, tiles, ahead };
        let row_len = y.len() / list.rows();
        let (mut rest, mut parts) = (&mut *y, Vec::with_capacity(sums.len()));
        for (rows, sums) in list.split(sums.len()).into_iter().zip(&mut *sums) {
            let (own, next) = rest.split_at_mut(rows.len() * row_len);
            rest = next;
            parts.push((rows, own, sums));
        }
        threads.run(parts, |(rows, own, sums)| {
            multiply(level, job, rows, own, sums.take_sums());
        });
    }
}

/// The side of a pass that the kernels read by lines.
struct Side<'a> {
    plane: &'a Plane,
    floats: &'a [f32],
    batch: usize,
}

/// Samples that are computed together.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    lines: Lines<'a>,
    /// Of the side.
    batch: usize,
    /// The first sample and their number.
    first: usize,
    count: usize,
    /// Are the tiles squares of pixels?
    squares: bool,
    /// The most groups of a tile.
    groups: usize,
}

impl<'a> Side<'a> {
    fn prepare(self, channels: usize, taps: usize, groups: usize) -> Prepared<'a> {
        // Where one pixel with 64 samples reads little, as in linear layers and after few channels,
        // that keeps reads and writes together; else squares of pixels share what they read.
        let wide = self.plane.lines() == 1 || channels * taps * GROUPS <= 2 * CACHE;
        let in_place = wide
            && self.plane.is_source()
            && self.batch.is_multiple_of(LANES)
            && self.batch <= NEAR;
        let samples = match (in_place, wide) {
            (true, _) => self.batch,
            // In a linear layer all groups of a tile are of one pixel.
            (false, true) if self.plane.lines() == 1 => groups * LANES,
            (false, true) => GROUPS * LANES,
            (false, false) => LANES,
        };
        Prepared { side: self, channels, in_place, samples, groups }
    }
}

/// A side, and how it is read.
struct Prepared<'a> {
    side: Side<'a>,
    channels: usize,
    in_place: bool,
    /// Samples of a chunk.
    samples: usize,
    /// The most groups of a tile.
    groups: usize,
}

impl Prepared<'_> {
    /// Packs chunk after chunk of samples and hands each to `run`.
    fn each(
        &self,
        threads: &Threads,
        parts: usize,
        packed: &mut Buffer,
        mut run: impl FnMut(Chunk),
    ) {
        let Side { plane, floats, batch } = self.side;
        let (squares, groups) = (self.samples == LANES, self.groups);
        if batch == 0 {
            return;
        }
        // The border stays where it is as long as lines have one length.
        let mut bordered = 0;
        for first in (0..batch).step_by(self.samples) {
            let count = self.samples.min(batch - first);
            if self.in_place {
                run(Chunk {
                    lines: Lines { floats, pitch: batch },
                    batch,
                    first,
                    count,
                    squares,
                    groups,
                });
                continue;
            }
            let pitch = count.next_multiple_of(LANES);
            let packed = packed.take(self.channels * plane.lines() * pitch);
            let step = self.channels.div_ceil(parts);
            let from = floats.chunks(floats.len() / self.channels * step);
            threads.run(from.zip(packed.chunks_mut(plane.lines() * pitch * step)), |(from, to)| {
                plane.pack(from, batch, first..first + count, pitch, pitch != bordered, to);
            });
            bordered = pitch;
            run(Chunk {
                lines: Lines { floats: packed, pitch },
                batch,
                first,
                count,
                squares,
                groups,
            });
        }
    }
}

impl Chunk<'_> {
    /// The tiles of all spots: several times 16 samples of one, or several spots.
    fn tiles(&self, spots: &Spots, tiles: &mut Vec<Tile>) {
        tiles.clear();
        if self.count == GROUPS * LANES {
            // The most frequent case, and for small layers the loop below is felt.
            self.whole_tiles(spots, tiles);
            return;
        }
        let mut tile = Tile::default();
        for [line, pixel] in spots.iter() {
            for group in (0..self.count).step_by(LANES) {
                let x = line * self.lines.pitch + group;
                let y = pixel * self.batch + self.first + group;
                tile.push(x, y, LANES.min(self.count - group));
                if tile.groups() == self.groups {
                    tiles.push(std::mem::take(&mut tile));
                }
            }
        }
        push_last(&tile, tiles);
    }

    /// Tiles of one or two spots with 64 samples each.
    fn whole_tiles(&self, spots: &Spots, tiles: &mut Vec<Tile>) {
        let first =
            |[line, pixel]: [usize; 2]| [line * self.lines.pitch, pixel * self.batch + self.first];
        let (pairs, rest) = spots.pairs();
        if self.groups == GROUPS {
            tiles.extend(spots.iter().map(|spot| Tile::whole([first(spot); 2]).first(GROUPS)));
        } else {
            tiles.extend(pairs.map(|pair| Tile::whole(pair.map(first))));
            tiles.extend(rest.map(|spot| Tile::whole([first(spot); 2]).first(GROUPS)));
        }
    }
}

/// What is left, in tiles for which there are kernels: of few groups, or of all.
fn push_last(tile: &Tile, tiles: &mut Vec<Tile>) {
    match tile.groups() {
        0 => {}
        few if few <= GROUPS => tiles.push(*tile),
        _ => tiles.extend([tile.first(GROUPS), tile.rest(GROUPS)]),
    }
}
