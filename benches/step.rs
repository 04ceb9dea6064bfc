//! Time of one training step: dense, and masked at 90 % between two updates.
//!
//! The masked step may cost at most 1.02 times the dense one. Both are measured in one run, on
//! one thread: `cargo bench -p benches --profile release --bench step`.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dst_core::{
    Architecture, DenseBackend, Distribution, Probe, Result, Strategy, Topology, Training,
};
use dst_models::{LeNet5, Mlp};
use dst_train::{Setup, Trainer};
use images::Images;
use serde::{Deserialize, Serialize};
use tch::Device;

mod images;

/// Chooses a random topology and never changes it.
#[derive(Debug, Serialize, Deserialize)]
struct Fixed;

#[typetag::serde(name = "bench-fixed")]
impl Strategy for Fixed {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.allocate(Distribution::Erk)?;
        topology.activate_random()
    }
}

fn steps(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    let dataset = Images::new(6_400);
    let training = Training { epochs: u32::MAX, batch_size: 64, ..Training::default() };
    let mlp = Mlp { hidden: vec![1000, 1000], dropout: 0.0 };
    let models: [(&str, &dyn Architecture); 2] = [("lenet-5", &LeNet5::default()), ("mlp", &mlp)];
    for (name, architecture) in models {
        let trainer = |sparsity| {
            let setup = Setup {
                strategy: &Fixed,
                architecture,
                dataset: &dataset,
                training: &training,
                sparsity,
                seed: 0,
                backend: &DenseBackend,
                device: Device::Cpu,
                weights_digest: "",
                code: "",
                accept_code: false,
            };
            Trainer::new(setup).expect("the setup is valid")
        };
        let (mut dense, mut masked) = (trainer(0.0), trainer(0.9));
        let mut group = criterion.benchmark_group(name);
        group.sample_size(50);
        group.bench_function("dense", |bencher| bencher.iter(|| step(&mut dense)));
        group.bench_function("masked", |bencher| bencher.iter(|| step(&mut masked)));
        group.finish();
        println!("{name}: masked / dense = {:.3}", ratio(|| trainer(0.9), || trainer(0.0)));
    }
}

fn step(trainer: &mut Trainer<'_>) -> Duration {
    let start = Instant::now();
    trainer.step().expect("the loss stays finite");
    start.elapsed()
}

/// The median ratio of median times of steps that take turns, which other work on the machine
/// disturbs less than two measurements after each other. Every ratio is of two new trainings: where
/// their tensors happen to lie, and how well they have learnt the noise, changes the time of a step by
/// some percent. Which of the two is built and steps first changes from ratio to ratio.
fn ratio<'a>(above: impl Fn() -> Trainer<'a>, below: impl Fn() -> Trainer<'a>) -> f64 {
    let times = |first: &mut Trainer<'_>, second: &mut Trainer<'_>| {
        let turns = (0..60).map(|_| (step(first), step(second)));
        let (firsts, seconds) = turns.unzip::<_, _, Vec<_>, Vec<_>>();
        (median(firsts).as_secs_f64(), median(seconds).as_secs_f64())
    };
    let ratios = (0..20).map(|round| {
        if round % 2 == 0 {
            let (mut first, mut second) = (above(), below());
            let (above, below) = times(&mut first, &mut second);
            above / below
        } else {
            let (mut first, mut second) = (below(), above());
            let (below, above) = times(&mut first, &mut second);
            above / below
        }
    });
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    f64::midpoint(ratios[ratios.len() / 2 - 1], ratios[ratios.len() / 2])
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

criterion_group!(benches, steps);
criterion_main!(benches);
