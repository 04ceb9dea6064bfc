//! How long inference takes, with the weights as they are, in masked dense arithmetic.

use std::time::{Duration, Instant};

use dst_core::{Dataset, Model, Pass, Result, Split, device};
use tch::{Device, Tensor};

use crate::evaluation;

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

/// Most passes over the test set for the throughput, and how long those after the first may take
/// together.
const PASSES: usize = 5;
const PASSES_TIME: Duration = Duration::from_secs(2);

/// Adds up the time of forward passes; the work that a device was given is waited for.
#[derive(Debug)]
pub(crate) struct Clock {
    device: Device,
    seconds: f64,
}

impl Clock {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, seconds: 0.0 }
    }

    pub(crate) fn time(&mut self, forward: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        device::wait(self.device);
        let start = Instant::now();
        let output = forward()?;
        device::wait(self.device);
        self.seconds += start.elapsed().as_secs_f64();
        Ok(output)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }
}

/// The median over repeats of the first batches of the test set. Loading a batch is not counted.
///
/// # Errors
/// If the data set or libtorch refuses a batch.
pub(crate) fn latency(
    model: &dyn Model,
    dataset: &dyn Dataset,
    device: Device,
    pass: &Pass<'_>,
) -> Result<Latency> {
    let _guard = tch::no_grad_guard();
    let size = BATCH.min(evaluation::batch_size(dataset)).min(dataset.len(Split::Test));
    let mut inputs = Vec::new();
    for rows in dataset.batches(Split::Test, size, None).iter().take(BATCHES) {
        // All timed batches are of one size.
        if rows.len() == size || inputs.is_empty() {
            inputs.push(dataset.batch(Split::Test, rows, device)?.input);
        }
    }
    for input in &inputs {
        let _ = model.forward(input, pass)?;
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    for input in inputs.iter().cycle().take(*REPEATS.end()) {
        if times.len() >= *REPEATS.start() && begin.elapsed() > TIME {
            break;
        }
        let mut clock = Clock::new(device);
        let _ = clock.time(|| model.forward(input, pass))?;
        times.push(clock.seconds() * 1000.0 / input.len() as f64);
    }
    Ok(Latency { milliseconds_per_sample: median(times), batch_size: inputs[0].len() as u32 })
}

/// Samples per second over the whole test set, in the batches of an evaluation, whose forward
/// passes took `first` seconds the first time. As many more passes as fit are made, and the
/// median counts. Loading a batch is not counted. None if the clock is too coarse.
///
/// # Errors
/// If the data set or libtorch refuses a batch.
pub(crate) fn throughput(
    model: &dyn Model,
    dataset: &dyn Dataset,
    device: Device,
    pass: &Pass<'_>,
    first: f64,
) -> Result<Option<f64>> {
    let _guard = tch::no_grad_guard();
    let begin = Instant::now();
    let mut times = vec![first];
    let mut longest = Duration::from_secs_f64(first);
    while times.len() < PASSES && begin.elapsed() + longest <= PASSES_TIME {
        let start = Instant::now();
        let mut clock = Clock::new(device);
        for rows in dataset.batches(Split::Test, evaluation::batch_size(dataset), None) {
            let input = dataset.batch(Split::Test, &rows, device)?.input;
            let _ = clock.time(|| model.forward(&input, pass))?;
        }
        times.push(clock.seconds());
        longest = longest.max(start.elapsed());
    }
    let seconds = median(times);
    Ok((seconds > 0.0).then(|| dataset.len(Split::Test) as f64 / seconds))
}

/// The middle of the values, the upper one of two; there is at least one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::toy::Blobs;
    use dst_core::Input;

    /// Sleeps for 20 µs a sample.
    #[derive(Debug)]
    struct Sleeper;

    impl Model for Sleeper {
        fn forward(&self, input: &Input, _: &Pass<'_>) -> Result<Tensor> {
            std::thread::sleep(Duration::from_micros(20 * input.len() as u64));
            Ok(Tensor::zeros([input.len(), 3], tch::kind::FLOAT_CPU))
        }
    }

    #[test]
    fn a_known_speed_is_found() {
        let blobs = Blobs::new(3, [1, 1, 300]);
        let latency = latency(&Sleeper, &blobs, Device::Cpu, &Pass::EVALUATION).unwrap();
        assert_eq!(latency.batch_size, 64);
        // A sleep may last longer, never shorter.
        assert!(latency.milliseconds_per_sample >= 0.02, "{latency:?}");
        let mut clock = Clock::new(Device::Cpu);
        let (device, pass) = (Device::Cpu, &Pass::EVALUATION);
        let timed = evaluation::timed(&Sleeper, &blobs, device, pass, &mut clock, &mut Silent);
        timed.unwrap().unwrap();
        assert!(clock.seconds() >= 0.006, "{clock:?}");
        let found = throughput(&Sleeper, &blobs, Device::Cpu, &Pass::EVALUATION, clock.seconds());
        let found = found.unwrap().unwrap();
        assert!(found > 100.0 && found <= 50_000.0, "{found}");
    }

    #[test]
    fn a_slow_pass_is_not_repeated() {
        let blobs = Blobs::new(3, [1, 1, 300]);
        let found = throughput(&Sleeper, &blobs, Device::Cpu, &Pass::EVALUATION, 60.0).unwrap();
        assert_eq!(found, Some(5.0));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0]), 4.0);
    }
}
