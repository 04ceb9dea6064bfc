//! Methods beside the rules of their reference implementations, on fixed weights and gradients.
//!
//! `parity/generate.py` states each reference's rule in a few lines of its own and made
//! `parity/cases.json`.

// Links every plug-in.
use harness as _;

use dst_core::tch::{Device, Kind, Tensor, no_grad, with_grad};
use dst_core::{
    BatchUse, Builder, Forward, Inputs, Layer, Parameters, Probe, Result, SeedStreams, Step,
    Strategy, Topology, plugin,
};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
struct Case {
    method: String,
    reference: String,
    parameters: Map<String, Value>,
    density: f64,
    per_epoch: u64,
    epochs: u32,
    /// `[out, in]` of each layer.
    shapes: Vec<[i64; 2]>,
    /// Masks before the first round, in layer order.
    start: Vec<Vec<u8>>,
    hook: Hook,
    rounds: Vec<Round>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Hook {
    /// The masks after every round are compared.
    Masks,
    /// What was active before and after a round, and how many are active.
    Survivors,
    /// The mask that `init` chooses.
    Start,
}

#[derive(Debug, Deserialize)]
struct Round {
    step: u64,
    weights: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    expected: Vec<Vec<u8>>,
}

/// The layers of a case, which compute beside each other.
struct Net {
    parameters: Parameters,
    topology: Topology,
}

impl Net {
    fn new(case: &Case) -> Self {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(0);
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        for (index, [outputs, inputs]) in case.shapes.iter().enumerate() {
            builder.linear(&format!("fc{}", index + 1), *inputs, *outputs);
        }
        let topology = Topology::new(&parameters, case.density, &streams).unwrap();
        Self { parameters, topology }
    }

    /// Makes these the weights, 0 where nothing is active.
    fn set(&mut self, round: &Round) {
        for (layer, (weights, gradients)) in
            self.topology.layers().iter().zip(round.weights.iter().zip(&round.gradients))
        {
            layer.values().copy_(&shaped(weights, layer));
            let mut dense = layer.weight().dense().shallow_clone();
            dense.zero_grad();
            (&dense * shaped(gradients, layer)).sum(Kind::Float).backward();
        }
        no_grad(|| self.topology.publish());
    }

    /// Runs one step as the training loop does, without an optimiser.
    fn step(&mut self, strategy: &dyn Strategy, step: &Step) -> Result<()> {
        self.topology.announce(strategy.gradient_scope(step))?;
        no_grad(|| {
            if strategy.after_backward(step, &mut self.topology)? == BatchUse::Weights {
                strategy.after_step(step, &mut self.topology)?;
            }
            self.topology.commit().map(|_| ())
        })
    }

    fn masks(&self) -> Vec<Vec<u8>> {
        let bits = |layer: &Layer| {
            Vec::try_from(layer.active().to_kind(Kind::Uint8).flatten(0, -1)).unwrap()
        };
        self.topology.layers().iter().map(bits).collect()
    }
}

fn shaped(values: &[f32], layer: &Layer) -> Tensor {
    Tensor::from_slice(values).reshape(layer.shape())
}

/// Shows the gradients of the first round, and layers that each see ones.
struct FirstRound<'a>(&'a Net);

impl Probe for FirstRound<'_> {
    fn gradients(&mut self, _: usize) -> Result<Vec<Tensor>> {
        Ok(self.0.topology.layers().iter().map(|layer| layer.weight().dense().grad()).collect())
    }

    fn forward(
        &mut self,
        topology: &Topology,
        inputs: Inputs,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        let weights: Vec<Tensor> = topology
            .layers()
            .iter()
            .zip(self.0.topology.layers())
            .map(|(layer, source)| source.values() * layer.active())
            .map(|weight| if inputs == Inputs::Ones { weight.abs() } else { weight })
            .map(|weight| weight.to_kind(Kind::Double).set_requires_grad(true))
            .collect();
        with_grad(|| {
            let sums: Vec<Tensor> = weights.iter().map(|weight| weight.sum(Kind::Double)).collect();
            let output = Tensor::stack(&sums, 0);
            // A loss whose gradients are those of the round.
            let gradients = self.gradients(1)?;
            let products = weights.iter().zip(&gradients);
            let loss: Tensor =
                products.map(|(weight, gradient)| (weight * gradient).sum(Kind::Double)).sum();
            visit(&Forward {
                output,
                target: None,
                loss: Some(loss),
                weights: weights.iter().map(Tensor::shallow_clone).collect(),
            })
        })
    }
}

fn survivors(before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let both = |(a, b): (&Vec<u8>, &Vec<u8>)| a.iter().zip(b).map(|(a, b)| a & b).collect();
    before.iter().zip(after).map(both).collect()
}

fn counts(masks: &[Vec<u8>]) -> Vec<usize> {
    masks.iter().map(|mask| mask.iter().map(|bit| usize::from(*bit)).sum()).collect()
}

fn compare(case: &Case) {
    let title = format!("{} beside {}", case.method, case.reference);
    let strategy = plugin::strategy(&case.method, &case.parameters)
        .unwrap_or_else(|error| panic!("{title}: {error}"));
    let mut net = Net::new(case);
    // What `init` looks at are the numbers of the first round.
    let mut seen = Net::new(case);
    seen.set(&case.rounds[0]);
    for (own, other) in net.parameters.prunable().zip(seen.parameters.prunable()) {
        own.1.values().copy_(&other.1.values());
    }
    no_grad(|| strategy.init(&mut net.topology, &mut FirstRound(&seen)))
        .unwrap_or_else(|error| panic!("{title}: {error}"));
    net.topology.start().unwrap();
    if case.hook == Hook::Start {
        assert_eq!(net.masks(), case.rounds[0].expected, "{title}");
        return;
    }
    for (layer, mask) in net.topology.layers_mut().iter_mut().zip(&case.start) {
        let mask = Tensor::from_slice(mask).to_kind(Kind::Bool).reshape(layer.shape());
        if layer.active_count() == layer.target() && layer.weight().keeps_inactive() {
            continue;
        }
        layer.set_target(mask.sum(Kind::Int64).int64_value(&[]) as usize).unwrap();
        layer.activate(&mask).unwrap();
    }
    net.topology.commit().unwrap();
    for round in &case.rounds {
        let before = net.masks();
        net.set(round);
        let (epoch, offset) = ((round.step / case.per_epoch) as u32, round.step % case.per_epoch);
        let start = Step::first(case.per_epoch, case.epochs);
        let step = Step { index: round.step, epoch, offset, ..start };
        net.step(&*strategy, &step).unwrap_or_else(|error| panic!("{title}: {error}"));
        let after = net.masks();
        let place = format!("{title}, step {}", round.step);
        if case.hook == Hook::Survivors {
            assert_eq!(survivors(&before, &after), round.expected, "{place}");
            assert_eq!(counts(&before), counts(&after), "{place}");
        } else {
            assert_eq!(after, round.expected, "{place}");
        }
    }
}

#[test]
fn methods_choose_what_their_references_choose() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("parity/cases.json")).unwrap();
    assert!(cases.len() >= 14);
    cases.iter().for_each(compare);
}
