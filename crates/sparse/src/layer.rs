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
    /// The dense leaf, with zeros where nothing is active.
    pub(crate) weight: &'a Tensor,
    pub(crate) bias: Option<&'a Tensor>,
    /// `[samples, …]`.
    pub(crate) input: &'a Tensor,
    /// `[samples, …]`.
    pub(crate) output_size: &'a [i64],
    /// Do samples lie innermost in what the layer gives? Row-major otherwise.
    pub(crate) keeps_layout: bool,
}

/// Computes the layer; the backward pass gives the weight a gradient at active positions and 0 elsewhere.
///
/// # Errors
/// If kernels or libtorch refuse.
pub(crate) fn apply(call: &Call<'_>, workspace: &Shared) -> Result<Tensor> {
    let Call { pattern, weight, bias, input, output_size, keeps_layout } = *call;
    let batch = input.size()[0] as usize;
    let (signal, values, output) = {
        let _guard = tch::no_grad_guard();
        let workspace = &mut *lock(workspace);
        let signal = innermost(input, workspace)?;
        let mut values = vec![0.0; pattern.active_count()];
        pattern.gather(floats(&weight.detach()), &mut values).map_err(refused)?;
        let mut output = empty(output_size);
        let bias = bias.map(Tensor::detach);
        let bias = bias.as_ref().map(floats);
        pattern
            .forward(workspace, &values, bias, floats(&signal), batch, floats_mut(&mut output))
            .map_err(refused)?;
        let output = if keeps_layout { output } else { row_major(&output, workspace)? };
        (signal, values, output)
    };
    let none = Tensor::new();
    let (pattern, workspace) = (Arc::clone(pattern), Arc::clone(workspace));
    // What the layer was given is kept as such, so that libtorch notices if it is changed; a copy in
    // another layout cannot be.
    let is_own = signal.data_ptr() != input.data_ptr();
    let saved = if is_own { signal } else { input.shallow_clone() };
    let had_layout = !is_own;
    let weight_size = weight.size();
    attach(
        output,
        &[input, weight, bias.unwrap_or(&none)],
        &[&saved],
        move |gradient, saved, needed| {
            let gradients = Gradients {
                pattern: &pattern,
                values: &values,
                signal: &saved[0].detach(),
                weight_size: &weight_size,
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
    values: &'a [f32],
    /// The input, samples innermost.
    signal: &'a Tensor,
    weight_size: &'a [i64],
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
                .input_gradient(workspace, self.values, dy, batch, floats_mut(&mut dx))
                .map_err(refused)?;
            of_input = Some(if self.keeps_layout { dx } else { row_major(&dx, workspace)? });
        }
        let mut of_weight = None;
        if needed[1] {
            let mut values = vec![0.0; pattern.active_count()];
            pattern
                .weight_gradient(workspace, floats(self.signal), dy, batch, &mut values)
                .map_err(refused)?;
            let mut dense = Tensor::zeros(self.weight_size, options);
            pattern.scatter(&values, floats_mut(&mut dense)).map_err(refused)?;
            of_weight = Some(dense);
        }
        let mut of_bias = None;
        if needed[2] {
            let mut sums = Tensor::empty([pattern.geometry().sizes().out_channels as i64], options);
            pattern.bias_gradient(dy, batch, floats_mut(&mut sums)).map_err(refused)?;
            of_bias = Some(sums);
        }
        Ok(vec![of_input, of_weight, of_bias])
    }
}
