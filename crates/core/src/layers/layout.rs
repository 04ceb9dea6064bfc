//! Where samples lie in memory. Sparse kernels want them innermost.

use tch::{Kind, Tensor};

/// Is `tensor [samples, …]` without gaps and with the samples innermost, so that its memory is
/// `[…, samples]`? Of one sample this is the row-major order too.
pub fn is_samples_innermost(tensor: &Tensor) -> bool {
    let (size, stride) = (tensor.size(), tensor.stride());
    let Some((&samples, _)) = size.split_first() else { return false };
    let mut expected = samples;
    let rest = (1..size.len()).rev().all(|dimension| {
        let fits = size[dimension] == 1 || stride[dimension] == expected;
        expected *= size[dimension];
        fits
    });
    rest && (samples == 1 || stride[0] == 1)
}

/// `tensor [samples, channels, height, width]` as `[channels, height, width, samples]` in the order of
/// memory, if its samples lie innermost and it is not row-major as well.
pub(super) fn innermost_view(tensor: &Tensor) -> Option<Tensor> {
    let is_maps = tensor.dim() == 4 && !tensor.is_contiguous() && is_samples_innermost(tensor);
    is_maps.then(|| tensor.permute([1, 2, 3, 0]))
}

/// The positive part of what nothing else reads, in its place. libtorch copies gradients of views that were
/// changed, so what comes here should be none where that is felt.
pub fn relu(mut tensor: Tensor) -> Tensor {
    tensor.relu_()
}

/// The sum of `tensor`, which nothing else reads, and `other`; in its place as in [`relu`].
pub fn add(mut tensor: Tensor, other: &Tensor) -> Tensor {
    tensor.g_add_(other)
}

/// The mean of every map, `[samples, channels, height, width] → [samples, channels]`, in the layout of
/// the maps.
pub fn mean_of_maps(maps: &Tensor) -> Tensor {
    match innermost_view(maps) {
        Some(view) => {
            let [channels, height, width, samples] = view.size()[..] else {
                unreachable!("maps have four dimensions")
            };
            // A view of few dimensions, or the gradient would come back row-major.
            let lines = view.view([channels, height * width, samples]);
            lines.mean_dim([1i64].as_slice(), false, None::<Kind>).transpose(0, 1)
        }
        None => maps.mean_dim([2i64, 3].as_slice(), false, None::<Kind>),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn numbers(size: &[i64]) -> Tensor {
        let count = size.iter().product::<i64>();
        (Tensor::arange(count, (Kind::Float, Device::Cpu)) - 7.0).reshape(size)
    }

    /// The same numbers with the samples innermost.
    fn innermost(tensor: &Tensor) -> Tensor {
        tensor.permute([1, 2, 3, 0]).contiguous().permute([3, 0, 1, 2])
    }

    #[test]
    fn both_layouts_give_the_same_numbers_in_their_own_layout() {
        let rows = numbers(&[3, 2, 4, 5]);
        let inner = innermost(&rows);
        assert!(is_samples_innermost(&inner) && !is_samples_innermost(&rows));
        for (own, other) in [
            (relu(inner.copy()), relu(rows.copy())),
            (add(inner.copy(), &inner), add(rows.copy(), &rows)),
            (mean_of_maps(&inner), mean_of_maps(&rows)),
        ] {
            assert!(own.allclose(&other, 1e-6, 1e-6, false));
            assert!(is_samples_innermost(&own), "{:?}", own.stride());
        }
    }

    #[test]
    fn one_sample_and_no_dimension() {
        assert!(is_samples_innermost(&numbers(&[1, 2, 3, 4])));
        assert!(innermost_view(&numbers(&[1, 2, 3, 4])).is_none());
        assert!(!is_samples_innermost(&Tensor::from(1.0f32)));
    }
}
