//! Training networks with batch norms: their running statistics belong to training alone.

mod common;

use common::{Probes, Recording, bits, one_at_a_time, setup, training};
use dst_core::{Dataset, Input, Pass, Split, Training};
use dst_models::ResNet20;
use dst_train::toy::Blobs;
use dst_train::{Setup, Trainer, evaluate};
use tch::{Device, Kind, Tensor};

fn buffer(trainer: &Trainer<'_>, name: &str) -> Tensor {
    let found = trainer.parameters().buffers().find(|(known, _)| *known == name);
    found.unwrap().1.copy()
}

#[test]
fn neither_measuring_nor_probing_moves_running_statistics() {
    let _turn = one_at_a_time();
    let (blobs, training) = (Blobs::default(), training());
    let network = ResNet20 { width: 2, ..ResNet20::default() };
    let mut trainer = Trainer::new(setup(&Probes, &network, &blobs, &training)).unwrap();
    let moved = |trainer: &Trainer<'_>| {
        let buffers = trainer.parameters().buffers();
        buffers
            .filter(|(name, buffer)| {
                let start = f64::from(u8::from(name.ends_with("running_var")));
                bits(buffer) != bits(&buffer.full_like(start))
            })
            .count()
    };
    assert_eq!(trainer.parameters().buffers().count(), 2 * 19);
    assert_eq!(moved(&trainer), 0);
    trainer.step().unwrap();
    assert_eq!(moved(&trainer), 2 * 19);
}

/// The running mean behind the first convolution, followed by hand through the micro-batches of
/// one step.
#[test]
fn every_micro_batch_moves_the_running_statistics_once() {
    let _turn = one_at_a_time();
    let data = Recording::new(Blobs::default());
    let network = ResNet20 { width: 2, ..ResNet20::default() };
    // 240 samples: groups of 100 + 100 + 40.
    let training = Training { batch_size: 100, accumulate: 3, ..training() };
    let setup = Setup { sparsity: 0.0, ..setup(&common::StaysDense, &network, &data, &training) };
    let mut trainer = Trainer::new(setup).unwrap();
    let weight = trainer.topology().layers()[0].weight().dense().detach().copy();
    assert_eq!(trainer.topology().layers()[0].name(), "conv1.weight");
    data.asked.lock().unwrap().clear();
    trainer.step().unwrap();

    let mut mean = Tensor::zeros([2], (Kind::Float, Device::Cpu));
    let asked = data.asked.lock().unwrap().clone();
    let shifts = data.shifts.lock().unwrap().clone();
    assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 40]);
    for (rows, shift) in asked.iter().zip(shifts) {
        let Input::Image(pictures) = data.batch(Split::Train, rows, Device::Cpu).unwrap().input
        else {
            panic!("blobs are pictures")
        };
        let maps = (pictures + shift).conv2d(&weight, None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
        mean = mean * 0.9 + maps.mean_dim([0i64, 2, 3].as_slice(), false, Kind::Float) * 0.1;
    }
    let found = buffer(&trainer, "bn1.running_mean");
    assert!(found.allclose(&mean, 1e-4, 1e-6, false), "{found} {mean}");
}

/// A sample is scored alike whatever else is in its batch, which it would not be with the
/// batch's own statistics.
#[test]
fn evaluation_reads_the_running_statistics_and_leaves_them() {
    let _turn = one_at_a_time();
    let (blobs, training) = (Blobs::default(), training());
    let network = ResNet20 { width: 2, ..ResNet20::default() };
    let setup = setup(&common::StaysDense, &network, &blobs, &training);
    let mut trainer = Trainer::new(Setup { sparsity: 0.0, ..setup }).unwrap();
    for _ in 0..3 {
        trainer.step().unwrap();
    }
    let statistics = |trainer: &Trainer<'_>| -> Vec<Vec<u8>> {
        trainer.parameters().buffers().map(|(_, buffer)| bits(buffer)).collect()
    };
    let before = statistics(&trainer);
    let scores = |split| {
        evaluate(trainer.model(), &blobs, split, Device::Cpu, &Pass::EVALUATION).unwrap().scores
    };
    assert_eq!(scores(Split::Validation), scores(Split::Validation));
    assert_eq!(statistics(&trainer), before);

    let _guard = tch::no_grad_guard();
    let outputs = |rows: &[i64]| {
        let batch = blobs.batch(Split::Validation, rows, Device::Cpu).unwrap();
        trainer.model().forward(&batch.input, &Pass::EVALUATION).unwrap()
    };
    let together = outputs(&[0, 1, 2, 3, 4]);
    for row in 0..5 {
        assert!(outputs(&[row]).get(0).allclose(&together.get(row), 1e-4, 1e-5, false));
    }
    let spread = (together.get(0) - together.get(1)).abs().max().double_value(&[]);
    assert!(spread > 1e-3, "the network tells samples apart: {spread}");
}
