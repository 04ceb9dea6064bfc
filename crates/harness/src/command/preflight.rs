//! Whatever can fail for the user's reasons fails here, before the first trial.

mod plan;
mod room;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dst_core::plugin::{self, DatasetPlugin, Plugin};
use dst_core::record::TrialSpec;
use dst_core::{Architecture, DataSources, Dataset, Error, Metric, Result, Strategy, Training};
use dst_train::{Estimate, Estimator};
use serde_json::{Map, Value};

use super::fetch;
use crate::config::GridConfig;
use crate::output;
pub(super) use plan::advice;
pub(super) use room::{Notice, fit_memory, space, writable};
pub(super) use warnings::warnings;

/// How long one waits without a word.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of trials before the first of them.
pub(super) struct Checked {
    /// What each will cost, in their order.
    pub(super) estimates: Vec<Estimate>,
    /// What their data sets want to be said.
    cautions: BTreeSet<String>,
}

/// Loads and verifies the data, builds each network once for each data set and lets each strategy
/// choose its starting topology, once for all seeds.
///
/// # Errors
/// If data is missing or damaged, a model cannot take it, or a sparsity cannot be reached.
pub(super) fn check(trials: &[TrialSpec], grid: &GridConfig, quiet: bool) -> Result<Checked> {
    let mut kinds: BTreeMap<Network, BTreeMap<String, &TrialSpec>> = BTreeMap::new();
    for spec in trials {
        spec.training.validate().map_err(|error| error.at("training"))?;
        kinds.entry(Network::of(spec)).or_default().entry(kind(spec)).or_insert(spec);
    }
    let networks = networks(&kinds, grid)?;
    let all: usize = kinds.values().map(BTreeMap::len).sum();
    let mut said = Instant::now();
    let mut known: BTreeMap<&str, Estimate> = BTreeMap::new();
    for ((network, kinds), loaded) in kinds.iter().zip(&networks) {
        let seed = kinds.values().next().map_or(0, |first| first.seed);
        let estimator = Estimator::new(&*loaded.architecture, &*loaded.dataset, seed)
            .map_err(|error| error.at(network.to_string()))?;
        for (kind, spec) in kinds {
            known.insert(kind, estimate(spec, &estimator)?);
            if !quiet && said.elapsed() >= PATIENCE {
                said = Instant::now();
                output::note(&format!("checked {} of {all} kinds of trial", known.len()));
            }
        }
    }
    let cautions = networks.iter().flat_map(|loaded| loaded.dataset.cautions());
    Ok(Checked {
        estimates: trials.iter().map(|spec| known[&*kind(spec)]).collect(),
        cautions: cautions.cloned().collect(),
    })
}

/// What is built once.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Network {
    /// With its options: with others, it is other data.
    dataset: String,
    name: String,
    /// As JSON, with the name.
    config: String,
}

impl Network {
    fn of(spec: &TrialSpec) -> Self {
        Self {
            dataset: spec.dataset_label(),
            name: spec.model_name().to_owned(),
            config: spec.model.to_string(),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.name, self.dataset)
    }
}

/// Trials with one such text cost the same: neither the seed nor the optimiser matters.
fn kind(spec: &TrialSpec) -> String {
    let Training { epochs, batch_size, accumulate, precision, .. } = spec.training;
    let training = Training { epochs, batch_size, accumulate, precision, ..Training::default() };
    TrialSpec { seed: 0, training, ..spec.clone() }.id()
}

/// What a network is built from. Several may share their data.
struct Loaded {
    architecture: Box<dyn Architecture>,
    dataset: Rc<dyn Dataset>,
}

/// A network, and where the files of its data are looked for.
struct Wanted<'a> {
    network: &'a Network,
    /// The first of its trials.
    spec: &'a TrialSpec,
    architecture: Box<dyn Architecture>,
    sources: DataSources,
}

/// Looks for the weights and the data of each network before the first is read, and fetches what
/// is nowhere. In the order of the networks.
fn wanted<'a>(
    kinds: &'a BTreeMap<Network, BTreeMap<String, &'a TrialSpec>>,
    grid: &GridConfig,
) -> Result<Vec<Wanted<'a>>> {
    let mut all = Vec::new();
    let mut references = BTreeSet::new();
    for (network, kinds) in kinds {
        let Some(spec) = kinds.values().next() else { continue };
        let architecture = architecture(spec)?;
        let named = fetch::references(&spec.model);
        let named = named.map_err(|error| error.at(network.name.clone()))?;
        // What should lie on this machine is missed before anything is fetched.
        if named.is_empty() {
            architecture.weights()?;
        }
        references.extend(named);
        let sources = grid.execution.sources();
        all.push(Wanted { network, spec, architecture, sources });
    }
    references.into_iter().try_for_each(fetch::weights_if_missing)?;
    for wanted in &mut all {
        // Trained weights may bring a vocabulary.
        let weights = wanted.architecture.weights()?;
        wanted.sources = wanted.sources.for_weights(weights.as_deref());
        // With options, a data set may need less than all of its files.
        if wanted.spec.dataset_options.is_empty() {
            let plugin = DatasetPlugin::find(&wanted.spec.dataset)?;
            fetch::dataset_if_missing(plugin, &wanted.sources)?;
        }
    }
    Ok(all)
}

/// The architecture and the data of each network, in their order.
fn networks(
    kinds: &BTreeMap<Network, BTreeMap<String, &TrialSpec>>,
    grid: &GridConfig,
) -> Result<Vec<Loaded>> {
    let mut datasets: BTreeMap<(&str, Option<PathBuf>), Rc<dyn Dataset>> = BTreeMap::new();
    let mut networks = Vec::new();
    for Wanted { network, spec, architecture, sources } in wanted(kinds, grid)? {
        let key = (network.dataset.as_str(), sources.model_folder.clone());
        if !datasets.contains_key(&key) {
            let new: Rc<dyn Dataset> = dataset(spec, &sources)?.into();
            check_metric(&grid.analysis.metrics, spec, &*new)?;
            // Weights in several folders need not bring several vocabularies.
            let same = datasets.iter().find(|((label, _), known)| {
                *label == key.0
                    && known.digest() == new.digest()
                    && known.cautions() == new.cautions()
            });
            let dataset = same.map_or(new, |(_, known)| Rc::clone(known));
            datasets.insert(key.clone(), dataset);
        }
        networks.push(Loaded { architecture, dataset: Rc::clone(&datasets[&key]) });
    }
    Ok(networks)
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

fn estimate(spec: &TrialSpec, estimator: &Estimator<'_>) -> Result<Estimate> {
    let strategy = strategy(spec)?;
    let estimate = estimator.estimate(&*strategy, &spec.training, spec.sparsity);
    estimate.map_err(|error| {
        let (strategy, model) = (spec.strategy_name(), spec.model_name());
        error.at(format!("{strategy} at {} on {}, {model}", spec.sparsity, spec.dataset_label()))
    })
}

/// The strategy of a trial.
///
/// # Errors
/// If this binary does not know it, or no longer with these parameters.
fn strategy(spec: &TrialSpec) -> Result<Box<dyn Strategy>> {
    plugin::strategy(spec.strategy_name(), &parameters(&spec.strategy))
}

/// The architecture of a trial.
///
/// # Errors
/// As [`strategy`].
fn architecture(spec: &TrialSpec) -> Result<Box<dyn Architecture>> {
    plugin::architecture(spec.model_name(), &parameters(&spec.model))
}

fn parameters(config: &Value) -> Map<String, Value> {
    config.as_object().cloned().unwrap_or_default()
}
