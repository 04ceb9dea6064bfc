//! Pooling where samples lie innermost, for which libtorch would take several times as long.

use std::sync::Arc;

use dst_autograd::attach;
use dst_core::{Pooling, Result};
use dst_kernels::Pool2d;
use tch::Tensor;

use crate::layer::{Shared, lock, refused};
use crate::layout::{empty, floats, floats_mut, innermost};

/// Pools `[samples, channels, height, width]`, whose samples lie innermost, and keeps that layout.
///
/// # Errors
/// If a window is larger than the input, or libtorch refuses.
pub(crate) fn apply(
    input: &Tensor,
    pooling: Pooling,
    size: usize,
    workspace: &Shared,
) -> Result<Tensor> {
    let shape: Vec<usize> = input.size().into_iter().map(|length| length as usize).collect();
    let [batch, channels, height, width] = shape[..] else {
        unreachable!("the backend pools maps only")
    };
    let pool = Pool2d {
        pooling: match pooling {
            Pooling::Max => dst_kernels::Pooling::Max,
            Pooling::Average => dst_kernels::Pooling::Average,
        },
        channels,
        height,
        width,
        kernel: [size; 2],
        stride: [size; 2],
        padding: [0; 2],
    };
    let [out_height, out_width] = pool.output_size().map_err(refused)?;
    let output = {
        let _guard = tch::no_grad_guard();
        let mut output = empty(&[batch, channels, out_height, out_width].map(|side| side as i64));
        let input = input.detach();
        pool.forward(&mut lock(workspace), floats(&input), batch, floats_mut(&mut output))
            .map_err(refused)?;
        output
    };
    let workspace = Arc::clone(workspace);
    attach(output, &[input], &[input], move |gradient, saved, _| {
        let workspace = &mut *lock(&workspace);
        let gradient = innermost(gradient, workspace)?;
        let input = saved[0].detach();
        let mut dx = empty(&input.size());
        let (x, dy) = (floats(&input), floats(&gradient));
        pool.input_gradient(workspace, x, dy, batch, floats_mut(&mut dx)).map_err(refused)?;
        Ok(vec![Some(dx)])
    })
}
