use super::*;

use std::fs;

use dst_core::tch::{Device, Kind};
use dst_core::{DataSources, Input, InputShape, Split, own_data, plugin};
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

/// An image of one colour.
fn write(path: &Path, [width, height]: [u32; 2], colour: [u8; 3]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = RgbImage::from_pixel(width, height, Rgb(colour));
    match path.extension().unwrap().to_str() {
        // Written as a grey image.
        Some("bmp") => image::DynamicImage::ImageRgb8(image).into_luma8().save(path).unwrap(),
        _ => image.save(path).unwrap(),
    }
}

/// Ten red and ten blue images of 9 × 8 pixels.
fn colours(root: &Path) {
    for number in 0..10 {
        write(&root.join(format!("red/{number}.png")), [9, 8], [200, 0, 0]);
        write(&root.join(format!("blue/{number}.png")), [9, 8], [0, 0, 200]);
    }
}

fn loaded(root: &Path, options: Value) -> Result<Box<dyn Dataset>> {
    let options = plugin::dataset_options("image-folder", options.as_object().unwrap())?;
    let (name, place) = own_data::named(own_data::plugin_of("image-folder")?, root)?;
    let own = [(name.clone(), place)].into();
    plugin::dataset(&name, &options, &DataSources { own, ..DataSources::default() })
}

fn sizes(data: &dyn Dataset) -> [usize; 3] {
    [Split::Train, Split::Validation, Split::Test].map(|split| data.len(split))
}

#[test]
fn folders_are_classes_and_splits_are_drawn() {
    let root = tempfile::tempdir().unwrap();
    colours(root.path());
    fs::write(root.path().join("red/notes.txt"), "x").unwrap();
    fs::create_dir(root.path().join(".hidden")).unwrap();
    let data = loaded(root.path(), json!({})).unwrap();
    assert_eq!(data.input(), InputShape::Image { channels: 3, height: 8, width: 9 });
    // Of 20, 4 for the test; of 16, 2 for validation.
    assert_eq!(sizes(&*data), [14, 2, 4]);
    assert_eq!([data.class_name(0), data.class_name(1)], [Some("blue"), Some("red")]);
    let batch = data.batch(Split::Test, &[0, 1, 2, 3], Device::Cpu).unwrap();
    assert_eq!(Vec::<i64>::try_from(&batch.target).unwrap(), [0, 0, 1, 1]);
    let Input::Image(images) = batch.input else { panic!("these are images") };
    // Half of the training images are red: mean 100, deviation 100.
    let planes = |row: i64| {
        let means = images.get(row).mean_dim(&[1i64, 2][..], false, Kind::Float);
        Vec::<f32>::try_from(means).unwrap()
    };
    for (found, expected) in planes(0).iter().zip([-1.0, 0.0, 1.0]) {
        assert!((found - expected).abs() < 1e-4, "{:?}", planes(0));
    }
    let warning = &data.warnings()[0];
    assert!(
        warning.starts_with("1 file is left out") && warning.ends_with("notes.txt"),
        "{warning}"
    );
}

#[test]
fn given_splits_are_kept() {
    let root = tempfile::tempdir().unwrap();
    colours(&root.path().join("train"));
    colours(&root.path().join("test"));
    assert_eq!(sizes(&*loaded(root.path(), json!({})).unwrap()), [18, 2, 20]);
    let other = tempfile::tempdir().unwrap();
    for split in ["train", "val", "test"] {
        colours(&other.path().join(split));
    }
    assert_eq!(sizes(&*loaded(other.path(), json!({})).unwrap()), [20, 20, 20]);
    // Many archives have them in capitals.
    fs::rename(other.path().join("train"), other.path().join("Training")).unwrap();
    fs::rename(other.path().join("test"), other.path().join("Testing")).unwrap();
    assert_eq!(Folders::find(other.path()).unwrap().classes, ["blue", "red"]);
    fs::rename(other.path().join("Training"), other.path().join("rest")).unwrap();
    let error = Folders::find(other.path()).unwrap_err().to_string();
    assert!(error.contains("looks like the folder of a split"), "{error}");
    fs::rename(other.path().join("rest"), other.path().join("train")).unwrap();
    write(&other.path().join("val/green/1.png"), [9, 8], [0, 200, 0]);
    let error = Folders::find(other.path()).unwrap_err().to_string();
    assert!(error.contains("'green' is a class of"), "{error}");
}

#[test]
fn what_given_splits_leave_unclear_is_said_or_refused() {
    let root = tempfile::tempdir().unwrap();
    for split in ["train", "test"] {
        colours(&root.path().join(split));
    }
    write(&root.path().join("train/loose.png"), [9, 8], [1, 2, 3]);
    let warnings = loaded(root.path(), json!({})).unwrap().warnings().join("\n");
    assert!(warnings.contains("left out: 1, the first of them"), "{warnings}");
    // All images of one colour are the same file.
    assert!(warnings.contains("20 of 20 images for test are images of the training"), "{warnings}");

    let refusal = || Folders::find(root.path()).unwrap_err().to_string();
    colours(&root.path().join("val"));
    colours(&root.path().join("Valid"));
    assert!(refusal().contains("both Valid and val would be the validation images"));
    fs::remove_dir_all(root.path().join("Valid")).unwrap();
    fs::remove_dir_all(root.path().join("test")).unwrap();
    write(&root.path().join("test/1.png"), [9, 8], [1, 2, 3]);
    let error = refusal();
    assert!(error.contains("test has no folder for each class, and 1 images"), "{error}");
}

#[test]
fn images_of_many_sizes_need_one() {
    let root = tempfile::tempdir().unwrap();
    colours(root.path());
    write(&root.path().join("red/large.jpg"), [40, 20], [200, 0, 0]);
    let error = loaded(root.path(), json!({})).unwrap_err().to_string();
    assert!(
        error.contains("has 8 × 9 pixels, and") && error.contains("image-folder.size=64"),
        "{error}"
    );
    let data = loaded(root.path(), json!({ "size": 8 })).unwrap();
    assert_eq!(data.input(), InputShape::Image { channels: 3, height: 8, width: 8 });
    let grey = loaded(root.path(), json!({ "size": 8, "channels": 1 })).unwrap();
    assert_eq!(grey.input(), InputShape::Image { channels: 1, height: 8, width: 8 });
    // What a user brings is brought to the same form.
    let path = root.path().join("wide.png");
    write(&path, [100, 10], [200, 0, 0]);
    let samples = grey.read_samples(&path, Device::Cpu).unwrap();
    assert_eq!(samples.batches.len(), 1);
    let plain = tempfile::tempdir().unwrap();
    colours(plain.path());
    let data = loaded(plain.path(), json!({})).unwrap();
    let error = data.read_samples(&path, Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("10 × 100 pixels, and 8 × 9 are expected"), "{error}");
}

#[test]
fn grey_images_have_one_channel_unless_others_have_colours() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..5_u8 {
        write(&root.path().join(format!("dark/{number}.bmp")), [8, 8], [number; 3]);
        write(&root.path().join(format!("light/{number}.bmp")), [8, 8], [200 + number; 3]);
    }
    let grey = loaded(root.path(), json!({})).unwrap();
    assert_eq!(grey.input(), InputShape::Image { channels: 1, height: 8, width: 8 });
    write(&root.path().join("light/colour.png"), [8, 8], [200, 10, 10]);
    let paths = Folders::find(root.path()).unwrap();
    let form = Form { size: None, channels: None };
    let images = pixels::all(&paths.summed().unwrap(), &form, None).unwrap();
    assert_eq!(images.size(), [11, 3, 8, 8]);
    assert_eq!(images.get(0).max().int64_value(&[]), 0);
}

#[test]
fn what_was_decoded_is_kept_and_damage_noticed() {
    let root = tempfile::tempdir().unwrap();
    colours(root.path());
    let folders = Folders::find(root.path()).unwrap();
    let form = Form { size: Some(8), channels: None };
    let cache = root.path().join(".cache");
    let files = folders.summed().unwrap();
    let decode = || pixels::all(&files, &form, Some(&cache)).unwrap();
    let first = decode();
    let file = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    assert_eq!(first, decode());
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(first, decode());
    // It is what is read: under this key anything that is whole counts.
    let other = Form { size: Some(8), channels: Some(1) };
    assert_eq!(pixels::all(&files, &other, Some(&cache)).unwrap().size()[1], 1);
}

/// Pixels of other images must not be found under this digest ever after.
#[test]
fn a_file_that_changes_while_it_is_read_is_named_and_nothing_is_kept() {
    let root = tempfile::tempdir().unwrap();
    colours(root.path());
    let (form, cache) = (Form { size: None, channels: None }, root.path().join(".cache"));
    let folders = Folders::find(root.path()).unwrap();
    let changing = root.path().join("red/3.png");
    let files = folders.summed().unwrap();
    let refusal = |size| {
        let error = pixels::all(&files, &Form { size, ..form }, Some(&cache)).unwrap_err();
        assert!(!cache.exists());
        error.to_string()
    };
    let start_again = "start again when nothing writes to the folder any more";
    write(&changing, [9, 8], [1, 2, 3]);
    let said = format!("{}: it was changed while the folder was being read", changing.display());
    assert!(refusal(None).starts_with(&said) && refusal(None).contains(start_again));
    // A file that is still being written.
    fs::write(&changing, "").unwrap();
    assert!(refusal(Some(8)).starts_with(&said) && refusal(None).starts_with(&said));
    // Of another size.
    write(&changing, [8, 8], [200, 0, 0]);
    assert!(refusal(None).starts_with(&said), "{}", refusal(None));
    fs::remove_file(&changing).unwrap();
    let said = format!("{}: it was taken away while the folder was being read", changing.display());
    // Where sizes are compared, where images are decoded, and where sums are made.
    for error in [refusal(None), refusal(Some(8)), folders.summed().unwrap_err().to_string()] {
        assert!(error.starts_with(&said) && error.contains(start_again), "{error}");
    }
    write(&changing, [9, 8], [200, 0, 0]);
    let _ = pixels::all(&files, &form, Some(&cache)).unwrap();
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
}

#[test]
fn what_is_no_data_set_is_refused_with_the_place() {
    let root = tempfile::tempdir().unwrap();
    let refusal = || Folders::find(root.path()).unwrap_err().to_string();
    assert!(refusal().contains("0 folders of images were found"), "{}", refusal());
    write(&root.path().join("red/1.png"), [8, 8], [0; 3]);
    assert!(refusal().contains("1 folders of images were found"), "{}", refusal());
    fs::create_dir(root.path().join("empty")).unwrap();
    assert!(refusal().contains("empty has no images"), "{}", refusal());
    fs::remove_dir(root.path().join("empty")).unwrap();
    write(&root.path().join("blue/1.png"), [8, 8], [0; 3]);
    let error = loaded(root.path(), json!({})).unwrap_err().to_string();
    assert!(error.contains("the class 'blue' has too few samples"), "{error}");
    for text in ["", "<html>404</html>", "\u{89}PNG\r\n"] {
        fs::write(root.path().join("red/2.png"), text).unwrap();
        let form = Form { size: None, channels: None };
        let error = pixels::one(&root.path().join("red/2.png"), &form).unwrap_err().to_string();
        assert!(error.contains("2.png: this is no whole image"), "{error}");
    }
    for (options, expected) in [
        (json!({ "channels": 2 }), "channels = 2 is neither 1 nor 3"),
        (json!({ "size": 0 }), "size = 0 is not from 1 to 16384"),
        (json!({ "test": 0 }), "test = 0 is not between 0 and 1"),
        (json!({ "train_samples": 0 }), "train_samples = 0 must be at least 1"),
    ] {
        let error = plugin::dataset_options("image-folder", options.as_object().unwrap());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
