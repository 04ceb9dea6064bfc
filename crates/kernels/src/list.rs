//! Active weights of a layer in the order in which a kernel visits them.

use std::ops::Range;

/// A sparse matrix whose columns are lines of floats: row by row, by column within a row, and the
/// columns cut into blocks, so that the lines of a block stay in the first cache while all rows
/// visit them.
///
/// Kernels rely on this without checks: `starts` never decreases and ends at `offsets.len()`,
/// and no offset is beyond `reach`.
#[derive(Debug, Clone)]
pub(crate) struct List {
    rows: usize,
    blocks: usize,
    /// Where the visit of (row, block) begins, at `row · blocks + block`; one more at the end.
    starts: Vec<u32>,
    /// The line of each entry, counted from the first of a tile.
    offsets: Vec<u32>,
    /// The largest offset.
    reach: u32,
    /// The lines that a square of four pixels reads of each block, or none.
    ahead: Vec<Vec<u32>>,
}

/// Where an entry belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub row: u32,
    pub block: u32,
    pub offset: u32,
}

impl List {
    /// Sorts entries by counting; those of one (row, block) keep their order.
    ///
    /// The second result is, for each entry of the list, its number among `entries`.
    ///
    /// # Panics
    /// If a row or a block is beyond the last.
    pub(crate) fn build(
        rows: usize,
        blocks: usize,
        entries: impl Iterator<Item = Option<Place>> + Clone,
    ) -> (Self, Vec<u32>) {
        let visit = |place: Place| {
            assert!(
                (place.row as usize) < rows && (place.block as usize) < blocks,
                "no such visit"
            );
            place.row as usize * blocks + place.block as usize
        };
        let mut starts = vec![0u32; rows * blocks + 1];
        for place in entries.clone().flatten() {
            starts[visit(place) + 1] += 1;
        }
        for v in 0..rows * blocks {
            starts[v + 1] += starts[v];
        }
        let mut next = starts.clone();
        let count = starts[rows * blocks] as usize;
        let (mut offsets, mut order) = (vec![0; count], vec![0; count]);
        let mut reach = 0;
        for (number, place) in entries.enumerate() {
            let Some(place) = place else { continue };
            let next = &mut next[visit(place)];
            offsets[*next as usize] = place.offset;
            order[*next as usize] = number as u32;
            *next += 1;
            reach = reach.max(place.offset);
        }
        (Self { rows, blocks, starts, offsets, reach, ahead: Vec::new() }, order)
    }

    /// Notes which lines a square of four pixels reads of each block.
    pub(crate) fn foresee(mut self, ahead: Vec<Vec<u32>>) -> Self {
        self.ahead = ahead;
        self
    }

    /// The lines that a square of four pixels reads of a block, as far as they are known.
    pub(crate) fn ahead(&self, block: usize) -> &[u32] {
        self.ahead.get(block).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(crate) fn starts(&self) -> &[u32] {
        &self.starts
    }

    pub(crate) fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    pub(crate) fn reach(&self) -> usize {
        self.reach as usize
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Numbers of 32 bits that it holds.
    pub(crate) fn words(&self) -> usize {
        self.starts.len() + self.offsets.len() + self.ahead.iter().map(Vec::len).sum::<usize>()
    }

    /// The entries of some rows.
    pub(crate) fn entries(&self, rows: &Range<usize>) -> Range<usize> {
        self.starts[rows.start * self.blocks] as usize..self.starts[rows.end * self.blocks] as usize
    }

    /// Cuts the rows into at most `parts` ranges of about equal work, none of them empty.
    pub(crate) fn split(&self, parts: usize) -> Vec<Range<usize>> {
        // A visit costs about three entries besides its own.
        let cost = |row: usize| self.starts[row * self.blocks] as usize + 3 * row * self.blocks;
        let total = cost(self.rows);
        let mut ranges = Vec::with_capacity(parts);
        let mut first = 0;
        for part in 1..=parts {
            let goal = total * part / parts;
            let mut end = first;
            while end < self.rows && cost(end) < goal {
                end += 1;
            }
            if end > first {
                ranges.push(first..end);
                first = end;
            }
        }
        ranges
    }
}
