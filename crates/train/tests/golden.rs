//! The numbers of training are those of the version that [`NUMERICS`] names.
//!
//! Results are told apart by that version, so it must rise whenever a change of core or training
//! gives other numbers for the same words. Small trainings over what both offer are compared with
//! `golden/trajectories.json`. If they differ and that is meant: raise `NUMERICS`, then
//!
//! ```text
//! UPDATE_GOLDEN=1 cargo test --release -p dst-train --test golden
//! ```

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::{Recording, StaysDense, one_at_a_time};
use dst_core::record::Scores;
use dst_core::topology::Growth;
use dst_core::training::Component;
use dst_core::{
    Architecture, BackendKind, Batch, BatchNorm2d, BatchUse, Builder, Conv2d, Dataset,
    Distribution, GradientScope, InitialMask, Input, InputShape, Linear, Model, Moments, Pass,
    Precision, Probe, Regrowth, Result, Span, Split, Step, Strategy, Task, Timing, Topology,
    Training,
};
use dst_train::toy::{Blobs, TinyMlp};
use dst_train::{Ended, NUMERICS, Setup, Silent, train};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Relative. Processors add in other orders, which 30 steps make larger.
const TOLERANCE: f64 = 1e-4;

/// Relative, of trainings whose numbers hang on the processor more, by a part of their name: one that
/// multiplies bfloat16 itself adds the products in another order and precision, and a start by gradients
/// may choose another of two nearly equal weights. Of an AMD EPYC and an Intel Xeon with AMX the losses
/// differed by up to 5.5 % and 4 %.
const LOOSE: [(&str, f64); 2] = [("bf16", 0.1), ("snip", 0.1)];

fn tolerance(name: &str) -> f64 {
    LOOSE.iter().find(|(part, _)| name.contains(part)).map_or(TOLERANCE, |(_, loose)| *loose)
}

/// One sample of 60.
const TOLERANCE_OF_SHARES: f64 = 0.02;

/// Drops the weakest connections and grows others, or prunes little by little.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Exchanges {
    distribution: Distribution,
    start: InitialMask,
    moments: Moments,
    regrowth: Regrowth,
    /// Grow where the gradient is largest, in place of the step; otherwise at random, after it.
    by_gradient: bool,
}

const TIMING: Timing = Timing { interval: Span::Steps(4), begin: None, end: Span::Fraction(0.8) };

impl Exchanges {
    fn update(&self, topology: &mut Topology) -> Result<()> {
        for layer in topology.layers_mut() {
            let count = (layer.active_count() as f64 * 0.3) as usize;
            let magnitude = layer.magnitude();
            let gradient = self.by_gradient.then(|| layer.dense_gradient()).transpose()?;
            let scores = gradient.map(|gradient| gradient.abs());
            let growth = scores.map_or(Growth::Random, Growth::Largest);
            layer.drop_and_grow(count, &magnitude, &growth, self.regrowth)?;
        }
        Ok(())
    }
}

#[typetag::serde(name = "golden-exchanges")]
impl Strategy for Exchanges {
    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        topology.moments = self.moments;
        topology.allocate(self.distribution)?;
        topology.activate_by(self.start, probe)
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(self.by_gradient && TIMING.is_due(step))
    }

    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<BatchUse> {
        if self.gradient_scope(step) < GradientScope::All {
            return Ok(BatchUse::Weights);
        }
        self.update(topology)?;
        Ok(BatchUse::Topology)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if self.by_gradient || !TIMING.is_due(step) {
            return Ok(());
        }
        self.update(topology)
    }
}

/// Keeps fewer and fewer of the largest weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Prunes;

#[typetag::serde(name = "golden-prunes")]
impl Strategy for Prunes {
    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !TIMING.is_due(step) {
            return Ok(());
        }
        for layer in topology.layers_mut() {
            layer.set_target(layer.active_count() * 7 / 10)?;
            let magnitude = layer.magnitude();
            layer.keep_largest(&magnitude)?;
        }
        Ok(())
    }
}

/// A convolution with a batch norm, and two linear layers.
#[derive(Debug, Serialize, Deserialize)]
struct Convolutional;

#[typetag::serde(name = "golden-convolutional")]
impl Architecture for Convolutional {
    fn build(
        &self,
        _: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        Ok(Box::new(ConvolutionalNetwork {
            conv: builder.conv2d("conv", 1, 8, 3, 1),
            norm: builder.batch_norm("norm", 8),
            fc1: builder.linear("fc1", 128, 16),
            fc2: builder.linear("fc2", 16, task.outputs()),
        }))
    }
}

#[derive(Debug)]
struct ConvolutionalNetwork {
    conv: Conv2d,
    norm: BatchNorm2d,
    fc1: Linear,
    fc2: Linear,
}

impl Model for ConvolutionalNetwork {
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let Input::Image(pictures) = input else { panic!("the toys are pictures") };
        let maps = self.norm.forward(&self.conv.forward(pictures, pass), pass).relu();
        let hidden = self.fc1.forward(&maps.flatten(1, -1), pass).relu();
        Ok(self.fc2.forward(&hidden.dropout(0.2, pass.training), pass))
    }
}

/// The mean of each of the blobs' pictures.
#[derive(Debug)]
struct Means(Blobs);

impl Dataset for Means {
    fn input(&self) -> InputShape {
        self.0.input()
    }

    fn task(&self) -> Task {
        Task::Regression
    }

    fn len(&self, split: Split) -> usize {
        self.0.len(split)
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let batch = self.0.batch(split, rows, device)?;
        let Input::Image(pictures) = &batch.input else { panic!("blobs are pictures") };
        let target = pictures.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float);
        Ok(Batch { input: batch.input, target })
    }

    fn digest(&self) -> &str {
        self.0.digest()
    }

    fn origin(&self) -> &str {
        self.0.origin()
    }
}

/// What is compared of one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Course {
    /// Of each epoch.
    train_loss: Vec<f64>,
    /// On validation after each epoch, then on the test set.
    scores: Vec<[Option<f64>; 3]>,
    steps: u64,
    skipped_batches: u64,
    train_flops: f64,
    /// By layer: active and newborn connections, over all epochs.
    counts: BTreeMap<String, Vec<[u64; 2]>>,
    /// By layer: the share of entries that were ever active.
    ever_active: BTreeMap<String, f64>,
}

fn scores(scores: &Scores) -> [Option<f64>; 3] {
    [Some(scores.loss), scores.accuracy, scores.pearson]
}

fn course(setup: &Setup<'_>) -> Course {
    let Ended::Complete(trained) = train(setup, None, &mut Silent).unwrap() else {
        panic!("nobody stopped it")
    };
    let mut counts: BTreeMap<String, Vec<[u64; 2]>> = BTreeMap::new();
    for row in &trained.layers {
        counts.entry(row.layer.clone()).or_default().push([row.active, row.born]);
    }
    let ever = trained.layers.iter().map(|row| (row.layer.clone(), row.ever_active_share));
    let validations = trained.history.iter().map(|epoch| scores(&epoch.validation));
    Course {
        train_loss: trained.history.iter().map(|epoch| epoch.train_loss).collect(),
        scores: validations.chain([scores(&trained.outcome.test)]).collect(),
        steps: trained.outcome.steps,
        skipped_batches: trained.outcome.skipped_batches,
        train_flops: trained.outcome.train_flops,
        counts,
        ever_active: ever.collect(),
    }
}

/// All trainings, by what they are about.
fn courses() -> BTreeMap<String, Course> {
    let base = Training { epochs: 2, batch_size: 16, learning_rate: 0.01, ..Training::default() };
    let exchanges = Exchanges {
        distribution: Distribution::Erk,
        start: InitialMask::Random,
        moments: Moments::ZeroNewborn,
        regrowth: Regrowth::Allowed,
        by_gradient: true,
    };
    let mlp = TinyMlp { dropout: 0.2, ..TinyMlp::default() };
    let (blobs, means) = (Recording::new(Blobs::default()), Means(Blobs::default()));
    let mut courses = BTreeMap::new();
    let mut add = |name: &str,
                   strategy: &dyn Strategy,
                   network: &dyn Architecture,
                   data: &dyn Dataset,
                   training: Training| {
        let backend = dst_sparse::backend(training.backend, 1).unwrap();
        let setup = common::setup(strategy, network, data, &training);
        courses.insert(name.to_owned(), course(&Setup { backend: &*backend, ..setup }));
    };
    add("dense, adam", &StaysDense, &mlp, &blobs, base.clone());
    let sgd = Training {
        optimizer: Component::optimizer("sgd").with("nesterov", true).with("weight_decay", 0.001),
        schedule: Component::schedule("cosine"),
        warmup: Span::Steps(6),
        ..base.clone()
    };
    add("growth by gradient, sgd, cosine, warm-up", &exchanges, &mlp, &blobs, sgd.clone());
    let adamw = Training {
        optimizer: Component::optimizer("adamw").with("weight_decay", 0.05),
        clip_norm: 0.5,
        schedule: Component::schedule("step").with("decay", 0.5).with("decay_every", "1 epochs"),
        ..base.clone()
    };
    let random = Exchanges {
        distribution: Distribution::Er,
        moments: Moments::Keep,
        regrowth: Regrowth::Forbidden,
        by_gradient: false,
        ..exchanges.clone()
    };
    add("growth at random, adamw, clipping, steps", &random, &mlp, &blobs, adamw.clone());
    let accumulating = Training {
        accumulate: 2,
        epochs: 4,
        label_smoothing: 0.1,
        schedule: Component::schedule("exponential").with("decay", 0.8),
        ..base.clone()
    };
    add("pruning, accumulation, label smoothing", &Prunes, &mlp, &blobs, accumulating);
    let snip =
        Exchanges { start: InitialMask::Snip, moments: Moments::ResetAll, ..exchanges.clone() };
    add("convolution, start by snip", &snip, &Convolutional, &blobs, base.clone());
    let uniform = Exchanges {
        distribution: Distribution::Uniform,
        start: InitialMask::MagnitudeGlobal,
        ..random.clone()
    };
    add("convolution, sgd, start by magnitude", &uniform, &Convolutional, &blobs, sgd);
    let half = Training { precision: Precision::Bf16, ..base.clone() };
    add("convolution, bf16", &random, &Convolutional, &blobs, half);
    let kernels =
        |training: &Training| Training { backend: BackendKind::Sparse, ..training.clone() };
    let sparse = Exchanges { distribution: Distribution::Uniform, ..exchanges.clone() };
    add("sparse kernels, convolution", &sparse, &Convolutional, &blobs, kernels(&base));
    add("sparse kernels, moments that stay", &random, &mlp, &blobs, kernels(&adamw));
    add("regression", &exchanges, &mlp, &means, adamw);
    courses
}

/// The file of golden values.
#[derive(Debug, Serialize, Deserialize)]
struct Golden {
    numerics: u32,
    courses: BTreeMap<String, Course>,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/trajectories.json")
}

fn differ(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() > tolerance * a.abs().max(b.abs())
}

/// What is different of one training, in words.
fn differences(was: &Course, is: &Course, tolerance: f64) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |what: &str, was: &dyn std::fmt::Debug, is: &dyn std::fmt::Debug| {
        found.push(format!("{what} was {was:?} and is {is:?}"));
    };
    for (epoch, (was, is)) in was.train_loss.iter().zip(&is.train_loss).enumerate() {
        if differ(*was, *is, tolerance) {
            note(&format!("train loss of epoch {}", epoch + 1), was, is);
        }
    }
    for (was, is) in was.scores.iter().zip(&is.scores) {
        let [loss, accuracy, pearson] = [0, 1, 2].map(|at| match (was[at], is[at]) {
            (Some(was), Some(is)) => (was - is).abs() / if at == 0 { was.abs() } else { 1.0 },
            (None, None) => 0.0,
            _ => f64::INFINITY,
        });
        if loss > tolerance || accuracy > TOLERANCE_OF_SHARES || pearson > tolerance {
            note("loss, accuracy and correlation", was, is);
        }
    }
    let steps = |course: &Course| (course.steps, course.skipped_batches, course.scores.len());
    if steps(was) != steps(is) {
        note("number of steps, skipped batches and evaluations", &steps(was), &steps(is));
    }
    if differ(was.train_flops, is.train_flops, 1e-9) {
        note("FLOPs", &was.train_flops, &is.train_flops);
    }
    for (name, was) in &was.counts {
        if is.counts.get(name).is_none_or(|is| counts_differ(was, is)) {
            note(&format!("active and newborn in {name}"), was, &is.counts.get(name));
        }
    }
    for (name, was) in &was.ever_active {
        let is = is.ever_active.get(name);
        if is.is_none_or(|is| (was - is).abs() > TOLERANCE_OF_SHARES) {
            note(&format!("share ever active in {name}"), was, &is);
        }
    }
    found
}

/// Active counts are exact. How many of them are new may hang on two scores that are nearly equal.
fn counts_differ(was: &[[u64; 2]], is: &[[u64; 2]]) -> bool {
    was.len() != is.len()
        || was.iter().zip(is).any(|(was, is)| was[0] != is[0] || was[1].abs_diff(is[1]) > 2)
}

#[test]
fn the_numbers_of_training_are_those_of_their_version() {
    let _turn = one_at_a_time();
    let courses = courses();
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let golden: Option<Golden> = serde_json::from_str(&text).ok();
    let mut found = Vec::new();
    for (name, was) in golden.iter().flat_map(|golden| &golden.courses) {
        match courses.get(name) {
            Some(is) => {
                let different = differences(was, is, tolerance(name));
                found.extend(different.iter().map(|words| format!("{name}: {words}")));
            }
            None => found.push(format!("{name}: it is no longer trained")),
        }
    }
    let version = golden.as_ref().map_or(0, |golden| golden.numerics);
    let say = "the numbers of training changed: raise NUMERICS and write the golden file anew with \
               UPDATE_GOLDEN=1 (only if meant)";
    // Values may be written anew under another version only, more of them under the same.
    assert!(found.is_empty() || version != NUMERICS, "{say}\n{}", found.join("\n"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let golden = Golden { numerics: NUMERICS, courses };
        let text = serde_json::to_string_pretty(&golden).unwrap();
        std::fs::write(path(), text + "\n").unwrap();
        return;
    }
    assert_eq!(
        version, NUMERICS,
        "the golden file belongs to version {version} of the numbers, and NUMERICS is {NUMERICS}: \
         write it anew with UPDATE_GOLDEN=1"
    );
    let known = golden.map(|golden| golden.courses.into_keys().collect::<Vec<_>>());
    let trained: Vec<String> = courses.into_keys().collect();
    assert_eq!(known, Some(trained), "write the new trainings with UPDATE_GOLDEN=1");
}

/// The comparison itself: what a processor does passes, what a change of code does is found.
#[test]
fn small_differences_pass_and_others_are_named() {
    let was = Course {
        train_loss: vec![0.5],
        scores: vec![[Some(0.4), Some(0.9), None]],
        steps: 30,
        skipped_batches: 4,
        train_flops: 1e6,
        counts: BTreeMap::from([("fc1".to_owned(), vec![[10, 0], [10, 8]])]),
        ever_active: BTreeMap::from([("fc1".to_owned(), 0.3)]),
    };
    let near = Course {
        train_loss: vec![0.500_01],
        scores: vec![[Some(0.400_01), Some(0.91), None]],
        counts: BTreeMap::from([("fc1".to_owned(), vec![[10, 0], [10, 7]])]),
        ..was.clone()
    };
    assert_eq!(differences(&was, &near, TOLERANCE), Vec::<String>::new());
    let one_more = vec![[10, 0], [11, 8]];
    for (other, word) in [
        (Course { train_loss: vec![0.5002], ..was.clone() }, "train loss of epoch 1"),
        (Course { scores: vec![[Some(0.4), None, None]], ..was.clone() }, "loss, accuracy"),
        (Course { steps: 31, ..was.clone() }, "number of steps"),
        (Course { train_flops: 1.1e6, ..was.clone() }, "FLOPs"),
        (
            Course { counts: BTreeMap::from([("fc1".to_owned(), one_more)]), ..was.clone() },
            "active and newborn in fc1",
        ),
        (Course { ever_active: BTreeMap::new(), ..was.clone() }, "share ever active in fc1"),
    ] {
        let found = differences(&was, &other, TOLERANCE);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(word), "{found:?}");
    }
}
