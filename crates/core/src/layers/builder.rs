//! Building a model: parameters declared under dotted names and started from their own streams.

use std::sync::Arc;

use rand::RngExt;
use tch::{Device, Tensor};

use super::{Conv2d, Linear, Parameter, Parameters, Prunable};
use crate::seed::SeedStreams;

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
}

impl<'a> Builder<'a> {
    /// A builder for a model's root.
    pub fn new(parameters: &'a mut Parameters, streams: SeedStreams, device: Device) -> Self {
        Self { parameters, streams, device, prefix: String::new() }
    }

    /// A builder whose names begin with `name` and a dot.
    pub fn at(&mut self, name: &str) -> Builder<'_> {
        Builder {
            prefix: format!("{}{name}.", self.prefix),
            parameters: self.parameters,
            streams: self.streams,
            device: self.device,
        }
    }

    /// A linear layer `inputs → outputs` with a prunable weight and a dense bias.
    ///
    /// Both start uniform in ±1/√inputs, PyTorch's default for linear layers and convolutions
    /// (He et al. 2015 with a = √5).
    pub fn linear(&mut self, name: &str, inputs: i64, outputs: i64) -> Linear {
        let bound = 1.0 / (inputs as f64).sqrt();
        Linear {
            weight: self.prunable(&format!("{name}.weight"), &[outputs, inputs], bound),
            bias: self.dense(&format!("{name}.bias"), &[outputs], bound),
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
        let bound = 1.0 / ((inputs * kernel * kernel) as f64).sqrt();
        Conv2d {
            weight: self.prunable(
                &format!("{name}.weight"),
                &[outputs, inputs, kernel, kernel],
                bound,
            ),
            bias: self.dense(&format!("{name}.bias"), &[outputs], bound),
            stride: 1,
            padding,
        }
    }

    fn prunable(&mut self, name: &str, shape: &[i64], bound: f64) -> Prunable {
        let prunable =
            Prunable { tensor: self.uniform(name, shape, bound), positions: Arc::default() };
        self.insert(name, Parameter::Prunable(prunable.shallow_clone()));
        prunable
    }

    fn dense(&mut self, name: &str, shape: &[i64], bound: f64) -> Tensor {
        let tensor = self.uniform(name, shape, bound);
        self.insert(name, Parameter::Dense(tensor.shallow_clone()));
        tensor
    }

    fn insert(&mut self, name: &str, parameter: Parameter) {
        let name = format!("{}{name}", self.prefix);
        let earlier = self.parameters.entries.insert(name.clone(), parameter);
        assert!(earlier.is_none(), "a model declares the parameter {name} twice");
    }

    fn uniform(&self, name: &str, shape: &[i64], bound: f64) -> Tensor {
        let mut rng = self.streams.stream(&format!("init/{}{name}", self.prefix));
        let count = shape.iter().product::<i64>() as usize;
        let bound = bound as f32;
        let values: Vec<f32> = (0..count).map(|_| rng.random_range(-bound..bound)).collect();
        Tensor::from_slice(&values).reshape(shape).to_device(self.device).set_requires_grad(true)
    }
}
