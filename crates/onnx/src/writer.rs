//! From operations of a graph to nodes of ONNX.

use std::collections::BTreeMap;

use dst_core::graph::{Node, Operation, Source};
use dst_core::tch::Tensor;
use dst_core::{Activation, BatchNorm2d, Conv2d, Error, Linear, Pooling, RawInputs, Result, Task};

use crate::message::{self, Attribute, Dimension, ValueInfo};
use crate::{OnnxModel, floats};

/// Dimension 0 of input and output.
const BATCH: &str = "batch";

/// A graph that is being written.
pub(crate) struct Writer<'a> {
    tensors: &'a [(&'a str, Tensor)],
    nodes: Vec<message::Node>,
    constants: BTreeMap<String, message::Tensor>,
    /// The value that the network takes.
    input: String,
    /// The values that nodes of the graph gave so far.
    results: Vec<String>,
    /// How many nodes of a kind there are.
    counts: BTreeMap<String, usize>,
}

impl<'a> Writer<'a> {
    /// An empty graph of a network with these parameters and buffers.
    pub(crate) fn new(tensors: &'a [(&'a str, Tensor)]) -> Self {
        Self {
            tensors,
            nodes: Vec::new(),
            constants: BTreeMap::new(),
            input: OnnxModel::INPUT.to_owned(),
            results: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Normalises the input, before any other node.
    pub(crate) fn normalise(&mut self, raw: &RawInputs) -> Result<()> {
        let mean = self.constant("input:mean".to_owned(), &raw.mean)?;
        let deviation = self.constant("input:deviation".to_owned(), &raw.deviation)?;
        let centred = self.push("Sub", "input:centred", vec![self.input.clone(), mean], vec![]);
        self.input = self.push("Div", "input:normalised", vec![centred, deviation], vec![]);
        Ok(())
    }

    /// Writes the next node of the graph.
    pub(crate) fn node(&mut self, node: &Node<'_>) -> Result<()> {
        let inputs = node.inputs.iter().map(|source| self.value(*source)).collect();
        let result = match node.operation {
            Operation::Linear(layer) => self.linear(layer, inputs)?,
            Operation::Conv2d(layer) => self.conv2d(layer, inputs)?,
            Operation::BatchNorm2d(norm) => self.batch_norm2d(norm, inputs)?,
            Operation::Activate(Activation::Relu) => self.unnamed("Relu", inputs, vec![]),
            Operation::Activate(Activation::Tanh) => self.unnamed("Tanh", inputs, vec![]),
            Operation::Activate(Activation::Gelu) => self.gelu(inputs)?,
            Operation::Pool2d { pooling, size } => {
                let kind = match pooling {
                    Pooling::Max => "MaxPool",
                    Pooling::Average => "AveragePool",
                };
                let windows =
                    vec![ints("kernel_shape", &[size, size]), ints("strides", &[size, size])];
                self.unnamed(kind, inputs, windows)
            }
            Operation::MeanOfMaps => {
                self.unnamed("ReduceMean", inputs, vec![ints("axes", &[2, 3]), int("keepdims", 0)])
            }
            Operation::Flatten => self.unnamed("Flatten", inputs, vec![int("axis", 1)]),
            Operation::Add => self.unnamed("Add", inputs, vec![]),
            Operation::PadChannels { stride, before, behind } => {
                self.pad_channels(stride, before, behind, inputs)
            }
        };
        self.results.push(result);
        Ok(())
    }

    /// The graph, whose last node gives the output of the network.
    pub(crate) fn finish(
        mut self,
        picture: [i64; 3],
        task: Task,
        raw: Option<&RawInputs>,
    ) -> Result<message::Graph> {
        let last = self.results.last().map_or(&self.input, |result| result).clone();
        let output = OnnxModel::output(task);
        // Whatever the last node is, its result gets the name that programs ask for.
        let identity = message::Node {
            input: vec![last],
            output: vec![output.to_owned()],
            name: self.next("Identity"),
            op_type: "Identity".to_owned(),
            attribute: vec![],
        };
        self.nodes.push(identity);
        let meaning = raw.map_or("normalised inputs", |raw| raw.meaning.as_str());
        Ok(message::Graph {
            node: self.nodes,
            name: "network".to_owned(),
            initializer: self.constants.into_values().collect(),
            input: vec![value_info(OnnxModel::INPUT, &picture, meaning)],
            output: vec![value_info(output, &[task.outputs()], "")],
        })
    }

    fn value(&self, source: Source) -> String {
        match source {
            Source::Pictures => self.input.clone(),
            Source::Node(index) => self.results[index].clone(),
        }
    }

    fn linear(&mut self, layer: &Linear, mut inputs: Vec<String>) -> Result<String> {
        let (name, weight) = self.parameter(&layer.weight.dense())?;
        let (_, bias) = self.parameter(&layer.bias)?;
        inputs.extend([weight, bias]);
        Ok(self.push("Gemm", &layer_of(&name), inputs, vec![int("transB", 1)]))
    }

    fn conv2d(&mut self, layer: &Conv2d, mut inputs: Vec<String>) -> Result<String> {
        let shape = layer.weight.shape();
        let (name, weight) = self.parameter(&layer.weight.dense())?;
        inputs.push(weight);
        if let Some(bias) = &layer.bias {
            inputs.push(self.parameter(bias)?.1);
        }
        let attributes = vec![
            ints("kernel_shape", &shape[2..]),
            ints("strides", &[layer.stride; 2]),
            ints("pads", &[layer.padding; 4]),
        ];
        Ok(self.push("Conv", &layer_of(&name), inputs, attributes))
    }

    fn batch_norm2d(&mut self, norm: &BatchNorm2d, mut inputs: Vec<String>) -> Result<String> {
        let (name, weight) = self.parameter(&norm.weight)?;
        inputs.push(weight);
        for tensor in [&norm.bias, &norm.running_mean, &norm.running_var] {
            inputs.push(self.parameter(tensor)?.1);
        }
        let epsilon = vec![float("epsilon", BatchNorm2d::EPSILON as f32)];
        Ok(self.push("BatchNormalization", &layer_of(&name), inputs, epsilon))
    }

    /// x · (1 + erf(x / √2)) · ½; it is an operator of its own only since version 20.
    fn gelu(&mut self, inputs: Vec<String>) -> Result<String> {
        let scalar = |value: f64| Tensor::from(value as f32);
        let root = self.constant("gelu.root".to_owned(), &scalar(std::f64::consts::SQRT_2))?;
        let one = self.constant("gelu.one".to_owned(), &scalar(1.0))?;
        let half = self.constant("gelu.half".to_owned(), &scalar(0.5))?;
        let x = inputs[0].clone();
        let scaled = self.unnamed("Div", vec![x.clone(), root], vec![]);
        let erf = self.unnamed("Erf", vec![scaled], vec![]);
        let sum = self.unnamed("Add", vec![erf, one], vec![]);
        let product = self.unnamed("Mul", vec![x, sum], vec![]);
        Ok(self.unnamed("Mul", vec![product, half], vec![]))
    }

    fn pad_channels(
        &mut self,
        stride: i64,
        before: i64,
        behind: i64,
        inputs: Vec<String>,
    ) -> String {
        let name = self.next("Pad");
        let mut operands = inputs;
        for (what, values) in [
            ("starts", vec![0, 0]),
            ("ends", vec![i64::MAX, i64::MAX]),
            ("axes", vec![2, 3]),
            ("steps", vec![stride, stride]),
        ] {
            operands.push(self.integers(format!("{name}.{what}"), &values));
        }
        let taken = self.push("Slice", &format!("{name}.slice"), operands, vec![]);
        // Zeros before each dimension, then behind each.
        let pads = self.integers(format!("{name}.pads"), &[0, before, 0, 0, 0, behind, 0, 0]);
        self.push("Pad", &name, vec![taken, pads], vec![])
    }

    /// The name of a parameter or buffer of the network, and that of its constant.
    fn parameter(&mut self, tensor: &Tensor) -> Result<(String, String)> {
        let place = tensor.data_ptr();
        let found = self.tensors.iter().find(|(_, known)| known.data_ptr() == place);
        let (name, _) = found.ok_or_else(|| {
            Error::contract("the graph of the network has a tensor that is none of its parameters")
        })?;
        let constant = self.constant((*name).to_owned(), tensor)?;
        Ok(((*name).to_owned(), constant))
    }

    fn constant(&mut self, name: String, tensor: &Tensor) -> Result<String> {
        if !self.constants.contains_key(&name) {
            self.constants.insert(name.clone(), floats(name.clone(), tensor)?);
        }
        Ok(name)
    }

    fn integers(&mut self, name: String, values: &[i64]) -> String {
        let tensor = message::Tensor {
            dims: vec![values.len() as i64],
            data_type: message::Tensor::INT64,
            name: name.clone(),
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        self.constants.insert(name.clone(), tensor);
        name
    }

    /// Adds a node and gives the name of its result. That has a colon, which names of parameters, of the input
    /// and of the output lack: a layer may be called like any of them.
    fn push(
        &mut self,
        kind: &str,
        name: &str,
        input: Vec<String>,
        attribute: Vec<Attribute>,
    ) -> String {
        let result = format!("{name}:0");
        self.nodes.push(message::Node {
            input,
            output: vec![result.clone()],
            name: name.to_owned(),
            op_type: kind.to_owned(),
            attribute,
        });
        result
    }

    /// Adds a node that is called by its kind and number.
    fn unnamed(&mut self, kind: &str, input: Vec<String>, attribute: Vec<Attribute>) -> String {
        let name = self.next(kind);
        self.push(kind, &name, input, attribute)
    }

    /// A name that no layer has: theirs have no colon.
    fn next(&mut self, kind: &str) -> String {
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        format!("{}:{count}", kind.to_lowercase())
    }
}

/// The layer that a weight belongs to.
fn layer_of(weight: &str) -> String {
    weight.strip_suffix(".weight").unwrap_or(weight).to_owned()
}

fn int(name: &str, value: i64) -> Attribute {
    let (name, int) = (name.to_owned(), Some(value));
    Attribute { name, int, kind: Attribute::INT, ..Attribute::default() }
}

fn float(name: &str, value: f32) -> Attribute {
    let (name, float) = (name.to_owned(), Some(value));
    Attribute { name, float, kind: Attribute::FLOAT, ..Attribute::default() }
}

fn ints(name: &str, values: &[i64]) -> Attribute {
    let (name, ints) = (name.to_owned(), values.to_vec());
    Attribute { name, ints, kind: Attribute::INTS, ..Attribute::default() }
}

/// `Float [batch, …]`.
fn value_info(name: &str, sides: &[i64], meaning: &str) -> ValueInfo {
    let batch = Dimension { value: None, name: Some(BATCH.to_owned()) };
    let sides = sides.iter().map(|side| Dimension { value: Some(*side), name: None });
    let shape = message::Shape { dim: std::iter::once(batch).chain(sides).collect() };
    let tensor = message::TensorType { element: message::Tensor::FLOAT, shape: Some(shape) };
    ValueInfo {
        name: name.to_owned(),
        kind: Some(message::Type { tensor: Some(tensor) }),
        doc_string: meaning.to_owned(),
    }
}
