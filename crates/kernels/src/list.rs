//! Active weights of a layer in the order in which a kernel visits them.

use std::ops::Range;

use crate::tile::ROW_BLOCK;

/// A sparse matrix whose columns are lines of floats, cut into blocks, so that the lines of a block
/// stay in the first cache while many rows visit them.
///
/// Kernels rely on this without checks: every visit of a row is in `starts`, which never decreases
/// and ends at `offsets.len()`, and no offset is beyond `reach`.
#[derive(Debug, Clone)]
pub(crate) struct List {
    rows: usize,
    blocks: usize,
    order: Order,
    /// Where each visit of a row to a block of columns begins; one more at the end.
    starts: Vec<u32>,
    /// The line of each entry, counted from the first of a tile.
    offsets: Vec<u32>,
    /// The largest offset.
    reach: u32,
    /// The lines that a square of four pixels reads of each block, or none.
    ahead: Vec<Vec<u32>>,
}

/// The order of the entries of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By row, then by column: the order of values.
    Rows,
    /// By so many rows, at most [`ROW_BLOCK`], then by block of columns, then by row: the order in
    /// which kernels visit them, which is faster when a list is too long for the cache.
    Visits(usize),
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
        order: Order,
        entries: impl Iterator<Item = Option<Place>> + Clone,
    ) -> (Self, Vec<u32>) {
        let mut list = Self {
            rows,
            blocks,
            order,
            starts: Vec::new(),
            offsets: Vec::new(),
            reach: 0,
            ahead: Vec::new(),
        };
        let visits = match order {
            Order::Rows => rows * blocks,
            Order::Visits(block) => rows.next_multiple_of(block) * blocks,
        };
        let visit = |place: Place| {
            assert!(
                (place.row as usize) < rows && (place.block as usize) < blocks,
                "no such visit"
            );
            list.visit(place.row as usize, place.block as usize)
        };
        let mut starts = vec![0u32; visits + 1];
        for place in entries.clone().flatten() {
            starts[visit(place) + 1] += 1;
        }
        for v in 0..visits {
            starts[v + 1] += starts[v];
        }
        let mut next = starts.clone();
        let count = starts[visits] as usize;
        let (mut offsets, mut numbers) = (vec![0; count], vec![0; count]);
        let mut reach = 0;
        for (number, place) in entries.enumerate() {
            let Some(place) = place else { continue };
            let next = &mut next[visit(place)];
            offsets[*next as usize] = place.offset;
            numbers[*next as usize] = number as u32;
            *next += 1;
            reach = reach.max(place.offset);
        }
        (list.starts, list.offsets, list.reach) = (starts, offsets, reach);
        (list, numbers)
    }

    /// The number of a visit.
    #[inline(always)]
    pub(crate) fn visit(&self, row: usize, block: usize) -> usize {
        match self.order {
            Order::Rows => row * self.blocks + block,
            Order::Visits(rows) => (row / rows * self.blocks + block) * rows + row % rows,
        }
    }

    /// From the visit of one row to that of the next to the same block; in order of visits only
    /// within a block of rows.
    #[inline(always)]
    pub(crate) fn step(&self) -> usize {
        match self.order {
            Order::Rows => self.blocks,
            Order::Visits(_) => 1,
        }
    }

    /// Can the rows be cut here?
    pub(crate) fn is_cut(&self, row: usize) -> bool {
        match self.order {
            Order::Rows => true,
            Order::Visits(rows) => row.is_multiple_of(rows) || row == self.rows,
        }
    }

    /// Rows that visit one block of columns before the next; at most [`ROW_BLOCK`].
    pub(crate) fn row_block(&self) -> usize {
        match self.order {
            Order::Rows => ROW_BLOCK,
            Order::Visits(rows) => rows,
        }
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

    /// The entries of the rows between two cuts.
    pub(crate) fn entries(&self, rows: &Range<usize>) -> Range<usize> {
        self.before(rows.start)..self.before(rows.end)
    }

    /// Number of entries in rows before a cut.
    fn before(&self, row: usize) -> usize {
        if row == self.rows { self.len() } else { self.starts[self.visit(row, 0)] as usize }
    }

    /// Cuts the rows into at most `parts` ranges of about equal work, none of them empty.
    pub(crate) fn split(&self, parts: usize) -> Vec<Range<usize>> {
        if parts == 1 {
            // Walking along the rows would be felt in small layers.
            return std::iter::once(0..self.rows).collect();
        }
        // A visit costs about three entries besides its own.
        let cost = |row: usize| self.before(row) + 3 * row * self.blocks;
        let total = cost(self.rows);
        let mut ranges = Vec::with_capacity(parts);
        let mut first = 0;
        for part in 1..=parts {
            let goal = total * part / parts;
            let mut end = first;
            while end < self.rows && !(self.is_cut(end) && cost(end) >= goal) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 0 to 2 with columns 0, 3 | 1, 2 | 3, in two blocks of two columns.
    fn entries() -> impl Iterator<Item = Option<Place>> + Clone {
        [(0, 0), (0, 3), (1, 1), (1, 2), (2, 3)]
            .into_iter()
            .map(|(row, offset)| Some(Place { row, block: offset / 2, offset }))
    }

    #[test]
    fn entries_lie_by_row_or_by_visit() {
        let (rows, numbers) = List::build(3, 2, Order::Rows, entries());
        assert_eq!(rows.offsets(), [0, 3, 1, 2, 3]);
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        assert_eq!(rows.reach(), 3);
        assert_eq!(rows.entries(&(1..3)), 2..5);
        // Two rows visit the first block, then the second; the third row is alone.
        let (visits, numbers) = List::build(3, 2, Order::Visits(2), entries());
        assert_eq!(visits.offsets(), [0, 1, 3, 2, 3]);
        assert_eq!(numbers, [0, 2, 1, 3, 4]);
        assert_eq!(visits.entries(&(2..3)), 4..5);
        assert!(!visits.is_cut(1) && visits.is_cut(2) && visits.is_cut(3));
    }

    #[test]
    fn entries_of_other_lists_are_left_out() {
        let entries = entries().map(|place| place.filter(|place| place.row != 1));
        let (list, numbers) = List::build(3, 2, Order::Rows, entries);
        assert_eq!(list.offsets(), [0, 3, 3]);
        assert_eq!(numbers, [0, 1, 4]);
    }

    #[test]
    fn cuts_share_all_rows() {
        let places = (0..1000u32).map(|i| Some(Place { row: i % 7 * i % 50, block: 0, offset: 0 }));
        for order in [Order::Rows, Order::Visits(8)] {
            let (list, _) = List::build(50, 1, order, places.clone());
            for parts in 1..9 {
                let ranges = list.split(parts);
                assert!(ranges.len() <= parts && ranges.iter().all(|range| !range.is_empty()));
                assert!(ranges.iter().all(|range| list.is_cut(range.end)));
                let rows: Vec<usize> = ranges.into_iter().flatten().collect();
                assert_eq!(rows, Vec::from_iter(0..50));
            }
        }
    }
}
