//! Time of making a batch against the training step that it feeds: MNIST, batches of 64,
//! LeNet-5.
//!
//! A batch as it is by default must take at most a twentieth of the step. Both are measured in
//! one run, on one thread: `cargo bench -p benches --profile release --bench pipeline`.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dataset_mnist as _;
use dst_core::plugin;
use dst_core::tch::{self, Device};
use dst_core::{DataSources, Dataset, DenseBackend, SeedStreams, Split, Strategy, Training};
use dst_models::LeNet5;
use dst_train::{Setup, Trainer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const BATCH: usize = 64;

/// The dense network.
#[derive(Debug, Serialize, Deserialize)]
struct Dense;

#[typetag::serde(name = "bench-dense")]
impl Strategy for Dense {}

/// Ways to change training images, from none to all.
fn options() -> [(&'static str, Value); 3] {
    [
        ("as they are", json!({})),
        ("crop and flip", json!({ "crop_padding": 4, "flip": true })),
        (
            "all",
            json!({
                "crop_padding": 4, "flip": true, "rotation": 15, "shift": 0.1, "shear": 10,
                "zoom": 0.1, "cutout": 8,
            }),
        ),
    ]
}

fn pipeline(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    let datasets = options().map(|(name, options)| {
        let options = options.as_object().expect("an object");
        let dataset = plugin::dataset("mnist-10k", options, &DataSources::default());
        (name, dataset.expect("it is carried by the crate"))
    });
    let training = Training { epochs: u32::MAX, batch_size: BATCH as u32, ..Training::default() };
    let network = LeNet5::default();
    let setup = Setup {
        strategy: &Dense,
        architecture: &network,
        dataset: &*datasets[0].1,
        training: &training,
        sparsity: 0.0,
        seed: 0,
        backend: &DenseBackend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    };
    let mut trainer = Trainer::new(setup).expect("the setup is valid");
    let mut group = criterion.benchmark_group("mnist");
    group.sample_size(50);
    for (name, dataset) in &datasets {
        group.bench_function(*name, |bencher| bencher.iter(|| batch(&**dataset)));
    }
    group.bench_function("step", |bencher| bencher.iter(|| step(&mut trainer)));
    group.finish();
    for (name, dataset) in &datasets {
        println!("{name}: step / batch = {:.1}", ratio(&mut trainer, &**dataset));
    }
}

/// One training batch, on its device, changed at random.
fn batch(dataset: &dyn Dataset) -> Duration {
    let rows: Vec<i64> = (0..BATCH as i64).map(|row| row * 97 % 7_000).collect();
    let start = Instant::now();
    let mut batch = dataset.batch(Split::Train, &rows, Device::Cpu).expect("rows in range");
    let mut rng = SeedStreams::new(0).stream("augment/0");
    dataset.augment(&mut batch, &mut rng).expect("libtorch takes images");
    start.elapsed()
}

fn step(trainer: &mut Trainer<'_>) -> Duration {
    let start = Instant::now();
    trainer.step().expect("the loss stays finite");
    start.elapsed()
}

/// The ratio of median times that take turns, which other work on the machine disturbs less
/// than two measurements after each other. The step makes a batch of its own too, as it is by
/// default, so the ratio is a twentieth or less above the true one.
fn ratio(trainer: &mut Trainer<'_>, dataset: &dyn Dataset) -> f64 {
    let (mut steps, mut batches): (Vec<_>, Vec<_>) =
        (0..500).map(|_| (step(trainer), batch(dataset))).unzip();
    steps.sort();
    batches.sort();
    steps[250].as_secs_f64() / batches[250].as_secs_f64()
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
