//! What recording costs: churn, ever-active connections, ages, neurons and masks, as a share of the time
//! of an epoch.
//!
//! It may be 1 % at most. RigL at 90 %, an update every 100 steps, batches of 64, one thread:
//! `cargo bench -p benches --profile release --bench telemetry`. Training records as it always does; the same
//! records are kept once more beside it, on the same masks, and only those are timed.

use std::time::Duration;

use dst_core::topology::{Change, Records};
use dst_core::{Architecture, DenseBackend, Topology, Training};
use dst_models::{LeNet5, Mlp};
use dst_train::telemetry::{self, Ages};
use dst_train::{Setup, Trainer};
use images::Images;
use stopwatch::Stopwatch;
use strategy_rigl::Rigl;
use tch::{Device, Tensor};

mod images;
mod stopwatch;

/// Steps of an epoch of MNIST: 55,000 images in batches of 64.
const STEPS: u64 = 860;
/// Epochs that are measured; medians are shown.
const EPOCHS: usize = 7;
/// Epochs of a short training, at whose end masks are sampled.
const TRAINING: f64 = 10.0;

fn main() {
    tch::set_num_threads(1);
    let mlp = Mlp { hidden: vec![300, 100], dropout: 0.0 };
    let models: [(&str, &dyn Architecture); 2] =
        [("lenet-300-100", &mlp), ("lenet-5", &LeNet5::default())];
    println!("times of an epoch in ms, medians of {EPOCHS} epochs");
    println!(
        "{:15} {:>9} {:>8} {:>6} {:>6} {:>8}",
        "model", "training", "commits", "rows", "masks", "share"
    );
    for (name, architecture) in models {
        let cost = measure(architecture);
        println!(
            "{name:15} {:9.1} {:8.2} {:6.2} {:6.2} {:7.2}%",
            cost.training,
            cost.commits,
            cost.rows,
            cost.masks,
            100.0 * cost.share()
        );
    }
}

/// Milliseconds of one epoch.
struct Cost {
    /// All steps, which record too.
    training: f64,
    /// Records and ages at commits.
    commits: f64,
    /// Rows of layers and of ages at the end of the epoch.
    rows: f64,
    /// The sample of masks, once a training, spread over its epochs.
    masks: f64,
}

impl Cost {
    /// Of the time of an epoch that records nothing.
    fn share(&self) -> f64 {
        let telemetry = self.commits + self.rows + self.masks;
        telemetry / (self.training - self.commits)
    }
}

fn measure(architecture: &dyn Architecture) -> Cost {
    let dataset = Images::new(6_400);
    let training = Training { epochs: u32::MAX, batch_size: 64, ..Training::default() };
    let config = serde_json::json!({ "interval": "100 steps" });
    let strategy: Rigl = serde_json::from_value(config).expect("RigL has an interval");
    let setup = Setup {
        strategy: &strategy,
        architecture,
        dataset: &dataset,
        training: &training,
        sparsity: 0.9,
        seed: 0,
        backend: &DenseBackend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    };
    let mut trainer = Trainer::new(setup).expect("the setup is valid");
    let layers = trainer.topology().layers();
    let mut records: Vec<Records> = layers.iter().map(|l| Records::new(l.active())).collect();
    let mut ages = Ages::new(trainer.topology());
    let [mut steps, mut commits, mut rows] = [(); 3].map(|()| Vec::new());
    for epoch in 1..=EPOCHS as u64 {
        let (mut training, mut noting) = (Duration::ZERO, Duration::ZERO);
        for step in 0..STEPS {
            let before = masks(trainer.topology());
            let start = Stopwatch::start();
            trainer.step().expect("the loss stays finite");
            training += start.elapsed();
            let used = (epoch - 1) * STEPS + step + 1;
            for change in changes(&before, trainer.topology()) {
                let start = Stopwatch::start();
                records[change.layer].note(&change.born, &change.dropped);
                ages.note(&change, used, STEPS).expect("memory suffices");
                noting += start.elapsed();
            }
        }
        let start = Stopwatch::start();
        let layers = telemetry::layer_records(trainer.topology_mut(), &DenseBackend, epoch as u32);
        let by_age = ages.records(trainer.topology(), epoch * STEPS, STEPS);
        rows.push(start.elapsed());
        let by_age = by_age.expect("memory suffices");
        assert!(layers.iter().any(|row| row.born > 0) && !by_age.is_empty());
        steps.push(training);
        commits.push(noting);
    }
    let sampled = (0..EPOCHS).map(|_| {
        let start = Stopwatch::start();
        telemetry::masks(trainer.topology()).expect("memory suffices");
        start.elapsed()
    });
    let masks = median(sampled.collect()) / TRAINING;
    Cost { training: median(steps), commits: median(commits), rows: median(rows), masks }
}

/// The active sets, which a commit replaces and does not change.
fn masks(topology: &Topology) -> Vec<Tensor> {
    topology.layers().iter().map(|layer| layer.active().shallow_clone()).collect()
}

fn changes(before: &[Tensor], topology: &Topology) -> Vec<Change> {
    let layers = topology.layers().iter().enumerate().zip(before);
    let changed =
        layers.filter(|((_, layer), before)| layer.active().data_ptr() != before.data_ptr());
    let change = changed.map(|((layer, now), before)| Change {
        layer,
        born: now.active().logical_and(&before.logical_not()),
        dropped: before.logical_and(&now.active().logical_not()),
    });
    change.collect()
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    1e3 * times[times.len() / 2].as_secs_f64()
}
