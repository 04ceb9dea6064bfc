//! Tests of the store, with results made by hand.

use std::fs;

use dst_analysis::sample::{self, Size};
use dst_analysis::{Analysis, Margin};
use dst_core::predictions::Values;
use dst_core::record::{AgeRecord, EpochRecord, LayerRecord, Provenance, Scores};
use dst_core::{LayerMask, Predictions, Training};
use serde_json::json;

use super::trial::{TrialResult, write_result, write_tables};
use super::*;

/// A trial of a strategy `name` that no crate need provide.
pub(crate) fn spec(name: &str, seed: u64) -> TrialSpec {
    TrialSpec {
        dataset: "digits".into(),
        dataset_options: serde_json::Map::new(),
        model: json!({ "name": "mlp" }),
        strategy: json!({ "name": name }),
        sparsity: 0.9,
        training: Training::default(),
        seed,
    }
}

/// A result without an outcome.
pub(crate) fn failure(spec: &TrialSpec, status: Status, reason: &str) -> TrialResult {
    TrialResult {
        trial: spec.id(),
        status,
        reason: reason.into(),
        collapse: None,
        outcome: None,
        confusion: Vec::new(),
        rows: RowCounts::default(),
        provenance: Provenance::default(),
    }
}

/// A result that looks like that of a finished trial.
pub(crate) fn success(spec: &TrialSpec) -> TrialResult {
    let scores =
        Scores { loss: 0.1, accuracy: Some(0.98), f1_macro: Some(0.979), ..Scores::default() };
    let outcome = dst_core::record::Outcome {
        metric: dst_core::Metric::Accuracy,
        second_metric: None,
        test: scores,
        test_last: scores,
        validation: scores,
        best_epoch: 1,
        nonzero_parameters: 6_000,
        prunable_parameters: 61_000,
        total_parameters: 61_706,
        sparsity_prunable: 0.9,
        sparsity_total: 0.89,
        inference_ms_per_sample: 0.02,
        inference_batch_size: 100,
        inference_samples_per_second: Some(2500.0),
        throughput_batch_size: Some(256),
        train_seconds: 12.5,
        peak_memory_bytes: 300_000_000,
        peak_memory_kind: dst_core::record::MemoryKind::ResidentSet,
        train_flops: 1e12,
        inference_flops: 1e5,
        dense_inference_flops: 1e6,
        steps: 1_090,
        skipped_batches: 10,
        is_static: false,
    };
    TrialResult { outcome: Some(outcome), ..failure(spec, Status::Finished, "") }
}

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
    assert!(store.ids().unwrap().is_empty() && store.records().unwrap().is_empty());
    assert!(store.grids().unwrap().is_empty());
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
    fs::write(store.root().join("store.json"), "").unwrap();
    let error = text(Store::open(store.root()).unwrap_err());
    assert!(error.contains("store.json: this does not name a format"), "{error}");
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
    assert_eq!(store.specs().unwrap(), std::slice::from_ref(&wanted));

    let edited = fs::read_to_string(&path).unwrap().replace("\"seed\": 3", "\"seed\": 4");
    fs::write(&path, edited).unwrap();
    for error in [store.spec(&wanted.id()).unwrap_err(), store.add(&wanted).unwrap_err()] {
        let error = text(error);
        assert!(error.contains("spec.json: this specification has the id "), "{error}");
    }

    fs::write(&path, "{\"dataset\":").unwrap();
    assert!(store.spec(&wanted.id()).is_err());
    store.add(&wanted).unwrap();
    assert_eq!(store.spec(&wanted.id()).unwrap(), wanted, "a torn file is written anew");
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
    let result = TrialResult { rows, confusion: vec![vec![1, 1], vec![0, 1]], ..success(&wanted) };
    assert!(write_result(&folder, &result).unwrap());

    let ended =
        TrialState::Ended { status: Status::Finished, reason: String::new(), collapse: None };
    assert_eq!(store.state(&id).unwrap(), ended);
    let record = store.record(&id).unwrap().unwrap();
    assert_eq!((&record.spec, &record.outcome), (&wanted, &result.outcome));
    assert_eq!((&record.history[..], &record.layers[..]), (&history[..], &layers[..]));
    assert_eq!((&record.ages[..], &record.confusion), (&ages[..], &result.confusion));
    assert_eq!(record.predictions, Some(predictions()));
    assert_eq!(record.masks, masks);

    fs::write(folder.join("history.csv"), "").unwrap();
    let error = text(store.record(&id).unwrap_err());
    assert!(error.contains("history.csv: the result was written with 1 rows here"), "{error}");
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
    for key in ["age_rows", "prediction_rows", "mask_layers", "confusion"] {
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
    let records = store.records().unwrap();
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
    assert_eq!(store.records().unwrap()[0].status, Status::Finished);
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
        assert!(store.records().is_err());
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
    assert_eq!(store.records_of(&two).unwrap().len(), 2);
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
    assert_eq!(store.grids().unwrap(), std::slice::from_ref(&first));

    let other = Analysis { margin: Margin::Absolute(0.01), ..Analysis::default() };
    let later = GridRecord::new("grid --margin 0.01", &specs, other);
    store.remember_grid(&later).unwrap();
    assert_eq!(store.grids().unwrap(), [first.clone(), later]);

    fs::write(store.root().join(format!("grids/{}.json", first.id())), "{").unwrap();
    assert!(text(store.grids().unwrap_err()).contains("this is no record of a grid"));
}

#[test]
fn a_trial_that_ended_elsewhere_is_kept_once() {
    let (_folder, store) = store();
    let size = Size { datasets: 1, strategies: 1, sparsities: 1, seeds: 2, epochs: 3 };
    let mut trials = sample::grid(size);
    sample::predict(&mut trials, 50);
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
