use super::*;

use std::fs;

use dst_core::{own_data, plugin};
use serde_json::{Value, json};

/// Eleven different bytes, 2200 in all.
fn counted() -> String {
    "0123456789\n".repeat(200)
}

/// The data set of a file or folder.
fn loaded(path: &Path, options: Value) -> Result<Box<dyn Dataset>> {
    let options = plugin::dataset_options(NAME, options.as_object().unwrap())?;
    let (name, place) = own_data::named(own_data::plugin_of(NAME)?, path)?;
    let sources = DataSources { own: [(name.clone(), place)].into(), ..DataSources::default() };
    plugin::dataset(&name, &options, &sources)
}

fn of(text: impl AsRef<[u8]>, options: Value) -> Result<Box<dyn Dataset>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.txt");
    fs::write(&path, text).unwrap();
    loaded(&path, options)
}

fn refusal(text: impl AsRef<[u8]>, options: Value) -> String {
    of(text, options).map(|_| ()).unwrap_err().to_string()
}

/// Tokens and targets of a row.
fn row(data: &dyn Dataset, split: Split, row: i64) -> [Vec<i64>; 2] {
    let batch = data.batch(split, &[row], Device::Cpu).unwrap();
    let Input::Tokens { ids, segments, present } = batch.input else { panic!("a text has tokens") };
    assert_eq!((ids.size(), segments.size()), (batch.target.size(), present.size()));
    let flat = |tensor: Tensor| Vec::try_from(tensor.flatten(0, -1)).unwrap();
    [flat(ids), flat(batch.target)]
}

fn read_back(ids: &[i64]) -> String {
    ids.iter().map(|id| char::from(*id as u8)).collect()
}

#[test]
fn windows_follow_one_another_and_targets_are_one_ahead() {
    let data = of(counted(), json!({ "context": 16 })).unwrap();
    assert_eq!(data.task(), Task::NextToken { vocabulary: 256 });
    assert_eq!(data.input(), InputShape::Tokens { vocabulary: 256, length: 16 });
    // 1760, 220 and 220 bytes; each window needs the one behind it too.
    let sizes = [Split::Train, Split::Validation, Split::Test].map(|split| data.len(split));
    assert_eq!(sizes, [109, 13, 13]);
    let [ids, target] = row(&*data, Split::Train, 0);
    assert_eq!(read_back(&ids), "0123456789\n01234");
    assert_eq!(read_back(&target), "123456789\n012345");
    let [next, _] = row(&*data, Split::Train, 1);
    assert_eq!(next[0], target[15]);
    // 1980 bytes lie before the test, and 1980 is a multiple of 11.
    assert_eq!(read_back(&row(&*data, Split::Test, 0)[0]), "0123456789\n01234");
    assert!(data.batch(Split::Test, &[13], Device::Cpu).is_err());
    assert_eq!(
        (data.metric(), data.second_metric()),
        (Metric::LogLikelihood, Some(Metric::Accuracy))
    );
    assert_eq!([data.class_name(97), data.class_name(10)], [Some("\"a\""), Some("\"\\n\"")]);
    let batch = data.batch(Split::Train, &[3, 0], Device::Cpu).unwrap();
    assert_eq!((batch.input.len(), batch.target.size()), (2, vec![2, 16]));
}

/// What stands in the test stands nowhere in what is trained on.
#[test]
fn parts_are_contiguous() {
    let text: String = (0..4000).map(|at| char::from(b'a' + (at / 400) as u8)).collect();
    let data = of(text, json!({ "context": 20, "test": 0.2, "validation": 0.2 })).unwrap();
    let letters = |split| {
        let rows = 0..data.len(split) as i64;
        let all: String = rows.map(|at| read_back(&row(&*data, split, at)[0])).collect();
        (all.chars().min().unwrap(), all.chars().max().unwrap())
    };
    assert_eq!(letters(Split::Train), ('a', 'f'));
    assert_eq!(letters(Split::Validation), ('g', 'h'));
    assert_eq!(letters(Split::Test), ('i', 'j'));
}

#[test]
fn a_folder_brings_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tales");
    fs::create_dir(&path).unwrap();
    let error = loaded(&path, json!({})).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("has no train.txt"), "{error}");
    fs::write(path.join("train.txt"), counted()).unwrap();
    fs::write(path.join("test.txt"), "ab".repeat(100)).unwrap();
    let data = loaded(&path, json!({ "context": 16 })).unwrap();
    // A tenth of the training text is for validation.
    let sizes = [Split::Train, Split::Validation, Split::Test].map(|split| data.len(split));
    assert_eq!(sizes, [123, 13, 12]);
    assert_eq!(read_back(&row(&*data, Split::Test, 1)[0]), "ab".repeat(8));
    let with_two = data.digest().to_owned();
    fs::write(path.join("valid.txt"), "cd".repeat(100)).unwrap();
    // A name of its own, because a process asks for a digest once.
    let other = folder.path().join("tales-2");
    fs::rename(&path, &other).unwrap();
    let data = loaded(&other, json!({ "context": 16 })).unwrap();
    assert_eq!([data.len(Split::Train), data.len(Split::Validation)], [137, 12]);
    assert_ne!(data.digest(), with_two);
    assert_eq!(data.digest(), files::find(&other).unwrap().digest().unwrap());
}

#[test]
fn tokens_are_learnt_on_the_training_part_only() {
    // The second half of the words stands in the test only.
    let text = format!("{}{}", "abc ".repeat(900), "xyz ".repeat(100));
    let data = of(&text, json!({ "context": 16, "vocabulary": 258, "validation": 0.05 })).unwrap();
    assert_eq!(data.task(), Task::NextToken { vocabulary: 258 });
    let [ids, _] = row(&*data, Split::Train, 3);
    assert!(ids.iter().any(|id| *id >= 256), "{ids:?}");
    let [ids, _] = row(&*data, Split::Test, 0);
    assert!(ids.iter().all(|id| *id < 256), "{ids:?}");
    let error = refusal(&text, json!({ "context": 16, "vocabulary": 20_000 }));
    assert!(error.contains("set vocabulary=") && error.contains("book.txt"), "{error}");
}

#[test]
fn fewer_windows_can_be_trained_on() {
    let data = of(counted(), json!({ "context": 16, "train_samples": 5 })).unwrap();
    assert_eq!(data.len(Split::Train), 5);
    let whole = of(counted(), json!({ "context": 16 })).unwrap();
    let all: Vec<_> = (0..109).map(|at| row(&*whole, Split::Train, at)).collect();
    assert!((0..5).all(|at| all.contains(&row(&*data, Split::Train, at))));
    let error = refusal(counted(), json!({ "context": 16, "train_samples": 110 }));
    assert!(error.contains("train_samples = 110 is not from 1 to 109"), "{error}");
}

#[test]
fn what_cannot_be_used_is_named() {
    let contains = |error: String, words: &[&str]| {
        assert!(words.iter().all(|words| error.contains(words)), "{error}");
    };
    contains(refusal("", json!({})), &["it is empty", "book.txt", "name a file with a text"]);
    contains(
        refusal("To be, or not to be", json!({})),
        // Two bytes are a tenth of nineteen, and the shortest part says how long the text must be.
        &["the validation part has 2 tokens", "a window of 128", "needs 129", "about 1226 tokens"],
    );
    contains(
        refusal(counted(), json!({ "context": 500 })),
        &["the validation part has 220 tokens", "--set text.context=219 at most"],
    );
    contains(
        refusal("z".repeat(5000), json!({})),
        &["the training part consists of \"z\" only", "name a text that somebody wrote"],
    );
    contains(refusal(b"caf\xe9 noir", json!({})), &["this is not UTF-8", "iconv", "line 1"]);
    contains(refusal(b"a\xff\xfeb\0\0\x01", json!({})), &["not a text file"]);
    for (options, words) in [
        (json!({ "context": 1 }), "context = 1 is not from 2 to 8192"),
        (json!({ "vocabulary": 100 }), "vocabulary = 100 is not from 256 to 32768"),
        (json!({ "test": 0.0 }), "test = 0 is not between 0 and 1"),
        (json!({ "test": 0.5, "validation": 0.5 }), "leave nothing to train on"),
        (json!({ "train_samples": 0 }), "train_samples = 0 must be at least 1"),
    ] {
        contains(refusal(counted(), options), &[words]);
    }
    let missing = own_data::named(own_data::plugin_of(NAME).unwrap(), Path::new("no/book.txt"));
    contains(missing.unwrap_err().to_string(), &["there is no such file or folder"]);
}

#[test]
fn little_text_gets_a_warning() {
    let data = of(counted(), json!({ "context": 16 })).unwrap();
    let words = "the test part has only 13 windows of 16 tokens";
    assert_eq!(data.warnings().len(), 2);
    assert!(data.warnings()[1].starts_with(words), "{:?}", data.warnings());
    assert!(of(counted(), json!({ "context": 8 })).unwrap().warnings().is_empty());
}

#[test]
fn names_follow_the_content_and_files_may_be_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let name = |file: &str, bytes: &[u8]| {
        let path = folder.path().join(file);
        fs::write(&path, bytes).unwrap();
        own_data::named(own_data::plugin_of(NAME).unwrap(), &path).unwrap().0
    };
    let plain = name("book.txt", b"abc");
    assert!(plain.starts_with("text:book@"), "{plain}");
    assert_ne!(plain, name("book.copy.txt", b"abd"));
    assert_eq!(plain, name("book.other.txt", b"abc"));
}

#[test]
fn the_end_of_a_file_of_the_user_is_read() {
    let data = of(counted(), json!({ "context": 16 })).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("start.txt");
    let ids = |text: &str| {
        fs::write(&path, text).unwrap();
        let samples = data.read_samples(&path, Device::Cpu).unwrap();
        assert!(samples.positions.is_empty() && samples.batches.len() == 1);
        let Input::Tokens { ids, .. } = &samples.batches[0] else { panic!("a text has tokens") };
        assert_eq!(ids.size()[0], 1);
        read_back(&Vec::try_from(ids.flatten(0, -1)).unwrap())
    };
    assert_eq!(ids("abc"), "abc");
    assert_eq!(ids(&"0123456789".repeat(3)), "4567890123456789");
    fs::write(&path, "").unwrap();
    let error = data.read_samples(&path, Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("it is empty"), "{error}");
}
