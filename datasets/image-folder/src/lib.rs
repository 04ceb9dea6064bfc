//! Images of users: `image-folder:FOLDER`, with a folder of images for each class.
//!
//! | in `FOLDER` | splits |
//! |---|---|
//! | `CLASS/…` | all three are drawn, class by class |
//! | `train/CLASS/…` | validation and test are drawn from it |
//! | besides, `validation/CLASS/…` (or `val`, `valid`) | given |
//! | besides, `test/CLASS/…` | given |
//!
//! PNG, JPEG, BMP, GIF and WebP files are read, in folders inside that of a class too; others are left
//! out, and a warning counts them. Images must be of one size, or `size` is set. They are grey if all
//! are, and have three colours otherwise; transparency is left out. Pixels are normalised by the mean and
//! the standard deviation of the images that are trained on.

mod folders;
mod pixels;

use std::path::Path;

use dst_core::options::{DatasetOptions, OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::strategy::check::at_least_one;
use dst_core::tch::Tensor;
use dst_core::{Dataset, Error, Metric, OwnData, Result, SplitOptions};
use dst_data::cache;
use dst_images::{Augmentation, ImageDataset, Normalisation, ReadImages, Samples, UserImages};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use folders::Folders;
use pixels::Form;

inventory::submit! {
    DatasetPlugin {
        name: "image-folder",
        title: "Images in folders",
        paper: "",
        summary: "Your images, with a folder for each class: image-folder:FOLDER.",
        split: "",
        model: "small-cnn",
        metric: Metric::Accuracy,
        second_metric: None,
        options: OptionsType::of::<Options>(),
        find: |sources| Ok(sources.place()?.display().to_string()),
        own: Some(OwnData {
            argument: "FOLDER",
            endings: &[],
            published: &["imagenet", "imagenette", "imagewoof", "tinyimagenet", "food101", "flowers102"],
            digest: digest_of,
        }),
        hub: &[],
        load: |sources, options| {
            // Tests leave nothing in the cache of whoever runs them.
            let cache = cache::folder("images").filter(|_| !cfg!(test));
            load(sources.place()?, &read(options)?, cache.as_deref())
        },
    }
}

/// What can be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Options {
    /// How training images are changed.
    #[serde(flatten)]
    augmentation: Augmentation,
    /// How splits are drawn that the folders do not give.
    #[serde(flatten)]
    split: SplitOptions,
    /// Rows and columns that every image is brought to: its shorter side is scaled, and what the longer
    /// side has too much is cut off at both ends. If none is given, all images must be of one size.
    size: Option<u32>,
    /// Colours of a pixel: 1 (grey) or 3. If none is given, 1 if all images are grey, else 3.
    channels: Option<u8>,
    /// Train on so many images only, the same for every seed; all if none is given.
    train_samples: Option<u32>,
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        self.split.validate()?;
        self.augmentation.validate(self.size.unwrap_or(u32::MAX))?;
        if let Some(size) = self.size.filter(|size| !(1..=pixels::LONGEST_SIDE).contains(size)) {
            return Err(Error::usage(format!(
                "size = {size} is not from 1 to {}",
                pixels::LONGEST_SIDE
            )));
        }
        if let Some(channels) = self.channels.filter(|channels| ![1, 3].contains(channels)) {
            return Err(Error::usage(format!("channels = {channels} is neither 1 nor 3")));
        }
        self.train_samples.map_or(Ok(()), |count| at_least_one("train_samples", count.into()))
    }
}

fn digest_of(place: &Path) -> Result<String> {
    Ok(folders::digest(&Folders::find(place)?.summed()?))
}

fn load(place: &Path, options: &Options, cache: Option<&Path>) -> Result<Box<dyn Dataset>> {
    let folders = Folders::find(place)?;
    let files = folders.summed()?;
    let digest = folders::digest(&files);
    let form = Form { size: options.size, channels: options.channels };
    let images = pixels::all(&files, &form, cache)?;
    let labels = folders.labels();
    let all = Samples { images, labels: Tensor::f_from_slice(&labels)? };

    let at = |error: Error| error.at(place.display().to_string());
    let splits = folders.split(&options.split).map_err(at)?;
    let mut warnings = folders.warnings();
    warnings.extend(folders::overlaps(&files, &splits));
    let [train, validation, test] = splits;
    let train = all.select(&train)?.kept(options.train_samples).map_err(at)?;
    let shape = all.images.size();
    options.augmentation.validate(shape[2].min(shape[3]) as u32).map_err(at)?;
    let [mean, deviation] = Normalisation::measure(&train.images)?;
    Ok(Box::new(ImageDataset {
        train,
        validation: all.select(&validation)?,
        test: all.select(&test)?,
        classes: folders.classes.len() as i64,
        class_names: folders.classes.clone(),
        normalisation: Normalisation::new(&mean, &deviation),
        augmentation: options.augmentation,
        read: ReadImages::new(move |path| of_user(path, &form, &shape)),
        digest,
        origin: place.display().to_string(),
        warnings,
        library: env!("CARGO_CRATE_NAME"),
    }))
}

/// The image of a file, in the form of the others.
fn of_user(path: &Path, form: &Form, shape: &[i64]) -> Result<UserImages> {
    let form = Form { channels: Some(shape[1] as u8), ..*form };
    let (pixels, [_, height, width]) = pixels::one(path, &form)?;
    if [height as i64, width as i64] != shape[2..] {
        return Err(Error::data(format!(
            "the image has {height} × {width} pixels, and {} × {} are expected",
            shape[2], shape[3]
        ))
        .at(path.display().to_string())
        .hint("bring it to that size, or train with --set image-folder.size=N, which does"));
    }
    let images = Tensor::f_from_slice(&pixels)?.f_view([1, shape[1], shape[2], shape[3]])?;
    Ok(UserImages { images, rows: Vec::new() })
}

#[cfg(test)]
mod tests;
