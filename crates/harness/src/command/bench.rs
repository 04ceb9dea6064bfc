//! `harness bench`

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dst_analysis::format::percent;
use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::record::TrialSpec;
use dst_core::{
    BackendKind, DenseBackend, Distribution, Error, Probe, Result, Strategy, Topology, device,
};
use dst_settings::ResolvedSettings;
use dst_train::{Setup, Trainer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fetch::Absent;
use super::preflight;
use crate::cli::BenchArgs;
use crate::flags;
use crate::output;
use crate::run::keep_freed_memory;
use crate::table::{Column, TerminalTable};
use crate::text::wrapped;
use dst_executor::Exit;

/// Steps that pass before any is timed: caches fill, and weights take the form in which they stay.
const WARM_UP: usize = 3;

/// Timed steps of each training in a row of the table: at least so many, and at most so many or as fit
/// into the time.
const STEPS: std::ops::RangeInclusive<usize> = 5..=200;

/// A random topology that never changes: what is timed is arithmetic, not a method.
#[derive(Debug, Serialize, Deserialize)]
struct Fixed {
    distribution: Distribution,
}

#[typetag::serde(name = "fixed-of-the-bench")]
impl Strategy for Fixed {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.allocate(self.distribution)?;
        topology.activate_random()
    }
}

/// One sparsity of one network.
#[derive(Debug, Serialize)]
struct Row {
    dataset: String,
    model: String,
    sparsity: f64,
    /// Milliseconds of the dense network, in the same minutes.
    dense: Times,
    masked: Times,
    sparse: Times,
    auto: Times,
}

/// Medians.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Times {
    /// Milliseconds of one training step.
    step: f64,
    /// Milliseconds of one forward pass of up to 64 samples.
    inference: f64,
    /// Bytes of parameters and moments between two steps.
    stored_bytes: usize,
}

pub(super) fn run(args: &BenchArgs) -> Result<Exit> {
    let file = args.settings.config.as_deref();
    let baseline = StrategyPlugin::all()?.iter().find(|plugin| plugin.baseline);
    let baseline = baseline.ok_or_else(|| Error::contract("no strategy is a baseline"))?;
    let resolved = ResolvedSettings::of_process(file, flags::bench(args, baseline.name)?)?;
    let grid = resolved.grid()?;
    let device = grid.execution.device()?;
    if device::is_accelerator(device) {
        return Err(Error::usage("sparse kernels compute on the CPU only")
            .at("--device")
            .hint("leave it out, or pass --device cpu"));
    }
    let networks = networks(grid.trials);
    let inputs = preflight::load(
        &networks,
        &|_| true,
        &grid.execution,
        &grid.analysis.metrics,
        Absent::Fetched,
    )?;
    let threads = grid.execution.threads;
    keep_freed_memory();
    tch::set_num_threads(threads as i32);
    let mut rows = Vec::new();
    for spec in &networks {
        let loaded = inputs.of(spec).ok_or_else(|| Error::contract("a network was not loaded"))?;
        for &sparsity in &args.sparsity {
            let (dataset, model) = (spec.dataset_label(), spec.model_label().to_owned());
            output::note(&format!("{model} on {dataset} at {}", percent(sparsity)));
            let strategy = Fixed { distribution: args.distribution.into() };
            let setup = Setup {
                strategy: &strategy,
                architecture: &*loaded.architecture,
                dataset: &*loaded.dataset,
                training: &spec.training,
                sparsity,
                seed: spec.seed,
                backend: &DenseBackend,
                device,
                weights_digest: "",
                code: "",
                accept_code: false,
            };
            let [dense, masked, sparse, auto] = row(&setup, threads, args.seconds)
                .map_err(|error| error.at(format!("{model} on {dataset}")))?;
            rows.push(Row { dataset, model, sparsity, dense, masked, sparse, auto });
        }
    }
    if args.json {
        let rows: Vec<Value> = rows.iter().map(|row| json!(row)).collect();
        output::print_json(&json!({ "threads": threads, "rows": rows }))?;
    } else {
        print(&rows, threads)?;
    }
    Ok(Exit::Success)
}

/// One trial for each network, whatever axes the settings have.
fn networks(trials: Vec<TrialSpec>) -> Vec<TrialSpec> {
    let mut known = BTreeSet::new();
    let mut trials = trials;
    trials.retain(|spec| known.insert((spec.dataset_label(), spec.model.to_string())));
    trials
}

/// Times of the dense network, and of the sparse one with each backend. The trainings take turns step by
/// step, so that what else the machine does slows all of them down.
fn row(setup: &Setup<'_>, threads: usize, seconds: f64) -> Result<[Times; 4]> {
    let kernels = dst_sparse::backend(BackendKind::Sparse, threads)?;
    let chosen = dst_sparse::backend(BackendKind::Auto, threads)?;
    let mut trainers = [
        Trainer::new(Setup { sparsity: 0.0, ..*setup })?,
        Trainer::new(*setup)?,
        Trainer::new(Setup { backend: &*kernels, ..*setup })?,
        Trainer::new(Setup { backend: &*chosen, ..*setup })?,
    ];
    let mut steps: [Vec<f64>; 4] = Default::default();
    let begin = Instant::now();
    for turn in 0..WARM_UP + STEPS.end() {
        let timed = turn.saturating_sub(WARM_UP);
        if timed >= *STEPS.start() && begin.elapsed() > Duration::from_secs_f64(seconds) {
            break;
        }
        for (trainer, steps) in trainers.iter_mut().zip(&mut steps) {
            // In a training, a step finds in the caches what the step before left there, and not what
            // another network did.
            trainer.step()?;
            let start = Instant::now();
            trainer.step()?;
            if turn >= WARM_UP {
                steps.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
    }
    let mut times = [Times::default(); 4];
    for ((times, trainer), steps) in times.iter_mut().zip(&trainers).zip(steps) {
        *times = Times {
            step: median(steps),
            // Before the forward passes, for which weights are stored as they are now too.
            stored_bytes: trainer.stored_bytes(),
            inference: trainer.inference_milliseconds()?,
        };
    }
    Ok(times)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(rows: &[Row], threads: usize) -> Result<()> {
    let number = |milliseconds: f64| match milliseconds {
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    };
    let mut known: Option<(&str, &str)> = None;
    let mut table: Option<TerminalTable> = None;
    let mut text = String::new();
    let columns = [
        Column::new("sparsity"),
        Column::new("dense ms"),
        Column::detail("masked"),
        Column::new("sparse"),
        Column::new("auto"),
        Column::new("times faster"),
        Column::detail("inference ms"),
        Column::detail("auto"),
        Column::new("times faster"),
        Column::detail("stored"),
    ];
    for row in rows {
        if known.replace((&row.dataset, &row.model)) != Some((&row.dataset, &row.model)) {
            text.extend(table.take().map(|table| table.fitted(output::width()) + "\n"));
            text.push_str(&format!(
                "{} on {}: one training step and inference of one batch, threads: {threads}\n",
                row.model, row.dataset
            ));
        }
        let Row { dense, masked, sparse, auto, .. } = row;
        table.get_or_insert_with(|| TerminalTable::new(&columns)).row([
            percent(row.sparsity),
            number(dense.step),
            number(masked.step),
            number(sparse.step),
            number(auto.step),
            format!("{:.2}", dense.step / auto.step),
            number(dense.inference),
            number(auto.inference),
            format!("{:.2}", dense.inference / auto.inference),
            percent(auto.stored_bytes as f64 / dense.stored_bytes as f64),
        ]);
    }
    text.extend(table.map(|table| table.fitted(output::width())));
    text.push('\n');
    let notes = "Medians of trainings that take turns. masked, sparse and auto are --backend; faster is auto \
                 against the dense network. stored: bytes of parameters and moments, of the dense network's.";
    text.push_str(&wrapped(notes, "", output::text_width()));
    output::print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_what_was_timed() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
