//! Settings by key, and where each came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use dst_core::plugin::{DatasetGroup, Plugin, StrategyPlugin};
use dst_core::training::path_of;
use dst_core::{Error, Result};
use serde_json::Value;

use super::axis;
use super::parameters::ParameterSet;
use super::path::Path;

pub(crate) use super::key::{EVERY, Key};

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
    /// Was it given by a key from before components had parameters of their own, such as
    /// `training.momentum`? Those were shared by all components, and each read its own.
    pub(super) is_old_spelling: bool,
}

impl Setting {
    pub(crate) fn new(values: Vec<Value>, source: Source) -> Self {
        Self { values, source, group: None, rank: 0, is_old_spelling: false }
    }

    fn of_group(&self, name: &str) -> Self {
        Self { group: Some(name.to_owned()), ..self.clone() }
    }
}

/// Settings that came together, such as all of one file.
pub(crate) type SettingLayer = Vec<(Key, Setting)>;

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
    ("training.optimizer", "HARNESS_OPTIMIZER"),
    ("training.schedule", "HARNESS_SCHEDULE"),
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
pub(crate) fn environment(get: impl Fn(&str) -> Option<String>) -> Result<SettingLayer> {
    let mut layer = SettingLayer::new();
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
    pub(crate) fn apply(&mut self, layer: SettingLayer) -> Result<()> {
        self.forget_entries(&layer);
        self.layers += 1;
        let rank = self.layers;
        let layer = layer.into_iter().map(|(key, setting)| (key, Setting { rank, ..setting }));
        let (every, named): (SettingLayer, SettingLayer) = layer.partition(|(key, _)| match key {
            Key::Strategy(name, _) | Key::TrainingFor(name, _) => name == EVERY,
            Key::Dataset(name, _) | Key::TrainingOn(name, _) => DatasetGroup::find(name).is_ok(),
            Key::Training(_) => true,
            _ => false,
        });
        let (training, groups): (SettingLayer, SettingLayer) =
            every.into_iter().partition(|(key, _)| matches!(key, Key::Training(_)));
        for (key, setting) in training {
            self.put(key, setting)?;
        }
        for (key, setting) in groups {
            match &key {
                Key::Strategy(_, path) => {
                    for plugin in having(path, &setting)? {
                        let key = Key::Strategy(plugin.name.to_owned(), path.clone());
                        self.put(key, setting.of_group(EVERY))?;
                    }
                }
                Key::TrainingFor(_, path) => {
                    for plugin in StrategyPlugin::all()? {
                        let key = Key::TrainingFor(plugin.name.to_owned(), path.clone());
                        self.put(key, setting.of_group(EVERY))?;
                    }
                }
                Key::Dataset(group, path) => {
                    for member in DatasetGroup::find(group)?.members {
                        let key = Key::Dataset((*member).to_owned(), path.clone());
                        self.put(key, setting.of_group(group))?;
                    }
                }
                Key::TrainingOn(group, path) => {
                    for member in DatasetGroup::find(group)?.members {
                        let key = Key::TrainingOn((*member).to_owned(), path.clone());
                        self.put(key, setting.of_group(group))?;
                    }
                }
                _ => {}
            }
        }
        for (key, setting) in named {
            self.put(key, setting)?;
        }
        Ok(())
    }

    /// Sets a key over weaker sources. A table is set parameter by parameter, and one that is whole
    /// makes weaker sources forget what they have in it.
    ///
    /// # Errors
    /// If one source sets a key twice, in two spellings.
    fn put(&mut self, key: Key, setting: Setting) -> Result<()> {
        let mut split = SplitSetting::default();
        split.add(key, setting)?;
        for whole in &split.whole {
            let rank = split.rank;
            self.entries.retain(|key, weaker| weaker.rank == rank || !key.is_below(whole));
        }
        for key in &split.gone {
            self.entries.retain(|other, weaker| weaker.rank == split.rank || other != key);
        }
        for (key, setting) in split.entries {
            if let Key::Training(path) = &key {
                self.entries.retain(|key, _| match key {
                    Key::TrainingOn(_, own) | Key::TrainingFor(_, own) => own != path,
                    _ => true,
                });
            }
            let twice = self
                .entries
                .get(&key)
                .filter(|earlier| earlier.rank == setting.rank && earlier.group == setting.group);
            if let Some(earlier) = twice {
                return Err(Error::usage(format!("{key} is set twice"))
                    .at(format!("{} and {}", earlier.source, setting.source))
                    .hint("they are two spellings of one key: leave one out"));
            }
            self.entries.insert(key, setting);
        }
        Ok(())
    }

    /// Entries of a table of the analysis go when the layer has the whole table.
    fn forget_entries(&mut self, layer: &SettingLayer) {
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

/// A setting in pieces: one for each parameter of a table.
#[derive(Default)]
struct SplitSetting {
    entries: SettingLayer,
    /// Keys of which nothing that is set below counts any more.
    whole: Vec<Key>,
    /// Keys that do not count themselves any more.
    gone: Vec<Key>,
    rank: usize,
}

impl SplitSetting {
    fn add(&mut self, key: Key, mut setting: Setting) -> Result<()> {
        self.rank = setting.rank;
        let Some((parameters, path)) = ParameterSet::of(&key) else {
            self.entries.push((key, setting));
            return Ok(());
        };
        if let Some(place) = place_of_old_spelling(&key, &parameters) {
            setting.is_old_spelling = true;
            self.entries.push((key.at(place), setting));
            return Ok(());
        }
        let node = parameters.node(path);
        let variants = node.and_then(|node| node.variants());
        let tag = variants.map(|(tag, _)| tag);
        if let Some(tag) = tag
            && !setting.values.is_empty()
            && setting.values.iter().all(Value::is_string)
        {
            // Names alone choose, and leave what is set of the parameters.
            self.gone.push(key.clone());
            self.entries.push((key.at(path.child(tag)), setting));
            return Ok(());
        }
        let Some(node) = node.filter(|node| node.is_table()) else {
            self.entries.push((key, setting));
            return Ok(());
        };
        let (table, path) = match &setting.values[..] {
            [Value::Object(table)] => (table.clone(), path.clone()),
            // Several tables are an axis, each of them whole.
            _ => {
                self.whole.push(key.clone());
                self.entries.push((key, setting));
                return Ok(());
            }
        };
        // Without a name it is a part of whatever is named elsewhere.
        if tag.is_none_or(|tag| table.contains_key(tag)) {
            self.whole.push(key.clone());
        }
        self.gone.push(key.clone());
        for (name, value) in table {
            let place = path.child(&name);
            let is_list = node.child(&name).is_some_and(|field| field.is_list());
            let values = match value {
                Value::Array(list) if !is_list || list.iter().any(Value::is_array) => list,
                value => vec![value],
            };
            self.add(key.at(place), Setting { values, ..setting.clone() })?;
        }
        Ok(())
    }
}

/// Where a key of trainings is now that was written when components had no parameters of their own.
fn place_of_old_spelling(key: &Key, parameters: &ParameterSet) -> Option<Path> {
    let path = key.path().filter(|path| key.is_training() && path.parent().is_none())?;
    if parameters.defaults().contains_key(path.first()) {
        return None;
    }
    path_of(path.first()).map(Path::new)
}

/// The strategies that have a parameter. A preset may name one that nobody has.
fn having(path: &Path, setting: &Setting) -> Result<Vec<&'static StrategyPlugin>> {
    let mut known = Vec::new();
    let mut having = Vec::new();
    // Where the path goes wrong in a strategy that has its first key.
    let mut wrong = None;
    for plugin in StrategyPlugin::all()? {
        let parameters = ParameterSet::strategy(plugin.name)?;
        match parameters.check_values(path, &setting.values) {
            Ok(()) => having.push(*plugin),
            Err(error) if parameters.defaults().contains_key(path.first()) => wrong = Some(error),
            Err(_) => {}
        }
        known.extend(parameters.defaults().keys().cloned());
    }
    if having.is_empty() && !matches!(setting.source, Source::Preset(_)) {
        known.sort();
        known.dedup();
        let known = known.iter().map(String::as_str);
        let error = wrong.unwrap_or_else(|| Error::unknown("parameter", path.first(), known));
        return Err(error.at(setting.source.to_string()));
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
