//! CIFAR-100, colour images of 32 × 32 pixels in a hundred classes or twenty (Krizhevsky 2009), from the
//! two files of its binary or its Python version.
//!
//! | train | validation | test |
//! |---|---|---|
//! | 45,000 | 5,000 | 10,000 |
//!
//! Validation is the last 5,000 of the 50,000 training images; the test set is the official one. Images
//! are normalised, cropped and mirrored as those of CIFAR-10.
//!
//! Files must have the exact length, as many images of each class as the official ones, and one coarse
//! class for each fine one.

mod classes;
mod files;
#[cfg(test)]
mod tests;

use dst_core::dataset::train_part;
use dst_core::options::{self, DatasetOptions, OptionsType};
use dst_core::plugin::DatasetPlugin;
use dst_core::tch::{Kind, Tensor};
use dst_core::{DataSources, Dataset, Metric, Result};
use dst_data::file;
use dst_images::{Augmentation, ImageDataset, Normalisation, ReadImages, Samples, UserImages};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use files::{CHANNELS, Contents, File, SIDE};

/// Red, green and blue, of pixels in [0, 1], of the training images.
const MEAN: [f32; 3] = [0.5071, 0.4865, 0.4409];
const STANDARD_DEVIATION: [f32; 3] = [0.2673, 0.2564, 0.2762];

/// Training images that are for gradients; the others are held out.
const TRAIN: i64 = 45_000;

inventory::submit! {
    DatasetPlugin {
        name: "cifar100",
        title: "CIFAR-100",
        paper: "Krizhevsky 2009, Learning multiple layers of features from tiny images",
        summary: "60,000 colour images from the binary or the Python version, in 100 classes or 20: 45,000 train, 5,000 validation, 10,000 test.",
        split: "",
        model: "resnet18",
        metric: Metric::Accuracy,
        second_metric: None,
        find: |sources| {
            let [train, test] = files::find_all(sources)?;
            Ok(file::folders(&[train, test]))
        },
        own: None,
        hub: &[],
        options: OptionsType::of::<Options>(),
        load: |sources, options| load(sources, &options::read(options)?),
    }
}

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Options {
    /// Which classes are to be told.
    pub labels: Labels,
    /// How training images are changed.
    #[serde(flatten)]
    pub augmentation: Augmentation,
    /// Train on so many images only, the same for every seed; all if none is given. Numbers
    /// of a part are not comparable with published ones.
    pub train_samples: Option<u32>,
}

/// Each image has one of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// A hundred, such as maple trees.
    Fine,
    /// Twenty, such as trees.
    Coarse,
}

impl Default for Options {
    fn default() -> Self {
        let augmentation = Augmentation { crop_padding: 4, flip: true, ..Augmentation::default() };
        Self { labels: Labels::Fine, augmentation, train_samples: None }
    }
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        self.augmentation.validate(SIDE as u32)?;
        train_part(TRAIN as usize, self.train_samples).map(drop)
    }
}

fn load(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let [train, test] = files::find_all(sources)?;
    let training = files::read(File::Train, &train)?;
    let testing = files::read(File::Test, &test)?;
    let origin = file::folders(&[train, test]);
    Ok(Box::new(dataset(training, testing, options, origin)?))
}

fn dataset(
    train: Contents,
    test: Contents,
    options: &Options,
    origin: String,
) -> Result<ImageDataset> {
    let names: &[&str] = match options.labels {
        Labels::Fine => &classes::FINE,
        Labels::Coarse => &classes::COARSE,
    };
    let digest = file::digest([(&*train.sha256, "train.bin"), (&*test.sha256, "test.bin")]);
    let samples = |contents: Contents| -> Result<Samples> {
        let labels = match options.labels {
            Labels::Fine => contents.fine,
            Labels::Coarse => contents.coarse,
        };
        let labels = Tensor::f_from_slice(&labels)?.f_to_kind(Kind::Int64)?;
        Ok(Samples { images: contents.images, labels })
    };
    let all = samples(train)?;
    let held_out = all.len() as i64 - TRAIN;
    Ok(ImageDataset {
        train: all.part(0, TRAIN).kept(options.train_samples)?,
        validation: all.part(TRAIN, held_out),
        test: samples(test)?,
        classes: names.len() as i64,
        class_names: names.iter().map(|&name| name.to_owned()).collect(),
        normalisation: Normalisation::in_single_precision(&MEAN, &STANDARD_DEVIATION),
        augmentation: options.augmentation,
        read: ReadImages::new(|path| UserImages::of_png(path, [CHANNELS, SIDE, SIDE])),
        digest,
        origin,
        warnings: Vec::new(),
        library: env!("CARGO_CRATE_NAME"),
    })
}
