use std::path::Path;

use dst_core::plugin::{DatasetPlugin, Plugin};
use dst_core::tch::{Device, Tensor};
use dst_core::{DataSources, Dataset, Input, Split};
use dst_data::file::sha256;
use dst_data::testing::{Column, cache, png, snapshot, write_parquet};

use super::*;

const SHAPE: [usize; 3] = [1, SIDE, SIDE];

/// Images of one shade each, with these labels.
fn columns(labels: &[i64]) -> Vec<(&'static str, Column)> {
    let image = |shade: u8| png(SHAPE, &[shade; SIDE * SIDE]);
    let images = (0..labels.len()).map(|row| image(10 * row as u8)).collect();
    vec![("image", Column::Images(images)), ("label", Column::Integers(labels.to_vec()))]
}

/// Reads a table as if these images and labels were the canonical ones.
fn read(columns: &[(&str, Column)], labels: &[u8]) -> Result<Samples> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-00000-of-00001.parquet");
    write_parquet(&path, columns);
    let count = labels.len();
    let shades = (0..count).flat_map(|row| [10 * row as u8; SIDE * SIDE]);
    let images = sha256(&[idx::header(&[count, SIDE, SIDE]), shades.collect()].concat());
    let sums = sha256(&[idx::header(&[count]), labels.to_vec()].concat());
    let expected = |sha256| Expected { count, sha256 };
    samples(&[path], expected(&images), expected(&sums))
}

fn refusal(columns: &[(&str, Column)], labels: &[u8]) -> String {
    let error = read(columns, labels).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Data);
    error.one_line()
}

#[test]
fn images_and_labels_become_tensors() {
    let samples = read(&columns(&[7, 0, 9]), &[7, 0, 9]).unwrap();
    assert_eq!(samples.images.size(), [3, 1, 28, 28]);
    assert_eq!(samples.images.int64_value(&[2, 0, 27, 27]), 20);
    assert_eq!(Vec::<i64>::try_from(samples.labels).unwrap(), [7, 0, 9]);
}

#[test]
fn other_tables_are_refused() {
    assert!(
        refusal(&columns(&[7, 0]), &[7, 0, 9]).ends_with("it has 2 rows, where 3 are expected")
    );
    let unknown = refusal(&columns(&[7, 10]), &[7, 1]);
    assert!(unknown.ends_with("row 1: the label 10 is none of the classes 0 to 9"), "{unknown}");
    let other = refusal(&columns(&[7, 2]), &[7, 1]);
    assert!(other.contains("its contents are not the canonical ones"), "{other}");
    let named =
        |name| vec![("image", columns(&[7])[0].1.clone()), (name, Column::Floats(vec![7.0]))];
    assert!(refusal(&named("digit"), &[7]).ends_with("there is no column 'label'"));
    assert!(refusal(&named("label"), &[7]).ends_with("it holds FLOAT, not whole numbers"));
}

#[test]
fn other_images_are_named_by_their_row() {
    let with = |image: Vec<u8>| {
        let mut columns = columns(&[7, 1]);
        let Column::Images(images) = &mut columns[0].1 else { panic!("images come first") };
        images[1] = image;
        refusal(&columns, &[7, 1])
    };
    let byte = with(vec![0x89]);
    assert!(byte.contains("row 1: this is not a whole PNG image (1 bytes)"), "{byte}");
    let large = with(png([1, 32, 32], &[0; 1024]));
    assert!(large.ends_with("the image has 32 × 32 pixels, and 28 × 28 are expected"), "{large}");
    assert!(with(png([3, 28, 28], &[0; 3 * 784])).contains("the image is Rgb with 8 bits"));
}

/// A full cache of black images is found after the data folder, and is not MNIST.
#[test]
fn the_cache_is_looked_at_last_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let hub = cache(folder.path(), FILES.repository);
    let data = folder.path().join("data");
    let sources = DataSources { data_dir: Some(data), hub: Some(hub), ..DataSources::default() };
    let plugin = DatasetPlugin::find("mnist").unwrap();
    let missing = (plugin.find)(&sources).unwrap_err().to_string();
    for part in [
        "mnist: train-images-idx3-ubyte was not found in",
        "datasets--ylecun--mnist/snapshots/0123456789abcdef",
        "mnist/train-*.parquet",
        "harness data fetch mnist",
    ] {
        assert!(missing.contains(part), "{part}: {missing}");
    }
    for name in ["train", "test"] {
        let file = format!("mnist/{name}-00000-of-00001.parquet");
        write_parquet(&snapshot(folder.path(), FILES.repository, &file), &columns(&[1, 2]));
    }
    let origin = (plugin.find)(&sources).unwrap();
    assert!(origin.starts_with("datasets/ylecun/mnist at 0123456789abcdef"), "{origin}");
    let error = dst_core::plugin::dataset(plugin.name, &serde_json::Map::new(), &sources)
        .unwrap_err()
        .one_line();
    assert!(error.ends_with("it has 2 rows, where 60000 are expected"), "{error}");
}

/// The real digits as parquet are the same data set as the real files, if `HARNESS_DATA` (a path
/// from the workspace's root) holds them.
#[test]
fn the_whole_of_mnist_from_parquet_equals_the_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data_dir = std::env::var_os("HARNESS_DATA").map(|folder| root.join(folder));
    let plugin = DatasetPlugin::find("mnist").unwrap();
    let Ok(files) = dst_core::plugin::dataset(
        plugin.name,
        &serde_json::Map::new(),
        &DataSources { data_dir, hub: None, ..DataSources::default() },
    ) else {
        println!("skipped: no data");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let hub = cache(folder.path(), FILES.repository);
    let whole = |dataset: &dyn Dataset, split: Split| -> (Tensor, Tensor) {
        let rows: Vec<i64> = (0..dataset.len(split) as i64).collect();
        let batch = dataset.batch(split, &rows, Device::Cpu).unwrap();
        let Input::Image(images) = batch.input else { panic!("MNIST holds images") };
        (images, batch.target)
    };
    for (name, splits) in
        [("train", &[Split::Train, Split::Validation][..]), ("test", &[Split::Test])]
    {
        let (mut pngs, mut labels) = (Vec::new(), Vec::new());
        for split in splits {
            let (images, targets) = whole(&*files, *split);
            let bytes = ((images * 0.3081 + 0.1307) * 255.0).round();
            let bytes: Vec<u8> =
                bytes.to_kind(dst_core::tch::Kind::Uint8).flatten(0, -1).try_into().unwrap();
            pngs.extend(bytes.chunks(SIDE * SIDE).map(|pixels| png(SHAPE, pixels)));
            labels.extend(Vec::<i64>::try_from(targets).unwrap());
        }
        let columns = [("image", Column::Images(pngs)), ("label", Column::Integers(labels))];
        let file = format!("mnist/{name}-00000-of-00001.parquet");
        write_parquet(&snapshot(folder.path(), FILES.repository, &file), &columns);
    }
    let sources = DataSources { data_dir: None, hub: Some(hub), ..DataSources::default() };
    let start = std::time::Instant::now();
    let parquet =
        dst_core::plugin::dataset(plugin.name, &serde_json::Map::new(), &sources).unwrap();
    println!("MNIST from parquet in {:?}", start.elapsed());
    assert_eq!(parquet.digest(), files.digest());
    for split in [Split::Train, Split::Validation, Split::Test] {
        assert_eq!(whole(&*parquet, split), whole(&*files, split));
    }
}
