//! Makes a store of trials that nobody trained, to try reports on a large grid:
//!
//! ```text
//! cargo run --example made_up_store -- FOLDER [DATASETS STRATEGIES SPARSITIES SEEDS EPOCHS]
//! harness report --store FOLDER --all
//! ```
//!
//! Without numbers there are 504 trials: 3 data sets, 20 strategies beside the control, one
//! sparsity, 8 seeds and 50 epochs. Each has predictions of 10,000 test examples.

use std::path::Path;
use std::process::ExitCode;

use dst_analysis::sample::{self, Size};
use dst_core::{Error, Result};
use dst_store::Store;
use serde_json::json;

/// Examples in each test set, as in MNIST.
const TEST_SAMPLES: usize = 10_000;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let usage = || {
        Error::usage("usage: made_up_store FOLDER [DATASETS STRATEGIES SPARSITIES SEEDS EPOCHS]")
    };
    let (folder, numbers) = arguments.split_first().ok_or_else(usage)?;
    let numbers = numbers.iter().map(|text| text.parse().map_err(|_| usage()));
    let size = match numbers.collect::<Result<Vec<u32>>>()?[..] {
        [] => Size { datasets: 3, strategies: 20, sparsities: 1, seeds: 8, epochs: 50 },
        [datasets, strategies, sparsities, seeds, epochs] => Size {
            datasets: datasets as usize,
            strategies: strategies as usize,
            sparsities: sparsities as usize,
            seeds: seeds as usize,
            epochs,
        },
        _ => return Err(usage()),
    };
    let store = Store::create(Path::new(folder))?;
    let mut trials = sample::grid(size);
    sample::predict(&mut trials, TEST_SAMPLES);
    sample::score_by_predictions(&mut trials);
    let mut kept = 0;
    for trial in &mut trials {
        // The sample's control is not a strategy of the harness.
        if trial.spec.strategy == sample::baseline() {
            trial.spec.strategy = json!({"name": "dense"}).into();
            trial.id = trial.spec.id();
        }
        kept += usize::from(store.put(trial)?);
    }
    println!("{kept} of {} trials are new in {folder}", trials.len());
    Ok(())
}
