//! CIFAR-10 as the Hugging Face Hub has it: parquet with PNG images.
//!
//! The Hub's training data were made from an archive that holds the batches in the order 4, 3, 2,
//! 5, 1, so its rows are not those of the binary version, and its last 5,000 not those held out
//! here. Every batch is therefore recognised by the sum of its records and put where it belongs.

use dst_core::tch::Tensor;
use dst_core::{Error, HubFiles, Result};
use dst_data::file::sha256;
use dst_data::image;
use dst_data::parquet::ParquetTable;

use crate::records::{self, CHANNELS, CLASSES, FORMAT, RECORD, SIDE};

/// Training and test, in this order.
pub(crate) const FILES: HubFiles = HubFiles {
    repository: "datasets/uoft-cs/cifar10",
    files: &["plain_text/train-*.parquet", "plain_text/test-*.parquet"],
};

/// Reads a table into `images` (`Uint8 [count, 3, 32, 32]`) and returns the labels, both in the
/// order of `files`, the names and sums of the binary files that the rows are of, in any order.
///
/// # Errors
/// If a file is damaged or has another schema, a image or a label is not one of CIFAR-10, or
/// the counts or contents are not the canonical ones.
pub(crate) fn read(
    table: &ParquetTable,
    images: &Tensor,
    files: &[(&str, &str)],
) -> Result<Vec<u8>> {
    let count = images.size()[0] as usize;
    if table.rows() != count {
        let what = format!("it has {} rows, where {count} are expected", table.rows());
        return Err(table.at(0, Error::data(what).hint("fetch it again, or another revision")));
    }
    let per_file = count / files.len();
    let classes = table.classes("label", usize::from(CLASSES))?;
    let mut labels: Vec<Option<Vec<u8>>> = vec![None; files.len()];
    let shape = [CHANNELS as usize, SIDE as usize, SIDE as usize];
    let mut batch = Vec::with_capacity(per_file * RECORD);
    let mut rows = classes.iter();
    table.bytes("img.bytes", |png| {
        batch.extend(rows.next());
        image::png(png, shape, &mut batch)?;
        if batch.len() < per_file * RECORD {
            return Ok(());
        }
        let sum = sha256(&batch);
        let place = files.iter().position(|(_, known)| *known == sum);
        let place = place.filter(|place| labels[*place].is_none()).ok_or_else(|| {
            Error::data(format!(
                "the {per_file} images up to here are not a batch of CIFAR-10, or one that was \
                 there before: SHA-256 of their records is {sum}"
            ))
            .hint(format!("another data set in {FORMAT} needs a name, and so a crate, of its own"))
        })?;
        let part = images.f_narrow(0, (place * per_file) as i64, per_file as i64)?;
        labels[place] = Some(records::read(&batch[..], &part, &sum)?);
        batch.clear();
        Ok(())
    })?;
    // As many batches as files, none twice: all are there.
    Ok(labels.into_iter().flatten().flatten().collect())
}

#[cfg(test)]
mod tests;
