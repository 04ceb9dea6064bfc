//! Images of users in IDX, the format of MNIST's files: Fashion-MNIST, KMNIST, EMNIST and others.
//!
//! `idx:FOLDER` reads four files, plain or compressed, of `FOLDER` or of a folder `raw` in it, where
//! torchvision keeps them: images and labels for training and for the test. Their names end as MNIST's
//! do and may begin with anything (`emnist-letters-train-images-idx3-ubyte.gz`).
//!
//! The test set is the given one. Validation is held out of the training images, class by class.
//! Pixels are normalised by the mean and the standard deviation of the images that are trained on.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use dst_core::options::{DatasetOptions, OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::strategy::check::at_least_one;
use dst_core::tch::Tensor;
use dst_core::{DataSources, Dataset, Error, Metric, OwnData, Result, SplitOptions};
use dst_data::file;
use dst_images::{Augmentation, ImageDataset, Normalisation, ReadImages, Samples, UserImages, idx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

inventory::submit! {
    DatasetPlugin {
        name: "idx",
        title: "Images in IDX files",
        paper: "",
        summary: "Your images in the format of MNIST's files, such as Fashion-MNIST: idx:FOLDER.",
        split: "",
        model: "lenet5",
        metric: Metric::Accuracy,
        second_metric: None,
        options: OptionsType::of::<Options>(),
        find: |sources| Ok(sources.place()?.display().to_string()),
        own: Some(OwnData {
            argument: "FOLDER",
            endings: &[],
            published: &["fashionmnist", "kmnist", "kuzushijimnist", "emnist", "qmnist"],
            digest: |path| Files::find(path)?.digest(),
        }),
        hub: &[],
        load: |sources, options| load(sources, &read(options)?),
    }
}

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Options {
    /// How training images are changed.
    #[serde(flatten)]
    augmentation: Augmentation,
    /// Train on so many images only, the same for every seed; all if none is given.
    train_samples: Option<u32>,
    /// Share of the training images that is held out for validation, above 0 and below 1.
    validation: f64,
    /// Another number holds out other images.
    split_seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let SplitOptions { validation, split_seed, .. } = SplitOptions::default();
        Self { augmentation: Augmentation::default(), train_samples: None, validation, split_seed }
    }
}

impl Options {
    fn split(&self) -> SplitOptions {
        let Self { validation, split_seed, .. } = *self;
        SplitOptions { validation, split_seed, ..SplitOptions::default() }
    }
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        self.split().validate()?;
        // The side of the images is not known yet.
        self.augmentation.validate(u32::MAX)?;
        self.train_samples.map_or(Ok(()), |count| at_least_one("train_samples", count.into()))
    }
}

/// Ends of the names, in the order of [`Files`].
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// EMNIST says `test` where MNIST says `t10k`.
const OTHER_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "test-images-idx3-ubyte",
    "test-labels-idx1-ubyte",
];

/// Images and labels for training, images and labels for the test.
struct Files([PathBuf; 4]);

impl Files {
    fn find(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Error::data("this is a file")
                .at(folder.display().to_string())
                .hint("name the folder that holds the four files"));
        }
        let inner = folder.join("raw");
        let folder = if inner.is_dir() { inner } else { folder.to_owned() };
        let entries = fs::read_dir(&folder).map_err(|error| Error::io("read", &folder, &error))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|error| Error::io("read", &folder, &error))?.path());
        }
        paths.sort();
        let mut found = Vec::new();
        for (name, other) in NAMES.iter().zip(OTHER_NAMES) {
            let is_it = |path: &&PathBuf| {
                let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let own = own.strip_suffix(".gz").unwrap_or(&own).replace(".idx", "-idx");
                path.is_file() && (own.ends_with(name) || own.ends_with(other))
            };
            let mut all: Vec<&PathBuf> = paths.iter().filter(is_it).collect();
            // Unpacked beside its archive, a file is the same file.
            all.dedup_by_key(|path| path.to_string_lossy().trim_end_matches(".gz").to_owned());
            match all[..] {
                [path] => found.push(path.clone()),
                [] => {
                    return Err(Error::data(format!("{} has no file *{name}", folder.display()))
                        .hint("MNIST's four files are expected, plain or with .gz at their ends"));
                }
                [first, second, ..] => {
                    return Err(Error::data(format!(
                        "{} and {} could both be *{name}",
                        first.display(),
                        second.display()
                    ))
                    .hint("lay the four files that belong together into a folder of their own"));
                }
            }
        }
        let four = found.try_into();
        Ok(Self(four.map_err(|_| Error::contract("four files were looked for"))?))
    }

    /// Of the unpacked contents, so that it does not matter how they are packed.
    fn digest(&self) -> Result<String> {
        let sums = self.0.iter().map(|path| file::sha256_of_contents(path));
        let sums = sums.collect::<Result<Vec<String>>>()?;
        Ok(file::digest(sums.iter().map(String::as_str).zip(NAMES)))
    }

    fn images(&self, index: usize) -> Result<Tensor> {
        let path = &self.0[index];
        let images = file::open(path).and_then(idx::any_images);
        images.map_err(|error| error.at(path.display().to_string()))
    }

    fn labels(&self, index: usize) -> Result<Vec<u8>> {
        let path = &self.0[index];
        let labels = file::open(path).and_then(idx::any_labels);
        labels.map_err(|error| error.at(path.display().to_string()))
    }
}

fn load(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let place = sources.place()?;
    let at = |error: Error| error.at(origin(place));
    let files = Files::find(place)?;
    let (train_images, test_images) = (files.images(0)?, files.images(2)?);
    let (train_labels, test_labels) = (files.labels(1)?, files.labels(3)?);
    for (images, labels, index) in
        [(&train_images, &train_labels, 1), (&test_images, &test_labels, 3)]
    {
        if images.size()[0] as usize != labels.len() {
            return Err(Error::data(format!(
                "it has {} labels for {} images",
                labels.len(),
                images.size()[0]
            ))
            .at(files.0[index].display().to_string()));
        }
    }
    if train_images.size()[1..] != test_images.size()[1..] {
        return Err(at(Error::data("training and test images are of different sizes")));
    }
    let warnings = overlap(&train_images, &test_images)?.into_iter().collect();
    // Labels need not begin at 0 or be without gaps: EMNIST's letters are 1 to 26.
    let known: Vec<u8> =
        train_labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if known.len() < 2 {
        return Err(at(Error::data("all training images are of one class")));
    }
    let classes = |labels: &[u8], index: usize| {
        let class = |(row, label): (usize, &u8)| match known.binary_search(label) {
            Ok(class) => Ok(class as i64),
            Err(_) => Err(Error::data(format!(
                "the label {label} of image {row} is none of the training images"
            ))
            .at(files.0[index].display().to_string())),
        };
        labels.iter().enumerate().map(class).collect::<Result<Vec<i64>>>()
    };
    let names: Vec<String> = known.iter().map(u8::to_string).collect();
    let (train_labels, test_labels) = (classes(&train_labels, 1)?, classes(&test_labels, 3)?);
    let [train_rows, validation_rows] =
        options.split().hold_out_validation(&train_labels, &names).map_err(at)?;
    let all = Samples { images: train_images, labels: Tensor::f_from_slice(&train_labels)? };
    let train = all.select(&train_rows)?.kept(options.train_samples).map_err(at)?;
    let side = train.images.size()[2].min(train.images.size()[3]);
    options.augmentation.validate(side as u32).map_err(at)?;
    let [mean, deviation] = Normalisation::measure(&train.images)?;
    let shape = train.images.size();
    Ok(Box::new(ImageDataset {
        validation: all.select(&validation_rows)?,
        train,
        test: Samples { images: test_images, labels: Tensor::f_from_slice(&test_labels)? },
        classes: known.len() as i64,
        class_names: names,
        normalisation: Normalisation::new(&mean, &deviation),
        augmentation: options.augmentation,
        read: ReadImages::new(move |path| of_user(path, &shape)),
        digest: files.digest()?,
        origin: origin(place),
        warnings,
        library: env!("CARGO_CRATE_NAME"),
    }))
}

/// How many images for the test are images of the training, pixel by pixel, if some are.
fn overlap(train: &Tensor, test: &Tensor) -> Result<Option<String>> {
    let pixels =
        |images: &Tensor| -> Result<Vec<u8>> { Ok(Vec::<u8>::try_from(images.f_flatten(0, -1)?)?) };
    let (trained, tested) = (pixels(train)?, pixels(test)?);
    let size = train.size()[1..].iter().product::<i64>().max(1) as usize;
    let known: HashSet<&[u8]> = trained.chunks_exact(size).collect();
    let tested = tested.chunks_exact(size);
    let (all, same) = (tested.len(), tested.filter(|image| known.contains(image)).count());
    Ok((same > 0)
        .then(|| format!("{same} of {all} images for test are images of the training, too")))
}

fn origin(place: &Path) -> String {
    place.display().to_string()
}

/// Images of an IDX file, or that of a PNG file, of the size of the training images.
fn of_user(path: &Path, shape: &[i64]) -> Result<UserImages> {
    let (height, width) = (shape[2], shape[3]);
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")) {
        return UserImages::of_png(path, [1, height as usize, width as usize]);
    }
    let at = |error: Error| error.at(path.display().to_string());
    let images = file::open(path).and_then(idx::any_images).map_err(at)?;
    if images.size()[1..] != shape[1..] {
        let found = images.size();
        return Err(at(Error::data(format!(
            "its images have {} × {} pixels, and {height} × {width} are expected",
            found[2], found[3]
        ))));
    }
    let rows = (0..images.size()[0] as usize).collect();
    Ok(UserImages { images, rows })
}

#[cfg(test)]
mod tests;
