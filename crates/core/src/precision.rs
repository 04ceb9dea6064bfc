//! How layers compute at a [`Precision`].

pub use dst_record::Precision;
use tch::{Kind, Tensor};

/// A factor as arithmetic of this precision takes it.
///
/// [`Precision::Bf16`] is the mixed precision of Micikevicius et al. 2018 with bfloat16 in place of
/// half precision (Kalamkar et al. 2019), which has the range of 32-bit floats and needs no loss
/// scaling: layers take and give 32-bit floats; weight, bias and input are rounded at every use, and
/// gradients arrive at the 32-bit weight, for inactive entries too. What is 0 stays exactly 0.
///
/// libtorch's autocast would do the same but is out of reach: tch can only switch it on for CUDA,
/// with half precision. TensorFloat-32 is no other arithmetic to libtorch, but a setting of the
/// process; see [`device::environment`](crate::device::environment).
pub fn operand(tensor: &Tensor, precision: Precision) -> Tensor {
    match precision {
        Precision::F32 | Precision::Tf32 => tensor.shallow_clone(),
        Precision::Bf16 => tensor.to_kind(Kind::BFloat16),
    }
}

/// What a layer hands on after it computed with such factors.
pub fn result(tensor: Tensor, precision: Precision) -> Tensor {
    match precision {
        Precision::F32 | Precision::Tf32 => tensor,
        Precision::Bf16 => tensor.to_kind(Kind::Float),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Pass;
    use crate::layers::{Builder, Convolution, Parameters};
    use crate::seed::SeedStreams;
    use tch::Device;

    /// 1 + 2⁻⁷ is the number after 1 in bfloat16, so 1 + 2⁻⁹ is rounded to 1 and 1.0066 to it.
    #[test]
    fn factors_are_rounded_and_gradients_are_not_lost() {
        let mut parameters = Parameters::default();
        let layer =
            Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu).linear("fc", 3, 1);
        let set = |tensor: &Tensor, values: &[f32]| {
            tensor.detach().copy_(&Tensor::from_slice(values).view_as(tensor));
        };
        set(&layer.weight.dense(), &[1.001_953_1, 0.0, 2.0]);
        set(&layer.bias, &[0.0]);
        let input = Tensor::from_slice(&[1.006_6f32, 5.0, 0.5]).reshape([1, 3]);
        let pass = Pass { precision: Precision::Bf16, ..Pass::TRAINING };
        let output = layer.forward(&input, &pass);
        assert_eq!(output.kind(), Kind::Float);
        // 1 · (1 + 2⁻⁷) + 0 · 5 + 2 · 0.5, where the sum is rounded to a multiple of 2⁻⁶.
        let value = output.double_value(&[0, 0]);
        assert!((value - 2.007_812_5).abs() <= 1.0 / 128.0, "{value}");
        output.sum(Kind::Float).backward();
        let gradient = layer.weight.dense().grad();
        assert_eq!(gradient.kind(), Kind::Float);
        // The inactive entry has one as well.
        assert_eq!(Vec::<f32>::try_from(gradient.view([-1])).unwrap(), [1.007_812_5, 5.0, 0.5]);
    }

    #[test]
    fn convolutions_come_close_to_those_of_32_bits() {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(1), Device::Cpu);
        let layers = [
            builder.conv2d("biased", 3, 4, 5, 2),
            builder.conv2d_with("strided", 3, 4, Convolution::before_norm(3, 2)),
        ];
        tch::manual_seed(1);
        let input = Tensor::randn([2, 3, 8, 8], (Kind::Float, Device::Cpu));
        for layer in layers {
            let exact = layer.forward(&input, &Pass::TRAINING);
            let pass = Pass { precision: Precision::Bf16, ..Pass::TRAINING };
            let mixed = layer.forward(&input, &pass);
            let scale = exact.abs().max().double_value(&[]);
            let error = (&mixed - &exact).abs().max().double_value(&[]);
            assert!(error > 0.0 && error < 0.02 * scale, "{error} of {scale}");
            mixed.sum(Kind::Float).backward();
            let gradient = layer.weight.dense().grad();
            assert_eq!(
                (gradient.kind(), gradient.size()),
                (Kind::Float, layer.weight.dense().size())
            );
        }
    }
}
