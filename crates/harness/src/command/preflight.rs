//! Whatever can fail for the user's reasons fails here, before the first trial.

mod capacity;
mod equal;
pub(super) mod intervals;
mod plan;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dst_core::plugin;
use dst_core::record::TrialSpec;
use dst_core::{
    Architecture, BackendKind, CowArc, DataSources, Dataset, Error, ErrorKind, Metric, Precision,
    Result, Strategy, Training, own_data,
};
use dst_settings::ExecutionConfig;
use dst_train::{Estimate, Estimator};
use serde_json::{Map, Value};

use super::fetch::{self, Absent};
use crate::code;
use crate::output;
use crate::run::without_panic;
pub(super) use capacity::{Notice, available_memory, fit_memory, space, writable};
pub(super) use equal::{Choices, budgets, choose};
pub(super) use plan::advice;
pub(super) use warnings::{warnings, without_kernels};

/// How long one waits without a word.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// What is known of trials before the first of them.
pub(super) struct Checked {
    /// Those that can be trained, in their order.
    pub(super) trials: Vec<TrialSpec>,
    /// What each of these will cost.
    pub(super) estimates: Vec<Estimate>,
    /// Those that their method refuses, in their order, and why in words.
    pub(super) refused: Vec<(TrialSpec, String)>,
    /// What their data sets want to be said.
    warnings: BTreeSet<String>,
}

impl Checked {
    /// Refusals in words, seeds together.
    pub(super) fn refusals(&self) -> BTreeSet<&str> {
        self.refused.iter().map(|(_, words)| words.as_str()).collect()
    }
}

/// Is it the method that says no, to this network at this sparsity? The other trials can go on then.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Usage | ErrorKind::Collapsed | ErrorKind::Data | ErrorKind::Diverged
    )
}

/// Builds each network once for each data set and lets each strategy choose its starting topology,
/// once for all seeds. Trials in `unequal`, by id, are refused with these words.
///
/// # Errors
/// If a model cannot take its data.
pub(super) fn check(
    trials: &[TrialSpec],
    inputs: &Inputs,
    unequal: &BTreeMap<String, String>,
    quiet: bool,
) -> Result<Checked> {
    for training in CowArc::stored(trials.iter().map(|spec| &spec.training)) {
        dst_train::validate(training).map_err(|error| error.at("training"))?;
    }
    let mut kinds: BTreeMap<Network, BTreeMap<Kind<'_>, &TrialSpec>> = BTreeMap::new();
    for spec in trials {
        kinds.entry(Network::of(spec)).or_default().entry(Kind::of(spec)).or_insert(spec);
    }
    let all: usize = kinds.values().map(BTreeMap::len).sum();
    let mut said = Instant::now();
    let mut known: BTreeMap<Kind<'_>, std::result::Result<Estimate, String>> = BTreeMap::new();
    let mut warnings = inputs.warnings.clone();
    for (network, kinds) in &kinds {
        let loaded = inputs.networks.get(network).ok_or_else(|| {
            Error::contract("a network was not loaded that is to be trained")
                .at(network.to_string())
        })?;
        warnings.extend(loaded.dataset.warnings().iter().cloned());
        let seed = kinds.values().next().map_or(0, |first| first.seed);
        let estimator = estimator(loaded, seed).map_err(|error| {
            other_model(error, kinds.values().next().copied()).at(network.to_string())
        })?;
        warnings.extend(estimator.caution().map(|caution| format!("{network}: {caution}")));
        for (kind, spec) in kinds {
            let estimate = match without_panic(|| estimate(spec, &estimator)) {
                Ok(estimate) => Ok(estimate),
                Err(error) if is_refusal(&error) => Err(error.to_string().replace("\n  ", "; ")),
                Err(error) => return Err(error),
            };
            known.insert(*kind, estimate);
            if !quiet && said.elapsed() >= PROGRESS_INTERVAL {
                said = Instant::now();
                output::note(&format!("checked {} of {all} kinds of trial", known.len()));
            }
        }
    }
    let mut checked =
        Checked { trials: Vec::new(), estimates: Vec::new(), refused: Vec::new(), warnings };
    for spec in trials {
        let unequal = if unequal.is_empty() { None } else { unequal.get(&spec.id()) };
        match (unequal, &known[&Kind::of(spec)]) {
            (None, Ok(estimate)) => {
                checked.trials.push(spec.clone());
                checked.estimates.push(*estimate);
            }
            (Some(refusal), _) | (None, Err(refusal)) => {
                checked.refused.push((spec.clone(), refusal.clone()));
            }
        }
    }
    Ok(checked)
}

/// The network, built to be looked at.
///
/// # Errors
/// If it cannot take its data, or memory does not suffice.
fn estimator<'a>(loaded: &'a LoadedNetwork, seed: u64) -> Result<Estimator<'a>> {
    let built = without_panic(|| Estimator::new(&*loaded.architecture, &*loaded.dataset, seed));
    built.map_err(|error| match error.kind() {
        ErrorKind::OutOfMemory => {
            error.hint("choose a smaller network, or a machine with more memory")
        }
        _ => error,
    })
}

/// Names the model that the data set has of its own, if the present one cannot take its samples.
fn other_model(error: Error, spec: Option<&TrialSpec>) -> Error {
    let plugin = spec.and_then(|spec| Some((spec, own_data::plugin_of(&spec.dataset).ok()?)));
    // Whoever described a network layer by layer wants that one.
    let of_files = plugin::model_of_files().map_or("", |plugin| plugin.name);
    let is_file = |spec: &TrialSpec| spec.model_name() == of_files;
    match plugin.filter(|(spec, plugin)| spec.model_name() != plugin.model && !is_file(spec)) {
        Some((_, plugin)) if error.kind() == ErrorKind::Usage => error.also(&format!(
            "{} is trained with {} unless another model is named",
            plugin.name, plugin.model
        )),
        _ => error,
    }
}

/// What is built once.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Network {
    /// With its options: with others, it is other data.
    dataset: String,
    label: String,
    /// As JSON, with the name.
    config: String,
}

impl Network {
    fn of(spec: &TrialSpec) -> Self {
        Self {
            dataset: spec.dataset_label(),
            label: spec.model_label().to_owned(),
            config: spec.model.json().to_owned(),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.label, self.dataset)
    }
}

/// What decides how much a trial costs: neither the seed nor the optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    dataset: &'a str,
    /// As JSON, as are the model and the strategy.
    dataset_options: &'a str,
    model: &'a str,
    strategy: &'a str,
    /// Its bits.
    sparsity: u64,
    epochs: u32,
    batch_size: u32,
    accumulate: u32,
    precision: Precision,
    backend: BackendKind,
}

impl<'a> Kind<'a> {
    fn of(spec: &'a TrialSpec) -> Self {
        let Training { epochs, batch_size, accumulate, precision, backend, .. } = *spec.training;
        Self {
            dataset: &spec.dataset,
            dataset_options: spec.dataset_options.json(),
            model: spec.model.json(),
            strategy: spec.strategy.json(),
            sparsity: spec.sparsity.to_bits(),
            epochs,
            batch_size,
            accumulate,
            precision,
            backend,
        }
    }
}

/// Trainings with other numbers of epochs, stored once for all trials that get them.
#[derive(Default)]
struct Lengthened {
    /// The training as it was, and as it is now.
    known: Vec<(CowArc<Training>, CowArc<Training>)>,
}

impl Lengthened {
    fn get(&mut self, training: &CowArc<Training>, epochs: u32) -> CowArc<Training> {
        let mut known = self.known.iter();
        match known.find(|(was, is)| was.is_same(training) && is.epochs == epochs) {
            Some((_, is)) => is.clone(),
            None => {
                let mut is = training.clone();
                is.epochs = epochs;
                self.known.push((training.clone(), is.clone()));
                is
            }
        }
    }
}

/// What networks are built from, by network.
pub(super) struct Inputs {
    networks: BTreeMap<Network, LoadedNetwork>,
    /// What is to be said of those that could not be loaded.
    warnings: BTreeSet<String>,
}

impl Inputs {
    /// What the network of a trial is built from; none if nobody needed it and it is not there.
    pub(super) fn of(&self, spec: &TrialSpec) -> Option<&LoadedNetwork> {
        self.networks.get(&Network::of(spec))
    }

    /// Digests of the code that trains each of these trials, by their ids.
    ///
    /// # Errors
    /// If this binary does not know a strategy, or no longer with these parameters.
    pub(super) fn code(
        &self,
        trials: &[TrialSpec],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let mut codes = BTreeMap::new();
        for spec in trials {
            if let Some(loaded) = self.of(spec) {
                let strategy = strategy(spec)?;
                let code =
                    code::of(&*strategy, &*loaded.architecture, &*loaded.dataset, &spec.training)?;
                codes.insert(spec.id(), code);
            }
        }
        Ok(codes)
    }
}

/// What a network is built from. Several may share their data.
pub(super) struct LoadedNetwork {
    pub(super) architecture: Box<dyn Architecture>,
    pub(super) dataset: Rc<dyn Dataset>,
    /// The file of trained weights that it starts from.
    pub(super) weights: Option<PathBuf>,
}

/// A network of some trials.
struct NetworkUse<'a> {
    /// One of them.
    spec: &'a TrialSpec,
    /// Will one of them be trained?
    needed: bool,
}

/// Loads and verifies the data of all trials. What a trial needs that `trains` must be there, or is
/// fetched; where all are done it is only looked at, to see whether it is still that of their
/// results.
///
/// # Errors
/// If data that is needed is missing or damaged.
pub(super) fn load(
    trials: &[TrialSpec],
    trains: &dyn Fn(usize) -> bool,
    execution: &ExecutionConfig,
    metrics: &BTreeMap<String, Metric>,
    absent: Absent,
) -> Result<Inputs> {
    let mut networks: BTreeMap<Network, NetworkUse<'_>> = BTreeMap::new();
    for (index, spec) in trials.iter().enumerate() {
        let needed = trains(index);
        let network = networks.entry(Network::of(spec)).or_insert(NetworkUse { spec, needed });
        if needed && !network.needed {
            *network = NetworkUse { spec, needed };
        }
    }
    let mut inputs = Inputs { networks: BTreeMap::new(), warnings: BTreeSet::new() };
    let mut datasets: Datasets = Vec::new();
    for wanted in wanted(networks, execution, absent, &mut inputs.warnings)? {
        let loaded = loaded(&wanted, metrics, absent, &mut datasets);
        match loaded {
            Ok(loaded) => drop(inputs.networks.insert(wanted.network, loaded)),
            Err(error) if wanted.needed => return Err(error),
            Err(error) => drop(inputs.warnings.insert(unread(&wanted.network, &error))),
        }
    }
    Ok(inputs)
}

/// Results of data that is gone are kept, since nothing says that they are of other data.
fn unread(network: &Network, error: &Error) -> String {
    format!(
        "{network}: all its trials are done, and whether they are of the present data and weights \
         is not known: {}",
        error.one_line()
    )
}

/// A network, and where the files of its data are looked for.
struct NetworkRequest<'a> {
    network: Network,
    /// One of its trials.
    spec: &'a TrialSpec,
    needed: bool,
    architecture: Box<dyn Architecture>,
    weights: Option<PathBuf>,
    sources: DataSources,
}

/// Looks for the weights and the data of each network before the first is read, and fetches what
/// is needed and nowhere. In the order of the networks.
fn wanted<'a>(
    networks: BTreeMap<Network, NetworkUse<'a>>,
    execution: &ExecutionConfig,
    absent: Absent,
    warnings: &mut BTreeSet<String>,
) -> Result<Vec<NetworkRequest<'a>>> {
    let mut all = Vec::new();
    let mut references = BTreeSet::new();
    for (network, NetworkUse { spec, needed }) in networks {
        let architecture = architecture(spec)?;
        let named = fetch::references(&spec.model);
        let named = named.map_err(|error| error.at(network.label.clone()))?;
        if needed {
            // What should lie on this machine is missed before anything is fetched.
            if named.is_empty() {
                architecture.weights()?;
            }
            references.extend(named);
        }
        let (weights, sources) = (None, execution.sources());
        all.push(NetworkRequest { network, spec, needed, architecture, weights, sources });
    }
    references.into_iter().try_for_each(|named| fetch::weights_if_missing(named, absent))?;
    let mut found = Vec::new();
    for mut wanted in all {
        wanted.weights = match wanted.architecture.weights() {
            Err(error) if !wanted.needed => {
                warnings.insert(unread(&wanted.network, &error));
                continue;
            }
            weights => weights?,
        };
        // Trained weights may bring a vocabulary.
        wanted.sources = wanted.sources.for_weights(wanted.weights.as_deref());
        // With options, a data set may need less than all of its files.
        if wanted.needed && wanted.spec.dataset_options.is_empty() {
            let name = &wanted.spec.dataset;
            let plugin = own_data::plugin_of(name)?;
            let sources = wanted.sources.for_dataset(plugin, name)?;
            fetch::dataset_if_missing(plugin, &sources, absent)?;
        }
        found.push(wanted);
    }
    Ok(found)
}

/// Data that was loaded, by label and by the folder of the weights that it is for.
type Datasets = Vec<(String, Option<PathBuf>, Rc<dyn Dataset>)>;

/// What a network is built from.
fn loaded(
    wanted: &NetworkRequest<'_>,
    metrics: &BTreeMap<String, Metric>,
    absent: Absent,
    datasets: &mut Datasets,
) -> Result<LoadedNetwork> {
    let (label, folder) = (&wanted.network.dataset, &wanted.sources.model_folder);
    let known = datasets.iter().find(|known| known.0 == *label && known.1 == *folder);
    let dataset = match known {
        Some((.., known)) => Rc::clone(known),
        None => {
            let new: Rc<dyn Dataset> = dataset(wanted, absent)?.into();
            check_metric(metrics, wanted.spec, &*new)?;
            // Weights in several folders need not bring several vocabularies.
            let same = datasets.iter().find(|(other, _, known)| {
                other == label
                    && known.digest() == new.digest()
                    && known.warnings() == new.warnings()
            });
            let dataset = same.map_or(new, |(.., known)| Rc::clone(known));
            datasets.push((label.clone(), folder.clone(), Rc::clone(&dataset)));
            dataset
        }
    };
    let architecture = architecture(wanted.spec)?;
    Ok(LoadedNetwork { architecture, dataset, weights: wanted.weights.clone() })
}

/// A metric that predictions do not have would leave every report without a number.
fn check_metric(
    metrics: &BTreeMap<String, Metric>,
    spec: &TrialSpec,
    dataset: &dyn Dataset,
) -> Result<()> {
    let name = &spec.dataset;
    let format = || dst_analysis::format_of(name).and_then(|format| metrics.get(format));
    match metrics.get(name).or_else(format) {
        Some(metric) if !metric.fits(dataset.task()) => {
            Err(Error::usage(format!("{name} has no {}", metric.title())).at("analysis.metrics"))
        }
        _ => Ok(()),
    }
}

/// The data of a trial, fetched from the Hub if it is needed and nowhere.
fn dataset(
    NetworkRequest { spec, needed, sources, .. }: &NetworkRequest<'_>,
    absent: Absent,
) -> Result<Box<dyn Dataset>> {
    let load = || plugin::dataset(&spec.dataset, &spec.dataset_options, sources);
    let found = own_data::plugin_of(&spec.dataset)?;
    match load() {
        // With its options, it may need less than all of its files.
        Err(_) if *needed && plugin::find(&spec.dataset, sources).is_err() => {
            let sources = sources.for_dataset(found, &spec.dataset)?;
            fetch::dataset_if_missing(found, &sources, absent)?;
            load()
        }
        loaded => loaded,
    }
}

fn estimate(spec: &TrialSpec, estimator: &Estimator<'_>) -> Result<Estimate> {
    let strategy = strategy(spec)?;
    let estimate = estimator.estimate(&*strategy, &spec.training, spec.sparsity);
    estimate.map_err(|error| {
        let (strategy, model) = (spec.strategy_name(), spec.model_label());
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
