//! How trials are compared: settings, and whether they fit the grid.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::{Analysis, format_of};
use dst_core::plugin::{self, DatasetGroup, DatasetPlugin, Plugin, StrategyPlugin};
use dst_core::record::TrialSpec;
use dst_core::{Error, Metric, Result, own_data};
use serde_json::{Map, Value};

use crate::parameters::{Axes, ParameterSet};
use crate::path::Path;
use crate::setting::{Key, Setting, Source};
use crate::trials::strategy_names;
use crate::{GridConfig, ResolvedSettings};

/// Parameters of the analysis that name data sets.
const NAMING: [&str; 3] = ["metrics", "margins", "accept_collapse"];

/// The settings of the analysis by parameter, each table in one piece.
pub(crate) type Whole = BTreeMap<String, (Key, Setting)>;

impl ResolvedSettings {
    /// How trials are compared.
    ///
    /// # Errors
    /// If a value is out of range, or a name is unknown.
    pub fn analysis(&self) -> Result<Analysis> {
        self.analysis_over(Analysis::default())
    }

    /// How trials are compared, with `base` for what is not set.
    ///
    /// # Errors
    /// As [`ResolvedSettings::analysis`].
    pub fn analysis_over(&self, base: Analysis) -> Result<Analysis> {
        let whole = self.analysis_settings(&base)?;
        let axes = axes_of(&whole);
        let config = ParameterSet::analysis(&base)?.expand(&axes)?.remove(0);
        let mut analysis = read(config)?;
        if let Some((_, setting)) =
            axes.get(&Path::from("control")).filter(|_| !analysis.control.is_empty())
        {
            let located = |error: Error| error.at(setting.source.to_string());
            StrategyPlugin::find(&analysis.control).map_err(located)?;
        }
        for parameter in NAMING {
            for (name, key, setting) in self.names_in(parameter) {
                check_name(parameter, &name).map_err(|error| setting.locate(key, error))?;
            }
        }
        spell_out_groups(&mut analysis);
        Ok(analysis)
    }

    /// The settings of the analysis over `base`: what is set for one entry of a table is put into the
    /// table.
    ///
    /// # Errors
    /// If a parameter has several values, or an entry is not usable.
    pub(crate) fn analysis_settings(&self, base: &Analysis) -> Result<Whole> {
        let parameters = ParameterSet::analysis(base)?;
        let mut whole = Whole::new();
        // A table comes before its entries, because its name is the beginning of theirs.
        for (key, setting) in self.settings.iter() {
            let Key::Analysis(path) = key else { continue };
            let [value] = &setting.values[..] else {
                return Err(Error::usage(format!("analysis.{path} takes one value"))
                    .at(setting.source.to_string()));
            };
            let Some((table, name)) = path.split_once('.') else {
                whole.insert(path.clone(), (key.clone(), setting.clone()));
                continue;
            };
            let entry = Map::from_iter([(name.to_owned(), value.clone())]);
            let alone = Setting::new(vec![Value::Object(entry.clone())], setting.source.clone());
            parameters.expand(&Axes::from([(table.into(), (key, &alone))]))?;
            let own = || match parameters.defaults().get(table) {
                Some(Value::Object(map)) => Value::Object(map.clone()),
                _ => Value::Object(Map::new()),
            };
            let (_, all) = whole.entry(table.to_owned()).or_insert_with(|| {
                let table = Key::Analysis(table.to_owned());
                (table, Setting::new(vec![own()], setting.source.clone()))
            });
            if let Some(Value::Object(map)) = all.values.first_mut() {
                map.extend(entry);
                // Each was checked by itself, so this only says where some of them are.
                all.source = setting.source.clone();
            }
        }
        Ok(whole)
    }

    /// Keeps what is said of data sets in the grid. A file may name others; on the command line that
    /// is a mistake.
    ///
    /// # Errors
    /// If the command line names a data set that is not part of the grid.
    pub(crate) fn keep_present(&self, analysis: &mut Analysis, trials: &[TrialSpec]) -> Result<()> {
        let mut present: BTreeSet<String> = BTreeSet::new();
        for trial in trials {
            present.insert(trial.dataset.clone());
            present.insert(trial.dataset_label());
            // What is said of a format holds for all data of it.
            present.extend(format_of(&trial.dataset).map(str::to_owned));
        }
        for parameter in NAMING {
            for (name, key, setting) in self.names_in(parameter) {
                let is_meant = match plugin::datasets(&name) {
                    Ok(members) => members.iter().any(|member| present.contains(member.name)),
                    Err(_) => is_metric(&name) || present.contains(&name),
                };
                if !is_meant && matches!(setting.source, Source::Flag(_)) {
                    let error = Error::usage(format!("'{name}' is not part of this grid"));
                    return Err(setting.locate(key, error));
                }
            }
        }
        analysis.metrics.retain(|name, _| present.contains(name));
        analysis.margins.retain(|name, _| present.contains(name) || is_metric(name));
        analysis.accept_collapse.retain(|name| present.contains(name));
        Ok(())
    }

    /// Does the last look come at the seeds that the grid has?
    ///
    /// # Errors
    /// If not.
    pub fn check_looks(&self, grid: &GridConfig) -> Result<()> {
        let seeds: BTreeSet<u64> = grid.trials.iter().map(|trial| trial.seed).collect();
        let Some(last) = grid.analysis.looks.last().filter(|last| **last != seeds.len()) else {
            return Ok(());
        };
        let error = Error::usage(format!(
            "the last of analysis.looks comes after {last} seeds, and the grid has {}",
            seeds.len()
        ))
        .hint(format!(
            "the last look is that of all seeds: end the list with {}, or pass --seeds 0..{last}",
            seeds.len()
        ));
        Err(match self.settings.get(&Key::Analysis("looks".to_owned())) {
            Some(setting) => error.at(setting.source.to_string()),
            None => error,
        })
    }

    /// Sets `analysis.tuned` if trainings or parameters are choices, unless somebody set it.
    ///
    /// # Errors
    /// If two plug-ins have one name.
    pub(crate) fn derive_tuned(&mut self) -> Result<()> {
        let key = Key::Analysis("tuned".to_owned());
        if self.settings.get(&key).is_some() {
            return Ok(());
        }
        if let Some(why) = self.why_tuned()? {
            self.settings.derive(key, true.into(), why);
        }
        Ok(())
    }

    fn why_tuned(&self) -> Result<Option<String>> {
        // Unknown names are reported when the trials are made.
        let Ok(strategies) = strategy_names(&self.settings) else { return Ok(None) };
        let several = |axes: Axes<'_>| {
            let axis = axes.into_values().find(|(_, setting)| setting.values.len() > 1);
            axis.map(|(key, _)| format!("{key} has several values"))
        };
        let own = |name: &&str| several(self.axes_of_training_for(name));
        if let Some(why) = strategies.iter().find_map(own) {
            return Ok(Some(why));
        }
        let control = self.control()?;
        let Some(control) = control.filter(|name| strategies.contains(&name.as_str())) else {
            return Ok(None);
        };
        if let Some(why) = several(self.axes_of_strategy(&control)) {
            return Ok(Some(why));
        }
        // The control trains in several ways, and in none of them as this strategy does.
        let apart = strategies
            .iter()
            .any(|name| **name != control && !self.axes_of_training_for(name).is_empty());
        let shared = self.settings.iter().find(|(key, setting)| {
            matches!(key, Key::Training(_) | Key::TrainingOn(..)) && setting.values.len() > 1
        });
        Ok(shared.filter(|_| apart).map(|(key, _)| {
            format!("{key} has several values, and strategies train in their own ways")
        }))
    }

    /// The name of the strategy that others are compared with, if there is one.
    fn control(&self) -> Result<Option<String>> {
        let set = self.settings.get(&Key::Analysis("control".to_owned()));
        let set = set.and_then(|setting| setting.values.first()?.as_str());
        Ok(match set.filter(|name| !name.is_empty()) {
            Some(name) => Some(name.to_owned()),
            None => {
                let baseline = StrategyPlugin::all()?.iter().find(|plugin| plugin.baseline);
                baseline.map(|plugin| plugin.name.to_owned())
            }
        })
    }

    /// The names of data sets, groups and metrics in a parameter of the analysis, as they were given,
    /// each with its setting.
    fn names_in(&self, parameter: &str) -> Vec<(String, &Key, &Setting)> {
        let mut names = Vec::new();
        for (key, setting) in self.settings.iter() {
            let Key::Analysis(path) = key else { continue };
            match path.split_once('.') {
                Some((table, name)) if table == parameter => {
                    names.push((name.to_owned(), key, setting))
                }
                None if path == parameter => {
                    let given: Vec<String> = match setting.values.first() {
                        Some(Value::Object(table)) => table.keys().cloned().collect(),
                        Some(Value::Array(list)) => {
                            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                        }
                        _ => Vec::new(),
                    };
                    names.extend(given.into_iter().map(|name| (name, key, setting)));
                }
                _ => {}
            }
        }
        names
    }
}

/// The settings as axes.
pub(crate) fn axes_of(whole: &Whole) -> Axes<'_> {
    whole
        .iter()
        .map(|(parameter, (key, setting))| (parameter.as_str().into(), (key, setting)))
        .collect()
}

fn read(config: Value) -> Result<Analysis> {
    serde_json::from_value(config)
        .map_err(|error| Error::contract(format!("the analysis cannot be read: {error}")))
}

fn is_metric(name: &str) -> bool {
    Metric::ALL.iter().any(|metric| metric.to_string() == name)
}

/// Is that something of which the parameter may speak?
fn check_name(parameter: &str, name: &str) -> Result<()> {
    match parameter {
        "metrics" => own_data::plugin_of(name).map(|_| ()),
        "margins" => {
            // With options, such as `cifar10 [rotation=15]`.
            let dataset = name.split_once(" [").map_or(name, |(dataset, _)| dataset);
            let is_own = dataset.contains(':') && own_data::plugin_of(dataset).is_ok();
            if is_metric(name) || is_own || plugin::datasets(dataset).is_ok() {
                return Ok(());
            }
            let datasets = DatasetPlugin::all()?.iter().map(|plugin| plugin.name);
            let groups = DatasetGroup::all()?.iter().map(|group| group.name);
            let metrics = Metric::ALL.map(|metric| metric.to_string());
            let metrics = metrics.iter().map(String::as_str);
            Err(Error::unknown("data set or metric", name, datasets.chain(groups).chain(metrics)))
        }
        _ if name.contains(':') => own_data::plugin_of(name).map(|_| ()),
        _ => plugin::datasets(name).map(|_| ()),
    }
}

/// Names the data sets of a group in its place. What is said of one by name holds for it.
fn spell_out_groups(analysis: &mut Analysis) {
    for (name, margin) in analysis.margins.clone() {
        let Ok(group) = DatasetGroup::find(&name) else { continue };
        analysis.margins.remove(&name);
        for member in group.members {
            analysis.margins.entry((*member).to_owned()).or_insert(margin);
        }
    }
    let spelled = analysis.accept_collapse.iter().flat_map(|name| match DatasetGroup::find(name) {
        Ok(group) => group.members.iter().map(|member| (*member).to_owned()).collect(),
        Err(_) => vec![name.clone()],
    });
    let spelled: BTreeSet<String> = spelled.collect();
    analysis.accept_collapse = spelled.into_iter().collect();
}
