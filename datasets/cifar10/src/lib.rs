//! CIFAR-10, colour images of 32 × 32 pixels in ten classes (Krizhevsky 2009), from the six
//! files of its binary or its Python version or from parquet of the Hugging Face Hub.
//!
//! | train | validation | test |
//! |---|---|---|
//! | 45,000 | 5,000 | 10,000 |
//!
//! Validation is the last 5,000 of the 50,000 training images, the second half of
//! `data_batch_5.bin`; the test set is the official one.
//!
//! Images stay bytes in memory. A batch becomes `Float [batch, 3, 32, 32]` on the device,
//! normalised by the mean and the standard deviation of each channel, of pixels in [0, 1].
//! Training batches are cropped from images padded by 4 black pixels on every side, and
//! mirrored left to right with probability ½; [`Options`] change that.
//!
//! Every file is verified before training: exact length, checksums of compressed files, labels,
//! and the SHA-256 of the canonical unpacked file.

mod hub;
mod records;

use std::io::{Cursor, Read};
use std::path::PathBuf;

use dst_core::dataset::train_part;
use dst_core::options::{self, DatasetOptions, OptionsType};
use dst_core::plugin::DatasetPlugin;
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{DataSources, Dataset, Error, Metric, Result, Split};
use dst_data::parquet::ParquetTable;
use dst_data::{Source, file, pickle};
use dst_images::{Augmentation, ImageDataset, Normalisation, ReadImages, Samples, UserImages};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use records::{CHANNELS, CLASSES, SIDE};

/// In the order of the labels, as the official archive names them.
const CLASS_NAMES: [&str; CLASSES as usize] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Red, green and blue, of pixels in [0, 1].
const MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];
const STANDARD_DEVIATION: [f32; 3] = [0.2470, 0.2435, 0.2616];

inventory::submit! {
    DatasetPlugin {
        name: "cifar10",
        title: "CIFAR-10",
        paper: "Krizhevsky 2009, Learning multiple layers of features from tiny images",
        summary: "60,000 colour images from the binary batches or the Hub: 45,000 train, 5,000 validation, 10,000 test.",
        split: "",
        model: "resnet18",
        metric: Metric::Accuracy,
        second_metric: None,
        find: |sources| Ok(find_all(sources)?.to_string()),
        own: None,
        hub: &[hub::FILES],
        options: OptionsType::of::<Options>(),
        load: |sources, options| load(sources, &options::read(options)?),
    }
}

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Options {
    /// How training images are changed.
    #[serde(flatten)]
    pub augmentation: Augmentation,
    /// Train on so many images only, the same for every seed; all if none is given. Numbers
    /// of a part are not comparable with published ones.
    pub train_samples: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        let augmentation = Augmentation { crop_padding: 4, flip: true, ..Augmentation::default() };
        Self { augmentation, train_samples: None }
    }
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        self.augmentation.validate(SIDE as u32)?;
        train_part(range(Split::Train).1 as usize, self.train_samples).map(drop)
    }
}

/// Where the files lie below a data folder; the others are what the official archives unpack to.
const FOLDERS: [&str; 3] = ["cifar10", "cifar-10-batches-bin", "cifar-10-batches-py"];

/// What the names of the binary version end with; those of the Python version lack it.
const BINARY: &str = ".bin";

/// Images in each file.
const PER_FILE: i64 = records::PER_FILE as i64;

/// How many of the files are for training.
const TRAINING_FILES: usize = 5;

/// The files and the SHA-256 of each when unpacked: training images, the last for the test.
const FILES: [(&str, &str); 6] = [
    ("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
    ("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
    ("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
    ("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
    ("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
    ("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
];

/// All files are looked for before one is read: a missing one is known at once.
fn find_all(sources: &DataSources) -> Result<Source> {
    let own = FILES.iter().map(|(name, _)| find(sources, name)).collect();
    Source::find(own, sources, Some(&hub::FILES), "cifar10").map_err(|error| error.at("cifar10"))
}

fn load(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let found = find_all(sources)?;
    let files = FILES.len() as i64;
    let images =
        Tensor::f_empty([files * PER_FILE, CHANNELS, SIDE, SIDE], (Kind::Uint8, Device::Cpu))?;
    let mut labels = Vec::new();
    match &found {
        Source::Files(paths) => {
            let starts = (0..).step_by(PER_FILE as usize);
            for (start, (path, (_, sha256))) in starts.zip(paths.iter().zip(FILES)) {
                let part = images.f_narrow(0, start, PER_FILE)?;
                let at = |error: Error| error.at(path.display().to_string());
                let source: Box<dyn Read> = match path.extension() {
                    Some(_) => file::open(path)?,
                    None => {
                        let records = records::of_pickle(&pickle::read(path)?).map_err(at)?;
                        Box::new(Cursor::new(records))
                    }
                };
                labels.extend(records::read(source, &part, sha256).map_err(at)?);
            }
        }
        Source::Hub(snapshot) => {
            let (train, test) = FILES.split_at(TRAINING_FILES);
            let start = train.len() as i64 * PER_FILE;
            for (paths, first, files) in
                [(&snapshot.files[0], 0, train), (&snapshot.files[1], start, test)]
            {
                let part = images.f_narrow(0, first, files.len() as i64 * PER_FILE)?;
                labels.extend(hub::read(&ParquetTable::open(paths)?, &part, files)?);
            }
        }
    }
    let labels = Tensor::f_from_slice(&labels)?.f_to_kind(Kind::Int64)?;
    Ok(Box::new(split(&Samples { images, labels }, options, found.to_string())?))
}

/// The data set of all images in the order of the files.
fn split(all: &Samples, options: &Options, origin: String) -> Result<ImageDataset> {
    let split = |split| {
        let (start, count) = range(split);
        all.part(start, count)
    };
    Ok(ImageDataset {
        train: split(Split::Train).kept(options.train_samples)?,
        validation: split(Split::Validation),
        test: split(Split::Test),
        classes: CLASSES.into(),
        class_names: CLASS_NAMES.map(str::to_owned).to_vec(),
        normalisation: Normalisation::in_single_precision(&MEAN, &STANDARD_DEVIATION),
        augmentation: options.augmentation,
        read: ReadImages::new(|path| {
            UserImages::of_png(path, [CHANNELS, SIDE, SIDE].map(|size| size as usize))
        }),
        digest: digest(),
        origin,
        warnings: Vec::new(),
        library: env!("CARGO_CRATE_NAME"),
    })
}

/// Finds a file plain or compressed, or that of the Python version.
fn find(sources: &DataSources, name: &str) -> Result<PathBuf> {
    let python = name.trim_end_matches(BINARY);
    sources.find_in(&FOLDERS, &[name, &format!("{name}.gz"), &format!("{name}.zst"), python])
}

/// SHA-256 of what `sha256sum` prints for the unpacked files. Reading compared every sum with
/// the file's contents, so the bytes need not be hashed twice.
fn digest() -> String {
    file::digest(FILES.map(|(name, sha256)| (sha256, name)))
}

/// The first image of a split, and how many it has.
fn range(split: Split) -> (i64, i64) {
    split.of([(0, 45_000), (45_000, 5_000), (50_000, 10_000)])
}

#[cfg(test)]
mod tests;
