//! Which backend a trial asks for, and in which layers kernels pay.

use dst_core::{Backend, BackendKind, DenseBackend, Error, Precision, Result, device};
use dst_kernels::Geometry;
use tch::Device;

use crate::SparseBackend;

/// The backend of that kind, with so many threads.
///
/// # Errors
/// If the system gives no threads.
pub fn backend(kind: BackendKind, threads: usize) -> Result<Box<dyn Backend>> {
    Ok(match kind {
        BackendKind::Masked => Box::new(DenseBackend),
        BackendKind::Sparse => Box::new(SparseBackend::new(threads)?),
        BackendKind::Auto => Box::new(SparseBackend::new(threads)?.where_it_pays()),
    })
}

/// Refuses sparse kernels where there are none. [`BackendKind::Auto`] is never refused: it computes
/// densely there.
///
/// # Errors
/// If `kind` is sparse and the device is an accelerator or the precision not one of 32-bit floats.
pub fn check(kind: BackendKind, precision: Precision, device: Device) -> Result<()> {
    match lacking(precision, device) {
        Some((what, instead)) if kind == BackendKind::Sparse => {
            Err(Error::usage(format!("sparse kernels compute {what}"))
                .hint(format!("pass {instead}, or --backend auto or masked")))
        }
        _ => Ok(()),
    }
}

/// Where there are no sparse kernels, what they ask for, and what to pass for it.
pub fn lacking(precision: Precision, device: Device) -> Option<(&'static str, &'static str)> {
    if device::is_accelerator(device) {
        return Some(("on the CPU only", "--device cpu"));
    }
    (precision == Precision::Bf16).then_some(("with 32-bit floats only", "--precision f32"))
}

/// Are kernels faster than dense arithmetic in a layer with this share of active weights?
///
/// A function of shape and share, and of no clock: what a trial computes must not depend on how busy the
/// machine was, or resuming would not give the same bits. The limits are below those of the measured table
/// in `docs/speed.md`, which the bench `choice` makes: dense arithmetic is closest where libtorch multiplies
/// large matrices, and far away in layers too small for its set-up and in convolutions of few channels.
pub fn pays(geometry: &Geometry, share: f64) -> bool {
    let sizes = geometry.sizes();
    let is_linear = [sizes.height, sizes.width] == [1, 1];
    let always = match is_linear {
        true => geometry.weight_count() <= SMALL,
        false => sizes.in_channels < FEW_CHANNELS || skips_pixels(geometry),
    };
    share <= if always { 1.0 } else { 0.5 }
}

/// Weights of a linear layer for which libtorch spends more time around the product than in it.
const SMALL: usize = 4096;

/// Does a convolution look at single pixels and leave some out, as where a residual block shrinks its
/// maps? libtorch copies what is left first.
fn skips_pixels(geometry: &Geometry) -> bool {
    let sizes = geometry.sizes();
    sizes.kernel == [1, 1] && sizes.stride != [1, 1]
}

/// Convolutions of fewer channels are computed by libtorch far below the processor's speed.
const FEW_CHANNELS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use dst_kernels::Conv2d;

    #[test]
    fn small_layers_and_few_channels_always_pay_and_others_up_to_a_half() {
        let small = Geometry::linear(84, 10).unwrap();
        let few = Geometry::conv2d(Conv2d::square(6, 16, 5, 14)).unwrap();
        let linear = Geometry::linear(784, 300).unwrap();
        let many = Geometry::conv2d(Conv2d::square(128, 128, 3, 16)).unwrap();
        let shrinking = Conv2d { stride: [2, 2], ..Conv2d::square(64, 128, 1, 32) };
        let shrinking = Geometry::conv2d(shrinking).unwrap();
        let at =
            |share: f64| [&small, &few, &shrinking, &linear, &many].map(|layer| pays(layer, share));
        assert_eq!(at(0.1), [true; 5]);
        assert_eq!(at(0.5), [true; 5]);
        assert_eq!(at(0.6), [true, true, true, false, false]);
        assert_eq!(at(1.0), [true, true, true, false, false]);
    }

    #[test]
    fn what_has_no_kernels_is_refused_with_a_way_out() {
        let cuda = Device::Cuda(0);
        let error = |precision, device| {
            check(BackendKind::Sparse, precision, device).unwrap_err().to_string()
        };
        assert!(error(Precision::F32, cuda).contains("pass --device cpu, or --backend auto"));
        assert!(error(Precision::Bf16, Device::Cpu).contains("pass --precision f32"));
        for kind in [BackendKind::Masked, BackendKind::Auto] {
            assert!(check(kind, Precision::Bf16, cuda).is_ok());
        }
        assert!(check(BackendKind::Sparse, Precision::F32, Device::Cpu).is_ok());
    }
}
