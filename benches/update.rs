//! One RigL update of a model with the weights of ResNet-18 (11,164,352 prunable).
//!
//! `cargo bench -p benches --profile release --bench update`; one thread. The update selects what to
//! drop and what to grow in every layer, zeroes, and computes the births whose optimiser state is to
//! be reset.

use criterion::{Criterion, criterion_group, criterion_main};
use dst_core::tch::{self, Device, Kind, no_grad};
use dst_core::{
    BatchUse, Builder, GradientScope, Parameters, Probe, Result, SeedStreams, Step, Strategy,
    Topology,
};
use strategy_rigl::Rigl;

struct NoProbe;

impl Probe for NoProbe {
    fn gradients(&mut self, _: usize) -> Result<Vec<tch::Tensor>> {
        unreachable!("RigL starts at random")
    }
}

fn resnet18(parameters: &mut Parameters) {
    let mut model = Builder::new(parameters, SeedStreams::new(1), Device::Cpu);
    model.conv2d("stem", 3, 64, 3, 1);
    let mut inputs = 64;
    for (stage, width) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let mut block = model.at(&format!("layer{}.{block}", stage + 1));
            block.conv2d("conv1", inputs, width, 3, 1);
            block.conv2d("conv2", width, width, 3, 1);
            if inputs != width {
                block.conv2d("shortcut", inputs, width, 1, 0);
            }
            inputs = width;
        }
    }
    model.linear("fc", 512, 10);
}

fn update(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    let mut parameters = Parameters::default();
    resnet18(&mut parameters);
    let strategy = Rigl::default();
    let mut topology =
        Topology::new(&parameters, 0.1, &SeedStreams::new(1)).expect("0.1 is a density");
    assert_eq!(topology.size(), 11_164_352);
    no_grad(|| strategy.init(&mut topology, &mut NoProbe)).expect("the budget fits");
    topology.start().expect("the targets are met");
    for (_, prunable) in parameters.prunable() {
        let gradient = prunable.dense().detach().randn_like();
        (prunable.dense() * gradient).sum(Kind::Float).backward();
    }
    topology.announce(GradientScope::All).expect("all weights have gradients");
    let step = Step { index: 100, offset: 100, ..Step::first(1000, 1) };

    let mut group = criterion.benchmark_group("update");
    group.sample_size(20);
    group.bench_function("rigl/resnet18", |bencher| {
        bencher.iter(|| {
            let batch_use = no_grad(|| strategy.after_backward(&step, &mut topology));
            assert_eq!(batch_use.expect("gradients are finite"), BatchUse::Topology);
            topology.commit().expect("the targets are met")
        });
    });
    group.finish();
}

criterion_group!(benches, update);
criterion_main!(benches);
