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
use std::path::PathBuf;

use dst_augment::{Augmentation, by_channel};
use dst_core::options::{OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{
    Batch, DataSources, Dataset, Error, Input, InputShape, Result, Split, Task, device,
};
use dst_data::file;
use dst_data::hub::{Snapshot, cached_instead};
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
        model: "lenet5",
        find: |sources| Ok(Found::find(sources)?.to_string()),
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
        model: "lenet5",
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

/// Where the whole set is.
enum Found {
    /// The four files, in their order.
    Idx(Vec<PathBuf>),
    Hub(Snapshot),
}

impl Found {
    /// All files are looked for before one is read: a missing one is known at once.
    fn find(sources: &DataSources) -> Result<Self> {
        let paths: Result<Vec<PathBuf>> =
            MNIST.iter().map(|file| find(sources, file.name)).collect();
        let found = match paths {
            Ok(paths) => Ok(Self::Idx(paths)),
            Err(missing) => cached_instead(missing, sources, &hub::FILES, "mnist").map(Self::Hub),
        };
        found.map_err(|error| error.at("mnist"))
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Idx(paths) => f.write_str(&file::folders(paths)),
            Self::Hub(snapshot) => snapshot.fmt(f),
        }
    }
}

fn load_mnist(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let found = Found::find(sources)?;
    let [images, labels, test_images, test_labels] = MNIST.map(|file| file.expected);
    let (train, test) = match &found {
        Found::Idx(paths) => {
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
        Found::Hub(snapshot) => (
            hub::samples(&snapshot.files[0], images, labels)?,
            hub::samples(&snapshot.files[1], test_images, test_labels)?,
        ),
    };
    Ok(Box::new(Mnist {
        augmentation: options.augmentation,
        train: options.kept(train.part(0, 55_000))?,
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
        train: options.kept(all.part(0, 7_000))?,
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
        let images = bytes
            .f_to_kind(Kind::Float)?
            .f_mul_scalar_(1.0 / (255.0 * STANDARD_DEVIATION))?
            .f_sub_scalar_(MEAN / STANDARD_DEVIATION)?;
        let target = device::upload(&samples.labels.f_index_select(0, &rows)?, device)?;
        Ok(Batch { input: Input::Image(images), target })
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
        let Input::Image(pictures) = &batch.input else {
            return Err(Error::contract("a batch of MNIST holds tokens"));
        };
        let black = by_channel(&[(-MEAN / STANDARD_DEVIATION) as f32], pictures.device())?;
        if let Some(changed) = self.augmentation.apply(pictures, &black, rng)? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

    fn load(name: &str, data_dir: Option<&Path>) -> Result<Box<dyn Dataset>> {
        let data_dir = data_dir.map(Path::to_path_buf);
        dst_core::plugin::dataset(
            name,
            &serde_json::Map::new(),
            &DataSources { data_dir, hub: None },
        )
    }

    /// How often each digit occurs.
    fn digits(dataset: &dyn Dataset, split: Split) -> [usize; 10] {
        let rows: Vec<i64> = (0..dataset.len(split) as i64).collect();
        let mut counts = [0; 10];
        for rows in rows.chunks(1000) {
            let target = dataset.batch(split, rows, Device::Cpu).unwrap().target;
            for digit in Vec::<i64>::try_from(target).unwrap() {
                counts[digit as usize] += 1;
            }
        }
        counts
    }

    #[test]
    fn the_carried_digits_are_those_of_their_readme() {
        let readme = include_str!("../data/README.md");
        for file in MNIST_10K {
            assert!(readme.contains(file.expected.sha256), "{}", file.name);
        }
        let digits_line = readme.lines().find(|line| line.starts_with("Digits 0 to 9")).unwrap();
        let documented: Vec<usize> = digits_line
            .trim_end_matches('.')
            .split_once(": ")
            .unwrap()
            .1
            .split(", ")
            .map(|count| count.parse().unwrap())
            .collect();
        let dataset = load("mnist-10k", None).unwrap();
        assert_eq!(SPLITS.map(|split| dataset.len(split)), [7_000, 1_000, 2_000]);
        let found = SPLITS.map(|split| digits(&*dataset, split));
        for digit in 0..10 {
            let all = documented[digit];
            assert_eq!(found.iter().map(|counts| counts[digit]).sum::<usize>(), all);
            // A part holds its share of every digit to within one image at each of its ends.
            for (counts, share) in found.iter().zip([0.7, 0.1, 0.2]) {
                let expected = share * all as f64;
                assert!((counts[digit] as f64 - expected).abs() <= 2.0, "{digit}: {counts:?}");
            }
        }
        assert_eq!(dataset.origin(), "carried by the crate");
        assert_eq!(
            dataset.digest(),
            "f7379e67697d652a32a3ebe2f45bc1a04f8746bb1804e1e10f9affba7a89bc00"
        );
    }

    #[test]
    fn batches_are_the_asked_rows_normalised() {
        let dataset = load("mnist-10k", None).unwrap();
        let batch = dataset.batch(Split::Validation, &[5, 3, 5], Device::Cpu).unwrap();
        let Input::Image(images) = &batch.input else { panic!("MNIST holds pictures") };
        assert_eq!((images.size(), images.kind()), (vec![3, 1, 28, 28], Kind::Float));
        assert_eq!((batch.target.size(), batch.target.kind()), (vec![3], Kind::Int64));
        assert_eq!(images.get(0), images.get(2));
        assert_ne!(images.get(0), images.get(1));
        // Black and white.
        assert!((images.min().double_value(&[]) - (0.0 - 0.1307) / 0.3081).abs() < 1e-6);
        assert!((images.max().double_value(&[]) - (1.0 - 0.1307) / 0.3081).abs() < 1e-6);

        let rows: Vec<i64> = (0..7_000).collect();
        let batch = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
        let Input::Image(images) = &batch.input else { panic!("MNIST holds pictures") };
        assert!(images.mean(Kind::Float).double_value(&[]).abs() < 0.02);
        assert!((images.std(true).double_value(&[]) - 1.0).abs() < 0.02);
        // Rows of a split, not of the whole file.
        let error = dataset.batch(Split::Validation, &[1_000], Device::Cpu).unwrap_err();
        assert_eq!(error.kind(), dst_core::ErrorKind::Torch);
    }

    #[test]
    fn missing_files_are_missed_in_every_place() {
        let error = load("mnist", None).unwrap_err().to_string();
        assert_eq!(
            error,
            "mnist: no data folder is set, so train-images-idx3-ubyte was not found\n  \
             pass --data-dir DIR or set HARNESS_DATA; DIR/mnist/train-images-idx3-ubyte is expected"
        );
        let folder = tempfile::tempdir().unwrap();
        for name in ["train-images-idx3-ubyte.gz", "train-labels.idx1-ubyte"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let error = load("mnist", Some(folder.path())).unwrap_err().to_string();
        let mut lines = error.lines();
        assert_eq!(
            lines.next().unwrap(),
            format!("mnist: t10k-images-idx3-ubyte was not found in {}", folder.path().display())
        );
        assert_eq!(lines.next().unwrap(), "  looked at:");
        let places: Vec<&str> = lines
            .map(|line| line.trim().strip_prefix(&*folder.path().to_string_lossy()).unwrap())
            .collect();
        assert_eq!(
            places,
            [
                "/mnist/t10k-images-idx3-ubyte",
                "/mnist/t10k-images-idx3-ubyte.gz",
                "/mnist/t10k-images.idx3-ubyte",
                "/mnist/t10k-images.idx3-ubyte.gz",
                "/t10k-images-idx3-ubyte",
                "/t10k-images-idx3-ubyte.gz",
                "/t10k-images.idx3-ubyte",
                "/t10k-images.idx3-ubyte.gz",
            ]
        );
    }

    /// A file of 60,000 black pictures is whole and of the right size, and not MNIST.
    #[test]
    fn damage_is_reported_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        for file in MNIST {
            fs::write(folder.path().join(file.name), "").unwrap();
        }
        let path = folder.path().join("train-images-idx3-ubyte");
        let message = || load("mnist", Some(folder.path())).unwrap_err().to_string();
        assert_eq!(
            message(),
            format!(
                "{}: it is truncated: it ends at byte 0 of 47040016\n  fetch the file again",
                path.display()
            )
        );
        let header = [0, 0, 8, 3, 0, 0, 0xea, 0x60, 0, 0, 0, 28, 0, 0, 0, 28];
        let mut encoder = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
        encoder.write_all(&header).unwrap();
        encoder.write_all(&vec![0; 60_000 * 784]).unwrap();
        encoder.finish().unwrap();
        let error = message();
        let start = format!("{}: the file is whole, but its contents are not", path.display());
        assert!(error.starts_with(&start), "{error}");
        assert!(error.contains(MNIST[0].expected.sha256), "{error}");
    }

    /// The whole of MNIST, if `HARNESS_DATA` (a path from the workspace's root) holds it.
    fn real_data() -> Option<Box<dyn Dataset>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = std::env::var_os("HARNESS_DATA").map(|folder| root.join(folder));
        let sources = DataSources { data_dir: folder, hub: None };
        if MNIST.iter().any(|file| find(&sources, file.name).is_err()) {
            println!("skipped: no data");
            return None;
        }
        Some(load_mnist(&sources, &Options::default()).unwrap())
    }

    #[test]
    fn the_whole_of_mnist_is_cut_as_documented() {
        let Some(dataset) = real_data() else { return };
        assert_eq!(SPLITS.map(|split| dataset.len(split)), [55_000, 5_000, 10_000]);
        let [train, validation, test] = SPLITS.map(|split| digits(&*dataset, split));
        let together: Vec<usize> =
            train.iter().zip(validation).map(|(train, held_out)| train + held_out).collect();
        assert_eq!(together, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
        assert_eq!(test, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
        let first = dataset.batch(Split::Train, &[0, 1, 2], Device::Cpu).unwrap().target;
        assert_eq!(Vec::<i64>::try_from(first).unwrap(), [5, 0, 4]);
        assert_eq!(
            dataset.digest(),
            "d0a3eec1f5a454401d758fdbf15b9b0163a7034963586d671960c180b97e2c1a"
        );
    }

    /// `mnist-10k` claims to be the first 10,000 training images in another order.
    #[test]
    fn the_carried_digits_begin_mnist() {
        let Some(whole) = real_data() else { return };
        let pictures = |dataset: &dyn Dataset, split, count: i64| {
            let rows: Vec<i64> = (0..count).collect();
            let Input::Image(images) = dataset.batch(split, &rows, Device::Cpu).unwrap().input
            else {
                panic!("MNIST holds pictures")
            };
            images.flatten(1, -1)
        };
        let part = load("mnist-10k", None).unwrap();
        let first = pictures(&*whole, Split::Train, 10_000);
        let carried =
            Tensor::cat(&SPLITS.map(|split| pictures(&*part, split, part.len(split) as i64)), 0);
        let sums = |images: &Tensor| {
            let weights = Tensor::arange(784, (Kind::Double, Device::Cpu)).sqrt();
            images.to_kind(Kind::Double).matmul(&weights).sort(0, false).0
        };
        assert!(sums(&first).allclose(&sums(&carried), 1e-12, 1e-9, false));
    }
}
