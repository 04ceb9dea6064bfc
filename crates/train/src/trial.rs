//! A trial from its start, or its checkpoint, to its outcome.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use dst_core::record::{AgeRecord, Collapse, EpochRecord, LayerRecord, MemoryKind, Outcome};
use dst_core::{Error, Forecast, LayerMask, Predictions, Result, Split, Step, Task, device, flops};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::best_checkpoint::{self, BestCheckpoint, Facts};
use crate::checkpoint::Checkpoint;
use crate::evaluation::{self, Evaluation};
use crate::inference::TestedNetwork;
use crate::memory::PeakMemory;
use crate::observer::{Observer, Progress};
use crate::setup::Setup;
use crate::snapshot::Tensors;
use crate::speed::{self, Clock};
use crate::trainer::{Stepped, Trainer, TrainerState, diverged};
use crate::{checkpoint, snapshot, telemetry};

/// What a training left behind.
#[derive(Debug, Clone)]
pub struct Trained {
    /// What it measured.
    pub outcome: Outcome,
    /// Epochs, in order.
    pub history: Vec<EpochRecord>,
    /// Layers by epoch, from epoch 0.
    pub layers: Vec<LayerRecord>,
    /// Connections by layer and age.
    pub ages: Vec<AgeRecord>,
    /// The active sets after the last step, at a sample of places.
    pub masks: Vec<LayerMask>,
    /// In which way the network is of no use, if it is, and where that showed.
    pub collapsed: Option<(Collapse, String)>,
    /// Predictions on the test set of the best checkpoint, `[true class][predicted class]`; no
    /// rows for regression.
    pub confusion: Vec<Vec<u64>>,
    /// The same for each sample, in the order of the test set; none if there are more than 65,536
    /// classes.
    pub predictions: Option<Predictions>,
    /// Other code that trained the beginning, in words, if [`Setup::accept_code`] let it.
    pub earlier_code: Vec<String>,
}

/// How a call of [`train`] ended.
#[derive(Debug)]
pub enum Ended {
    /// All epochs are trained.
    Complete(Box<Trained>),
    /// The observer stopped it; the checkpoint, if there is a folder for one, continues.
    Stopped,
}

/// Trains to the end.
///
/// With a folder, a checkpoint is saved there at the end of every epoch, when the observer says
/// that one is due and when it stops. Training resumes from the one that the folder holds, bit for
/// bit as if it had not been interrupted. A checkpoint that is damaged or belongs to another setup
/// is reported on stderr and replaced by a new start.
///
/// The test set is read after the last step alone, with the weights that were best on validation
/// and with the last ones. A stop meanwhile lets the resumed training read it again.
///
/// # Errors
/// If the setup is not valid or the device lacks the precision, the loss or a weight is not finite
/// (kind `Diverged`), a plug-in or the observer reports an error, or a checkpoint cannot be written.
pub fn train(
    setup: &Setup<'_>,
    checkpoint: Option<&Path>,
    observer: &mut dyn Observer,
) -> Result<Ended> {
    device::check(setup.training.precision, setup.device)?;
    let mut trial = Trial::resume_or_start(*setup, checkpoint)?;
    if let Some(origin) = trial.trainer.model().origin() {
        observer.starts_from(origin);
    }
    observer.epoch(&trial.history, &trial.layers, &trial.trainer.ages()?)?;
    while trial.history.len() < setup.training.epochs as usize {
        let mut flow = ControlFlow::Continue(());
        if !trial.awaits_validation() {
            let start = Instant::now();
            let stepped = trial.trainer.step()?;
            trial.seconds += start.elapsed().as_secs_f64();
            trial.learning_rate = stepped.learning_rate;

            observer.committed(&stepped.step, trial.trainer.topology())?;
            flow = observer.step(&trial.progress(&stepped));
        }
        let mut closed = false;
        // Asked before a validation, which may take long too.
        let is_due = flow.is_continue() && observer.checkpoint_is_due();
        if let (Some(folder), true) = (checkpoint, is_due) {
            trial.save(folder, observer)?;
        }
        if flow.is_continue() && trial.awaits_validation() {
            flow = trial.close_epoch(observer)?;
            closed = flow.is_continue();
        }
        if let (Some(folder), true) = (checkpoint, closed || flow.is_break()) {
            trial.save(folder, observer)?;
        }
        if closed {
            observer.epoch(&trial.history, &trial.layers, &trial.trainer.ages()?)?;
        }
        if flow.is_break() {
            return Ok(Ended::Stopped);
        }
    }
    Ok(match trial.finish(observer)? {
        Some(trained) => Ended::Complete(Box::new(trained)),
        None => Ended::Stopped,
    })
}

/// A training with all that is recorded about it.
#[derive(Debug)]
struct Trial<'a> {
    setup: Setup<'a>,
    trainer: Trainer<'a>,
    history: Vec<EpochRecord>,
    layers: Vec<LayerRecord>,
    best: Option<BestCheckpoint>,
    /// Of the last step.
    learning_rate: f64,
    /// Time spent in steps, over all attempts.
    seconds: f64,
    memory: PeakMemory,
    earlier_code: Vec<String>,
}

/// The part of a trial that is not tensors.
#[derive(Debug, Serialize, Deserialize)]
struct TrialState {
    setup: Value,
    trainer: TrainerState,
    history: Vec<EpochRecord>,
    layers: Vec<LayerRecord>,
    best: Option<Facts>,
    learning_rate: f64,
    seconds: f64,
    /// In bytes, of all attempts.
    peak_memory: Option<(u64, MemoryKind)>,
    earlier_code: Vec<String>,
}

impl<'a> Trial<'a> {
    fn resume_or_start(setup: Setup<'a>, folder: Option<&Path>) -> Result<Self> {
        if let Some(folder) = folder {
            // What cannot be trained is an error and no reason to start anew.
            setup.validate()?;
            match Self::resume(setup, folder) {
                Ok(Some(trial)) => return Ok(trial),
                Ok(None) => {}
                Err(error) => {
                    eprintln!("{}; training starts anew", error.one_line());
                }
            }
        }
        Self::start(setup)
    }

    fn start(setup: Setup<'a>) -> Result<Self> {
        let trainer = Trainer::new(setup)?;
        let mut trial = Self {
            setup,
            trainer,
            history: Vec::new(),
            layers: Vec::new(),
            best: None,
            learning_rate: 0.0,
            seconds: 0.0,
            memory: PeakMemory::new(setup.device, None),
            earlier_code: Vec::new(),
        };
        trial.record_layers(0);
        Ok(trial)
    }

    /// Continues from the folder's checkpoint, `None` if there is none.
    fn resume(setup: Setup<'a>, folder: &Path) -> Result<Option<Self>> {
        let mut report = |error: &Error| {
            eprintln!("{}; the checkpoint before it is used, if there is one", error.one_line());
        };
        let found = checkpoint::read::<TrialState>(folder, &mut report)?;
        let Some(Checkpoint { file, mut tensors, state }) = found else {
            return Ok(None);
        };
        let place = || file.display().to_string();
        let other_code = setup.admits(&state.setup).map_err(|error| error.at(place()))?;
        let mut earlier_code = state.earlier_code;
        earlier_code.extend(other_code);
        let mut trainer = Trainer::build(setup)?;
        trainer.restore(&tensors, &state.trainer).map_err(|error| error.at(place()))?;
        let best = state.best.map(|facts| {
            tensors.retain(|name, _| name.starts_with(best_checkpoint::PREFIX));
            BestCheckpoint { facts, tensors }
        });
        Ok(Some(Self {
            setup,
            trainer,
            history: state.history,
            layers: state.layers,
            best,
            learning_rate: state.learning_rate,
            seconds: state.seconds,
            memory: PeakMemory::new(setup.device, state.peak_memory),
            earlier_code,
        }))
    }

    fn save(&self, folder: &Path, observer: &mut dyn Observer) -> Result<()> {
        let mut tensors = Tensors::new();
        let trainer = self.trainer.save(&mut tensors);
        if let Some(best) = &self.best {
            let shared = best.tensors.iter();
            tensors.extend(shared.map(|(name, tensor)| (name.clone(), tensor.shallow_clone())));
        }
        let state = TrialState {
            setup: self.setup.fingerprint()?,
            trainer,
            history: self.history.clone(),
            layers: self.layers.clone(),
            best: self.best.as_ref().map(|best| best.facts),
            learning_rate: self.learning_rate,
            seconds: self.seconds,
            peak_memory: Some(self.memory.read()),
            earlier_code: self.earlier_code.clone(),
        };
        checkpoint::write(folder, &tensors, &state, &mut || observer.may_save())
    }

    fn progress(&self, stepped: &Stepped) -> Progress {
        let position = self.trainer.position();
        Progress {
            epoch: stepped.step.epoch + 1,
            epochs: position.epochs,
            steps: position.index,
            fraction: position.position() as f64 / position.total() as f64,
            train_loss: stepped.train_loss,
            accuracy: self.history.last().and_then(|epoch| epoch.validation.shown_accuracy()),
        }
    }

    /// Has an epoch been trained that is not validated yet?
    fn awaits_validation(&self) -> bool {
        self.history.len() < self.trainer.position().epoch as usize
    }

    /// Validates the epoch that just ended and records it, unless the observer stops.
    fn close_epoch(&mut self, observer: &mut dyn Observer) -> Result<ControlFlow<()>> {
        self.trainer.check_weights()?;
        let Some(validation) = self.evaluate(Split::Validation, observer)? else {
            return Ok(ControlFlow::Break(()));
        };
        let position = self.trainer.position();
        let train_loss = self.trainer.take_loss();
        let topology = self.trainer.topology();
        self.history.push(EpochRecord {
            epoch: position.epoch,
            steps: position.index,
            learning_rate: self.learning_rate,
            train_loss,
            validation: validation.scores,
            sparsity_prunable: share_inactive(topology.active_count(), topology.size()),
            train_flops: self.trainer.flops(),
            train_seconds: self.seconds,
        });
        let (metric, epoch) = (self.setup.dataset.metric(), position.epoch);
        let earlier = self.best.take();
        self.best =
            Some(BestCheckpoint::after_epoch(earlier, &self.trainer, metric, epoch, &validation));
        self.record_layers(epoch);
        self.memory.look();
        Ok(ControlFlow::Continue(()))
    }

    fn record_layers(&mut self, epoch: u32) {
        let topology = self.trainer.topology_mut();
        self.layers.extend(telemetry::layer_records(topology, self.setup.backend, epoch));
    }

    /// None if the observer stops.
    fn evaluate(&self, split: Split, observer: &mut dyn Observer) -> Result<Option<Evaluation>> {
        let Setup { dataset, device, .. } = self.setup;
        let (model, pass) = (self.trainer.model(), self.setup.evaluation());
        let evaluation = evaluation::watched(model, dataset, split, device, &pass, observer)?;
        evaluation.map(|evaluation| self.checked(evaluation)).transpose()
    }

    /// Refuses scores of a network that became unusable.
    fn checked(&self, evaluation: Evaluation) -> Result<Evaluation> {
        if evaluation.scores.loss.is_finite() {
            return Ok(evaluation);
        }
        let position = self.trainer.position();
        Err(diverged(position.index, position.epoch.saturating_sub(1), "the evaluated loss"))
    }

    /// Reads the test set and sums up; none if the observer stops.
    fn finish(self, observer: &mut dyn Observer) -> Result<Option<Trained>> {
        let missing = || Error::data("the checkpoint is past its last epoch but has no best one");
        let best = self.best.as_ref().ok_or_else(missing)?;
        let facts = best.facts;
        let Some(last) = self.evaluate(Split::Test, observer)? else { return Ok(None) };
        tch::no_grad(|| {
            snapshot::load(self.trainer.parameters(), best_checkpoint::PREFIX, &best.tensors)
        })?;
        best.activate(&self.trainer, self.setup.backend)?;
        // The evaluation before has warmed up what is timed from here on.
        let Setup { dataset, device, .. } = self.setup;
        let (model, pass) = (self.trainer.model(), self.setup.evaluation());
        let mut clock = Clock::new(device);
        let timed = evaluation::timed(model, dataset, device, &pass, &mut clock, observer)?;
        let Some((test, predictions)) = timed else { return Ok(None) };
        let test = self.checked(test)?;
        let inference_samples_per_second =
            speed::throughput(model, dataset, device, &pass, clock.seconds())?;
        let latency = speed::latency(model, dataset, device, &pass)?;
        let (peak_memory_bytes, peak_memory_kind) = self.memory.read();
        // What an observer does with it is not measured.
        observer.tested(&TestedNetwork::new(&self.trainer, best))?;

        let topology = self.trainer.topology();
        let prunable = topology.size();
        let total = self.trainer.parameters().count();
        let inactive = prunable - facts.active as usize;
        let position = self.trainer.position();
        let start = Step::first(position.per_epoch, position.epochs);
        let outcome = Outcome {
            metric: self.setup.dataset.metric(),
            second_metric: self.setup.dataset.second_metric(),
            test: test.scores,
            test_last: last.scores,
            validation: facts.validation,
            best_epoch: facts.epoch,
            nonzero_parameters: (total - inactive) as u64,
            prunable_parameters: prunable as u64,
            total_parameters: total as u64,
            sparsity_prunable: share_inactive(facts.active as usize, prunable),
            sparsity_total: share_inactive(total - inactive, total),
            inference_ms_per_sample: latency.milliseconds_per_sample,
            inference_batch_size: latency.batch_size,
            inference_samples_per_second,
            throughput_batch_size: Some(
                evaluation::batch_size(dataset).min(dataset.len(Split::Test)) as u32,
            ),
            train_seconds: self.seconds,
            peak_memory_bytes,
            peak_memory_kind,
            train_flops: self.trainer.flops(),
            inference_flops: facts.inference_flops,
            dense_inference_flops: flops::dense_inference(topology),
            steps: self.trainer.position().index,
            skipped_batches: self.trainer.skipped(),
            is_static: self.setup.strategy.updates(&start) == Forecast::Never,
        };
        Ok(Some(Trained {
            outcome,
            collapsed: self.collapsed(&facts, &test),
            confusion: test.confusion.counts,
            predictions,
            ages: self.trainer.ages()?,
            masks: telemetry::masks(self.trainer.topology())?,
            history: self.history,
            layers: self.layers,
            earlier_code: self.earlier_code,
        }))
    }

    /// Does one of the kinds of [`Collapse`] apply, the gravest first? `test` is what the network of
    /// the `best` epoch scores on the test set.
    fn collapsed(&self, best: &Facts, test: &Evaluation) -> Option<(Collapse, String)> {
        let empty = self.layers.iter().find(|row| row.active == 0);
        if let Some(row) = empty {
            let reason = format!("{} has no active weight in epoch {}", row.layer, row.epoch);
            return Some((Collapse::LostLayer, reason));
        }
        let Setup { dataset, .. } = self.setup;
        let thing = match dataset.task() {
            Task::Classification { .. } => "class",
            Task::Regression => "number",
            Task::NextToken { .. } => "token",
        };
        let (epoch, epochs) = (best.epoch, self.setup.training.epochs);
        let one_answer = match (best.constant, test.is_constant) {
            (true, _) => Some(format!(
                "one {thing} is predicted for all validation samples in its best epoch ({epoch} of \
                 {epochs})"
            )),
            // The validation samples alone do not show it.
            (false, true) => Some(format!("one {thing} is predicted for all test samples")),
            (false, false) => None,
        };
        if test.scores.get(dataset.metric()).is_none() {
            let title = dataset.metric().title();
            let why = one_answer.map_or_else(String::new, |why| format!(": {why}"));
            let reason = format!("the {title} of the test set is not defined{why}");
            return Some((Collapse::UndefinedMetric, reason));
        }
        one_answer.map(|reason| (Collapse::OneAnswer, reason))
    }
}

fn share_inactive(active: usize, size: usize) -> f64 {
    if size == 0 { 0.0 } else { (size - active) as f64 / size as f64 }
}
