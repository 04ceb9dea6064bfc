//! Linear layers that start like those of BERT, and those that are never pruned.

use tch::Tensor;

use super::builder::Draw;
use super::{Builder, Linear};

/// `y = x Wᵀ + b` over the last dimension with a dense weight: a layer that no method prunes.
#[derive(Debug)]
pub struct DenseLinear {
    /// `[outputs, inputs]`.
    pub weight: Tensor,
    /// `[outputs]`.
    pub bias: Tensor,
}

impl DenseLinear {
    /// `[…, inputs] → […, outputs]`.
    ///
    /// # Panics
    /// If the last dimension is of another width.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        input.linear(&self.weight, Some(&self.bias))
    }
}

impl Builder<'_> {
    /// Like [`Builder::linear`], but the weight starts normal around 0 with the standard
    /// deviation `deviation` and the bias at 0, as transformers do.
    pub fn linear_normal(
        &mut self,
        name: &str,
        inputs: i64,
        outputs: i64,
        deviation: f64,
    ) -> Linear {
        let (shape, draw) = ([outputs, inputs], Draw::Normal(deviation));
        Linear {
            weight: self.prunable(&format!("{name}.weight"), &shape, draw),
            bias: self.dense(&format!("{name}.bias"), &[outputs], Draw::Constant(0.0)),
        }
    }

    /// A linear layer that is never pruned, started like [`Builder::linear_normal`].
    pub fn dense_linear(
        &mut self,
        name: &str,
        inputs: i64,
        outputs: i64,
        deviation: f64,
    ) -> DenseLinear {
        let (shape, draw) = ([outputs, inputs], Draw::Normal(deviation));
        DenseLinear {
            weight: self.dense(&format!("{name}.weight"), &shape, draw),
            bias: self.dense(&format!("{name}.bias"), &[outputs], Draw::Constant(0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Pass;
    use crate::layers::Parameters;
    use crate::seed::SeedStreams;
    use tch::{Device, Kind};

    #[test]
    fn both_start_normal_and_only_one_can_be_pruned() {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        let pruned = builder.linear_normal("a", 128, 64, 0.02);
        let dense = builder.dense_linear("b", 64, 3, 0.5);
        assert_eq!(builder.parameters().count(), 128 * 64 + 64 + 64 * 3 + 3);
        // 8,192 draws: the standard error of the deviation is 0.8 % of it.
        let deviation = pruned.weight.dense().detach().std(true).double_value(&[]);
        assert!((deviation / 0.02 - 1.0).abs() < 0.03, "{deviation}");
        assert_eq!(pruned.bias.abs().max().double_value(&[]), 0.0);
        let input = Tensor::ones([2, 5, 128], (Kind::Float, Device::Cpu));
        let output = dense.forward(&pruned.forward(&input, &Pass::EVALUATION));
        assert_eq!(output.size(), [2, 5, 3]);
        assert_eq!(pruned.weight.positions(), 5);
        let names: Vec<&str> = parameters.prunable().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.weight"]);
    }
}
