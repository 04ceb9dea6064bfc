use std::fs;
use std::path::Path;

use dst_core::tch::Device;
use dst_core::{Input, Split, Task, plugin};
use dst_data::testing::pickled;
use serde_json::{Map, Value, json};

use super::files::{PIXELS, RECORD};
use super::*;

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

/// Classes in turn, five fine ones to a coarse one, and pixels that count up.
fn records(file: File) -> Vec<u8> {
    (0..file.len())
        .flat_map(|row| {
            let fine = (row % 100) as u8;
            let pixels = (0..PIXELS).map(move |pixel| ((row + pixel) % 251) as u8);
            [fine / 5, fine].into_iter().chain(pixels)
        })
        .collect()
}

/// The same in the Python version.
fn pickle(records: &[u8]) -> Vec<u8> {
    let each = || records.chunks_exact(RECORD);
    let coarse: Vec<u8> = each().map(|record| record[0]).collect();
    let fine: Vec<u8> = each().map(|record| record[1]).collect();
    let pixels: Vec<u8> = each().flat_map(|record| &record[2..]).copied().collect();
    pickled(&[("coarse_labels", &coarse), ("fine_labels", &fine)], &pixels)
}

fn load_from(folder: &Path, options: Value) -> Result<Box<dyn Dataset>> {
    let data_dir = Some(folder.to_path_buf());
    let options = options.as_object().cloned().unwrap_or_default();
    plugin::dataset("cifar100", &options, &DataSources { data_dir, ..DataSources::default() })
}

#[test]
fn both_versions_are_the_same_data() {
    let folder = tempfile::tempdir().unwrap();
    let [binary, python] =
        ["cifar-100-binary", "cifar-100-python"].map(|name| folder.path().join(name));
    fs::create_dir(&binary).unwrap();
    fs::create_dir(&python).unwrap();
    for (file, name) in [(File::Train, "train"), (File::Test, "test")] {
        let records = records(file);
        fs::write(python.join(name), pickle(&records)).unwrap();
        fs::write(binary.join(format!("{name}.bin")), records).unwrap();
    }
    let described = |options: Value| {
        let dataset = load_from(folder.path(), options).unwrap();
        let batch = dataset.batch(Split::Validation, &[4_999, 0], Device::Cpu).unwrap();
        let Input::Image(images) = batch.input else { panic!("CIFAR-100 holds images") };
        let target = Vec::<i64>::try_from(&batch.target).unwrap();
        (dataset, images, target)
    };
    let (dataset, images, target) = described(json!({}));
    assert_eq!(SPLITS.map(|split| dataset.len(split)), [45_000, 5_000, 10_000]);
    assert_eq!(dataset.task(), Task::Classification { classes: 100 });
    assert_eq!((target, images.size()), (vec![99, 0], vec![2, 3, 32, 32]));
    assert_eq!(dataset.class_name(99), Some("worm"));
    // The first pixel of image 45,000.
    let first =
        images.double_value(&[1, 0, 0, 0]) * f64::from(STANDARD_DEVIATION[0]) + f64::from(MEAN[0]);
    assert!((first * 255.0 - f64::from(45_000 % 251)).abs() < 0.01, "{first}");

    let (coarse, _, target) = described(json!({ "labels": "coarse", "train_samples": 100 }));
    assert_eq!((target, coarse.len(Split::Train)), (vec![19, 0], 100));
    assert_eq!(coarse.task(), Task::Classification { classes: 20 });
    assert_eq!(coarse.class_name(17), Some("trees"));
    // Which classes are told changes no byte that was read.
    assert_eq!(coarse.digest(), dataset.digest());

    fs::remove_dir_all(&binary).unwrap();
    let (same, again, _) = described(json!({}));
    assert_eq!((same.digest(), again), (dataset.digest(), images));
}

#[test]
fn other_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load_from(folder.path(), json!({})).unwrap_err().to_string();
    assert!(missing.starts_with("cifar100: train.bin was not found in"), "{missing}");
    assert!(missing.contains("cifar-100-python/train"), "{missing}");
    let (train, test) = (folder.path().join("train.bin"), folder.path().join("test.bin"));
    fs::write(&train, "").unwrap();
    let good = records(File::Test);
    fs::write(&test, &good).unwrap();
    let refusal = |file: &Path, bytes: &[u8]| {
        fs::write(file, bytes).unwrap();
        files::read(File::Test, file).unwrap_err().to_string()
    };
    assert!(refusal(&test, &good[1..]).contains("it is truncated"));
    let changed = |place: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[place] = byte;
        bytes
    };
    for (bytes, expected) in [
        (changed(1, 100), "image 0 has the classes 100 and 0"),
        (changed(RECORD, 20), "image 1 has the classes 1 and 20"),
        (changed(100 * RECORD, 3), "images of class 0 have several coarse classes"),
        (changed(1, 1), "class 0 has 99 images, not 100"),
    ] {
        let error = refusal(&test, &bytes);
        assert!(error.contains("this is not CIFAR-100") && error.contains(expected), "{error}");
    }
    assert!(refusal(&folder.path().join("test"), &good).contains("this pickle lacks"));
    let error =
        plugin::dataset_options("cifar100", &Map::from_iter([("labels".into(), json!("all"))]));
    assert!(error.unwrap_err().to_string().contains("coarse"));
}
