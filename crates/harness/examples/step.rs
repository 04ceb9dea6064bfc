//! Dense training steps on command, for a comparison with other programs.
//!
//! `step MODEL [--threads N]` builds the model, says how many parameters it has, and then reads
//! numbers from standard input: for each it trains that many steps and answers with a line of
//! milliseconds, two numbers a step: by the clock, and of processor time. A step is all that the
//! training loop does with a batch: reading and changing the samples, forward, backward,
//! optimiser, hooks and commit.
//!
//! `benches/peers/compare.py` starts it beside the same model in PyTorch; both take turns.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dst_core::plugin;
use dst_core::{
    Batch, DataSources, Dataset, DenseBackend, Error, Input, InputShape, Result, Split, Task,
    Training,
};
use dst_train::{Setup, Trainer};
use serde_json::Map;
use tch::{Device, Kind, Tensor};

/// Models, their batch sizes and data sets; no name is text of one length, made up.
const WORKLOADS: [(&str, u32, Option<&str>); 3] =
    [("lenet5", 64, Some("mnist-10k")), ("resnet18", 64, Some("cifar10")), ("minilm-l6", 32, None)];

/// Tokens of one text with its padding.
const LENGTH: i64 = 64;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_default();
    let threads = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Some(1),
        (Some("--threads"), Some(count)) => count.parse().ok().filter(|count| *count > 0),
        _ => None,
    };
    let workload = WORKLOADS.iter().find(|(name, ..)| *name == model);
    let (Some((name, batch_size, dataset)), Some(threads)) = (workload, threads) else {
        let known = WORKLOADS.map(|(name, ..)| name).join(", ");
        return Err(
            Error::usage("write `step MODEL [--threads N]`").hint(format!("models: {known}"))
        );
    };
    // As a trial does.
    harness::run::keep_freed_memory();
    tch::set_num_threads(threads);

    let sources = DataSources {
        data_dir: std::env::var_os("HARNESS_DATA").map(Into::into),
        hub: None,
        ..DataSources::default()
    };
    let dataset: Box<dyn Dataset> = match dataset {
        Some(name) => plugin::dataset(name, &Map::new(), &sources)?,
        None => Box::new(Texts::new()),
    };
    let training = Training { epochs: u32::MAX, batch_size: *batch_size, ..Training::default() };
    let strategy = (plugin::baseline()?.default)();
    let architecture = plugin::architecture(name, &Map::new())?;
    let mut trainer = Trainer::new(Setup {
        strategy: &*strategy,
        architecture: &*architecture,
        dataset: &*dataset,
        training: &training,
        sparsity: 0.0,
        seed: 0,
        backend: &DenseBackend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    })?;
    say(&format!("{name} parameters {}", trainer.parameters().count()));

    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::data(format!("standard input: {error}")))?;
        let count: u32 = line
            .trim()
            .parse()
            .map_err(|_| Error::usage(format!("'{line}' is no number of steps")))?;
        let mut times = Vec::new();
        for _ in 0..count {
            let (start, busy) = (Instant::now(), processor_time());
            trainer.step()?;
            let took = [start.elapsed(), processor_time() - busy];
            times.extend(took.map(|time| format!("{:.4}", time.as_secs_f64() * 1e3)));
        }
        say(&times.join(" "));
    }
    Ok(())
}

/// Processor time of this process, all threads together. Unlike the clock it does not count the
/// work of other programs on a busy machine.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value that lives through the call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0, "every system has a clock of processor time");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // Who asked may be gone; the next line of input tells.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Random texts of 48 to 64 tokens in two classes, batched like those of GLUE.
#[derive(Debug)]
struct Texts {
    ids: Vec<i64>,
    lengths: Vec<i64>,
    labels: Vec<i64>,
}

impl Texts {
    const COUNT: i64 = 4096;
    const SHORTEST: i64 = 48;
    const VOCABULARY: i64 = 30_522;

    fn new() -> Self {
        tch::manual_seed(1);
        let draw = |low: i64, high: i64, count: i64| -> Vec<i64> {
            let values = Tensor::randint_low(low, high, [count], (Kind::Int64, Device::Cpu));
            (0..count).map(|index| values.int64_value(&[index])).collect()
        };
        Self {
            ids: draw(1000, Self::VOCABULARY, Self::COUNT * LENGTH),
            lengths: draw(Self::SHORTEST, LENGTH + 1, Self::COUNT),
            labels: draw(0, 2, Self::COUNT),
        }
    }
}

impl Dataset for Texts {
    fn input(&self) -> InputShape {
        InputShape::Tokens { vocabulary: Self::VOCABULARY, length: LENGTH }
    }

    fn task(&self) -> Task {
        Task::Classification { classes: 2 }
    }

    fn len(&self, _: Split) -> usize {
        self.labels.len()
    }

    fn batch(&self, _: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let size = rows.len() * LENGTH as usize;
        let (mut ids, mut present) = (vec![0i64; size], vec![false; size]);
        let mut labels = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let (row, to) = (*row as usize, index * LENGTH as usize);
            let (from, length) = (row * LENGTH as usize, self.lengths[row] as usize);
            ids[to..to + length].copy_from_slice(&self.ids[from..from + length]);
            present[to..to + length].fill(true);
            labels.push(self.labels[row]);
        }
        let shape = [rows.len() as i64, LENGTH];
        let tensor = |values: &[i64]| Tensor::from_slice(values).view(shape).to_device(device);
        Ok(Batch {
            input: Input::Tokens {
                ids: tensor(&ids),
                segments: tensor(&vec![0; size]),
                present: Tensor::from_slice(&present).view(shape).to_device(device),
            },
            target: Tensor::from_slice(&labels).to_device(device),
        })
    }

    fn digest(&self) -> &str {
        "noise"
    }

    fn origin(&self) -> &str {
        "the example"
    }
}
