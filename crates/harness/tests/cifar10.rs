//! A hundred steps of ResNet-20 on CIFAR-10, dense and sparse.
//!
//! It takes minutes on one thread and needs the real files, so it is asked for by name:
//! `HARNESS_DATA=DIR cargo test --release -p harness --test cifar10 -- --ignored --nocapture`.

use std::path::Path;
use std::time::Instant;

use dst_core::plugin::{self, DatasetPlugin, Plugin};
use dst_core::training::OptimizerKind;
use dst_core::{DataSources, Dataset, Training};
use dst_train::{Setup, Trainer};
use harness as _;
use serde_json::Map;

const STEPS: usize = 100;

/// CIFAR-10, if `HARNESS_DATA` (a path from the workspace's root) holds it.
fn cifar10() -> Option<Box<dyn Dataset>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data_dir = std::env::var_os("HARNESS_DATA").map(|folder| root.join(folder))?;
    let start = Instant::now();
    let dataset = (DatasetPlugin::find("cifar10").unwrap().load)(&DataSources {
        data_dir: Some(data_dir),
        hub: None,
    });
    println!("loaded in {:.1} s", start.elapsed().as_secs_f64());
    Some(dataset.unwrap())
}

#[test]
#[ignore = "takes minutes and needs CIFAR-10"]
fn a_hundred_steps_lower_the_loss() {
    let Some(dataset) = cifar10() else {
        println!("skipped: no data");
        return;
    };
    tch::set_num_threads(1);
    let architecture = plugin::architecture("resnet20", &Map::new()).unwrap();
    let training = Training {
        optimizer: OptimizerKind::Sgd,
        learning_rate: 0.1,
        weight_decay: 5e-4,
        ..Training::default()
    };
    for (name, sparsity) in [("dense", 0.0), ("rigl", 0.9)] {
        let strategy = plugin::strategy(name, &Map::new()).unwrap();
        let setup = Setup {
            strategy: &*strategy,
            architecture: &*architecture,
            dataset: &*dataset,
            training: &training,
            sparsity,
            seed: 0,
            device: tch::Device::Cpu,
        };
        let mut trainer = Trainer::new(setup).unwrap();
        let start = Instant::now();
        let mut means = vec![0.0];
        for _ in 0..STEPS {
            means.push(trainer.step().unwrap().train_loss);
        }
        let seconds = start.elapsed().as_secs_f64() / STEPS as f64;
        // The reported loss is the mean since the epoch began.
        let window = |from: usize, to: usize| {
            (means[to] * to as f64 - means[from] * from as f64) / (to - from) as f64
        };
        let (first, last) = (window(0, 20), window(STEPS - 20, STEPS));
        let density = trainer.topology().active_count() as f64 / trainer.topology().size() as f64;
        println!(
            "{name}: loss {first:.3} in the first 20 steps, {last:.3} in the last; \
             density {density:.4}; {:.0} ms a step",
            1000.0 * seconds
        );
        assert!(last < first - 0.2, "{name}: {first} {last}");
        assert!((density - (1.0 - sparsity)).abs() < 1e-5, "{name}: {density}");
    }
}
