//! What a model is: an [`Architecture`] that builds it, and the [`Model`] that runs.

use std::fmt::Debug;
use std::path::PathBuf;

use dst_record::{LayerBackend, Precision, Task};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::Result;
use crate::graph::Graph;
use crate::layers::{BatchNorm2d, Builder, Conv2d, Linear, Pooling};
use crate::origin::FromCrate;
use crate::precision;
use crate::strategy::GradientScope;
use crate::topology::Topology;
use crate::weight::Weight;

/// What a data set hands to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputShape {
    /// Pictures `[batch, channels, height, width]`.
    Image {
        /// Colour planes.
        channels: i64,
        /// Rows.
        height: i64,
        /// Columns.
        width: i64,
    },
    /// Sequences of token ids `[batch, length]`.
    Tokens {
        /// Distinct ids.
        vocabulary: i64,
        /// The longest sequence.
        length: i64,
    },
}

/// One batch of model input, on the device where it will be used.
#[derive(Debug)]
pub enum Input {
    /// `Float [batch, channels, height, width]`, normalised.
    Image(Tensor),
    /// Token ids, segment ids and padding mask, each `[batch, length]`.
    Tokens {
        /// `Int64`.
        ids: Tensor,
        /// `Int64`, 0 for the first sentence and 1 for the second.
        segments: Tensor,
        /// `Bool`, true where there is a token.
        present: Tensor,
    },
}

impl Input {
    /// Number of samples.
    pub fn len(&self) -> i64 {
        match self {
            Self::Image(tensor) | Self::Tokens { ids: tensor, .. } => tensor.size()[0],
        }
    }

    /// Is there no sample?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How prunable layers compute, at any [`Precision`]. Masked dense arithmetic is the default; sparse
/// kernels are another implementation.
pub trait Backend: Debug {
    /// `[…, inputs] → […, outputs]`.
    fn linear(&self, layer: &Linear, input: &Tensor, pass: &Pass<'_>) -> Tensor;

    /// `[batch, inputs, height, width] → [batch, outputs, height', width']`.
    fn conv2d(&self, layer: &Conv2d, input: &Tensor, pass: &Pass<'_>) -> Tensor;

    /// As [`layers::pool2d`](crate::layers::pool2d), in the layout that the backend's layers give.
    fn pool2d(&self, input: &Tensor, pooling: Pooling, size: i64, pass: &Pass<'_>) -> Tensor {
        let _ = pass;
        match pooling {
            Pooling::Max => input.max_pool2d_default(size),
            // Not tch's `avg_pool2d_default`, which divides by 1.
            Pooling::Average => {
                let window = [size; 2];
                input.avg_pool2d(window, window, [0, 0], false, true, None)
            }
        }
    }

    /// As [`BatchNorm2d::forward`], in the layout of the input.
    fn batch_norm2d(&self, norm: &BatchNorm2d, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        norm.by_libtorch(input, pass)
    }

    /// Tells the backend which entries of a weight are active (`Bool`, shape of the weight); all others
    /// are 0 until the next call for it. Before the first one the network is dense: one sample and the
    /// probes of a strategy pass through it.
    ///
    /// # Errors
    /// If the backend cannot compute with them.
    fn activate(&self, weight: &Weight, active: &Tensor) -> Result<()> {
        let _ = (weight, active);
        Ok(())
    }

    /// With what the layer of this weight was last computed, for the record: the backend may choose layer by
    /// layer, and anew when an active set changes.
    fn last_used(&self, weight: &Weight) -> LayerBackend {
        let _ = weight;
        LayerBackend::Masked
    }

    /// Called by the loop when the first topology was chosen or restored, and after every commit that
    /// changed one.
    ///
    /// # Errors
    /// As [`Backend::activate`].
    fn committed(&self, topology: &Topology) -> Result<()> {
        let mut layers = topology.layers().iter();
        layers.try_for_each(|layer| self.activate(layer.weight(), layer.active()))
    }
}

/// Dense arithmetic of libtorch on weights whose inactive entries are 0: sparsity is simulated.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenseBackend;

impl Backend for DenseBackend {
    fn linear(&self, layer: &Linear, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let operand = |tensor: &Tensor| precision::operand(tensor, pass.precision);
        let (weight, bias) = (operand(&layer.weight.dense()), operand(&layer.bias));
        precision::result(operand(input).linear(&weight, Some(&bias)), pass.precision)
    }

    fn conv2d(&self, layer: &Conv2d, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let operand = |tensor: &Tensor| precision::operand(tensor, pass.precision);
        let (weight, bias) = (operand(&layer.weight.dense()), layer.bias.as_ref().map(operand));
        // In the layout of the pictures. Channels last is faster on a CPU (see the bench `layout`
        // of dst-train), but libtorch 2.13 corrupted memory there in a block of few channels.
        let output = layer.convolve(&operand(input), &weight, bias.as_ref());
        precision::result(output, pass.precision)
    }
}

/// What a forward pass is for.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// Training: dropout is on and norms use the batch.
    pub training: bool,
    /// Which weights the backward pass must give a gradient.
    pub scope: GradientScope,
    /// With what numbers prunable layers compute.
    pub precision: Precision,
    /// How they compute.
    pub backend: &'a dyn Backend,
}

impl Pass<'_> {
    /// Evaluation with dense arithmetic on 32-bit floats.
    pub const EVALUATION: Pass<'static> = Pass {
        training: false,
        scope: GradientScope::Active,
        precision: Precision::F32,
        backend: &DenseBackend,
    };

    /// Training with dense arithmetic, which always gives the gradient of all weights.
    pub const TRAINING: Pass<'static> =
        Pass { training: true, scope: GradientScope::All, ..Pass::EVALUATION };
}

/// A network that runs. Its parameters lie in the `Parameters` that it was built with.
pub trait Model: Debug {
    /// Logits or predictions, `[batch, Task::outputs]`.
    ///
    /// # Errors
    /// If the input is of another kind than the model takes, or libtorch refuses it.
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor>;

    /// What it computes, for other programs; none where nobody wrote it down. A network in terms of
    /// [`Operations`](crate::Operations) has it without more.
    fn graph(&self) -> Option<Graph<'_>> {
        None
    }

    /// What trained weights it was built from, in one line for the log of a trial; nothing if it
    /// starts at random.
    fn origin(&self) -> Option<&str> {
        None
    }

    /// What a user should hear of those weights before anything is trained, in a sentence.
    fn caution(&self) -> Option<&str> {
        None
    }
}

/// A family of networks. Like a strategy, the config is the architecture: a plain serde struct
/// with published defaults, registered with `typetag` and as a [`ModelPlugin`].
///
/// Implementors need not handle devices, seeds or pruning: the [`Builder`] does.
///
/// [`ModelPlugin`]: crate::plugin::ModelPlugin
#[typetag::serde(tag = "name")]
pub trait Architecture: FromCrate + Debug + Send + Sync {
    /// Builds the network for inputs of `input` and the outputs of `task`.
    ///
    /// # Errors
    /// If the architecture cannot take that input, or a size is not usable. The caller says which
    /// architecture it was.
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>>;

    /// The file of trained weights that the network starts from, if there is one, or the index of
    /// its shards. A digest of all their bytes is recorded with every result.
    ///
    /// # Errors
    /// If one is asked for and not there.
    fn weights(&self) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    /// What other programs call the parameter or buffer `name`: for a network that Hugging Face has
    /// too, its name there. Exported files use it.
    fn published_name(&self, name: &str) -> String {
        name.to_owned()
    }
}
