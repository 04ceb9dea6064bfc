//! Layers of settings, of which the strongest counts.

use std::collections::BTreeMap;

use dst_core::plugin::{DatasetGroup, Plugin, StrategyPlugin};
use dst_core::training::path_of;
use dst_core::{Error, Result};
use serde_json::Value;

use crate::parameters::ParameterSet;
use crate::path::Path;
use crate::plain_key::rival;
use crate::setting::{EVERY, Key, Setting, SettingLayer, Source};

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
        self.forget_rival(&key, &setting)?;
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

    /// What a weaker source says of the sparsity goes, in whatever way it says it.
    fn forget_rival(&mut self, key: &Key, setting: &Setting) -> Result<()> {
        let Key::Plain(name) = *key else { return Ok(()) };
        let Some(rival) = rival(name).map(Key::Plain) else { return Ok(()) };
        match self.entries.get(&rival) {
            Some(other) if other.rank == setting.rank => {
                Err(Error::usage(format!("{key} and {rival} are both set"))
                    .at(format!("{} and {}", other.source, setting.source))
                    .hint("inference_flops chooses the sparsity of each strategy: leave one out"))
            }
            _ => {
                self.entries.remove(&rival);
                Ok(())
            }
        }
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

/// The strategies that have a parameter. A grid that ships may name one that nobody has.
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
    if having.is_empty() && !matches!(setting.source, Source::Shipped(_)) {
        known.sort();
        known.dedup();
        let known = known.iter().map(String::as_str);
        let error = wrong.unwrap_or_else(|| Error::unknown("parameter", path.first(), known));
        return Err(error.at(setting.source.to_string()));
    }
    Ok(having)
}
