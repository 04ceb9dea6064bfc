//! Pooling: several pixels become one.

use tch::Tensor;

use crate::architecture::Pass;

/// What becomes of the pixels of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest stays.
    Max,
    /// Their mean.
    Average,
}

/// Windows of `size` × `size` pixels side by side become a pixel each; what is left of rows and columns
/// is not looked at. `[batch, channels, height, width] → [batch, channels, height / size, width / size]`.
///
/// # Panics
/// If a window is larger than the maps.
pub fn pool2d(input: &Tensor, pooling: Pooling, size: i64, pass: &Pass<'_>) -> Tensor {
    pass.backend.pool2d(input, pooling, size, pass)
}
