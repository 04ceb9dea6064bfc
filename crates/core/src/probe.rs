//! Looking at the network before training starts.

use tch::Tensor;

use crate::error::{Error, Result};
use crate::topology::Topology;

/// Lets a strategy run the network in [`Strategy::init`](crate::Strategy::init). It leaves no trace:
/// weights, buffers, gradients and the batches of the training stay what they are.
///
/// Batches come from a random stream of their own, a new one for every look.
pub trait Probe {
    /// The dense gradient of the training loss for every layer of the topology, in its order,
    /// averaged over `batches` batches. The network is dense, whatever has been activated.
    ///
    /// # Errors
    /// If the loss is not finite, or fewer batches exist.
    fn gradients(&mut self, batches: usize) -> Result<Vec<Tensor>>;

    /// Runs the network as `topology` has it, pending changes included, and hands over every forward
    /// pass with its graph.
    ///
    /// # Errors
    /// What the network or `visit` report, and if the data set cannot give such inputs.
    fn forward(
        &mut self,
        topology: &Topology,
        inputs: Inputs,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        let _ = (topology, inputs, visit);
        Err(Error::contract("this probe runs no network"))
    }

    /// The next look sees the batches of the last one again.
    fn repeat(&mut self) {}
}

/// What a probe shows to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// So many training batches, one forward pass each.
    Batches(usize),
    /// One batch with so many samples of every class.
    PerClass(usize),
    /// One sample of ones, without dropout. All parameters and buffers are replaced by their
    /// magnitudes and everything is computed in 64 bits, because products of magnitudes over many
    /// layers leave the range of 32-bit floats (Tanaka et al. 2020). A model that casts its input to
    /// 32 bits cannot be looked at so.
    Ones,
}

/// One forward pass with its graph.
#[derive(Debug)]
pub struct Forward {
    /// What the network gave, `[batch, outputs]`.
    pub output: Tensor,
    /// What it should have given; none for made-up inputs.
    pub target: Option<Tensor>,
    /// The training loss; none for made-up inputs.
    pub loss: Option<Tensor>,
    /// The weights of the layers, in the order of the topology.
    pub weights: Vec<Tensor>,
}

impl Forward {
    /// The gradient of the scalar `of` for the weights of every layer. With `graph` it can be
    /// differentiated once more.
    ///
    /// # Errors
    /// If libtorch refuses, for example because `of` is no scalar.
    pub fn gradients(&self, of: &Tensor, graph: bool) -> Result<Vec<Tensor>> {
        let weights: Vec<&Tensor> = self.weights.iter().collect();
        let gradients = tch::with_grad(|| Tensor::f_run_backward(&[of], &weights, true, graph))?;
        let defined = gradients.into_iter().zip(&self.weights).map(|(gradient, weight)| {
            // A weight that the forward pass does not use has no gradient.
            if gradient.defined() { gradient } else { weight.detach().zeros_like() }
        });
        Ok(defined.collect())
    }
}
