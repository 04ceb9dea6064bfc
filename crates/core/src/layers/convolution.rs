//! Convolutions.

use tch::Tensor;

use crate::architecture::Pass;
use crate::weight::Weight;

/// A two-dimensional convolution with a square kernel and a prunable weight.
#[derive(Debug)]
pub struct Conv2d {
    /// `[outputs, inputs, kernel, kernel]`.
    pub weight: Weight,
    /// `[outputs]`; none where a norm follows, which has its own.
    pub bias: Option<Tensor>,
    /// In both directions.
    pub stride: i64,
    /// Zeros added on every side.
    pub padding: i64,
}

impl Conv2d {
    /// `[batch, inputs, height, width] → [batch, outputs, height', width']`.
    pub fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let output = pass.backend.conv2d(self, input, pass);
        self.weight.measure(|| output.size()[2..].iter().product());
        output
    }

    /// Convolves `input` with this layer's stride and padding, but with the weight and bias given.
    pub(crate) fn convolve(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Tensor {
        let both = |value| [value, value];
        input.conv2d(weight, bias, both(self.stride), both(self.padding), [1, 1], 1)
    }
}

/// How the weights of a convolution are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// Uniform in ±1/√(inputs · kernel²), PyTorch's default (He et al. 2015 with a = √5). The
    /// bias is drawn the same way.
    #[default]
    UniformFanIn,
    /// Normal with variance 2 / (outputs · kernel²): He et al. 2015, equation 14, which keeps
    /// the variance of gradients under ReLU. The residual networks of torchvision start so. A
    /// bias starts at 0.
    NormalFanOut,
}

/// What a convolution is besides its channels; see
/// [`Builder::conv2d_with`](super::Builder::conv2d_with).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Rows and columns of the kernel.
    pub kernel: i64,
    /// In both directions.
    pub stride: i64,
    /// Zeros added on every side.
    pub padding: i64,
    /// Is there a dense bias?
    pub bias: bool,
    /// How the weights are drawn.
    pub start: Start,
}

impl Convolution {
    /// The convolution of residual networks: an odd kernel padded so that stride 1 keeps the
    /// size, no bias because a norm follows, started by [`Start::NormalFanOut`].
    pub fn before_norm(kernel: i64, stride: i64) -> Self {
        Self { kernel, stride, padding: kernel / 2, bias: false, start: Start::NormalFanOut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Builder, Parameters};
    use crate::seed::SeedStreams;
    use tch::{Device, Kind};

    fn build(outputs: i64, options: Convolution) -> (Conv2d, Parameters) {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(3), Device::Cpu);
        let layer = builder.conv2d_with("conv", 16, outputs, options);
        (layer, parameters)
    }

    #[test]
    fn a_convolution_before_a_norm_has_no_bias_and_may_stride() {
        let (layer, parameters) = build(8, Convolution::before_norm(3, 2));
        assert_eq!(parameters.count(), 8 * 16 * 9);
        let input = Tensor::ones([2, 16, 7, 7], (Kind::Float, Device::Cpu));
        assert_eq!(layer.forward(&input, &Pass::EVALUATION).size(), [2, 8, 4, 4]);
        assert_eq!(layer.weight.positions(), 16);
    }

    #[test]
    fn fan_out_weights_have_the_variance_of_he() {
        let (layer, _) = build(128, Convolution::before_norm(3, 1));
        let weight = layer.weight.dense().detach();
        let expected = (2.0f64 / (128.0 * 9.0)).sqrt();
        let deviation = weight.std(true).double_value(&[]);
        // 18,432 draws: the standard error of the deviation is half a percent of it.
        assert!((deviation / expected - 1.0).abs() < 0.02, "{deviation} {expected}");
        assert!(weight.mean(Kind::Float).double_value(&[]).abs() < expected * 0.03);
        // A normal draw leaves ±2 deviations in 4.55 % of all cases, a uniform one never.
        let outside = weight.abs().gt(2.0 * expected).sum(Kind::Int64).int64_value(&[]);
        assert!((700..1000).contains(&outside), "{outside}");
    }

    #[test]
    fn the_default_start_is_that_of_conv2d() {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(3), Device::Cpu);
        let plain = builder.conv2d("conv", 16, 8, 5, 2);
        let start = Start::default();
        let (same, _) =
            build(8, Convolution { kernel: 5, stride: 1, padding: 2, bias: true, start });
        assert_eq!(plain.weight.dense(), same.weight.dense());
        assert_eq!(plain.bias, same.bias);
    }

    #[test]
    fn a_bias_beside_a_fan_out_start_is_zero() {
        let options = Convolution { bias: true, ..Convolution::before_norm(1, 1) };
        let (layer, parameters) = build(8, options);
        assert_eq!(Vec::<f32>::try_from(layer.bias.unwrap().detach()).unwrap(), [0.0; 8]);
        assert_eq!(parameters.count(), 8 * 16 + 8);
    }
}
