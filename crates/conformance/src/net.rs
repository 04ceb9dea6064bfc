//! A small network for strategies that look before training.

use dst_core::tch::{Device, Kind, Reduction, Tensor, with_grad};
use dst_core::{
    Builder, Error, Forward, Inputs, Layer, Parameters, Probe, Result, SeedStreams, Topology,
};

/// Linear layers without biases that feed one another, with a function between them: little enough that a
/// test can state what a look gives.
///
/// It is the network and the [`Probe`] of one: [`Net::topology`] gives what a strategy chooses from. A look
/// computes in 64 bits, and its weights are those of the topology that the strategy hands over.
#[derive(Debug)]
pub struct Net {
    parameters: Parameters,
    streams: SeedStreams,
    between: fn(&Tensor) -> Tensor,
    samples: Option<(Tensor, Tensor)>,
    looks: Vec<Inputs>,
}

/// libtorch's default, which no class number has.
const IGNORED_CLASS: i64 = -100;

impl Net {
    /// Layers `fc1`, `fc2`, … of these shapes, `[out, in]`, each reading the one before; at most nine, so
    /// that their names sort as they stand. `between` is applied to the output of every layer but the last.
    pub fn new(shapes: &[[i64; 2]], between: fn(&Tensor) -> Tensor, seed: u64) -> Self {
        assert!((1..=9).contains(&shapes.len()), "a net has one to nine layers");
        let streams = SeedStreams::new(seed);
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        let names: Vec<String> = (1..=shapes.len()).map(|number| format!("fc{number}")).collect();
        for (name, [outputs, inputs]) in names.iter().zip(shapes) {
            builder.linear(name, *inputs, *outputs);
        }
        builder.chain(&names.iter().map(String::as_str).collect::<Vec<_>>());
        Self { parameters, streams, between, samples: None, looks: Vec::new() }
    }

    /// The same with samples to look at: `input` is `[samples, inputs]`, `target` holds their classes.
    #[must_use]
    pub fn with_samples(self, input: &Tensor, target: Tensor) -> Self {
        Self { samples: Some((input.to_kind(Kind::Double), target)), ..self }
    }

    /// Makes these the weights, a list of rows for each layer.
    pub fn set_weights(&self, weights: &[impl AsRef<[f32]>]) {
        for ((_, weight), values) in self.parameters.prunable().zip(weights) {
            let mut own = weight.values();
            own.copy_(&Tensor::from_slice(values.as_ref()).reshape(own.size()));
        }
    }

    /// The dense topology from which `density` is to be reached.
    pub fn topology(&self, density: f64) -> Topology {
        Topology::new(&self.parameters, density, &self.streams).expect("the density is in (0, 1]")
    }

    /// What the network gives for `input`, `[samples, inputs]`, with these weights.
    pub fn output(&self, input: &Tensor, weights: &[Tensor]) -> Tensor {
        let mut layers = weights.iter();
        let first = layers.next().expect("a net has a layer");
        layers.fold(input.matmul(&first.tr()), |output, weight| {
            (self.between)(&output).matmul(&weight.tr())
        })
    }

    /// The mean cross-entropy of the samples with these weights, outputs being divided by `temperature`.
    ///
    /// # Panics
    /// If there are no samples.
    pub fn loss(&self, weights: &[Tensor], temperature: f64) -> Tensor {
        let (input, target) = self.samples.as_ref().expect("the net has samples");
        // Not `cross_entropy_for_logits`, which rounds to 32 bits.
        let logits = self.output(input, weights) / temperature;
        logits.cross_entropy_loss(target, None::<Tensor>, Reduction::Mean, IGNORED_CLASS, 0.0)
    }

    /// What has been looked at so far.
    pub fn looks(&self) -> &[Inputs] {
        &self.looks
    }

    fn samples(&self) -> Result<&(Tensor, Tensor)> {
        self.samples.as_ref().ok_or_else(|| {
            Error::contract("the strategy looks at samples, and this net was given none")
        })
    }
}

/// A copy in 64 bits that can be differentiated.
fn leaf(weight: &Tensor) -> Tensor {
    weight.detach().to_kind(Kind::Double).set_requires_grad(true)
}

impl Probe for Net {
    fn gradients(&mut self, batches: usize) -> Result<Vec<Tensor>> {
        self.looks.push(Inputs::Batches(batches));
        self.samples()?;
        let weights: Vec<Tensor> =
            self.parameters.prunable().map(|(_, weight)| leaf(&weight.dense())).collect();
        let gradients = with_grad(|| {
            let loss = self.loss(&weights, 1.0);
            Tensor::run_backward(&[loss], &weights.iter().collect::<Vec<_>>(), false, false)
        });
        Ok(gradients.iter().map(|gradient| gradient.to_kind(Kind::Float)).collect())
    }

    fn forward(
        &mut self,
        topology: &Topology,
        inputs: Inputs,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        self.looks.push(inputs);
        let masked = |layer: &Layer| layer.weight().dense().detach() * layer.active();
        let weights = topology.layers().iter().map(masked);
        if inputs == Inputs::Ones {
            let weights: Vec<Tensor> = weights.map(|weight| leaf(&weight.abs())).collect();
            let width = weights.first().map_or(1, |weight| weight.size()[1]);
            return with_grad(|| {
                let ones = Tensor::ones([1, width], (Kind::Double, Device::Cpu));
                let output = self.output(&ones, &weights);
                visit(&Forward { output, target: None, loss: None, weights })
            });
        }
        let (input, target) = self.samples()?;
        let weights: Vec<Tensor> = weights.map(|weight| leaf(&weight)).collect();
        with_grad(|| {
            let output = self.output(input, &weights);
            let (target, loss) = (Some(target.shallow_clone()), Some(self.loss(&weights, 1.0)));
            visit(&Forward { output, target, loss, weights })
        })
    }
}
