//! From bytes to what a network sees.

use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{RawInputs, Result};

use crate::augmentation::by_channel;

/// A channel without contrast is divided by this, in pixels of [0, 1], and not by 0.
const LEAST_DEVIATION: f64 = 1e-3;

/// Images are moved and scaled channel by channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// What bytes are multiplied by.
    scale: Vec<f32>,
    /// What a black pixel becomes.
    black: Vec<f32>,
}

impl Normalisation {
    /// By the mean and the standard deviation of each channel, of pixels in [0, 1].
    pub fn new(mean: &[f64], deviation: &[f64]) -> Self {
        let scale = deviation.iter().map(|deviation| (1.0 / (255.0 * deviation)) as f32);
        let black = mean.iter().zip(deviation).map(|(mean, deviation)| (-mean / deviation) as f32);
        Self { scale: scale.collect(), black: black.collect() }
    }

    /// The same with every operation in 32 bits, as stored results on CIFAR-10 were computed.
    pub fn in_single_precision(mean: &[f32], deviation: &[f32]) -> Self {
        let scale = deviation.iter().map(|deviation| 1.0 / (255.0 * deviation));
        let black = mean.iter().zip(deviation).map(|(mean, deviation)| mean / -deviation);
        Self { scale: scale.collect(), black: black.collect() }
    }

    /// The mean and the standard deviation of each channel of `Uint8 [count, channels, height, width]`,
    /// of pixels in [0, 1]. They are sums of whole numbers, so exact whatever the order.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn measure(images: &Tensor) -> Result<[Vec<f64>; 2]> {
        let channels = images.size()[1];
        let values = Tensor::f_arange(256, (Kind::Double, Device::Cpu))? / 255.0;
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        for channel in 0..channels {
            let bytes = images.f_select(1, channel)?.f_flatten(0, -1)?;
            // How often each byte occurs says all, and takes no copy of the images as floats.
            let counts = bytes.f_bincount::<Tensor>(None, 256)?.f_to_kind(Kind::Double)?;
            let shares = &counts / bytes.numel().max(1) as f64;
            let mean = (&shares * &values).f_sum(Kind::Double)?.f_double_value(&[])?;
            let squares = (&values - mean).f_square()?;
            let variance = (&shares * squares).f_sum(Kind::Double)?.f_double_value(&[])?;
            means.push(mean);
            deviations.push(variance.sqrt().max(LEAST_DEVIATION));
        }
        Ok([means, deviations])
    }

    /// Bytes `[batch, channels, …]` as normalised floats, on the same device.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn apply(&self, bytes: &Tensor) -> Result<Tensor> {
        let device = bytes.device();
        let mut images = bytes.f_to_kind(Kind::Float)?.f_mul_(&by_channel(&self.scale, device)?)?;
        Ok(images.f_add_(&self.black(device)?)?)
    }

    /// The same for pixels in [0, 1], as most other programs have them.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn of_pixels(&self) -> Result<RawInputs> {
        let deviation: Vec<f32> = self.scale.iter().map(|scale| 1.0 / (255.0 * scale)).collect();
        let black = self.black.iter().zip(&deviation);
        let mean: Vec<f32> = black.map(|(black, deviation)| -black * deviation).collect();
        Ok(RawInputs {
            meaning: "pixels from 0 to 1".to_owned(),
            mean: by_channel(&mean, Device::Cpu)?,
            deviation: by_channel(&deviation, Device::Cpu)?,
            names: Vec::new(),
        })
    }

    /// What a black pixel becomes, `[1, channels, 1, 1]`.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn black(&self, device: Device) -> Result<Tensor> {
        by_channel(&self.black, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_moved_and_scaled() {
        let bytes = Tensor::from_slice(&[0_u8, 51, 255, 0]).reshape([1, 2, 1, 2]);
        let normalised = Normalisation::new(&[0.5, 0.2], &[0.25, 0.5]).apply(&bytes).unwrap();
        let expected = Tensor::from_slice(&[-2.0f32, -1.2, 1.6, -0.4]).reshape([1, 2, 1, 2]);
        assert!(normalised.allclose(&expected, 0.0, 1e-6, false));
        let raw = Normalisation::new(&[0.5, 0.2], &[0.25, 0.5]).of_pixels().unwrap();
        let of_pixels = (bytes.to_kind(Kind::Float) / 255.0 - raw.mean) / raw.deviation;
        assert!(of_pixels.allclose(&expected, 1e-5, 1e-6, false));
        let single = Normalisation::in_single_precision(&[0.5, 0.2], &[0.25, 0.5]);
        assert!(single.apply(&bytes).unwrap().allclose(&expected, 0.0, 1e-6, false));
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_pixels() {
        // Channel 0: 0, 255; channel 1: all 51.
        let bytes = Tensor::from_slice(&[0_u8, 255, 51, 51]).reshape([1, 2, 1, 2]);
        let [mean, deviation] = Normalisation::measure(&bytes).unwrap();
        assert!((mean[0] - 0.5).abs() < 1e-12 && (mean[1] - 0.2).abs() < 1e-12);
        assert!((deviation[0] - 0.5).abs() < 1e-12);
        assert_eq!(deviation[1], LEAST_DEVIATION);
        let normalised = Normalisation::new(&mean, &deviation).apply(&bytes).unwrap();
        assert!(normalised.isfinite().all().int64_value(&[]) == 1);
    }
}
