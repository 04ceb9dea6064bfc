//! Tests of the store, with results made by hand.

use std::fs;

use dst_analysis::sample::{self, Size};
use dst_analysis::{Analysis, Margin};
use dst_record::predictions::Values;
use dst_record::record::{AgeRecord, EpochRecord, LayerRecord, Scores};
use dst_record::{LayerMask, Predictions};
use serde_json::json;

use crate::masks::write_masks;
use crate::predictions::write_predictions;
use crate::testing::{failure, spec, success};
use crate::trial::{TrialResult, write_result, write_tables};
use crate::*;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("runs")).unwrap();
    (folder, store)
}

fn text(error: Error) -> String {
    error.to_string()
}

#[test]
fn a_store_is_made_once_and_opened_again() {
    let (_folder, store) = store();
    assert_eq!(
        fs::read_to_string(store.root().join("store.json")).unwrap(),
        "{\n  \"format\": 1\n}\n"
    );
    assert!(Store::create(store.root()).is_ok());
    assert!(Store::open(store.root()).is_ok());
    assert!(store.ids().unwrap().is_empty() && store.records().unwrap().all.is_empty());
    assert!(store.grids().unwrap().all.is_empty());
}

#[test]
fn a_folder_with_other_things_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let root = folder.path().display();
    assert_eq!(
        text(Store::create(folder.path()).unwrap_err()),
        format!(
            "{root} is not a run store and not empty: it holds thesis.tex\n  \
             pass a new or empty folder with --store"
        )
    );
    assert!(text(Store::open(folder.path()).unwrap_err()).contains("is no run store"));
    let absent = folder.path().join("absent");
    assert!(text(Store::open(&absent).unwrap_err()).contains("absent does not exist"));
    assert!(!absent.exists(), "opening makes nothing");
}

#[test]
fn a_file_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(text(Store::create(&file).unwrap_err()).contains("file is not a folder"));
    assert!(text(Store::create(&file.join("runs")).unwrap_err()).contains("is not a folder"));
}

#[test]
fn a_newer_format_is_refused() {
    let (_folder, store) = store();
    fs::write(store.root().join("store.json"), "{\"format\": 2, \"codec\": \"x\"}").unwrap();
    let error = text(Store::create(store.root()).unwrap_err());
    assert!(error.contains("has format 2, and this version reads up to 1"), "{error}");
}

#[test]
fn trials_without_the_file_that_names_their_format_are_a_store() {
    let (_folder, store) = store();
    let marker = store.root().join("store.json");
    let wanted = spec("set", 0);
    // An empty store whose marker is damaged is empty; a folder named like a trial changes nothing.
    fs::create_dir(store.root().join("00000000000000ff")).unwrap();
    fs::write(&marker, "{").unwrap();
    assert!(text(Store::open(store.root()).unwrap_err()).contains("is no run store"));
    Store::create(store.root()).unwrap();
    store.add(&wanted).unwrap();
    crate::testing::end(&store, &success(&wanted)).unwrap();
    for bytes in [None, Some(&b""[..]), Some(b"\xff"), Some(b"[]")] {
        fs::remove_file(&marker).unwrap();
        bytes.iter().for_each(|bytes| fs::write(&marker, bytes).unwrap());
        assert_eq!(Store::open(store.root()).unwrap().records().unwrap().all.len(), 1);
        assert!(Store::open_if_there(store.root()).unwrap().is_some());
        Store::create(store.root()).unwrap();
        assert_eq!(fs::read_to_string(&marker).unwrap(), "{\n  \"format\": 1\n}\n");
    }
}

#[test]
fn many_make_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("runs");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Store::create(&root))).collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_specification_is_written_once_and_checked() {
    let (_folder, store) = store();
    let wanted = spec("set", 3);
    let path = store.folder(&wanted.id()).join("spec.json");
    store.add(&wanted).unwrap();
    store.add(&wanted).unwrap();
    assert_eq!(store.spec(&wanted.id()).unwrap(), wanted);
    assert_eq!(store.specs().unwrap().all, std::slice::from_ref(&wanted));

    let edited = fs::read_to_string(&path).unwrap().replace("\"seed\": 3", "\"seed\": 4");
    fs::write(&path, edited).unwrap();
    let error = text(store.spec(&wanted.id()).unwrap_err());
    assert!(error.contains("spec.json: this specification has the id "), "{error}");
    // Whatever stands there, the name of the folder says what must.
    for bytes in [&b"{\"dataset\":"[..], b"", b"\xff\xfe", b"[]"] {
        fs::write(&path, bytes).unwrap();
        assert!(store.spec(&wanted.id()).is_err());
        assert_eq!(store.specs().unwrap().damaged.len(), 1);
        store.add(&wanted).unwrap();
        assert_eq!(store.spec(&wanted.id()).unwrap(), wanted, "a torn file is written anew");
    }
    assert!(path.with_file_name("spec.json.damaged-4").exists(), "what stood there is kept");
    assert!(text(store.spec("0123456789abcdef").unwrap_err()).contains("has no trial 0123"));
}

#[test]
fn a_result_comes_back_with_its_tables() {
    let (_folder, store) = store();
    let wanted = spec("set", 0);
    let id = wanted.id();
    store.add(&wanted).unwrap();
    assert_eq!(store.state(&id).unwrap(), TrialState::Pending);
    assert_eq!(store.record(&id).unwrap(), None);

    let scores = Scores { loss: 0.3, accuracy: Some(0.9), ..Scores::default() };
    let history = [EpochRecord {
        epoch: 1,
        steps: 109,
        learning_rate: 0.001,
        train_loss: 0.5,
        validation: scores,
        sparsity_prunable: 0.9,
        train_flops: 1e11,
        train_seconds: 1.2,
    }];
    let layers = [LayerRecord {
        epoch: 0,
        layer: "fc1.weight".into(),
        shape: "120x400".into(),
        size: 48_000,
        active: 4_800,
        born: 0,
        dropped: 0,
        ever_active_share: 0.1,
        ..LayerRecord::default()
    }];
    let ages = [AgeRecord { layer: "fc1.weight".into(), age_epochs: 1, dropped: 0, active: 4_800 }];
    let folder = store.folder(&id);
    write_tables(&folder, &history, &layers, &ages, Durability::Synced).unwrap();
    write_predictions(&folder, &predictions()).unwrap();
    let active: Vec<bool> = (0..4096).map(|place| place % 10 == 0).collect();
    let masks = [LayerMask::new("fc1.weight", 48_000, &active).unwrap()];
    write_masks(&folder, &masks).unwrap();
    let rows = RowCounts { history: 1, layers: 1, ages: 1, predictions: 3, masks: 1 };
    let mut result =
        TrialResult { rows, confusion: vec![vec![1, 1], vec![0, 1]], ..success(&wanted) };
    let test = &mut result.outcome.as_mut().unwrap().test;
    (test.accuracy, test.f1_macro) = (Some(2.0 / 3.0), Some(2.0 / 3.0));
    assert!(write_result(&folder, &result).unwrap());

    let ended =
        TrialState::Ended { status: Status::Finished, reason: String::new(), collapse: None };
    assert_eq!(store.state(&id).unwrap(), ended);
    let record = store.record(&id).unwrap().unwrap();
    assert_eq!((&record.spec, &record.outcome), (&wanted, &result.outcome));
    assert!(store.result(&id).unwrap().unwrap().files.len() == 5);
    assert_eq!((&record.history[..], &record.layers[..]), (&history[..], &layers[..]));
    assert_eq!((&record.ages[..], &record.confusion), (&ages[..], &result.confusion));
    assert_eq!(record.predictions, Some(predictions()));
    assert_eq!(record.masks, masks);

    fs::write(folder.join("history.csv"), "").unwrap();
    let error = text(store.record(&id).unwrap_err());
    assert!(error.contains("history.csv: this is not the file that the result"), "{error}");
    assert_eq!(store.state(&id).unwrap(), ended, "the result itself is whole");
    let TrialState::Damaged(why) = store.checked_state(&id).unwrap() else { panic!() };
    assert!(why.contains("history.csv"), "{why}");
}

/// A trial with every file that a result counts.
fn whole_trial(store: &Store) -> TrialSpec {
    let mut record =
        sample::grid(Size { datasets: 1, strategies: 1, sparsities: 1, seeds: 1, epochs: 2 });
    sample::predict(&mut record, 50);
    sample::score_by_predictions(&mut record);
    assert!(store.put(&record[1]).unwrap());
    record[1].spec.clone()
}

/// Seeded places over all bits of a file.
fn places(bytes: &[u8], count: usize) -> impl Iterator<Item = usize> {
    let bits = 8 * bytes.len();
    (0..count).map(move |index| (index * 1_000_003 + 77) % bits)
}

#[test]
fn a_flipped_bit_anywhere_is_damage_or_changes_nothing() {
    let (_folder, store) = store();
    let trial = whole_trial(&store);
    let id = trial.id();
    let whole = store.record(&id).unwrap().unwrap();
    let folder = store.folder(&id);
    let files = [
        "result.json",
        "spec.json",
        "history.csv",
        "layers.csv",
        "ages.csv",
        "predictions.safetensors",
        "masks.safetensors",
    ];
    for name in files {
        let path = folder.join(name);
        let bytes = fs::read(&path).unwrap();
        let mut noticed = 0;
        for place in places(&bytes, 60) {
            let mut flipped = bytes.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            fs::write(&path, flipped).unwrap();
            match store.records().unwrap() {
                Found { all, damaged } if damaged.is_empty() => {
                    assert_eq!(all, std::slice::from_ref(&whole), "{name}, bit {place}");
                }
                Found { all, damaged } => {
                    noticed += 1;
                    assert!(all.is_empty() && damaged.len() == 1);
                    let state = store.checked_state(&id).unwrap();
                    let needed = name != "spec.json";
                    assert_eq!(
                        matches!(state, TrialState::Damaged(_)),
                        needed,
                        "{name}, bit {place}"
                    );
                }
            }
        }
        assert!(noticed > 30, "{name}: {noticed}");
        fs::write(&path, &bytes).unwrap();
        fs::remove_file(&path).unwrap();
        let found = store.records().unwrap();
        assert!(found.all.is_empty(), "{name} is missing");
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(store.records().unwrap().all, [whole]);
}

#[test]
fn one_damaged_trial_does_not_hide_the_others() {
    let (_folder, store) = store();
    for seed in 0..3 {
        let wanted = spec("set", seed);
        store.add(&wanted).unwrap();
        crate::testing::end(&store, &success(&wanted)).unwrap();
    }
    let edited = spec("set", 1).id();
    let path = store.folder(&edited).join("result.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("0.98", "0.99")).unwrap();
    let found = store.records().unwrap();
    assert_eq!((found.all.len(), found.damaged.len()), (2, 1));
    let words = found.damaged[0].to_string();
    assert!(words.contains("it was changed after it was written"), "{words}");
    assert!(words.contains("start the grid again"), "{words}");
    // Folders that are named like trials and are none, and pipes, stop nobody.
    fs::create_dir(store.root().join("00000000000000aa")).unwrap();
    fs::create_dir(store.root().join("00000000000000ab")).unwrap();
    fs::create_dir(store.root().join("00000000000000ab/result.json")).unwrap();
    assert_eq!(store.records().unwrap().all.len(), 2);
    assert_eq!(store.specs().unwrap().all.len(), 3);
}

#[test]
fn a_result_of_an_earlier_version_is_read_and_sealed_on_demand() {
    let (_folder, store) = store();
    let trial = whole_trial(&store);
    let (id, folder) = (trial.id(), store.folder(&trial.id()));
    let record = store.record(&id).unwrap().unwrap();
    let path = folder.join("result.json");
    let mut value: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for key in ["digest", "files"] {
        value.as_object_mut().unwrap().remove(key).unwrap();
    }
    fs::write(&path, value.to_string()).unwrap();
    assert_eq!(store.record(&id).unwrap().as_ref(), Some(&record));
    assert!(matches!(store.checked_state(&id).unwrap(), TrialState::Ended { .. }));
    assert!(trial::seal_result(&folder, &id).unwrap());
    assert!(!trial::seal_result(&folder, &id).unwrap(), "it has its digests");
    assert_eq!(store.record(&id).unwrap(), Some(record));
}

fn predictions() -> Predictions {
    Predictions::new(Values::Byte(vec![0, 0, 1]), Values::Byte(vec![0, 1, 1])).unwrap()
}

#[test]
fn a_result_from_before_there_were_predictions_is_read() {
    let (_folder, store) = store();
    let wanted = spec("set", 0);
    store.add(&wanted).unwrap();
    let folder = store.folder(&wanted.id());
    assert!(write_result(&folder, &success(&wanted)).unwrap());
    let path = folder.join("result.json");
    let mut result: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for key in ["age_rows", "prediction_rows", "mask_layers", "confusion", "digest"] {
        assert!(result.as_object_mut().unwrap().remove(key).is_some(), "{key} is not written");
    }
    assert_eq!((&result["history_rows"], &result["layer_rows"]), (&json!(0), &json!(0)));
    fs::write(&path, result.to_string()).unwrap();
    // What an attempt that did not end left behind belongs to no result.
    write_predictions(&folder, &predictions()).unwrap();
    let record = store.record(&wanted.id()).unwrap().unwrap();
    assert_eq!((record.predictions, record.ages, record.confusion), (None, vec![], vec![]));
}

#[test]
fn trials_share_the_targets_of_their_data() {
    let (_folder, store) = store();
    for seed in 0..3 {
        let wanted = spec("set", seed);
        store.add(&wanted).unwrap();
        let folder = store.folder(&wanted.id());
        write_predictions(&folder, &predictions()).unwrap();
        let rows = RowCounts { predictions: 3, ..RowCounts::default() };
        write_result(&folder, &TrialResult { rows, ..success(&wanted) }).unwrap();
    }
    let records = store.records().unwrap().all;
    let targets = |record: &TrialRecord| record.predictions.as_ref().unwrap().targets() as *const _;
    assert!(records.iter().all(|record| targets(record) == targets(&records[0])));
}

#[test]
fn the_first_complete_attempt_wins() {
    let (_folder, store) = store();
    let wanted = spec("set", 0);
    store.add(&wanted).unwrap();
    let folder = store.folder(&wanted.id());
    assert!(write_result(&folder, &success(&wanted)).unwrap());
    assert!(!write_result(&folder, &failure(&wanted, Status::TimedOut, "late")).unwrap());
    assert_eq!(store.records().unwrap().all[0].status, Status::Finished);
}

#[test]
fn a_torn_or_foreign_result_is_damage_that_can_be_set_aside() {
    let (_folder, store) = store();
    let wanted = spec("set", 0);
    let id = wanted.id();
    store.add(&wanted).unwrap();
    let folder = store.folder(&id);
    let whole = serde_json::to_string(&success(&wanted)).unwrap();
    let foreign = serde_json::to_string(&success(&spec("rigl", 0))).unwrap();
    let hollow = whole.replace("\"finished\"", "\"won\"");
    for damaged in ["", "null", &whole[..whole.len() / 2], &foreign, &hollow, "\u{0}\u{0}"] {
        fs::write(folder.join("result.json"), damaged).unwrap();
        let TrialState::Damaged(why) = store.state(&id).unwrap() else {
            panic!("{damaged:?} was taken for a result");
        };
        assert!(why.contains("result.json: this is"), "{why}");
        assert!(text(store.record(&id).unwrap_err()).contains("trains the trial anew"));
        assert_eq!(store.records().unwrap().damaged.len(), 1);
    }
    for number in 1..=2 {
        fs::write(folder.join("result.json"), "{").unwrap();
        store.set_aside(&id, "damaged").unwrap();
        assert!(folder.join(format!("result.json.damaged-{number}")).exists());
    }
    assert_eq!(store.state(&id).unwrap(), TrialState::Pending);
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let (_folder, store) = store();
    let wanted = spec("set", 0);
    store.add(&wanted).unwrap();
    let mut result = success(&wanted);
    result.outcome.as_mut().unwrap().test.loss = f64::NAN;
    let error = text(write_result(&store.folder(&wanted.id()), &result).unwrap_err());
    assert!(error.contains("not finite"), "{error}");
    assert_eq!(store.state(&wanted.id()).unwrap(), TrialState::Pending);
}

#[test]
fn records_are_sorted_by_what_they_are() {
    let (_folder, store) = store();
    let mut specs = Vec::new();
    for name in ["set", "dense"] {
        for (sparsity, seed) in [(0.95, 0), (0.5, 10), (0.5, 9)] {
            specs.push(TrialSpec { sparsity, ..spec(name, seed) });
        }
    }
    for wanted in &specs {
        store.add(wanted).unwrap();
        write_result(&store.folder(&wanted.id()), &success(wanted)).unwrap();
    }
    let order: Vec<_> = store
        .records()
        .unwrap()
        .all
        .iter()
        .map(|record| {
            let spec = &record.spec;
            format!("{} {} {}", spec.strategy_name(), spec.sparsity, spec.seed)
        })
        .collect();
    assert_eq!(
        order,
        ["dense 0.5 9", "dense 0.5 10", "dense 0.95 0", "set 0.5 9", "set 0.5 10", "set 0.95 0"]
    );
    let two = [specs[0].id(), specs[4].id(), "0123456789abcdef".into()];
    assert_eq!(store.records_of(&two).unwrap().all.len(), 2);
}

#[test]
fn a_grid_is_remembered_with_its_first_start() {
    let (_folder, store) = store();
    let specs = [spec("set", 0), spec("dense", 0)];
    let first = GridRecord {
        started: "2026-01-31T12:00:00Z".into(),
        ..GridRecord::new("grid --strategies set,dense", &specs, Analysis::default())
    };
    store.remember_grid(&first).unwrap();
    let turned = [specs[1].clone(), specs[0].clone()];
    let again = GridRecord::new("grid --strategies dense,set", &turned, Analysis::default());
    store.remember_grid(&again).unwrap();
    assert_eq!(store.grids().unwrap().all, std::slice::from_ref(&first));

    let other = Analysis { margin: Margin::Absolute(0.01), ..Analysis::default() };
    let later = GridRecord::new("grid --margin 0.01", &specs, other);
    store.remember_grid(&later).unwrap();
    assert_eq!(store.grids().unwrap().all, [first.clone(), later.clone()]);

    let path = store.root().join(format!("grids/{}.json", first.id()));
    let whole = fs::read_to_string(&path).unwrap();
    assert!(whole.contains("\"started\": \"2026-01-31"));
    let edits = ["{".to_owned(), whole.replace("2026-01-31", "2026-01-01"), "\u{0}".to_owned()];
    for edited in edits {
        fs::write(&path, edited).unwrap();
        let found = store.grids().unwrap();
        assert_eq!((found.all.len(), found.damaged.len()), (1, 1));
        let words = found.damaged[0].to_string();
        assert!(words.contains("this is no record of a grid"), "{words}");
    }
    store.remember_grid(&first).unwrap();
    assert_eq!(store.grids().unwrap().all, [first.clone(), later.clone()]);
    // An earlier version, which did not know one of the settings.
    let mut value: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for key in ["digest", "command"] {
        value.as_object_mut().unwrap().remove(key).unwrap();
    }
    value["command"] = json!("of an earlier version");
    value["analysis"].as_object_mut().unwrap().remove("target_margin").unwrap();
    let id = grid::id_of(&value["analysis"], &value["trials"], &value["budgets"]);
    assert_ne!(id, first.id());
    let earlier = path.with_file_name(format!("{id}.json"));
    fs::write(&earlier, value.to_string()).unwrap();
    let found = store.grids().unwrap();
    assert_eq!((found.all.len(), found.damaged.len()), (3, 0));
    grid::seal(&earlier).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    fs::remove_file(&earlier).unwrap();
    // Without its digest, the name alone tells what was fixed.
    let mut value: serde_json::Value = serde_json::from_str(&whole).unwrap();
    value.as_object_mut().unwrap().remove("digest").unwrap();
    value["analysis"]["alpha"] = json!(0.5);
    fs::write(&path, value.to_string()).unwrap();
    let words = store.grids().unwrap().damaged[0].to_string();
    assert!(words.contains("so it was changed or moved"), "{words}");
}

#[test]
fn a_trial_that_ended_elsewhere_is_kept_once() {
    let (_folder, store) = store();
    let size = Size { datasets: 1, strategies: 1, sparsities: 1, seeds: 2, epochs: 3 };
    let mut trials = sample::grid(size);
    sample::predict(&mut trials, 50);
    sample::score_by_predictions(&mut trials);
    for trial in &trials {
        assert!(store.put(trial).unwrap());
    }
    for trial in &trials {
        assert_eq!(store.record(&trial.id).unwrap().as_ref(), Some(trial));
        let other = TrialRecord { reason: "another".into(), ..trial.clone() };
        assert!(!store.put(&other).unwrap(), "the first result stays");
        assert_eq!(store.record(&trial.id).unwrap().as_ref(), Some(trial));
    }
    let moved = TrialRecord { id: trials[0].id.clone(), ..trials[1].clone() };
    assert!(text(store.put(&moved).unwrap_err()).contains("this specification has the id"));
}
