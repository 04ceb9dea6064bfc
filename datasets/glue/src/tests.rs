mod damage;

use std::fmt::Write;
use std::fs;

use dst_core::plugin::Plugin;
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{Input, InputShape, Metric, Split, Task as Goal};
use dst_texts::testing::{found, small};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::task::{COLA, MNLI, MNLI_MM_SUBSET, MRPC, QNLI, QQP, QQP_SUBSET, RTE, SST2, STSB, WNLI};

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

/// A task whose files may have any number of rows.
fn loose(task: Task) -> Task {
    let any = |file: File| File { rows: None, sha256: None, ..file };
    Task { train: any(task.train), test: any(task.test), ..task }
}

/// A data folder with a small vocabulary and the files of one task.
fn folder(task: &Task, train: &str, test: &str) -> (tempfile::TempDir, DataSources) {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let at = folder.path().join("glue_data").join(task.folder);
    fs::create_dir_all(&at).unwrap();
    fs::write(at.join(task.train.name), train).unwrap();
    fs::write(at.join(task.test.name), test).unwrap();
    let sources = DataSources {
        data_dir: Some(folder.path().to_path_buf()),
        hub: None,
        ..DataSources::default()
    };
    (folder, sources)
}

/// RTE with 25 rows for training; row n has n times `a` and one `b`.
fn rte() -> (tempfile::TempDir, DataSources) {
    let mut train = "index\tsentence1\tsentence2\tlabel\n".to_owned();
    for row in 0..25 {
        let label = if row % 2 == 0 { "entailment" } else { "not_entailment" };
        writeln!(train, "{row}\t{}\tb\t{label}", "a ".repeat(row)).unwrap();
    }
    let test = "index\tsentence1\tsentence2\tlabel\n0\ta b\tc\tnot_entailment\n";
    folder(&RTE, &train, test)
}

fn values(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor.to_kind(Kind::Int64).flatten(0, -1)).unwrap()
}

#[test]
fn every_tenth_row_is_held_out() {
    let (_folder, sources) = rte();
    let dataset = load(&loose(RTE), &Options::default(), &sources, None).unwrap();
    assert_eq!(SPLITS.map(|split| dataset.len(split)), [23, 2, 1]);
    assert_eq!(dataset.task(), Goal::Classification { classes: 2 });
    assert_eq!(dataset.input(), InputShape::Tokens { vocabulary: 10, length: 128 });
    // Rows 9 and 19: [CLS] a… [SEP] b [SEP].
    let batch = dataset.batch(Split::Validation, &[0, 1], Device::Cpu).unwrap();
    let Input::Tokens { ids, segments, present } = &batch.input else { panic!("text") };
    assert_eq!(ids.size(), [2, 23]);
    assert_eq!(values(&present.sum_dim_intlist(1i64, false, Kind::Int64)), [13, 23]);
    assert_eq!(values(&segments.sum_dim_intlist(1i64, false, Kind::Int64)), [2, 2]);
    assert_eq!(values(&ids.get(0))[8..], [5, 5, 3, 6, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(values(&segments.get(0))[8..], [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        (ids.kind(), segments.kind(), present.kind()),
        (Kind::Int64, Kind::Int64, Kind::Bool)
    );
    assert_eq!((batch.target.kind(), values(&batch.target)), (Kind::Int64, vec![1, 1]));
    // Lengths 4 + n but for n = 9 and 19: the mean is 4 + 272 / 23, row 12 is the 12th of training.
    assert_eq!(dataset.representative_row(), 11);
    let error = dataset.batch(Split::Test, &[1], Device::Cpu).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Contract);
}

#[test]
fn a_vocabulary_may_be_given() {
    let (folder, sources) = rte();
    let model = folder.path().join("model");
    fs::create_dir_all(&model).unwrap();
    let with = |vocabulary: &Path| {
        let vocabulary = vocabulary.to_str().map(str::to_owned);
        load(&loose(RTE), &Options { vocabulary, ..Options::default() }, &sources, None)
    };
    let error = with(&model).unwrap_err().to_string();
    assert!(error.starts_with("glue/rte: there is no vocabulary"), "{error}");
    assert!(error.contains("give a vocab.txt or a tokenizer.json"), "{error}");
    fs::write(model.join("vocab.txt"), "b\n[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n").unwrap();
    let usual = load(&loose(RTE), &Options::default(), &sources, None).unwrap();
    // Nobody needs the usual one then.
    fs::remove_dir_all(folder.path().join("bert-base-uncased")).unwrap();
    for given in [model.clone(), model.join("vocab.txt")] {
        let dataset = with(&given).unwrap();
        assert_eq!(dataset.input(), InputShape::Tokens { vocabulary: 6, length: 128 });
        let batch = dataset.batch(Split::Test, &[0], Device::Cpu).unwrap();
        let Input::Tokens { ids, .. } = &batch.input else { panic!("text") };
        assert_eq!(values(ids), [3, 5, 0, 4, 2, 4]);
        assert_ne!(dataset.digest(), usual.digest());
    }
}

#[test]
fn weights_without_a_vocabulary_are_warned_of_and_an_unusable_one_is_explained() {
    let (folder, sources) = rte();
    let model = folder.path().join("model");
    fs::create_dir_all(&model).unwrap();
    let beside = sources.for_weights(Some(&model.join("model.safetensors")));
    let with = |vocabulary: Option<String>| {
        let options = Options { vocabulary, ..Options::default() };
        load(&loose(RTE), &options, &beside, None)
    };
    let foreign = with(None).unwrap();
    let warning = foreign.warnings().concat();
    for part in ["model has weights and no vocabulary", "--set glue/rte.vocabulary=FILE"] {
        assert!(warning.contains(part), "{warning}");
    }
    let small = folder.path().join("bert-base-uncased").display().to_string();
    assert!(with(Some(small.clone())).unwrap().warnings().is_empty());
    let usual = load(&loose(RTE), &Options::default(), &sources, None).unwrap().warnings().concat();
    assert!(usual.ends_with("has 10 tokens and is not the vocabulary of bert-base-uncased"));

    let own = model.join("vocab.txt");
    fs::write(&own, "a\n").unwrap();
    let error = with(None).unwrap_err().to_string();
    for part in ["vocab.txt: there is no token [UNK]", "beside the model's weights", "--set glue/"]
    {
        assert!(error.contains(part), "{error}");
    }
    assert!(with(Some(small)).is_ok());
    fs::write(&own, "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n").unwrap();
    let own = with(None).unwrap();
    assert!(own.warnings().is_empty());
    assert_ne!(own.digest(), foreign.digest());
}

#[test]
fn a_fork_outlives_its_data_set_and_hands_out_the_same_batches() {
    let (_folder, sources) = rte();
    let dataset = load(&loose(RTE), &Options::default(), &sources, None).unwrap();
    let fork = dataset.fork().unwrap();
    let batches = |dataset: &dyn Dataset| {
        let mut order = ChaCha8Rng::seed_from_u64(0);
        dataset.batches(Split::Train, 4, Some(&mut order))
    };
    let asked = batches(&*dataset);
    assert_eq!(batches(&*fork), asked);
    let read = |dataset: Box<dyn Dataset>, rows: &[i64]| {
        let batch = dataset.batch(Split::Train, rows, Device::Cpu).unwrap();
        let Input::Tokens { ids, .. } = &batch.input else { panic!("text") };
        (values(ids), values(&batch.target))
    };
    let expected = read(dataset, &asked[0]);
    let there = std::thread::spawn(move || read(fork, &asked[0])).join().unwrap();
    assert_eq!(there, expected);
}

#[test]
fn a_part_is_drawn_from_the_training_rows_alone() {
    let (_folder, sources) = rte();
    let with = |train_samples| {
        load(&loose(RTE), &Options { train_samples, ..Options::default() }, &sources, None)
    };
    let (whole, part) = (with(None).unwrap(), with(Some(7)).unwrap());
    assert_eq!(SPLITS.map(|split| part.len(split)), [7, 2, 1]);
    let ids = |dataset: &dyn Dataset, rows: &[i64]| {
        let batch = dataset.batch(Split::Train, rows, Device::Cpu).unwrap();
        let Input::Tokens { ids, .. } = batch.input else { panic!("text") };
        values(&ids)
    };
    let rows = train_part(23, Some(7)).unwrap().unwrap();
    assert_eq!(ids(&*part, &[0, 1, 2, 3, 4, 5, 6]), ids(&*whole, &rows));
    let error = with(Some(24)).unwrap_err().to_string();
    assert!(error.starts_with("glue/rte: train_samples = 24 is not from 1 to 23"), "{error}");
}

#[test]
fn rows_are_cut_at_the_length_asked_for_and_cached_apart() {
    let (folder, sources) = rte();
    let cache = folder.path().join("cache");
    let load = |max_length| {
        let options = Options { max_length, ..Options::default() };
        load(&loose(RTE), &options, &sources, Some(&cache)).unwrap()
    };
    for _ in 0..2 {
        for (length, longest) in [(128, 28), (10, 10)] {
            let dataset = load(length);
            assert_eq!(
                dataset.input(),
                InputShape::Tokens { vocabulary: 10, length: length.into() }
            );
            let rows: Vec<i64> = (0..23).collect();
            let batch = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
            let Input::Tokens { ids, .. } = batch.input else { panic!("text") };
            assert_eq!(ids.size(), [23, longest]);
        }
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 4);
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let error = |options: serde_json::Value| {
        let options = options.as_object().unwrap();
        let loaded = dst_core::plugin::dataset("glue/rte", options, &DataSources::default());
        loaded.unwrap_err().to_string()
    };
    for length in [7, 513] {
        assert_eq!(
            error(serde_json::json!({ "max_length": length })),
            format!("glue/rte: max_length = {length} is not from 8 to 512")
        );
    }
    let near = error(serde_json::json!({ "max_lenght": 64 }));
    assert!(near.contains("did you mean 'max_length'"), "{near}");
}

#[test]
fn the_group_holds_every_whole_task() {
    let group = DatasetGroup::find("glue").unwrap();
    let names: Vec<&str> = DatasetPlugin::all().unwrap().iter().map(|plugin| plugin.name).collect();
    let whole: Vec<&str> =
        names.iter().filter(|name| !name.ends_with("-subset")).copied().collect();
    let mut members = group.members.to_vec();
    members.sort_unstable();
    assert_eq!(members, whole);
}

#[test]
fn at_most_5_000_rows_are_held_out() {
    let held_out = |rows: usize| {
        let mut file = Encoded::default();
        for _ in 0..rows {
            file.push(&[2, 3], 2);
        }
        file.labels = vec![0.0; rows];
        let folder = tempfile::tempdir().unwrap();
        let vocabulary = Arc::new(small(folder.path()));
        let files = [file, Encoded::default()];
        let options = Options::default();
        let glue = split(&SST2, &options, files, &vocabulary, String::new(), String::new());
        let glue = glue.unwrap();
        (glue.len(Split::Validation), glue.len(Split::Train))
    };
    assert_eq!(held_out(635), (63, 572));
    assert_eq!(held_out(50_000), (5_000, 45_000));
    assert_eq!(held_out(67_349), (4_810, 62_539));
}

/// As on the leaderboard of GLUE, where two metrics of a task count alike.
#[test]
fn every_task_has_its_official_metrics() {
    for (task, metric, second_metric) in [
        (COLA, Metric::Matthews, None),
        (SST2, Metric::Accuracy, None),
        (MRPC, Metric::F1Binary, Some(Metric::Accuracy)),
        (STSB, Metric::Pearson, Some(Metric::Spearman)),
        (QQP, Metric::F1Binary, Some(Metric::Accuracy)),
        (QQP_SUBSET, Metric::F1Binary, Some(Metric::Accuracy)),
        (MNLI, Metric::Accuracy, None),
        (MNLI_MM_SUBSET, Metric::Accuracy, None),
        (QNLI, Metric::Accuracy, None),
        (RTE, Metric::Accuracy, None),
        (WNLI, Metric::Accuracy, None),
    ] {
        assert_eq!((task.metric, task.second_metric), (metric, second_metric), "{}", task.name);
        assert!(metric.fits(task.kind()), "{}", task.name);
    }
}

#[test]
fn scores_are_floats() {
    let text = "sentence1\tsentence2\tscore\na\tb\t3.800\n";
    let (_folder, sources) = folder(&STSB, text, text);
    let dataset = load(&loose(STSB), &Options::default(), &sources, None).unwrap();
    assert_eq!(dataset.task(), Goal::Regression);
    assert_eq!(dataset.metric(), Metric::Pearson);
    assert_eq!(dataset.second_metric(), Some(Metric::Spearman));
    let target = dataset.batch(Split::Test, &[0], Device::Cpu).unwrap().target;
    assert_eq!((target.kind(), Vec::<f32>::try_from(target).unwrap()), (Kind::Float, vec![3.8]));
}

#[test]
fn a_second_load_reads_the_cache_and_a_damaged_one_is_written_anew() {
    let (folder, sources) = rte();
    let cache = folder.path().join("cache");
    let load = || load(&loose(RTE), &Options::default(), &sources, Some(&cache)).unwrap();
    let first = load();
    let files = || {
        let mut files: Vec<_> =
            fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    assert_eq!(files().len(), 2);
    let rows: Vec<i64> = (0..23).collect();
    let same = |other: &dyn Dataset| {
        let [a, b] = [&*first, other].map(|dataset| {
            let batch = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
            let Input::Tokens { ids, segments, present } = batch.input else { panic!("text") };
            [values(&ids), values(&segments), values(&present), values(&batch.target)]
        });
        assert_eq!(a, b);
        assert_eq!(first.digest(), other.digest());
    };
    same(&*load());
    let whole = fs::read(&files()[0]).unwrap();
    fs::write(&files()[0], &whole[..50]).unwrap();
    same(&*load());
    assert_eq!(fs::read(&files()[0]).unwrap(), whole);

    // Another vocabulary, other ids.
    let vocabulary = folder.path().join("bert-base-uncased/vocab.txt");
    let swapped = fs::read_to_string(&vocabulary).unwrap().replace("a\nb\n", "b\na\n");
    fs::write(&vocabulary, swapped).unwrap();
    assert_ne!(load().digest(), first.digest());
    assert_eq!(files().len(), 4);
}

#[test]
fn bad_files_are_named_with_line_and_task() {
    let good = "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n";
    let bad = "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n1\ta\tb\tno\n";
    let (folder, sources) = folder(&RTE, bad, good);
    let path = folder.path().join("glue_data/RTE/train.tsv");
    let message =
        || load(&loose(RTE), &Options::default(), &sources, None).unwrap_err().to_string();
    assert_eq!(
        message(),
        format!(
            "glue/rte: {}: line 3: 'no' is not a label\n  known: entailment, not_entailment",
            path.display()
        )
    );
    // The official file must have its number of rows.
    fs::write(&path, good).unwrap();
    let error = load(&RTE, &Options::default(), &sources, None).unwrap_err().to_string();
    assert!(error.contains("it has 1 rows, and the official file has 2490"), "{error}");
    assert!(load(&loose(RTE), &Options::default(), &sources, None).is_ok());
}

#[test]
fn missing_files_are_named_and_a_part_is_pointed_at() {
    let message = |task: &Task, sources: &DataSources| {
        load(task, &Options::default(), sources, None).unwrap_err().to_string()
    };
    let unset = message(&SST2, &DataSources::default());
    assert!(unset.contains("glue/sst2: no data folder is set"), "{unset}");
    assert!(unset.contains("DIR/glue_data/SST-2/train.tsv is expected"), "{unset}");
    let (folder, sources) = rte();
    let absent = message(&MRPC, &sources);
    assert!(absent.starts_with("glue/mrpc: MRPC/train.tsv was not found in"), "{absent}");
    for place in ["glue_data/MRPC/train.tsv", "MRPC/train.tsv"] {
        let place = folder.path().join(place).display().to_string();
        assert!(absent.contains(&place), "{absent}");
    }
    let part = folder.path().join("glue_data/QNLI/train.subset.tsv");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, "").unwrap();
    assert_eq!(
        message(&QNLI, &sources),
        format!(
            "glue/qnli: QNLI/train.tsv was not found\n  a part of it is there, {}: use \
             glue/qnli-subset",
            part.display()
        )
    );
}

#[test]
fn the_layout_without_glue_data_is_found() {
    let (folder, _) = rte();
    let inner = folder.path().join("glue_data");
    fs::rename(folder.path().join("bert-base-uncased"), inner.join("bert-base-uncased")).unwrap();
    let sources = DataSources { data_dir: Some(inner), hub: None, ..DataSources::default() };
    assert_eq!(
        load(&loose(RTE), &Options::default(), &sources, None).unwrap().len(Split::Train),
        23
    );
}

#[test]
fn every_task_and_every_part_is_registered() {
    let plugins = DatasetPlugin::all().unwrap();
    // Reports quote it.
    assert!(plugins.iter().all(|plugin| plugin.split.contains("test set are withheld")));
    let names: Vec<&str> = plugins.iter().map(|plugin| plugin.name).collect();
    assert_eq!(
        names,
        [
            "glue/cola",
            "glue/mnli",
            "glue/mnli-mm",
            "glue/mnli-mm-subset",
            "glue/mnli-subset",
            "glue/mrpc",
            "glue/qnli",
            "glue/qnli-subset",
            "glue/qqp",
            "glue/qqp-subset",
            "glue/rte",
            "glue/sst2",
            "glue/sst2-subset",
            "glue/stsb",
            "glue/wnli",
        ]
    );
    let readme = include_str!("../README.md");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

/// The data folder that `HARNESS_DATA` names (a path from the workspace's root), if it holds
/// GLUE.
fn real_data() -> Option<DataSources> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data_dir = std::env::var_os("HARNESS_DATA").map(|folder| root.join(folder));
    let sources = DataSources { data_dir, hub: None, ..DataSources::default() };
    if find(&WNLI, WNLI.train, &sources).is_err() || found(&sources).is_err() {
        println!("skipped: no data");
        return None;
    }
    Some(sources)
}

/// How often each class occurs in a split, by the order of the rows.
fn classes(dataset: &dyn Dataset, split: Split) -> Vec<usize> {
    let Goal::Classification { classes } = dataset.task() else { panic!("no classes") };
    let rows: Vec<i64> = (0..dataset.len(split) as i64).collect();
    let mut counts = vec![0; classes as usize];
    for rows in rows.chunks(5_000) {
        for class in values(&dataset.batch(split, rows, Device::Cpu).unwrap().target) {
            counts[class as usize] += 1;
        }
    }
    counts
}

#[test]
fn every_task_has_its_published_counts() {
    let Some(sources) = real_data() else { return };
    for (task, train, test) in [
        (task::COLA, vec![2_528, 6_023], vec![322, 721]),
        (MRPC, vec![1_194, 2_474], vec![129, 279]),
        (RTE, vec![1_249, 1_241], vec![146, 131]),
        (WNLI, vec![323, 312], vec![40, 31]),
        (task::QNLI_SUBSET, vec![5_027, 4_972], vec![2_702, 2_761]),
        (task::QQP_SUBSET, vec![5_747, 3_252], vec![623, 377]),
        (task::MNLI_SUBSET, vec![3_408, 3_313, 3_278], vec![3_479, 3_123, 3_213]),
        (task::MNLI_MM_SUBSET, vec![3_408, 3_313, 3_278], vec![3_463, 3_129, 3_240]),
    ] {
        let dataset = load(&task, &Options::default(), &sources, None).unwrap();
        let [own, held_out, dev] = SPLITS.map(|split| classes(&*dataset, split));
        let together: Vec<usize> = own.iter().zip(&held_out).map(|(a, b)| a + b).collect();
        assert_eq!((together, dev), (train, test), "{}", task.name);
        // Rows are held out without regard to their labels, and still share their proportions.
        let total = held_out.iter().sum::<usize>() as f64;
        for (class, all) in held_out.iter().zip(&own) {
            let share = *all as f64 / own.iter().sum::<usize>() as f64;
            let error = (*class as f64 / total - share).abs();
            assert!(error < 3.0 * (share / total).sqrt(), "{}: {held_out:?}", task.name);
        }
    }
    // All are the official ones.
    for task in [task::COLA, MRPC, RTE, SST2, STSB, WNLI, task::QNLI_SUBSET, MNLI_MM_SUBSET] {
        let dataset = load(&task, &Options::default(), &sources, None).unwrap();
        assert_eq!(dataset.warnings(), [""; 0], "{}", task.name);
    }
    let scores = load(&STSB, &Options::default(), &sources, None).unwrap();
    assert_eq!(SPLITS.map(|split| scores.len(split)), [5_175, 574, 1_500]);
    let missing = load(&MNLI, &Options::default(), &sources, None).unwrap_err().to_string();
    assert!(missing.ends_with("use glue/mnli-subset"), "{missing}");
}

#[test]
fn less_than_a_tenth_of_sst2_is_padding() {
    let Some(sources) = real_data() else { return };
    let cache = tempfile::tempdir().unwrap();
    let start = std::time::Instant::now();
    let dataset = load(&SST2, &Options::default(), &sources, Some(cache.path())).unwrap();
    let fresh = start.elapsed();
    assert_eq!(SPLITS.map(|split| dataset.len(split)), [62_539, 4_810, 872]);
    let start = std::time::Instant::now();
    let again = load(&SST2, &Options::default(), &sources, Some(cache.path())).unwrap();
    println!("SST-2: {fresh:?} tokenised, {:?} from the cache", start.elapsed());
    assert_eq!(again.digest(), dataset.digest());
    for batch_size in [16, 32, 64] {
        let mut order = ChaCha8Rng::seed_from_u64(0);
        let batches = dataset.batches(Split::Train, batch_size, Some(&mut order));
        let (mut padding, mut size) = (0, 0);
        for rows in batches.iter().step_by(7) {
            let Input::Tokens { present, .. } =
                dataset.batch(Split::Train, rows, Device::Cpu).unwrap().input
            else {
                panic!("text")
            };
            size += present.numel() as i64;
            padding += present.numel() as i64 - present.sum(Kind::Int64).int64_value(&[]);
        }
        let share = padding as f64 / size as f64;
        println!("SST-2: {:.2} % padding at batch size {batch_size}", 100.0 * share);
        assert!(share < 0.1, "{share}");
    }
    // "it 's a charming and often affecting journey . "
    let batch = dataset.batch(Split::Test, &[0], Device::Cpu).unwrap();
    let Input::Tokens { ids, .. } = batch.input else { panic!("text") };
    let expected = [101, 2009, 1005, 1055, 1037, 11951, 1998, 2411, 12473, 4990, 1012, 102];
    assert_eq!(values(&ids), expected);
    assert_eq!(values(&batch.target), [1]);
}

/// `vocab.txt` and `tokenizer.json` say the same.
#[test]
fn both_forms_of_the_vocabulary_give_the_same_ids() {
    let Some(sources) = real_data() else { return };
    let path = found(&sources).unwrap().path;
    let json = path.with_file_name("tokenizer.json");
    if !json.is_file() {
        println!("skipped: no tokenizer.json");
        return;
    }
    let other = tempfile::tempdir().unwrap();
    fs::copy(json, other.path().join("tokenizer.json")).unwrap();
    let other = DataSources {
        data_dir: Some(other.path().to_path_buf()),
        hub: None,
        ..DataSources::default()
    };
    let [txt, json] = [&sources, &other].map(|sources| found(sources).unwrap());
    assert_eq!((txt.size, txt.pad), (json.size, json.pad));
    assert_eq!((txt.digest, txt.name), (json.digest, json.name));
    let bytes = fs::read(find(&RTE, RTE.train, &sources).unwrap()).unwrap();
    let rows = tsv::parse(&bytes, &RTE, Some(2_490)).unwrap();
    let [txt, json] = [txt, json].map(|vocabulary| vocabulary.encode(&rows, 128).unwrap());
    assert_eq!(txt, json);
    assert!(txt.ends.windows(2).all(|pair| pair[1] - pair[0] <= 128));
}
