//! From settings to trials.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dst_analysis::Budget;
use dst_core::plugin::{self, DatasetGroup, DatasetPlugin, Plugin, StrategyPlugin};
use dst_core::record::TrialSpec;
use dst_core::{CowArc, Error, Result, Training, own_data};
use serde_json::{Map, Value};

use crate::ResolvedSettings;
use crate::axis;
use crate::models::{self, GridModel};
use crate::parameters::ParameterSet;
use crate::setting::{EVERY, Key, Source};
use crate::settings::Settings;

/// A grid beyond this size is taken for a typing mistake.
const MOST_TRIALS: usize = 100_000;

/// Refuses a grid of so many trials, if they are too many.
///
/// # Errors
/// As it says; `None` is more than a `usize` counts.
pub(crate) fn check_count(count: Option<usize>) -> Result<()> {
    match count {
        Some(..=MOST_TRIALS) => Ok(()),
        _ => Err(Error::usage(format!("the grid has more than {MOST_TRIALS} trials"))
            .hint("leave out an axis, or split it into several grids")),
    }
}

/// A strategy with one set of parameters.
struct Candidate {
    name: &'static str,
    config: CowArc<Value>,
    baseline: bool,
}

/// A data set with one set of options.
#[derive(Debug)]
pub struct DatasetConfig {
    /// What trials call it.
    pub name: String,
    /// Who reads it.
    pub plugin: &'static DatasetPlugin,
    /// Those that are not at their default.
    pub options: CowArc<Map<String, Value>>,
}

/// What a grid consists of.
#[derive(Default)]
pub(crate) struct Expansion {
    /// Every trial once.
    pub(crate) trials: Vec<TrialSpec>,
    /// What the sparsity or the epochs of each are to be chosen for.
    pub(crate) budgets: Vec<Budget>,
    /// Where data lie that users bring, by the names that trials have for them.
    pub(crate) own_data: BTreeMap<String, PathBuf>,
}

/// The trials of a grid, whose trainings have so many threads.
///
/// # Errors
/// If a name, key or value is not usable, data of the user cannot be read, or there is no trial at all.
pub(crate) fn expand(resolved: &ResolvedSettings, threads: u32) -> Result<Expansion> {
    let settings = &resolved.settings;
    let strategies = strategies(resolved)?;
    let mut expansion = Expansion::default();
    let datasets = data(resolved, &mut expansion.own_data)?;
    let models = models::models(settings)?;
    check_unused(resolved, Whole::Grid)?;
    let levels = levels(settings);
    let seeds: Vec<u64> = list(settings, "seeds").iter().filter_map(Value::as_u64).collect();
    for (what, empty) in [
        ("strategy", strategies.is_empty()),
        ("data set", datasets.is_empty()),
        ("sparsity", levels.is_empty()),
        ("seed", seeds.is_empty()),
    ] {
        if empty {
            return Err(empty_grid(what));
        }
    }

    let places: Vec<DatasetGrid> = datasets
        .iter()
        .map(|dataset| DatasetGrid::new(resolved, dataset.plugin, &models, &strategies, threads))
        .collect::<Result<_>>()?;
    let mut seen = BTreeSet::new();
    let Expansion { trials, budgets, .. } = &mut expansion;
    for &seed in &seeds {
        for (dataset, place) in datasets.iter().zip(&places) {
            for model in &place.networks {
                // By training, so that strategies that train alike stand together.
                for index in 0..place.trainings.iter().map(Vec::len).max().unwrap_or(0) {
                    for (candidate, trainings) in strategies.iter().zip(&place.trainings) {
                        let Some(training) = trainings.get(index) else { continue };
                        // A baseline has no sparsity to reach, and costs are shares of its own, so it is
                        // one trial, not one each.
                        let dense = [(0.0, Budget::default())];
                        let own = if candidate.baseline { &dense[..] } else { &levels[..] };
                        for &(sparsity, budget) in own {
                            let trial = TrialSpec {
                                dataset: dataset.name.clone(),
                                dataset_options: dataset.options.clone(),
                                model: model.clone(),
                                strategy: candidate.config.clone(),
                                sparsity,
                                training: training.clone(),
                                seed,
                            };
                            if seen.insert((trial.id(), budget)) {
                                check_count(Some(trials.len() + 1))?;
                                trials.push(trial);
                                budgets.push(budget);
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(expansion)
}

/// The sparsities of a grid with what they cost. One that is to be chosen is at first that at which
/// equally sparse layers have the cost.
fn levels(settings: &Settings) -> Vec<(f64, Budget)> {
    let given = numbers(settings, "sparsity").into_iter().map(|sparsity| (sparsity, None));
    let chosen = numbers(settings, "inference_flops").into_iter();
    let chosen = chosen.map(|share| (axis::rounded(1.0 - share), Some(share)));
    let trainings: Vec<Option<f64>> = match &numbers(settings, "training_flops")[..] {
        [] => vec![None],
        shares => shares.iter().copied().map(Some).collect(),
    };
    let levels = given.chain(chosen).flat_map(|(sparsity, inference)| {
        let budget = move |training: &Option<f64>| Budget { inference, training: *training };
        trainings.iter().map(move |training| (sparsity, budget(training)))
    });
    levels.collect()
}

/// What trials on one data set are made of.
struct DatasetGrid {
    /// Architectures.
    networks: Vec<CowArc<Value>>,
    /// How each candidate trains, in the order of candidates.
    trainings: Vec<Vec<CowArc<Training>>>,
}

impl DatasetGrid {
    fn new(
        resolved: &ResolvedSettings,
        dataset: &DatasetPlugin,
        models: &[GridModel],
        candidates: &[Candidate],
        threads: u32,
    ) -> Result<Self> {
        // Most strategies train alike.
        let mut stored: BTreeMap<String, CowArc<Training>> = BTreeMap::new();
        let trainings = candidates.iter().map(|candidate| {
            let own = trainings(resolved, dataset.name, candidate.name, threads)?.into_iter();
            let shared = |training: CowArc<Training>| {
                stored.entry(training.json().to_owned()).or_insert(training).clone()
            };
            Ok(own.map(shared).collect())
        });
        Ok(Self {
            networks: networks(resolved, dataset, models)?,
            trainings: trainings.collect::<Result<_>>()?,
        })
    }
}

fn empty_grid(what: &str) -> Error {
    let error = Error::usage(format!("the grid is empty: no {what} is named"));
    match (what, StrategyPlugin::all()) {
        ("strategy", Ok(known)) => {
            let known: Vec<&str> = known.iter().map(|plugin| plugin.name).collect();
            error.hint(format!("pass --strategies with some of: {}", known.join(", ")))
        }
        _ => error,
    }
}

fn list<'a>(settings: &'a Settings, name: &'static str) -> &'a [Value] {
    settings.plain(name).map_or(&[], |setting| &setting.values)
}

fn numbers(settings: &Settings, name: &'static str) -> Vec<f64> {
    list(settings, name).iter().filter_map(Value::as_f64).collect()
}

/// The plug-ins that a plain key names, each once.
fn found<P: Plugin>(settings: &Settings, key: &'static str) -> Result<Vec<&'static P>> {
    let mut plugins: Vec<&'static P> = Vec::new();
    for value in list(settings, key) {
        let name = value.as_str().unwrap_or_default();
        let located = |error: Error| match settings.plain(key) {
            Some(setting) => error.at(setting.source.to_string()),
            None => error,
        };
        let plugin = P::find(name).map_err(located)?;
        if plugins.iter().all(|earlier| earlier.name() != plugin.name()) {
            plugins.push(plugin);
        }
    }
    Ok(plugins)
}

/// Names of the strategies that the grid uses.
pub(crate) fn strategy_names(settings: &Settings) -> Result<Vec<&'static str>> {
    let plugins: Vec<&StrategyPlugin> = found(settings, "strategies")?;
    Ok(plugins.iter().map(|plugin| plugin.name).collect())
}

/// Names of the architectures that the grid uses with parameters that are settings.
pub(crate) fn model_names(settings: &Settings) -> Result<Vec<&'static str>> {
    if !list(settings, "models").is_empty() {
        return models::named(settings);
    }
    let datasets = datasets(settings)?;
    let mut names: Vec<&str> = datasets.iter().map(|chosen| chosen.plugin.model).collect();
    names.dedup();
    Ok(names)
}

/// Names of the registered data sets that the grid uses, formats of users' data among them.
pub(crate) fn dataset_names(settings: &Settings) -> Result<Vec<&'static str>> {
    let mut names: Vec<&str> =
        datasets(settings)?.iter().map(|chosen| chosen.plugin.name).collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    Ok(names)
}

/// A data set that a grid names.
struct ChosenDataset {
    plugin: &'static DatasetPlugin,
    /// What a format is to read.
    path: Option<PathBuf>,
}

impl PartialEq for ChosenDataset {
    fn eq(&self, other: &Self) -> bool {
        self.plugin.name == other.plugin.name && self.path == other.path
    }
}

/// The data sets that the grid names, those of a group in its place, each once.
fn datasets(settings: &Settings) -> Result<Vec<ChosenDataset>> {
    let mut all: Vec<ChosenDataset> = Vec::new();
    for value in list(settings, "datasets") {
        for chosen in chosen(value.as_str().unwrap_or_default()).map_err(|error| match settings
            .plain("datasets")
        {
            Some(setting) => error.at(setting.source.to_string()),
            None => error,
        })? {
            if !all.contains(&chosen) {
                all.push(chosen);
            }
        }
    }
    Ok(all)
}

/// The data sets that a name or a `format:PATH` means.
fn chosen(text: &str) -> Result<Vec<ChosenDataset>> {
    if let Some((plugin, path)) = own_data::address(text)? {
        return Ok(vec![ChosenDataset { plugin, path: Some(path.to_owned()) }]);
    }
    let members = plugin::datasets(text)?.into_iter();
    Ok(members.map(|plugin| ChosenDataset { plugin, path: None }).collect())
}

/// Every data set with its options. Where users' own lie is added to `own`.
pub(crate) fn data(
    resolved: &ResolvedSettings,
    own: &mut BTreeMap<String, PathBuf>,
) -> Result<Vec<DatasetConfig>> {
    let mut data = Vec::new();
    let mut known = BTreeSet::new();
    for ChosenDataset { plugin, path } in datasets(&resolved.settings)? {
        let name = match path {
            None => plugin.name.to_owned(),
            Some(path) => {
                let (name, place) = own_data::named(plugin, &path)?;
                own.entry(name.clone()).or_insert(place);
                name
            }
        };
        // Two paths may hold the same data.
        if !known.insert(name.clone()) {
            continue;
        }
        let axes = resolved.axes_of_dataset(plugin.name);
        for options in ParameterSet::dataset(plugin.name)?.expand(&axes)? {
            let options = options.as_object().cloned().unwrap_or_default().into();
            data.push(DatasetConfig { name: name.clone(), plugin, options });
        }
    }
    Ok(data)
}

fn strategies(resolved: &ResolvedSettings) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    let plugins: Vec<&StrategyPlugin> = found(&resolved.settings, "strategies")?;
    for plugin in plugins {
        let axes = resolved.axes_of_strategy(plugin.name);
        for config in ParameterSet::strategy(plugin.name)?.expand(&axes)? {
            let config = config.into();
            candidates.push(Candidate { name: plugin.name, config, baseline: plugin.baseline });
        }
    }
    Ok(candidates)
}

fn networks(
    resolved: &ResolvedSettings,
    dataset: &DatasetPlugin,
    models: &[GridModel],
) -> Result<Vec<CowArc<Value>>> {
    let named = |name: &str| -> Result<Vec<CowArc<Value>>> {
        let own = ParameterSet::model(name)?.expand(&resolved.axes_of_model(name))?;
        Ok(own.into_iter().map(CowArc::from).collect())
    };
    if models.is_empty() {
        return named(dataset.model);
    }
    let mut configs = Vec::new();
    for model in models {
        match model {
            GridModel::Named(plugin) => configs.extend(named(plugin.name)?),
            GridModel::Whole(config) => configs.push(config.clone()),
        }
    }
    Ok(configs)
}

/// How trials of a strategy on a data set train: what is set for the strategy is the most special.
///
/// # Errors
/// If a stronger source has set something for the data set, which would be hidden, or a value is not
/// usable.
fn trainings(
    resolved: &ResolvedSettings,
    dataset: &str,
    strategy: &str,
    threads: u32,
) -> Result<Vec<CowArc<Training>>> {
    let on = resolved.axes_of_training_on(dataset);
    let own = resolved.axes_of_training_for(strategy);
    for (parameter, (key, setting)) in &on {
        if let Some((_, weaker)) = own.get(parameter).filter(|(_, own)| own.rank < setting.rank) {
            let name = weaker.group.as_deref().unwrap_or(strategy);
            return Err(Error::usage(format!(
                "{key} would not reach trials of {strategy}: {} sets strategy.{name}.training.{parameter}",
                weaker.source
            ))
            .at(setting.source.to_string())
            .hint(format!(
                "set {strategy}.training.{parameter} here too, or training.{parameter} for all trials"
            )));
        }
    }
    let mut axes = resolved.axes_of_training();
    axes.extend(on);
    axes.extend(own);
    ParameterSet::training()?
        .expand(&axes)?
        .into_iter()
        .map(|config| {
            let training: Training = serde_json::from_value(config)
                .map_err(|error| Error::contract(format!("training cannot be read: {error}")))?;
            Ok(Training { threads, ..training }.into())
        })
        .collect()
}

/// What settings belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    Grid,
    /// Data sets alone.
    Data,
}

/// Parameters of plug-ins that the grid does not use must be right too, and on the command line
/// they are a mistake.
pub(crate) fn check_unused(resolved: &ResolvedSettings, whole: Whole) -> Result<()> {
    let settings = &resolved.settings;
    let strategies = strategy_names(settings)?;
    let models = model_names(settings)?;
    let datasets = dataset_names(settings)?;
    let is_used = |key: &Key| match key {
        Key::Strategy(name, _) | Key::TrainingFor(name, _) => strategies.contains(&name.as_str()),
        Key::Model(name, _) => models.contains(&name.as_str()),
        Key::Dataset(name, _) | Key::TrainingOn(name, _) => datasets.contains(&name.as_str()),
        _ => true,
    };
    for (key, setting) in settings.iter().filter(|(key, _)| !is_used(key)) {
        let (name, parameters, axes) = match key {
            Key::Strategy(name, _) => {
                (name, ParameterSet::strategy(name), resolved.axes_of_strategy(name))
            }
            Key::Model(name, _) => (name, ParameterSet::model(name), resolved.axes_of_model(name)),
            Key::Dataset(name, _) => {
                (name, ParameterSet::dataset(name), resolved.axes_of_dataset(name))
            }
            Key::TrainingOn(name, _) => {
                let parameters = DatasetPlugin::find(name).and_then(|_| ParameterSet::training());
                let mut axes = resolved.axes_of_training();
                axes.extend(resolved.axes_of_training_on(name));
                (name, parameters, axes)
            }
            Key::TrainingFor(name, _) => {
                let parameters = StrategyPlugin::find(name).and_then(|_| ParameterSet::training());
                let mut axes = resolved.axes_of_training();
                axes.extend(resolved.axes_of_training_for(name));
                (name, parameters, axes)
            }
            _ => continue,
        };
        let located = |error: Error| error.at(setting.source.to_string());
        if matches!(key, Key::Model(name, _) if models::is_file(name)) {
            return Err(located(
                Error::usage(format!("'{name}' has no settings"))
                    .hint("parameters of a network in a file are set in that file"),
            ));
        }
        let parameters = parameters.map_err(located)?;
        match parameters.complete(&Map::new()) {
            Ok(_) => drop(parameters.expand(&axes)?),
            // A network without layers is none by itself, and whoever uses it may add them.
            Err(_) => {
                axes.keys().try_for_each(|path| parameters.check_path(path)).map_err(located)?;
            }
        }
        // What was typed for several at once is right if one of them is there.
        let is_meant = match setting.group.as_deref() {
            Some(EVERY) => true,
            Some(group) => {
                DatasetGroup::find(group)?.members.iter().any(|member| datasets.contains(member))
            }
            None => false,
        };
        if matches!(setting.source, Source::Flag(_)) && !is_meant {
            let name = setting.group.as_ref().unwrap_or(name);
            let error = match whole {
                Whole::Grid => Error::usage(format!("'{name}' is not part of this grid")).hint(
                    "add it to --strategies, --models or --datasets, or leave the setting out",
                ),
                Whole::Data => {
                    let named = datasets.join(", ");
                    Error::usage(format!("'{name}' is not among the data sets that are named"))
                        .hint(format!("options of {named} can be set here, and no others"))
                }
            };
            return Err(located(error));
        }
    }
    Ok(())
}
