//! What a training will cost, without training.

use std::collections::BTreeMap;

use dst_core::topology::Topology;
use dst_core::{
    Architecture, BatchUse, Builder, Dataset, DenseBackend, Forecast, GradientScope, Input,
    InputShape, Layer, Model, Parameters, Pass, Result, SeedStreams, Split, Step, Strategy,
    Training, flops,
};
use tch::Device;

use crate::loss::Loss;
use crate::probe::BatchProbe;
use crate::setup::{Setup, build_for};
use crate::snapshot::{self, Tensors};

/// Operations by the conventions of [`dst_core::flops`], and sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// For one sample at the end of the training.
    pub inference_flops: f64,
    /// For one sample if every layer were dense.
    pub dense_inference_flops: f64,
    /// For the whole training, with the densities that the strategy's schedule has in its course.
    pub train_flops: f64,
    /// For the whole training of the dense network.
    pub dense_train_flops: f64,
    /// Density of the prunable weights at the end, in (0, 1], as the strategy's schedule has it.
    pub final_density: f64,
    /// How often the strategy's schedule changes connections.
    pub updates: Forecast,
    /// Batches of one epoch, each of one optimiser step.
    pub steps_per_epoch: u64,
    /// Active prunable weights at the start.
    pub active_parameters: u64,
    /// Prunable weights that shall be active at the end; all if the strategy gives layers no target.
    pub target_parameters: u64,
    /// Parameters that could be pruned.
    pub prunable_parameters: u64,
    /// All trainable parameters.
    pub total_parameters: u64,
    /// Peak of the resident memory of a training on a CPU, in bytes: what a process and its data
    /// need at least, weights with gradients, moments and copies, and the outputs of layers for one
    /// batch of the longest texts. A rule of thumb: LeNet-5 on MNIST, ResNet-20 on CIFAR-10 and a
    /// MiniLM on three tasks of GLUE took 0.8 to 1.7 times as much.
    pub memory_bytes: u64,
}

/// Bytes of a process with libtorch and a data set of tens of megabytes.
const MEMORY_OF_PROCESS: u64 = 250_000_000;

/// Bytes for a parameter: weight, gradient, two moments, the best copy, masks.
const MEMORY_OF_PARAMETER: u64 = 24;

/// Bytes for one output of a prunable layer: it is kept for the backward pass, as are those of the
/// norm, the activation and the like that follow.
const MEMORY_OF_OUTPUT: u64 = 4 * 4;

/// Estimates trainings of one network on one data set; the network is built once.
#[derive(Debug)]
pub struct Estimator<'a> {
    architecture: &'a dyn Architecture,
    dataset: &'a dyn Dataset,
    seed: u64,
    model: Box<dyn Model>,
    parameters: Parameters,
    /// The weights as they were built: a topology makes some 0.
    built: Tensors,
    /// The longest text in units of the typical one; 1 for pictures.
    longest: f64,
}

impl<'a> Estimator<'a> {
    /// As [`Model::caution`].
    pub fn caution(&self) -> Option<&str> {
        self.model.caution()
    }

    /// Builds the network with the starting weights of a seed.
    ///
    /// # Errors
    /// If it cannot be built for the data set.
    pub fn new(
        architecture: &'a dyn Architecture,
        dataset: &'a dyn Dataset,
        seed: u64,
    ) -> Result<Self> {
        let streams = SeedStreams::new(seed);
        let mut parameters = Parameters::default();
        let builder = Builder::new(&mut parameters, streams, Device::Cpu);
        let model = build_for(dataset, architecture, builder)?;
        let _guard = tch::no_grad_guard();
        let batch = dataset.batch(Split::Train, &[dataset.representative_row()], Device::Cpu)?;
        // Layers learn how often their weights are used, and outputs fit targets or do not.
        let output = model.forward(&batch.input, &Pass::EVALUATION)?;
        let _ = Loss::new(dataset.task(), 0.0).training(&output, &batch.target)?;
        let longest = match (dataset.input(), &batch.input) {
            (InputShape::Tokens { length, .. }, Input::Tokens { ids, .. }) => {
                length as f64 / ids.size()[1] as f64
            }
            _ => 1.0,
        };
        let mut tensors = Tensors::new();
        snapshot::collect(&parameters, "", &mut tensors);
        let built = snapshot::copies(&tensors);
        Ok(Self { architecture, dataset, seed, model, parameters, built, longest })
    }

    /// Lets the strategy choose its starting topology and asks it for every step whether it wants
    /// the dense gradient.
    ///
    /// # Errors
    /// If the setup is not valid or the strategy cannot reach the sparsity.
    pub fn estimate(
        &self,
        strategy: &dyn Strategy,
        training: &Training,
        sparsity: f64,
    ) -> Result<Estimate> {
        let setup = Setup {
            strategy,
            architecture: self.architecture,
            dataset: self.dataset,
            training,
            sparsity,
            seed: self.seed,
            backend: &DenseBackend,
            device: Device::Cpu,
            weights_digest: "",
            code: "",
            accept_code: false,
        };
        setup.validate()?;
        let _guard = tch::no_grad_guard();
        snapshot::load(&self.parameters, "", &self.built)?;
        let streams = SeedStreams::new(self.seed);
        let mut topology = Topology::new(&self.parameters, 1.0 - sparsity, &streams)?;
        let mut probe = BatchProbe::new(&*self.model, &self.parameters, &setup);
        strategy.init(&mut topology, &mut probe)?;
        topology.start()?;
        Ok(self.of_topology(&setup, &topology))
    }

    fn of_topology(&self, setup: &Setup<'_>, topology: &Topology) -> Estimate {
        let Setup { strategy, training, dataset, .. } = setup;
        let per_epoch = setup.steps_of(setup.micro_batches(None).len());
        let start = Step::first(per_epoch, training.epochs);
        let final_density = strategy.density_at(&start.last(), topology);
        let samples = dataset.len(Split::Train) as f64 * f64::from(training.epochs);
        let sum: f64 = batches(*strategy, &start, topology)
            .into_iter()
            .map(|((scope, density), count)| {
                let connections = connections(topology, f64::from_bits(density));
                flops::training_with(topology, &connections, scope) * count
            })
            .sum();
        Estimate {
            inference_flops: flops::inference_with(topology, &connections(topology, final_density)),
            dense_inference_flops: flops::dense_inference(topology),
            train_flops: samples * sum / start.total() as f64,
            dense_train_flops: samples * 3.0 * flops::dense_inference(topology),
            final_density,
            updates: strategy.updates(&start),
            steps_per_epoch: per_epoch,
            active_parameters: topology.active_count() as u64,
            target_parameters: topology.layers().iter().map(Layer::final_target).sum::<usize>()
                as u64,
            prunable_parameters: topology.size() as u64,
            total_parameters: self.parameters.count() as u64,
            memory_bytes: self.memory(topology, training.batch_size),
        }
    }

    fn memory(&self, topology: &Topology, batch_size: u32) -> u64 {
        let layers = topology.layers().iter();
        let outputs = layers.map(|layer| layer.shape()[0] as u64 * layer.positions()).sum::<u64>();
        let outputs = outputs as f64 * f64::from(batch_size) * self.longest;
        MEMORY_OF_PROCESS
            + MEMORY_OF_PARAMETER * self.parameters.count() as u64
            + MEMORY_OF_OUTPUT * outputs as u64
    }
}

/// The longest training of which every batch is looked at.
const EVERY_BATCH: u64 = 1_000_000;

/// Stretches that are looked at of a longer one, and batches of each.
const STRETCHES: u64 = 1_000;

/// How many batches of a training have each scope and density, the latter by its bits. Of more than a
/// million batches, as many are looked at as stand for all.
fn batches(
    strategy: &dyn Strategy,
    start: &Step,
    topology: &Topology,
) -> BTreeMap<(GradientScope, u64), f64> {
    let mut counts = BTreeMap::new();
    let total = start.total();
    let (stretches, weight) = match total > EVERY_BATCH {
        false => (1, 1.0),
        true => (STRETCHES, total as f64 / EVERY_BATCH as f64),
    };
    let length = total.min(EVERY_BATCH) / stretches;
    for stretch in 0..stretches {
        let first = (u128::from(total) * u128::from(stretch) / u128::from(stretches)) as u64;
        // A batch is charged for the connections that the one before it left.
        let (mut step, mut density) = match first {
            0 => (*start, topology.active_density()),
            _ => (start.at(first), strategy.density_at(&start.at(first - 1), topology)),
        };
        for position in first..first + length {
            let scope = strategy.gradient_scope(&step);
            *counts.entry((scope, density.to_bits())).or_default() += weight;
            density = strategy.density_at(&start.at(position), topology);
            let used = strategy.exchange().map_or(BatchUse::Weights, |own| own.use_of(&step));
            step = step.after(used);
        }
    }
    counts
}

/// The connections of every layer when all have this density together, on the way from the first
/// topology to the last: all layers are equally far.
fn connections(topology: &Topology, density: f64) -> Vec<f64> {
    let layers = topology.layers();
    let total = |count: fn(&Layer) -> usize| layers.iter().map(count).sum::<usize>() as f64;
    let (first, last) = (total(Layer::active_count), total(Layer::final_target));
    let wanted = density * topology.size() as f64;
    let between = |from: fn(&Layer) -> usize, to: fn(&Layer) -> usize, share: f64| {
        let count = |layer: &Layer| {
            let (from, to) = (from(layer) as f64, to(layer) as f64);
            from + share * (to - from)
        };
        layers.iter().map(count).collect()
    };
    // Densities are rounded, connections are whole.
    if (wanted - first).abs() < 0.5 {
        return between(Layer::active_count, Layer::active_count, 0.0);
    }
    if wanted < first && last < first {
        return between(
            Layer::active_count,
            Layer::final_target,
            (first - wanted) / (first - last),
        );
    }
    if wanted < first {
        // A method that shares nothing out among the layers chooses over all of them; nobody knows
        // before the training which layers lose most.
        return between(Layer::active_count, |_| 0, (first - wanted) / first);
    }
    let room = topology.size() as f64 - first;
    between(Layer::active_count, Layer::size, ((wanted - first) / room).min(1.0))
}

/// As [`Estimator::estimate`], for one training.
///
/// # Errors
/// As [`Estimator::new`] and [`Estimator::estimate`].
pub fn estimate_flops(setup: &Setup<'_>) -> Result<Estimate> {
    setup.validate()?;
    let estimator = Estimator::new(setup.architecture, setup.dataset, setup.seed)?;
    estimator.estimate(setup.strategy, setup.training, setup.sparsity)
}
