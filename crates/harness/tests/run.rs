//! Runs of one trial with plug-ins of this test's own: one that fails in every way a plug-in
//! can, on a data set without files.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use dst_core::options::{NoOptions, OptionsType};
use dst_core::plugin::{DatasetPlugin, StrategyPlugin};
use dst_core::record::{AgeRecord, EpochRecord, Status, TrialRecord, TrialSpec};
use dst_core::{
    BatchUse, DataSources, Distribution, Error, ErrorKind, Keep, Metric, Probe, Result, Step,
    Strategy, Topology, Training,
};
use dst_store::{Claim, Store, TrialState};
use dst_train::toy::Blobs;
use harness::run::{RunOptions, RunOutcome, run_trial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

const STORE_VARIABLE: &str = "HARNESS_TEST_RUN_STORE";

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    #[default]
    Nothing,
    Panic,
    Contract,
    Data,
    Start,
    /// SIGTERM to its own process, if it is one that a test started.
    Terminate,
    /// SIGKILL, likewise.
    Kill,
}

/// Static random sparsity that has a fault at a step.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Faulty {
    fault: Fault,
    at: u64,
}

#[typetag::serde(name = "test-wrench")]
impl Strategy for Faulty {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        if self.fault == Fault::Start {
            return Err(Error::usage("this sparsity cannot be reached"));
        }
        topology.allocate(Distribution::Uniform)?;
        topology.activate_random()
    }

    fn after_backward(&self, step: &Step, _: &mut Topology) -> Result<BatchUse> {
        let in_child = std::env::var_os(STORE_VARIABLE).is_some();
        match self.fault {
            _ if step.index != self.at => {}
            Fault::Panic => panic!("a wrench in the works\nand a backtrace"),
            Fault::Contract => return Err(Error::contract("the wrench slipped").at("fc1")),
            Fault::Data => return Err(Error::data("the wrench is bent")),
            // Twice, as the kernel does when it ends an executor with several threads.
            Fault::Terminate if in_child => {
                raise(libc::SIGTERM);
                raise(libc::SIGTERM);
            }
            Fault::Kill if in_child => raise(libc::SIGKILL),
            _ => {}
        }
        Ok(BatchUse::Weights)
    }
}

fn raise(signal: libc::c_int) {
    // SAFETY: no memory is involved.
    unsafe {
        libc::raise(signal);
    }
}

inventory::submit! {
    StrategyPlugin {
        name: "test-wrench",
        title: "Faulty",
        paper: "none",
        bibtex: "",
        summary: "Fails as it is told.",
        ..StrategyPlugin::of::<Faulty>("")
    }
}

inventory::submit! {
    DatasetPlugin {
        name: "test-blobs",
        title: "Blobs",
        paper: "none",
        summary: "Clouds of points.",
        split: "",
        model: "mlp",
        metric: Metric::Accuracy,
        second_metric: None,
        find: |_| Ok("here".to_owned()),
        own: None,
        hub: &[],
        options: OptionsType::of::<NoOptions>(),
        load: |_, _| Ok(Box::new(Blobs::default())),
    }
}

fn trial(fault: Fault, at: u64) -> TrialSpec {
    TrialSpec {
        dataset: "test-blobs".into(),
        dataset_options: serde_json::Map::new().into(),
        model: json!({ "name": "mlp", "hidden": [12], "dropout": 0.1 }).into(),
        strategy: json!({ "name": "test-wrench", "fault": fault, "at": at }).into(),
        sparsity: 0.5,
        // 240 samples: 15 steps in an epoch.
        training: Training {
            epochs: 3,
            batch_size: 16,
            learning_rate: 0.01,
            ..Training::default()
        }
        .into(),
        seed: 1,
    }
}

fn options() -> RunOptions {
    RunOptions {
        keep: Keep::None,
        threads: 1,
        sources: DataSources::default(),
        device: "cpu".into(),
        worker: false,
        accept_code: false,
    }
}

struct Scene {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        Self { _folder: folder, store }
    }

    fn run(&self, spec: &TrialSpec) -> Result<RunOutcome> {
        // Dropout draws from libtorch's generator, which belongs to the process: two trials at
        // once would share it.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        run_trial(&self.store, spec, &options())
    }

    /// The status and reason of a trial that is expected to have a result.
    fn end(&self, spec: &TrialSpec) -> (Status, String) {
        match self.run(spec).unwrap() {
            RunOutcome::Ended { status, reason } => (status, reason),
            outcome => panic!("the trial has no result: {outcome:?}"),
        }
    }

    /// The kind and text of an error that leaves no result.
    fn refusal(&self, spec: &TrialSpec) -> (ErrorKind, String) {
        let error = self.run(spec).unwrap_err();
        assert_eq!(self.store.record(&spec.id()).unwrap(), None);
        (error.kind(), error.to_string())
    }

    fn record(&self, spec: &TrialSpec) -> TrialRecord {
        self.store.record(&spec.id()).unwrap().expect("the trial has ended")
    }

    /// Runs the only trial of the store in a process of its own.
    fn run_in_child(&self) -> ExitStatus {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "be_a_run", "--nocapture"])
            .env(STORE_VARIABLE, self.store.root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }
}

/// Not a test by itself: the process that others interrupt. It fails unless it is interrupted.
#[test]
fn be_a_run() {
    let Some(root) = std::env::var_os(STORE_VARIABLE) else {
        return;
    };
    let store = Store::open(Path::new(&root)).unwrap();
    let spec = store.specs().unwrap().all.remove(0);
    assert_eq!(run_trial(&store, &spec, &options()).unwrap(), RunOutcome::Interrupted);
}

#[test]
fn a_trial_is_trained_once() {
    let scene = Scene::new();
    let spec = trial(Fault::Nothing, 0);
    assert_eq!(scene.end(&spec), (Status::Finished, String::new()));

    let record = scene.record(&spec);
    let outcome = record.outcome.as_ref().unwrap();
    assert!(outcome.test.accuracy > Some(0.5), "{outcome:?}");
    assert_eq!(outcome.steps, 45);
    assert_eq!(record.history.iter().map(|row| row.epoch).collect::<Vec<_>>(), [1, 2, 3]);
    let layers: Vec<_> = record.layers.iter().map(|row| (row.epoch, &*row.layer)).collect();
    assert_eq!(layers[..2], [(0, "fc1.weight"), (0, "fc2.weight")]);
    assert_eq!(layers.len(), 8);
    let total = |count: fn(&AgeRecord) -> u64| record.ages.iter().map(count).sum::<u64>();
    let active = record.layers[6..].iter().map(|row| row.active).sum();
    assert_eq!((total(|row| row.active), total(|row| row.dropped)), (active, 0));
    assert!(record.ages.iter().all(|row| row.age_epochs == 3));
    let correct: u64 = (0..3).map(|class| record.confusion[class][class]).sum();
    let right = record.predictions.as_ref().unwrap().correct().unwrap();
    assert_eq!(right.iter().filter(|right| **right).count() as u64, correct);
    let provenance = &record.provenance;
    assert_eq!((provenance.attempt, provenance.threads, &*provenance.device), (1, 1, "cpu"));
    assert!(provenance.libtorch.starts_with("2.") && provenance.data_digest.contains("blobs"));

    let folder = scene.store.folder(&spec.id());
    assert!(!folder.join("checkpoint").exists());
    assert_eq!(scene.end(&spec), (Status::Finished, String::new()));
    assert!(!folder.join("attempts/2.json").exists(), "nothing was begun again");
}

#[test]
fn failures_of_plug_ins_are_results_with_a_reason() {
    let scene = Scene::new();
    let (status, reason) = scene.end(&trial(Fault::Panic, 20));
    assert_eq!(status, Status::Crashed);
    assert!(reason.starts_with("panic: a wrench in the works ("), "{reason}");
    assert!(reason.contains("tests/run.rs:"), "{reason}");
    let record = scene.record(&trial(Fault::Panic, 20));
    assert_eq!((record.history.len(), record.layers.len()), (1, 4));
    assert_eq!(record.outcome, None);

    let crash = |reason: &str| (Status::Crashed, reason.to_owned());
    assert_eq!(scene.end(&trial(Fault::Contract, 0)), crash("fc1: the wrench slipped"));
    assert_eq!(scene.end(&trial(Fault::Data, 3)), crash("the wrench is bent"));
}

#[test]
fn a_loss_that_is_not_finite_is_divergence() {
    let scene = Scene::new();
    let mut spec = trial(Fault::Nothing, 0);
    spec.training.learning_rate = 1e30;
    let (status, reason) = scene.end(&spec);
    assert_eq!(status, Status::Diverged, "{reason}");
    assert!(!reason.is_empty());
}

#[test]
fn what_the_user_can_mend_is_no_result() {
    let scene = Scene::new();
    let plain = trial(Fault::Nothing, 0);
    let unknown = TrialSpec { dataset: "test-blob".into(), ..plain.clone() };
    let (kind, text) = scene.refusal(&unknown);
    assert_eq!(kind, ErrorKind::Usage);
    assert!(text.contains("did you mean 'test-blobs'?"), "{text}");

    let strategy = json!({ "name": "test-wrench", "att": 3 }).into();
    let mistyped = TrialSpec { strategy, ..plain.clone() };
    assert!(scene.refusal(&mistyped).1.contains("did you mean 'at'?"));
    let nameless = TrialSpec { model: json!("mlp").into(), ..plain.clone() };
    assert!(scene.refusal(&nameless).1.contains("neither a strategy nor a model"));
    let mut endless = plain.clone();
    endless.training.batch_size = 0;
    assert!(scene.refusal(&endless).1.contains("training: batch_size = 0"));
    assert!(scene.refusal(&trial(Fault::Start, 0)).1.contains("cannot be reached"));
    assert_eq!(scene.store.state(&trial(Fault::Start, 0).id()).unwrap(), TrialState::Interrupted);
}

#[test]
fn records_that_cannot_be_written_are_no_result() {
    let scene = Scene::new();
    let spec = trial(Fault::Nothing, 0);
    fs::create_dir_all(scene.store.folder(&spec.id()).join("history.csv")).unwrap();
    let (kind, text) = scene.refusal(&spec);
    assert_eq!(kind, ErrorKind::Io);
    assert!(text.contains("history.csv"), "{text}");
}

#[test]
fn a_held_trial_is_left_alone() {
    let scene = Scene::new();
    let spec = trial(Fault::Nothing, 0);
    scene.store.add(&spec).unwrap();
    let claim = scene.store.claim(&spec.id()).unwrap();
    let Claim::Ours(held) = claim else {
        panic!("{claim:?}");
    };
    let outcome = scene.run(&spec).unwrap();
    assert!(
        matches!(&outcome, RunOutcome::Held(holder) if holder.pid == std::process::id()),
        "{outcome:?}"
    );
    held.end("interrupted").unwrap();
    assert_eq!(scene.end(&spec).0, Status::Finished);
    assert_eq!(scene.record(&spec).provenance.attempt, 2);
}

#[test]
fn a_damaged_result_is_moved_aside() {
    let scene = Scene::new();
    let spec = trial(Fault::Nothing, 0);
    scene.store.add(&spec).unwrap();
    let folder = scene.store.folder(&spec.id());
    fs::write(folder.join("result.json"), "{}").unwrap();
    assert_eq!(scene.end(&spec).0, Status::Finished);
    assert!(folder.join("result.json.damaged-1").exists());
}

/// A run that is interrupted within epoch 2 and continued gives what an uninterrupted one gives.
fn continues(fault: Fault) {
    let (scene, reference) = (Scene::new(), Scene::new());
    let spec = trial(fault, 20);
    assert_eq!(reference.end(&spec).0, Status::Finished);

    scene.store.add(&spec).unwrap();
    let exit = scene.run_in_child();
    match fault {
        Fault::Kill => assert_eq!(exit.signal(), Some(libc::SIGKILL)),
        _ => assert!(exit.success(), "the process did not say that it was interrupted"),
    }
    assert_eq!(scene.store.state(&spec.id()).unwrap(), TrialState::Interrupted);
    assert!(scene.store.folder(&spec.id()).join("checkpoint").exists());

    assert_eq!(scene.end(&spec).0, Status::Finished);
    let (continued, whole) = (scene.record(&spec), reference.record(&spec));
    assert_eq!((continued.provenance.attempt, whole.provenance.attempt), (2, 1));
    let timeless = |record: &TrialRecord| -> Vec<EpochRecord> {
        let rows = record.history.iter().cloned();
        rows.map(|row| EpochRecord { train_seconds: 0.0, ..row }).collect()
    };
    assert_eq!(timeless(&continued), timeless(&whole));
    assert_eq!(continued.layers, whole.layers);
    assert_eq!(continued.ages, whole.ages);
    assert_eq!(continued.predictions, whole.predictions);
    let scores = |record: &TrialRecord| {
        let outcome = record.outcome.as_ref().unwrap();
        (outcome.test, outcome.test_last, outcome.best_epoch, outcome.steps)
    };
    assert_eq!(scores(&continued), scores(&whole));
}

#[test]
fn a_terminated_run_continues_as_if_nothing_had_happened() {
    continues(Fault::Terminate);
}

#[test]
fn a_killed_run_continues_as_if_nothing_had_happened() {
    continues(Fault::Kill);
}
