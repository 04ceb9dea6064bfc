//! MNIST as the Hugging Face Hub has it: parquet with PNG images, in the order of the IDX files.

use std::path::PathBuf;

use dst_core::{Error, HubFiles, Result};
use dst_data::image;
use dst_data::parquet::ParquetTable;
use dst_images::Samples;
use dst_images::idx::{self, Expected};

use crate::{CLASSES, SIDE};

/// Training and test, in this order.
pub(crate) const FILES: HubFiles = HubFiles {
    repository: "datasets/ylecun/mnist",
    files: &["mnist/train-*.parquet", "mnist/test-*.parquet"],
};

/// The samples of a table. They become the bytes of the IDX files that they were made from, and
/// so must have the same sums: a result is one of MNIST, wherever MNIST was.
///
/// # Errors
/// If a file is damaged or has another schema, an image or a label is not one of MNIST, or the
/// counts or contents are not the canonical ones.
pub(crate) fn samples(
    files: &[PathBuf],
    images: Expected<'_>,
    labels: Expected<'_>,
) -> Result<Samples> {
    let table = ParquetTable::open(files)?;
    let first = files.first().map(|path| path.display().to_string()).unwrap_or_default();
    let at = |error: Error| error.at(first.clone());
    let count = table.rows();
    if count != images.count {
        let what = format!("it has {count} rows, where {} are expected", images.count);
        return Err(at(Error::data(what).hint("fetch it again, or another revision")));
    }
    let mut bytes = idx::header(&[count, SIDE, SIDE]);
    bytes.reserve(count * SIDE * SIDE);
    table.bytes("image.bytes", |png| image::png(png, [1, SIDE, SIDE], &mut bytes))?;
    let images = crate::images(&bytes[..], images).map_err(at)?;
    let mut bytes = idx::header(&[count]);
    bytes.extend(table.classes("label", usize::from(CLASSES))?);
    let labels = crate::labels(&bytes[..], labels).map_err(at)?;
    Ok(Samples { images, labels })
}

#[cfg(test)]
mod tests;
