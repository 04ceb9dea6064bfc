//! Networks of the plan take steps on real data, dense and sparse.
//!
//! Each takes minutes on one thread and needs the real files, so it is asked for by name:
//! `HARNESS_DATA=DIR cargo test --release -p harness --test real_data -- --ignored --nocapture
//! --test-threads 1`.

use std::path::Path;
use std::time::Instant;

use dst_core::plugin;
use dst_core::tch::{Device, Tensor};
use dst_core::training::Component;
use dst_core::{
    Batch, DataSources, Dataset, DenseBackend, Input, InputShape, Result, Split, Task, Training,
};
use dst_train::{Setup, Trainer};
use harness as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Map;

/// A data set, if `HARNESS_DATA` (a path from the workspace's root) is set.
fn dataset(name: &str) -> Option<Box<dyn Dataset>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Some(folder) = std::env::var_os("HARNESS_DATA") else {
        println!("skipped: no data");
        return None;
    };
    let start = Instant::now();
    let sources =
        DataSources { data_dir: Some(root.join(folder)), hub: None, ..DataSources::default() };
    let dataset = plugin::dataset(name, &Map::new(), &sources).unwrap();
    println!("{name}: loaded in {:.1} s", start.elapsed().as_secs_f64());
    Some(dataset)
}

/// Trains so many steps, dense and with RigL at 90 %, and asserts that the mean loss of the last
/// fifth is less than that of the first, and that exactly the target count is active.
fn steps_lower_the_loss(model: &str, dataset: &dyn Dataset, training: &Training, steps: usize) {
    tch::set_num_threads(1);
    let architecture = plugin::architecture(model, &Map::new()).unwrap();
    for (name, sparsity) in [("dense", 0.0), ("rigl", 0.9)] {
        let strategy = plugin::strategy(name, &Map::new()).unwrap();
        let setup = Setup {
            strategy: &*strategy,
            architecture: &*architecture,
            dataset,
            training,
            sparsity,
            seed: 0,
            backend: &DenseBackend,
            device: Device::Cpu,
            weights_digest: "",
            code: "",
            accept_code: false,
        };
        let mut trainer = Trainer::new(setup).unwrap();
        let size = trainer.topology().size();
        let expected = ((1.0 - sparsity) * size as f64).round() as usize;
        let start = Instant::now();
        let mut means = vec![0.0];
        for _ in 0..steps {
            means.push(trainer.step().unwrap().train_loss);
            assert_eq!(trainer.topology().active_count(), expected);
        }
        let seconds = start.elapsed().as_secs_f64() / steps as f64;
        // The reported loss is the mean since the epoch began.
        let window = |from: usize, to: usize| {
            (means[to] * to as f64 - means[from] * from as f64) / (to - from) as f64
        };
        let (first, last) = (window(0, steps / 5), window(steps - steps / 5, steps));
        for layer in trainer.topology().layers() {
            let inactive = layer.weight().dense().masked_select(&layer.active().logical_not());
            assert_eq!(inactive.count_nonzero(None::<i64>).int64_value(&[]), 0, "{}", layer.name());
        }
        println!(
            "{model}, {name}: loss {first:.3} in the first {} steps, {last:.3} in the last; {} of \
             {size} weights are active; {:.0} ms a step",
            steps / 5,
            trainer.topology().active_count(),
            1000.0 * seconds
        );
        assert!(last < first - 0.2, "{name}: {first} {last}");
    }
}

/// Stochastic gradient descent as in the recipes for residual networks on CIFAR-10.
fn residual() -> Training {
    Training {
        optimizer: Component::optimizer("sgd").with("weight_decay", 5e-4),
        learning_rate: 0.1,
        ..Training::default()
    }
}

#[test]
#[ignore = "takes minutes and needs CIFAR-10"]
fn a_hundred_steps_of_resnet20_lower_the_loss() {
    if let Some(cifar10) = dataset("cifar10") {
        steps_lower_the_loss("resnet20", &*cifar10, &residual(), 100);
    }
}

#[test]
#[ignore = "takes half an hour and needs CIFAR-10"]
fn two_hundred_steps_of_resnet18_lower_the_loss() {
    if let Some(cifar10) = dataset("cifar10") {
        steps_lower_the_loss("resnet18", &*cifar10, &residual(), 200);
    }
}

/// Sentences of a data set in batches of exactly [`Padded::LENGTH`] tokens.
#[derive(Debug)]
struct Padded(Box<dyn Dataset>);

impl Padded {
    const LENGTH: i64 = 64;
}

impl Dataset for Padded {
    fn input(&self) -> InputShape {
        self.0.input()
    }

    fn task(&self) -> Task {
        self.0.task()
    }

    fn len(&self, split: Split) -> usize {
        self.0.len(split)
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let Batch { input, target } = self.0.batch(split, rows, device)?;
        let Input::Tokens { ids, segments, present } = input else {
            panic!("the data set holds no text");
        };
        let pad = |tensor: &Tensor| {
            let width = tensor.size()[1];
            tensor.constant_pad_nd([0, Self::LENGTH - width])
        };
        let (ids, segments, present) = (pad(&ids), pad(&segments), pad(&present));
        Ok(Batch { input: Input::Tokens { ids, segments, present }, target })
    }

    fn batches(
        &self,
        split: Split,
        batch_size: usize,
        order: Option<&mut ChaCha8Rng>,
    ) -> Vec<Vec<i64>> {
        self.0.batches(split, batch_size, order)
    }

    fn digest(&self) -> &str {
        self.0.digest()
    }

    fn origin(&self) -> &str {
        self.0.origin()
    }
}

#[test]
#[ignore = "takes minutes and gigabytes, and needs SST-2"]
fn bert_base_takes_a_step_on_sst2() {
    let Some(sst2) = dataset("glue/sst2") else { return };
    let padded = Padded(sst2);
    tch::set_num_threads(2);
    let architecture = plugin::architecture("bert-base", &Map::new()).unwrap();
    let training = Training {
        batch_size: 32,
        optimizer: Component::optimizer("adamw"),
        learning_rate: 2e-5,
        ..Training::default()
    };
    for (name, sparsity) in [("dense", 0.0), ("rigl", 0.5)] {
        let strategy = plugin::strategy(name, &Map::new()).unwrap();
        let setup = Setup {
            strategy: &*strategy,
            architecture: &*architecture,
            dataset: &padded,
            training: &training,
            sparsity,
            seed: 0,
            backend: &DenseBackend,
            device: Device::Cpu,
            weights_digest: "",
            code: "",
            accept_code: false,
        };
        let mut trainer = Trainer::new(setup).unwrap();
        let encoder: usize = trainer
            .parameters()
            .iter()
            .filter(|(name, _)| !name.starts_with("classifier"))
            .map(|(_, parameter)| parameter.tensor().numel())
            .sum();
        assert_eq!(encoder, 109_482_240);
        // 12 blocks of four matrices 768 × 768 and two 768 × 3072.
        assert_eq!(trainer.topology().size(), 12 * (4 * 768 * 768 + 2 * 768 * 3072));
        let weight = &trainer.topology().layers()[0];
        assert_eq!(weight.shape(), [768, 768], "{}", weight.name());
        let before = weight.weight().dense().copy();
        let start = Instant::now();
        let stepped = trainer.step().unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let layer = &trainer.topology().layers()[0];
        assert!(layer.weight().dense().ne_tensor(&before).any().int64_value(&[]) == 1);
        assert!((stepped.train_loss - std::f64::consts::LN_2).abs() < 0.3);
        let (bytes, kind) = dst_train::peak_memory();
        println!(
            "bert-base, {name}: loss {:.3}, {} of {} prunable weights active, {seconds:.1} s a \
             step of 32 × 64 tokens, peak memory so far {:.2} GB ({kind:?})",
            stepped.train_loss,
            trainer.topology().active_count(),
            trainer.topology().size(),
            bytes as f64 / 1e9
        );
    }
}
