//! A training that was interrupted ends bit for bit like one that was not.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use common::{Recording, Rewires, one_at_a_time, setup, training};
use dst_core::training::Component;
use dst_core::{
    Architecture, BatchNorm2d, Builder, Conv2d, Error, Input, InputShape, Linear, Model, Pass,
    Result, Span, Step, Task, Topology, Training,
};
use dst_train::toy::{Blobs, TinyMlp};
use dst_train::{Ended, NUMERICS, Observer, Progress, Setup, Silent, Trained, train};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

/// Stops after some batches of training, or of evaluation.
#[derive(Debug, Clone, Copy)]
enum StopAfter {
    Steps(usize),
    Evaluated(usize),
}

use StopAfter::{Evaluated, Steps};

impl Observer for StopAfter {
    fn step(&mut self, _: &Progress) -> ControlFlow<()> {
        match self {
            Steps(left) => count_down(left),
            Evaluated(_) => ControlFlow::Continue(()),
        }
    }

    fn evaluating(&mut self) -> ControlFlow<()> {
        match self {
            Evaluated(left) => count_down(left),
            Steps(_) => ControlFlow::Continue(()),
        }
    }
}

fn count_down(left: &mut usize) -> ControlFlow<()> {
    *left -= 1;
    if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Asks for a checkpoint after some batches and ends in an error after some more.
struct FailAfter {
    due: usize,
    failure: usize,
    steps: usize,
}

impl Observer for FailAfter {
    fn committed(&mut self, _: &Step, _: &Topology) -> Result<()> {
        self.steps += 1;
        match self.steps == self.failure {
            true => Err(Error::contract("a test that fails")),
            false => Ok(()),
        }
    }

    fn checkpoint_is_due(&mut self) -> bool {
        self.steps == self.due
    }
}

/// The newest checkpoint of a folder.
fn newest(folder: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"))
        .max()
        .unwrap()
}

/// The checkpoint of a folder: tensors as bytes, and the rest without times.
fn contents(folder: &Path) -> (BTreeMap<String, Vec<u8>>, Value) {
    let bytes = std::fs::read(newest(folder)).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut state: Value =
        serde_json::from_str(&header.metadata().as_ref().unwrap()["state"]).unwrap();
    state["seconds"].take();
    state["peak_memory"].take();
    for epoch in state["history"].as_array_mut().unwrap() {
        epoch["train_seconds"].take();
    }
    let archive = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = archive.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec()));
    (tensors.collect(), state)
}

fn finish(setup: &Setup<'_>, folder: &Path) -> Trained {
    match train(setup, Some(folder), &mut Silent).unwrap() {
        Ended::Complete(trained) => *trained,
        Ended::Stopped => panic!("nobody stopped it"),
    }
}

/// A network with buffers: running statistics.
#[derive(Debug, Serialize, Deserialize)]
struct Normed;

#[typetag::serde(name = "test-normed")]
impl Architecture for Normed {
    fn build(
        &self,
        _: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        Ok(Box::new(NormedNetwork {
            conv: builder.conv2d("fc1", 1, 8, 3, 1),
            norm: builder.batch_norm("norm", 8),
            fc2: builder.linear("fc2", 128, 16),
            fc3: builder.linear("fc3", 16, task.outputs()),
        }))
    }
}

#[derive(Debug)]
struct NormedNetwork {
    conv: Conv2d,
    norm: BatchNorm2d,
    fc2: Linear,
    fc3: Linear,
}

impl Model for NormedNetwork {
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let Input::Image(pictures) = input else {
            panic!("blobs are pictures");
        };
        let maps = self.norm.forward(&self.conv.forward(pictures, pass), pass).relu();
        let hidden = self.fc2.forward(&maps.flatten(1, -1).dropout(0.3, pass.training), pass);
        Ok(self.fc3.forward(&hidden.relu(), pass))
    }
}

/// Trains once without and once with the given interruptions.
fn assert_same_end(training: &Training, stops: &[StopAfter]) {
    assert_same_end_of(&TinyMlp { dropout: 0.3, ..TinyMlp::default() }, training, stops);
}

/// Returns the names of the tensors in a checkpoint.
fn assert_same_end_of(
    network: &dyn Architecture,
    training: &Training,
    stops: &[StopAfter],
) -> Vec<String> {
    assert_same_end_on(Blobs::default(), network, training, stops)
}

fn assert_same_end_on(
    data: Blobs,
    network: &dyn Architecture,
    training: &Training,
    stops: &[StopAfter],
) -> Vec<String> {
    let _turn = one_at_a_time();
    let data = Recording::new(data);
    let strategy = Rewires::default();
    let setup = setup(&strategy, network, &data, training);

    let straight = tempfile::tempdir().unwrap();
    let uninterrupted = finish(&setup, straight.path());
    let broken = tempfile::tempdir().unwrap();
    for stop in stops {
        let ended = train(&setup, Some(broken.path()), &mut stop.clone()).unwrap();
        assert!(matches!(ended, Ended::Stopped), "{stop:?}");
        // Whatever happened to libtorch's generator in between must not matter.
        tch::manual_seed(99);
    }
    let resumed = finish(&setup, broken.path());

    let (expected_tensors, expected_state) = contents(straight.path());
    let (tensors, state) = contents(broken.path());
    assert_eq!(expected_state, state);
    let names: Vec<&String> = expected_tensors.keys().collect();
    assert_eq!(names, tensors.keys().collect::<Vec<_>>());
    for (name, bytes) in &expected_tensors {
        assert!(tensors[name] == *bytes, "{name} differs");
    }
    for kind in [
        "parameter/fc1.weight",
        "first/fc1.bias",
        "topology/active/fc1.weight",
        "topology/slot/sum/fc1.weight",
        "best/parameter/fc3.bias",
        "best/active/fc2.weight",
        "births/fc2.weight",
    ] {
        assert!(expected_tensors.contains_key(kind), "{kind} is not saved: {names:?}");
    }
    let (a, b) = (&uninterrupted.outcome, &resumed.outcome);
    assert_eq!((a.test, a.test_last, a.validation), (b.test, b.test_last, b.validation));
    assert_eq!(
        (a.best_epoch, a.steps, a.skipped_batches),
        (b.best_epoch, b.steps, b.skipped_batches)
    );
    assert_eq!(a.train_flops, b.train_flops);
    assert_eq!(uninterrupted.layers, resumed.layers);
    assert_eq!(uninterrupted.ages, resumed.ages);
    assert!(uninterrupted.ages.iter().any(|row| row.dropped > 0 && row.age_epochs > 0));
    assert_eq!(uninterrupted.confusion, resumed.confusion);
    assert_eq!(uninterrupted.predictions, resumed.predictions);
    expected_tensors.into_keys().collect()
}

#[test]
fn stopped_at_the_end_of_an_epoch() {
    assert_same_end(&training(), &[Steps(15)]);
}

#[test]
fn stopped_in_the_middle_of_evaluations() {
    // Three batches in every validation and two in the test set, which is read for the last weights
    // and for the best ones.
    let stop = |stops: &[StopAfter]| {
        let data = Blobs::new(3, [240, 600, 300]);
        let network = TinyMlp { dropout: 0.3, ..TinyMlp::default() };
        assert_same_end_on(data, &network, &training(), stops);
    };
    // In the first validation twice, then after seven batches of the second epoch, then at the
    // end of the second validation, which is read anew.
    stop(&[Evaluated(1), Evaluated(2), Steps(7), Evaluated(3), Evaluated(3)]);
    // At the end of the third validation, in the first reading of the test set, in the second.
    stop(&[Evaluated(9), Evaluated(4), Evaluated(3)]);
}

#[test]
fn an_asked_for_checkpoint_survives_a_failure() {
    let _turn = one_at_a_time();
    let (data, training) = (Recording::new(Blobs::default()), training());
    let (strategy, network) = (Rewires::default(), TinyMlp { dropout: 0.3, ..TinyMlp::default() });
    let setup = setup(&strategy, &network, &data, &training);
    let straight = tempfile::tempdir().unwrap();
    finish(&setup, straight.path());

    let broken = tempfile::tempdir().unwrap();
    let mut failing = FailAfter { due: 5, failure: 9, steps: 0 };
    train(&setup, Some(broken.path()), &mut failing).unwrap_err();
    let (_, state) = contents(broken.path());
    assert_eq!(state["trainer"]["counters"]["offset"], 5);
    assert_eq!(state["history"], Value::Array(Vec::new()));
    finish(&setup, broken.path());
    assert_eq!(contents(straight.path()), contents(broken.path()));
}

#[test]
fn mixed_precision_resumes_too() {
    let training = Training { precision: dst_core::Precision::Bf16, ..training() };
    assert_same_end(&training, &[Steps(7), Steps(20)]);
    assert_same_end_of(&Normed, &training, &[Steps(3), Steps(20)]);
}

#[test]
fn running_statistics_survive() {
    let names = assert_same_end_of(&Normed, &training(), &[Steps(7), Steps(20)]);
    for kind in ["buffer/norm.running_var", "best/buffer/norm.running_mean"] {
        assert!(names.contains(&kind.to_owned()), "{kind} is not saved: {names:?}");
    }
}

#[test]
fn stopped_again_and_again_in_the_middle_of_epochs() {
    let training = Training {
        optimizer: Component::optimizer("adamw").with("weight_decay", 0.05),
        schedule: Component::schedule("cosine"),
        warmup: Span::Steps(10),
        clip_norm: 1.0,
        ..training()
    };
    assert_same_end(&training, &[Steps(1), Steps(6), Steps(20), Steps(17)]);
}

#[test]
fn stopped_after_the_last_batch_and_with_accumulation() {
    let training = Training {
        optimizer: Component::optimizer("sgd").with("nesterov", true).with("weight_decay", 0.01),
        accumulate: 2,
        label_smoothing: 0.1,
        ..training()
    };
    // Eight steps an epoch, the last of one micro-batch.
    assert_same_end(&training, &[Steps(3), Steps(21)]);
}

#[test]
fn a_checkpoint_that_is_of_no_use_gives_way_to_a_new_start() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let setup = setup(&strategy, &network, &blobs, &training);
    let reference = tempfile::tempdir().unwrap();
    let expected = finish(&setup, reference.path());
    let own = newest(reference.path());
    let good = std::fs::read(&own).unwrap();

    let other_seed = tempfile::tempdir().unwrap();
    train(&Setup { seed: 7, ..setup }, Some(other_seed.path()), &mut Steps(20)).unwrap();
    let foreign = newest(other_seed.path());
    let foreign = (foreign.clone(), std::fs::read(foreign).unwrap());
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    let mut renamed = good.clone();
    let place = renamed.windows(9).position(|window| window == b"first/fc1").unwrap();
    renamed[place] = b'F';
    let [cut, renamed, empty] = [cut, renamed, Vec::new()].map(|bytes| (own.clone(), bytes));

    for (what, (name, bytes)) in
        [("foreign", foreign), ("cut", cut), ("renamed", renamed), ("empty", empty)]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name.file_name().unwrap()), bytes).unwrap();
        let trained = finish(&setup, folder.path());
        assert_eq!(trained.outcome.test, expected.outcome.test, "{what}");
        let (tensors, state) = contents(folder.path());
        assert!((tensors, state) == contents(reference.path()), "{what}");
    }
}

/// From the one before, training does again what the damaged one had.
#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let setup = setup(&strategy, &network, &blobs, &training);
    let reference = tempfile::tempdir().unwrap();
    let expected = finish(&setup, reference.path());

    let folder = tempfile::tempdir().unwrap();
    train(&setup, Some(folder.path()), &mut Steps(20)).unwrap();
    train(&setup, Some(folder.path()), &mut Steps(3)).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let path = newest(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    // One step more than the first of the two had made.
    train(&setup, Some(folder.path()), &mut Steps(1)).unwrap();
    let (_, state) = contents(folder.path());
    let index = state["trainer"]["counters"]["index"].as_u64().unwrap();
    assert!((2..23).contains(&index), "{index}");
    let trained = finish(&setup, folder.path());
    assert_eq!(trained.outcome.test, expected.outcome.test);
    assert!(contents(folder.path()) == contents(reference.path()));
}

/// A process that was taken for dead.
struct Superseded;

impl Observer for Superseded {
    fn may_save(&mut self) -> bool {
        false
    }
}

#[test]
fn whoever_was_superseded_ends_and_saves_nothing() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let setup = setup(&strategy, &network, &blobs, &training);
    let folder = tempfile::tempdir().unwrap();
    train(&setup, Some(folder.path()), &mut Steps(20)).unwrap();
    let before = contents(folder.path());
    let error = train(&setup, Some(folder.path()), &mut Superseded).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Superseded);
    assert!(contents(folder.path()) == before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// A network that starts from other weights may have the same shape and setup.
#[test]
fn a_checkpoint_belongs_to_the_weights_that_its_training_started_from() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let setup = setup(&strategy, &network, &blobs, &training);
    let setup = Setup { weights_digest: "old", ..setup };
    // A checkpoint after 20 steps, and one more step.
    let one_more = |weights_digest| {
        let folder = tempfile::tempdir().unwrap();
        train(&setup, Some(folder.path()), &mut Steps(20)).unwrap();
        let setup = Setup { weights_digest, ..setup };
        train(&setup, Some(folder.path()), &mut Steps(1)).unwrap();
        contents(folder.path())
    };
    let new = one_more("new");
    let fresh = tempfile::tempdir().unwrap();
    train(&Setup { weights_digest: "new", ..setup }, Some(fresh.path()), &mut Steps(1)).unwrap();
    assert!(new == contents(fresh.path()), "it did not begin anew");
    assert!(one_more("old").0 != new.0, "it began anew");
}

/// Numbers of two codes are mixed only if somebody accepts that, and then the result says so.
#[test]
fn a_checkpoint_belongs_to_the_code_that_made_it() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let old = Setup { code: "method=1", ..setup(&strategy, &network, &blobs, &training) };
    let new = Setup { code: "method=2", ..old };
    let begun = || {
        let folder = tempfile::tempdir().unwrap();
        train(&old, Some(folder.path()), &mut Steps(20)).unwrap();
        folder
    };
    let steps = |setup: &Setup<'_>, folder: &Path| {
        train(setup, Some(folder), &mut Steps(1)).unwrap();
        let (_, state) = contents(folder);
        (state["trainer"]["counters"]["index"].as_u64().unwrap(), state)
    };
    let (anew, state) = steps(&new, begun().path());
    assert_eq!((anew, &state["setup"]["code"]), (1, &"method=2".into()));

    let accepted = Setup { accept_code: true, ..new };
    let folder = begun();
    let (went_on, state) = steps(&accepted, folder.path());
    assert!(went_on > 10, "{went_on}");
    let earlier = format!("method=1 numerics={NUMERICS}");
    assert_eq!(state["earlier_code"], Value::from([earlier.clone()].to_vec()));
    // From here on it is a checkpoint of the new code, and is still known to be of two.
    assert_eq!(finish(&new, folder.path()).earlier_code, [earlier]);
    assert_eq!(finish(&old, begun().path()).earlier_code, [""; 0]);

    // Nobody can accept other weights.
    let other = Setup { weights_digest: "other", ..accepted };
    assert_eq!(steps(&other, begun().path()).0, 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    std::fs::write(&file, "a file, not a folder").unwrap();
    let setup = setup(&strategy, &network, &blobs, &training);
    let error = train(&setup, Some(&file), &mut Silent).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Io);
    assert!(error.to_string().contains("taken"), "{error}");
}
