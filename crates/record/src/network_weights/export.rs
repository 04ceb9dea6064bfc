//! A network for other programs.

use std::collections::{BTreeMap, HashMap};

use safetensors::Dtype;

use super::file::{Blob, floats};
use super::{CompressedRows, NetworkWeights, WeightTensor};
use crate::error::{Error, Result};

impl NetworkWeights {
    /// A safetensors file of dense tensors in their shapes, parameters and buffers, called as `name` says
    /// of their own names.
    ///
    /// # Errors
    /// If two get one name.
    pub fn to_safetensors(&self, name: impl Fn(&str) -> String) -> Result<Vec<u8>> {
        let dense = |(own, tensor): (&String, &WeightTensor)| (name(own), dense(tensor));
        written(self.tensors.iter().map(dense))
    }

    /// The same with every prunable weight as a matrix by rows, `[out, in · height · width]` of a
    /// convolution, in four tensors:
    ///
    /// | tensor | |
    /// |---|---|
    /// | `<name>.crow_indices` | `I32 [out + 1]`: where each row begins |
    /// | `<name>.col_indices` | `I32 [active]`: columns, rising in a row |
    /// | `<name>.values` | `F32 [active]` |
    /// | `<name>.shape` | `I64`: the shape of the dense weight |
    ///
    /// The first three are what `torch.sparse_csr_tensor` takes. Indices are `I64` where 32 bits do not
    /// suffice.
    ///
    /// # Errors
    /// As [`to_safetensors`](Self::to_safetensors).
    pub fn to_compressed(&self, name: impl Fn(&str) -> String) -> Result<Vec<u8>> {
        written(self.tensors.iter().flat_map(|(own, tensor)| {
            let name = name(own);
            match tensor.to_compressed_rows() {
                None => vec![(name, dense(tensor))],
                Some(rows) => compressed(&name, tensor.shape(), &rows),
            }
        }))
    }

    /// Bytes of all tensors of [`to_safetensors`](Self::to_safetensors).
    pub fn dense_size(&self) -> u64 {
        self.tensors.values().map(|tensor| 4 * tensor.size()).sum()
    }

    /// Bytes of all tensors of [`to_compressed`](Self::to_compressed).
    pub fn compressed_size(&self) -> u64 {
        let size = |tensor: &WeightTensor| match tensor.matrix_size() {
            None => 4 * tensor.size(),
            Some([rows, columns]) => {
                let index = index_bytes(columns, tensor.active());
                let indices = index * (tensor.active() + rows + 1);
                indices + 4 * tensor.active() + 8 * tensor.shape().len() as u64
            }
        };
        self.tensors.values().map(size).sum()
    }
}

fn dense(tensor: &WeightTensor) -> Blob {
    Blob {
        kind: Dtype::F32,
        shape: tensor.shape().iter().map(|side| *side as usize).collect(),
        bytes: floats(&tensor.to_dense()),
    }
}

fn compressed(name: &str, shape: &[u64], rows: &CompressedRows) -> Vec<(String, Blob)> {
    let indices = |list: &[u64]| match index_bytes(rows.size[1], rows.values.len() as u64) {
        4 => {
            Blob::list(Dtype::I32, list.iter().flat_map(|at| (*at as i32).to_le_bytes()).collect())
        }
        _ => long(list),
    };
    vec![
        (format!("{name}.crow_indices"), indices(&rows.row_pointers)),
        (format!("{name}.col_indices"), indices(&rows.columns)),
        (format!("{name}.values"), Blob::list(Dtype::F32, floats(&rows.values))),
        (format!("{name}.shape"), long(shape)),
    ]
}

/// Bytes of one index into so many columns and active entries.
fn index_bytes(columns: u64, active: u64) -> u64 {
    if columns.max(active) <= i32::MAX as u64 { 4 } else { 8 }
}

fn long(list: &[u64]) -> Blob {
    Blob::list(Dtype::I64, list.iter().flat_map(|at| (*at as i64).to_le_bytes()).collect())
}

fn written(blobs: impl Iterator<Item = (String, Blob)>) -> Result<Vec<u8>> {
    let mut by_name = BTreeMap::new();
    for (name, blob) in blobs {
        if by_name.contains_key(&name) {
            return Err(Error::contract(format!("two tensors of the network are called {name}")));
        }
        by_name.insert(name, blob);
    }
    // Loaders of Hugging Face look for this key.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(by_name, Some(metadata))
        .map_err(|error| Error::contract(format!("the network does not fit into a file: {error}")))
}
