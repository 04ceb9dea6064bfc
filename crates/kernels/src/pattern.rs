//! Which weights of a layer are active, as the kernels read it.

use std::sync::OnceLock;

use crate::error::length;
use crate::list::{List, Order, Place};
use crate::plane::{Plane, Spots};
use crate::tile::ROW_BLOCK;
use crate::{Error, Geometry};

/// The active weights of one layer, with everything that a pass needs besides values.
///
/// **Values** are a separate slice, which an optimiser may own: value `i` belongs to the `i`-th
/// active position of the dense weight in row-major order. So values are what
/// `weight[mask]` gives in libtorch or NumPy, and no permutation has to be known.
///
/// The passes are documented at [`Pattern::forward`].
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(crate) geometry: Geometry,
    /// Active positions of the dense weight, rising.
    positions: Vec<u32>,
    /// Pixels that count as samples: those of a convolution that looks at one pixel only.
    pub(crate) fold: usize,
    pub(crate) forward: List,
    pub(crate) input: Plane,
    pub(crate) spots: Spots,
    pub(crate) gradient: Plane,
    pub(crate) phases: Vec<Phase>,
    /// One row with all columns, made when it is first needed.
    dense: OnceLock<List>,
}

/// Input pixels with one pair of remainders modulo the stride: their gradients share a list.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) list: List,
    /// The value of each entry.
    pub(crate) order: Vec<u32>,
    pub(crate) spots: Spots,
}

impl Pattern {
    /// From a mask over the dense weight in row-major order: `[outputs, inputs]` or
    /// `[out_channels, in_channels, kernel, kernel]`.
    ///
    /// Takes time in proportion to positions and active weights; nothing is compared.
    ///
    /// # Errors
    /// [`Error::Length`] if the mask has another length.
    pub fn new(geometry: Geometry, mask: &[bool]) -> Result<Self, Error> {
        length("the mask", mask.len(), geometry.weight_count())?;
        let count = mask.iter().map(|active| usize::from(*active)).sum();
        let mut positions = Vec::with_capacity(count);
        let (chunks, rest) = mask.as_chunks::<64>();
        for (chunk, first) in chunks.iter().zip((0..).step_by(64)) {
            let mut bits = 0u64;
            for (i, active) in chunk.iter().enumerate() {
                bits |= u64::from(*active) << i;
            }
            push_bits(bits, first, &mut positions);
        }
        let first = (mask.len() - rest.len()) as u32;
        positions.extend((first..).zip(rest).filter(|(_, active)| **active).map(|(at, _)| at));
        Ok(Self::of(geometry, positions))
    }

    /// From a bitmap: position `i` is bit `i % 64` of word `i / 64`.
    ///
    /// # Errors
    /// [`Error::Length`] if there are more or fewer words than the weight needs, [`Error::Index`] if
    /// a bit beyond the last position is set.
    pub fn from_bits(geometry: Geometry, words: &[u64]) -> Result<Self, Error> {
        let count = geometry.weight_count();
        length("the bitmap", words.len(), count.div_ceil(64))?;
        let mut positions =
            Vec::with_capacity(words.iter().map(|word| word.count_ones() as usize).sum());
        for (word, first) in words.iter().zip((0..).step_by(64)) {
            push_bits(*word, first, &mut positions);
        }
        match positions.last() {
            Some(last) if *last as usize >= count => {
                Err(Error::Index { what: "the bitmap", index: *last as usize, len: count })
            }
            _ => Ok(Self::of(geometry, positions)),
        }
    }

    /// `positions` rise and are of the weight.
    fn of(geometry: Geometry, positions: Vec<u32>) -> Self {
        let density = positions.len() as f64 / geometry.weight_count() as f64;
        let whole = geometry;
        let (geometry, fold) = whole.folded();
        let (input, spots) = input_plane(&geometry);
        let channels = block_channels(&geometry, geometry.conv.in_channels, density);
        let columns = columns(&geometry, &input, channels);
        let blocks = geometry.conv.in_channels.div_ceil(channels);
        let entries = rows(&positions, geometry.row_len());
        let places = entries.clone().map(|(row, column)| {
            let [block, offset] = columns[column];
            Some(Place { row, block, offset })
        });
        // Rows and columns rise, so the order stays.
        let (forward, _) = List::build(geometry.conv.out_channels, blocks, Order::Rows, places);
        let square = |channels| square(&geometry, &input, channels);
        let forward = forward.foresee(square(channels));
        let (gradient, phases) = phases(&geometry, density, entries);
        Self {
            geometry: whole,
            positions,
            fold,
            forward,
            input,
            spots,
            gradient,
            phases,
            dense: OnceLock::new(),
        }
    }

    /// The layer's shape.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Number of active weights, which is the length of values.
    pub fn active_count(&self) -> usize {
        self.positions.len()
    }

    /// The active positions of the dense weight, rising; value `i` is at the `i`-th.
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// Bytes of the lists.
    pub fn bytes(&self) -> usize {
        let lists = self.phases.iter().map(|phase| &phase.list).chain([&self.forward]);
        let orders: usize = self.phases.iter().map(|phase| phase.order.len()).sum();
        4 * (lists.map(List::words).sum::<usize>() + orders + self.positions.len())
    }

    /// Reads the values of active positions out of a dense weight.
    ///
    /// # Errors
    /// [`Error::Length`] if a slice has another length than the weight or the values.
    pub fn gather<T: Copy>(&self, dense: &[T], values: &mut [T]) -> Result<(), Error> {
        length("the dense weight", dense.len(), self.geometry.weight_count())?;
        length("values", values.len(), self.positions.len())?;
        for (value, at) in values.iter_mut().zip(&self.positions) {
            *value = dense[*at as usize];
        }
        Ok(())
    }

    /// Writes values to their positions in a dense weight; other positions keep what they have.
    ///
    /// # Errors
    /// As [`Pattern::gather`].
    pub fn scatter<T: Copy>(&self, values: &[T], dense: &mut [T]) -> Result<(), Error> {
        length("the dense weight", dense.len(), self.geometry.weight_count())?;
        length("values", values.len(), self.positions.len())?;
        for (value, at) in values.iter().zip(&self.positions) {
            dense[*at as usize] = *value;
        }
        Ok(())
    }

    /// A list of one row with all columns, for gradients of the dense weight.
    pub(crate) fn dense(&self) -> &List {
        self.dense.get_or_init(|| {
            let (geometry, _) = self.geometry.folded();
            let channels = block_channels(&geometry, geometry.conv.in_channels, 1.0);
            let places = columns(&geometry, &self.input, channels)
                .into_iter()
                .map(|[block, offset]| Some(Place { row: 0, block, offset }));
            let blocks = geometry.conv.in_channels.div_ceil(channels);
            List::build(1, blocks, Order::Rows, places).0.foresee(square(
                &geometry,
                &self.input,
                channels,
            ))
        })
    }
}

fn push_bits(mut bits: u64, first: u32, positions: &mut Vec<u32>) {
    while bits != 0 {
        positions.push(first + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

/// Row and column of each position, without a division.
fn rows(positions: &[u32], row_len: usize) -> impl Iterator<Item = (u32, usize)> + Clone {
    let (mut row, mut first) = (0, 0);
    positions.iter().map(move |at| {
        let at = *at as usize;
        while at >= first + row_len {
            row += 1;
            first += row_len;
        }
        (row, at - first)
    })
}

/// Lines of 64 bytes that one block of columns reads: most of the first cache. Few for an
/// interpreter, which then sees several blocks of a small layer.
pub(crate) const CACHE: usize = if cfg!(miri) { 12 } else { 384 };

/// Channels of one block of columns: what one tile reads of them fits into the first cache, or
/// is larger where entries are rare, because a visit loads and stores its sums.
fn block_channels(geometry: &Geometry, channels: usize, density: f64) -> usize {
    /// Entries that a visit should have, even if it reads more than the first cache.
    const LEAST: f64 = 6.0;
    /// Entries that it should have if it then reads no more than twice the first cache.
    const ENTRIES: f64 = 18.0;
    let [height, width] = geometry.conv.kernel;
    // What a square of four pixels reads, in lines of 16 samples; or one pixel with 64 samples.
    let lines = if geometry.taps() == 1 { 4 } else { (height + 1) * (width + 1) };
    let fits = CACHE as f64 / lines as f64;
    let with = |entries: f64| entries / (density * geometry.taps() as f64);
    let most = fits.max(with(LEAST)).max(with(ENTRIES).min(2.0 * fits));
    let most = most.clamp(1.0, channels as f64) as usize;
    channels.div_ceil(channels.div_ceil(most))
}

/// Of a list whose values are gathered in any case.
fn order(geometry: &Geometry, rows: usize) -> Order {
    let block = if geometry.taps() == 1 { ROW_BLOCK } else { ROW_BLOCK / 2 };
    // Threads share whole blocks of rows, of which there must be some.
    if rows > 2 * block { Order::Visits(block) } else { Order::Rows }
}

/// The lines that a square of output pixels reads of each block of so many channels.
fn square(geometry: &Geometry, input: &Plane, channels: usize) -> Vec<Vec<u32>> {
    if geometry.taps() == 1 {
        return Vec::new();
    }
    let [height, width] = geometry.conv.kernel;
    let taps: Vec<u32> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (y, x)))
        .map(|(y, x)| input.line(y, x) as u32)
        .collect();
    input.square(0..geometry.conv.in_channels, channels, &taps)
}

/// Block and offset of each column of the weight.
fn columns(geometry: &Geometry, input: &Plane, channels: usize) -> Vec<[u32; 2]> {
    let [height, width] = geometry.conv.kernel;
    let mut columns = Vec::with_capacity(geometry.row_len());
    for channel in 0..geometry.conv.in_channels {
        for y in 0..height {
            for x in 0..width {
                let line = channel * input.lines() + input.line(y, x);
                columns.push([(channel / channels) as u32, line as u32]);
            }
        }
    }
    columns
}

/// How the input is packed, and where each output pixel reads.
fn input_plane(geometry: &Geometry) -> (Plane, Spots) {
    let conv = &geometry.conv;
    let parts = [0, 1].map(|d| conv.stride[d].min(conv.kernel[d]));
    let last = [0, 1].map(|d| (conv.kernel[d] - 1) / conv.stride[d]);
    let size = [geometry.out_height + last[0], geometry.out_width + last[1]];
    let plane = Plane::new([conv.height, conv.width], conv.stride, conv.padding, parts, size);
    let spots = Spots::new(0..geometry.out_height, 0..geometry.out_width, |row, column| {
        [plane.spot(row, column), row * geometry.out_width + column]
    });
    (plane, spots)
}

/// How the gradient of the output is packed, and the lists of the input's.
///
/// Input row `y` meets tap `t` of the kernel at output row `(y + padding − t) / stride`, where that
/// is whole. With `y + padding = stride · m + phase`, these are the taps `phase + stride · i` at
/// output rows `m − i`.
fn phases(
    geometry: &Geometry,
    density: f64,
    entries: impl Iterator<Item = (u32, usize)> + Clone,
) -> (Plane, Vec<Phase>) {
    let conv = &geometry.conv;
    let out = [geometry.out_height, geometry.out_width];
    let source = [conv.height, conv.width];
    let before = [0, 1].map(|d| (conv.kernel[d] - 1) / conv.stride[d]);
    let size = [0, 1].map(|d| {
        let moves = (source[d] - 1 + conv.padding[d]) / conv.stride[d] + 1;
        before[d] + moves.max(out[d])
    });
    let plane = Plane::new(out, [1, 1], before, [1, 1], size);
    let taps = geometry.taps();
    let channels = block_channels(geometry, conv.out_channels, density);
    let blocks = conv.out_channels.div_ceil(channels);
    let mut phases = Vec::new();
    for row in 0..conv.stride[0] {
        for column in 0..conv.stride[1] {
            let phase = [row, column];
            let moves = [0, 1].map(|d| {
                let (stride, padding) = (conv.stride[d], conv.padding[d]);
                let first = padding.saturating_sub(phase[d]).div_ceil(stride);
                first..(source[d] + padding).saturating_sub(phase[d]).div_ceil(stride).max(first)
            });
            let pixel = |d: usize, m: usize| m * conv.stride[d] + phase[d] - conv.padding[d];
            let spots = Spots::new(moves[0].clone(), moves[1].clone(), |y, x| {
                [plane.spot(y, x), pixel(0, y) * conv.width + pixel(1, x)]
            });
            // Of each tap of this phase, its offset from the spot.
            let offsets: Vec<Option<u32>> = (0..taps)
                .map(|tap| {
                    let tap = [tap / conv.kernel[1], tap % conv.kernel[1]];
                    let mine = [0, 1].iter().all(|d| tap[*d] % conv.stride[*d] == phase[*d]);
                    let steps = [0, 1].map(|d| before[d] - tap[d] / conv.stride[d]);
                    mine.then(|| plane.spot(steps[0], steps[1]) as u32)
                })
                .collect();
            let inputs: Vec<Option<[u32; 2]>> = (0..geometry.row_len())
                .map(|at| Some([(at / taps) as u32, offsets[at % taps]?]))
                .collect();
            let places = entries.clone().map(|(output, at)| {
                let [row, offset] = inputs[at]?;
                let block = output / channels as u32;
                Some(Place { row, block, offset: output * plane.lines() as u32 + offset })
            });
            let (mut list, numbers) =
                List::build(conv.in_channels, blocks, order(geometry, conv.in_channels), places);
            if taps > 1 {
                let taps: Vec<u32> = offsets.iter().flatten().copied().collect();
                list = list.foresee(plane.square(0..conv.out_channels, channels, &taps));
            }
            phases.push(Phase { list, order: numbers, spots });
        }
    }
    (plane, phases)
}
