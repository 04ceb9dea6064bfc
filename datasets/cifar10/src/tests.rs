use super::*;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use dst_core::{Batch, ErrorKind, Input, SeedStreams, plugin};
use dst_data::testing::pickled;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, json};

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn load_from(data_dir: Option<&Path>) -> Result<Box<dyn Dataset>> {
    let data_dir = data_dir.map(Path::to_path_buf);
    plugin::dataset(
        "cifar10",
        &Map::new(),
        &DataSources { data_dir, hub: None, ..DataSources::default() },
    )
}

fn images(batch: &Batch) -> &Tensor {
    let Input::Image(images) = &batch.input else { panic!("CIFAR-10 holds images") };
    images
}

/// Images that are the same throughout, with the number of the image in every pixel.
fn flat_images(options: &Options) -> ImageDataset {
    let numbers = Tensor::arange(60_000, (Kind::Int64, Device::Cpu));
    let bytes = numbers.remainder(251).to_kind(Kind::Uint8).reshape([60_000, 1, 1, 1]);
    let images = bytes.expand([60_000, CHANNELS, SIDE, SIDE], false);
    split(&Samples { images, labels: numbers.remainder(10) }, options, String::new()).unwrap()
}

#[test]
fn splits_follow_each_other() {
    let dataset = flat_images(&Options::default());
    assert_eq!(SPLITS.map(|split| dataset.len(split)), [45_000, 5_000, 10_000]);
    for (split, first) in SPLITS.into_iter().zip([0, 45_000, 50_000]) {
        let last = dataset.len(split) as i64 - 1;
        let batch = dataset.batch(split, &[last, 0], Device::Cpu).unwrap();
        let labels = [(first + last) % 10, first % 10];
        assert_eq!(Vec::<i64>::try_from(&batch.target).unwrap(), labels);
        let red = images(&batch).select(1, 0).mean_dim([1i64, 2].as_slice(), false, Kind::Float);
        let bytes = (red * 0.2470 + 0.4914) * 255.0;
        let expected = [(first + last) % 251, first % 251];
        let bytes = Vec::<f32>::try_from(bytes).unwrap();
        for (byte, expected) in bytes.iter().zip(expected) {
            assert!((byte - expected as f32).abs() < 0.01, "{bytes:?} {expected}");
        }
        // Rows of a split, not of the whole.
        let error = dataset.batch(split, &[last + 1], Device::Cpu).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Torch);
    }
}

#[test]
fn every_channel_is_normalised_by_its_own_numbers() {
    let bytes = Tensor::from_slice(&[0u8, 255, 0, 255, 0, 255]).reshape([1, 3, 1, 2]);
    let normalisation = Normalisation::in_single_precision(&MEAN, &STANDARD_DEVIATION);
    let normalised = normalisation.apply(&bytes).unwrap();
    let values = Vec::<f32>::try_from(normalised.flatten(0, -1)).unwrap();
    for (channel, pair) in values.chunks(2).enumerate() {
        let (mean, deviation) = (MEAN[channel], STANDARD_DEVIATION[channel]);
        assert!((pair[0] + mean / deviation).abs() < 1e-6, "{values:?}");
        assert!((pair[1] - (1.0 - mean) / deviation).abs() < 1e-5, "{values:?}");
    }
}

#[test]
fn augmentation_depends_on_its_stream_and_pads_with_black() {
    let dataset = flat_images(&Options::default());
    let rows: Vec<i64> = (200..264).collect();
    let augmented = |label: &str| {
        let mut batch = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
        let mut rng = SeedStreams::new(5).stream(label);
        dataset.augment(&mut batch, &mut rng).unwrap();
        batch
    };
    let plain = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
    let (first, again, other) =
        (augmented("augment/0"), augmented("augment/0"), augmented("augment/1"));
    assert_eq!(images(&first), images(&again));
    assert_ne!(images(&first), images(&other));
    assert_eq!(first.target, plain.target);
    assert_eq!(images(&first).size(), [64, 3, 32, 32]);
    // In a flat image, a crop leaves the colour or black.
    let black = dataset.normalisation.black(Device::Cpu).unwrap();
    let kept = images(&first).eq_tensor(images(&plain));
    let padded = images(&first).eq_tensor(&black);
    assert_eq!(kept.logical_or(&padded).all().int64_value(&[]), 1);
    // Bytes 200 to 250 and 0 to 12: one image of the batch is black itself.
    let share = padded.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
    assert!((0.05..0.25).contains(&share), "{share}");
}

#[test]
fn a_part_of_the_training_images_is_asked_for_by_its_own_rows() {
    let rows = train_part(45_000, Some(100)).unwrap().unwrap();
    let dataset = flat_images(&Options { train_samples: Some(100), ..Options::default() });
    assert_eq!(SPLITS.map(|split| dataset.len(split)), [100, 5_000, 10_000]);
    let batch = dataset.batch(Split::Train, &[99, 0], Device::Cpu).unwrap();
    assert_eq!(Vec::<i64>::try_from(&batch.target).unwrap(), [rows[99] % 10, rows[0] % 10]);
    let error = dataset.batch(Split::Train, &[100], Device::Cpu).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Torch);
    let batch = dataset.batch(Split::Validation, &[4_999], Device::Cpu).unwrap();
    assert_eq!(Vec::<i64>::try_from(&batch.target).unwrap(), [49_999 % 10]);
}

#[test]
fn options_are_checked_before_files_are_looked_for() {
    let error = |options: serde_json::Value| {
        let options = options.as_object().unwrap();
        plugin::dataset("cifar10", options, &DataSources::default()).unwrap_err().to_string()
    };
    assert!(error(json!({ "rotaton": 15 })).contains("did you mean 'rotation'"));
    assert_eq!(
        error(json!({ "cutout": 33 })),
        "cifar10: cutout = 33 is not from 0 to 32, the side"
    );
    let many = error(json!({ "train_samples": 45_001 }));
    assert!(many.starts_with("cifar10: train_samples = 45001 is not from 1 to 45000"), "{many}");
    let given = json!({ "crop_padding": 4, "rotation": 15, "train_samples": null });
    let kept = plugin::dataset_options("cifar10", given.as_object().unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&kept).unwrap(), r#"{"rotation":15.0}"#);
}

#[test]
fn missing_files_are_missed_in_every_place() {
    let error = load_from(None).unwrap_err().to_string();
    assert_eq!(
        error,
        "cifar10: no data folder is set, so data_batch_1.bin was not found\n  \
         pass --data-dir DIR or set HARNESS_DATA; DIR/cifar10/data_batch_1.bin is expected"
    );
    let folder = tempfile::tempdir().unwrap();
    let official = folder.path().join("cifar-10-batches-bin");
    fs::create_dir(&official).unwrap();
    for name in ["data_batch_1.bin", "data_batch_2.bin.zst"] {
        fs::write(official.join(name), "").unwrap();
    }
    fs::write(folder.path().join("data_batch_3.bin.gz"), "").unwrap();
    let error = load_from(Some(folder.path())).unwrap_err().to_string();
    let mut lines = error.lines();
    assert_eq!(
        lines.next().unwrap(),
        format!("cifar10: data_batch_4.bin was not found in {}", folder.path().display())
    );
    assert_eq!(lines.next().unwrap(), "  looked at:");
    let places: Vec<&str> = lines
        .map(|line| line.trim().strip_prefix(&*folder.path().to_string_lossy()).unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "/cifar10/data_batch_4.bin",
            "/cifar10/data_batch_4.bin.gz",
            "/cifar10/data_batch_4.bin.zst",
            "/cifar10/data_batch_4",
            "/cifar-10-batches-bin/data_batch_4.bin",
            "/cifar-10-batches-bin/data_batch_4.bin.gz",
            "/cifar-10-batches-bin/data_batch_4.bin.zst",
            "/cifar-10-batches-bin/data_batch_4",
            "/cifar-10-batches-py/data_batch_4.bin",
            "/cifar-10-batches-py/data_batch_4.bin.gz",
            "/cifar-10-batches-py/data_batch_4.bin.zst",
            "/cifar-10-batches-py/data_batch_4",
            "/data_batch_4.bin",
            "/data_batch_4.bin.gz",
            "/data_batch_4.bin.zst",
            "/data_batch_4",
        ]
    );
}

/// A file of 10,000 black planes is whole and of the right size, and not CIFAR-10.
#[test]
fn damage_is_reported_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in FILES {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let path = folder.path().join("data_batch_1.bin");
    let message = || load_from(Some(folder.path())).unwrap_err().to_string();
    assert_eq!(
        message(),
        format!(
            "{}: it is truncated: it ends at byte 0 of 30730000\n  fetch the file again",
            path.display()
        )
    );
    let mut encoder = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    encoder.write_all(&vec![0; 30_730_000]).unwrap();
    encoder.finish().unwrap();
    let error = message();
    let start = format!("{}: the file is whole, but its contents are not", path.display());
    assert!(error.starts_with(&start), "{error}");
    assert!(error.contains(FILES[0].1), "{error}");
}

/// A file of the Python version becomes the records that the binary one has.
#[test]
fn a_pickle_holds_the_records_of_the_binary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cifar-10-batches-py/data_batch_1");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let labels: Vec<u8> = (0..10_000).map(|row| (row % 10) as u8).collect();
    let pixels: Vec<u8> = (0..10_000 * records::PIXELS).map(|i| (i % 251) as u8).collect();
    fs::write(&path, pickled(&[("labels", &labels)], &pixels)).unwrap();
    let records = records::of_pickle(&pickle::read(&path).unwrap()).unwrap();
    assert_eq!(records.len(), 10_000 * records::RECORD);
    for row in [0, 1, 9_999] {
        let record = &records[row * records::RECORD..][..records::RECORD];
        assert_eq!(record[0], labels[row]);
        assert_eq!(record[1..], pixels[row * records::PIXELS..][..records::PIXELS]);
    }
    for (name, _) in &FILES[1..] {
        fs::write(path.with_file_name(name.trim_end_matches(BINARY)), "").unwrap();
    }
    let error = load_from(Some(folder.path())).unwrap_err().to_string();
    let start = format!("{}: the file is whole, but its contents are not", path.display());
    assert!(error.starts_with(&start), "{error}");
    fs::write(&path, pickled(&[("labels", &labels[1..])], &pixels)).unwrap();
    let error = load_from(Some(folder.path())).unwrap_err().to_string();
    let start = format!("{}: this pickle lacks a list of 10000 numbers", path.display());
    assert!(error.starts_with(&start), "{error}");
}

#[test]
fn the_python_version_of_the_real_files_is_the_same_data() {
    let Some(binary) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let real = root.join(std::env::var_os("HARNESS_DATA").unwrap());
    let sources = DataSources { data_dir: Some(real), ..DataSources::default() };
    for (name, _) in FILES {
        let mut bytes = Vec::new();
        let path = find(&sources, name).unwrap();
        file::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
        let records = bytes.chunks_exact(records::RECORD);
        let labels: Vec<u8> = records.clone().map(|record| record[0]).collect();
        let pixels: Vec<u8> = records.flat_map(|record| &record[1..]).copied().collect();
        let python = folder.path().join(name.trim_end_matches(BINARY));
        fs::write(python, pickled(&[("labels", &labels)], &pixels)).unwrap();
    }
    let python = load_from(Some(folder.path())).unwrap();
    assert_eq!(python.digest(), binary.digest());
    let batch = |dataset: &dyn Dataset| {
        let batch = dataset.batch(Split::Test, &[0, 9_999], Device::Cpu).unwrap();
        (images(&batch).copy(), batch.target)
    };
    assert_eq!(batch(&*python), batch(&*binary));
}

#[test]
fn the_readme_lists_the_sums() {
    let readme = include_str!("../README.md");
    for (name, sha256) in FILES {
        assert!(readme.contains(&format!("| `{name}` | `{sha256}` |")), "{name}");
    }
    assert!(readme.contains(&digest()));
}

/// CIFAR-10, if `HARNESS_DATA` (a path from the workspace's root) holds it.
pub(crate) fn real_data() -> Option<Box<dyn Dataset>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("HARNESS_DATA").map(|folder| root.join(folder));
    let sources = DataSources { data_dir: folder, hub: None, ..DataSources::default() };
    if FILES.iter().any(|(name, _)| find(&sources, name).is_err()) {
        println!("skipped: no data");
        return None;
    }
    Some(load(&sources, &Options::default()).unwrap())
}

#[test]
fn the_real_files_are_cut_as_documented() {
    let Some(dataset) = real_data() else { return };
    let counts = SPLITS.map(|split| {
        let rows: Vec<i64> = (0..dataset.len(split) as i64).collect();
        let mut counts = [0; 10];
        for rows in rows.chunks(1000) {
            let target = dataset.batch(split, rows, Device::Cpu).unwrap().target;
            for class in Vec::<i64>::try_from(target).unwrap() {
                counts[class as usize] += 1;
            }
        }
        counts
    });
    let [train, validation, test] = counts;
    assert_eq!(train.iter().sum::<i32>(), 45_000);
    for class in 0..10 {
        assert_eq!(train[class] + validation[class], 5_000);
        assert_eq!(test[class], 1_000);
    }
    // A frog, two trucks and a deer begin the training data.
    let first = dataset.batch(Split::Train, &[0, 1, 2, 3], Device::Cpu).unwrap();
    assert_eq!(Vec::<i64>::try_from(&first.target).unwrap(), [6, 9, 9, 4]);
    assert_eq!(dataset.digest(), digest());

    let rows: Vec<i64> = (0..45_000).step_by(9).collect();
    let batch = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
    for channel in 0..3 {
        let plane = images(&batch).select(1, channel);
        let mean = plane.mean(Kind::Float).double_value(&[]);
        let deviation = plane.std(true).double_value(&[]);
        assert!(mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
    }
}
