//! Groups of equal size into which a weight falls, and that come and go whole.

use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::structured::rows_of;
use super::{random_k, top_k};
use crate::error::Result;
use crate::mask::{is_host, with_bytes, with_floats};

/// How a weight falls into groups of equal size. It is seen as a matrix, whose columns are all that
/// belongs to one output, as in [`row_counts`](super::row_counts): a convolution is
/// `[out, in · height · width]`. Every entry is in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Blocks of so many rows and columns. Where a side does not divide the matrix, blocks have its
    /// largest common divisor with the matrix there: 4 rows are 2 in a layer of 10 outputs.
    Blocks {
        /// Rows of a block, at least 1.
        height: usize,
        /// Columns of a block, at least 1.
        width: usize,
    },
    /// Wrapped diagonals, as long as the shorter side of the matrix and as many as the longer side
    /// has entries: diagonal p begins at entry p of the longer side, goes on by one row and one column,
    /// and wraps around at the end of the longer side.
    Diagonals,
}

impl Groups {
    /// How many entries a group has in a weight of this shape, which is not empty.
    pub fn size(self, shape: &[i64]) -> usize {
        let (rows, columns) = sides(shape);
        match self {
            Self::Blocks { .. } => {
                let (height, width) = self.block(rows, columns);
                (height * width) as usize
            }
            Self::Diagonals => rows.min(columns) as usize,
        }
    }

    /// The `count` groups with the largest sums of scores, whole, ties to the earlier one. Of
    /// `candidates` (`Bool`, default all) only whole groups can be chosen.
    ///
    /// # Errors
    /// If there are fewer groups, or a sum is not a number.
    pub fn top_k(
        self,
        scores: &Tensor,
        candidates: Option<&Tensor>,
        count: usize,
    ) -> Result<Tensor> {
        let sums = self.sums(&scores.detach())?;
        let candidates = candidates.map(|mask| self.whole(mask)).transpose()?;
        self.spread(&top_k(&sums, candidates.as_ref(), count)?, &scores.size())
    }

    /// `count` of the whole groups of `candidates` (`Bool`), every subset with the same probability.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn random_k(
        self,
        candidates: &Tensor,
        count: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Tensor> {
        let chosen = random_k(&self.whole(candidates)?, count, rng)?;
        self.spread(&chosen, &candidates.size())
    }

    /// Which groups have all their entries set (`Bool`, `[groups]`).
    fn whole(self, mask: &Tensor) -> Result<Tensor> {
        if !is_host(mask, Kind::Bool) {
            return Ok(self.members(mask)?.f_all_dim(1, false)?);
        }
        let size = self.size(&mask.size()) as u32;
        let counts = with_bytes(mask, |entries| {
            self.totals(entries, sides(&mask.size()), |count: u32, entry| count + u32::from(entry))
        });
        let whole: Vec<bool> = counts.into_iter().map(|count| count == size).collect();
        Ok(Tensor::from_slice(&whole))
    }

    /// The sum of every group's scores, `[groups]`.
    fn sums(self, scores: &Tensor) -> Result<Tensor> {
        if !is_host(scores, Kind::Float) {
            let members = self.members(scores)?;
            return Ok(members.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?);
        }
        let sums = with_floats(scores, |entries| {
            self.totals(entries, sides(&scores.size()), |sum: f64, entry| sum + f64::from(entry))
        });
        Ok(Tensor::from_slice(&sums).to_kind(Kind::Float))
    }

    /// What `add` makes of the entries of every group, in one pass over a matrix of so many rows and
    /// columns.
    fn totals<T: Copy, S: Copy + Default>(
        self,
        entries: &[T],
        (rows, columns): (i64, i64),
        add: impl Fn(S, T) -> S,
    ) -> Vec<S> {
        let (height, width) = self.block(rows, columns);
        let (rows, columns) = (rows as usize, columns as usize);
        let add_all = |totals: &mut [S], entries: &[T]| {
            totals.iter_mut().zip(entries).for_each(|(total, entry)| *total = add(*total, *entry));
        };
        let matrix = entries.chunks_exact(columns.max(1)).enumerate();
        match self {
            Self::Blocks { .. } => {
                let (height, width) = (height as usize, width as usize);
                let across = columns / width;
                let mut totals = vec![S::default(); rows / height * across];
                for (row, entries) in matrix {
                    let totals = &mut totals[row / height * across..][..across];
                    for (total, entries) in totals.iter_mut().zip(entries.chunks_exact(width)) {
                        *total = entries.iter().fold(*total, |total, entry| add(total, *entry));
                    }
                }
                totals
            }
            // Entry (i, j) is on diagonal j − i of a wide matrix, modulo its columns.
            Self::Diagonals if columns > rows => {
                let mut totals = vec![S::default(); columns];
                for (row, entries) in matrix {
                    let (wrapped, straight) = entries.split_at(row);
                    add_all(&mut totals[columns - row..], wrapped);
                    add_all(&mut totals[..columns - row], straight);
                }
                totals
            }
            // And on diagonal i − j of a tall one, modulo its rows. They are counted backwards, so
            // that they run as the columns do: the last entry is diagonal 0.
            Self::Diagonals => {
                let mut totals = vec![S::default(); rows];
                for (row, entries) in matrix {
                    let first = rows - 1 - row;
                    let (straight, wrapped) = entries.split_at(columns.min(row + 1));
                    add_all(&mut totals[first..], straight);
                    add_all(&mut totals, wrapped);
                }
                totals.reverse();
                totals
            }
        }
    }

    /// The entries by group, `[groups, size]`.
    fn members(self, tensor: &Tensor) -> Result<Tensor> {
        let matrix = rows_of(tensor);
        let (rows, columns) = sides(&tensor.size());
        match self {
            Self::Blocks { .. } => {
                let (height, width) = self.block(rows, columns);
                let tiles = matrix.f_reshape([rows / height, height, columns / width, width])?;
                Ok(tiles.f_permute([0, 2, 1, 3])?.f_reshape([-1, height * width])?)
            }
            Self::Diagonals => {
                let (long, short) = (rows.max(columns), rows.min(columns));
                let tall = if rows >= columns { matrix } else { matrix.tr() };
                // Twice below itself, so that no diagonal wraps: its entries lie `short + 1` apart.
                let twice = Tensor::f_cat(&[&tall, &tall], 0)?.contiguous();
                Ok(twice.f_as_strided([long, short], [short, short + 1], 0)?)
            }
        }
    }

    /// The mask of the chosen groups (`Bool`, `[groups]`) in a weight of this shape.
    fn spread(self, chosen: &Tensor, shape: &[i64]) -> Result<Tensor> {
        let (rows, columns) = sides(shape);
        let matrix = match self {
            Self::Blocks { .. } => {
                let (height, width) = self.block(rows, columns);
                let tiles = chosen.f_reshape([rows / height, 1, columns / width, 1])?;
                tiles.f_expand([rows / height, height, columns / width, width], false)?
            }
            Self::Diagonals => {
                let (long, short) = (rows.max(columns), rows.min(columns));
                // Entry (i, j) is on diagonal i − j. Strides cannot be negative, so j runs backwards.
                let twice = Tensor::f_cat(&[chosen, chosen], 0)?.contiguous();
                let first = long - short + 1;
                let backwards = twice.f_as_strided([long, short], [1, 1], first)?;
                let tall = backwards.f_flip([1])?;
                if rows >= columns { tall } else { tall.tr() }
            }
        };
        Ok(matrix.f_reshape(shape)?.contiguous())
    }

    /// The sides of a block in a matrix of so many rows and columns.
    fn block(self, rows: i64, columns: i64) -> (i64, i64) {
        match self {
            Self::Blocks { height, width } => {
                (common_divisor(height as i64, rows), common_divisor(width as i64, columns))
            }
            Self::Diagonals => (1, 1),
        }
    }
}

fn sides(shape: &[i64]) -> (i64, i64) {
    (shape[0], shape[1..].iter().product())
}

fn common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a.max(1) } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::with_bytes;
    use crate::seed::SeedStreams;
    use crate::selection::count;
    use proptest::prelude::*;
    use tch::Device;

    fn bits(mask: &Tensor) -> Vec<u8> {
        with_bytes(&mask.flatten(0, -1).contiguous(), <[u8]>::to_vec)
    }

    fn matrix(values: &[f32], rows: i64) -> Tensor {
        Tensor::from_slice(values).reshape([rows, -1])
    }

    #[test]
    fn blocks_are_kept_whole() {
        let scores = matrix(&[1.0, 1.0, 9.0, 0.0, 1.0, 1.0, 0.0, 0.0], 2);
        let blocks = |height, width, count| {
            bits(&Groups::Blocks { height, width }.top_k(&scores, None, count).unwrap())
        };
        assert_eq!(blocks(2, 2, 1), [0, 0, 1, 1, 0, 0, 1, 1]);
        assert_eq!(blocks(1, 2, 2), [1, 1, 1, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn blocks_shrink_to_what_divides_the_matrix() {
        let blocks = Groups::Blocks { height: 4, width: 4 };
        assert_eq!(blocks.size(&[300, 784]), 16);
        assert_eq!(blocks.size(&[10, 100]), 8, "10 rows take blocks of 2");
        assert_eq!(blocks.size(&[8, 1, 3, 3]), 4, "9 columns take blocks of 1");
        assert_eq!(blocks.size(&[2, 1]), 2);
    }

    /// | 0 2 1 |   Diagonal p begins in column p of the two rows: 0 holds 0 and 4, 1 holds 2 and 5,
    /// | 3 4 5 |   2 holds 1 and 3.
    #[test]
    fn diagonals_wrap_around_the_longer_side() {
        let scores = matrix(&[0.0, 2.0, 1.0, 3.0, 4.0, 5.0], 2);
        let best = |scores: &Tensor, count| Groups::Diagonals.top_k(scores, None, count).unwrap();
        assert_eq!(bits(&best(&scores, 1)), [0, 1, 0, 0, 0, 1]);
        // 4 and 4: the earlier one.
        assert_eq!(bits(&best(&scores, 2)), [1, 1, 0, 0, 1, 1]);
        assert_eq!(bits(&best(&scores.tr(), 1)), [0, 0, 1, 0, 0, 1]);
    }

    #[test]
    fn a_group_is_a_candidate_if_all_of_it_is() {
        let scores = matrix(&[9.0, 9.0, 1.0, 1.0], 1);
        let free = Tensor::from_slice(&[0u8, 1, 1, 1]).to_kind(Kind::Bool).reshape([1, 4]);
        let pairs = Groups::Blocks { height: 1, width: 2 };
        assert_eq!(bits(&pairs.top_k(&scores, Some(&free), 1).unwrap()), [0, 0, 1, 1]);
        let error = pairs.top_k(&scores, Some(&free), 2).unwrap_err().to_string();
        assert_eq!(error, "2 entries were to be selected from 1 candidates");
        assert!(pairs.top_k(&(scores * f64::NAN), None, 1).is_err());
    }

    proptest! {
        /// Sums and whole groups are those of the entries by group, which other devices work out.
        #[test]
        fn one_pass_adds_up_the_members(
            rows in 1i64..9,
            columns in 1i64..9,
            side in 1usize..5,
            values in prop::collection::vec(0i8..4, 64),
        ) {
            let count = (rows * columns) as usize;
            let values: Vec<f32> = values[..count].iter().map(|value| f32::from(*value)).collect();
            let scores = matrix(&values, rows);
            let mask = scores.gt(0.0);
            for groups in [Groups::Blocks { height: side, width: 3 }, Groups::Diagonals] {
                let by_group = groups.members(&scores).unwrap();
                let sums = by_group.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
                prop_assert!(groups.sums(&scores).unwrap().equal(&sums));
                let whole = groups.members(&mask).unwrap().all_dim(1, false);
                prop_assert!(groups.whole(&mask).unwrap().equal(&whole));
            }
        }

        /// Every entry is in one group: all groups are everything, and k groups have k times the size.
        #[test]
        fn groups_tile_the_weight(
            rows in 1i64..9,
            columns in 1i64..9,
            side in 1usize..5,
            share in 0.0f64..=1.0,
        ) {
            let shape = [rows, columns, 1, 2];
            let all = Tensor::ones(shape, (Kind::Bool, Device::Cpu));
            let mut rng = SeedStreams::new(1).stream("test");
            for groups in [Groups::Blocks { height: side, width: 2 }, Groups::Diagonals] {
                let size = groups.size(&shape);
                let chosen = (share * (all.numel() / size) as f64) as usize;
                let mask = groups.random_k(&all, chosen, &mut rng).unwrap();
                prop_assert_eq!(mask.size(), shape);
                prop_assert_eq!(count(&mask), chosen * size);
                // What was chosen is whole, and the largest sums find it again.
                let again = groups.top_k(&mask.to_kind(Kind::Float), None, chosen).unwrap();
                prop_assert_eq!(bits(&again), bits(&mask));
            }
        }
    }
}
