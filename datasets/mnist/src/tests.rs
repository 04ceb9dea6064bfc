use super::*;
use std::fs;
use std::io::Write;
use std::path::Path;

use dst_core::tch::{Device, Kind};
use dst_core::{Input, Split};
use flate2::Compression;
use flate2::write::GzEncoder;

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn load(name: &str, data_dir: Option<&Path>) -> Result<Box<dyn Dataset>> {
    let data_dir = data_dir.map(Path::to_path_buf);
    dst_core::plugin::dataset(
        name,
        &serde_json::Map::new(),
        &DataSources { data_dir, hub: None, ..DataSources::default() },
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
    let Input::Image(images) = &batch.input else { panic!("MNIST holds images") };
    assert_eq!((images.size(), images.kind()), (vec![3, 1, 28, 28], Kind::Float));
    assert_eq!((batch.target.size(), batch.target.kind()), (vec![3], Kind::Int64));
    assert_eq!(images.get(0), images.get(2));
    assert_ne!(images.get(0), images.get(1));
    // Black and white.
    assert!((images.min().double_value(&[]) - (0.0 - 0.1307) / 0.3081).abs() < 1e-6);
    assert!((images.max().double_value(&[]) - (1.0 - 0.1307) / 0.3081).abs() < 1e-6);

    let rows: Vec<i64> = (0..7_000).collect();
    let batch = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
    let Input::Image(images) = &batch.input else { panic!("MNIST holds images") };
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
            "/MNIST/raw/t10k-images-idx3-ubyte",
            "/MNIST/raw/t10k-images-idx3-ubyte.gz",
            "/MNIST/raw/t10k-images.idx3-ubyte",
            "/MNIST/raw/t10k-images.idx3-ubyte.gz",
            "/t10k-images-idx3-ubyte",
            "/t10k-images-idx3-ubyte.gz",
            "/t10k-images.idx3-ubyte",
            "/t10k-images.idx3-ubyte.gz",
        ]
    );
}

/// A file of 60,000 black images is whole and of the right size, and not MNIST.
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
    let sources = DataSources { data_dir: folder, hub: None, ..DataSources::default() };
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
    let images = |dataset: &dyn Dataset, split, count: i64| {
        let rows: Vec<i64> = (0..count).collect();
        let Input::Image(images) = dataset.batch(split, &rows, Device::Cpu).unwrap().input else {
            panic!("MNIST holds images")
        };
        images.flatten(1, -1)
    };
    let part = load("mnist-10k", None).unwrap();
    let first = images(&*whole, Split::Train, 10_000);
    let carried =
        Tensor::cat(&SPLITS.map(|split| images(&*part, split, part.len(split) as i64)), 0);
    let sums = |images: &Tensor| {
        let weights = Tensor::arange(784, (Kind::Double, Device::Cpu)).sqrt();
        images.to_kind(Kind::Double).matmul(&weights).sort(0, false).0
    };
    assert!(sums(&first).allclose(&sums(&carried), 1e-12, 1e-9, false));
}
