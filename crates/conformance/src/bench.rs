//! One layer of six weights, for tables that a reader checks by eye.

use dst_core::tch::{Device, Kind, Tensor, no_grad};
use dst_core::{
    BatchUse, Builder, Layer, Linear, Parameters, Probe, Result, SeedStreams, Step, Strategy,
    Topology,
};

/// A layer of shape `[2, 3]` with chosen weights, active set and gradient, whose hooks are
/// called one by one.
///
/// Methods panic where a training would report an error: a table is a test.
#[derive(Debug)]
pub struct Bench {
    parameters: Parameters,
    layer: Linear,
    topology: Topology,
    streams: SeedStreams,
}

/// The given optimiser step of a training of one epoch with 1,000 steps.
pub fn step(index: u64) -> Step {
    Step { index, offset: index, ..Step::first(1000, 1) }
}

impl Bench {
    /// The layer with these weights and this active set (1 is active), which is also its target.
    pub fn new(weights: [f32; 6], active: [u8; 6]) -> Self {
        Self::with_seed(weights, active, 0)
    }

    /// As [`Bench::new`], with another seed for random choices.
    pub fn with_seed(weights: [f32; 6], active: [u8; 6], seed: u64) -> Self {
        let streams = SeedStreams::new(seed);
        let mut parameters = Parameters::default();
        let layer = Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", 3, 2);
        layer.weight.values().copy_(&matrix(weights));
        let count = active.iter().filter(|bit| **bit == 1).count();
        let mut topology = Topology::new(&parameters, count as f64 / 6.0, &streams)
            .expect("some weight is active");
        let mask = Tensor::from_slice(&active).to_kind(Kind::Bool).reshape([2, 3]);
        let only = &mut topology.layers_mut()[0];
        only.set_target(count).expect("some weight is active");
        only.activate(&mask).expect("the mask has the layer's shape");
        topology.start().expect("the target is met");
        Self { parameters, layer, topology, streams }
    }

    /// Starts anew from a dense layer: lets the strategy choose the topology for `sparsity`. It
    /// finds the gradient that was set, if it looks for one.
    pub fn init(&mut self, strategy: &dyn Strategy, sparsity: f64) {
        let density = 1.0 - sparsity;
        self.topology = Topology::new(&self.parameters, density, &self.streams)
            .expect("the sparsity is in [0, 1)");
        let mut probe = OneBatch(self.layer.weight.dense().grad());
        no_grad(|| strategy.init(&mut self.topology, &mut probe)).expect("init succeeds");
        self.topology.start().expect("init meets the targets");
    }

    /// Makes this the gradient of the layer, for active and inactive weights.
    pub fn set_gradient(&mut self, gradient: [f32; 6]) {
        let mut weight = self.layer.weight.dense().shallow_clone();
        weight.zero_grad();
        (&weight * matrix(gradient)).sum(Kind::Float).backward();
    }

    fn announce(&mut self, strategy: &dyn Strategy, step: &Step) {
        self.topology
            .announce(strategy.gradient_scope(step))
            .unwrap_or_else(|error| panic!("gradient_scope at step {}: {error}", step.index));
    }

    /// Calls `after_backward` as the training loop does, and commits.
    pub fn after_backward(&mut self, strategy: &dyn Strategy, step: &Step) -> BatchUse {
        self.announce(strategy, step);
        let batch_use = no_grad(|| strategy.after_backward(step, &mut self.topology))
            .unwrap_or_else(|error| panic!("after_backward at step {}: {error}", step.index));
        self.topology.commit().expect("the targets are met");
        batch_use
    }

    /// Calls `after_step` as the training loop does, and commits.
    pub fn after_step(&mut self, strategy: &dyn Strategy, step: &Step) {
        self.announce(strategy, step);
        no_grad(|| strategy.after_step(step, &mut self.topology))
            .unwrap_or_else(|error| panic!("after_step at step {}: {error}", step.index));
        self.topology.commit().expect("the targets are met");
    }

    /// Makes these the values of all weights, those behind the mask included.
    pub fn set_values(&mut self, values: [f32; 6]) {
        self.layer.weight.values().copy_(&matrix(values));
    }

    /// The active set, 1 is active.
    pub fn active(&self) -> [u8; 6] {
        bits(self.only().active())
    }

    /// The entries that the optimiser moves, 1 is moved.
    pub fn trainable(&self) -> [u8; 6] {
        bits(self.only().trainable())
    }

    /// The weights that the forward pass sees.
    pub fn weights(&self) -> [f32; 6] {
        floats(&self.layer.weight.dense())
    }

    /// The weights that the optimiser moves, those behind the mask included.
    pub fn values(&self) -> [f32; 6] {
        floats(&self.only().values())
    }

    /// The gradient that the optimiser would use.
    pub fn gradient(&self) -> [f32; 6] {
        floats(&self.layer.weight.gradient().expect("a gradient was set"))
    }

    fn only(&self) -> &Layer {
        &self.topology.layers()[0]
    }

    /// The topology, for what a table cannot show.
    pub fn topology(&mut self) -> &mut Topology {
        &mut self.topology
    }
}

fn bits(mask: &Tensor) -> [u8; 6] {
    let bits = Vec::try_from(mask.to_kind(Kind::Uint8).flatten(0, -1));
    bits.ok().and_then(|bits| bits.try_into().ok()).expect("there are six")
}

fn floats(tensor: &Tensor) -> [f32; 6] {
    let floats = Vec::try_from(tensor.detach().flatten(0, -1));
    floats.ok().and_then(|floats| floats.try_into().ok()).expect("there are six")
}

fn matrix(values: [f32; 6]) -> Tensor {
    Tensor::from_slice(&values).reshape([2, 3])
}

/// The gradient of the only layer, whatever the number of batches.
struct OneBatch(Tensor);

impl Probe for OneBatch {
    fn gradients(&mut self, _: usize) -> Result<Vec<Tensor>> {
        if self.0.defined() {
            return Ok(vec![self.0.copy()]);
        }
        Err(dst_core::Error::contract("no gradient was set before `init`"))
    }
}
