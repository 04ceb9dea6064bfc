use super::*;

use std::fmt::Write;
use std::fs;

use dst_core::tch::Device;
use dst_core::{Input, Split, own_data, plugin};
use dst_texts::testing::small;
use serde_json::{Value, json};

/// Sixty rows: what is good has an `a`, what is bad a `c`.
fn reviews() -> String {
    let mut text = "text,label\n".to_owned();
    for row in 0..60 {
        let (words, label) = if row % 2 == 0 { ("a b", "good") } else { ("c, b", "bad") };
        writeln!(text, "\"{words}{}\",{label}", " b".repeat(row % 3)).unwrap();
    }
    text
}

/// The data set of a file, or of a folder, with a small vocabulary.
fn loaded(path: &Path, options: Value) -> Result<Box<dyn Dataset>> {
    let data = tempfile::tempdir().unwrap();
    small(data.path());
    let options = plugin::dataset_options(NAME, options.as_object().unwrap())?;
    let (name, place) = own_data::named(own_data::plugin_of(NAME)?, path)?;
    let sources = DataSources {
        data_dir: Some(data.path().to_owned()),
        own: [(name.clone(), place)].into(),
        ..DataSources::default()
    };
    plugin::dataset(&name, &options, &sources)
}

fn of(text: &str, options: Value) -> Result<Box<dyn Dataset>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reviews.csv");
    fs::write(&path, text).unwrap();
    loaded(&path, options)
}

fn ids(data: &dyn Dataset, split: Split, row: i64) -> Vec<i64> {
    let batch = data.batch(split, &[row], Device::Cpu).unwrap();
    let Input::Tokens { ids, .. } = batch.input else { panic!("texts become tokens") };
    Vec::try_from(ids.flatten(0, -1)).unwrap()
}

#[test]
fn texts_become_tokens_and_splits_are_drawn() {
    let data = of(&reviews(), json!({})).unwrap();
    assert_eq!(data.task(), Task::Classification { classes: 2 });
    let sizes = [Split::Train, Split::Validation, Split::Test].map(|split| data.len(split));
    // Of 60, 12 for the test; of 48, 4 for validation: a tenth of each class, rounded.
    assert_eq!(sizes, [44, 4, 12]);
    assert_eq!([data.class_name(0), data.class_name(1)], [Some("bad"), Some("good")]);
    for row in 0..12 {
        let batch = data.batch(Split::Test, &[row], Device::Cpu).unwrap();
        let is_good = Vec::<i64>::try_from(batch.target).unwrap() == [1];
        // [CLS], then a or c of the small vocabulary.
        assert_eq!(ids(&*data, Split::Test, row)[..2], [2, if is_good { 5 } else { 9 }]);
    }
    assert_eq!(data.library(), "dataset_text_csv");
    // The name is that of the texts; the digest is of the vocabulary too.
    assert_eq!(data.digest().len(), 64);
}

#[test]
fn pairs_and_given_splits_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = "label,Sentence1,sentence2\nsame,a b,b a\nother,a,c\n";
    for name in ["train.csv", "validation.csv", "test.tsv"] {
        let text = if name.ends_with("tsv") { pairs.replace(',', "\t") } else { pairs.to_owned() };
        fs::write(folder.path().join(name), text).unwrap();
    }
    let data = loaded(folder.path(), json!({})).unwrap();
    // [CLS] a [SEP] c [SEP]
    assert_eq!(ids(&*data, Split::Test, 1), [2, 5, 3, 9, 3]);
    let one = loaded(folder.path(), json!({ "text": "sentence2" })).unwrap();
    assert_eq!(ids(&*one, Split::Validation, 1), [2, 9, 3]);
    let new = folder.path().join("new.csv");
    fs::write(&new, "Sentence1,sentence2\na,c\n").unwrap();
    assert_eq!(data.read_samples(&new, Device::Cpu).unwrap().positions, [2]);
    // As the tables that were trained on: any delimiter, quotes, other columns.
    let quoted = folder.path().join("new.tsv");
    fs::write(&quoted, "sentence2;Sentence1;n\n\"c\";\"a\";1\n").unwrap();
    let tokens = |file: &Path| {
        let samples = data.read_samples(file, Device::Cpu).unwrap();
        let Input::Tokens { ids, .. } = &samples.batches[0] else { panic!("texts become tokens") };
        Vec::<i64>::try_from(ids.flatten(0, -1)).unwrap()
    };
    assert_eq!(tokens(&quoted), tokens(&new));
}

#[test]
fn what_cannot_be_used_is_named() {
    let refusal = |text: &str, options| of(text, options).unwrap_err().to_string();
    let three = "a,b,label\nx,y,1\nx,y,2\n";
    let error = refusal(three, json!({}));
    assert!(error.contains("which column holds the texts is not known: a, b, label"), "{error}");
    let error = refusal(three, json!({ "text": "label" }));
    assert!(error.contains("'label' would be both a text and the class"), "{error}");
    let error = refusal(&reviews(), json!({ "target": "lable" }));
    assert!(error.contains("did you mean 'label'?"), "{error}");
    let error = refusal(&reviews(), json!({ "max_length": 4 }));
    assert!(error.contains("max_length = 4 is not from 8 to 512"), "{error}");
    let data = of(&reviews().replace("\"a b\",good", ",good"), json!({})).unwrap();
    assert!(data.warnings()[0].contains("of 60 rows have no 'text'"), "{:?}", data.warnings());
}
