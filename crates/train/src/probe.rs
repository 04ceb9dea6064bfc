//! Gradients before training starts.

use dst_core::{
    Dataset, Error, ErrorKind, Model, Parameters, Pass, Precision, Probe, Result, SeedStreams,
    Split,
};
use tch::{Device, Tensor};

use crate::loss::Loss;
use crate::setup::Setup;
use crate::snapshot::{self, Tensors};

/// Looks at gradients of training batches and leaves no trace: weights, buffers, accumulated
/// gradients and the batches of the training stay what they are.
#[derive(Debug)]
pub(crate) struct BatchProbe<'a> {
    model: &'a dyn Model,
    parameters: &'a Parameters,
    dataset: &'a dyn Dataset,
    loss: Loss,
    batch_size: usize,
    streams: SeedStreams,
    device: Device,
    precision: Precision,
    /// Calls so far: each has a stream of its own, `probe/<n>`.
    calls: u64,
}

impl<'a> BatchProbe<'a> {
    /// For a network that was built for the setup.
    pub(crate) fn new(model: &'a dyn Model, parameters: &'a Parameters, setup: &Setup<'a>) -> Self {
        Self {
            model,
            parameters,
            dataset: setup.dataset,
            loss: Loss::new(setup.dataset.task(), setup.training.label_smoothing),
            batch_size: setup.training.batch_size as usize,
            streams: SeedStreams::new(setup.seed),
            device: setup.device,
            precision: setup.training.precision,
            calls: 0,
        }
    }
}

impl Probe for BatchProbe<'_> {
    fn gradients(&mut self, batches: usize) -> Result<Vec<Tensor>> {
        let label = format!("probe/{}", self.calls);
        self.calls += 1;
        let mut order = self.streams.stream(&label);
        let mut rows = self.dataset.batches(Split::Train, self.batch_size, Some(&mut order));
        if batches == 0 || batches > rows.len() {
            return Err(Error::usage(format!(
                "gradients of {batches} batches were asked for, but one epoch has {}",
                rows.len()
            ))
            .hint("ask for fewer batches or make them smaller"));
        }
        rows.truncate(batches);

        let mut buffers = Tensors::new();
        for (name, buffer) in self.parameters.buffers() {
            buffers.insert(name.to_owned(), buffer.copy());
        }
        // The hooks of a strategy run without gradient recording.
        let gradients = tch::with_grad(|| self.mean_gradients(&rows, &label));
        for (name, buffer) in self.parameters.buffers() {
            snapshot::copy(&buffers, name, buffer)?;
        }
        gradients
    }
}

impl BatchProbe<'_> {
    fn mean_gradients(&self, batches: &[Vec<i64>], label: &str) -> Result<Vec<Tensor>> {
        let weights: Vec<&Tensor> =
            self.parameters.prunable().map(|(_, prunable)| &prunable.tensor).collect();
        let mut sums: Vec<Tensor> =
            weights.iter().map(|weight| weight.detach().zeros_like()).collect();
        let samples: usize = batches.iter().map(Vec::len).sum();
        let pass = Pass { backend: dst_core::precision::backend(self.precision), ..Pass::TRAINING };
        for (number, rows) in batches.iter().enumerate() {
            tch::manual_seed(self.streams.foreign_seed(&format!("{label}/dropout/{number}")));
            let batch = self.dataset.batch(Split::Train, rows, self.device)?;
            let output = self.model.forward(&batch.input, &pass)?;
            let loss = self.loss.training(&output, &batch.target)?;
            if !loss.double_value(&[]).is_finite() {
                return Err(Error::new(
                    ErrorKind::Diverged,
                    "the loss of the starting weights is infinite or not a number",
                ));
            }
            // Unlike `backward`, this adds nothing to the gradients that the weights hold.
            let gradients = Tensor::f_run_backward(&[&loss], &weights, false, false)?;
            for (sum, gradient) in sums.iter_mut().zip(gradients) {
                // A weight that the forward pass does not use has no gradient.
                if gradient.defined() {
                    *sum += gradient.detach() * (rows.len() as f64 / samples as f64);
                }
            }
        }
        Ok(sums)
    }
}
