//! Keeps the records of a training on disk and tells how far it is.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dst_core::record::{AgeRecord, EpochRecord, LayerRecord};
use dst_core::{NetworkWeights, Result};
use dst_train::{Observer, Progress, TestedNetwork};

use dst_executor::Event;
use dst_store::file::Durability;
use dst_store::{HeldTrial, TrialProgress};

/// Time between two lines of progress.
const LINE_INTERVAL: Duration = Duration::from_millis(200);

/// Time between two notes of progress in the store. The disk may be one of a network.
const STORE_INTERVAL: Duration = Duration::from_secs(2);

/// The most training that a crash may cost; an epoch of a large network takes longer. To write the
/// 2 GB of a BERT-base takes seconds.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(600);

/// Writes `history.csv`, `layers.csv` and `ages.csv` after every epoch, and every few seconds how
/// far it is.
pub(super) struct Recorder<'a, S, T> {
    /// Epochs so far.
    pub(super) history: Vec<EpochRecord>,
    /// Layers by epoch so far.
    pub(super) layers: Vec<LayerRecord>,
    /// Connections by layer and age, after the last epoch.
    pub(super) ages: Vec<AgeRecord>,
    /// Is the network to be kept?
    pub(super) keeps_weights: bool,
    /// The network that the test set was read with, if it is to be kept.
    pub(super) weights: Option<NetworkWeights>,
    held: &'a HeldTrial,
    id: &'a str,
    prints: bool,
    printed: Option<Instant>,
    noted: Option<Instant>,
    /// When the last checkpoint was saved, or training began.
    saved: Instant,
    should_stop: S,
    should_save: T,
    begun: bool,
}

impl<'a, S: Fn() -> bool, T: Fn() -> bool> Recorder<'a, S, T> {
    pub(super) fn new(
        held: &'a HeldTrial,
        id: &'a str,
        prints: bool,
        should_stop: S,
        should_save: T,
    ) -> Self {
        Self {
            history: Vec::new(),
            layers: Vec::new(),
            ages: Vec::new(),
            keeps_weights: false,
            weights: None,
            held,
            id,
            prints,
            printed: None,
            noted: None,
            saved: Instant::now(),
            should_stop,
            should_save,
            begun: false,
        }
    }

    /// Has a batch been trained, in this attempt or before?
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    fn flow(&self) -> ControlFlow<()> {
        if (self.should_stop)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn print(&mut self, progress: &Progress) {
        if !self.prints || self.printed.is_some_and(|at| at.elapsed() < LINE_INTERVAL) {
            return;
        }
        self.printed = Some(Instant::now());
        let event = Event::Progress {
            id: self.id.to_owned(),
            epoch: progress.epoch,
            epochs: progress.epochs,
            fraction: progress.fraction,
            train_loss: progress.train_loss,
            accuracy: progress.accuracy,
        };
        if let Ok(line) = serde_json::to_string(&event) {
            // An executor that is gone is noticed by its signal, not here.
            let mut stdout = std::io::stdout().lock();
            let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        }
    }

    /// For those who look at the store: `harness status` knows no other way.
    fn note(&mut self, progress: &Progress) {
        if self.noted.is_some_and(|at| at.elapsed() < STORE_INTERVAL) {
            return;
        }
        self.noted = Some(Instant::now());
        let said = TrialProgress {
            epoch: progress.epoch,
            epochs: progress.epochs,
            fraction: progress.fraction,
            train_loss: Some(progress.train_loss).filter(|loss| loss.is_finite()),
            accuracy: progress.accuracy,
        };
        // A full disk is reported by the files that matter.
        let _ = self.held.write_progress(&said);
    }
}

impl<S: Fn() -> bool, T: Fn() -> bool> Observer for Recorder<'_, S, T> {
    fn step(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.begun = true;
        self.print(progress);
        self.note(progress);
        self.flow()
    }

    fn evaluating(&mut self) -> ControlFlow<()> {
        self.flow()
    }

    fn checkpoint_is_due(&mut self) -> bool {
        let asked = (self.should_save)();
        if asked {
            super::log("saves a checkpoint");
        }
        let due = asked || self.saved.elapsed() >= CHECKPOINT_INTERVAL;
        if due {
            self.saved = Instant::now();
        }
        due
    }

    fn may_save(&mut self) -> bool {
        self.held.is_ours()
    }

    fn starts_from(&mut self, origin: &str) {
        super::log(&format!("starts from {origin}"));
    }

    fn epoch(
        &mut self,
        history: &[EpochRecord],
        layers: &[LayerRecord],
        ages: &[AgeRecord],
    ) -> Result<()> {
        self.begun |= !history.is_empty();
        self.saved = Instant::now();
        self.history = history.to_vec();
        self.layers = layers.to_vec();
        self.ages = ages.to_vec();
        if let Some(last) = history.last() {
            let of = &last.validation;
            let validation = match (of.shown_accuracy(), of.perplexity(), of.pearson) {
                (Some(accuracy), ..) => format!("accuracy {accuracy:.4}"),
                (_, Some(perplexity), _) => format!("perplexity {perplexity:.4}"),
                (.., Some(pearson)) => format!("Pearson correlation {pearson:.4}"),
                _ => format!("loss {:.4}", of.loss),
            };
            super::log(&format!(
                "epoch {}: training loss {:.4}, validation {validation}, {:.1} s",
                last.epoch, last.train_loss, last.train_seconds
            ));
        }
        self.held.write_tables(history, layers, ages, Durability::Cached)
    }

    fn tested(&mut self, network: &TestedNetwork<'_>) -> Result<()> {
        if self.keeps_weights {
            self.weights = Some(network.weights(self.id)?);
        }
        Ok(())
    }
}
