//! How long inference takes.

use std::time::{Duration, Instant};

use dst_core::{Dataset, Model, Pass, Result, Split};
use tch::Device;

/// Time of one sample, measured in batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) milliseconds_per_sample: f64,
    pub(crate) batch_size: u32,
}

/// Samples in one batch, fewer only if the test set is smaller.
const BATCH: usize = 64;
/// Different batches that take turns.
const BATCHES: usize = 4;
/// Repeats after the warm-up: at least so many, at most so many or as fit in the time.
const REPEATS: std::ops::RangeInclusive<usize> = 3..=30;
const TIME: Duration = Duration::from_secs(1);

/// The median over repeats of the first batches of the test set, with the weights as they are,
/// in masked dense arithmetic. Loading a batch is not counted.
///
/// # Errors
/// If the data set or libtorch refuses a batch.
pub(crate) fn measure(model: &dyn Model, dataset: &dyn Dataset, device: Device) -> Result<Latency> {
    let _guard = tch::no_grad_guard();
    let size = BATCH.min(dataset.len(Split::Test));
    let mut inputs = Vec::new();
    for rows in dataset.batches(Split::Test, size, None).iter().take(BATCHES) {
        // All timed batches are of one size.
        if rows.len() == size || inputs.is_empty() {
            inputs.push(dataset.batch(Split::Test, rows, device)?.input);
        }
    }
    for input in &inputs {
        let _ = model.forward(input, &Pass::EVALUATION)?;
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    for input in inputs.iter().cycle().take(*REPEATS.end()) {
        if times.len() >= *REPEATS.start() && begin.elapsed() > TIME {
            break;
        }
        wait(device);
        let start = Instant::now();
        let _ = model.forward(input, &Pass::EVALUATION)?;
        wait(device);
        times.push(start.elapsed().as_secs_f64() * 1000.0 / input.len() as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(Latency {
        milliseconds_per_sample: times[times.len() / 2],
        batch_size: inputs[0].len() as u32,
    })
}

fn wait(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}
