//! Layer normalisation.

use tch::Tensor;

use super::Builder;
use super::builder::Draw;

/// Layer normalisation over the last dimension (Ba, Kiros, Hinton 2016).
#[derive(Debug)]
pub struct LayerNorm {
    /// Scale `[width]`, dense, starts at 1.
    pub weight: Tensor,
    /// Offset `[width]`, dense, starts at 0.
    pub bias: Tensor,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

impl LayerNorm {
    /// `[…, width]`, of the same shape.
    ///
    /// # Panics
    /// If the last dimension is of another width.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        input.layer_norm(self.weight.size(), weight, bias, self.epsilon, true)
    }
}

impl Builder<'_> {
    /// Layer normalisation of vectors of `width`: a dense scale and offset.
    pub fn layer_norm(&mut self, name: &str, width: i64, epsilon: f64) -> LayerNorm {
        LayerNorm {
            weight: self.dense(&format!("{name}.weight"), &[width], Draw::Constant(1.0)),
            bias: self.dense(&format!("{name}.bias"), &[width], Draw::Constant(0.0)),
            epsilon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Parameters;
    use crate::seed::SeedStreams;
    use tch::Device;

    #[test]
    fn every_vector_is_normalised_by_itself() {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        let norm = builder.layer_norm("norm", 4, 0.0);
        norm.bias.detach().copy_(&Tensor::from_slice(&[0.0f32, 0.0, 0.0, 1.0]));
        // Means 2.5 and 6, variances 1.25 and 20.
        let input = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 0.0, 4.0, 8.0, 12.0]);
        let output = norm.forward(&input.reshape([2, 1, 4]));
        let (a, b) = (1.0 / 1.25f32.sqrt(), 1.0 / 20f32.sqrt());
        let expected = [-1.5 * a, -0.5 * a, 0.5 * a, 1.0 + 1.5 * a].into_iter().chain([
            -6.0 * b,
            -2.0 * b,
            2.0 * b,
            1.0 + 6.0 * b,
        ]);
        let got = Vec::<f32>::try_from(output.flatten(0, -1)).unwrap();
        for (got, expected) in got.into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        let names: Vec<&str> = parameters.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["norm.bias", "norm.weight"]);
        assert_eq!(parameters.prunable().count(), 0);
    }
}
