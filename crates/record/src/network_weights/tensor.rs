//! One tensor of a network.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a tensor is in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A weight whose connections can be pruned.
    Prunable,
    /// A parameter that is always dense.
    Parameter,
    /// Not trained, such as a running mean.
    Buffer,
}

/// One parameter or buffer: 32-bit floats in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTensor {
    role: Role,
    shape: Vec<u64>,
    /// Of active entries, in the order of their positions.
    values: Vec<f32>,
    /// Of active entries, rising; none if all are active.
    positions: Option<Vec<u32>>,
}

/// A matrix by its rows: CSR, as libraries of sparse matrices take it.
#[derive(Debug, Clone, PartialEq)]
pub struct CompressedRows {
    /// Rows, and columns: of a convolution `[out, in · height · width]`.
    pub size: [u64; 2],
    /// Where each row begins in the other two, and their length at the end.
    pub row_pointers: Vec<u64>,
    /// Column of each value, rising within a row.
    pub columns: Vec<u64>,
    /// Values of active entries, row by row.
    pub values: Vec<f32>,
}

impl WeightTensor {
    /// A tensor all of whose entries are active.
    ///
    /// # Errors
    /// If the shape has another number of entries than there are values, or more than 2³² − 1.
    pub fn dense(role: Role, shape: Vec<u64>, values: Vec<f32>) -> Result<Self> {
        let size = entries(&shape)?;
        if size != values.len() as u64 {
            return Err(Error::data(format!(
                "{} values do not fill the shape {shape:?}, which has {size} entries",
                values.len()
            )));
        }
        Ok(Self { role, shape, values, positions: None })
    }

    /// A prunable weight of these values at rising `positions` in row-major order, and 0 elsewhere.
    ///
    /// # Errors
    /// If there are more or fewer values than positions, the positions do not rise, one is outside of
    /// the shape, or the shape has more than 2³² − 1 entries.
    pub fn sparse(shape: Vec<u64>, values: Vec<f32>, positions: Vec<u32>) -> Result<Self> {
        let size = entries(&shape)?;
        if values.len() != positions.len() {
            return Err(Error::data(format!(
                "there are {} values for {} positions",
                values.len(),
                positions.len()
            )));
        }
        if let Some(pair) = positions.windows(2).find(|pair| pair[0] >= pair[1]) {
            let what = if pair[0] == pair[1] { "stands twice" } else { "stands out of order" };
            return Err(Error::data(format!("position {} {what}: positions must rise", pair[1])));
        }
        if let Some(last) = positions.last().filter(|last| u64::from(**last) >= size) {
            return Err(Error::data(format!(
                "position {last} is outside of the shape {shape:?}, which has {size} entries"
            )));
        }
        let is_full = positions.len() as u64 == size;
        let positions = (!is_full).then_some(positions);
        Ok(Self { role: Role::Prunable, shape, values, positions })
    }

    /// The entries of a prunable weight that `active` names, both in row-major order.
    ///
    /// # Errors
    /// If the three are of different sizes, or have more than 2³² − 1 entries.
    pub fn masked(shape: Vec<u64>, dense: &[f32], active: &[bool]) -> Result<Self> {
        let size = entries(&shape)?;
        if size != dense.len() as u64 || size != active.len() as u64 {
            return Err(Error::data(format!(
                "{} values and a mask of {} do not fill the shape {shape:?}",
                dense.len(),
                active.len()
            )));
        }
        let places = || (0u32..).zip(active).filter(|(_, active)| **active).map(|(at, _)| at);
        let values = places().map(|at| dense[at as usize]).collect();
        Self::sparse(shape, values, places().collect())
    }

    /// What it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its shape, such as `[out, in]` or `[out, in, height, width]`.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Number of entries, active or not.
    pub fn size(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Number of active entries.
    pub fn active(&self) -> u64 {
        self.values.len() as u64
    }

    /// Values of active entries, in the order of their positions.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Positions of active entries in row-major order, rising; none if all are active.
    pub fn positions(&self) -> Option<&[u32]> {
        self.positions.as_deref()
    }

    /// All entries in row-major order, 0 where nothing is active.
    pub fn to_dense(&self) -> Vec<f32> {
        let Some(positions) = &self.positions else { return self.values.clone() };
        let mut dense = vec![0.0; self.size() as usize];
        for (position, value) in positions.iter().zip(&self.values) {
            dense[*position as usize] = *value;
        }
        dense
    }

    /// Which entries are active, in row-major order.
    pub fn mask(&self) -> Vec<bool> {
        let mut mask = vec![self.positions.is_none(); self.size() as usize];
        for position in self.positions.iter().flatten() {
            mask[*position as usize] = true;
        }
        mask
    }

    /// Rows and columns of the matrix that [`to_compressed_rows`](Self::to_compressed_rows) gives.
    pub(super) fn matrix_size(&self) -> Option<[u64; 2]> {
        let (rows, rest) = self.shape.split_first().filter(|_| self.role == Role::Prunable)?;
        Some([*rows, rest.iter().product()])
    }

    /// The active entries of a prunable weight by rows, its first dimension; none of other tensors.
    pub fn to_compressed_rows(&self) -> Option<CompressedRows> {
        let [rows, columns] = self.matrix_size()?;
        let all = 0..self.size() as u32;
        let positions = self.positions.clone().unwrap_or_else(|| all.collect());
        let mut row_pointers = vec![0; rows as usize + 1];
        for position in &positions {
            row_pointers[(u64::from(*position) / columns) as usize + 1] += 1;
        }
        for row in 1..row_pointers.len() {
            row_pointers[row] += row_pointers[row - 1];
        }
        Some(CompressedRows {
            size: [rows, columns],
            row_pointers,
            columns: positions.iter().map(|position| u64::from(*position) % columns).collect(),
            values: self.values.clone(),
        })
    }
}

/// Entries of a shape, at most as many as positions can name.
fn entries(shape: &[u64]) -> Result<u64> {
    let size = shape.iter().try_fold(1u64, |size, side| size.checked_mul(*side));
    size.filter(|size| *size <= u64::from(u32::MAX)).ok_or_else(|| {
        Error::data(format!("the shape {shape:?} has more than {} entries", u32::MAX))
    })
}
