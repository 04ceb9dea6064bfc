//! Where and how trials run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use dst_core::tch::Device;
use dst_core::{DataSources, Error, Keep, Result, device};
use dst_data::hub::{self, Hub};
use dst_executor::slurm::SlurmSettings;

use crate::ResolvedSettings;
use crate::setting::Key;

/// Where trials are stored unless another place is named.
pub const DEFAULT_STORE: &str = "runs";

/// Where and how trials run. Nothing here changes what a trial is, but for the threads on a CPU, which
/// its training has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionConfig {
    /// The folder of the store.
    pub store: PathBuf,
    /// Where data sets look for their files.
    pub data_dir: Option<PathBuf>,
    /// Where data lie that users bring, by the names that trials have for them.
    pub own_data: BTreeMap<String, PathBuf>,
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

impl Place {
    fn device(&self, name: &str) -> Result<Device> {
        match self {
            Self::Local => device::parse(name),
            Self::Slurm(_) => device::elsewhere(name),
        }
    }
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
            own: self.own_data.clone(),
            ..DataSources::default()
        }
    }
}

impl ExecutionConfig {
    /// The threads that are part of what a training is: those of its operations on a CPU, whose sums
    /// depend on them, and 1 on accelerators.
    pub(crate) fn threads_of_trainings(&self) -> u32 {
        match self.device() {
            Ok(Device::Cpu) => u32::try_from(self.threads).unwrap_or(u32::MAX),
            _ => 1,
        }
    }
}

impl ResolvedSettings {
    /// Where and how trials run.
    ///
    /// # Errors
    /// If a value is not usable, or the device is not there.
    pub fn execution(&self) -> Result<ExecutionConfig> {
        let settings = &self.settings;
        let located = |error: Error, key: &'static str| match settings.plain(key) {
            Some(setting) => setting.locate(&Key::Plain(key), error),
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
            own_data: BTreeMap::new(),
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
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("90").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("1.5m").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("2h").unwrap(), Duration::from_secs(7200));
        for bad in ["0", "-1s", "soon", "5 days", "", "1e300h"] {
            assert!(duration(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
