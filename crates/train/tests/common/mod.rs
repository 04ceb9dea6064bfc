//! Strategies and data sets that the tests share.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::{Mutex, MutexGuard};

use dst_core::schedule::Timing;
use dst_core::topology::Growth;
use dst_core::{
    Architecture, Batch, BatchUse, Dataset, DenseBackend, Distribution, GradientScope, Input,
    InputShape, Moments, Probe, Regrowth, Result, Span, Split, Step, Strategy, Task, Topology,
    Training,
};
use dst_train::Setup;
use dst_train::toy::Blobs;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

/// libtorch has one random generator for dropout in the whole process, so tests that train
/// take turns.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // Threads only get into each other's way on such small tensors.
    tch::set_num_threads(1);
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The dense network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StaysDense;

#[typetag::serde(name = "test-dense")]
impl Strategy for StaysDense {}

/// Drop by magnitude and grow by gradient every few steps; an update takes the place of the
/// optimiser step or follows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rewires {
    pub(crate) moments: Moments,
    pub(crate) consumes_batch: bool,
}

impl Default for Rewires {
    fn default() -> Self {
        Self { moments: Moments::ZeroNewborn, consumes_batch: true }
    }
}

const TIMING: Timing = Timing { interval: Span::Steps(5), begin: None, end: Span::Fraction(0.9) };

impl Rewires {
    fn update(topology: &mut Topology) -> Result<()> {
        for layer in topology.layers_mut() {
            let drop = (layer.active_count() as f64 * 0.3) as usize;
            let (magnitude, gradient) = (layer.magnitude(), layer.dense_gradient()?.abs());
            let growth = Growth::Largest(gradient.shallow_clone());
            layer.drop_and_grow(drop, &magnitude, &growth, Regrowth::Allowed)?;
            // A slot that must survive a restart: the sum of all gradients looked at.
            let sum = match layer.take_slot("sum") {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            layer.set_slot("sum", sum);
        }
        let updates = topology.value("updates").unwrap_or(0.0);
        topology.set_value("updates", updates + 1.0);
        Ok(())
    }
}

#[typetag::serde(name = "test-rewires")]
impl Strategy for Rewires {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.moments = self.moments;
        topology.allocate(Distribution::Erk)?;
        topology.activate_random()
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(TIMING.is_due(step))
    }

    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<BatchUse> {
        if !self.consumes_batch || !TIMING.is_due(step) {
            return Ok(BatchUse::Weights);
        }
        Self::update(topology)?;
        Ok(BatchUse::Topology)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if self.consumes_batch || !TIMING.is_due(step) {
            return Ok(());
        }
        Self::update(topology)
    }
}

/// A data set that shifts training batches by a random amount, and remembers which training
/// rows were asked for and the shifts.
#[derive(Debug)]
pub(crate) struct Recording {
    blobs: Blobs,
    pub(crate) asked: Mutex<Vec<Vec<i64>>>,
    pub(crate) shifts: Mutex<Vec<f64>>,
}

impl Recording {
    pub(crate) fn new(blobs: Blobs) -> Self {
        Self { blobs, asked: Mutex::default(), shifts: Mutex::default() }
    }
}

impl Dataset for Recording {
    fn input(&self) -> InputShape {
        self.blobs.input()
    }

    fn task(&self) -> Task {
        self.blobs.task()
    }

    fn len(&self, split: Split) -> usize {
        self.blobs.len(split)
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        if split == Split::Train {
            self.asked.lock().unwrap().push(rows.to_vec());
        }
        self.blobs.batch(split, rows, device)
    }

    fn augment(&self, batch: &mut Batch, rng: &mut ChaCha8Rng) -> Result<()> {
        let shift = rng.random_range(-0.1..0.1);
        self.shifts.lock().unwrap().push(shift);
        if let Input::Image(pictures) = &mut batch.input {
            *pictures += shift;
        }
        Ok(())
    }

    fn digest(&self) -> &str {
        self.blobs.digest()
    }

    fn origin(&self) -> &str {
        self.blobs.origin()
    }
}

/// A short training on the toy data.
pub(crate) fn training() -> Training {
    Training { epochs: 3, batch_size: 16, learning_rate: 0.01, ..Training::default() }
}

/// A training at 80 % sparsity.
pub(crate) fn setup<'a>(
    strategy: &'a dyn Strategy,
    architecture: &'a dyn Architecture,
    dataset: &'a dyn Dataset,
    training: &'a Training,
) -> Setup<'a> {
    Setup {
        strategy,
        architecture,
        dataset,
        training,
        sparsity: 0.8,
        seed: 1,
        backend: &DenseBackend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    }
}

/// The bits of an f32 or Bool tensor, so that −0 and 0 differ.
pub(crate) fn bits(tensor: &Tensor) -> Vec<u8> {
    let tensor = tensor.detach().contiguous();
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.copy_data_u8(&mut bytes, tensor.numel());
    bytes
}

/// Dense, but asks for gradients before it starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Probes;

#[typetag::serde(name = "test-probes")]
impl Strategy for Probes {
    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        let first = probe.gradients(2)?;
        let second = probe.gradients(1)?;
        for ((layer, first), second) in topology.layers().iter().zip(&first).zip(&second) {
            assert_eq!(first.size(), layer.shape());
            assert!(first.abs().max().double_value(&[]) > 0.0);
            assert!(!first.allclose(second, 0.0, 0.0, false), "two calls see two batches");
        }
        Ok(())
    }
}
