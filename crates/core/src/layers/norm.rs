//! Normalisation.

use tch::Tensor;

use super::layout::innermost_view;
use crate::architecture::Pass;

/// Batch normalisation of pictures, channel by channel (Ioffe & Szegedy 2015), with PyTorch's
/// defaults.
///
/// Training subtracts the mean and divides by the standard deviation of the batch, and moves the
/// running statistics by a tenth of the way to those of the batch (the variance over n − 1).
/// Evaluation uses the running statistics and leaves them alone.
///
/// With gradient accumulation every micro-batch is normalised by its own statistics and moves
/// the running ones, as in PyTorch: four batches of 16 are not one of 64.
///
/// A batch with a single value for each channel has no variance. Training then uses the running
/// statistics and does not move them; PyTorch refuses such a batch.
#[derive(Debug)]
pub struct BatchNorm2d {
    /// Scale `[channels]`, dense, starts at 1.
    pub weight: Tensor,
    /// Offset `[channels]`, dense, starts at 0.
    pub bias: Tensor,
    /// `[channels]`, a buffer, starts at 0.
    pub running_mean: Tensor,
    /// `[channels]`, a buffer, starts at 1.
    pub running_var: Tensor,
}

impl BatchNorm2d {
    /// The share of a batch's statistics in the running ones.
    pub const MOMENTUM: f64 = 0.1;

    /// Added to the variance before its root is taken.
    pub const EPSILON: f64 = 1e-5;

    /// `[batch, channels, height, width]`, of the same shape and in the same layout.
    pub fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        pass.backend.batch_norm2d(self, input, pass)
    }

    /// As [`BatchNorm2d::forward`], by libtorch.
    pub fn by_libtorch(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let Some(view) = innermost_view(input) else { return self.normalise(input, pass) };
        let [channels, height, width, samples] = view.size()[..] else {
            unreachable!("maps have four dimensions")
        };
        // One wide picture has the same statistics, and libtorch would be several times as slow with the
        // layout as it is.
        let wide = view.view([1, channels, height, width * samples]);
        let normalised = self.normalise(&wide, pass).view([channels, height, width, samples]);
        normalised.permute([3, 0, 1, 2])
    }

    /// Is this input normalised by its own statistics, in this pass?
    pub fn uses_batch(input: &Tensor, pass: &Pass<'_>) -> bool {
        pass.training && input.numel() as i64 > input.size()[1]
    }

    fn normalise(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        input.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            Self::uses_batch(input, pass),
            Self::MOMENTUM,
            Self::EPSILON,
            true,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Builder, Parameters};
    use crate::seed::SeedStreams;
    use tch::{Device, Kind};

    fn build() -> (BatchNorm2d, Parameters) {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        let norm = builder.at("layer").batch_norm("bn", 2);
        (norm, parameters)
    }

    /// Two samples of 1 × 2 pixels: channel 0 holds 1, 3, 5, 7, channel 1 holds 10 throughout.
    fn input() -> Tensor {
        Tensor::from_slice(&[1.0f32, 3.0, 10.0, 10.0, 5.0, 7.0, 10.0, 10.0]).reshape([2, 2, 1, 2])
    }

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
    }

    #[track_caller]
    fn close(tensor: &Tensor, expected: &[f64]) {
        let got = values(tensor);
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-4, "{got} {expected}");
        }
    }

    #[test]
    fn scale_and_offset_are_dense_and_statistics_are_buffers() {
        let (_, parameters) = build();
        let names: Vec<&str> = parameters.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["layer.bn.bias", "layer.bn.weight"]);
        assert_eq!((parameters.count(), parameters.prunable().count()), (4, 0));
        assert!(parameters.iter().all(|(_, parameter)| parameter.tensor().requires_grad()));
        let buffers: Vec<&str> = parameters.buffers().map(|(name, _)| name).collect();
        assert_eq!(buffers, ["layer.bn.running_mean", "layer.bn.running_var"]);
        assert!(parameters.buffers().all(|(_, buffer)| !buffer.requires_grad()));
    }

    /// Channel 0 has mean 4 and variance 5, or 20/3 over n − 1; channel 1 has 10 and 0.
    #[test]
    fn training_uses_the_batch_and_moves_the_running_statistics() {
        let (norm, parameters) = build();
        let output = norm.forward(&input(), &Pass::TRAINING);
        let step = 1.0 / 5.0f64.sqrt();
        close(&output, &[-3.0 * step, -step, 0.0, 0.0, step, 3.0 * step, 0.0, 0.0]);
        close(&norm.running_mean, &[0.4, 1.0]);
        close(&norm.running_var, &[0.9 + 0.1 * 20.0 / 3.0, 0.9]);
        // The layer and the parameters share their storage.
        let (_, saved) = parameters.buffers().next().unwrap();
        assert_eq!(values(saved), values(&norm.running_mean));
        // Micro-batches move them one by one.
        let _ = norm.forward(&input(), &Pass::TRAINING);
        close(&norm.running_mean, &[0.9 * 0.4 + 0.4, 1.9]);
    }

    #[test]
    fn evaluation_uses_the_running_statistics_and_leaves_them() {
        let (norm, _) = build();
        norm.running_mean.shallow_clone().copy_(&Tensor::from_slice(&[1.0f32, 2.0]));
        norm.running_var.shallow_clone().copy_(&Tensor::from_slice(&[4.0f32, 16.0]));
        let output = norm.forward(&input(), &Pass::EVALUATION);
        close(&output, &[0.0, 1.0, 2.0, 2.0, 2.0, 3.0, 2.0, 2.0]);
        assert_eq!(values(&norm.running_mean), [1.0, 2.0]);
        assert_eq!(values(&norm.running_var), [4.0, 16.0]);
    }

    /// In the last batch of an epoch there may be one sample.
    #[test]
    fn a_single_value_is_normalised_by_the_running_statistics() {
        let (norm, _) = build();
        let single = Tensor::from_slice(&[3.0f32, -2.0]).reshape([1, 2, 1, 1]);
        let output = norm.forward(&single, &Pass::TRAINING);
        close(&output, &[3.0, -2.0]);
        output.sum(Kind::Float).backward();
        close(&norm.bias.grad(), &[1.0, 1.0]);
        assert_eq!(values(&norm.running_mean), [0.0, 0.0]);
        assert_eq!(values(&norm.running_var), [1.0, 1.0]);
    }

    #[test]
    fn the_layout_of_the_input_stays_and_changes_no_number() {
        let (rows, inner) = (build(), build());
        let input = input();
        let innermost = input.permute([1, 2, 3, 0]).contiguous().permute([3, 0, 1, 2]);
        let expected = rows.0.forward(&input, &Pass::TRAINING);
        let output = inner.0.forward(&innermost, &Pass::TRAINING);
        close(&output, &values(&expected));
        assert_eq!(output.stride(), innermost.stride());
        close(&inner.0.running_mean, &values(&rows.0.running_mean));
        close(&inner.0.running_var, &values(&rows.0.running_var));
    }
}
