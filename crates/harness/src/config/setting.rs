//! Settings by key, and where each came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use dst_core::plugin::{DatasetGroup, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_core::{Error, Result};
use serde_json::Value;

use super::axis;

/// What a setting is about. Its text is its path in a grid file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// One of [`PLAIN_KEYS`].
    Plain(&'static str),
    /// `training.<key>`
    Training(String),
    /// `analysis.<key>`, or `<key>.<name>` for one entry of a table, such as `margins.glue/rte`.
    Analysis(String),
    /// `model.<name>.<key>`
    Model(String, String),
    /// `strategy.<name>.<key>`; the name `*` means every strategy that has such a parameter.
    Strategy(String, String),
    /// `dataset.<name>.<key>`; the name of a group means every data set in it.
    Dataset(String, String),
    /// `dataset.<name>.training.<key>`: how trials on that data set train.
    TrainingOn(String, String),
    /// `strategy.<name>.training.<key>`: how trials of that strategy train; the name `*` means every
    /// strategy.
    TrainingFor(String, String),
}

/// The name of a strategy that stands for all of them.
pub(crate) const EVERY: &str = "*";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(key) => f.write_str(key),
            Self::Training(key) => write!(f, "training.{key}"),
            Self::Analysis(key) => write!(f, "analysis.{key}"),
            Self::Model(name, key) => write!(f, "model.{name}.{key}"),
            Self::Strategy(name, key) => write!(f, "strategy.{name}.{key}"),
            Self::Dataset(name, key) => write!(f, "dataset.{}.{key}", quoted(name)),
            Self::TrainingOn(name, key) => {
                write!(f, "dataset.{}.training.{key}", quoted(name))
            }
            Self::TrainingFor(name, key) => write!(f, "strategy.{name}.training.{key}"),
        }
    }
}

/// A name as a part of a key: TOML wants quotes around a slash.
pub(super) fn quoted(name: &str) -> String {
    if name.contains('/') { format!("\"{name}\"") } else { name.to_owned() }
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
        let parts: Vec<&str> = path.trim().split('.').collect();
        let own = |part: &str| part.to_owned();
        match parts[..] {
            ["training", key] => Ok(Self::Training(own(key))),
            ["strategy", name, "training", key] => Ok(Self::TrainingFor(own(name), own(key))),
            ["strategy", name, key] => Ok(Self::Strategy(own(name), own(key))),
            ["model", name, key] => Ok(Self::Model(own(name), own(key))),
            ["dataset", name, key] => Ok(Self::Dataset(own(name.trim_matches('"')), own(key))),
            ["dataset", name, "training", key] => {
                Ok(Self::TrainingOn(own(name.trim_matches('"')), own(key)))
            }
            [EVERY, "training", key] => Ok(Self::TrainingFor(own(EVERY), own(key))),
            [name, "training", key] => {
                let strategies = StrategyPlugin::all()?.iter().map(|plugin| plugin.name);
                let datasets = DatasetPlugin::all()?.iter().map(|plugin| plugin.name);
                let datasets = datasets.chain(DatasetGroup::all()?.iter().map(|group| group.name));
                if strategies.clone().any(|known| known == name) {
                    Ok(Self::TrainingFor(own(name), own(key)))
                } else if datasets.clone().any(|known| known == name) {
                    Ok(Self::TrainingOn(own(name), own(key)))
                } else {
                    let known = strategies.chain(datasets);
                    Err(Error::unknown("strategy or data set", name, known))
                }
            }
            [EVERY, key] => Ok(Self::Strategy(own(EVERY), own(key))),
            [name, key] => {
                let strategies = StrategyPlugin::all()?.iter().map(|plugin| plugin.name);
                let models = ModelPlugin::all()?.iter().map(|plugin| plugin.name);
                let datasets = DatasetPlugin::all()?.iter().map(|plugin| plugin.name);
                let groups = DatasetGroup::all()?.iter().map(|group| group.name);
                let datasets = datasets.chain(groups);
                if strategies.clone().any(|known| known == name) {
                    Ok(Self::Strategy(own(name), own(key)))
                } else if models.clone().any(|known| known == name) {
                    Ok(Self::Model(own(name), own(key)))
                } else if datasets.clone().any(|known| known == name) {
                    Ok(Self::Dataset(own(name), own(key)))
                } else {
                    let known = ["training", "analysis"].into_iter().chain(strategies);
                    Err(Error::unknown("prefix", name, known.chain(models).chain(datasets)))
                }
            }
            _ => Err(Error::usage(format!("'{path}' does not say what it belongs to"))
                .hint("write for example rigl.drop_fraction, mlp.hidden or training.epochs")),
        }
    }
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody set it.
    Default,
    /// A preset.
    Preset(String),
    /// A grid file.
    File(PathBuf),
    /// An environment variable.
    Environment(&'static str),
    /// The command line; what was typed.
    Flag(String),
    /// It follows from other settings; why.
    Derived(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(typed) => f.write_str(typed),
            Self::Derived(why) => write!(f, "because {why}"),
        }
    }
}

/// The values of one key: one, or several as an axis of the grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// In the order given.
    pub(crate) values: Vec<Value>,
    /// Where they came from.
    pub(crate) source: Source,
    /// The group of data sets that it was given for, or [`EVERY`] for all strategies, if it was not
    /// given for its key by name.
    pub(crate) group: Option<String>,
    /// Of two settings, the one of the stronger source has the higher rank.
    pub(super) rank: usize,
}

impl Setting {
    pub(crate) fn new(values: Vec<Value>, source: Source) -> Self {
        Self { values, source, group: None, rank: 0 }
    }

    fn of_group(&self, name: &str) -> Self {
        Self { group: Some(name.to_owned()), ..self.clone() }
    }
}

/// Settings that came together, such as all of one file.
pub(crate) type Layer = Vec<(Key, Setting)>;

/// A key without a table, and how it is given elsewhere.
pub(crate) struct PlainKey {
    /// As in a grid file.
    pub(crate) name: &'static str,
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// Reads its list of values.
    pub(crate) parse: fn(&str) -> Result<Vec<Value>>,
    /// Is one value enough?
    pub(crate) single: bool,
}

/// All keys without a table.
pub(crate) const PLAIN_KEYS: &[PlainKey] = &[
    PlainKey { name: "preset", variable: "HARNESS_PRESET", parse: text, single: true },
    PlainKey {
        name: "strategies",
        variable: "HARNESS_STRATEGIES",
        parse: axis::names,
        single: false,
    },
    PlainKey { name: "datasets", variable: "HARNESS_DATASETS", parse: axis::names, single: false },
    PlainKey { name: "models", variable: "HARNESS_MODELS", parse: axis::names, single: false },
    PlainKey {
        name: "sparsity",
        variable: "HARNESS_SPARSITY",
        parse: axis::sparsities,
        single: false,
    },
    PlainKey { name: "seeds", variable: "HARNESS_SEEDS", parse: axis::seeds, single: false },
    PlainKey { name: "store", variable: "HARNESS_STORE", parse: text, single: true },
    PlainKey { name: "data_dir", variable: "HARNESS_DATA", parse: text, single: true },
    PlainKey { name: "hub_revision", variable: "HARNESS_HUB_REVISION", parse: text, single: true },
    PlainKey { name: "device", variable: "HARNESS_DEVICE", parse: text, single: true },
    PlainKey { name: "jobs", variable: "HARNESS_JOBS", parse: count, single: true },
    PlainKey { name: "threads", variable: "HARNESS_THREADS", parse: count, single: true },
    PlainKey { name: "timeout", variable: "HARNESS_TIMEOUT", parse: text, single: true },
];

/// Keys of tables that have a variable and a flag of their own.
pub(crate) const SHORTCUTS: &[(&str, &str)] = &[
    ("training.epochs", "HARNESS_EPOCHS"),
    ("training.batch_size", "HARNESS_BATCH_SIZE"),
    ("training.learning_rate", "HARNESS_LEARNING_RATE"),
    ("training.precision", "HARNESS_PRECISION"),
    ("analysis.margin", "HARNESS_MARGIN"),
    ("analysis.alpha", "HARNESS_ALPHA"),
    ("analysis.control", "HARNESS_CONTROL"),
];

/// The plain key of that name.
///
/// # Errors
/// If there is none; the nearest is suggested.
pub(crate) fn plain(name: &str) -> Result<&'static PlainKey> {
    PLAIN_KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        let tables = ["training", "analysis", "strategy", "model", "dataset"];
        Error::unknown("key", name, PLAIN_KEYS.iter().map(|key| key.name).chain(tables))
    })
}

impl PlainKey {
    /// The setting that `text` gives.
    ///
    /// # Errors
    /// If it cannot be read, or one value is expected and several are given.
    pub(crate) fn setting(&self, text: &str, source: Source) -> Result<(Key, Setting)> {
        let values = (self.parse)(text).map_err(|error| error.at(source.to_string()))?;
        if self.single && values.len() != 1 {
            return Err(
                Error::usage(format!("{} takes one value", self.name)).at(source.to_string())
            );
        }
        Ok((Key::Plain(self.name), Setting::new(values, source)))
    }
}

fn text(text: &str) -> Result<Vec<Value>> {
    if text.is_empty() {
        return Err(Error::usage("a value is missing"));
    }
    Ok(vec![Value::from(text)])
}

fn count(text: &str) -> Result<Vec<Value>> {
    match text.trim().parse::<u32>() {
        Ok(count) if count > 0 => Ok(vec![Value::from(count)]),
        _ => Err(Error::usage(format!("'{text}' is not a whole number from 1 on"))),
    }
}

/// What the environment sets.
///
/// # Errors
/// If a value cannot be read.
pub(crate) fn environment(get: impl Fn(&str) -> Option<String>) -> Result<Layer> {
    let mut layer = Layer::new();
    for key in PLAIN_KEYS {
        if let Some(text) = get(key.variable).filter(|text| !text.is_empty()) {
            layer.push(key.setting(&text, Source::Environment(key.variable))?);
        }
    }
    for (path, variable) in SHORTCUTS {
        if let Some(text) = get(variable).filter(|text| !text.is_empty()) {
            let values = axis::values(&text).map_err(|error| error.at(*variable))?;
            let (key, source) = (Key::typed(path)?, Source::Environment(variable));
            let values = as_one_list(&key, values);
            layer.push((key, Setting::new(values, source)));
        }
    }
    Ok(layer)
}

/// Several values of a parameter of the analysis that is a list are that list: it has no axes.
pub(crate) fn as_one_list(key: &Key, values: Vec<Value>) -> Vec<Value> {
    let is_list = matches!(key, Key::Analysis(_)) && super::parameters::takes_list(key);
    if is_list && !values.iter().any(Value::is_array) { vec![Value::Array(values)] } else { values }
}

/// Variables that look like a mistyped one of ours: `(typed, meant)`.
pub(crate) fn mistyped(variables: impl Iterator<Item = String>) -> Vec<(String, &'static str)> {
    let known: Vec<&'static str> = PLAIN_KEYS
        .iter()
        .map(|key| key.variable)
        .chain(SHORTCUTS.iter().map(|(_, variable)| *variable))
        .collect();
    variables
        .filter(|name| name.starts_with("HARNESS_") && !known.contains(&name.as_str()))
        .filter_map(|name| {
            let meant = dst_core::error::nearest(&name, &known)?;
            // The shared prefix makes short names look near: HARNESS_HOME is not HARNESS_SEEDS.
            let close = dst_core::error::nearest(&name[8..], &[&meant[8..]]).is_some();
            close.then_some((name, meant))
        })
        .collect()
}

/// All settings, the strongest of each key.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    entries: BTreeMap<Key, Setting>,
    /// How many layers were put on top of each other.
    layers: usize,
}

impl Settings {
    /// Puts a stronger layer on top. In it, `strategy.*.key` reaches every strategy with such a
    /// parameter, `dataset.<group>.key` every data set of the group, and `training.key` every trial,
    /// that the layer does not set by name. Of one layer, how a strategy trains is stronger than how
    /// trials on a data set do.
    ///
    /// # Errors
    /// If no strategy has a parameter.
    pub(crate) fn apply(&mut self, layer: Layer) -> Result<()> {
        self.forget_entries(&layer);
        self.layers += 1;
        let rank = self.layers;
        let layer = layer.into_iter().map(|(key, setting)| (key, Setting { rank, ..setting }));
        let (every, named): (Layer, Layer) = layer.partition(|(key, _)| match key {
            Key::Strategy(name, _) | Key::TrainingFor(name, _) => name == EVERY,
            Key::Dataset(name, _) | Key::TrainingOn(name, _) => DatasetGroup::find(name).is_ok(),
            Key::Training(_) => true,
            _ => false,
        });
        let (training, groups): (Layer, Layer) =
            every.into_iter().partition(|(key, _)| matches!(key, Key::Training(_)));
        for (key, setting) in training {
            if let Key::Training(parameter) = &key {
                self.entries.retain(|key, _| match key {
                    Key::TrainingOn(_, own) | Key::TrainingFor(_, own) => own != parameter,
                    _ => true,
                });
            }
            self.entries.insert(key, setting);
        }
        for (key, setting) in groups {
            match &key {
                Key::Strategy(_, parameter) => {
                    for plugin in having(parameter, &setting)? {
                        let key = Key::Strategy(plugin.name.to_owned(), parameter.clone());
                        self.entries.insert(key, setting.of_group(EVERY));
                    }
                }
                Key::TrainingFor(_, parameter) => {
                    for plugin in StrategyPlugin::all()? {
                        let key = Key::TrainingFor(plugin.name.to_owned(), parameter.clone());
                        self.entries.insert(key, setting.of_group(EVERY));
                    }
                }
                Key::Dataset(group, option) => {
                    for member in DatasetGroup::find(group)?.members {
                        let key = Key::Dataset((*member).to_owned(), option.clone());
                        self.entries.insert(key, setting.of_group(group));
                    }
                }
                Key::TrainingOn(group, parameter) => {
                    for member in DatasetGroup::find(group)?.members {
                        let key = Key::TrainingOn((*member).to_owned(), parameter.clone());
                        self.entries.insert(key, setting.of_group(group));
                    }
                }
                _ => {}
            }
        }
        self.entries.extend(named);
        Ok(())
    }

    /// Entries of a table of the analysis go when the layer has the whole table.
    fn forget_entries(&mut self, layer: &Layer) {
        let is_whole = |name: &str| {
            layer.iter().any(|(key, _)| matches!(key, Key::Analysis(whole) if whole == name))
        };
        self.entries.retain(|key, _| match key {
            Key::Analysis(path) => !path.split_once('.').is_some_and(|(table, _)| is_whole(table)),
            _ => true,
        });
    }

    /// Adds a setting that follows from others.
    pub(crate) fn derive(&mut self, key: Key, value: Value, why: String) {
        self.entries.insert(key, Setting::new(vec![value], Source::Derived(why)));
    }

    /// The setting of a key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Setting> {
        self.entries.get(key)
    }

    /// The setting of a plain key.
    pub(crate) fn plain(&self, name: &'static str) -> Option<&Setting> {
        self.get(&Key::Plain(name))
    }

    /// The single text or number of a plain key.
    pub(crate) fn text(&self, name: &'static str) -> Option<&str> {
        self.plain(name)?.values.first()?.as_str()
    }

    /// All settings in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Setting)> {
        self.entries.iter()
    }
}

/// The strategies that have a parameter. A preset may name one that nobody has.
fn having(parameter: &str, setting: &Setting) -> Result<Vec<&'static StrategyPlugin>> {
    let mut known = Vec::new();
    let mut having = Vec::new();
    for plugin in StrategyPlugin::all()? {
        let keys = super::parameters::defaults_of_strategy(plugin)?;
        if keys.contains_key(parameter) {
            having.push(*plugin);
        }
        known.extend(keys.into_iter().map(|(key, _)| key));
    }
    if having.is_empty() && !matches!(setting.source, Source::Preset(_)) {
        known.sort();
        known.dedup();
        let known = known.iter().map(String::as_str);
        return Err(Error::unknown("parameter", parameter, known).at(setting.source.to_string()));
    }
    Ok(having)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_look_mistyped_are_noticed() {
        let typed = ["HARNESS_STRATEGY", "HARNESS_SEEDS", "HARNESS_HOME", "SEED"];
        let found = mistyped(typed.into_iter().map(str::to_owned));
        assert_eq!(found, [("HARNESS_STRATEGY".to_owned(), "HARNESS_STRATEGIES")]);
    }

    #[test]
    fn the_environment_is_read_by_the_same_rules() {
        let get = |name: &str| (name == "HARNESS_SEEDS").then(|| "0..2".to_owned());
        let layer = environment(get).unwrap();
        assert_eq!(layer.len(), 1);
        assert_eq!(layer[0].1.values, [0, 1]);
        let error = environment(|name| (name == "HARNESS_JOBS").then(|| "no".to_owned()));
        let error = error.unwrap_err().to_string();
        assert_eq!(error, "HARNESS_JOBS: 'no' is not a whole number from 1 on");
    }
}
