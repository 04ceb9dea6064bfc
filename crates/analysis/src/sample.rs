//! Made-up trials, for tests, examples and benchmarks of reports.
//!
//! Their numbers come from formulas, not from training, and never from a generator: the same call
//! gives the same trials.

use dst_record::predictions::Values;
use dst_record::record::{
    AgeRecord, EpochRecord, LayerRecord, MemoryKind, Outcome, Provenance, Scores, Status,
    TrialRecord, TrialSpec,
};
use dst_record::{BackendKind, Confusion, LayerMask, Metric, Predictions, Training};
use serde_json::{Map, Value, json};

/// A control.
pub fn baseline() -> Value {
    json!({"name": "baseline"})
}

/// A trial of a multi-layer perceptron on the data set `toy`.
pub fn spec(strategy: Value, sparsity: f64, seed: u64) -> TrialSpec {
    TrialSpec {
        dataset: "toy".to_owned(),
        dataset_options: Map::new().into(),
        model: json!({"name": "mlp", "hidden": [8]}).into(),
        strategy: strategy.into(),
        sparsity,
        training: Training { epochs: 2, ..Training::default() }.into(),
        seed,
    }
}

/// A trial that finished with this accuracy on every split.
pub fn finished(spec: TrialSpec, accuracy: f64) -> TrialRecord {
    let scores = Scores {
        loss: 0.25,
        accuracy: Some(accuracy),
        f1_macro: Some(accuracy),
        ..Scores::default()
    };
    // Inference keeps twice the share of connections, as if they lay where positions are many.
    let kept = if spec.sparsity == 0.0 { 1.0 } else { 2.0 * (1.0 - spec.sparsity) };
    TrialRecord {
        id: format!("{}-{}-{}", spec.strategy_name(), spec.sparsity, spec.seed),
        status: Status::Finished,
        reason: String::new(),
        collapse: None,
        outcome: Some(Outcome {
            metric: Metric::Accuracy,
            second_metric: None,
            test: scores,
            test_last: scores,
            validation: scores,
            best_epoch: 2,
            nonzero_parameters: 110,
            prunable_parameters: 1000,
            total_parameters: 1010,
            sparsity_prunable: spec.sparsity,
            sparsity_total: 0.99 * spec.sparsity,
            inference_ms_per_sample: 0.0125,
            inference_batch_size: 256,
            inference_samples_per_second: Some(2500.0),
            throughput_batch_size: Some(256),
            train_seconds: 3.25,
            peak_memory_bytes: 4096,
            peak_memory_kind: MemoryKind::ResidentSet,
            train_flops: 6e6 * kept,
            inference_flops: 2000.0 * kept,
            dense_inference_flops: 2000.0,
            steps: 20,
            skipped_batches: 0,
            is_static: false,
        }),
        history: Vec::new(),
        layers: Vec::new(),
        ages: Vec::new(),
        masks: Vec::new(),
        confusion: Vec::new(),
        predictions: None,
        network_bytes: None,
        provenance: Provenance { data_digest: "c0ffee".to_owned(), ..Provenance::default() },
        spec,
    }
}

/// A trial that ended without an outcome.
pub fn failed(spec: TrialSpec, status: Status, reason: &str) -> TrialRecord {
    TrialRecord {
        status,
        reason: reason.to_owned(),
        collapse: None,
        outcome: None,
        provenance: Provenance::default(),
        ..finished(spec, 0.0)
    }
}

/// Finished trials with seeds from 0.
pub fn group(strategy: &Value, sparsity: f64, accuracies: &[f64]) -> Vec<TrialRecord> {
    (0..)
        .zip(accuracies)
        .map(|(seed, accuracy)| finished(spec(strategy.clone(), sparsity, seed), *accuracy))
        .collect()
}

/// The size of a made-up grid.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Data sets.
    pub datasets: usize,
    /// Strategies beside the control.
    pub strategies: usize,
    /// Sparsities of each.
    pub sparsities: usize,
    /// Seeds of each.
    pub seeds: usize,
    /// Epochs of each trial.
    pub epochs: u32,
}

impl Size {
    /// Trials of such a grid.
    pub fn trials(self) -> usize {
        self.datasets * self.seeds * (1 + self.strategies * self.sparsities)
    }
}

/// A whole grid: `baseline` and strategies `method-0`, `method-1`, … with histories, layers and
/// confusions. Later methods are a little worse, higher sparsities too; one trial in 13 diverges.
pub fn grid(size: Size) -> Vec<TrialRecord> {
    let mut trials = Vec::with_capacity(size.trials());
    for dataset in 0..size.datasets {
        for seed in 0..size.seeds as u64 {
            trials.push(made_up(size, dataset, 0, 0.0, seed));
            for method in 1..=size.strategies {
                for level in 0..size.sparsities {
                    let sparsity = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99][level % 6];
                    trials.push(made_up(size, dataset, method, sparsity, seed));
                }
            }
        }
    }
    for (minute, trial) in trials.iter_mut().enumerate() {
        if !trial.provenance.started.is_empty() {
            trial.provenance.started = started(minute);
        }
    }
    trials
}

/// So many minutes after the beginning of a month: one trial begins after the other, so that none is
/// beside another.
fn started(minute: usize) -> String {
    let (day, hour, minute) = (1 + minute / 1_440 % 28, minute / 60 % 24, minute % 60);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:00Z")
}

/// The same grid on another backend: trainings take `speed` of their seconds, begin later, and score as
/// they did, but for rounding that moves some of them by a ten-thousandth.
pub fn on_backend(trials: &[TrialRecord], backend: BackendKind, speed: f64) -> Vec<TrialRecord> {
    let mut trials = trials.to_vec();
    for (place, trial) in trials.iter_mut().enumerate() {
        trial.spec.training.backend = backend;
        trial.id = TrialSpec::id(&trial.spec);
        if !trial.provenance.started.is_empty() {
            trial.provenance.started = started(place).replace("2026-01", "2026-02");
        }
        for epoch in &mut trial.history {
            epoch.train_seconds *= speed;
        }
        if let Some(outcome) = &mut trial.outcome {
            let noise = 1e-4 * f64::from(place as u32 % 3) - 1e-4;
            outcome.test.accuracy = outcome.test.accuracy.map(|accuracy| accuracy + noise);
            outcome.train_seconds *= speed;
            outcome.inference_ms_per_sample *= speed;
        }
    }
    trials
}

/// Gives finished trials predictions of `samples` test samples of ten classes, and their confusions:
/// as many are wrong as the accuracy says, not the same ones in every trial.
///
/// # Panics
/// Never: there is one prediction for each target.
pub fn predict(trials: &mut [TrialRecord], samples: usize) {
    let targets: Vec<u8> = (0..samples).map(|sample| (sample % 10) as u8).collect();
    let mut shared: Option<Predictions> = None;
    for trial in trials {
        let Some(accuracy) = trial.outcome.as_ref().and_then(|outcome| outcome.test.accuracy)
        else {
            continue;
        };
        let wrong = ((1.0 - accuracy) * samples as f64).round() as usize;
        // A step that shares no factor with most lengths scatters the errors.
        let first = 31 * trial.spec.seed as usize + trial.spec.strategy_name().len();
        let mut predicted = targets.clone();
        for error in 0..wrong {
            let place = (first + 97 * error) % samples;
            predicted[place] = (targets[place] + 1) % 10;
        }
        trial.confusion = vec![vec![0; 10]; 10];
        for (class, taken_for) in targets.iter().zip(&predicted) {
            trial.confusion[usize::from(*class)][usize::from(*taken_for)] += 1;
        }
        let mut predictions =
            Predictions::new(Values::Byte(targets.clone()), Values::Byte(predicted))
                .expect("one prediction for each target");
        match &shared {
            Some(first) => {
                predictions.share_targets(first);
            }
            None => shared = Some(predictions.clone()),
        }
        trial.predictions = Some(predictions);
    }
}

/// Makes the test scores those of the confusions, where there are some: accuracies above are finer than
/// so few samples can tell.
pub fn score_by_predictions(trials: &mut [TrialRecord]) {
    for trial in trials.iter_mut().filter(|trial| !trial.confusion.is_empty()) {
        let confusion = Confusion { counts: trial.confusion.clone() };
        if let Some(outcome) = &mut trial.outcome {
            outcome.test.accuracy = Some(confusion.accuracy());
            outcome.test.f1_macro = outcome.test.f1_macro.map(|_| confusion.f1_macro());
        }
    }
}

fn made_up(size: Size, dataset: usize, method: usize, sparsity: f64, seed: u64) -> TrialRecord {
    let strategy = match method {
        0 => baseline(),
        other => json!({"name": format!("method-{}", other - 1), "drop_fraction": 0.3}),
    };
    let mut spec = spec(strategy, sparsity, seed);
    spec.dataset = format!("data-{dataset}");
    spec.training.epochs = size.epochs;
    // Three sums of sines with unrelated periods look like noise, and are the same everywhere.
    let place = seed as f64 + 17.0 * method as f64 + 5.3 * sparsity + 101.0 * dataset as f64;
    let noise = 0.002 * ((1.7 * place).sin() + (3.1 * place).sin() + (0.13 * place).cos());
    let seed_noise = 0.003 * (2.3 * seed as f64).sin();
    let loss_of_sparsity = 0.01 * sparsity.powi(6) + 0.0004 * method as f64;
    let accuracy = 0.96 - 0.05 * dataset as f64 + seed_noise + noise - loss_of_sparsity;
    let id = dst_record::record::TrialSpec::id(&spec);
    if method > 0 && (method + 3 * seed as usize + dataset).is_multiple_of(13) {
        return TrialRecord { id, ..failed(spec, Status::Diverged, "epoch 2: loss is NaN") };
    }
    let history = (1..=size.epochs).map(|epoch| epoch_of(epoch, accuracy, sparsity)).collect();
    let layers: Vec<LayerRecord> =
        (0..=size.epochs).flat_map(|epoch| layers_of(epoch, sparsity, method)).collect();
    let provenance = Provenance {
        version: "0.1.0".to_owned(),
        libtorch: "2.13.0".to_owned(),
        host: "sample".to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        data_digest: "c0ffee".to_owned(),
        started: "2026-01-31T12:00:00Z".to_owned(),
        attempt: 1,
        ..Provenance::default()
    };
    let right = (100.0 * accuracy) as u64;
    let confusion = (0..10)
        .map(|class| {
            (0..10)
                .map(|guess| match (guess + 10 - class) % 10 {
                    0 => right,
                    1 => 100 - right,
                    _ => 0,
                })
                .collect()
        })
        .collect();
    let ages = ages_of(size.epochs, method, sparsity);
    let masks = masks_of(&layers, method, seed);
    let finished = finished(spec, accuracy);
    TrialRecord { id, history, layers, ages, masks, confusion, provenance, ..finished }
}

fn epoch_of(epoch: u32, accuracy: f64, sparsity: f64) -> EpochRecord {
    let progress = 1.0 - 0.5_f64.powi(epoch as i32);
    EpochRecord {
        epoch,
        steps: 100 * u64::from(epoch),
        learning_rate: 0.001,
        train_loss: 2.3 * (1.0 - 0.9 * progress),
        validation: Scores {
            loss: 2.3 * (1.0 - 0.88 * progress),
            accuracy: Some(0.1 + (accuracy - 0.1) * progress),
            f1_macro: Some(0.1 + (accuracy - 0.1) * progress),
            ..Scores::default()
        },
        sparsity_prunable: sparsity,
        train_flops: 3e6 * f64::from(epoch) * (1.0 - sparsity),
        train_seconds: 1.5 * f64::from(epoch),
    }
}

fn layers_of(epoch: u32, sparsity: f64, method: usize) -> [LayerRecord; 3] {
    [
        ("conv1.weight", "6x1x5x5", 150_u64),
        ("fc1.weight", "120x400", 48_000),
        ("fc2.weight", "84x120", 10_080),
    ]
    .map(|(layer, shape, size)| {
        let density = 1.0 - sparsity;
        let active = (size as f64 * density) as u64;
        let moved = if epoch == 0 || method == 0 { 0 } else { active / (3 + u64::from(epoch)) };
        let ever = 1.0 - sparsity * 0.9_f64.powi(epoch as i32);
        LayerRecord {
            epoch,
            layer: layer.to_owned(),
            shape: shape.to_owned(),
            size,
            active,
            born: moved,
            dropped: moved,
            ever_active_share: ever,
            ..LayerRecord::default()
        }
    })
}

/// The masks of the last epoch's layers. Half of the connections are the same at all seeds.
fn masks_of(layers: &[LayerRecord], method: usize, seed: u64) -> Vec<LayerMask> {
    // The fractional parts of multiples of the golden ratio are spread evenly.
    let spread = |place: usize, turn: f64| (place as f64 * 0.618_033_988_75 + turn).fract();
    let last = layers.len().saturating_sub(3);
    let mask = |row: &LayerRecord| {
        let density = row.active as f64 / row.size as f64;
        let of_seed = 0.37 * seed as f64 + 0.11 * method as f64;
        let active: Vec<bool> = (0..(row.size as usize).min(4096))
            .map(|place| spread(place, if place % 2 == 0 { 0.0 } else { of_seed }) < density)
            .collect();
        LayerMask::new(&row.layer, row.size, &active).expect("there is a bit for each place")
    };
    layers[last..].iter().map(mask).collect()
}

/// Young connections are dropped most; the control drops none.
fn ages_of(epochs: u32, method: usize, sparsity: f64) -> Vec<AgeRecord> {
    if method == 0 {
        return Vec::new();
    }
    (0..=epochs)
        .map(|age_epochs| AgeRecord {
            layer: "fc1.weight".to_owned(),
            age_epochs,
            dropped: (4000.0 * (1.0 - sparsity) * 0.7_f64.powi(age_epochs as i32)) as u64,
            active: 100,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_its_size_and_no_trial_twice() {
        let size = Size { datasets: 2, strategies: 3, sparsities: 2, seeds: 4, epochs: 5 };
        let trials = grid(size);
        assert_eq!(trials.len(), size.trials());
        let mut ids: Vec<&str> = trials.iter().map(|trial| trial.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), trials.len());
        assert!(trials.iter().any(|trial| trial.status == Status::Diverged));
        assert_eq!(trials, grid(size));
    }

    #[test]
    fn predictions_are_as_good_as_the_accuracy() {
        let size = Size { datasets: 1, strategies: 1, sparsities: 1, seeds: 2, epochs: 1 };
        let mut trials = grid(size);
        predict(&mut trials, 1000);
        for trial in trials {
            let accuracy = trial.outcome.as_ref().and_then(|outcome| outcome.test.accuracy);
            let predictions = trial.predictions.as_ref();
            let correct = predictions.and_then(Predictions::correct);
            let right = correct.map(|all| all.into_iter().filter(|right| *right).count());
            assert_eq!(right, accuracy.map(|share| (1000.0 * share).round() as usize));
        }
    }
}
