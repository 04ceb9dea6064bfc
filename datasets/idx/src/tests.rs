use super::*;

use dst_core::tch::Device;
use dst_core::{Input, InputShape, Split, own_data, plugin};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

/// Images of 2 × 3 pixels whose every pixel is ten times the label, and a label for each.
fn files(labels: &[u8]) -> [Vec<u8>; 2] {
    let mut images = idx::header(&[labels.len(), 2, 3]);
    images.extend(labels.iter().flat_map(|label| [label * 10; 6]));
    [images, [idx::header(&[labels.len()]), labels.to_vec()].concat()]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Twenty training images and six for the test, of the classes 1 and 3.
fn write(folder: &Path, names: [&str; 4], packed: bool) {
    fs::create_dir_all(folder).unwrap();
    let train = files(&[1, 3].repeat(10));
    let test = files(&[1, 3].repeat(3));
    for (name, bytes) in names.iter().zip(train.iter().chain(&test)) {
        let (name, bytes) = match packed {
            true => (format!("{name}.gz"), gzip(bytes)),
            false => ((*name).to_owned(), bytes.clone()),
        };
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn named(folder: &Path) -> Result<(String, DataSources)> {
    let address = format!("idx:{}", folder.display());
    let (plugin, path) = own_data::address(&address)?.unwrap();
    let (name, place) = own_data::named(plugin, path)?;
    let own = [(name.clone(), place)].into();
    Ok((name, DataSources { own, ..DataSources::default() }))
}

fn loaded(folder: &Path, options: Value) -> Result<Box<dyn Dataset>> {
    let (name, sources) = named(folder)?;
    plugin::dataset(&name, options.as_object().unwrap(), &sources)
}

#[test]
fn names_and_packing_do_not_matter() {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("plain/clothes"), NAMES, false);
    write(&root.path().join("packed/clothes/raw"), OTHER_NAMES, true);
    let emnist = NAMES.map(|name| format!("emnist-letters-{}", name.replace("t10k", "test")));
    write(
        &root.path().join("prefixed/clothes"),
        [&emnist[0], &emnist[1], &emnist[2], &emnist[3]],
        true,
    );
    let names: Vec<String> = ["plain", "packed", "prefixed"]
        .map(|folder| named(&root.path().join(folder).join("clothes")).unwrap().0)
        .into();
    assert_eq!(names[0], names[1]);
    assert_eq!(names[0], names[2]);
    assert!(names[0].starts_with("idx:clothes@"), "{names:?}");
}

#[test]
fn labels_become_classes_and_pixels_are_normalised() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), NAMES, false);
    let data = loaded(root.path(), json!({ "validation": 0.2 })).unwrap();
    assert_eq!(data.input(), InputShape::Image { channels: 1, height: 2, width: 3 });
    let splits = [Split::Train, Split::Validation, Split::Test].map(|split| data.len(split));
    assert_eq!(splits, [16, 4, 6]);
    let batch = data.batch(Split::Test, &[0, 1], Device::Cpu).unwrap();
    assert_eq!(Vec::<i64>::try_from(&batch.target).unwrap(), [0, 1]);
    assert_eq!([data.class_name(0), data.class_name(1)], [Some("1"), Some("3")]);
    let Input::Image(images) = batch.input else { panic!("these are images") };
    // Bytes 10 and 30, as often: their mean is 20 and their deviation 10.
    assert!((images.double_value(&[0, 0, 1, 2]) + 1.0).abs() < 1e-5);
    assert!((images.double_value(&[1, 0, 0, 0]) - 1.0).abs() < 1e-5);
    assert_eq!(data.library(), "dataset_idx");
    assert_eq!(data.warnings(), ["6 of 6 images for test are images of the training, too"]);
    let samples = data.read_samples(&root.path().join(NAMES[2]), Device::Cpu).unwrap();
    assert_eq!(samples.positions, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn changed_files_are_another_data_set() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), NAMES, false);
    let (name, sources) = named(root.path()).unwrap();
    let [images, labels] = files(&[3, 1].repeat(3));
    fs::write(root.path().join(NAMES[2]), images).unwrap();
    fs::write(root.path().join(NAMES[3]), labels).unwrap();
    let error = plugin::dataset(&name, &serde_json::Map::new(), &sources).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{name}: ")) && error.contains("has changed"), "{error}");
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let root = tempfile::tempdir().unwrap();
    let refusal = |options| loaded(root.path(), options).unwrap_err().to_string();
    assert!(refusal(json!({})).contains("has no file *train-images-idx3-ubyte"));
    write(root.path(), NAMES, false);
    assert!(
        refusal(json!({ "validation": 1.5 })).contains("validation = 1.5 is not between 0 and 1")
    );
    assert!(refusal(json!({ "crop_padding": 3 })).contains("is not from 0 to 2, the side"));
    let copy = root.path().join(format!("other-{}", NAMES[0]));
    fs::copy(root.path().join(NAMES[0]), &copy).unwrap();
    assert!(refusal(json!({})).contains("could both be *train-images-idx3-ubyte"));
    fs::remove_file(copy).unwrap();
    fs::write(root.path().join(NAMES[3]), &files(&[1, 3, 1, 3, 1, 2])[1]).unwrap();
    // The digest of this test's first reading is remembered; the content is refused first.
    let error = load(
        &DataSources { place: Some(root.path().to_owned()), ..DataSources::default() },
        &Options::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the label 2 of image 5 is none of the training images"), "{error}");
    fs::write(root.path().join(NAMES[3]), &files(&[1, 3])[1]).unwrap();
    let sources = DataSources { place: Some(root.path().to_owned()), ..DataSources::default() };
    let error = load(&sources, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("it has 2 labels for 6 images"), "{error}");
}
