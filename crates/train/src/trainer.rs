//! The training loop: what happens to one batch.

use dst_core::record::AgeRecord;
use dst_core::topology::TopologyState;
use dst_core::{
    Architecture, BatchUse, Builder, Error, ErrorKind, GradientScope, Model, Parameters, Result,
    SeedStreams, Split, Step, Topology, device, flops,
};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::connection_ages::{Ages, AgesState};
use crate::learning_rate::LearningRate;
use crate::loader::{self, Loader};
use crate::loss::Loss;
use crate::optimizer::Optimizer;
use crate::probe::BatchProbe;
use crate::rewind::Rewind;
use crate::running_loss::RunningLoss;
use crate::setup::{Setup, build_for};
use crate::snapshot::{self, Tensors};
use crate::speed;

/// A network in training, one batch at a time.
///
/// With gradient accumulation, "a batch" below is the group of micro-batches that feeds one
/// optimiser step; their gradients are averaged, weighted by samples.
#[derive(Debug)]
pub struct Trainer<'a> {
    setup: Setup<'a>,
    streams: SeedStreams,
    loss: Loss,
    model: Box<dyn Model>,
    parameters: Parameters,
    topology: Topology,
    optimizer: Optimizer,
    learning_rate: LearningRate,
    /// If the strategy sets the training back.
    rewind: Option<Rewind>,
    /// None since a restore from a checkpoint that does not know them.
    ages: Ages,
    /// The epoch whose order `batches` holds.
    ordered: Option<u32>,
    /// Rows of this epoch's micro-batches.
    batches: Vec<Vec<i64>>,
    /// Prepares batches ahead, if it pays.
    loader: Option<Loader>,
    counters: Counters,
    running_loss: RunningLoss,
    /// The running loss when it was last read.
    known_loss: f64,
}

/// All numbers that a training counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Counters {
    index: u64,
    epoch: u32,
    offset: u64,
    per_epoch: u64,
    updated_at: Option<u64>,
    skipped: u64,
    flops: f64,
}

/// One batch that was used.
#[derive(Debug, Clone, Copy)]
pub struct Stepped {
    /// The step as the strategy saw it.
    pub step: Step,
    /// Where the batch went.
    pub batch_use: BatchUse,
    /// The learning rate of the step, used or not.
    pub learning_rate: f64,
    /// Mean training loss of the epoch so far, as last read from the device.
    pub train_loss: f64,
    /// Was this the last batch of its epoch?
    pub ends_epoch: bool,
}

/// The part of a trainer that is not tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TrainerState {
    counters: Counters,
    loss_sum: f64,
    loss_samples: u64,
    updates: u64,
    topology: TopologyState,
    ages: AgesState,
    /// Updates of the optimiser at the state to come back to, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    early_updates: Option<u64>,
}

/// How many batches may pass on an accelerator between two looks at the loss, which wait for
/// it. On the CPU every batch is looked at.
const LOSS_INTERVAL: u64 = 50;

impl<'a> Trainer<'a> {
    /// Builds the network and lets the strategy choose the starting topology.
    ///
    /// # Errors
    /// If the setup is not valid or the strategy cannot reach the sparsity.
    pub fn new(setup: Setup<'a>) -> Result<Self> {
        let mut trainer = Self::build(setup)?;
        trainer.start()?;
        Ok(trainer)
    }

    /// Uses one batch.
    ///
    /// # Errors
    /// Of kind `Diverged` if the loss became infinite or not a number; whatever the strategy,
    /// the data set or the model report.
    pub fn step(&mut self) -> Result<Stepped> {
        let step = self.position();
        let strategy = self.setup.strategy;
        let scope = strategy.gradient_scope(&step);
        let learning_rate = step.learning_rate;
        if let Some(rewind) = &mut self.rewind {
            rewind.before(&step, &self.parameters, &self.optimizer);
        }

        let samples = self.accumulate_gradients(&step, scope)?;
        self.counters.flops += samples as f64 * flops::training(&self.topology, scope);

        // Hooks, optimiser and commit change weights that record gradients.
        let guard = tch::no_grad_guard();
        self.topology.announce(scope)?;
        let batch_use = strategy.after_backward(&step, &mut self.topology)?;
        if batch_use == BatchUse::Weights {
            self.topology.check_unchanged()?;
            self.optimizer.step(&self.topology, learning_rate)?;
            strategy.after_step(&step, &mut self.topology)?;
        }
        let changes = self.topology.commit()?;
        if !changes.is_empty() {
            self.setup.backend.committed(&self.topology)?;
        }
        for change in changes {
            self.optimizer.reset(&change, self.topology.moments);
            self.ages.note(&change, step.position() + 1, step.per_epoch)?;
        }
        if let Some(rewind) = &self.rewind {
            rewind.after(&step, &self.parameters, &mut self.topology, &mut self.optimizer)?;
        }
        self.optimizer.zero_gradients();
        drop(guard);

        let ends_epoch = self.advance(batch_use);
        self.check_loss(&step, ends_epoch)?;
        Ok(Stepped { step, batch_use, learning_rate, train_loss: self.known_loss, ends_epoch })
    }

    /// Forward and backward over the micro-batches of one step; returns their samples.
    fn accumulate_gradients(&mut self, step: &Step, scope: GradientScope) -> Result<u64> {
        self.order_epoch(step.epoch)?;
        let accumulate = self.setup.training.accumulate as usize;
        let first = step.offset as usize * accumulate;
        let group = &self.batches[first..(first + accumulate).min(self.batches.len())];
        let samples: usize = group.iter().map(Vec::len).sum();
        let Setup { dataset, device, .. } = self.setup;
        let pass = self.setup.pass(scope);
        for (micro, rows) in group.iter().enumerate() {
            // Generators of its own for every batch: nothing that drew before can shift them,
            // and resuming needs no saved state.
            let number = step.position() * accumulate as u64 + micro as u64;
            tch::manual_seed(self.streams.libtorch_seed(&format!("dropout/{number}")));
            let batch = match &mut self.loader {
                Some(loader) => {
                    let upcoming = self.batches[first + micro..].iter().map(Vec::as_slice);
                    loader.take((number..).zip(upcoming))?
                }
                None => loader::prepare(dataset, &self.streams, device, number, rows)?,
            };
            let output = self.model.forward(&batch.input, &pass)?;
            let loss = self.loss.training(&output, &batch.target)?;
            self.running_loss.add(&loss, rows.len() as u64);
            if group.len() == 1 {
                loss.f_backward()?;
            } else {
                (loss * (rows.len() as f64 / samples as f64)).f_backward()?;
            }
        }
        Ok(samples as u64)
    }

    /// Shuffles the training data for an epoch, the same way for every strategy.
    fn order_epoch(&mut self, epoch: u32) -> Result<()> {
        if self.ordered == Some(epoch) {
            return Ok(());
        }
        let mut order = self.streams.stream(&format!("order/{epoch}"));
        self.batches = self.setup.micro_batches(Some(&mut order));
        if self.setup.steps_of(self.batches.len()) != self.counters.per_epoch {
            return Err(Error::contract(format!(
                "epoch {} has {} batches; the first had another number",
                epoch + 1,
                self.batches.len()
            ))
            .at(self.setup.dataset.origin().to_owned()));
        }
        self.ordered = Some(epoch);
        Ok(())
    }

    /// Moves on to the next batch; true at the end of an epoch.
    fn advance(&mut self, batch_use: BatchUse) -> bool {
        let counters = &mut self.counters;
        match batch_use {
            BatchUse::Weights => counters.index += 1,
            BatchUse::Topology => {
                counters.updated_at = Some(counters.index);
                counters.skipped += 1;
            }
        }
        counters.offset += 1;
        let ends_epoch = counters.offset == counters.per_epoch;
        if ends_epoch {
            counters.epoch += 1;
            counters.offset = 0;
        }
        ends_epoch
    }

    fn check_loss(&mut self, step: &Step, ends_epoch: bool) -> Result<()> {
        let waits = device::is_accelerator(self.setup.device);
        if waits && !ends_epoch && !step.offset.is_multiple_of(LOSS_INTERVAL) {
            return Ok(());
        }
        self.known_loss = self.running_loss.mean();
        if self.known_loss.is_finite() {
            return Ok(());
        }
        Err(diverged(step.index, step.epoch, "the training loss"))
    }

    /// Is every weight still a number?
    ///
    /// # Errors
    /// Of kind `Diverged` if one is infinite or not a number.
    pub(crate) fn check_weights(&self) -> Result<()> {
        let finite = self.parameters.iter().map(|(_, parameter)| {
            Ok(parameter.values().f_isfinite()?.all().to_kind(tch::Kind::Int64))
        });
        let finite = finite.collect::<Result<Vec<Tensor>>>()?;
        // One look for all parameters: each would wait for the device.
        if !finite.is_empty() && Tensor::f_stack(&finite, 0)?.min().int64_value(&[]) == 0 {
            let epoch = self.counters.epoch.saturating_sub(1);
            return Err(diverged(self.counters.index, epoch, "a weight"));
        }
        Ok(())
    }

    /// The mean loss of the epoch, and begins the next one's.
    pub(crate) fn take_loss(&mut self) -> f64 {
        let mean = self.running_loss.mean();
        self.running_loss = RunningLoss::new(self.setup.device);
        mean
    }

    /// Lets a thread of its own prepare batches while earlier ones are computed, or stops it.
    /// It is on where tensors lie on an accelerator; on a CPU it takes the time of the steps. The
    /// numbers do not depend on it. A data set without [`fork`](dst_core::Dataset::fork) prepares its
    /// batches in turn with the steps in any case.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn set_prefetch(&mut self, on: bool) -> Result<()> {
        let fork = if on { self.setup.dataset.fork() } else { None };
        let start = |dataset| Loader::start(dataset, self.streams, self.setup.device);
        self.loader = fork.map(start).transpose()?;
        Ok(())
    }

    /// Where training stands: the step that the next batch will be.
    pub fn position(&self) -> Step {
        let counters = &self.counters;
        let step = Step {
            index: counters.index,
            epoch: counters.epoch,
            offset: counters.offset,
            updated_at: counters.updated_at,
            ..Step::first(counters.per_epoch, self.setup.training.epochs)
        };
        let seen = self.rewind.as_ref().map_or(step, |rewind| rewind.seen_by_schedule(&step));
        Step { learning_rate: self.learning_rate.at(&seen), ..step }
    }

    /// Batches that went into the topology.
    pub fn skipped(&self) -> u64 {
        self.counters.skipped
    }

    /// Operations that the method needed so far; see [`flops`].
    pub fn flops(&self) -> f64 {
        self.counters.flops
    }

    /// The network.
    pub fn model(&self) -> &dyn Model {
        self.model.as_ref()
    }

    /// Its parameters and buffers.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Its prunable layers.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Its prunable layers.
    pub fn topology_mut(&mut self) -> &mut Topology {
        &mut self.topology
    }

    /// Connections by layer and age.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub(crate) fn ages(&self) -> Result<Vec<AgeRecord>> {
        let position = self.position();
        self.ages.records(&self.topology, position.position(), position.per_epoch)
    }

    /// The optimiser with its moments.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// Bytes of parameters and moments as they are stored at present: between two steps on sparse
    /// kernels those of active weights only.
    pub fn stored_bytes(&self) -> usize {
        let parameters = self.parameters.iter().map(|(_, parameter)| parameter.stored_bytes());
        parameters.sum::<usize>() + self.optimizer.moment_bytes()
    }

    /// Milliseconds of one forward pass without gradients, over 64 samples of the test set or over all of
    /// a smaller one: the median of some.
    ///
    /// # Errors
    /// If the data set, the model or libtorch refuses.
    pub fn inference_milliseconds(&self) -> Result<f64> {
        let Setup { dataset, device, .. } = self.setup;
        let latency = speed::latency(&*self.model, dataset, device, &self.setup.evaluation())?;
        Ok(latency.milliseconds_per_sample * f64::from(latency.batch_size))
    }

    /// Builds the network with a dense topology, before any choice of the strategy.
    pub(crate) fn build(setup: Setup<'a>) -> Result<Self> {
        setup.validate()?;
        let streams = SeedStreams::new(setup.seed);
        let mut parameters = Parameters::default();
        let builder = Builder::new(&mut parameters, streams, setup.device);
        let architecture: &dyn Architecture = setup.architecture;
        let model = build_for(setup.dataset, architecture, builder)?;
        let topology = Topology::new(&parameters, 1.0 - setup.sparsity, &streams)?;
        let optimizer = Optimizer::new(setup.training, &parameters, &topology)?;
        let counters = Counters {
            index: 0,
            epoch: 0,
            offset: 0,
            per_epoch: setup.steps_of(setup.micro_batches(None).len()),
            updated_at: None,
            skipped: 0,
            flops: 0.0,
        };
        let ages = Ages::new(&topology);
        let start = Step::first(counters.per_epoch, setup.training.epochs);
        let rewind = setup.strategy.rewinds(&start).map(Rewind::new);
        let mut trainer = Self {
            streams,
            loss: Loss::new(setup.dataset.task(), setup.training.label_smoothing),
            model,
            parameters,
            topology,
            optimizer,
            learning_rate: LearningRate::new(setup.training)?,
            rewind,
            ages,
            ordered: None,
            batches: Vec::new(),
            loader: None,
            counters,
            running_loss: RunningLoss::new(setup.device),
            known_loss: f64::NAN,
            setup,
        };
        trainer.measure()?;
        trainer.set_prefetch(device::is_accelerator(setup.device))?;
        Ok(trainer)
    }

    /// Runs one sample forward and backward: layers learn how often their weights are used, and
    /// gradients exist from then on. Libtorch takes over the first gradient as it is but adds
    /// later ones to zeros, which turns −0 into 0; without this, the first step after a resume
    /// would differ in such a bit.
    fn measure(&mut self) -> Result<()> {
        let row = self.setup.dataset.representative_row();
        let batch = self.setup.dataset.batch(Split::Train, &[row], self.setup.device)?;
        let output = self.model.forward(&batch.input, &self.setup.evaluation())?;
        self.loss.training(&output, &batch.target)?.f_backward()?;
        self.optimizer.zero_gradients();
        Ok(())
    }

    /// Lets the strategy choose the starting topology.
    pub(crate) fn start(&mut self) -> Result<()> {
        let mut probe = BatchProbe::new(&*self.model, &self.parameters, &self.setup);
        let _guard = tch::no_grad_guard();
        self.setup.strategy.init(&mut self.topology, &mut probe)?;
        self.topology.start()?;
        self.setup.backend.committed(&self.topology)
    }

    /// All that must survive a restart; tensors are shared with the trainer.
    pub(crate) fn save(&self, tensors: &mut Tensors) -> TrainerState {
        snapshot::collect(&self.parameters, "", tensors);
        for (name, moment) in self.optimizer.moments() {
            tensors.insert(name, moment);
        }
        let (topology_tensors, topology) = self.topology.save();
        for (name, tensor) in topology_tensors {
            tensors.insert(format!("topology/{name}"), tensor);
        }
        let ages = self.ages.save(&self.topology, tensors);
        let (loss_sum, loss_samples) = self.running_loss.read();
        TrainerState {
            counters: self.counters,
            loss_sum,
            loss_samples,
            updates: self.optimizer.updates(),
            topology,
            ages,
            early_updates: self.rewind.as_ref().map(|rewind| rewind.save(tensors)),
        }
    }

    /// Puts back what [`Trainer::save`] gave, in place of [`Trainer::start`].
    ///
    /// # Errors
    /// If something is missing or does not fit; the trainer is of no use then.
    pub(crate) fn restore(&mut self, tensors: &Tensors, state: &TrainerState) -> Result<()> {
        let _guard = tch::no_grad_guard();
        if state.counters.per_epoch != self.counters.per_epoch {
            return Err(Error::data("the checkpoint counts another number of batches an epoch"));
        }
        snapshot::load(&self.parameters, "", tensors)?;
        self.optimizer.restore(tensors, state.updates)?;
        let topology: Tensors = tensors
            .iter()
            .filter_map(|(name, tensor)| {
                Some((name.strip_prefix("topology/")?.to_owned(), tensor.copy()))
            })
            .collect();
        self.topology.restore(&topology, &state.topology)?;
        self.setup.backend.committed(&self.topology)?;
        self.ages = Ages::restore(&self.topology, tensors, &state.ages)?;
        if let Some(rewind) = &mut self.rewind {
            rewind.restore(tensors, state.early_updates.unwrap_or_default());
        }
        self.counters = state.counters;
        self.running_loss =
            RunningLoss::restore(self.setup.device, state.loss_sum, state.loss_samples);
        Ok(())
    }
}

/// Something became infinite or not a number; `epoch` counts from 0.
pub(crate) fn diverged(index: u64, epoch: u32, what: &str) -> Error {
    Error::new(
        ErrorKind::Diverged,
        format!("{what} became infinite or not a number at step {index} in epoch {}", epoch + 1),
    )
    .hint("lower the learning rate, warm it up or clip gradients")
}
