//! Parameters, and the layers that declare which of them can be pruned.
//!
//! Nothing is found by matching names: a layer says so when it is built. Biases, norms and
//! embeddings are dense.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt;
use tch::{Device, Tensor};

use crate::architecture::Pass;
use crate::seed::SeedStreams;

/// A weight that can be pruned, shared by the layer that uses it and the topology.
///
/// Both hold the same storage: what the topology zeroes, the layer sees.
#[derive(Debug)]
pub struct Prunable {
    /// The weight, `[out, in]` or `[out, in, height, width]`, a leaf that requires gradients.
    pub tensor: Tensor,
    positions: Arc<AtomicU64>,
}

impl Prunable {
    /// How often each weight is multiplied for one sample: 1 in a linear layer on vectors, the
    /// tokens of a sequence, the output pixels of a convolution. 0 before the first forward
    /// pass, which measures it.
    pub fn positions(&self) -> u64 {
        self.positions.load(Ordering::Relaxed)
    }

    /// Another handle of the same weight.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        Self { tensor: self.tensor.shallow_clone(), positions: Arc::clone(&self.positions) }
    }

    fn measure(&self, positions: impl FnOnce() -> i64) {
        if self.positions() == 0 {
            self.positions.store(positions().max(1) as u64, Ordering::Relaxed);
        }
    }
}

/// One named trainable tensor of a model.
#[derive(Debug)]
pub enum Parameter {
    /// Its connections can be pruned and regrown.
    Prunable(Prunable),
    /// Always dense: a bias, a norm, an embedding.
    Dense(Tensor),
}

impl Parameter {
    /// The tensor, a leaf that requires gradients.
    pub fn tensor(&self) -> &Tensor {
        match self {
            Self::Prunable(prunable) => &prunable.tensor,
            Self::Dense(tensor) => tensor,
        }
    }
}

/// All parameters and buffers of a model, in name order.
#[derive(Debug, Default)]
pub struct Parameters {
    entries: BTreeMap<String, Parameter>,
    buffers: BTreeMap<String, Tensor>,
}

impl Parameters {
    /// All trainable tensors with their names, in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.entries.iter().map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// Those that can be pruned, in name order.
    pub fn prunable(&self) -> impl Iterator<Item = (&str, &Prunable)> {
        self.iter().filter_map(|(name, parameter)| match parameter {
            Parameter::Prunable(prunable) => Some((name, prunable)),
            Parameter::Dense(_) => None,
        })
    }

    /// Tensors that are part of the model but not trained, such as running statistics.
    pub fn buffers(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.buffers.iter().map(|(name, buffer)| (name.as_str(), buffer))
    }

    /// Number of trainable values.
    pub fn count(&self) -> usize {
        self.iter().map(|(_, parameter)| parameter.tensor().numel()).sum()
    }
}

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

/// `y = x Wᵀ + b` over the last dimension, with a prunable weight.
#[derive(Debug)]
pub struct Linear {
    /// `[outputs, inputs]`.
    pub weight: Prunable,
    /// `[outputs]`.
    pub bias: Tensor,
}

impl Linear {
    /// `[…, inputs] → […, outputs]`.
    pub fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        self.weight.measure(|| {
            let size = input.size();
            size[1..size.len() - 1].iter().product()
        });
        pass.backend.linear(self, input, pass)
    }
}

/// A two-dimensional convolution with a square kernel and a prunable weight.
#[derive(Debug)]
pub struct Conv2d {
    /// `[outputs, inputs, kernel, kernel]`.
    pub weight: Prunable,
    /// `[outputs]`.
    pub bias: Tensor,
    /// In both directions.
    pub stride: i64,
    /// Zeros added on every side.
    pub padding: i64,
}

impl Conv2d {
    /// `[batch, inputs, height, width] → [batch, outputs, height', width']`.
    pub fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let output = pass.backend.conv2d(self, input, pass);
        self.weight.measure(|| output.size()[2..].iter().product());
        output
    }
}
