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
mod options;

use std::io::Read;
use std::path::{Path, PathBuf};

use dst_core::options::{OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::tch::Tensor;
use dst_core::{DataSources, Dataset, Error, Metric, Result};
use dst_data::{Source, file};
use dst_images::idx::{self, Expected};
use dst_images::{ImageDataset, Normalisation, ReadImages, Samples, UserImages};
use flate2::read::MultiGzDecoder;

pub use options::Options;

/// Rows and columns of an image.
const SIDE: usize = 28;

/// Classes: the digits 0 to 9.
const CLASSES: u8 = 10;

/// Of pixels in [0, 1].
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
        own: None,
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
        own: None,
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

fn images(source: impl Read, expected: Expected<'_>) -> Result<Tensor> {
    idx::images(source, [SIDE; 2], expected)
}

fn labels(source: impl Read, expected: Expected<'_>) -> Result<Tensor> {
    idx::labels(source, CLASSES, expected)
}

/// All files are looked for before one is read: a missing one is known at once.
fn find_all(sources: &DataSources) -> Result<Source> {
    let own = MNIST.iter().map(|file| find(sources, file.name)).collect();
    Source::find(own, sources, Some(&hub::FILES), "mnist").map_err(|error| error.at("mnist"))
}

fn load_mnist(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let found = find_all(sources)?;
    let [train_images, train_labels, test_images, test_labels] = MNIST.map(|file| file.expected);
    let (train, test) = match &found {
        Source::Files(paths) => {
            let read = |index: usize, parse: Parse| {
                let path: &PathBuf = &paths[index];
                parse(file::open(path)?, MNIST[index].expected)
                    .map_err(|error| error.at(path.display().to_string()))
            };
            (
                Samples { images: read(0, images)?, labels: read(1, labels)? },
                Samples { images: read(2, images)?, labels: read(3, labels)? },
            )
        }
        Source::Hub(snapshot) => (
            hub::samples(&snapshot.files[0], train_images, train_labels)?,
            hub::samples(&snapshot.files[1], test_images, test_labels)?,
        ),
    };
    let splits = [train.part(0, 55_000), train.part(55_000, 5_000), test];
    digits("mnist", splits, options, digest(&MNIST), found.to_string())
}

/// The data set of these training, validation and test images.
fn digits(
    name: &str,
    [train, validation, test]: [Samples; 3],
    options: &Options,
    digest: String,
    origin: String,
) -> Result<Box<dyn Dataset>> {
    Ok(Box::new(ImageDataset {
        train: train.kept(options.train_samples).map_err(|error| error.at(name))?,
        validation,
        test,
        classes: CLASSES.into(),
        class_names: Vec::new(),
        normalisation: Normalisation::new(&[MEAN], &[STANDARD_DEVIATION]),
        augmentation: options.augmentation,
        read: ReadImages::new(images_of_user),
        digest,
        origin,
        warnings: Vec::new(),
        library: env!("CARGO_CRATE_NAME"),
    }))
}

/// Where the files lie below a data folder; the second is where torchvision keeps them.
const FOLDERS: [&str; 2] = ["mnist", "MNIST/raw"];

/// Finds a file under its usual names: with a dash or a dot before `idx`, plain or compressed.
fn find(sources: &DataSources, name: &str) -> Result<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name, &format!("{name}.gz"), &dotted, &format!("{dotted}.gz")];
    sources.find_in(&FOLDERS, &names)
}

/// The origin of what the crate carries.
const CARRIED: &str = "carried by the crate";

fn load_mnist_10k(options: &Options) -> Result<Box<dyn Dataset>> {
    let [of_images, of_labels] = MNIST_10K;
    let at = |file: File| move |error: Error| error.at(format!("{}.gz", file.name));
    let all = Samples {
        images: images(MultiGzDecoder::new(CARRIED_IMAGES), of_images.expected)
            .map_err(at(of_images))?,
        labels: labels(MultiGzDecoder::new(CARRIED_LABELS), of_labels.expected)
            .map_err(at(of_labels))?,
    };
    let splits = [all.part(0, 7_000), all.part(7_000, 1_000), all.part(8_000, 2_000)];
    digits("mnist-10k", splits, options, digest(&MNIST_10K), CARRIED.to_owned())
}

/// SHA-256 of what `sha256sum` prints for the unpacked files. Reading compared every sum with
/// the file's contents, so the bytes need not be hashed twice.
fn digest(files: &[File]) -> String {
    file::digest(files.iter().map(|file| (file.expected.sha256, file.name)))
}

/// The image of a PNG file or those of an IDX file.
fn images_of_user(path: &Path) -> Result<UserImages> {
    let mut begin = Vec::new();
    let read = file::open(path)?.take(4).read_to_end(&mut begin);
    read.map_err(|error| Error::io("read", path, &error))?;
    let refused = |error: Error| {
        error.hint(
            "digits are read from PNG files of 28 × 28 grey pixels, white on black, and from IDX files \
             of images",
        )
    };
    let side = SIDE as i64;
    if idx::is_idx(&begin) {
        let images =
            idx::any_images(file::open(path)?).and_then(|images| match images.size()[2..] {
                [height, width] if [height, width] == [side; 2] => Ok(images),
                _ => Err(Error::data(format!("its images have {:?} pixels", &images.size()[2..]))),
            });
        let images = images.map_err(|error| refused(error).at(path.display().to_string()))?;
        let rows = (0..images.size()[0] as usize).collect();
        return Ok(UserImages { images, rows });
    }
    UserImages::of_png(path, [1, SIDE, SIDE]).map_err(refused)
}

#[cfg(test)]
mod tests;
