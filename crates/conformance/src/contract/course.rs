//! Trainings of the suite, and what is seen of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use dst_core::record::{AgeRecord, EpochRecord, LayerRecord};
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::training::Component;
use dst_core::{
    Architecture, BackendKind, Error, Layer, Precision, Result, Step, Strategy, Topology, Training,
    selection,
};
use dst_train::toy::{Blobs, TinyConvNet, TinyMlp};
use dst_train::{Ended, Estimate, Observer, Progress, Setup, Trained, estimate_flops, train};
use serde::{Deserialize, Serialize};

use super::{breach, panic_text};

/// One training of the suite.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Course {
    /// What is particular about it, for sentences.
    pub(super) title: String,
    pub(super) network: Network,
    pub(super) training: Training,
    pub(super) sparsity: f64,
    pub(super) seed: u64,
}

/// Whose weights are matrices, or are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Network {
    Linear,
    Convolution,
}

/// An optimiser with weight decay, which moves weights that see no gradient.
fn decayed(name: &str) -> Component {
    Component::optimizer(name).with("weight_decay", 0.001)
}

impl Course {
    /// The training that is looked at most closely: three linear layers, Adam with weight decay,
    /// four epochs of 15 batches.
    pub(super) fn base(sparsity: f64) -> Self {
        let training = Training {
            epochs: 4,
            batch_size: 16,
            learning_rate: 0.01,
            optimizer: decayed("adam"),
            ..Training::default()
        };
        Self {
            title: format!("a training at sparsity {sparsity}"),
            network: Network::Linear,
            training,
            sparsity,
            seed: 1,
        }
    }

    /// The base at another sparsity.
    pub(super) fn at_sparsity(sparsity: f64) -> Self {
        let mut course = Self::base(sparsity);
        course.training.epochs = 3;
        course
    }

    /// Other networks, optimisers and arithmetic, at `sparsity`.
    pub(super) fn others(sparsity: f64) -> [Self; 4] {
        let course = |title: &str, network, change: fn(&mut Training)| {
            let mut training = Self::at_sparsity(sparsity).training;
            change(&mut training);
            Self { title: title.to_owned(), network, training, ..Self::base(sparsity) }
        };
        [
            course("a training of a network with convolutions", Network::Convolution, |training| {
                training.optimizer = decayed("sgd");
                training.learning_rate = 0.05;
            }),
            course("a training with accumulated gradients", Network::Linear, |training| {
                training.batch_size = 8;
                training.accumulate = 2;
                training.clip_norm = 1.0;
            }),
            course("a training in bfloat16", Network::Convolution, |training| {
                training.optimizer = decayed("adamw");
                training.precision = Precision::Bf16;
            }),
            course("a training with sparse kernels", Network::Convolution, |training| {
                training.backend = BackendKind::Sparse;
            }),
        ]
    }

    /// Hands over what the training is made of.
    pub(super) fn with_setup<T>(
        &self,
        strategy: &dyn Strategy,
        action: impl FnOnce(&Setup<'_>) -> T,
    ) -> T {
        let (linear, convolution) = (TinyMlp::default(), TinyConvNet::default());
        let architecture: &dyn Architecture = match self.network {
            Network::Linear => &linear,
            Network::Convolution => &convolution,
        };
        let backend = dst_sparse::backend(self.training.backend, 1).expect("one thread is there");
        action(&Setup {
            strategy,
            architecture,
            dataset: &Blobs::default(),
            training: &self.training,
            sparsity: self.sparsity,
            seed: self.seed,
            backend: &*backend,
            device: Device::Cpu,
            weights_digest: "",
            code: "",
            accept_code: false,
        })
    }

    /// What the method says beforehand.
    pub(super) fn forecast(&self, strategy: &dyn Strategy) -> Result<Estimate> {
        self.with_setup(strategy, estimate_flops)
    }

    /// Trains to the end, or until so many batches are through.
    pub(super) fn run(
        &self,
        strategy: &dyn Strategy,
        folder: Option<&Path>,
        stop_after: Option<u64>,
    ) -> Run {
        let mut run = Run { stop_after, ..Run::default() };
        let trained = catch_unwind(AssertUnwindSafe(|| {
            self.with_setup(strategy, |setup| train(setup, folder, &mut run))
        }));
        match trained {
            Ok(Ok(Ended::Complete(trained))) => {
                let losses = trained.history.iter().map(|epoch| epoch.train_loss).collect();
                run.record.losses = losses;
                run.record.rows = trained.layers.clone();
                run.trained = Some(*trained);
            }
            Ok(Ok(Ended::Stopped)) => {}
            Ok(Err(error)) => run.failure = Some(error),
            Err(panic) => {
                let what = format!("a hook panicked: {}", panic_text(&*panic));
                run.failure = Some(Error::contract(what));
            }
        }
        run
    }
}

/// What was seen of a training.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) record: Record,
    /// Active weights by layer after every commit, the start first.
    pub(super) counts: Vec<Vec<usize>>,
    /// A digest of the active sets after every commit, by the number of the batch.
    pub(super) masks: Vec<(u64, u64)>,
    /// The size of what the method keeps after every commit: slots and numbers, and values in them.
    pub(super) kept: Vec<(usize, usize)>,
    pub(super) names: Vec<String>,
    pub(super) trained: Option<Trained>,
    pub(super) failure: Option<Error>,
    stop_after: Option<u64>,
}

/// What two trainings must have in common if they are to be the same, also in two processes.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The number of every batch with a digest of the network and of all that the topology holds.
    pub(super) commits: Vec<(u64, u64)>,
    losses: Vec<f64>,
    rows: Vec<LayerRecord>,
}

impl Record {
    /// Where `other`, which may begin later, first departs from this one, in words.
    pub(super) fn departure(&self, other: &Self) -> Option<String> {
        let begin = other.commits.first().map_or(0, |(batch, _)| *batch);
        let mine = self.commits.iter().filter(|(batch, _)| *batch >= begin);
        if let Some((mine, _)) = mine.clone().zip(&other.commits).find(|(a, b)| a != b) {
            return Some(format!("the networks differ after batch {}", mine.0 + 1));
        }
        if mine.count() != other.commits.len() {
            return Some(format!("one ends after {} batches", other.commits.len()));
        }
        (self.losses != other.losses).then(|| "the losses differ".to_owned()).or_else(|| {
            (self.rows != other.rows)
                .then(|| "the numbers of connections that were born or dropped differ".to_owned())
        })
    }
}

impl Run {
    /// The record, or why there is none.
    pub(super) fn finished(self) -> Result<Record> {
        match self.failure {
            None => Ok(self.record),
            Some(error) => Err(error),
        }
    }

    /// The active sets after the given batch.
    pub(super) fn mask_after(&self, batch: u64) -> Option<u64> {
        self.masks.iter().find(|(other, _)| *other == batch).map(|(_, digest)| *digest)
    }

    fn note(&mut self, step: &Step, topology: &Topology) -> Result<()> {
        let layers = topology.layers();
        self.counts.push(layers.iter().map(Layer::active_count).collect());
        let mut masks = DefaultHasher::new();
        layers.iter().for_each(|layer| bytes(layer.active()).hash(&mut masks));
        self.masks.push((step.position(), masks.finish()));

        let mut network = DefaultHasher::new();
        layers.iter().for_each(|layer| bytes(&layer.weight().dense()).hash(&mut network));
        let (tensors, state) = topology.save();
        let (mut slots, mut values) = (0, 0);
        for (name, tensor) in &tensors {
            (name, bytes(tensor)).hash(&mut network);
            if name.starts_with("slot/") {
                slots += 1;
                values += tensor.numel();
            }
        }
        let state = serde_json::to_value(&state)
            .map_err(|error| Error::contract(format!("the topology cannot be saved: {error}")))?;
        state.to_string().hash(&mut network);
        slots += state["values"].as_object().map_or(0, serde_json::Map::len);
        self.kept.push((slots, values));
        self.record.commits.push((step.position(), network.finish()));
        Ok(())
    }
}

impl Observer for Run {
    fn step(&mut self, _: &Progress) -> ControlFlow<()> {
        match self.stop_after {
            Some(stop) if self.record.commits.len() as u64 >= stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn epoch(&mut self, _: &[EpochRecord], layers: &[LayerRecord], _: &[AgeRecord]) -> Result<()> {
        if self.names.is_empty() {
            let start = layers.iter().filter(|row| row.epoch == 0);
            self.names = start.clone().map(|row| row.layer.clone()).collect();
            self.counts.push(start.map(|row| row.active as usize).collect());
        }
        Ok(())
    }

    fn committed(&mut self, step: &Step, topology: &Topology) -> Result<()> {
        invariants(step, topology)?;
        self.note(step, topology)
    }
}

/// Exact counts, and nothing where no connection is.
fn invariants(step: &Step, topology: &Topology) -> Result<()> {
    for layer in topology.layers() {
        let (name, at) = (layer.name(), step.index);
        let counted = selection::count(layer.active());
        if counted != layer.active_count() || counted != layer.target() {
            return Err(breach(
                format!(
                    "{name} has {counted} active weights after step {at}, where {} are counted \
                     and {} must be",
                    layer.active_count(),
                    layer.target()
                ),
                "change connections by the methods of `Layer` only",
            ));
        }
        let stray = layer.weight().dense().detach().abs() * layer.active().logical_not();
        // NaN is stray too.
        if stray.sum(Kind::Double).double_value(&[]) != 0.0 {
            return Err(breach(
                format!("an inactive weight of {name} is not 0 after step {at}"),
                "leave weights to the optimiser: the topology makes dropped ones 0",
            ));
        }
    }
    Ok(())
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    let tensor = tensor.detach().contiguous();
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.copy_data_u8(&mut bytes, tensor.numel());
    bytes
}
