use std::fs;

use dst_core::tch::{Device, Kind};
use dst_core::{Batch, DataSources, HubCache, Input, Split};
use dst_data::testing::{Column, cache, snapshot, write_parquet};
use dst_texts::testing::small;
use dst_texts::vocabulary::VOCABULARY;

use super::*;
use crate::task::{MNLI, MNLI_MM, QQP, RTE, SST2, SST2_SUBSET, STSB};
use crate::{find, load};

const GLUE: &str = "datasets/nyu-mll/glue";

fn texts(texts: &[&str]) -> Column {
    Column::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// RTE as the Hub has it, of any number of rows.
fn rte(labels: &[i64]) -> Vec<(&'static str, Column)> {
    let words = |word: &str| -> Vec<String> {
        (0..labels.len()).map(|row| format!("{word}{}", " a".repeat(row % 7))).collect()
    };
    vec![
        ("sentence1", Column::Texts(words("b"))),
        ("sentence2", Column::Texts(words("c"))),
        ("label", Column::Integers(labels.to_vec())),
        ("idx", Column::Integers((0..labels.len() as i64).collect())),
    ]
}

/// A cache with both files of a task and a vocabulary in the data folder beside it.
fn scene(
    name: &str,
    train: &[(&str, Column)],
    test: &[(&str, Column)],
) -> (tempfile::TempDir, DataSources) {
    let folder = tempfile::tempdir().unwrap();
    let hub = cache(folder.path(), GLUE);
    for (split, columns) in [("train", train), ("validation", test)] {
        let file = format!("{name}/{split}-00000-of-00001.parquet");
        write_parquet(&snapshot(folder.path(), GLUE, &file), columns);
    }
    let data = folder.path().join("data");
    small(&data);
    (folder, DataSources { data_dir: Some(data), hub: Some(hub), ..DataSources::default() })
}

fn loose(task: Task) -> Task {
    let any = |file: File| File { rows: None, sha256: None, ..file };
    Task { train: any(task.train), test: any(task.test), ..task }
}

fn refusal(task: &Task, sources: &DataSources) -> String {
    let error = load(task, &Options::default(), sources, None).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Data);
    error.to_string()
}

fn values(batch: &Batch) -> [Vec<i64>; 3] {
    let Input::Tokens { ids, segments, .. } = &batch.input else { panic!("GLUE holds text") };
    [ids, segments, &batch.target]
        .map(|tensor| Vec::try_from(tensor.to_kind(Kind::Int64).flatten(0, -1)).unwrap())
}

/// The same rows give the same samples, from parquet and from the official files.
#[test]
fn parquet_equals_the_official_files() {
    let labels: Vec<i64> = (0..25).map(|row| row % 2).collect();
    let (folder, sources) = scene("rte", &rte(&labels), &rte(&[1, 0]));
    let parquet =
        load(&loose(RTE), &Options::default(), &sources, Some(&folder.path().join("tokens")))
            .unwrap();
    assert!(parquet.origin().starts_with("datasets/nyu-mll/glue at 0123"), "{}", parquet.origin());

    let at = folder.path().join("data/glue_data/RTE");
    fs::create_dir_all(&at).unwrap();
    for (name, labels) in [("train.tsv", &labels[..]), ("dev.tsv", &[1, 0])] {
        let mut text = "index\tsentence1\tsentence2\tlabel\n".to_owned();
        for (row, label) in labels.iter().enumerate() {
            let words = " a".repeat(row % 7);
            let label = ["entailment", "not_entailment"][*label as usize];
            text.push_str(&format!("{row}\tb{words}\tc{words}\t{label}\n"));
        }
        fs::write(at.join(name), text).unwrap();
    }
    let files = load(&loose(RTE), &Options::default(), &sources, None).unwrap();
    assert!(files.origin().contains("glue_data/RTE"), "the data folder comes first");
    // And once more from the tokens that were kept.
    let again = load(
        &loose(RTE),
        &Options::default(),
        &DataSources {
            data_dir: Some(folder.path().join("data")),
            hub: None,
            ..DataSources::default()
        },
        Some(&folder.path().join("tokens")),
    );
    assert_eq!(again.unwrap().digest(), files.digest());
    for split in [Split::Train, Split::Validation, Split::Test] {
        let rows: Vec<i64> = (0..files.len(split) as i64).collect();
        let [one, other] = [&files, &parquet].map(|dataset| {
            assert_eq!(dataset.len(split), rows.len());
            values(&dataset.batch(split, &rows, Device::Cpu).unwrap())
        });
        assert_eq!(one, other);
    }
    assert_ne!(parquet.digest(), files.digest());
}

#[test]
fn every_sort_of_table_is_read() {
    let pair = |first: &'static str, second: &'static str, label: Column| {
        vec![(first, texts(&["a", "b a"])), (second, texts(&["c", "c a"])), ("label", label)]
    };
    let numbers = |labels: [i64; 2]| Column::Integers(labels.to_vec());
    let scores = |scores: [f32; 2]| Column::Floats(scores.to_vec());
    let single = vec![("sentence", texts(&["a", "b a"])), ("label", numbers([1, 0]))];
    for (task, name, columns) in [
        (SST2, "sst2", single),
        (QQP, "qqp", pair("question1", "question2", numbers([0, 1]))),
        (STSB, "stsb", pair("sentence1", "sentence2", scores([0.0, 3.8]))),
    ] {
        let (_folder, sources) = scene(name, &columns, &columns);
        let dataset = load(&loose(task), &Options::default(), &sources, None).unwrap();
        assert_eq!(dataset.len(Split::Test), 2, "{name}");
        let target = dataset.batch(Split::Test, &[1], Device::Cpu).unwrap().target;
        let expected = if name == "stsb" { 3.8f32 } else { (name == "qqp").into() };
        assert_eq!(target.double_value(&[0]) as f32, expected, "{name}");
    }
    let (_folder, sources) =
        scene("stsb", &pair("sentence1", "sentence2", scores([0.0, 5.1])), &[]);
    assert!(refusal(&loose(STSB), &sources).contains("row 1: 5.1 is not a score from 0 to 5"));
}

/// Both dev sets of MNLI are tested on with the same training data.
#[test]
fn mnli_has_two_test_sets() {
    let columns = |count: usize| {
        vec![
            ("premise", texts(&vec!["a"; count])),
            ("hypothesis", texts(&vec!["b"; count])),
            ("label", Column::Integers((0..count as i64).map(|row| row % 3).collect())),
        ]
    };
    let (folder, sources) = scene("mnli", &columns(12), &[]);
    for (name, count) in [("matched", 4), ("mismatched", 5)] {
        let file = format!("mnli/validation_{name}-00000-of-00001.parquet");
        write_parquet(&snapshot(folder.path(), GLUE, &file), &columns(count));
    }
    for (task, count) in [(MNLI, 4), (MNLI_MM, 5)] {
        let dataset = load(&loose(task), &Options::default(), &sources, None).unwrap();
        assert_eq!((dataset.len(Split::Train), dataset.len(Split::Test)), (11, count));
    }
}

#[test]
fn other_tables_are_refused() {
    let (_folder, sources) = scene("rte", &rte(&[0, 1, 2]), &rte(&[0]));
    let unknown = refusal(&loose(RTE), &sources);
    assert!(unknown.contains("row 2: the label 2 is none of the classes 0 to 1"), "{unknown}");
    assert!(unknown.starts_with("glue/rte: "), "{unknown}");
    // What the official test sets have.
    let (_folder, sources) = scene("rte", &rte(&[0, 1]), &rte(&[-1]));
    assert!(refusal(&loose(RTE), &sources).contains("row 0: the label is withheld (-1)"));
    let (_folder, sources) = scene("rte", &rte(&[0, 1]), &rte(&[0]));
    let count = refusal(&RTE, &sources);
    assert!(count.contains("it has 2 rows, and the official file has 2490"), "{count}");
    let (_folder, sources) = scene("rte", &rte(&[0, 1]), &rte(&[]));
    assert!(refusal(&loose(RTE), &sources).contains("the file has no rows"));
    let (folder, sources) = scene("rte", &rte(&[0, 1])[..2], &rte(&[0]));
    assert!(refusal(&loose(RTE), &sources).contains("there is no column 'label'"));
    let file = "rte/train-00000-of-00001.parquet";
    fs::write(snapshot(folder.path(), GLUE, file), b"").unwrap();
    assert!(refusal(&loose(RTE), &sources).contains("the file is empty"));
}

#[test]
fn what_is_missing_is_looked_for_everywhere() {
    let (folder, sources) = scene("rte", &rte(&[0, 1]), &rte(&[0]));
    let missing = refusal(&SST2, &sources);
    for part in ["SST-2/train.tsv", "sst2/train-*.parquet", "harness data fetch glue/sst2"] {
        assert!(missing.contains(part), "{part}: {missing}");
    }
    // Parts are not at the Hub.
    assert!(SST2_SUBSET.hub_files().is_empty());
    assert!(!refusal(&SST2_SUBSET, &sources).contains("fetch"));

    // The vocabulary is found in the cache, under both names of its model.
    fs::rename(folder.path().join("data/bert-base-uncased"), folder.path().join("words")).unwrap();
    let none = refusal(&loose(RTE), &sources);
    for part in ["vocab.txt was not found", "google-bert/bert-base-uncased", "data fetch glue/rte"]
    {
        assert!(none.contains(part), "{part}: {none}");
    }
    for repository in [VOCABULARY.repository, "bert-base-uncased"] {
        let _: HubCache = cache(folder.path(), repository);
        let path = snapshot(folder.path(), repository, "vocab.txt");
        fs::copy(folder.path().join("words/vocab.txt"), &path).unwrap();
        let dataset = load(&loose(RTE), &Options::default(), &sources, None).unwrap();
        assert!(dataset.origin().ends_with(&path.display().to_string()), "{}", dataset.origin());
    }
    assert!(find(&RTE, RTE.train, &sources).is_err());
}
