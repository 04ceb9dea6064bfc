//! Building a model: parameters declared under dotted names and started from their own streams.

use std::rc::Rc;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Kind, Tensor};

use super::{BatchNorm2d, Conv2d, Convolution, Linear, Parameter, Parameters, Start};
use crate::seed::SeedStreams;
use crate::weight::Weight;

/// Builds the layers of a model and collects their parameters under dotted names.
///
/// Every parameter starts from a random stream of its own, `init/<name>`, so the starting
/// weights depend on the seed and the name alone.
#[derive(Debug)]
pub struct Builder<'a> {
    parameters: &'a mut Parameters,
    streams: SeedStreams,
    device: Device,
    prefix: String,
    classes: Rc<[String]>,
}

impl<'a> Builder<'a> {
    /// A builder for a model's root.
    pub fn new(parameters: &'a mut Parameters, streams: SeedStreams, device: Device) -> Self {
        Self { parameters, streams, device, prefix: String::new(), classes: Rc::default() }
    }

    /// Tells what the classes of the data set are called, in their order. Trained weights may have
    /// learnt them in another.
    #[must_use]
    pub fn with_classes(self, names: Vec<String>) -> Self {
        Self { classes: names.into(), ..self }
    }

    /// The names of the data set's classes; empty if they have only numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// A builder whose names begin with `name` and a dot.
    pub fn at(&mut self, name: &str) -> Builder<'_> {
        Builder {
            prefix: format!("{}{name}.", self.prefix),
            parameters: self.parameters,
            streams: self.streams,
            device: self.device,
            classes: Rc::clone(&self.classes),
        }
    }

    /// All parameters declared so far, whatever the prefix: to load weights into them.
    pub fn parameters(&self) -> &Parameters {
        self.parameters
    }

    /// A linear layer `inputs → outputs` with a prunable weight and a dense bias.
    ///
    /// Both start uniform in ±1/√inputs, PyTorch's default for linear layers and convolutions
    /// (He et al. 2015 with a = √5).
    pub fn linear(&mut self, name: &str, inputs: i64, outputs: i64) -> Linear {
        let draw = Draw::fan_in(inputs);
        Linear {
            weight: self.prunable(&format!("{name}.weight"), &[outputs, inputs], draw),
            bias: self.dense(&format!("{name}.bias"), &[outputs], draw),
        }
    }

    /// A convolution of stride 1 with a square kernel, a prunable weight and a dense bias,
    /// started like [`Builder::linear`] with a fan-in of `inputs · kernel²`.
    pub fn conv2d(
        &mut self,
        name: &str,
        inputs: i64,
        outputs: i64,
        kernel: i64,
        padding: i64,
    ) -> Conv2d {
        let start = Start::UniformFanIn;
        let options = Convolution { kernel, stride: 1, padding, bias: true, start };
        self.conv2d_with(name, inputs, outputs, options)
    }

    /// A convolution with a prunable weight and whatever `options` say.
    pub fn conv2d_with(
        &mut self,
        name: &str,
        inputs: i64,
        outputs: i64,
        options: Convolution,
    ) -> Conv2d {
        let Convolution { kernel, stride, padding, bias, start } = options;
        let (weights, biases) = match start {
            Start::UniformFanIn => {
                let draw = Draw::fan_in(inputs * kernel * kernel);
                (draw, draw)
            }
            Start::NormalFanOut => {
                let fan_out = (outputs * kernel * kernel) as f64;
                (Draw::Normal((2.0 / fan_out).sqrt()), Draw::Constant(0.0))
            }
        };
        let shape = [outputs, inputs, kernel, kernel];
        Conv2d {
            weight: self.prunable(&format!("{name}.weight"), &shape, weights),
            bias: bias.then(|| self.dense(&format!("{name}.bias"), &[outputs], biases)),
            stride,
            padding,
        }
    }

    /// Batch normalisation of `channels`: a dense scale and offset, and two buffers.
    pub fn batch_norm(&mut self, name: &str, channels: i64) -> BatchNorm2d {
        let shape = [channels];
        BatchNorm2d {
            weight: self.dense(&format!("{name}.weight"), &shape, Draw::Constant(1.0)),
            bias: self.dense(&format!("{name}.bias"), &shape, Draw::Constant(0.0)),
            running_mean: self.buffer(&format!("{name}.running_mean"), &shape, 0.0),
            running_var: self.buffer(&format!("{name}.running_var"), &shape, 1.0),
        }
    }

    /// Declares that each of these layers, under their names at this builder, is fed by the one before
    /// it and by nothing else, and that the one before it feeds nothing else. Between them may lie what
    /// keeps channels apart: activations, poolings, norms, and flattening, after which a channel is
    /// several neighbouring inputs.
    ///
    /// Methods and records then know which connections lead to a neuron and which lead away from it;
    /// what is not declared is not known.
    ///
    /// # Panics
    /// If a layer is not declared before, or the inputs of one are no multiple of the outputs of the one
    /// before it.
    pub fn chain(&mut self, layers: &[&str]) {
        let weight = |name: &str| format!("{}{name}.weight", self.prefix);
        for pair in layers.windows(2) {
            let [from, to] = [weight(pair[0]), weight(pair[1])];
            let shape = |name: &str| match self.parameters.entries.get(name) {
                Some(parameter) => parameter.shape(),
                None => panic!("a chain names {name}, which no model declares before"),
            };
            let (outputs, inputs) = (shape(&from)[0], shape(&to)[1]);
            assert!(inputs % outputs == 0, "{from} has {outputs} outputs and {to} {inputs} inputs");
            self.parameters.feeders.insert(to, from);
        }
    }

    pub(super) fn prunable(&mut self, name: &str, shape: &[i64], draw: Draw) -> Weight {
        let weight = Weight::new(self.draw(name, shape, draw), self.parameters.entries.len());
        self.insert(name, Parameter::Prunable(weight.shallow_clone()));
        weight
    }

    pub(super) fn dense(&mut self, name: &str, shape: &[i64], draw: Draw) -> Tensor {
        let tensor = self.draw(name, shape, draw);
        self.insert(name, Parameter::Dense(tensor.shallow_clone()));
        tensor
    }

    fn buffer(&mut self, name: &str, shape: &[i64], value: f64) -> Tensor {
        let name = format!("{}{name}", self.prefix);
        let buffer = Tensor::full(shape, value, (Kind::Float, self.device));
        let earlier = self.parameters.buffers.insert(name.clone(), buffer.shallow_clone());
        assert!(earlier.is_none(), "a model declares the buffer {name} twice");
        buffer
    }

    fn insert(&mut self, name: &str, parameter: Parameter) {
        let name = format!("{}{name}", self.prefix);
        if parameter.shape().len() > 1 {
            self.parameters.output = Some(name.clone());
        }
        let earlier = self.parameters.entries.insert(name.clone(), parameter);
        assert!(earlier.is_none(), "a model declares the parameter {name} twice");
    }

    fn draw(&self, name: &str, shape: &[i64], draw: Draw) -> Tensor {
        let mut rng = self.streams.stream(&format!("init/{}{name}", self.prefix));
        let count = shape.iter().product::<i64>() as usize;
        // A panic can be caught and becomes a sentence; an allocation that fails ends the process.
        let mut values: Vec<f32> = Vec::new();
        if values.try_reserve_exact(count).is_err() {
            panic!("out of memory: {name} has {count} numbers");
        }
        match draw {
            Draw::Constant(value) => values.resize(count, value as f32),
            Draw::Uniform(bound) => {
                let bound = bound as f32;
                values.extend((0..count).map(|_| rng.random_range(-bound..bound)));
            }
            Draw::Normal(deviation) => values.extend(
                StandardNormal
                    .sample_iter(&mut rng)
                    .take(count)
                    .map(|value: f32| value * deviation as f32),
            ),
        }
        Tensor::from_slice(&values).reshape(shape).to_device(self.device).set_requires_grad(true)
    }
}

/// What a parameter starts from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    /// The same value everywhere.
    Constant(f64),
    /// Uniform between minus this bound and the bound.
    Uniform(f64),
    /// Normal around 0 with this standard deviation.
    Normal(f64),
}

impl Draw {
    /// Uniform in ±1/√fan_in.
    fn fan_in(fan_in: i64) -> Self {
        Self::Uniform(1.0 / (fan_in as f64).sqrt())
    }
}
