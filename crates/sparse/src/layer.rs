//! One layer as a node of the graph.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dst_autograd::attach;
use dst_core::{Error, Result};
use dst_kernels::{Pattern, Workspace};
use tch::{Device, Kind, Tensor};

use crate::layout::{empty, floats, floats_mut, innermost, row_major};

/// Memory and threads of the kernels, shared with the nodes of a graph.
pub(crate) type Shared = Arc<Mutex<Workspace>>;

/// The workspace; what an earlier panic left in it is overwritten.
pub(crate) fn lock(workspace: &Shared) -> MutexGuard<'_, Workspace> {
    workspace.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kernels refuse what the backend should not have asked for.
pub(crate) fn refused(error: dst_kernels::Error) -> Error {
    Error::contract(format!("a sparse kernel refused its operands: {error}"))
}

/// One use of a layer.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) pattern: &'a Arc<Pattern>,
    pub(crate) values: &'a Values,
    pub(crate) bias: Option<&'a Tensor>,
    /// `[samples, …]`.
    pub(crate) input: &'a Tensor,
    /// `[samples, …]`.
    pub(crate) output_size: &'a [i64],
    /// Do samples lie innermost in what the layer gives? Row-major otherwise.
    pub(crate) keeps_layout: bool,
}

/// The leaf that holds the values of active entries.
#[derive(Debug)]
pub(crate) enum Values {
    /// `[active entries]`, row by row.
    Compact(Tensor),
    /// Shape of the weight, with zeros where nothing is active.
    Dense {
        leaf: Tensor,
        /// Is its gradient wanted for inactive entries too? It is 0 there otherwise.
        gives_all: bool,
    },
}

impl Values {
    fn leaf(&self) -> &Tensor {
        match self {
            Self::Compact(leaf) | Self::Dense { leaf, .. } => leaf,
        }
    }

    /// Those of active entries alone, row by row.
    fn compact(&self, pattern: &Pattern) -> Result<Tensor> {
        match self {
            Self::Compact(leaf) => Ok(leaf.shallow_clone()),
            Self::Dense { leaf, .. } => {
                let count = pattern.active_count() as i64;
                let mut values = Tensor::empty([count], (Kind::Float, Device::Cpu));
                let dense = leaf.detach().contiguous();
                pattern.gather(floats(&dense), floats_mut(&mut values)).map_err(refused)?;
                Ok(values)
            }
        }
    }
}

/// Computes the layer; the backward pass gives the leaf its gradient.
///
/// # Errors
/// If kernels or libtorch refuse.
pub(crate) fn apply(call: &Call<'_>, workspace: &Shared) -> Result<Tensor> {
    let Call { pattern, values, bias, input, output_size, keeps_layout } = *call;
    let leaf = values.leaf();
    let batch = input.size()[0] as usize;
    let (signal, compact, output) = {
        let _guard = tch::no_grad_guard();
        let workspace = &mut *lock(workspace);
        let signal = innermost(input, workspace)?;
        let compact = values.compact(pattern)?;
        let mut output = empty(output_size);
        let bias = bias.map(Tensor::detach);
        let bias = bias.as_ref().map(floats);
        pattern
            .forward(
                workspace,
                floats(&compact.detach()),
                bias,
                floats(&signal),
                batch,
                floats_mut(&mut output),
            )
            .map_err(refused)?;
        let output = if keeps_layout { output } else { row_major(&output, workspace)? };
        (signal, compact, output)
    };
    let none = Tensor::new();
    let (pattern, workspace) = (Arc::clone(pattern), Arc::clone(workspace));
    // What the layer was given is kept as such, so that libtorch notices if it is changed; a copy in
    // another layout cannot be.
    let is_own = signal.data_ptr() != input.data_ptr();
    let saved = if is_own { signal } else { input.shallow_clone() };
    let had_layout = !is_own;
    let dense = match values {
        Values::Compact(_) => None,
        Values::Dense { leaf, gives_all } => Some((leaf.size(), *gives_all)),
    };
    attach(
        output,
        &[input, leaf, bias.unwrap_or(&none)],
        &[&saved, &compact],
        move |gradient, saved, needed| {
            let gradients = Gradients {
                pattern: &pattern,
                values: &saved[1].detach(),
                signal: &saved[0].detach(),
                dense: dense.as_ref().map(|(size, gives_all)| (&size[..], *gives_all)),
                // As the input was: what is before it wants the same layout back.
                keeps_layout: had_layout,
            };
            gradients.of(gradient, needed, &mut lock(&workspace))
        },
    )
}

/// What a backward pass reads.
#[derive(Debug)]
struct Gradients<'a> {
    pattern: &'a Pattern,
    /// Of active entries, row by row.
    values: &'a Tensor,
    /// The input, samples innermost.
    signal: &'a Tensor,
    /// The size of the weight's gradient, if it is to be dense, and whether it is wanted everywhere.
    dense: Option<(&'a [i64], bool)>,
    keeps_layout: bool,
}

impl Gradients<'_> {
    /// Those of input, weight and bias.
    fn of(
        &self,
        gradient: &Tensor,
        needed: &[bool],
        workspace: &mut Workspace,
    ) -> Result<Vec<Option<Tensor>>> {
        let pattern = self.pattern;
        let batch = self.signal.size()[0] as usize;
        let gradient = innermost(gradient, workspace)?;
        let dy = floats(&gradient);
        let options = (Kind::Float, Device::Cpu);

        let mut of_input = None;
        if needed[0] {
            let mut dx = empty(&self.signal.size());
            pattern
                .input_gradient(workspace, floats(self.values), dy, batch, floats_mut(&mut dx))
                .map_err(refused)?;
            of_input = Some(if self.keeps_layout { dx } else { row_major(&dx, workspace)? });
        }
        let mut of_weight = None;
        if needed[1] {
            of_weight = Some(self.of_weight(dy, batch, workspace)?);
        }
        let mut of_bias = None;
        if needed[2] {
            let mut sums = Tensor::empty([pattern.geometry().sizes().out_channels as i64], options);
            pattern.bias_gradient(dy, batch, floats_mut(&mut sums)).map_err(refused)?;
            of_bias = Some(sums);
        }
        Ok(vec![of_input, of_weight, of_bias])
    }

    /// That of the weight, in the form in which its values are.
    fn of_weight(&self, dy: &[f32], batch: usize, workspace: &mut Workspace) -> Result<Tensor> {
        let pattern = self.pattern;
        let options = (Kind::Float, Device::Cpu);
        let x = floats(self.signal);
        if let Some((size, true)) = self.dense {
            let mut dense = Tensor::empty(size, options);
            pattern
                .dense_weight_gradient(workspace, x, dy, batch, floats_mut(&mut dense))
                .map_err(refused)?;
            return Ok(dense);
        }
        let mut compact = Tensor::empty([pattern.active_count() as i64], options);
        pattern
            .weight_gradient(workspace, x, dy, batch, floats_mut(&mut compact))
            .map_err(refused)?;
        let Some((size, _)) = self.dense else { return Ok(compact) };
        let mut dense = Tensor::zeros(size, options);
        pattern.scatter(floats(&compact), floats_mut(&mut dense)).map_err(refused)?;
        Ok(dense)
    }
}
