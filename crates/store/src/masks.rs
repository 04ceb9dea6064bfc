//! `masks.safetensors` of one trial: which connections it ended with, at a sample of their places.
//!
//! One tensor for each prunable layer, under the name of its weight: `U8` `[⌈places / 8⌉]`, eight
//! places a byte, the first in the lowest bit. [`places`](dst_record::mask_sample::places) says which they are:
//! the same in every trial of a layer with that name and shape. Half a kilobyte a layer, where all
//! masks of ten thousand ResNets would fill a disk.

use std::path::Path;

use dst_record::record::LayerRecord;
use dst_record::{Error, LayerMask, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::file::{self, Durability};

pub(crate) const MASKS: &str = "masks.safetensors";

/// Writes the file, so that it outlives a power cut.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn write_masks(folder: &Path, masks: &[LayerMask]) -> Result<()> {
    let refused = |error| Error::contract(format!("masks do not fit into a file: {error}"));
    let mut tensors = Vec::with_capacity(masks.len());
    for mask in masks {
        let shape = vec![mask.bits().len()];
        let view = TensorView::new(Dtype::U8, shape, mask.bits()).map_err(refused)?;
        tensors.push((mask.layer(), view));
    }
    let bytes = safetensors::serialize(tensors, None).map_err(refused)?;
    file::replace(&folder.join(MASKS), &bytes, Durability::Synced)
}

/// Reads the bytes of the file; `count` says how many layers the result counted, and `layers` which
/// they are.
///
/// # Errors
/// If they are damaged, or of other layers than the result.
pub(crate) fn parse_masks(
    bytes: &[u8],
    count: usize,
    layers: &[LayerRecord],
) -> Result<Vec<LayerMask>> {
    let damaged = |what: String| Error::data(what);
    let archive = SafeTensors::deserialize(bytes)
        .map_err(|error| damaged(format!("these are no whole masks: {error}")))?;
    let last = layers.last().map_or(0, |row| row.epoch);
    let rows = layers.iter().filter(|row| row.epoch == last);
    let mask = |row: &LayerRecord| {
        let view = archive.tensor(&row.layer).map_err(|error| damaged(error.to_string()))?;
        LayerMask::from_bits(&row.layer, row.size, view.data().to_vec())
            .map_err(|error| damaged(error.to_string()))
    };
    let masks = rows.map(mask).collect::<Result<Vec<LayerMask>>>()?;
    if masks.len() != count || archive.len() != count {
        return Err(damaged(format!(
            "the result was written with {count} layers here, and there are {}",
            archive.len()
        )));
    }
    Ok(masks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_masks(folder: &Path, count: usize, layers: &[LayerRecord]) -> Result<Vec<LayerMask>> {
        parse_masks(&file::read_bytes(&folder.join(MASKS))?.unwrap(), count, layers)
    }

    fn row(epoch: u32, layer: &str, size: u64) -> LayerRecord {
        LayerRecord { epoch, layer: layer.to_owned(), size, ..LayerRecord::default() }
    }

    fn masks() -> Vec<LayerMask> {
        let bits = |size: u64| (0..size).map(|place| place % 3 == 0).collect::<Vec<bool>>();
        [("fc1.weight", 12), ("fc2.weight", 7)]
            .map(|(layer, size)| LayerMask::new(layer, size, &bits(size)).unwrap())
            .to_vec()
    }

    #[test]
    fn masks_come_back_in_the_order_of_layers() {
        let folder = tempfile::tempdir().unwrap();
        write_masks(folder.path(), &masks()).unwrap();
        let rows = [row(0, "fc1.weight", 12), row(1, "fc1.weight", 12), row(1, "fc2.weight", 7)];
        assert_eq!(read_masks(folder.path(), 2, &rows).unwrap(), masks());
    }

    #[test]
    fn masks_of_other_layers_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [row(1, "fc1.weight", 12), row(1, "fc2.weight", 7)];
        let refusal = |rows: &[LayerRecord], count| {
            read_masks(folder.path(), count, rows).unwrap_err().to_string()
        };
        write_masks(folder.path(), &masks()).unwrap();
        let error = refusal(&rows, 3);
        assert!(error.contains("the result was written with 3 layers"), "{error}");
        assert!(refusal(&rows[..1], 1).contains("and there are 2"));
        let other = [row(1, "fc1.weight", 12), row(1, "fc2.weight", 70)];
        assert!(refusal(&other, 2).contains("no sample of 70 entries"));
        let other = [row(1, "fc1.weight", 12), row(1, "fc3.weight", 7)];
        assert!(refusal(&other, 2).contains("fc3.weight"));
        std::fs::write(folder.path().join(MASKS), [1, 2, 3]).unwrap();
        assert!(refusal(&rows, 2).contains("these are no whole masks"));
    }
}
