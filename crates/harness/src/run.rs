//! One trial in its own process: the body of `harness run`.

mod allocator;
pub(crate) mod libtorch;
mod observer;
mod panics;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dst_core::dataset::DataSources;
use dst_core::error::says_out_of_memory;
use dst_core::plugin;
use dst_core::record::{Collapse, Provenance, Status, TrialSpec};
use dst_core::{Architecture, Backend, Dataset, Error, ErrorKind, Keep, Result, Strategy, device};
use dst_data::shards;
use dst_train::{Ended, Setup};
use serde_json::{Map, Value};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

use crate::code;
pub use allocator::keep_freed_memory;
use dst_executor::{Exit, hang_up};
use dst_store::file::Durability;
use dst_store::lease::{self, Attempts, Holder};
use dst_store::{Claim, HeldTrial, RowCounts, Store, TrialResult, TrialState};
pub(crate) use libtorch::version as libtorch_version;
use observer::Recorder;

/// How one trial is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Threads of one operation on an accelerator's host; on a CPU the trial says how many.
    pub threads: usize,
    /// Where data sets look for their files.
    pub sources: DataSources,
    /// Where tensors are, such as `cpu`.
    pub device: String,
    /// Was it started by an executor? Then stdout carries [`Event::Progress`] as JSON lines.
    ///
    /// [`Event::Progress`]: dst_executor::Event::Progress
    pub worker: bool,
    /// A checkpoint that other code made is continued too.
    pub accept_code: bool,
    /// Whether the weights stay in the store.
    pub keep: Keep,
}

/// What came of running a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// It has a result: that of this attempt or, if another completed before, of that one.
    Ended {
        /// How it ended.
        status: Status,
        /// Why it did not finish; empty if it did.
        reason: String,
    },
    /// It was asked to stop and has saved where it stands.
    Interrupted,
    /// Another process works on it.
    Held(Holder),
}

/// Trains one trial to its end and stores the result, going on from an earlier attempt.
///
/// A process runs one trial at a time: libtorch's random generator and its threads belong to the
/// process.
///
/// SIGINT and SIGTERM stop it after the current batch, of training or of an evaluation, with a
/// checkpoint; a second SIGINT stops it at once. SIGUSR1 saves a checkpoint. Divergence, collapse, panics and errors of plug-ins and libtorch are results.
///
/// # Errors
/// If the trial could not begin for a reason that the user can mend (an unknown plug-in, a
/// value out of range, missing data), or the system refuses to read or write. There is no
/// result then, and the trial can be run again.
pub fn run_trial(store: &Store, spec: &TrialSpec, options: &RunOptions) -> Result<RunOutcome> {
    let (stop, save) = (stop_requests()?, save_requests()?);
    store.add(spec)?;
    let id = spec.id();
    let trial = Trial { store, spec, options, id };
    if let Some(outcome) = trial.ended()? {
        return Ok(outcome);
    }
    let held = match store.claim(&trial.id)? {
        Claim::Ours(held) => held,
        Claim::Held(holder) => return Ok(RunOutcome::Held(holder)),
    };
    // Whoever held it before may have ended it meanwhile.
    if let Some(outcome) = trial.ended()? {
        held.end("not needed")?;
        return Ok(outcome);
    }
    let outcome = match trial.train(&held, &stop, &save) {
        Err(error) if error.kind() == ErrorKind::Superseded => trial.superseded(),
        outcome => outcome,
    };
    // Not being able to say so, such as on a full disk, changes nothing: the end of the process
    // says it too.
    let _ = held.end(match &outcome {
        Ok(RunOutcome::Ended { .. }) => "ended",
        Ok(RunOutcome::Interrupted) => "interrupted",
        Ok(RunOutcome::Held(_)) => "taken over",
        Err(_) => "error",
    });
    outcome
}

/// What a training is made of, found by the names in a specification.
struct Parts {
    strategy: Box<dyn Strategy>,
    architecture: Box<dyn Architecture>,
    dataset: Box<dyn Dataset>,
    /// SHA-256 of the trained weights that the model starts from, or empty.
    weights_digest: String,
    /// Digests of their code, by crate, and the same in one line.
    code: BTreeMap<String, String>,
    code_in_words: String,
    backend: Box<dyn Backend>,
    device: tch::Device,
}

impl Parts {
    fn find(spec: &TrialSpec, options: &RunOptions) -> Result<Self> {
        dst_train::validate(&spec.training).map_err(|error| error.at("training"))?;
        let device = device::parse(&options.device)?;
        device::check(spec.training.precision, device)?;
        dst_sparse::check(spec.training.backend, spec.training.precision, device)?;
        let threads = threads(spec, options)?;
        let backend = dst_sparse::backend(spec.training.backend, threads)?;
        let strategy = plugin::strategy(spec.strategy_name(), parameters(&spec.strategy)?)?;
        let architecture = plugin::architecture(spec.model_name(), parameters(&spec.model)?)?;
        let weights = architecture.weights()?;
        let sources = options.sources.for_weights(weights.as_deref());
        let dataset = plugin::dataset(&spec.dataset, &spec.dataset_options, &sources)?;
        let digest = weights.map(|path| shards::digest(&path)).transpose()?;
        let weights_digest = digest.unwrap_or_default();
        let code = code::of(&*strategy, &*architecture, &*dataset, &spec.training)?;
        let code_in_words = code::in_words(&code);
        Ok(Self {
            strategy,
            architecture,
            dataset,
            weights_digest,
            code,
            code_in_words,
            backend,
            device,
        })
    }

    fn setup<'a>(&'a self, spec: &'a TrialSpec, accept_code: bool) -> Setup<'a> {
        Setup {
            strategy: &*self.strategy,
            architecture: &*self.architecture,
            dataset: &*self.dataset,
            training: &spec.training,
            sparsity: spec.sparsity,
            seed: spec.seed,
            backend: &*self.backend,
            device: self.device,
            weights_digest: &self.weights_digest,
            code: &self.code_in_words,
            accept_code,
        }
    }
}

pub(crate) fn parameters(tagged: &Value) -> Result<&Map<String, Value>> {
    tagged.as_object().ok_or_else(|| {
        Error::usage(format!("{tagged} is neither a strategy nor a model"))
            .hint("write an object with a name, such as {\"name\": \"mlp\"}")
    })
}

/// Threads of one operation of a trial.
fn threads(spec: &TrialSpec, options: &RunOptions) -> Result<usize> {
    Ok(match device::parse(&options.device)? {
        tch::Device::Cpu => spec.training.threads as usize,
        _ => options.threads.max(1),
    })
}

/// One trial at work.
struct Trial<'a> {
    store: &'a Store,
    spec: &'a TrialSpec,
    options: &'a RunOptions,
    id: String,
}

impl Trial<'_> {
    /// The result that is there. A damaged one is moved aside.
    fn ended(&self) -> Result<Option<RunOutcome>> {
        match self.store.checked_state(&self.id)? {
            TrialState::Ended { status, reason, .. } => {
                Ok(Some(RunOutcome::Ended { status, reason }))
            }
            TrialState::Damaged(_) => self.store.set_aside(&self.id, "damaged").map(|()| None),
            _ => Ok(None),
        }
    }

    fn train(&self, held: &HeldTrial, stop: &AtomicBool, save: &AtomicBool) -> Result<RunOutcome> {
        let threads = threads(self.spec, self.options)?;
        log(&format!(
            "attempt {} of {} ({} on {}, sparsity {}, seed {}) on {}, {}, threads: {threads}",
            held.attempt(),
            self.id,
            self.spec.strategy_name(),
            self.spec.dataset_label(),
            self.spec.sparsity,
            self.spec.seed,
            lease::host(),
            self.options.device,
        ));
        keep_freed_memory();
        // Before the first operation: libtorch starts its threads then.
        tch::set_num_threads(threads as i32);
        let parts = Parts::find(self.spec, self.options)?;
        if stop.load(Ordering::Relaxed) {
            return Ok(RunOutcome::Interrupted);
        }

        let should_stop = || stop.load(Ordering::Relaxed) || held.is_lost();
        let should_save = || save.swap(false, Ordering::Relaxed);
        let mut recorder =
            Recorder::new(held, &self.id, self.options.worker, should_stop, should_save);
        recorder.keeps_weights = self.options.keep.is_some();
        let checkpoint = held.checkpoint();
        let setup = parts.setup(self.spec, self.options.accept_code);
        let ended = without_panic(|| dst_train::train(&setup, Some(&checkpoint), &mut recorder));
        let began = recorder.has_begun();

        let mut result = self.result(held, &parts, threads);
        // Memory that ran out may not do so again, so a retry goes on where this attempt was. What
        // ended by itself would end in the same way.
        let may_go_on = matches!(
            &ended,
            Err(error) if matches!(error.kind(), ErrorKind::Torch | ErrorKind::OutOfMemory)
        );
        match ended {
            Ok(Ended::Stopped) => return self.stopped(held),
            Ok(Ended::Complete(trained)) => {
                recorder.history = trained.history;
                recorder.layers = trained.layers;
                recorder.ages = trained.ages;
                if let Some((collapse, reason)) = trained.collapsed {
                    result.status = Status::Collapsed;
                    result.reason = reason;
                    result.collapse = Some(collapse);
                }
                result.outcome = Some(trained.outcome);
                result.provenance.earlier_code = trained.earlier_code;
                result.confusion = trained.confusion;
                held.write_masks(&trained.masks)?;
                result.rows.masks = trained.masks.len();
                if let Some(predictions) = &trained.predictions {
                    held.write_predictions(predictions)?;
                    result.rows.predictions = predictions.len();
                }
                if let Some(weights) = recorder.weights.take() {
                    held.write_weights(&weights)?;
                    result.keep = self.options.keep;
                }
            }
            Err(error) => {
                result.status = match error.kind() {
                    ErrorKind::Io | ErrorKind::Superseded => return Err(error),
                    ErrorKind::Usage | ErrorKind::Data if !began => return Err(error),
                    ErrorKind::Diverged => Status::Diverged,
                    ErrorKind::Collapsed => {
                        result.collapse = Some(Collapse::LostLayer);
                        Status::Collapsed
                    }
                    ErrorKind::OutOfMemory => Status::OutOfMemory,
                    _ => Status::Crashed,
                };
                result.reason = error.one_line();
            }
        }
        // A result that was set aside may have left its network, which is not that of this one.
        if !result.keep.is_some() {
            held.remove_weights()?;
        }
        let Recorder { history, layers, ages, .. } = &recorder;
        held.write_tables(history, layers, ages, Durability::Synced)?;
        let (history, layers, ages) = (history.len(), layers.len(), ages.len());
        result.rows = RowCounts { history, layers, ages, ..result.rows };
        self.finish(result, may_go_on, held)
    }

    /// Stores the result and removes a checkpoint that is of no more use.
    fn finish(
        &self,
        mut result: TrialResult,
        may_go_on: bool,
        held: &HeldTrial,
    ) -> Result<RunOutcome> {
        match held.write_result(&result) {
            Err(error) if error.kind() == ErrorKind::Contract => {
                result.status = Status::Crashed;
                result.reason = error.one_line();
                result.outcome = None;
                held.write_result(&result)?;
            }
            written => {
                written?;
            }
        }
        if !may_go_on {
            held.remove_checkpoint();
        }
        // Another attempt may have completed before; then its result counts.
        match self.store.state(&self.id)? {
            TrialState::Ended { status, reason, .. } => {
                match &*reason {
                    "" => log(&status.to_string()),
                    reason => log(&format!("{status}: {reason}")),
                }
                Ok(RunOutcome::Ended { status, reason })
            }
            TrialState::Damaged(why) => Err(Error::data(why).hint(
                "the trial was trained and its result cannot be read: `harness store repair` sets aside \
                 what stands in its way",
            )),
            _ => Err(Error::data("the result that was just written is not there")
                .at(self.store.folder(&self.id).display().to_string())
                .hint("something removes files from the store while trials run")),
        }
    }

    fn stopped(&self, held: &HeldTrial) -> Result<RunOutcome> {
        if !held.is_ours() {
            return self.superseded();
        }
        log("stopped with a checkpoint");
        Ok(RunOutcome::Interrupted)
    }

    /// What the worker did meanwhile that took the trial over.
    fn superseded(&self) -> Result<RunOutcome> {
        log("another process has taken this trial over");
        Ok(match (self.store.state(&self.id)?, self.store.attempts(&self.id)?) {
            (TrialState::Ended { status, reason, .. }, _) => RunOutcome::Ended { status, reason },
            (_, Attempts::Held(holder)) => RunOutcome::Held(holder),
            _ => RunOutcome::Interrupted,
        })
    }

    fn result(&self, held: &HeldTrial, parts: &Parts, threads: usize) -> TrialResult {
        TrialResult {
            trial: self.id.clone(),
            status: Status::Finished,
            reason: String::new(),
            collapse: None,
            outcome: None,
            confusion: Vec::new(),
            rows: RowCounts::default(),
            files: BTreeMap::new(),
            keep: Keep::None,
            provenance: Provenance {
                libtorch: libtorch::version(),
                host: lease::host(),
                cpu: lease::processor(),
                device: self.options.device.clone(),
                threads: threads as u32,
                data_digest: parts.dataset.digest().to_owned(),
                data_origin: parts.dataset.origin().to_owned(),
                weights_digest: parts.weights_digest.clone(),
                started: held.since().to_owned(),
                attempt: held.attempt(),
                ..code::present(parts.code.clone())
            },
        }
    }
}

/// What `action` returns, or its panic as an error.
///
/// # Errors
/// As `action`, or if it panics.
pub(crate) fn without_panic<T>(action: impl FnOnce() -> Result<T>) -> Result<T> {
    panics::catch(action).unwrap_or_else(|panic| Err(panicked(&panic)))
}

/// A panic as an error. Code that does not check what libtorch returns panics when memory runs out.
fn panicked(panic: &str) -> Error {
    let is_memory = says_out_of_memory(panic);
    let kind = if is_memory { ErrorKind::OutOfMemory } else { ErrorKind::Contract };
    Error::new(kind, format!("panic: {panic}"))
}

/// A line for `log.txt`, or the terminal. Nobody reading is no reason to fail.
fn log(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Raised by SIGUSR1, which asks for a checkpoint now.
fn save_requests() -> Result<Arc<AtomicBool>> {
    let save = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGUSR1, Arc::clone(&save))
        .map_err(|error| Error::io("listen to signals on", Path::new("this process"), &error))?;
    Ok(save)
}

/// Raised by SIGINT, SIGTERM and [the end of a terminal](hang_up). A second SIGINT, from somebody who waits at a terminal, ends the
/// process. A second SIGTERM does not: when an executor is killed, the kernel sends one for each
/// of its threads that goes.
fn stop_requests() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let register = || -> std::io::Result<()> {
        // In this order: the first SIGINT finds the flag down and raises it.
        let code = Exit::Interrupted as i32;
        signal_hook::flag::register_conditional_shutdown(SIGINT, code, Arc::clone(&stop))?;
        signal_hook::flag::register(SIGINT, Arc::clone(&stop))?;
        signal_hook::flag::register(SIGTERM, Arc::clone(&stop))?;
        if let Some(signal) = hang_up() {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(())
    };
    register()
        .map_err(|error| Error::io("listen to signals on", Path::new("this process"), &error))?;
    Ok(stop)
}
