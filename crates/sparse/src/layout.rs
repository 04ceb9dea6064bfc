//! Where samples lie in memory.

use dst_core::Result;
use dst_core::layers::is_samples_innermost;
use dst_kernels::{Workspace, from_samples_innermost, to_samples_innermost};
use tch::{Device, Kind, Tensor};

/// A tensor of this size with the samples innermost, its values not set.
pub(crate) fn empty(size: &[i64]) -> Tensor {
    // Not an empty tensor permuted: operations in place on a view cost copies in the backward pass.
    let mut strides = vec![1; size.len()];
    let mut next = size[0];
    for dimension in (1..size.len()).rev() {
        strides[dimension] = next;
        next *= size[dimension];
    }
    Tensor::empty_strided(size, &strides, (Kind::Float, Device::Cpu))
}

/// The same values with the samples innermost: `tensor` itself if they lie so.
pub(crate) fn innermost(tensor: &Tensor, workspace: &mut Workspace) -> Result<Tensor> {
    if is_samples_innermost(tensor) {
        return Ok(tensor.detach());
    }
    let rows = tensor.detach().contiguous();
    let mut result = empty(&tensor.size());
    let batch = tensor.size()[0] as usize;
    to_samples_innermost(workspace, floats(&rows), batch, floats_mut(&mut result))
        .map_err(crate::layer::refused)?;
    Ok(result)
}

/// The same values row-major. `tensor` has the samples innermost.
pub(crate) fn row_major(tensor: &Tensor, workspace: &mut Workspace) -> Result<Tensor> {
    let mut result = Tensor::empty(tensor.size(), (Kind::Float, Device::Cpu));
    let batch = tensor.size()[0] as usize;
    from_samples_innermost(workspace, floats(tensor), batch, floats_mut(&mut result))
        .map_err(crate::layer::refused)?;
    Ok(result)
}

/// All values in the order of memory.
///
/// # Panics
/// If the tensor is not f32 on the CPU without gaps.
pub(crate) fn floats(tensor: &Tensor) -> &[f32] {
    check(tensor);
    match tensor.numel() {
        0 => &[],
        // SAFETY: kind and device are checked, and a tensor without gaps is so many floats from its
        // pointer on; the borrow keeps the storage alive.
        length => unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), length) },
    }
}

/// As [`floats`], of a tensor that nothing else uses yet.
pub(crate) fn floats_mut(tensor: &mut Tensor) -> &mut [f32] {
    check(tensor);
    match tensor.numel() {
        0 => &mut [],
        // SAFETY: as in `floats`; the callers made the tensor and have handed it to nobody.
        length => unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), length) },
    }
}

fn check(tensor: &Tensor) {
    assert!(
        tensor.kind() == Kind::Float && tensor.device() == Device::Cpu,
        "kernels read f32 on the CPU"
    );
    let dense = tensor.is_contiguous() || is_samples_innermost(tensor);
    assert!(dense, "kernels read tensors without gaps");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(size: &[i64]) -> Tensor {
        Tensor::arange(size.iter().product::<i64>(), (Kind::Float, Device::Cpu)).reshape(size)
    }

    #[test]
    fn both_orders_hold_the_same_values() {
        let mut workspace = Workspace::new();
        for size in [&[3, 2, 4, 5][..], &[1, 2, 1, 1], &[17, 9], &[2, 0]] {
            let rows = numbers(size);
            let inner = innermost(&rows, &mut workspace).unwrap();
            assert!(is_samples_innermost(&inner), "{size:?}");
            assert_eq!(inner, rows);
            let back = row_major(&inner, &mut workspace).unwrap();
            assert!(back.is_contiguous());
            assert_eq!(back, rows);
        }
    }

    #[test]
    fn samples_innermost_survive_what_layers_do() {
        let maps = innermost(&numbers(&[3, 2, 4, 5]), &mut Workspace::new()).unwrap();
        assert!(is_samples_innermost(&maps.relu()));
        assert!(is_samples_innermost(&(&maps + &maps)));
        assert!(is_samples_innermost(&maps.flatten(1, -1)));
        assert!(!is_samples_innermost(&maps.narrow(0, 0, 2)));
        assert!(!is_samples_innermost(&numbers(&[3, 2])));
    }
}
