//! Mixed precision, and batches that a thread prepares: what changes numbers and what must not.

mod common;

use common::{Probes, Rewires, bits, one_at_a_time, setup, training};
use dst_core::{
    Batch, Dataset, ErrorKind, Input, InputShape, Pass, Precision, Result, Split, Task, Training,
};
use dst_train::toy::{Blobs, TinyMlp};
use dst_train::{Ended, Setup, Silent, Trained, Trainer, evaluate, train};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind};

fn complete(setup: &Setup<'_>) -> Trained {
    match train(setup, None, &mut Silent).unwrap() {
        Ended::Complete(trained) => *trained,
        Ended::Stopped => panic!("nobody stopped it"),
    }
}

fn weights(trainer: &Trainer<'_>) -> Vec<Vec<u8>> {
    trainer.parameters().iter().map(|(_, parameter)| bits(&parameter.tensor())).collect()
}

fn mixed() -> Training {
    Training { precision: Precision::Bf16, ..training() }
}

#[test]
fn mixed_precision_learns_with_exact_zeros_and_32_bit_weights() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), mixed());
    let strategy = Rewires::default();
    let trained = complete(&setup(&strategy, &network, &blobs, &training));
    assert!(trained.outcome.test.accuracy > Some(0.9), "{:?}", trained.outcome);

    let mut trainer = Trainer::new(setup(&strategy, &network, &blobs, &training)).unwrap();
    for _ in 0..12 {
        trainer.step().unwrap();
    }
    for (name, parameter) in trainer.parameters().iter() {
        assert_eq!(parameter.tensor().kind(), Kind::Float, "{name}");
        assert_eq!(parameter.tensor().grad().kind(), Kind::Float, "{name}");
    }
    for layer in trainer.topology().layers() {
        let inactive = layer.weight().dense().detach().masked_select(&layer.active().logical_not());
        assert!(inactive.numel() > 0);
        assert_eq!(inactive.count_nonzero(None).int64_value(&[]), 0, "{}", layer.name());
    }
}

#[test]
fn precision_changes_steps_and_scores() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    let (exact, mixed) = (training(), mixed());
    let strategy = Rewires::default();
    let [exact, mixed] = [&exact, &mixed].map(|training| {
        let mut trainer = Trainer::new(setup(&strategy, &network, &blobs, training)).unwrap();
        trainer.step().unwrap();
        trainer
    });
    assert_ne!(weights(&exact), weights(&mixed));
    let loss = |precision| {
        let pass = Pass { precision, ..Pass::EVALUATION };
        let scores = evaluate(exact.model(), &blobs, Split::Test, Device::Cpu, &pass);
        scores.unwrap().scores.loss
    };
    let (full, rounded) = (loss(Precision::F32), loss(Precision::Bf16));
    assert!(full != rounded && (full - rounded).abs() < 0.02 * full, "{full} {rounded}");
}

#[test]
fn probes_of_a_strategy_see_the_precision() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), mixed());
    // The strategy itself checks its gradients.
    assert!(Trainer::new(setup(&Probes, &network, &blobs, &training)).is_ok());
}

#[test]
fn tensor_float_on_a_cpu_is_refused_before_training() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    let training = Training { precision: Precision::Tf32, ..training() };
    let strategy = Rewires::default();
    let error = train(&setup(&strategy, &network, &blobs, &training), None, &mut Silent);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("tf32 needs an NVIDIA accelerator"), "{error}");
}

#[test]
fn what_inference_cost_is_measured() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let outcome = complete(&setup(&strategy, &network, &blobs, &training)).outcome;
    assert!(outcome.inference_samples_per_second.is_some_and(|speed| speed > 0.0));
    // The whole test set of 60 samples is one batch.
    assert_eq!((outcome.throughput_batch_size, outcome.inference_batch_size), (Some(60), 60));
}

/// Blobs that are shifted at random, in whatever thread that happens.
#[derive(Debug)]
struct Shifted(Box<dyn Dataset>);

impl Dataset for Shifted {
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
        self.0.batch(split, rows, device)
    }

    fn augment(&self, batch: &mut Batch, rng: &mut ChaCha8Rng) -> Result<()> {
        if let Input::Image(pictures) = &mut batch.input {
            *pictures += rng.random_range(-0.5..0.5);
        }
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Dataset>> {
        Some(Box::new(Self(self.0.fork()?)))
    }

    fn digest(&self) -> &str {
        self.0.digest()
    }

    fn origin(&self) -> &str {
        self.0.origin()
    }
}

#[test]
fn prepared_batches_give_the_same_weights_bit_for_bit() {
    let _turn = one_at_a_time();
    let blobs = Shifted(Box::new(Blobs::default()));
    let network = TinyMlp { dropout: 0.3, ..TinyMlp::default() };
    let strategy = Rewires::default();
    for accumulate in [1, 2] {
        let training = Training { accumulate, ..training() };
        let setup = setup(&strategy, &network, &blobs, &training);
        let mut plain = Trainer::new(setup).unwrap();
        let mut prefetching = Trainer::new(setup).unwrap();
        prefetching.set_prefetch(true).unwrap();
        let steps = plain.position().total();
        for step in 0..steps {
            // Off and on again in the middle of an epoch.
            if step == steps / 2 || step == steps / 2 + 2 {
                prefetching.set_prefetch(step != steps / 2).unwrap();
            }
            plain.step().unwrap();
            prefetching.step().unwrap();
            assert_eq!(weights(&plain), weights(&prefetching), "step {step}");
        }
        assert_eq!(plain.position(), prefetching.position());
    }
}
