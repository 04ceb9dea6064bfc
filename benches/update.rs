//! One update of every method that changes connections, as its paper has it: of LeNet-300-100 (266,200
//! prunable weights) and of ResNet-18 (11,164,352).
//!
//! An update of ResNet-18 may take 0.3 s, one thread: `cargo bench -p benches --profile release --bench update`,
//! with ` -- NAME` for some of them. It lasts from the hooks of the step to the commit: selecting what to drop and
//! what to grow in every layer, zeroing, and working out the births whose optimiser state is to be reset. What is
//! measured is the first update of a training, on random weights and gradients, in processor time of the thread,
//! which other work on the machine disturbs little.
//!
//! A method whose update takes long on LeNet-300-100 already, because it costs more than in proportion to the
//! number of weights, is measured there only. It may take 50 ms.

// Links every plug-in.
use harness as _;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::tch::{self, Device, Kind, no_grad};
use dst_core::{
    Architecture, BatchUse, Builder, Error, Forecast, InputShape, Parameters, Probe, Result,
    SeedStreams, Step, Strategy, Task, Topology,
};
use dst_models::{Mlp, ResNet18};
use stopwatch::Stopwatch;

mod stopwatch;

/// Methods that take longer on LeNet-300-100 would take seconds on ResNet-18.
const LONG: Duration = Duration::from_millis(20);

/// The first sparsity of these that a method reaches is measured.
const SPARSITIES: [f64; 3] = [0.9, 0.75, 0.5];

struct NoProbe;

impl Probe for NoProbe {
    fn gradients(&mut self, _: usize) -> Result<Vec<tch::Tensor>> {
        Err(Error::contract("no method starts from a look at the network by default"))
    }
}

/// A network before an update.
struct Network {
    parameters: Parameters,
    topology: Topology,
}

impl Network {
    fn new(strategy: &dyn Strategy, model: &Model<'_>, sparsity: f64) -> Result<Self> {
        let streams = SeedStreams::new(1);
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        let task = Task::Classification { classes: 10 };
        model.architecture.build(model.input, task, &mut builder)?;
        let mut topology = Topology::new(&parameters, 1.0 - sparsity, &streams)?;
        assert_eq!(topology.size(), model.weights, "{}", model.name);
        no_grad(|| strategy.init(&mut topology, &mut NoProbe))?;
        topology.start()?;
        let network = Self { parameters, topology };
        for (_, weight) in network.parameters.prunable() {
            let gradient = weight.dense().detach().randn_like();
            (weight.dense() * gradient).sum(Kind::Float).backward();
        }
        Ok(network)
    }

    /// Gives new values to all weights, half of them of another sign than before.
    fn move_weights(&mut self) {
        for (_, weight) in self.parameters.prunable() {
            let _ = no_grad(|| weight.values().normal_(0.0, 0.1));
        }
        no_grad(|| self.topology.publish());
    }

    /// Runs the hooks of a step and the commit; did connections change?
    fn update(&mut self, strategy: &dyn Strategy, step: &Step) -> Result<(BatchUse, bool)> {
        self.topology.announce(strategy.gradient_scope(step))?;
        no_grad(|| {
            let batch_use = strategy.after_backward(step, &mut self.topology)?;
            if batch_use == BatchUse::Weights {
                strategy.after_step(step, &mut self.topology)?;
            }
            Ok((batch_use, !self.topology.commit()?.is_empty()))
        })
    }
}

struct Model<'a> {
    name: &'static str,
    architecture: &'a dyn Architecture,
    input: InputShape,
    /// Prunable ones.
    weights: usize,
}

/// The first step of a training in which every interval of the papers has its turn.
fn start() -> Step {
    Step { learning_rate: 0.1, ..Step::first(10, 200) }
}

/// The first step at which the method changes connections, found in a network of few weights.
fn first_update(strategy: &dyn Strategy, sparsity: f64) -> Result<Option<Step>> {
    let few = Mlp { hidden: vec![32, 16], dropout: 0.0 };
    let input = InputShape::Image { channels: 1, height: 8, width: 8 };
    let model = Model { name: "few", architecture: &few, input, weights: 2_720 };
    let mut network = Network::new(strategy, &model, sparsity)?;
    let mut step = start();
    while step.position() < step.total() {
        network.move_weights();
        let (batch_use, changed) = network.update(strategy, &step)?;
        if changed {
            return Ok(Some(step));
        }
        step = step.after(batch_use);
    }
    Ok(None)
}

/// How long an update of a new network takes.
fn time(strategy: &dyn Strategy, model: &Model<'_>, sparsity: f64, step: &Step) -> Duration {
    let mut network = Network::new(strategy, model, sparsity).expect("the small network was built");
    network.move_weights();
    let start = Stopwatch::start();
    let updated = network.update(strategy, step);
    let elapsed = start.elapsed();
    let (_, changed) = updated.expect("gradients are finite");
    assert!(changed, "{}: nothing changed at step {}", model.name, step.index);
    elapsed
}

fn updates(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    tch::manual_seed(1);
    let (mlp, resnet) = (Mlp { hidden: vec![300, 100], dropout: 0.0 }, ResNet18::default());
    let image = |channels, side| InputShape::Image { channels, height: side, width: side };
    let (name, input) = ("lenet-300-100", image(1, 28));
    let small = Model { name, architecture: &mlp, input, weights: 266_200 };
    let (name, input) = ("resnet18", image(3, 32));
    let large = Model { name, architecture: &resnet, input, weights: 11_164_352 };
    let mut group = criterion.benchmark_group("update");
    // A network is built anew for every update, which takes longer than the update.
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(500));
    for plugin in StrategyPlugin::all().expect("names are unique") {
        let strategy = &*(plugin.default)();
        if strategy.updates(&start()) == Forecast::Never {
            continue;
        }
        let reached = SPARSITIES.iter().find_map(|sparsity| {
            first_update(strategy, *sparsity).ok().map(|step| (*sparsity, step))
        });
        let Some((sparsity, Some(step))) = reached else {
            panic!("{} foresees updates and has none", plugin.name);
        };
        let mut models = vec![&small];
        match time(strategy, &small, sparsity, &step) {
            long if long > LONG => {
                eprintln!("{}: {long:.1?}, so {} is left out", plugin.name, large.name)
            }
            _ => models.push(&large),
        }
        for model in models {
            let percent = sparsity * 100.0;
            group.bench_function(format!("{}/{}/{percent}%", plugin.name, model.name), |bencher| {
                bencher.iter_custom(|count| {
                    (0..count).map(|_| time(strategy, model, sparsity, &step)).sum()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, updates);
criterion_main!(benches);
