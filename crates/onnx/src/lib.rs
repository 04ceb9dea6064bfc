//! Trained networks as [ONNX](https://onnx.ai) files, which onnxruntime and other programs compute.
//!
//! A file has operators of version 13 of the standard set (2021), 32-bit floats, and a batch of any size.
//! Pruned weights are zeros in dense tensors: that is how runtimes for sparse networks take them.

mod message;
mod writer;

use std::collections::BTreeMap;

use dst_core::tch::{Kind, Tensor};
use dst_core::{Error, Graph, Parameters, RawInputs, Result, Task};
use prost::Message;

use writer::Writer;

/// Readers of protocol buffers take no larger message.
const LARGEST: usize = i32::MAX as usize;

/// What a file is made of.
#[derive(Debug)]
pub struct OnnxModel<'a> {
    /// What the network computes.
    pub graph: &'a Graph<'a>,
    /// Its parameters and buffers, by which tensors get their names.
    pub parameters: &'a Parameters,
    /// What it answers.
    pub task: Task,
    /// How inputs are normalised, which becomes part of the file; without it, the file takes normalised ones.
    pub raw_inputs: Option<RawInputs>,
    /// What it is, in a line.
    pub title: String,
    /// The version of the program that writes it.
    pub version: String,
    /// What else a reader may want to know, by key.
    pub metadata: BTreeMap<String, String>,
}

impl OnnxModel<'_> {
    /// The name of the input, `Float [batch, channels, height, width]`.
    pub const INPUT: &'static str = "input";

    /// The name of the output, `Float [batch, outputs]`: one number for each class, of which the largest wins
    /// and a softmax makes probabilities, or the number that a regression predicts.
    pub fn output(task: Task) -> &'static str {
        match task {
            Task::Regression => "prediction",
            _ => "logits",
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// If a node has a parameter that is not among those of the network, if the file would be larger than
    /// 2 GiB, or if libtorch refuses.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let parameters = self.parameters.iter().map(|(name, it)| (name, it.tensor()));
        let buffers = self.parameters.buffers().map(|(name, it)| (name, it.shallow_clone()));
        let tensors: Vec<(&str, Tensor)> = parameters.chain(buffers).collect();
        let bytes: usize = tensors.iter().map(|(_, tensor)| tensor.numel() * 4).sum();
        if bytes >= LARGEST {
            return Err(Error::usage(format!(
                "the weights take {bytes} bytes, and an ONNX file holds fewer than {LARGEST}"
            ))
            .hint("export without --format onnx"));
        }
        let mut writer = Writer::new(&tensors);
        if let Some(raw) = &self.raw_inputs {
            writer.normalise(raw)?;
        }
        for node in &self.graph.nodes {
            writer.node(node)?;
        }
        let graph = writer.finish(self.graph.picture, self.task, self.raw_inputs.as_ref())?;
        let property = |(key, value): (&String, &String)| message::Property {
            key: key.clone(),
            value: value.clone(),
        };
        let model = message::Model {
            ir_version: IR_VERSION,
            producer_name: "harness".to_owned(),
            producer_version: self.version.clone(),
            doc_string: self.title.clone(),
            graph: Some(graph),
            opset_import: vec![message::OperatorSet { domain: String::new(), version: OPERATORS }],
            metadata: self.metadata.iter().map(property).collect(),
        };
        Ok(model.encode_to_vec())
    }
}

/// Version of the format that [`OPERATORS`] came with.
const IR_VERSION: i64 = 7;

/// Version of the standard set of operators. Those that are written mean the same ever since, and what reads
/// newer ones reads these.
const OPERATORS: i64 = 13;

/// The numbers of a tensor as a file has them.
fn floats(name: String, tensor: &Tensor) -> Result<message::Tensor> {
    let dims = tensor.size();
    let values = tensor.detach().f_to_kind(Kind::Float)?.f_flatten(0, -1)?;
    let values = Vec::<f32>::try_from(values.to_device(dst_core::tch::Device::Cpu))?;
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(message::Tensor { dims, data_type: message::Tensor::FLOAT, name, raw_data })
}

#[cfg(test)]
mod tests;
