use dst_core::tch::{Device, Kind};
use dst_core::{DataSources, Dataset, Input, Split};
use dst_data::testing::{Column, cache, png, snapshot, write_parquet};

use super::*;
use crate::records::PIXELS;

const SHAPE: [usize; 3] = [3, 32, 32];
const PER_FILE: usize = 2;

/// The pixels of image `number`: every plane of another shade.
fn planes(number: u8) -> Vec<u8> {
    (0..3).flat_map(|plane| [10 * number + plane; 1024]).collect()
}

/// Names and sums of three batches of two images; the label of a image is its number.
fn batches() -> Vec<(String, String)> {
    let record = |number: u8| [vec![number], planes(number)].concat();
    let batch = |first: u8| sha256(&[record(first), record(first + 1)].concat());
    [0, 2, 4].map(|first| (format!("batch {first}"), batch(first))).to_vec()
}

fn columns(order: &[u8]) -> Vec<(&'static str, Column)> {
    let images = order.iter().map(|number| png(SHAPE, &planes(*number))).collect();
    let labels = order.iter().map(|number| i64::from(*number)).collect();
    vec![("img", Column::Images(images)), ("label", Column::Integers(labels))]
}

fn load(columns: &[(&str, Column)]) -> Result<(Tensor, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-00000-of-00001.parquet");
    write_parquet(&path, columns);
    let batches = batches();
    let files: Vec<(&str, &str)> =
        batches.iter().map(|(name, sum)| (name.as_str(), sum.as_str())).collect();
    let count = (files.len() * PER_FILE) as i64;
    let images = Tensor::zeros([count, CHANNELS, SIDE, SIDE], (Kind::Uint8, Device::Cpu));
    let labels = read(&ParquetTable::open(&[path])?, &images, &files)?;
    Ok((images, labels))
}

fn refusal(columns: &[(&str, Column)]) -> String {
    let error = load(columns).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Data);
    error.one_line()
}

#[test]
fn batches_are_recognised_in_any_order() {
    for order in [[0, 1, 2, 3, 4, 5], [4, 5, 0, 1, 2, 3]] {
        let (images, labels) = load(&columns(&order)).unwrap();
        assert_eq!(labels, [0, 1, 2, 3, 4, 5]);
        for number in 0..6 {
            for plane in 0..3 {
                assert_eq!(images.int64_value(&[number, plane, 31, 0]), 10 * number + plane);
            }
        }
    }
    assert_eq!(PIXELS, planes(0).len());
}

#[test]
fn other_contents_are_refused() {
    let swapped = refusal(&columns(&[0, 1, 3, 2, 4, 5]));
    assert!(swapped.contains("row 3: the 2 images up to here are not a batch"), "{swapped}");
    let twice = refusal(&columns(&[0, 1, 0, 1, 4, 5]));
    assert!(twice.contains("or one that was there before"), "{twice}");
    assert!(refusal(&columns(&[0, 1])).ends_with("it has 2 rows, where 6 are expected"));
    let mut other = columns(&[0, 1, 2, 3, 4, 5]);
    other[1].1 = Column::Integers(vec![0, 1, 2, 3, 4, 10]);
    let unknown = refusal(&other);
    assert!(unknown.ends_with("row 5: the label 10 is none of the classes 0 to 9"), "{unknown}");
    other[0].0 = "image";
    other[1].1 = Column::Integers(vec![0, 1, 2, 3, 4, 5]);
    assert!(refusal(&other).ends_with("there is no column 'img.bytes'"));
}

#[test]
fn other_images_are_named_by_their_row() {
    let with = |image: Vec<u8>| {
        let mut columns = columns(&[0, 1, 2, 3, 4, 5]);
        let Column::Images(images) = &mut columns[0].1 else { panic!("images come first") };
        images[4] = image;
        refusal(&columns)
    };
    let byte = with(vec![0]);
    assert!(byte.contains("row 4: this is not a whole PNG image (1 bytes)"), "{byte}");
    let small = with(png([3, 28, 28], &[0; 3 * 784]));
    assert!(small.ends_with("the image has 28 × 28 pixels, and 32 × 32 are expected"), "{small}");
}

/// The real images as parquet in the Hub's order are the same data set as the real files.
#[test]
fn the_whole_of_cifar10_from_parquet_equals_the_files() {
    let Some(files) = crate::tests::real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hub = cache(folder.path(), FILES.repository);
    // Rows of the training data, then of the test data.
    let batch = |split: Split, start: i64, count: i64| {
        let rows: Vec<i64> = (start..start + count).collect();
        let batch = files.batch(split, &rows, Device::Cpu).unwrap();
        let Input::Image(images) = batch.input else { panic!("CIFAR-10 holds images") };
        let [scale, shift] = [crate::STANDARD_DEVIATION, crate::MEAN]
            .map(|values| dst_images::augmentation::by_channel(&values, Device::Cpu).unwrap());
        let bytes = ((images * scale + shift) * 255.0).round().to_kind(Kind::Uint8);
        let bytes: Vec<u8> = bytes.flatten(0, -1).try_into().unwrap();
        (bytes, Vec::<i64>::try_from(batch.target).unwrap())
    };
    let parts = [4, 3, 2, 5, 1].map(|number| (number - 1) * 10_000);
    let train = parts.iter().flat_map(|first| match first {
        40_000 => vec![(Split::Train, 40_000, 5_000), (Split::Validation, 0, 5_000)],
        first => vec![(Split::Train, *first, 10_000)],
    });
    for (name, parts) in [("train", train.collect()), ("test", vec![(Split::Test, 0, 10_000)])] {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for (split, start, count) in parts {
            let (bytes, targets) = batch(split, start, count);
            images.extend(bytes.chunks(PIXELS).map(|planes| png(SHAPE, planes)));
            labels.extend(targets);
        }
        let columns = [("img", Column::Images(images)), ("label", Column::Integers(labels))];
        let file = format!("plain_text/{name}-00000-of-00001.parquet");
        write_parquet(&snapshot(folder.path(), FILES.repository, &file), &columns);
    }
    let start = std::time::Instant::now();
    let parquet = crate::load(
        &DataSources { data_dir: None, hub: Some(hub), ..DataSources::default() },
        &crate::Options::default(),
    )
    .unwrap();
    println!("CIFAR-10 from parquet in {:?}", start.elapsed());
    assert!(parquet.origin().starts_with("datasets/uoft-cs/cifar10 at 0123"));
    assert_eq!(parquet.digest(), files.digest());
    for split in [Split::Train, Split::Validation, Split::Test] {
        let rows: Vec<i64> = (0..files.len(split) as i64).step_by(9).collect();
        let [one, other] = [&*files, &*parquet].map(|dataset: &dyn Dataset| {
            let batch = dataset.batch(split, &rows, Device::Cpu).unwrap();
            let Input::Image(images) = batch.input else { panic!("CIFAR-10 holds images") };
            (images, batch.target)
        });
        assert_eq!(one, other);
    }
}
