//! Batch normalisation where samples lie innermost: libtorch adds up a batch's statistics one number
//! after the other, which sparse layers make a tenth of a training step.

use std::sync::Arc;

use dst_autograd::attach;
use dst_core::{BatchNorm2d, Result};
use dst_kernels::{BatchNorm, Moments};
use tch::Tensor;

use crate::layer::{Shared, lock, refused};
use crate::layout::{empty, floats, floats_mut, innermost};

/// Normalises `[samples, channels, height, width]`, whose samples lie innermost, by its own statistics, keeps
/// that layout, and moves the running statistics.
///
/// # Errors
/// If kernels or libtorch refuse.
pub(crate) fn apply(norm: &BatchNorm2d, input: &Tensor, workspace: &Shared) -> Result<Tensor> {
    let size = input.size();
    let kernel = BatchNorm { channels: size[1] as usize, epsilon: BatchNorm2d::EPSILON };
    let (output, moments) = {
        let _guard = tch::no_grad_guard();
        let mut output = empty(&size);
        let (x, weight, bias) = (input.detach(), norm.weight.detach(), norm.bias.detach());
        let (x, weight, bias) = (floats(&x), floats(&weight), floats(&bias));
        let moments = kernel
            .forward(&mut lock(workspace), x, weight, bias, floats_mut(&mut output))
            .map_err(refused)?;
        let count = (x.len() / kernel.channels) as f64;
        move_running(norm, &moments, count);
        (output, moments)
    };
    let workspace = Arc::clone(workspace);
    let (inputs, saved) = ([input, &norm.weight, &norm.bias], [input, &norm.weight]);
    attach(output, &inputs, &saved, move |gradient, saved, _| {
        let workspace = &mut *lock(&workspace);
        let gradient = innermost(gradient, workspace)?;
        let (input, weight) = (saved[0].detach(), saved[1].detach());
        let mut results = (empty(&input.size()), weight.empty_like(), weight.empty_like());
        let (dx, dweight, dbias) = &mut results;
        let (dx, dweight, dbias) = (floats_mut(dx), floats_mut(dweight), floats_mut(dbias));
        let (x, dy, weight) = (floats(&input), floats(&gradient), floats(&weight));
        kernel
            .gradients(workspace, x, dy, weight, &moments, dx, dweight, dbias)
            .map_err(refused)?;
        Ok(vec![Some(results.0), Some(results.1), Some(results.2)])
    })
}

/// Moves the running statistics towards those of a batch of so many values, with the variance over n − 1.
fn move_running(norm: &BatchNorm2d, moments: &Moments, count: f64) {
    let share = BatchNorm2d::MOMENTUM;
    let statistics = [
        (&norm.running_mean, Tensor::from_slice(&moments.means)),
        (&norm.running_var, Tensor::from_slice(&moments.variances) * (count / (count - 1.0))),
    ];
    for (running, batch) in statistics {
        let mut running = running.shallow_clone();
        let _ = running.g_mul_scalar_(1.0 - share).g_add_(&(batch * share));
    }
}
