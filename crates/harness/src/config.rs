//! What a grid means: settings of all sources become trials and how to run them.
//!
//! Flags win over `HARNESS_*` variables, those over the grid file, that over the grid that ships, and
//! that over defaults. [`cli`](crate::cli) holds what was typed; [`GridConfig`] what it means.

mod analysis;
pub(crate) mod axis;
mod environment;
mod file;
pub(crate) mod flags;
mod key;
mod parameters;
mod path;
mod plain_key;
mod print;
mod setting;
mod settings;
pub(crate) mod shipped;
mod trials;

use std::path::{Path, PathBuf};
use std::time::Duration;

use dst_analysis::{Analysis, Budget};
use dst_core::record::TrialSpec;
use dst_core::tch::Device;
use dst_core::{DataSources, Error, Keep, Result, device};
use dst_data::hub::{self, Hub};
use dst_executor::slurm::SlurmSettings;

pub(crate) use environment::mistyped;
pub(crate) use parameters::ParameterSet;
pub(crate) use plain_key::plain;
pub(crate) use setting::{Key, SettingLayer, Source};

use parameters::Axes;
use path::Path as KeyPath;
use settings::Settings;

/// Where trials are stored unless another place is named.
pub const DEFAULT_STORE: &str = "runs";

/// A grid, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct GridConfig {
    /// Each trial once, in the order in which they are started: all of one seed before the
    /// next, so that a grid that is cut short leaves whole pairs.
    pub trials: Vec<TrialSpec>,
    /// For each trial what its sparsity or its epochs are to be chosen for. Until that is done, the
    /// trial has the sparsity at which equally sparse layers would do, and the configured epochs.
    pub budgets: Vec<Budget>,
    /// How they are compared.
    pub analysis: Analysis,
    /// How they are run.
    pub execution: ExecutionConfig,
}

/// Where and how trials run. Nothing here changes what a trial is, but for the threads on a CPU, which
/// its training has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionConfig {
    /// The folder of the store.
    pub store: PathBuf,
    /// Where data sets look for their files.
    pub data_dir: Option<PathBuf>,
    /// The branch, tag or commit of data sets to read from the cache of the Hub, if not `main`.
    pub hub_revision: Option<String>,
    /// `cpu`, `cuda`, `cuda:N` or `auto`.
    pub device: String,
    /// Trials at once.
    pub jobs: usize,
    /// Threads of one operation.
    pub threads: usize,
    /// Did somebody ask for that number of trials at once?
    pub jobs_asked: bool,
    /// The longest that one attempt may take.
    pub timeout: Option<Duration>,
    /// Of which trials the weights stay in the store.
    pub keep: Keep,
    /// Who brings trials to their end.
    pub place: Place,
}

/// Where trials run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// In processes of this machine.
    #[default]
    Local,
    /// As jobs of a cluster.
    Slurm(SlurmSettings),
}

impl ExecutionConfig {
    /// The device. Only that of this machine must be there.
    ///
    /// # Errors
    /// If there is no such device.
    pub fn device(&self) -> Result<Device> {
        self.place.device(&self.device)
    }

    /// Where data sets look: in the data folder, then in the cache of the Hub.
    pub fn sources(&self) -> DataSources {
        let revision = self.hub_revision.as_deref().unwrap_or(hub::MAIN);
        DataSources {
            data_dir: self.data_dir.clone(),
            hub: Hub::from_env().map(|hub| hub.at(revision)),
            model_folder: None,
        }
    }
}

impl Place {
    fn device(&self, name: &str) -> Result<Device> {
        match self {
            Self::Local => device::parse(name),
            Self::Slurm(_) => device::elsewhere(name),
        }
    }
}

/// The settings in force, with the source of each.
#[derive(Debug)]
pub(crate) struct ResolvedSettings {
    settings: Settings,
}

impl ResolvedSettings {
    /// Puts the layers on top of each other.
    ///
    /// # Errors
    /// If a file cannot be read, or a key, a name or a value is not usable.
    pub(crate) fn new(
        file: Option<&Path>,
        environment: SettingLayer,
        flags: SettingLayer,
    ) -> Result<Self> {
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

    /// From the environment of this process.
    ///
    /// # Errors
    /// As [`ResolvedSettings::new`].
    pub(crate) fn of_process(file: Option<&Path>, flags: SettingLayer) -> Result<Self> {
        let environment = environment::read(|name| std::env::var(name).ok())?;
        Self::new(file, environment, flags)
    }

    /// What the settings mean.
    ///
    /// # Errors
    /// If a name, key or value is not usable, or the grid is empty.
    pub(crate) fn grid(&self) -> Result<GridConfig> {
        let (mut trials, budgets): (Vec<TrialSpec>, Vec<Budget>) =
            trials::expand(self)?.into_iter().unzip();
        let execution = self.execution()?;
        let device = execution.device()?;
        if device == Device::Cpu {
            let threads = u32::try_from(execution.threads).unwrap_or(u32::MAX);
            trials.iter_mut().for_each(|trial| trial.training.threads = threads);
        }
        self.check_arithmetic(&trials, device)?;
        let mut analysis = self.analysis()?;
        self.keep_present(&mut analysis, &trials)?;
        Ok(GridConfig { trials, budgets, analysis, execution })
    }

    /// Refuses a precision or a backend that the device does not have.
    fn check_arithmetic(&self, trials: &[TrialSpec], device: Device) -> Result<()> {
        let located = |key: &str, error: Error| match self.settings.get(&Key::Training(key.into()))
        {
            Some(setting) => error.at(setting.source.to_string()),
            None => error,
        };
        trials.iter().try_for_each(|trial| {
            let (precision, backend) = (trial.training.precision, trial.training.backend);
            device::check(precision, device).map_err(|error| located("precision", error))?;
            dst_sparse::check(backend, precision, device).map_err(|error| located("backend", error))
        })
    }

    /// Where and how trials run.
    ///
    /// # Errors
    /// If a value is not usable, or the device is not there.
    pub(crate) fn execution(&self) -> Result<ExecutionConfig> {
        let settings = &self.settings;
        let located = |error: Error, key: &'static str| match settings.plain(key) {
            Some(setting) => error.at(setting.source.to_string()),
            None => error,
        };
        let place = self.place()?;
        let device_name = settings.text("device").unwrap_or("cpu").to_owned();
        let device = place.device(&device_name).map_err(|error| located(error, "device"))?;
        let cores = match place {
            Place::Local => std::thread::available_parallelism().map_or(1, usize::from),
            // How many a node has is not known: a task asks for those that its trials use.
            Place::Slurm(_) => 1,
        };
        let given = |key| {
            let count = settings.plain(key)?.values.first()?.as_u64()?;
            usize::try_from(count).ok()
        };
        let (jobs, threads) = match (given("jobs"), given("threads")) {
            (Some(jobs), Some(threads)) => (jobs, threads),
            (Some(jobs), None) if !device.is_cuda() => (jobs, 1),
            (Some(jobs), None) => (jobs, (cores / jobs).max(1)),
            // Several trials on one accelerator would only wait for each other.
            (None, threads) if device.is_cuda() => (1, threads.unwrap_or(cores)),
            (None, Some(threads)) => ((cores / threads).max(1), threads),
            (None, None) => (cores, 1),
        };
        let timeout = settings.text("timeout").map(duration).transpose();
        Ok(ExecutionConfig {
            store: settings.text("store").unwrap_or(DEFAULT_STORE).into(),
            data_dir: settings.text("data_dir").map(PathBuf::from),
            hub_revision: settings.text("hub_revision").map(str::to_owned),
            device: device_name,
            jobs,
            threads,
            jobs_asked: given("jobs").is_some(),
            timeout: timeout.map_err(|error| located(error, "timeout"))?,
            keep: settings.text("keep").map(Keep::parse).transpose()?.unwrap_or_default(),
            place,
        })
    }

    /// Who brings trials to their end: whoever says what jobs of a cluster need means a cluster.
    fn place(&self) -> Result<Place> {
        let options = self.settings.plain("slurm");
        match self.settings.text("executor") {
            Some("local") => return Ok(Place::Local),
            None if options.is_none() => return Ok(Place::Local),
            _ => {}
        }
        let mut settings = SlurmSettings::default();
        if let Some(options) = options {
            for text in options.values.iter().filter_map(|value| value.as_str()) {
                settings.add(text).map_err(|error| error.at(options.source.to_string()))?;
            }
        }
        Ok(Place::Slurm(settings))
    }

    /// The settings as a grid file, each with its source as a comment.
    ///
    /// # Errors
    /// If a name is unknown.
    pub(crate) fn to_toml(&self) -> Result<String> {
        print::to_toml(self)
    }

    /// Has somebody set that key?
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.settings.plain(key).is_some()
    }

    fn axes<'a>(&'a self, path: impl Fn(&'a Key) -> Option<&'a KeyPath>) -> Axes<'a> {
        self.settings
            .iter()
            .filter_map(|(key, setting)| Some((path(key)?.clone(), (key, setting))))
            .collect()
    }

    fn axes_of_strategy(&self, wanted: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Strategy(name, path) if name == wanted => Some(path),
            _ => None,
        })
    }

    fn axes_of_model(&self, wanted: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Model(name, path) if name == wanted => Some(path),
            _ => None,
        })
    }

    fn axes_of_dataset(&self, wanted: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Dataset(name, option) if name == wanted => Some(option),
            _ => None,
        })
    }

    fn axes_of_training(&self) -> Axes<'_> {
        self.axes(|key| match key {
            Key::Training(path) => Some(path),
            _ => None,
        })
    }

    /// What is set for the trainings on one data set only.
    fn axes_of_training_on(&self, dataset: &str) -> Axes<'_> {
        self.axes(|key| match key {
            Key::TrainingOn(name, path) if name == dataset => Some(path),
            _ => None,
        })
    }

    /// What is set for the trainings of one strategy only.
    fn axes_of_training_for(&self, strategy: &str) -> Axes<'_> {
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

/// Reads `90`, `90s`, `30m` or `2h`.
fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = match text.find(|c: char| c.is_alphabetic()) {
        Some(at) => (&text[..at], &text[at..]),
        None => (text, "s"),
    };
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let seconds = number.trim().parse::<f64>().map_or(f64::NAN, |number| number * seconds);
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(Error::usage(format!("'{text}' is not a duration"))
            .hint("write for example 90s, 30m or 2h")),
    }
}

#[cfg(test)]
mod tests;
