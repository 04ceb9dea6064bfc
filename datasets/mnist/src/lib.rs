//! MNIST, handwritten digits of 28 × 28 pixels (LeCun et al. 1998), as two data sets.
//!
//! | name | files | train | validation | test |
//! |---|---|---|---|---|
//! | `mnist` | the four IDX files, or parquet of the Hub | 55,000 | 5,000 | 10,000 |
//! | `mnist-10k` | carried by this crate | 7,000 | 1,000 | 2,000 |
//!
//! `mnist` holds out the last 5,000 training images for validation and keeps the official test
//! set. `mnist-10k` is the first 10,000 images of MNIST's *training* set, stratified; it is cut
//! by position. Its numbers are not comparable with published ones.
//!
//! Images stay bytes in memory. A batch becomes `Float [batch, 1, 28, 28]` on the device,
//! normalised by MNIST's mean 0.1307 and standard deviation 0.3081 of pixels in [0, 1]. Training
//! batches are not changed unless [`Options`] say so.
//!
//! Every file is verified before training: gzip checksum, magic number, sizes, exact length,
//! labels, and the SHA-256 of the canonical unpacked file.

mod hub;
mod idx;
mod options;

use std::io::Read;
use std::path::{Path, PathBuf};

use dst_augment::{Augmentation, by_channel};
use dst_core::options::{OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{
    Batch, DataSources, Dataset, Error, Input, InputShape, Metric, Result, Split, Task,
    UserSamples, device,
};
use dst_data::{Source, file, image};
use flate2::read::MultiGzDecoder;
use rand_chacha::ChaCha8Rng;

use idx::Expected;
pub use options::Options;

const MEAN: f64 = 0.1307;
const STANDARD_DEVIATION: f64 = 0.3081;

const PAPER: &str =
    "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition";

inventory::submit! {
    DatasetPlugin {
        name: "mnist",
        title: "MNIST",
        paper: PAPER,
        summary: "70,000 handwritten digits from the IDX files or the Hub: 55,000 train, 5,000 validation, 10,000 test.",
        split: "",
        model: "lenet5",
        metric: Metric::Accuracy,
        second_metric: None,
        find: |sources| Ok(find_all(sources)?.to_string()),
        hub: &[hub::FILES],
        options: OptionsType::of::<Options>(),
        load: |sources, options| load_mnist(sources, &read(options)?),
    }
}

inventory::submit! {
    DatasetPlugin {
        name: "mnist-10k",
        title: "MNIST-10k",
        paper: PAPER,
        summary: "10,000 digits of MNIST's training set, carried by the harness: 7,000 train, 1,000 validation, 2,000 test.",
        split: "",
        model: "lenet5",
        metric: Metric::Accuracy,
        second_metric: None,
        find: |_| Ok(CARRIED.to_owned()),
        hub: &[],
        options: OptionsType::of::<Options>(),
        load: |_, options| load_mnist_10k(&read(options)?),
    }
}

/// One IDX file of a data set.
#[derive(Debug, Clone, Copy)]
struct File {
    name: &'static str,
    expected: Expected<'static>,
}

const fn idx_file(name: &'static str, count: usize, sha256: &'static str) -> File {
    File { name, expected: Expected { count, sha256 } }
}

/// Images and labels for training, images and labels for the test.
const MNIST: [File; 4] = [
    idx_file(
        "train-images-idx3-ubyte",
        60_000,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    idx_file(
        "train-labels-idx1-ubyte",
        60_000,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    idx_file(
        "t10k-images-idx3-ubyte",
        10_000,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    idx_file(
        "t10k-labels-idx1-ubyte",
        10_000,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
];

const MNIST_10K: [File; 2] = [
    idx_file(
        "mnist-10k-images-idx3-ubyte",
        10_000,
        "2c12d6c8424f4461bc85753d48d3772ef04053170f80ccad10d9b5d0e8110db5",
    ),
    idx_file(
        "mnist-10k-labels-idx1-ubyte",
        10_000,
        "a13d44964f4cebb5f5d7878fac071ae5a6633a69f15bebb45606d6deff91fa9e",
    ),
];

static CARRIED_IMAGES: &[u8] = include_bytes!("../data/mnist-10k-images-idx3-ubyte.gz");
static CARRIED_LABELS: &[u8] = include_bytes!("../data/mnist-10k-labels-idx1-ubyte.gz");

type Parse = fn(Box<dyn Read>, Expected<'_>) -> Result<Tensor>;

/// All files are looked for before one is read: a missing one is known at once.
fn find_all(sources: &DataSources) -> Result<Source> {
    let own = MNIST.iter().map(|file| find(sources, file.name)).collect();
    Source::find(own, sources, Some(&hub::FILES), "mnist").map_err(|error| error.at("mnist"))
}

fn load_mnist(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let found = find_all(sources)?;
    let [images, labels, test_images, test_labels] = MNIST.map(|file| file.expected);
    let (train, test) = match &found {
        Source::Files(paths) => {
            let read = |index: usize, parse: Parse| {
                let path: &PathBuf = &paths[index];
                parse(file::open(path)?, MNIST[index].expected)
                    .map_err(|error| error.at(path.display().to_string()))
            };
            (
                Samples { images: read(0, idx::images)?, labels: read(1, idx::labels)? },
                Samples { images: read(2, idx::images)?, labels: read(3, idx::labels)? },
            )
        }
        Source::Hub(snapshot) => (
            hub::samples(&snapshot.files[0], images, labels)?,
            hub::samples(&snapshot.files[1], test_images, test_labels)?,
        ),
    };
    Ok(Box::new(Mnist {
        augmentation: options.augmentation,
        train: options.kept(train.part(0, 55_000)).map_err(|error| error.at("mnist"))?,
        validation: train.part(55_000, 5_000),
        test,
        digest: digest(&MNIST),
        origin: found.to_string(),
    }))
}

/// Finds a file under its usual names: with a dash or a dot before `idx`, plain or compressed.
fn find(sources: &DataSources, name: &str) -> Result<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name, &format!("{name}.gz"), &dotted, &format!("{dotted}.gz")];
    sources.find("mnist", &names)
}

/// The origin of what the crate carries.
const CARRIED: &str = "carried by the crate";

fn load_mnist_10k(options: &Options) -> Result<Box<dyn Dataset>> {
    let [images, labels] = MNIST_10K;
    let at = |file: File| move |error: Error| error.at(format!("{}.gz", file.name));
    let all = Samples {
        images: idx::images(MultiGzDecoder::new(CARRIED_IMAGES), images.expected)
            .map_err(at(images))?,
        labels: idx::labels(MultiGzDecoder::new(CARRIED_LABELS), labels.expected)
            .map_err(at(labels))?,
    };
    Ok(Box::new(Mnist {
        augmentation: options.augmentation,
        train: options.kept(all.part(0, 7_000)).map_err(|error| error.at("mnist-10k"))?,
        validation: all.part(7_000, 1_000),
        test: all.part(8_000, 2_000),
        digest: digest(&MNIST_10K),
        origin: CARRIED.to_owned(),
    }))
}

/// SHA-256 of what `sha256sum` prints for the unpacked files. Reading compared every sum with
/// the file's contents, so the bytes need not be hashed twice.
fn digest(files: &[File]) -> String {
    file::digest(files.iter().map(|file| (file.expected.sha256, file.name)))
}

/// Images `Uint8 [count, 1, 28, 28]` and labels `Int64 [count]` in main memory.
#[derive(Debug)]
struct Samples {
    images: Tensor,
    labels: Tensor,
}

impl Samples {
    /// A part that shares this one's storage.
    fn part(&self, start: i64, count: i64) -> Self {
        Self {
            images: self.images.narrow(0, start, count),
            labels: self.labels.narrow(0, start, count),
        }
    }
}

#[derive(Debug)]
struct Mnist {
    augmentation: Augmentation,
    train: Samples,
    validation: Samples,
    test: Samples,
    digest: String,
    origin: String,
}

impl Mnist {
    fn samples(&self, split: Split) -> &Samples {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

impl Dataset for Mnist {
    fn input(&self) -> InputShape {
        let side = idx::SIDE as i64;
        InputShape::Image { channels: 1, height: side, width: side }
    }

    fn task(&self) -> Task {
        Task::Classification { classes: i64::from(idx::CLASSES) }
    }

    fn len(&self, split: Split) -> usize {
        self.samples(split).labels.numel()
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let samples = self.samples(split);
        let rows = Tensor::f_from_slice(rows)?;
        // Bytes travel to the device, a quarter of the floats that they become there.
        let bytes = device::upload(&samples.images.f_index_select(0, &rows)?, device)?;
        let target = device::upload(&samples.labels.f_index_select(0, &rows)?, device)?;
        Ok(Batch { input: Input::Image(normalise(&bytes)?), target })
    }

    fn read_samples(&self, path: &Path, device: Device) -> Result<UserSamples> {
        let (bytes, positions) = images_of_user(path)?;
        let images = normalise(&device::upload(&bytes, device)?)?;
        Ok(UserSamples { batches: vec![Input::Image(images)], positions })
    }

    fn fork(&self) -> Option<Box<dyn Dataset>> {
        let whole = |samples: &Samples| samples.part(0, samples.labels.numel() as i64);
        Some(Box::new(Self {
            augmentation: self.augmentation,
            train: whole(&self.train),
            validation: whole(&self.validation),
            test: whole(&self.test),
            digest: self.digest.clone(),
            origin: self.origin.clone(),
        }))
    }

    fn augment(&self, batch: &mut Batch, rng: &mut ChaCha8Rng) -> Result<()> {
        let Input::Image(images) = &batch.input else {
            return Err(Error::contract("a batch of MNIST holds tokens"));
        };
        let black = by_channel(&[(-MEAN / STANDARD_DEVIATION) as f32], images.device())?;
        if let Some(changed) = self.augmentation.apply(images, &black, rng)? {
            batch.input = Input::Image(changed);
        }
        Ok(())
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn origin(&self) -> &str {
        &self.origin
    }
}

/// The image of a PNG file or those of an IDX file, `Uint8 [count, 1, 28, 28]`, and the rows of the latter.
fn images_of_user(path: &Path) -> Result<(Tensor, Vec<usize>)> {
    let mut begin = Vec::new();
    let read = file::open(path)?.take(4).read_to_end(&mut begin);
    read.map_err(|error| Error::io("read", path, &error))?;
    let refused = |error: Error| {
        error.hint(
            "digits are read from PNG files of 28 × 28 grey pixels, white on black, and from IDX files \
             of images",
        )
    };
    if idx::is_idx(&begin) {
        let images = idx::images_of_user(file::open(path)?);
        let images = images.map_err(|error| refused(error).at(path.display().to_string()))?;
        let rows = (0..images.size()[0] as usize).collect();
        return Ok((images, rows));
    }
    let pixels = image::read_png(path, [1, idx::SIDE, idx::SIDE]).map_err(refused)?;
    let side = idx::SIDE as i64;
    Ok((Tensor::f_from_slice(&pixels)?.f_view([1, 1, side, side])?, Vec::new()))
}

/// Bytes `[batch, 1, 28, 28]` as normalised floats, on the same device.
fn normalise(bytes: &Tensor) -> Result<Tensor> {
    let images = bytes
        .f_to_kind(Kind::Float)?
        .f_mul_scalar_(1.0 / (255.0 * STANDARD_DEVIATION))?
        .f_sub_scalar_(MEAN / STANDARD_DEVIATION)?;
    Ok(images)
}

#[cfg(test)]
mod tests;
