//! Whatever can fail for the user's reasons fails here, before the first trial.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use dst_analysis::is_another_sparsity;
use dst_analysis::words::percent;
use dst_core::plugin::{self, DatasetPlugin, Plugin};
use dst_core::record::TrialSpec;
use dst_core::tch::Device;
use dst_core::{Architecture, DataSources, Dataset, Error, Metric, Result, Strategy};
use dst_train::{Estimate, Setup, estimate_flops};

use super::fetch;
use super::label::Labels;
use crate::config::GridConfig;
use crate::output;

/// How long one waits without a word.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes for one trial: its files, and a checkpoint while it runs.
const BYTES_PER_TRIAL: u64 = 200_000;

/// Bytes of a checkpoint for each parameter: weights, two moments, the best weights, masks;
/// twice, because the new one is whole before the old one goes.
const CHECKPOINT_BYTES_PER_PARAMETER: u64 = 2 * 20;

/// What each trial will cost, in the order of `trials`: loads and verifies the data, builds each
/// network and lets each strategy choose its starting topology, once for all seeds.
///
/// # Errors
/// If data is missing or damaged, a model cannot take it, or a sparsity cannot be reached.
pub(super) fn estimates(
    trials: &[TrialSpec],
    grid: &GridConfig,
    quiet: bool,
) -> Result<Vec<Estimate>> {
    let sources = grid.execution.sources();
    let metrics = &grid.analysis.metrics;
    // All are looked for, or fetched, before the first is read. With options, a data set may need
    // less than all of its files.
    let plain: BTreeSet<&str> = trials
        .iter()
        .filter(|spec| spec.dataset_options.is_empty())
        .map(|spec| spec.dataset.as_str())
        .collect();
    for name in plain {
        fetch::dataset_if_missing(DatasetPlugin::find(name)?, &sources)?;
    }
    // Nothing that is checked here depends on the seed.
    let key = |spec: &TrialSpec| TrialSpec { seed: 0, ..spec.clone() }.id();
    let all = trials.iter().map(key).collect::<BTreeSet<_>>().len();
    let mut said = Instant::now();
    let mut datasets: BTreeMap<String, Box<dyn Dataset>> = BTreeMap::new();
    let mut known: BTreeMap<String, Estimate> = BTreeMap::new();
    let mut estimates = Vec::new();
    for spec in trials {
        // With other options, it is other data.
        let label = spec.dataset_label();
        if !datasets.contains_key(&label) {
            let dataset = dataset(spec, &sources)?;
            check_metric(metrics, spec, &*dataset)?;
            datasets.insert(label.clone(), dataset);
        }
        let key = key(spec);
        let estimate = match known.get(&key) {
            Some(estimate) => *estimate,
            None => {
                fetch::weights_if_missing(&spec.model)?;
                estimate(spec, &*datasets[&label])?
            }
        };
        known.insert(key, estimate);
        estimates.push(estimate);
        if !quiet && said.elapsed() >= PATIENCE {
            said = Instant::now();
            output::note(&format!("checked {} of {all} kinds of trial", known.len()));
        }
    }
    Ok(estimates)
}

/// A metric that predictions do not have would leave every report without a number.
fn check_metric(
    metrics: &BTreeMap<String, Metric>,
    spec: &TrialSpec,
    dataset: &dyn Dataset,
) -> Result<()> {
    let name = &spec.dataset;
    match metrics.get(name) {
        Some(metric) if !metric.fits(dataset.task()) => {
            Err(Error::usage(format!("{name} has no {}", metric.title())).at("analysis.metrics"))
        }
        _ => Ok(()),
    }
}

/// The data of a trial, fetched from the Hub if it is nowhere.
fn dataset(spec: &TrialSpec, sources: &DataSources) -> Result<Box<dyn Dataset>> {
    let load = || plugin::dataset(&spec.dataset, &spec.dataset_options, sources);
    let found = DatasetPlugin::find(&spec.dataset)?;
    match load() {
        // With its options, it may need less than all of its files.
        Err(_) if (found.find)(sources).is_err() => {
            fetch::dataset_if_missing(found, sources)?;
            load()
        }
        loaded => loaded,
    }
}

/// What users should hear before anything is trained, in words, seeds together.
pub(super) fn warnings(
    trials: &[TrialSpec],
    estimates: &[Estimate],
    labels: &Labels,
) -> BTreeSet<String> {
    let mut warnings = unreached(trials, estimates, labels);
    warnings.extend(unchanged(trials, estimates, labels));
    warnings.extend(trials.iter().filter_map(untrained));
    warnings
}

/// A model that could start from trained weights and does not: for BERT, that is seldom meant.
fn untrained(spec: &TrialSpec) -> Option<String> {
    spec.model.get("weights").filter(|weights| weights.is_null())?;
    let model = spec.model_name();
    Some(format!(
        "{model} on {} starts from random weights: to fine-tune trained ones, pass --set \
         {model}.weights=FILE, or hub:org/name for those of the Hugging Face Hub",
        spec.dataset
    ))
}

/// Trials whose schedule has no update, so that their network is a static one.
fn unchanged(trials: &[TrialSpec], estimates: &[Estimate], labels: &Labels) -> BTreeSet<String> {
    let still = trials.iter().zip(estimates).filter(|(spec, estimate)| {
        // The others are warned of already.
        let reached = !is_another_sparsity(spec.sparsity, 1.0 - estimate.final_density);
        estimate.updates == Some(0) && spec.sparsity > 0.0 && reached
    });
    let words = still.map(|(spec, _)| {
        format!(
            "{} on {}, {} will never change a connection, because none of its updates falls into \
             the training: see {name}.interval (10% is one in every tenth of it), {name}.begin and \
             {name}.end",
            labels.strategy(spec),
            spec.dataset_label(),
            labels.model(spec),
            name = spec.strategy_name(),
        )
    });
    words.collect()
}

/// Trials whose schedule ends at another sparsity than they were asked for, in words, seeds
/// together.
fn unreached(trials: &[TrialSpec], estimates: &[Estimate], labels: &Labels) -> BTreeSet<String> {
    let pairs = trials.iter().zip(estimates).filter(|(spec, estimate)| {
        is_another_sparsity(spec.sparsity, 1.0 - estimate.final_density)
    });
    let words = pairs.map(|(spec, estimate)| {
        let remedy = match spec.strategy.get("interval") {
            Some(_) => format!("shorten {}.interval, or train longer", spec.strategy_name()),
            None => "train longer".to_owned(),
        };
        format!(
            "{} at {} on {}, {} will end at a sparsity of {}, because its updates are too few: \
             {remedy}",
            labels.strategy(spec),
            percent(spec.sparsity),
            spec.dataset_label(),
            labels.model(spec),
            percent(1.0 - estimate.final_density),
        )
    });
    words.collect()
}

fn estimate(spec: &TrialSpec, dataset: &dyn Dataset) -> Result<Estimate> {
    let (strategy, architecture) = parts(spec)?;
    let setup = Setup {
        strategy: &*strategy,
        architecture: &*architecture,
        dataset,
        training: &spec.training,
        sparsity: spec.sparsity,
        seed: spec.seed,
        device: Device::Cpu,
    };
    estimate_flops(&setup).map_err(|error| {
        let (strategy, model) = (spec.strategy_name(), spec.model_name());
        error.at(format!("{strategy} at {} on {}, {model}", spec.sparsity, spec.dataset_label()))
    })
}

/// The strategy and the architecture of a trial.
///
/// # Errors
/// If this binary does not know them, or no longer with these parameters.
fn parts(spec: &TrialSpec) -> Result<(Box<dyn Strategy>, Box<dyn Architecture>)> {
    let parameters = |config: &serde_json::Value| config.as_object().cloned().unwrap_or_default();
    Ok((
        plugin::strategy(spec.strategy_name(), &parameters(&spec.strategy))?,
        plugin::architecture(spec.model_name(), &parameters(&spec.model))?,
    ))
}

/// Can files be made in `folder`, which is created if it is absent?
///
/// # Errors
/// If not.
pub(super) fn writable(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    tempfile::NamedTempFile::new_in(folder)
        .map(drop)
        .map_err(|error| Error::io("write to", folder, &error))
}

/// Is there room in the store for trials with these estimates, `jobs` of them at once?
///
/// # Errors
/// If the disk will be full before they have ended.
pub(super) fn space(store: &Path, estimates: &[Estimate], jobs: usize) -> Result<()> {
    let largest = estimates.iter().map(|estimate| estimate.total_parameters).max().unwrap_or(0);
    let needed = estimates.len() as u64 * BYTES_PER_TRIAL
        + largest * CHECKPOINT_BYTES_PER_PARAMETER * jobs as u64;
    // A file system that cannot tell is no reason to refuse.
    match fs4::available_space(store) {
        Ok(free) if free < needed => Err(Error::new(
            dst_core::ErrorKind::Io,
            format!(
                "{} has {} MB left, and {} trials need about {} MB",
                store.display(),
                free / 1_000_000,
                estimates.len(),
                needed.div_ceil(1_000_000)
            ),
        )
        .hint("free some space, or put the store elsewhere with --store")),
        _ => Ok(()),
    }
}
