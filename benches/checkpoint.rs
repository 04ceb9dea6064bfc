//! What a checkpoint costs, with its digest and until it is on the disk, as a share of the time of an epoch.
//!
//! It may be 3 % at most. RigL at 90 % with Adam, batches of 64, one thread:
//! `cargo bench -p benches --profile release --bench checkpoint`. Every fourth batch is followed by a checkpoint;
//! what batches with one take longer than those without is its cost. Times are those of the clock, because a
//! training waits for its disk; the folder is `CHECKPOINTS`, or one for temporary files.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dst_core::{Architecture, DenseBackend, Training};
use dst_models::{LeNet5, Mlp};
use dst_train::{Observer, Progress, Setup, train};
use images::Images;
use strategy_rigl::Rigl;
use tch::Device;

mod images;

/// Steps of an epoch of MNIST: 55,000 images in batches of 64.
const STEPS: f64 = 860.0;
/// Epochs of 100 batches; the best network is in checkpoints from the second on.
const EPOCHS: u32 = 5;

fn main() {
    tch::set_num_threads(1);
    let mlp = Mlp { hidden: vec![300, 100], dropout: 0.0 };
    let models: [(&str, &dyn Architecture); 2] =
        [("lenet-300-100", &mlp), ("lenet-5", &LeNet5::default())];
    println!(
        "{:15} {:>8} {:>13} {:>13} {:>9}",
        "model", "step/ms", "checkpoint/ms", "of an epoch", "size/kB"
    );
    for (name, architecture) in models {
        let (step, checkpoint, bytes) = measure(architecture);
        let share = 100.0 * checkpoint / (STEPS * step);
        println!("{name:15} {step:8.2} {checkpoint:13.2} {share:12.2}% {:9.0}", bytes as f64 / 1e3);
    }
}

/// Milliseconds of a step and of a checkpoint, and the bytes of the last one.
fn measure(architecture: &dyn Architecture) -> (f64, f64, u64) {
    let training = Training { epochs: EPOCHS, batch_size: 64, ..Training::default() };
    let config = serde_json::json!({ "interval": "100 steps" });
    let strategy: Rigl = serde_json::from_value(config).expect("RigL has an interval");
    let setup = Setup {
        strategy: &strategy,
        architecture,
        dataset: &Images::new(6_400),
        training: &training,
        sparsity: 0.9,
        seed: 0,
        backend: &DenseBackend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    };
    let folder = match std::env::var_os("CHECKPOINTS") {
        Some(place) => tempfile::tempdir_in(place),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder");
    let mut gaps = Gaps {
        last: None,
        batches: 0,
        size: 0,
        folder: folder.path().into(),
        with: Vec::new(),
        without: Vec::new(),
    };
    train(&setup, Some(folder.path()), &mut gaps).expect("it trains");
    let (with, without) = (median(gaps.with), median(gaps.without));
    (without, with - without, gaps.size)
}

/// Times from one batch to the next.
struct Gaps {
    /// When the last batch ended, and whether a checkpoint followed.
    last: Option<(Instant, bool)>,
    batches: u64,
    size: u64,
    folder: std::path::PathBuf,
    with: Vec<Duration>,
    without: Vec<Duration>,
}

impl Observer for Gaps {
    fn step(&mut self, progress: &Progress) -> ControlFlow<()> {
        let now = Instant::now();
        self.batches += 1;
        let is_first = self.batches % 100 == 1;
        if let Some((last, saved)) = self.last.filter(|_| progress.epoch > 1 && !is_first) {
            let gaps = if saved { &mut self.with } else { &mut self.without };
            gaps.push(now - last);
        }
        ControlFlow::Continue(())
    }

    fn checkpoint_is_due(&mut self) -> bool {
        let is_due = self.batches.is_multiple_of(4);
        self.last = Some((Instant::now(), is_due));
        is_due
    }

    fn evaluating(&mut self) -> ControlFlow<()> {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
        self.size = self.size.max(sizes.max().unwrap_or(0));
        ControlFlow::Continue(())
    }
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    1e3 * times[times.len() / 2].as_secs_f64()
}
