//! The files of both versions.
//!
//! A record of the binary version is a byte for the coarse class, one for the fine class, and 1,024 red,
//! 1,024 green and 1,024 blue bytes, row by row. The Python version holds the same in lists and an array.

use std::io::Read;
use std::path::{Path, PathBuf};

use dst_core::tch::Tensor;
use dst_core::{DataSources, Error, Result};
use dst_data::file::{self, damaged};
use dst_data::pickle;

use crate::classes;

pub(crate) const CHANNELS: usize = 3;

/// Rows and columns of an image.
pub(crate) const SIDE: usize = 32;

pub(crate) const PIXELS: usize = CHANNELS * SIDE * SIDE;

/// Of the binary version.
pub(crate) const RECORD: usize = 2 + PIXELS;

/// Where the files lie below a data folder; the others are what the official archives unpack to.
const FOLDERS: [&str; 2] = ["cifar100", "cifar-100-binary"];

/// The same for the files of the Python version.
const PYTHON: [&str; 2] = ["cifar-100-python", "cifar100"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum File {
    Train,
    Test,
}

impl File {
    /// In the Python version; the binary one has an ending.
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Self::Train => 50_000,
            Self::Test => 10_000,
        }
    }
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// `Uint8 [count, 3, 32, 32]`
    pub(crate) images: Tensor,
    pub(crate) fine: Vec<u8>,
    pub(crate) coarse: Vec<u8>,
    /// Of the records of the binary version.
    pub(crate) sha256: String,
}

/// The files for training and for the test, plain or compressed.
pub(crate) fn find_all(sources: &DataSources) -> Result<[PathBuf; 2]> {
    let find = |file: File| {
        let name = file.name();
        let names = ["bin", "bin.gz", "bin.zst"].map(|ending| format!("{name}.{ending}"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Files with names as plain as `train` lie in many folders.
        let python =
            PYTHON.iter().map(|folder| Some(sources.data_dir.as_ref()?.join(folder).join(name)));
        match python.flatten().find(|path| path.is_file()) {
            Some(found) => Ok(found),
            None => sources.find_in(&FOLDERS, &names).map_err(|error| {
                error.also(&format!("or the Python version, {}/{name}", PYTHON[0])).at("cifar100")
            }),
        }
    };
    Ok([find(File::Train)?, find(File::Test)?])
}

/// # Errors
/// If the file cannot be read, or is not the one of CIFAR-100; it is named.
pub(crate) fn read(which: File, path: &Path) -> Result<Contents> {
    let at = |error: Error| error.at(path.display().to_string());
    let records = match path.extension() {
        Some(_) => of_binary(which, file::open(path)?),
        None => of_pickle(which, &pickle::read(path)?),
    };
    let records = records.map_err(at)?;
    let each = records.chunks_exact(RECORD);
    let coarse: Vec<u8> = each.clone().map(|record| record[0]).collect();
    let fine: Vec<u8> = each.clone().map(|record| record[1]).collect();
    check(&fine, &coarse).map_err(at)?;
    let pixels: Vec<u8> = each.flat_map(|record| &record[2..]).copied().collect();
    let shape = [fine.len(), CHANNELS, SIDE, SIDE].map(|side| side as i64);
    let images = Tensor::f_from_slice(&pixels)?.f_view(shape)?;
    Ok(Contents { images, fine, coarse, sha256: file::sha256(&records) })
}

fn of_binary(which: File, source: impl Read) -> Result<Vec<u8>> {
    let length = which.len() * RECORD;
    let mut reader = file::Reader::new(source, length as u64);
    let mut records = vec![0; length];
    reader.fill(&mut records)?;
    reader.end()?;
    Ok(records)
}

fn of_pickle(which: File, file: &[u8]) -> Result<Vec<u8>> {
    let count = which.len();
    let pixels = pickle::bytes(file, count * PIXELS)?;
    let [coarse, fine] =
        ["coarse_labels", "fine_labels"].map(|name| pickle::numbers(file, name, count));
    let labels = coarse?.into_iter().zip(fine?);
    let records = labels.zip(pixels.chunks_exact(PIXELS));
    Ok(records.flat_map(|((coarse, fine), pixels)| [&[coarse, fine], pixels].concat()).collect())
}

/// Are there as many images of each class as in the official file, and one coarse class for each fine?
fn check(fine: &[u8], coarse: &[u8]) -> Result<()> {
    let other = |what: String| {
        damaged(format!("this is not CIFAR-100: {what}"))
            .hint("other data in its format need a name, and so a crate, of their own")
    };
    let [fines, coarses] = [classes::FINE.len(), classes::COARSE.len()];
    let mut counts = vec![0; fines];
    let mut groups = vec![None; fines];
    for (row, (&fine, &coarse)) in fine.iter().zip(coarse).enumerate() {
        let (own, group) = (usize::from(fine), usize::from(coarse));
        if own >= fines || group >= coarses {
            return Err(other(format!(
                "image {row} has the classes {fine} and {coarse}, which should be below {fines} and {coarses}"
            )));
        }
        counts[own] += 1;
        if *groups[own].get_or_insert(group) != group {
            return Err(other(format!("images of class {fine} have several coarse classes")));
        }
    }
    let each = fine.len() / fines;
    match counts.iter().position(|count| *count != each) {
        Some(class) => {
            Err(other(format!("class {class} has {} images, not {each}", counts[class])))
        }
        None => Ok(()),
    }
}
