//! A data set without files, for benches of training.

use dst_core::{Batch, Dataset, Input, InputShape, Result, Split, Task};
use tch::{Device, Kind, Tensor};

/// Digit-sized images: noise in the middle and a border of zeros, as MNIST has.
#[derive(Debug)]
pub(crate) struct Images {
    images: Tensor,
    labels: Tensor,
}

impl Images {
    /// So many images.
    pub(crate) fn new(samples: i64) -> Self {
        tch::manual_seed(1);
        let noise = Tensor::rand([samples, 1, 20, 20], (Kind::Float, Device::Cpu));
        Self {
            images: noise.constant_pad_nd([4, 4, 4, 4]),
            labels: Tensor::randint(10, [samples], (Kind::Int64, Device::Cpu)),
        }
    }
}

impl Dataset for Images {
    fn input(&self) -> InputShape {
        InputShape::Image { channels: 1, height: 28, width: 28 }
    }

    fn task(&self) -> Task {
        Task::Classification { classes: 10 }
    }

    fn len(&self, _: Split) -> usize {
        self.labels.numel()
    }

    fn batch(&self, _: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let rows = Tensor::from_slice(rows);
        Ok(Batch {
            input: Input::Image(self.images.index_select(0, &rows).to_device(device)),
            target: self.labels.index_select(0, &rows).to_device(device),
        })
    }

    fn digest(&self) -> &str {
        "noise"
    }

    fn origin(&self) -> &str {
        "the bench"
    }
}
