//! Memory over many steps, in a process of its own: other tests of one process take and free some meanwhile.
#![cfg(target_os = "linux")]

mod common;

use common::{Rewires, with_setup};
use dst_core::layers::{Builder, Parameters, Pooling, pool2d};
use dst_core::tch::{self, Device, Kind, Tensor};
use dst_core::{Backend, GradientScope, Moments, Pass, SeedStreams, Topology};
use dst_sparse::SparseBackend;
use dst_train::Trainer;

const STEPS: usize = 10_000;

/// Bytes of this process that lie in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Bytes by which memory grows in ten thousand steps, after those that fill caches.
fn grown(mut step: impl FnMut()) -> usize {
    (0..STEPS / 10).for_each(|_| step());
    let before = resident();
    (0..STEPS).for_each(|_| step());
    resident().saturating_sub(before)
}

/// Trainings: leaves of active entries that come and go, lists that follow the active set, moments, and
/// steps that ask for gradients of inactive weights.
fn by_a_training() -> usize {
    let backend = SparseBackend::new(1).unwrap();
    let strategy = Rewires { interval: 5, moments: Moments::ZeroNewborn };
    with_setup(&strategy, &backend, |setup| {
        let mut trainer = Trainer::new(*setup).unwrap();
        grown(|| {
            let _ = trainer.step().unwrap();
        })
    })
}

/// The nodes of the graph: a convolution, pooling, and linear layers on vectors and on sequences, with
/// both forms of the weight's gradient in turn.
fn by_the_graph() -> usize {
    let streams = SeedStreams::new(5);
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
    let convolution = builder.conv2d("convolution", 3, 8, 3, 1);
    let vectors = builder.linear("vectors", 72, 32);
    let sequences = builder.linear("sequences", 8, 16);
    let mut topology = Topology::new(&parameters, 0.2, &streams).unwrap();
    tch::no_grad(|| {
        for layer in topology.layers_mut() {
            layer.set_target(layer.size() / 5).unwrap();
            layer.activate_random().unwrap();
        }
        topology.start().unwrap();
    });
    let backend = SparseBackend::new(1).unwrap();
    backend.committed(&topology).unwrap();
    let images = Tensor::randn([16, 3, 6, 6], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let mut looks = false;
    grown(|| {
        looks = !looks;
        let pass =
            Pass { scope: GradientScope::all_if(looks), backend: &backend, ..Pass::TRAINING };
        let maps = convolution.forward(&images, &pass).relu();
        let pooled = pool2d(&maps, Pooling::Max, 2, &pass);
        let hidden = vectors.forward(&pooled.flatten(1, -1), &pass).relu();
        let output = sequences.forward(&hidden.reshape([16, 4, 8]), &pass);
        (&output * output.detach().sin()).sum(Kind::Float).backward();
        parameters.iter().for_each(|(_, parameter)| parameter.zero_gradient());
        let _ = images.grad().zero_();
    })
}

/// The smallest leak that a step could have, the closure of one layer, would be about 1 MB.
#[test]
fn ten_thousand_steps_leak_nothing() {
    for (what, grown) in [("a training", by_a_training()), ("the graph", by_the_graph())] {
        println!("{what}: {grown} bytes more");
        assert!(grown < 500_000, "{what}: {grown} bytes more");
    }
}
