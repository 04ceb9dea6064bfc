//! A trained network apart from its training: what is kept of it, and how that computes again.

use std::collections::BTreeMap;

use dst_core::network_weights::{Role, WeightTensor};
use dst_core::{
    Architecture, Backend, Builder, Dataset, Error, Graph, Input, Model, NetworkWeights, Parameter,
    Parameters, Pass, Result, SeedStreams, Split, Task,
};
use tch::{Device, Kind, Tensor};

use crate::best_checkpoint::BestCheckpoint;
use crate::evaluation;
use crate::setup::build_for;
use crate::snapshot::{self, Tensors};
use crate::trainer::Trainer;

/// The network that a test set was read with: the parameters and buffers of the best epoch, under its
/// masks.
#[derive(Debug)]
pub struct TestedNetwork<'a> {
    trainer: &'a Trainer<'a>,
    best: &'a BestCheckpoint,
}

impl<'a> TestedNetwork<'a> {
    /// The trainer's parameters are those of the best epoch already.
    pub(crate) fn new(trainer: &'a Trainer<'a>, best: &'a BestCheckpoint) -> Self {
        Self { trainer, best }
    }

    /// The network as plain data, copied from the device.
    ///
    /// # Errors
    /// If a parameter does not consist of 32-bit floats, or libtorch refuses.
    pub fn weights(&self, trial: &str) -> Result<NetworkWeights> {
        let parameters = self.trainer.parameters();
        let layers = self.trainer.topology().layers();
        let mut tensors = BTreeMap::new();
        for (name, parameter) in parameters.iter() {
            let tensor = parameter.tensor().detach();
            let (shape, values) = floats(&tensor).map_err(|error| error.at(name))?;
            let layer = layers.iter().find(|layer| layer.name() == name);
            let kept = match (parameter, layer) {
                (Parameter::Prunable(_), Some(layer)) => {
                    let mask = self.best.mask(layer)?.to_device(Device::Cpu).flatten(0, -1);
                    WeightTensor::masked(shape, &values, &Vec::<bool>::try_from(mask)?)
                }
                (Parameter::Prunable(_), None) => {
                    WeightTensor::dense(Role::Prunable, shape, values)
                }
                (Parameter::Dense(_), _) => WeightTensor::dense(Role::Parameter, shape, values),
            };
            tensors.insert(name.to_owned(), kept.map_err(|error| error.at(name))?);
        }
        for (name, buffer) in parameters.buffers() {
            let kept = floats(buffer)
                .and_then(|(shape, values)| WeightTensor::dense(Role::Buffer, shape, values));
            tensors.insert(name.to_owned(), kept.map_err(|error| error.at(name))?);
        }
        let epoch = self.best.facts.epoch;
        Ok(NetworkWeights { trial: trial.to_owned(), epoch, tensors })
    }
}

/// The shape of a tensor, and its entries in row-major order.
fn floats(tensor: &Tensor) -> Result<(Vec<u64>, Vec<f32>)> {
    if tensor.kind() != Kind::Float {
        return Err(Error::contract(format!("{:?} is kept nowhere, only Float is", tensor.kind())));
    }
    let shape = tensor.size().iter().map(|side| *side as u64).collect();
    let flat = tensor.detach().to_device(Device::Cpu).contiguous().view(-1);
    Ok((shape, Vec::try_from(flat)?))
}

/// A network that was trained before, for inference.
#[derive(Debug)]
pub struct RestoredNetwork {
    model: Box<dyn Model>,
    parameters: Parameters,
    task: Task,
    device: Device,
}

/// What a network says of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prediction {
    /// The most probable class, and its softmax probability in [0, 1].
    Class {
        /// From 0.
        class: u32,
        /// Of that class.
        probability: f64,
    },
    /// Of a regression.
    Number(f64),
}

impl RestoredNetwork {
    /// Builds the network that `weights` are of, for the inputs and the task of `dataset`. Its pruned
    /// layers compute with `backend`, which is told the masks.
    ///
    /// # Errors
    /// If the architecture refuses, or has a parameter or buffer that the weights lack, or of another
    /// shape or role, or inverse.
    pub fn build(
        architecture: &dyn Architecture,
        dataset: &dyn Dataset,
        weights: &NetworkWeights,
        backend: &dyn Backend,
        device: Device,
    ) -> Result<Self> {
        let mut parameters = Parameters::default();
        // What it starts from is written over.
        let builder = Builder::new(&mut parameters, SeedStreams::new(0), device);
        let task = dataset.task();
        let model = build_for(dataset, architecture, builder)?;
        check_fit(&parameters, weights)?;
        let mut tensors = Tensors::new();
        for (name, kept) in &weights.tensors {
            let prefix = if kept.role() == Role::Buffer { "buffer" } else { "parameter" };
            let shape: Vec<i64> = kept.shape().iter().map(|side| *side as i64).collect();
            let values = Tensor::f_from_slice(&kept.to_dense())?.f_view(shape.as_slice())?;
            tensors.insert(format!("{prefix}/{name}"), values.to_device(device));
        }
        tch::no_grad(|| snapshot::load(&parameters, "", &tensors))?;
        for (name, weight) in parameters.prunable() {
            let mask = Tensor::f_from_slice(&weights.tensors[name].mask())?;
            backend.activate(weight, &mask.f_view(weight.shape().as_slice())?.to_device(device))?;
        }
        Ok(Self { model, parameters, task, device })
    }

    /// What it computes, if its model says so.
    pub fn graph(&self) -> Option<Graph<'_>> {
        self.model.graph()
    }

    /// Its parameters and buffers.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What it says of each sample of a batch, in a pass such as [`Pass::EVALUATION`] with the backend
    /// that it was built for. Of a text it is the token that follows the last.
    ///
    /// # Errors
    /// If the input is of another kind than the model takes, or libtorch refuses it.
    pub fn predict(&self, input: &Input, pass: &Pass<'_>) -> Result<Vec<Prediction>> {
        let _guard = tch::no_grad_guard();
        let output = self.model.forward(input, pass)?;
        if let Task::Regression = self.task {
            let numbers = output.f_squeeze_dim(-1)?.f_to_kind(Kind::Double)?.to_device(Device::Cpu);
            return Ok(Vec::<f64>::try_from(numbers)?
                .into_iter()
                .map(Prediction::Number)
                .collect());
        }
        let output = match self.task {
            // Of a text, the token that follows its last.
            Task::NextToken { .. } => output.f_select(1, -1)?,
            _ => output,
        };
        // As evaluations choose it.
        let class = output.f_argmax(-1, false)?;
        let shares =
            output.f_softmax(-1, Kind::Double)?.f_gather(-1, &class.f_unsqueeze(-1)?, false)?;
        let classes = Vec::<i64>::try_from(class.to_device(Device::Cpu))?;
        let shares = Vec::<f64>::try_from(shares.f_view(-1)?.to_device(Device::Cpu))?;
        let pairs = classes.into_iter().zip(shares);
        Ok(pairs
            .map(|(class, probability)| Prediction::Class { class: class as u32, probability })
            .collect())
    }

    /// The same for all samples of a split, in its order, in the batches of an evaluation.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and if the data set refuses a batch.
    pub fn predict_split(
        &self,
        dataset: &dyn Dataset,
        split: Split,
        pass: &Pass<'_>,
    ) -> Result<Vec<Prediction>> {
        let mut by_row = BTreeMap::new();
        for rows in dataset.batches(split, evaluation::batch_size(dataset), None) {
            let batch = dataset.batch(split, &rows, self.device)?;
            by_row.extend(rows.into_iter().zip(self.predict(&batch.input, pass)?));
        }
        Ok(by_row.into_values().collect())
    }
}

/// Are these weights of a network with such parameters and buffers?
fn check_fit(parameters: &Parameters, weights: &NetworkWeights) -> Result<()> {
    let declared = parameters.iter().map(|(name, parameter)| match parameter {
        Parameter::Prunable(weight) => (name, Role::Prunable, weight.shape()),
        Parameter::Dense(tensor) => (name, Role::Parameter, tensor.size()),
    });
    let buffers = parameters.buffers().map(|(name, buffer)| (name, Role::Buffer, buffer.size()));
    let refused = |what: String, name: &str| {
        Err(Error::data(format!("the weights are of another network: {what}"))
            .at(name.to_owned())
            .hint("the code of the model or the data have changed since it was trained"))
    };
    let mut count = 0;
    for (name, role, shape) in declared.chain(buffers) {
        let Some(kept) = weights.tensors.get(name) else {
            return refused("they lack this tensor".to_owned(), name);
        };
        let is_same = kept.shape().iter().map(|side| *side as i64).eq(shape.iter().copied());
        if kept.role() != role || !is_same {
            return refused(
                format!("{:?} {:?} where {role:?} {shape:?} must be", kept.role(), kept.shape()),
                name,
            );
        }
        count += 1;
    }
    if weights.tensors.len() != count {
        let known = |name: &str| {
            parameters.iter().any(|(own, _)| own == name)
                || parameters.buffers().any(|(own, _)| own == name)
        };
        let extra = weights.tensors.keys().find(|name| !known(name));
        return refused("it has no such tensor".to_owned(), extra.map_or("", String::as_str));
    }
    Ok(())
}
