//! Looking at the network before training starts.

use dst_core::probe::{Forward, Inputs};
use dst_core::{
    Dataset, Error, ErrorKind, GradientScope, Input, Model, Parameters, Pass, Probe, Result,
    SeedStreams, Split, Task, Topology,
};
use tch::{Device, Kind, Tensor};

use crate::loss::Loss;
use crate::setup::Setup;
use crate::snapshot::{self, Tensors};

/// Runs the network of a training and leaves no trace.
#[derive(Debug)]
pub(crate) struct BatchProbe<'a> {
    model: &'a dyn Model,
    parameters: &'a Parameters,
    dataset: &'a dyn Dataset,
    loss: Loss,
    batch_size: usize,
    streams: SeedStreams,
    device: Device,
    pass: Pass<'a>,
    /// Looks so far: each has a stream of its own, `probe/<n>`.
    looks: u64,
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
            pass: setup.pass(GradientScope::All),
            looks: 0,
        }
    }
}

impl Probe for BatchProbe<'_> {
    fn gradients(&mut self, batches: usize) -> Result<Vec<Tensor>> {
        let label = self.next_label();
        let rows = self.batches(&label, batches)?;
        self.without_trace(|probe| probe.mean_gradients(&rows, &label))
    }

    fn forward(
        &mut self,
        topology: &Topology,
        inputs: Inputs,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        let label = self.next_label();
        match inputs {
            Inputs::Ones => self.flow(topology, visit),
            Inputs::Batches(count) => {
                let rows = self.batches(&label, count)?;
                self.without_trace(|probe| probe.run(topology, &rows, &label, visit))
            }
            Inputs::PerClass(count) => {
                let rows = self.per_class(&label, count)?;
                self.without_trace(|probe| probe.run(topology, &[rows], &label, visit))
            }
        }
    }

    fn repeat(&mut self) {
        self.looks = self.looks.saturating_sub(1);
    }
}

impl BatchProbe<'_> {
    fn next_label(&mut self) -> String {
        let label = format!("probe/{}", self.looks);
        self.looks += 1;
        label
    }

    /// Rows of so many training batches.
    fn batches(&self, label: &str, count: usize) -> Result<Vec<Vec<i64>>> {
        let mut order = self.streams.stream(label);
        let mut rows = self.dataset.batches(Split::Train, self.batch_size, Some(&mut order));
        if count == 0 || count > rows.len() {
            return Err(Error::usage(format!(
                "gradients of {count} batches were asked for, but one epoch has {}",
                rows.len()
            ))
            .hint("ask for fewer batches or make them smaller"));
        }
        rows.truncate(count);
        Ok(rows)
    }

    /// Rows of `count` training samples of every class, in the order in which they were found.
    fn per_class(&self, label: &str, count: usize) -> Result<Vec<i64>> {
        let Task::Classification { classes } = self.dataset.task() else {
            return Err(Error::usage("samples of every class were asked for, and there are none")
                .at(self.dataset.origin().to_owned())
                .hint("choose a data set with classes, or another strategy"));
        };
        let mut missing = vec![count; classes as usize];
        let mut chosen = Vec::new();
        let mut order = self.streams.stream(label);
        for rows in self.dataset.batches(Split::Train, self.batch_size, Some(&mut order)) {
            let target = self.dataset.batch(Split::Train, &rows, Device::Cpu)?.target;
            for (row, class) in rows.into_iter().zip(Vec::<i64>::try_from(target)?) {
                if let Some(missing) = missing.get_mut(class as usize).filter(|count| **count > 0) {
                    *missing -= 1;
                    chosen.push(row);
                }
            }
            if missing.iter().all(|count| *count == 0) {
                return Ok(chosen);
            }
        }
        Err(Error::usage(format!("some class has fewer than {count} training samples"))
            .at(self.dataset.origin().to_owned())
            .hint("ask for fewer samples of each class"))
    }

    /// Runs `look` with gradients, which the hooks of a strategy do without, and puts weights and
    /// buffers back.
    fn without_trace<T>(&self, look: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let mut shared = Tensors::new();
        snapshot::collect(self.parameters, "", &mut shared);
        let kept = snapshot::copies(&shared);
        let result = tch::with_grad(|| look(self));
        snapshot::load(self.parameters, "", &kept)?;
        result
    }

    fn run(
        &self,
        topology: &Topology,
        batches: &[Vec<i64>],
        label: &str,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        for layer in topology.layers() {
            let _ =
                layer.weight().dense().detach().masked_fill_(&layer.active().logical_not(), 0.0);
        }
        for (number, rows) in batches.iter().enumerate() {
            let (output, target, loss) = self.look_at(rows, label, number)?;
            visit(&Forward {
                output,
                target: Some(target),
                loss: Some(loss),
                weights: weights(topology),
            })?;
        }
        Ok(())
    }

    /// One sample of ones through the magnitudes of all parameters and buffers, in 64 bits.
    fn flow(
        &self,
        topology: &Topology,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        let row = self.dataset.representative_row();
        let batch = self.dataset.batch(Split::Train, &[row], self.device)?;
        let Input::Image(pictures) = batch.input else {
            return Err(Error::usage("an input of ones was asked for, and texts are no numbers")
                .at(self.dataset.origin().to_owned())
                .hint("choose a data set of images, or another strategy"));
        };
        let input = Input::Image(pictures.ones_like().to_kind(Kind::Double));
        let mut swapped = Swapped::default();
        for layer in topology.layers() {
            let dense = layer.weight().dense();
            swapped.replace(&dense, &(dense.detach() * layer.active()));
        }
        // Those of layers are masked already, the others are as they were.
        for (_, parameter) in self.parameters.iter() {
            swapped.replace(&parameter.tensor(), &parameter.tensor().detach().abs());
        }
        for (_, buffer) in self.parameters.buffers() {
            swapped.replace(buffer, &buffer.abs());
        }
        tch::with_grad(|| {
            let output = self.model.forward(&input, &Pass::EVALUATION)?;
            let weights = weights(topology);
            visit(&Forward { output, target: None, loss: None, weights })
        })
    }

    /// Output, target and training loss of one batch.
    fn look_at(
        &self,
        rows: &[i64],
        label: &str,
        number: usize,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        tch::manual_seed(self.streams.libtorch_seed(&format!("{label}/dropout/{number}")));
        let batch = self.dataset.batch(Split::Train, rows, self.device)?;
        let output = self.model.forward(&batch.input, &self.pass)?;
        let loss = self.loss.training(&output, &batch.target)?;
        if !loss.double_value(&[]).is_finite() {
            return Err(Error::new(
                ErrorKind::Diverged,
                "the loss of the starting weights is infinite or not a number",
            ));
        }
        Ok((output, batch.target, loss))
    }

    fn mean_gradients(&self, batches: &[Vec<i64>], label: &str) -> Result<Vec<Tensor>> {
        let weights: Vec<Tensor> =
            self.parameters.prunable().map(|(_, weight)| weight.dense()).collect();
        let mut sums: Vec<Tensor> =
            weights.iter().map(|weight| weight.detach().zeros_like()).collect();
        let samples: usize = batches.iter().map(Vec::len).sum();
        for (number, rows) in batches.iter().enumerate() {
            let (_, _, loss) = self.look_at(rows, label, number)?;
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

fn weights(topology: &Topology) -> Vec<Tensor> {
    topology.layers().iter().map(|layer| layer.weight().dense()).collect()
}

/// Tensors that hold other numbers for now; dropping it puts their own storages back.
#[derive(Debug, Default)]
struct Swapped(Vec<(Tensor, Tensor)>);

impl Swapped {
    /// Lets `tensor`, in all its handles, hold `numbers` in 64 bits.
    fn replace(&mut self, tensor: &Tensor, numbers: &Tensor) {
        self.0.push((tensor.shallow_clone(), tensor.detach()));
        tensor.shallow_clone().set_data(&numbers.to_kind(Kind::Double));
    }
}

impl Drop for Swapped {
    fn drop(&mut self) {
        for (mut tensor, own) in self.0.drain(..).rev() {
            tensor.set_data(&own);
        }
    }
}
