//! Where the pixels of one side of a pass lie once they are packed for the kernels.

use std::ops::Range;

use crate::vector::LANES;

/// A plane of lines for every channel, bordered by zeros and sorted by the remainder modulo the
/// stride, so that a kernel needs neither edges nor strides: neighbouring output pixels read
/// neighbouring lines.
///
/// A *line* is the samples of one tile at one pixel of one channel.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    /// Of the source, in pixels.
    height: usize,
    width: usize,
    /// Pixels of the source from one row or column of a part to the next.
    stride: [usize; 2],
    /// Zeros above and left of the source.
    before: [usize; 2],
    /// Parts of a channel: one for each pair of remainders that some tap meets.
    parts: [usize; 2],
    /// Rows and columns of a part.
    size: [usize; 2],
}

impl Plane {
    pub(crate) fn new(
        source: [usize; 2],
        stride: [usize; 2],
        before: [usize; 2],
        parts: [usize; 2],
        size: [usize; 2],
    ) -> Self {
        Self { height: source[0], width: source[1], stride, before, parts, size }
    }

    /// Is it the source itself, so that nothing needs packing?
    pub(crate) fn is_source(&self) -> bool {
        self.stride == [1, 1] && self.before == [0, 0] && self.size == [self.height, self.width]
    }

    /// Lines of one channel.
    pub(crate) fn lines(&self) -> usize {
        self.parts[0] * self.parts[1] * self.size[0] * self.size[1]
    }

    /// The line in its channel of one pixel of the bordered source.
    pub(crate) fn line(&self, row: usize, column: usize) -> usize {
        let part = row % self.stride[0] * self.parts[1] + column % self.stride[1];
        (part * self.size[0] + row / self.stride[0]) * self.size[1] + column / self.stride[1]
    }

    /// The line in its channel of row and column of the first part.
    pub(crate) fn spot(&self, row: usize, column: usize) -> usize {
        row * self.size[1] + column
    }

    /// The lines of all channels, by blocks of them, that a square of four spots reads with taps at
    /// these lines.
    pub(crate) fn square(
        &self,
        channels: Range<usize>,
        block: usize,
        taps: &[u32],
    ) -> Vec<Vec<u32>> {
        let spots = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(y, x)| self.spot(y, x) as u32);
        let mut lines: Vec<u32> =
            taps.iter().flat_map(|tap| spots.map(|spot| tap + spot)).collect();
        lines.sort_unstable();
        lines.dedup();
        channels
            .clone()
            .step_by(block)
            .map(|first| {
                (first..(first + block).min(channels.end))
                    .flat_map(|channel| {
                        let channel = (channel * self.lines()) as u32;
                        lines.iter().map(move |line| channel + line)
                    })
                    .collect()
            })
            .collect()
    }

    /// Packs the `samples` of some channels of `from` `[channels, height, width, batch]` into
    /// lines of `pitch` floats; those beyond the last sample become 0.
    ///
    /// The border is written only if asked for: it outlasts the tiles of a pass.
    pub(crate) fn pack(
        &self,
        from: &[f32],
        batch: usize,
        samples: Range<usize>,
        pitch: usize,
        border: bool,
        to: &mut [f32],
    ) {
        let part_len = self.size[0] * self.size[1] * pitch;
        let sources = from.chunks_exact(self.height * self.width * batch);
        for (source, channel) in sources.zip(to.chunks_exact_mut(self.lines() * pitch)) {
            for (part, to) in channel.chunks_exact_mut(part_len).enumerate() {
                let first = [part / self.parts[1], part % self.parts[1]];
                let rows = self.inside(0, first[0], self.height);
                let columns = self.inside(1, first[1], self.width);
                for (row, to) in to.chunks_exact_mut(self.size[1] * pitch).enumerate() {
                    if !rows.contains(&row) || columns.is_empty() {
                        if border {
                            to.fill(0.0);
                        }
                        continue;
                    }
                    let y = row * self.stride[0] + first[0] - self.before[0];
                    let x = columns.start * self.stride[1] + first[1] - self.before[1];
                    let from = &source[(y * self.width + x) * batch + samples.start..];
                    if border {
                        to[..columns.start * pitch].fill(0.0);
                        to[columns.end * pitch..].fill(0.0);
                    }
                    let to = &mut to[columns.start * pitch..columns.end * pitch];
                    copy_lines(from, self.stride[1] * batch, samples.len(), pitch, to);
                }
            }
        }
    }

    /// The rows or columns of a part that are of the source rather than of its border.
    fn inside(&self, d: usize, first: usize, source: usize) -> Range<usize> {
        let (stride, before) = (self.stride[d], self.before[d]);
        let start = before.saturating_sub(first).div_ceil(stride);
        let end = (source + before).saturating_sub(first).div_ceil(stride);
        start.min(self.size[d])..end.clamp(start.min(self.size[d]), self.size[d])
    }
}

/// Lines of `count` floats, `step` apart, to lines of `pitch`.
fn copy_lines(from: &[f32], step: usize, count: usize, pitch: usize, to: &mut [f32]) {
    if count == LANES && pitch == LANES {
        // The length is known here, and no call is needed.
        let (lines, _) = to.as_chunks_mut::<LANES>();
        for (i, line) in lines.iter_mut().enumerate() {
            let from: &[f32; LANES] = from[i * step..][..LANES].try_into().expect("one line");
            *line = *from;
        }
        return;
    }
    for (i, line) in to.chunks_exact_mut(pitch).enumerate() {
        let (samples, rest) = line.split_at_mut(count);
        samples.copy_from_slice(&from[i * step..][..count]);
        rest.fill(0.0);
    }
}

/// Pixels of the output of a pass: the line that their tap of offset 0 meets, and their number in
/// their plane of the output.
///
/// Squares of four follow each other, because neighbours read the same lines.
#[derive(Debug, Clone)]
pub(crate) struct Spots(Vec<[u32; 2]>);

impl Spots {
    pub(crate) fn new(
        rows: Range<usize>,
        columns: Range<usize>,
        spot: impl Fn(usize, usize) -> [usize; 2],
    ) -> Self {
        let mut spots = Vec::with_capacity(rows.len() * columns.len());
        for row in rows.clone().step_by(2) {
            for column in columns.clone().step_by(2) {
                for (row, column) in
                    [(row, column), (row, column + 1), (row + 1, column), (row + 1, column + 1)]
                {
                    if row < rows.end && column < columns.end {
                        spots.push(spot(row, column).map(|at| at as u32));
                    }
                }
            }
        }
        Self(spots)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = [usize; 2]> {
        self.0.iter().map(|spot| spot.map(|at| at as usize))
    }

    /// In twos, and the last of an odd number.
    pub(crate) fn pairs(
        &self,
    ) -> (impl Iterator<Item = [[usize; 2]; 2]>, impl Iterator<Item = [usize; 2]>) {
        let (pairs, rest) = self.0.as_chunks::<2>();
        let widen = |spot: &[u32; 2]| spot.map(|at| at as usize);
        (pairs.iter().map(move |pair| [widen(&pair[0]), widen(&pair[1])]), rest.iter().map(widen))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three pixels in a row with a zero on either side, read with stride 2 by three taps: even
    /// columns 0, 2, 0 and odd columns 1, 3 of the bordered row.
    #[test]
    fn a_plane_is_sorted_by_remainder() {
        let plane = Plane::new([1, 3], [1, 2], [0, 1], [1, 2], [1, 3]);
        let (from, mut to) = ([1.0, 2.0, 3.0], [f32::NAN; 6 * LANES]);
        plane.pack(&from, 1, 0..1, LANES, true, &mut to);
        let firsts: Vec<f32> = to.iter().step_by(LANES).copied().collect();
        assert_eq!(firsts, [0.0, 2.0, 0.0, 1.0, 3.0, 0.0]);
        // Samples that there are not are zeros.
        assert!(to[LANES + 1..2 * LANES].iter().all(|value| *value == 0.0));
        assert_eq!([0, 1, 2].map(|tap| plane.line(0, tap)), [0, 3, 1]);
        assert!(!plane.is_source());
    }

    #[test]
    fn spots_go_by_squares() {
        let spots = Spots::new(0..3, 0..3, |row, column| [row * 10 + column, 0]);
        let lines: Vec<usize> = spots.iter().map(|[line, _]| line).collect();
        assert_eq!(lines, [0, 1, 10, 11, 2, 12, 20, 21, 22]);
    }
}
