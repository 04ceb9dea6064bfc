//! The settings in force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dst_core::record::TrialSpec;
use dst_core::tch::Device;
use dst_core::{Error, Result, device};

use crate::parameters::Axes;
use crate::path::Path as KeyPath;
use crate::plain_key::plain;
use crate::setting::{Key, SettingLayer, Source};
use crate::settings::Settings;
use crate::trials::{DatasetConfig, Expansion};
use crate::{
    CommandLine, DEFAULT_STORE, ExecutionConfig, GridConfig, environment, file, print, shipped,
    trials,
};

/// The settings in force, with the source of each.
#[derive(Debug)]
pub struct ResolvedSettings {
    pub(crate) settings: Settings,
}

impl ResolvedSettings {
    /// Puts the sources on top of each other: what was typed, the environment and a grid file.
    ///
    /// # Errors
    /// If a file cannot be read, or a key, a name or a value is not usable.
    pub fn new(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
        typed: CommandLine,
    ) -> Result<Self> {
        let (environment, flags) = (environment::read(environment)?, typed.layer);
        let file = file.map(file::read).transpose()?.unwrap_or_default();
        let grid = [&flags, &environment, &file]
            .into_iter()
            .find_map(|layer| layer.iter().find(|(key, _)| *key == Key::Plain("grid")));
        let grid = match grid {
            Some((_, setting)) => {
                let name = setting.values.first().and_then(|value| value.as_str());
                file::shipped(name.unwrap_or_default())
                    .map_err(|error| error.at(setting.source.to_string()))?
            }
            None => file::shipped(shipped::GRIDS[0].name)?,
        };
        let mut settings = Settings::default();
        for layer in [defaults()?, grid, file, environment, flags] {
            settings.apply(layer)?;
        }
        let mut resolved = Self { settings };
        resolved.derive_tuned()?;
        Ok(resolved)
    }

    /// With the environment of this process.
    ///
    /// # Errors
    /// As [`ResolvedSettings::new`], or if a variable of ours is no text.
    pub fn of_process(file: Option<&Path>, typed: CommandLine) -> Result<Self> {
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("HARNESS_") && value.to_str().is_none() {
                return Err(Error::usage("its value is not UTF-8").at(name));
            }
        }
        Self::new(file, |name| std::env::var(name).ok(), typed)
    }

    /// What the settings mean.
    ///
    /// # Errors
    /// If a name, key or value is not usable, or the grid is empty.
    pub fn grid(&self) -> Result<GridConfig> {
        // What is wrong with the trials is said before what is wrong with how they run.
        let execution = self.execution();
        let threads = execution.as_ref().map_or(1, ExecutionConfig::threads_of_trainings);
        let Expansion { trials, budgets, own_data } = trials::expand(self, threads)?;
        let execution = ExecutionConfig { own_data, ..execution? };
        self.check_arithmetic(&trials, execution.device()?)?;
        let mut analysis = self.analysis()?;
        self.keep_present(&mut analysis, &trials)?;
        Ok(GridConfig { trials, budgets, analysis, execution })
    }

    /// The data sets with each set of their options, and where data lie that users bring, by the names
    /// that trials have for them.
    ///
    /// # Errors
    /// If a name, key or value is not usable, a flag sets something for another data set, or data of the
    /// user cannot be read.
    pub fn datasets(&self) -> Result<(Vec<DatasetConfig>, BTreeMap<String, PathBuf>)> {
        let mut own = BTreeMap::new();
        let all = trials::data(self, &mut own)?;
        trials::check_unused(self, trials::Whole::Data)?;
        Ok((all, own))
    }

    /// Refuses a precision or a backend that the device does not have.
    fn check_arithmetic(&self, trials: &[TrialSpec], device: Device) -> Result<()> {
        let located = |key: &str, error: Error| match self.settings.get(&Key::Training(key.into()))
        {
            Some(setting) => setting.locate(&Key::Training(key.into()), error),
            None => error,
        };
        trials.iter().try_for_each(|trial| {
            let (precision, backend) = (trial.training.precision, trial.training.backend);
            device::check(precision, device).map_err(|error| located("precision", error))?;
            dst_sparse::check(backend, precision, device).map_err(|error| located("backend", error))
        })
    }

    /// The settings as a grid file, each with its source as a comment.
    ///
    /// # Errors
    /// If a name is unknown.
    pub fn to_toml(&self) -> Result<String> {
        print::to_toml(self)
    }

    /// Has somebody set that key?
    pub fn has(&self, key: &'static str) -> bool {
        self.settings.plain(key).is_some()
    }

    /// Has somebody set the [interval](crate::INTERVAL) of a strategy, a grid that ships included?
    pub fn sets_interval(&self, strategy: &str) -> bool {
        self.settings.get(&Key::Strategy(strategy.to_owned(), crate::INTERVAL.into())).is_some()
    }

    fn axes<'a>(&'a self, path: impl Fn(&'a Key) -> Option<&'a KeyPath>) -> Axes<'a> {
        self.settings
            .iter()
            .filter_map(|(key, setting)| Some((path(key)?.clone(), (key, setting))))
            .collect()
    }

    pub(crate) fn axes_of_strategy(&self, wanted: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Strategy(name, path) if name == wanted => Some(path),
            _ => None,
        })
    }

    pub(crate) fn axes_of_model(&self, wanted: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Model(name, path) if name == wanted => Some(path),
            _ => None,
        })
    }

    pub(crate) fn axes_of_dataset(&self, wanted: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Dataset(name, option) if name == wanted => Some(option),
            _ => None,
        })
    }

    pub(crate) fn axes_of_training(&self) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Training(path) => Some(path),
            _ => None,
        })
    }

    /// What is set for the trainings on one data set only.
    pub(crate) fn axes_of_training_on(&self, dataset: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::TrainingOn(name, path) if name == dataset => Some(path),
            _ => None,
        })
    }

    /// What is set for the trainings of one strategy only.
    pub(crate) fn axes_of_training_for(&self, strategy: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::TrainingFor(name, path) if name == strategy => Some(path),
            _ => None,
        })
    }
}

fn defaults() -> Result<SettingLayer> {
    let default = |name, text| plain(name)?.setting(text, Source::Default);
    Ok(vec![
        default("grid", shipped::GRIDS[0].name)?,
        default("store", DEFAULT_STORE)?,
        default("device", "cpu")?,
    ])
}
