//! Networks of pictures that are written once: to be computed, and to be described to other programs.

use std::cell::RefCell;
use std::fmt::Debug;

use tch::Tensor;

use crate::architecture::{Input, Model, Pass};
use crate::error::{Error, Result};
use crate::layers::{self, BatchNorm2d, Conv2d, Linear, Pooling};

/// A network of pictures in terms of [`Operations`]. [`PictureModel`] makes a [`Model`] of it, which can be
/// computed and, because both come from the same lines, described as a [`Graph`].
pub trait PictureNetwork: Debug {
    /// `[channels, height, width]` of what it takes.
    fn picture(&self) -> [i64; 3];

    /// `[batch, channels, height, width] → [batch, outputs]`.
    fn apply<'m, O: Operations<'m>>(&'m self, operations: &O, pictures: O::Value) -> O::Value;
}

/// The operations that networks of pictures are made of. `Value` stands for a tensor: [`Eager`] computes
/// with tensors, [`Recorder`] notes what would be computed.
///
/// What takes its input by value may write over it, as training needs the memory.
pub trait Operations<'m> {
    /// Maps `[batch, channels, height, width]` or rows `[batch, numbers]`.
    type Value;

    /// The same value once more, for a second reader.
    fn share(&self, value: &Self::Value) -> Self::Value;

    /// See [`Linear::forward`].
    fn linear(&self, layer: &'m Linear, input: &Self::Value) -> Self::Value;

    /// See [`Conv2d::forward`].
    fn conv2d(&self, layer: &'m Conv2d, input: &Self::Value) -> Self::Value;

    /// See [`BatchNorm2d::forward`].
    fn batch_norm2d(&self, norm: &'m BatchNorm2d, input: &Self::Value) -> Self::Value;

    /// A function of every number.
    fn activate(&self, activation: Activation, input: &Self::Value) -> Self::Value;

    /// [`Activation::Relu`] of what nothing else reads; see [`layers::relu`].
    fn relu(&self, input: Self::Value) -> Self::Value;

    /// See [`layers::pool2d`].
    fn pool2d(&self, pooling: Pooling, size: i64, input: &Self::Value) -> Self::Value;

    /// See [`layers::mean_of_maps`].
    fn mean_of_maps(&self, input: &Self::Value) -> Self::Value;

    /// `[batch, …] → [batch, numbers]`.
    fn flatten(&self, input: &Self::Value) -> Self::Value;

    /// The sum of `sum`, which nothing else reads, and `other`; see [`layers::add`].
    fn add(&self, sum: Self::Value, other: &Self::Value) -> Self::Value;

    /// The sum of two values that others read, too.
    fn sum(&self, one: &Self::Value, other: &Self::Value) -> Self::Value;

    /// In training, a share `rate` of the numbers, drawn at random, becomes 0, and the others grow by
    /// 1 / (1 − `rate`).
    fn dropout(&self, rate: f64, input: Self::Value) -> Self::Value;

    /// Every `stride`-th pixel of each direction, with `before` and `behind` channels of zeros around the
    /// channels.
    fn pad_channels(
        &self,
        stride: i64,
        before: i64,
        behind: i64,
        input: &Self::Value,
    ) -> Self::Value;
}

/// A function of every number of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The positive part.
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// x · Φ(x), with the normal distribution function itself and no approximation.
    Gelu,
}

/// Computes with libtorch and the backend of a pass.
#[derive(Debug, Clone, Copy)]
pub struct Eager<'p>(pub &'p Pass<'p>);

impl<'m> Operations<'m> for Eager<'_> {
    type Value = Tensor;

    fn share(&self, value: &Tensor) -> Tensor {
        value.shallow_clone()
    }

    fn linear(&self, layer: &'m Linear, input: &Tensor) -> Tensor {
        layer.forward(input, self.0)
    }

    fn conv2d(&self, layer: &'m Conv2d, input: &Tensor) -> Tensor {
        layer.forward(input, self.0)
    }

    fn batch_norm2d(&self, norm: &'m BatchNorm2d, input: &Tensor) -> Tensor {
        norm.forward(input, self.0)
    }

    fn activate(&self, activation: Activation, input: &Tensor) -> Tensor {
        match activation {
            Activation::Relu => input.relu(),
            Activation::Tanh => input.tanh(),
            Activation::Gelu => input.gelu("none"),
        }
    }

    fn relu(&self, input: Tensor) -> Tensor {
        layers::relu(input)
    }

    fn pool2d(&self, pooling: Pooling, size: i64, input: &Tensor) -> Tensor {
        layers::pool2d(input, pooling, size, self.0)
    }

    fn mean_of_maps(&self, input: &Tensor) -> Tensor {
        layers::mean_of_maps(input)
    }

    fn flatten(&self, input: &Tensor) -> Tensor {
        input.flatten(1, -1)
    }

    fn add(&self, sum: Tensor, other: &Tensor) -> Tensor {
        layers::add(sum, other)
    }

    fn sum(&self, one: &Tensor, other: &Tensor) -> Tensor {
        one + other
    }

    fn dropout(&self, rate: f64, input: Tensor) -> Tensor {
        // Without dropout nothing is drawn, so libtorch's generator does not move.
        match rate > 0.0 && self.0.training {
            true => input.dropout(rate, true),
            false => input,
        }
    }

    fn pad_channels(&self, stride: i64, before: i64, behind: i64, input: &Tensor) -> Tensor {
        let taken = input.slice(2, None, None, stride).slice(3, None, None, stride);
        taken.constant_pad_nd([0, 0, 0, 0, before, behind])
    }
}

/// What a network computes in evaluation, node after node; the last one gives its outputs.
#[derive(Debug)]
pub struct Graph<'m> {
    /// `[channels, height, width]` of what it takes.
    pub picture: [i64; 3],
    /// Each reads the pictures or results of nodes before it.
    pub nodes: Vec<Node<'m>>,
}

/// One operation of a [`Graph`].
#[derive(Debug)]
pub struct Node<'m> {
    /// What it does.
    pub operation: Operation<'m>,
    /// What it reads.
    pub inputs: Vec<Source>,
}

/// Where a number of a [`Graph`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The input of the network.
    Pictures,
    /// The result of the node at this place.
    Node(usize),
}

/// What a [`Node`] does, by the names of [`Operations`].
#[derive(Debug, Clone, Copy)]
pub enum Operation<'m> {
    /// [`Operations::linear`].
    Linear(&'m Linear),
    /// [`Operations::conv2d`].
    Conv2d(&'m Conv2d),
    /// [`Operations::batch_norm2d`], by the running statistics.
    BatchNorm2d(&'m BatchNorm2d),
    /// [`Operations::activate`] and [`Operations::relu`].
    Activate(Activation),
    /// [`Operations::pool2d`].
    Pool2d {
        /// What becomes of a window.
        pooling: Pooling,
        /// Its rows and columns, and the pixels from one to the next.
        size: i64,
    },
    /// [`Operations::mean_of_maps`].
    MeanOfMaps,
    /// [`Operations::flatten`].
    Flatten,
    /// [`Operations::add`] and [`Operations::sum`].
    Add,
    /// [`Operations::pad_channels`].
    PadChannels {
        /// From one pixel that is taken to the next.
        stride: i64,
        /// Channels of zeros before those of the input.
        before: i64,
        /// Channels of zeros behind them.
        behind: i64,
    },
}

/// Notes the operations of an evaluation, which has no dropout.
#[derive(Debug, Default)]
pub struct Recorder<'m> {
    nodes: RefCell<Vec<Node<'m>>>,
}

/// What stands for a tensor in a [`Recorder`].
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    source: Source,
    /// Is it `[batch, numbers]`, which flattening leaves as it is?
    flat: bool,
}

impl<'m> Recorder<'m> {
    fn note(&self, operation: Operation<'m>, inputs: &[&Recorded]) -> Recorded {
        let flat = match operation {
            Operation::Linear(_) | Operation::MeanOfMaps | Operation::Flatten => true,
            _ => inputs.iter().all(|input| input.flat),
        };
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { operation, inputs: inputs.iter().map(|input| input.source).collect() });
        Recorded { source: Source::Node(nodes.len() - 1), flat }
    }
}

impl<'m> Operations<'m> for Recorder<'m> {
    type Value = Recorded;

    fn share(&self, value: &Recorded) -> Recorded {
        *value
    }

    fn linear(&self, layer: &'m Linear, input: &Recorded) -> Recorded {
        self.note(Operation::Linear(layer), &[input])
    }

    fn conv2d(&self, layer: &'m Conv2d, input: &Recorded) -> Recorded {
        self.note(Operation::Conv2d(layer), &[input])
    }

    fn batch_norm2d(&self, norm: &'m BatchNorm2d, input: &Recorded) -> Recorded {
        self.note(Operation::BatchNorm2d(norm), &[input])
    }

    fn activate(&self, activation: Activation, input: &Recorded) -> Recorded {
        self.note(Operation::Activate(activation), &[input])
    }

    fn relu(&self, input: Recorded) -> Recorded {
        self.activate(Activation::Relu, &input)
    }

    fn pool2d(&self, pooling: Pooling, size: i64, input: &Recorded) -> Recorded {
        self.note(Operation::Pool2d { pooling, size }, &[input])
    }

    fn mean_of_maps(&self, input: &Recorded) -> Recorded {
        self.note(Operation::MeanOfMaps, &[input])
    }

    fn flatten(&self, input: &Recorded) -> Recorded {
        match input.flat {
            true => *input,
            false => self.note(Operation::Flatten, &[input]),
        }
    }

    fn add(&self, sum: Recorded, other: &Recorded) -> Recorded {
        self.sum(&sum, other)
    }

    fn sum(&self, one: &Recorded, other: &Recorded) -> Recorded {
        self.note(Operation::Add, &[one, other])
    }

    fn dropout(&self, _rate: f64, input: Recorded) -> Recorded {
        input
    }

    fn pad_channels(&self, stride: i64, before: i64, behind: i64, input: &Recorded) -> Recorded {
        self.note(Operation::PadChannels { stride, before, behind }, &[input])
    }
}

/// The model that a network of pictures is.
#[derive(Debug)]
pub struct PictureModel<N>(pub N);

impl<N: PictureNetwork> Model for PictureModel<N> {
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let pictures = pictures(input, self.0.picture())?;
        Ok(self.0.apply(&Eager(pass), pictures.shallow_clone()))
    }

    fn graph(&self) -> Option<Graph<'_>> {
        let recorder = Recorder::default();
        self.0.apply(&recorder, Recorded { source: Source::Pictures, flat: false });
        Some(Graph { picture: self.0.picture(), nodes: recorder.nodes.into_inner() })
    }
}

/// The pictures of a batch, `[batch, channels, height, width]`.
///
/// # Errors
/// If they are not of the shape that the model was built for.
fn pictures(input: &Input, expected: [i64; 3]) -> Result<&Tensor> {
    let Input::Image(pictures) = input else {
        return Err(Error::contract("a model for pictures was given tokens"));
    };
    let size = pictures.size();
    if size.len() == 4 && size[1..] == expected {
        return Ok(pictures);
    }
    let [channels, height, width] = expected;
    Err(Error::contract(format!(
        "a model for pictures [batch, {channels}, {height}, {width}] was given {size:?}"
    )))
}
