//! A trained network as plain data: every parameter and buffer, of prunable weights the active entries
//! only, and where they are.

mod export;
mod file;
mod tensor;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use tensor::{CompressedRows, Role, WeightTensor};

/// The weights that a trial read its test set with.
///
/// [`to_bytes`](Self::to_bytes) writes them as the store keeps them, and
/// [`from_bytes`](Self::from_bytes) reads that; [`to_safetensors`](Self::to_safetensors) and
/// [`to_compressed`](Self::to_compressed) are for other programs.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkWeights {
    /// Id of the trial.
    pub trial: String,
    /// The epoch after which the network was like this, from 1.
    pub epoch: u32,
    /// By name of the parameter or buffer.
    pub tensors: BTreeMap<String, WeightTensor>,
}

impl NetworkWeights {
    /// Number of values, active or not, without buffers.
    pub fn parameter_count(&self) -> u64 {
        self.parameters().map(WeightTensor::size).sum()
    }

    /// Number of values that are not known to be 0, without buffers.
    pub fn active_count(&self) -> u64 {
        self.parameters().map(WeightTensor::active).sum()
    }

    fn parameters(&self) -> impl Iterator<Item = &WeightTensor> {
        self.tensors.values().filter(|tensor| tensor.role() != Role::Buffer)
    }
}
