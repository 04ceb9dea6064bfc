//! Keys of settings.

use std::fmt;

use dst_core::plugin::{DatasetGroup, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_core::{Error, Result};

use crate::path::{self, Path, quoted};

/// What a setting is about. Its text is its path in a grid file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// One of [`PLAIN_KEYS`].
    Plain(&'static str),
    /// `training.<path>`
    Training(Path),
    /// `analysis.<key>`, or `<key>.<name>` for one entry of a table, such as `margins.glue/rte`.
    Analysis(String),
    /// `model.<name>.<path>`
    Model(String, Path),
    /// `strategy.<name>.<path>`; the name `*` means every strategy that has such a parameter.
    Strategy(String, Path),
    /// `dataset.<name>.<path>`; the name of a group means every data set in it.
    Dataset(String, Path),
    /// `dataset.<name>.training.<path>`: how trials on that data set train.
    TrainingOn(String, Path),
    /// `strategy.<name>.training.<path>`: how trials of that strategy train; the name `*` means every
    /// strategy.
    TrainingFor(String, Path),
}

/// The name of a strategy that stands for all of them.
pub(crate) const EVERY: &str = "*";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(key) => f.write_str(key),
            Self::Training(key) => write!(f, "training.{key}"),
            Self::Analysis(key) => write!(f, "analysis.{key}"),
            Self::Model(name, key) => write!(f, "model.{}.{key}", quoted(name)),
            Self::Strategy(name, key) => write!(f, "strategy.{name}.{key}"),
            Self::Dataset(name, key) => write!(f, "dataset.{}.{key}", quoted(name)),
            Self::TrainingOn(name, key) => {
                write!(f, "dataset.{}.training.{key}", quoted(name))
            }
            Self::TrainingFor(name, key) => write!(f, "strategy.{name}.training.{key}"),
        }
    }
}

impl Key {
    /// The key that `--set` names: `rigl.drop_fraction`, `mlp.hidden`, `cifar10.rotation`,
    /// `training.epochs`, `glue/sst2.training.epochs`, `rigl.training.epochs`,
    /// `analysis.margins.glue/rte`, or a path as in a grid file.
    ///
    /// # Errors
    /// If no prefix is given, or none of that name is known.
    pub(crate) fn typed(path: &str) -> Result<Self> {
        if let Some(path) = path.trim().strip_prefix("analysis.") {
            let parts: Vec<&str> = path.splitn(2, '.').map(|part| part.trim_matches('"')).collect();
            return Ok(Self::Analysis(parts.join(".")));
        }
        let keys = path::split(path)?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let below = |keys: &[&str]| Path::new(keys.iter().copied());
        let own = |name: &str| name.to_owned();
        match keys[..] {
            ["training", ref path @ ..] if !path.is_empty() => Ok(Self::Training(below(path))),
            ["strategy", name, "training", ref path @ ..] if !path.is_empty() => {
                Ok(Self::TrainingFor(own(name), below(path)))
            }
            ["strategy", name, ref path @ ..] if !path.is_empty() => {
                Ok(Self::Strategy(own(name), below(path)))
            }
            ["model", name, ref path @ ..] if !path.is_empty() => {
                Ok(Self::Model(own(name), below(path)))
            }
            ["dataset", name, "training", ref path @ ..] if !path.is_empty() => {
                Ok(Self::TrainingOn(own(name), below(path)))
            }
            ["dataset", name, ref path @ ..] if !path.is_empty() => {
                Ok(Self::Dataset(own(name), below(path)))
            }
            // What a training is made of is found without its prefix too.
            ["optimizer" | "schedule", ..] => Ok(Self::Training(below(&keys))),
            [EVERY, "training", ref path @ ..] if !path.is_empty() => {
                Ok(Self::TrainingFor(own(EVERY), below(path)))
            }
            [name, "training", ref path @ ..] if !path.is_empty() => {
                let strategies = StrategyPlugin::all()?.iter().map(|plugin| plugin.name);
                let datasets = DatasetPlugin::all()?.iter().map(|plugin| plugin.name);
                let datasets = datasets.chain(DatasetGroup::all()?.iter().map(|group| group.name));
                if strategies.clone().any(|known| known == name) {
                    Ok(Self::TrainingFor(own(name), below(path)))
                } else if datasets.clone().any(|known| known == name) {
                    Ok(Self::TrainingOn(own(name), below(path)))
                } else {
                    let known = strategies.chain(datasets);
                    Err(Error::unknown("strategy or data set", name, known))
                }
            }
            [EVERY, ref path @ ..] if !path.is_empty() => {
                Ok(Self::Strategy(own(EVERY), below(path)))
            }
            [name, ref path @ ..] if !path.is_empty() => {
                let strategies = StrategyPlugin::all()?.iter().map(|plugin| plugin.name);
                let models = ModelPlugin::all()?.iter().map(|plugin| plugin.name);
                let datasets = DatasetPlugin::all()?.iter().map(|plugin| plugin.name);
                let groups = DatasetGroup::all()?.iter().map(|group| group.name);
                let datasets = datasets.chain(groups);
                if strategies.clone().any(|known| known == name) {
                    Ok(Self::Strategy(own(name), below(path)))
                } else if models.clone().any(|known| known == name) {
                    Ok(Self::Model(own(name), below(path)))
                } else if datasets.clone().any(|known| known == name) {
                    Ok(Self::Dataset(own(name), below(path)))
                } else {
                    let known = ["training", "analysis", "optimizer", "schedule"].into_iter();
                    let known = known.chain(strategies).chain(models).chain(datasets);
                    Err(Error::unknown("prefix", name, known))
                }
            }
            _ => Err(Error::usage(format!("'{path}' does not say what it belongs to"))
                .hint("write for example rigl.drop_fraction, mlp.hidden or training.epochs")),
        }
    }

    /// The key of another path in the same thing.
    pub(crate) fn at(&self, path: Path) -> Self {
        match self {
            Self::Training(_) => Self::Training(path),
            Self::Model(name, _) => Self::Model(name.clone(), path),
            Self::Strategy(name, _) => Self::Strategy(name.clone(), path),
            Self::Dataset(name, _) => Self::Dataset(name.clone(), path),
            Self::TrainingOn(name, _) => Self::TrainingOn(name.clone(), path),
            Self::TrainingFor(name, _) => Self::TrainingFor(name.clone(), path),
            Self::Plain(_) | Self::Analysis(_) => self.clone(),
        }
    }

    /// The path in whatever the key belongs to, if it has one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Training(path)
            | Self::Model(_, path)
            | Self::Strategy(_, path)
            | Self::Dataset(_, path)
            | Self::TrainingOn(_, path)
            | Self::TrainingFor(_, path) => Some(path),
            Self::Plain(_) | Self::Analysis(_) => None,
        }
    }

    /// Does it say how trials train, all of them or some?
    pub(crate) fn is_training(&self) -> bool {
        matches!(self, Self::Training(_) | Self::TrainingOn(..) | Self::TrainingFor(..))
    }

    /// What is set for the trainings of one strategy is more special than what is set for those on a
    /// data set, and that than what is set for all.
    pub(crate) fn specificity(&self) -> u8 {
        match self {
            Self::TrainingFor(..) => 2,
            Self::TrainingOn(..) => 1,
            _ => 0,
        }
    }

    /// Is it below `other`, in the same thing or, for a training, in one of fewer trials?
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        let (Some(own), Some(outer)) = (self.path(), other.path()) else { return false };
        let is_same = self.at(outer.clone()) == *other;
        let is_part = matches!(other, Self::Training(_)) && self.is_training();
        (is_same || is_part) && own.is_below(outer)
    }
}
