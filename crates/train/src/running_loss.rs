//! The mean training loss of an epoch while it runs.

use tch::{Device, Kind, Tensor};

/// Sum of losses over samples, kept on the device so that adding does not wait for it.
#[derive(Debug)]
pub(crate) struct RunningLoss {
    sum: Tensor,
    samples: u64,
}

impl RunningLoss {
    pub(crate) fn new(device: Device) -> Self {
        Self { sum: Tensor::zeros([], (Kind::Double, device)), samples: 0 }
    }

    /// Puts back what [`RunningLoss::read`] gave.
    pub(crate) fn restore(device: Device, sum: f64, samples: u64) -> Self {
        Self { sum: Tensor::from(sum).to_device(device), samples }
    }

    /// Adds the mean loss of `samples` samples.
    pub(crate) fn add(&mut self, mean: &Tensor, samples: u64) {
        self.sum += mean.detach().to_kind(Kind::Double) * samples as f64;
        self.samples += samples;
    }

    /// The sum and its number of samples; waits for the device.
    pub(crate) fn read(&self) -> (f64, u64) {
        (self.sum.double_value(&[]), self.samples)
    }

    /// The mean so far, not a number without samples; waits for the device.
    pub(crate) fn mean(&self) -> f64 {
        let (sum, samples) = self.read();
        sum / samples as f64
    }
}
