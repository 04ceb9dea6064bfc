//! Tests on made-up trials: files are taken apart again.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::ReportPlugin;
use dst_analysis::document::Page;
use dst_analysis::sample::{self, Size};
use dst_analysis::{Analysis, Catalog, Experiment, StrategyFacts, Study};
use dst_record::Plugin;
use dst_record::record::{LayerRecord, Status};
use prost::Message;

use super::*;
use crate::message::{HParams, Value};

fn dense() -> serde_json::Value {
    serde_json::json!({"name": "dense"})
}

fn rigl() -> serde_json::Value {
    serde_json::json!({"name": "rigl", "drop_fraction": 0.3, "grow": "gradient"})
}

fn render(trials: &[TrialRecord]) -> Vec<Document> {
    let report = ReportPlugin::find("tensorboard").unwrap().report;
    let facts = StrategyFacts { baseline: true, ..StrategyFacts::default() };
    let strategies = [("dense".to_owned(), facts)].into();
    let catalog = Catalog { strategies, ..Catalog::default() };
    let analysis = Analysis::default();
    let experiment = Experiment { catalog: &catalog, ..Experiment::new(trials, &analysis) };
    let study = Study::new(&experiment).unwrap();
    report.render(&study, &Page::new(&study)).unwrap().documents
}

fn values(event: &Event) -> &[Value] {
    event.summary.as_ref().map_or(&[], |summary| &summary.value)
}

/// Steps and values of a tag.
fn scalars(events: &[Event], tag: &str) -> Vec<(i64, f32)> {
    let of_event = |event: &Event| {
        let values = values(event).iter().filter(|value| value.tag == tag);
        values.map(|value| (event.step, value.simple_value.unwrap())).collect::<Vec<_>>()
    };
    events.iter().flat_map(of_event).collect()
}

fn trial() -> TrialRecord {
    let size = Size { datasets: 1, strategies: 1, sparsities: 1, seeds: 1, epochs: 3 };
    sample::grid(size).remove(1)
}

#[test]
fn a_run_has_scalars_by_epoch_and_ends_with_the_test_set() {
    let trial = trial();
    let events: Vec<Event> = frame::read(&render(std::slice::from_ref(&trial))[0].bytes).unwrap();
    assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
    let start = 1_767_225_660.0;
    let times: Vec<f64> = events.iter().map(|event| event.wall_time - start).collect();
    // Version, session, epochs 0 to 3, end of the session.
    assert_eq!(times, [0.0, 0.0, 0.0, 1.5, 3.0, 4.5, 4.5]);

    let loss: Vec<(i64, f32)> =
        trial.history.iter().map(|row| (i64::from(row.epoch), row.train_loss as f32)).collect();
    assert_eq!(scalars(&events, "train/loss"), loss);
    assert_eq!(scalars(&events, "validation/accuracy").len(), 3);
    assert_eq!(scalars(&events, "train/learning_rate"), [(1, 0.001), (3, 0.001)]);
    assert_eq!(scalars(&events, "topology/sparsity"), [(1, 0.5), (3, 0.5)]);
    assert_eq!(scalars(&events, "density/fc1.weight"), [(0, 0.5), (3, 0.5)]);
    // 24,000 active weights, of which a quarter, a fifth and a sixth moved.
    assert_eq!(scalars(&events, "churn/fc1.weight"), [(1, 0.25), (2, 0.2), (3, 4000.0 / 24e3)]);
    assert_eq!(scalars(&events, "ever_active_share/fc1.weight")[0], (0, 0.5));
    assert_eq!(scalars(&events, "network/density"), [(0, 0.5), (3, 0.5)]);
    assert_eq!(scalars(&events, "network/born")[3].1, (75 / 6 + 24_000 / 6 + 5040 / 6) as f32);
    // No layer tells it.
    assert!(scalars(&events, "network/regrown").is_empty());
    let accuracy = trial.outcome.as_ref().unwrap().test.accuracy.unwrap();
    assert_eq!(scalars(&events, "test/accuracy"), [(3, accuracy as f32)]);
    assert_eq!(scalars(&events, "cost/nonzero_parameters"), [(3, 110.0)]);
}

#[test]
fn sessions_have_parameters_and_share_a_group_over_seeds() {
    let strategy = rigl();
    let mut trials = sample::group(&strategy, 0.9, &[0.97, 0.98]);
    trials[1].status = Status::Collapsed;
    let sessions: Vec<(HParams, HParams)> = render(&trials)
        .iter()
        .map(|document| {
            let events: Vec<Event> = frame::read(&document.bytes).unwrap();
            let of = |event: &Event| {
                let data = values(event)[0].metadata.clone().unwrap().plugin_data.unwrap();
                assert_eq!(data.plugin_name, "hparams");
                HParams::decode(&*data.content).unwrap()
            };
            (of(&events[1]), of(events.last().unwrap()))
        })
        .collect();
    let start = |index: usize| sessions[index].0.session_start_info.clone().unwrap();
    assert_eq!((start(0).group_name, start(1).group_name), {
        let name = "toy, mlp/rigl at 90 %".to_owned();
        (name.clone(), name)
    });
    let hparams = start(0).hparams;
    assert_eq!(hparams["strategy"].string_value.as_deref(), Some("rigl"));
    assert_eq!(hparams["sparsity"].number_value, Some(0.9));
    assert_eq!(hparams["rigl.drop_fraction"].number_value, Some(0.3));
    assert_eq!(hparams["mlp.hidden"].string_value.as_deref(), Some("[8]"));
    assert_eq!(hparams["training.epochs"].number_value, Some(2.0));
    assert!(!hparams.contains_key("seed") && !hparams.contains_key("rigl.name"));
    let status = |index: usize| sessions[index].1.session_end_info.as_ref().unwrap().status;
    assert_eq!((status(0), status(1)), (1, 2));
}

#[test]
fn names_are_readable_and_unique_paths() {
    let mut trials = sample::group(&rigl(), 0.9, &[0.97]);
    trials.extend(sample::group(&dense(), 0.0, &[0.98]));
    let names: Vec<String> = render(&trials).into_iter().map(|document| document.name).collect();
    assert_eq!(
        names,
        [
            "tensorboard/toy, mlp/dense/seed 0 (dense-0-0)/events.out.tfevents.0.harness",
            "tensorboard/toy, mlp/rigl at 90 %/seed 0 (rigl-0.9-0)/events.out.tfevents.0.harness",
        ]
    );
    // What else is in the grid moves no trial to another folder.
    let mut other = sample::group(&rigl(), 0.9, &[0.96]);
    other[0].spec.strategy["drop_fraction"] = 0.1.into();
    other[0].id = "other".to_owned();
    let grown = [trials.clone(), other].concat();
    let of_all: Vec<String> = render(&grown).into_iter().map(|document| document.name).collect();
    assert!(names.iter().all(|name| of_all.contains(name)), "{of_all:?}");
    // Both become `a-b`.
    for (trial, dataset) in trials.iter_mut().zip(["a/b", "a:b"]) {
        trial.spec.dataset = dataset.to_owned();
        trial.spec.strategy = dense().into();
        trial.spec.sparsity = 0.0;
    }
    let documents = render(&trials);
    let names: BTreeSet<String> = documents.iter().map(|d| d.name.to_lowercase()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(documents.iter().all(|document| document.path().is_ok()), "{names:?}");
}

#[test]
fn a_trial_that_failed_at_once_is_a_run_that_failed() {
    let spec = sample::spec(rigl(), 0.9, 3);
    let failed = sample::failed(spec, Status::Crashed, "killed by signal 9");
    let events: Vec<Event> = frame::read(&render(&[failed])[0].bytes).unwrap();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.wall_time == 0.0));
}

#[test]
fn the_order_of_trials_changes_nothing_and_bytes_are_few() {
    let size = Size { datasets: 2, strategies: 4, sparsities: 3, seeds: 5, epochs: 50 };
    let mut trials = sample::grid(size);
    let of = |trials: &[TrialRecord]| -> BTreeMap<String, Vec<u8>> {
        render(trials).into_iter().map(|document| (document.name, document.bytes)).collect()
    };
    let expected = of(&trials);
    assert_eq!(expected.len(), trials.len());
    trials.reverse();
    assert_eq!(of(&trials), expected);
    // 500 such trials of 50 epochs and three layers are less than 10 MB.
    let bytes: usize = expected.values().map(Vec::len).sum();
    assert!(bytes / trials.len() < 20_000, "{} bytes a trial", bytes / trials.len());
}

/// A layer without an entry is possible in a file that was edited; it has no density to divide by.
#[test]
fn nothing_is_divided_by_zero() {
    let mut trial = trial();
    trial.layers = vec![LayerRecord { size: 0, active: 0, dropped: 0, ..trial.layers[4].clone() }];
    let events: Vec<Event> = frame::read(&render(&[trial])[0].bytes).unwrap();
    let all = events.iter().flat_map(values).filter_map(|value| value.simple_value);
    assert!(all.into_iter().all(f32::is_finite));
}
