//! Parameters of plug-ins, of training and of the analysis: from axes to checked configs.

mod tables;

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::Analysis;
use dst_core::plugin::{self, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_core::training::path_of;
use dst_core::{Error, Result, Training, text};
use dst_train::{OptimizerPlugin, SchedulePlugin};
use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};

use crate::path::Path;
use crate::schema::{self, Node, inlined};
use crate::setting::{Key, Setting};
use crate::trials;
use tables::Tables;

/// Makes a complete config from some of its parameters.
type Build = Box<dyn Fn(&Map<String, Value>) -> Result<Value>>;

/// Something with parameters.
pub struct ParameterSet {
    defaults: Map<String, Value>,
    schema: Schema,
    build: Build,
}

/// Axes of one set by path.
pub(crate) type Axes<'a> = BTreeMap<Path, (&'a Key, &'a Setting)>;

/// One value of each axis, by path: what is above something comes before it.
type Combination<'a> = BTreeMap<&'a Path, &'a Value>;

impl ParameterSet {
    /// The strategy `name`.
    pub fn strategy(name: &str) -> Result<Self> {
        let plugin = StrategyPlugin::find(name)?;
        Ok(Self {
            defaults: parameters_of(&(plugin.default)(), &(plugin.schema)())?,
            schema: (plugin.schema)(),
            build: Box::new(|given| {
                let strategy = plugin::strategy(plugin.name, given)?;
                to_value(&strategy)
            }),
        })
    }

    /// The architecture `name`.
    pub fn model(name: &str) -> Result<Self> {
        let plugin = ModelPlugin::find(name)?;
        Ok(Self {
            defaults: parameters_of(&(plugin.default)(), &(plugin.schema)())?,
            schema: (plugin.schema)(),
            build: Box::new(|given| to_value(&plugin::architecture(plugin.name, given)?)),
        })
    }

    /// The data set `name`. Its configs hold only the options that are not at their default, as
    /// a specification does.
    pub fn dataset(name: &str) -> Result<Self> {
        let plugin = DatasetPlugin::find(name)?;
        Ok(Self {
            defaults: plugin.options.default()?,
            schema: plugin.options.schema(),
            build: Box::new(|given| plugin::dataset_options(plugin.name, given).map(Value::Object)),
        })
    }

    /// The optimiser `name` by itself; in a grid its parameters are those of a training.
    pub fn optimizer(name: &str) -> Result<Self> {
        let plugin = OptimizerPlugin::find(name)?;
        Ok(Self {
            defaults: plugin.parameters.defaults()?,
            schema: plugin.parameters.schema(),
            build: Box::new(|given| plugin.parameters.complete(given).map(Value::Object)),
        })
    }

    /// The schedule of the learning rate `name`, as [`ParameterSet::optimizer`].
    pub fn schedule(name: &str) -> Result<Self> {
        let plugin = SchedulePlugin::find(name)?;
        Ok(Self {
            defaults: plugin.parameters.defaults()?,
            schema: plugin.parameters.schema(),
            build: Box::new(|given| plugin.parameters.complete(given).map(Value::Object)),
        })
    }

    /// How trials train.
    pub fn training() -> Result<Self> {
        let mut schema = schema_for!(Training).to_value();
        let mut defaults = parameters_of(&Training::default(), &schema_for!(Training))?;
        // Whatever the form of files is, parameters of a component are below its key.
        defaults.retain(|key, _| path_of(key).is_none());
        let default = Training::default();
        let optimizers = OptimizerPlugin::all()?.iter();
        let optimizers = optimizers.map(|p| variant(p.name, p.summary, p.parameters.schema()));
        let schedules = SchedulePlugin::all()?.iter();
        let schedules = schedules.map(|p| variant(p.name, p.summary, p.parameters.schema()));
        for (key, variants, default) in [
            ("optimizer", optimizers.collect::<Vec<_>>(), default.optimizer),
            ("schedule", schedules.collect(), default.schedule),
        ] {
            let property = &mut schema["properties"][key];
            let own = property["description"].as_str().unwrap_or_default();
            let description = format!("{own} `harness describe NAME` has those of each.");
            *property = json!({ "description": description, "oneOf": variants });
            defaults.insert(key.to_owned(), Value::Object(default.table()));
        }
        let schema = Schema::try_from(schema)
            .map_err(|error| Error::contract(format!("no schema of training: {error}")))?;
        let base = defaults.clone();
        Ok(Self {
            defaults,
            schema,
            build: Box::new(move |given| {
                let training: Training = from_value(over(&base, given))?;
                to_value(&dst_train::complete(training)?)
            }),
        })
    }

    /// How trials are compared, with `defaults` for what is not set.
    pub fn analysis(defaults: &Analysis) -> Result<Self> {
        let schema = schema_for!(Analysis);
        let defaults = parameters_of(defaults, &schema)?;
        let base = defaults.clone();
        Ok(Self {
            defaults,
            schema,
            build: Box::new(move |given| {
                let analysis: Analysis = from_value(over(&base, given))?;
                analysis.validate()?;
                to_value(&analysis)
            }),
        })
    }

    /// That to which a key belongs, with the path in it; none if there is no such thing, or it has no
    /// paths.
    pub(crate) fn of(key: &Key) -> Option<(Self, &Path)> {
        let (parameters, path) = match key {
            Key::Strategy(name, path) => (Self::strategy(name), path),
            Key::Model(name, path) => (Self::model(name), path),
            Key::Dataset(name, path) => (Self::dataset(name), path),
            Key::Training(path) | Key::TrainingOn(_, path) | Key::TrainingFor(_, path) => {
                (Self::training(), path)
            }
            Key::Analysis(_) | Key::Plain(_) => return None,
        };
        // An unknown name is reported later, with a suggestion.
        Some((parameters.ok()?, path))
    }

    /// The default of every parameter.
    pub(crate) fn defaults(&self) -> &Map<String, Value> {
        &self.defaults
    }

    /// The parameters with types and documentation.
    pub fn parameters(&self) -> Vec<schema::Parameter> {
        schema::parameters(&self.schema, &self.defaults)
    }

    /// What the schema says of the place at a path; none if there is no such place.
    pub(crate) fn node(&self, path: &Path) -> Option<Node<'_>> {
        Node::of(self.schema.as_value()).descend(path.keys())
    }

    /// Is the value there a list, so that an array is not an axis?
    pub(crate) fn is_list(&self, path: &Path) -> bool {
        match path.parent() {
            None => self.defaults.get(path.first()).is_some_and(Value::is_array),
            Some(_) => self.node(path).is_some_and(Node::is_list),
        }
    }

    /// Is the path that of the key that says which variant its table is, such as `optimizer.name`?
    pub(crate) fn is_tag(&self, path: &Path) -> bool {
        let variants = path.parent().and_then(|parent| self.node(&parent)?.variants());
        variants.is_some_and(|(tag, _)| tag == path.last())
    }

    /// Is there such a parameter?
    ///
    /// # Errors
    /// If there is not: what is known at the level where the path goes wrong, and the nearest of it.
    pub(crate) fn check_path(&self, path: &Path) -> Result<()> {
        if !self.defaults.contains_key(path.first()) {
            let known = self.defaults.keys().map(String::as_str);
            return Err(Error::unknown("parameter", path.first(), known));
        }
        // Analysis has tables of names that its schema does not list.
        let Some(mut node) = Node::of(self.schema.as_value()).child(path.first()) else {
            return Ok(());
        };
        for (depth, key) in path.keys().iter().enumerate().skip(1) {
            let above = Path::new(path.keys()[..depth].iter().cloned());
            node = match node.child(key) {
                Some(below) => below,
                None if node.is_table() => {
                    return Err(Error::unknown("parameter", key, node.fields().into_keys())
                        .at(above.to_string()));
                }
                None => {
                    let kind = schema::kind_of(node);
                    return Err(Error::usage(format!("there is no '{key}' below {above}")).hint(
                        format!("{above} is one value ({kind}), and no table of parameters"),
                    ));
                }
            };
        }
        Ok(())
    }

    /// Is there such a parameter, with everything that tables among its values have?
    ///
    /// # Errors
    /// As [`ParameterSet::check_path`].
    pub(crate) fn check_values(&self, path: &Path, values: &[Value]) -> Result<()> {
        self.check_path(path)?;
        for (key, value) in values.iter().filter_map(Value::as_object).flatten() {
            self.check_values(&path.child(key), std::slice::from_ref(value))?;
        }
        Ok(())
    }

    /// Every combination of the axes as a complete, checked config, each once.
    ///
    /// # Errors
    /// If a key is unknown, or a value is of the wrong type or out of range; the error says
    /// which one and where it came from.
    pub(crate) fn expand(&self, axes: &Axes<'_>) -> Result<Vec<Value>> {
        for (path, (key, setting)) in axes {
            self.check(path, setting).map_err(|error| setting.locate(key, error))?;
        }
        // Each is a trial or more, and is refused before it takes memory.
        let mut counts = axes.values().map(|(_, setting)| setting.values.len());
        trials::check_count(counts.try_fold(1, usize::checked_mul))?;
        let mut combinations = vec![Combination::new()];
        for (path, (_, setting)) in axes {
            combinations = combinations
                .iter()
                .flat_map(|combination| {
                    setting.values.iter().map(|value| {
                        let mut longer = combination.clone();
                        longer.insert(path, value);
                        longer
                    })
                })
                .collect();
        }
        let mut seen = BTreeSet::new();
        let mut configs = Vec::new();
        for combination in &combinations {
            let config = self.config(combination, axes);
            let config = config.map_err(|error| self.blame(combination, axes, error))?;
            if seen.insert(config.to_string()) {
                configs.push(config);
            }
        }
        Ok(configs)
    }

    /// The complete, checked config of some parameters.
    ///
    /// # Errors
    /// As [`ParameterSet::expand`].
    pub(crate) fn complete(&self, given: &Map<String, Value>) -> Result<Value> {
        (self.build)(given)
    }

    fn check(&self, path: &Path, setting: &Setting) -> Result<()> {
        self.check_path(path)?;
        if setting.values.is_empty() {
            return Err(Error::usage(format!("{path} has no value")));
        }
        let Some(node) = self.node(path) else { return Ok(()) };
        // The key that names a variant is called by what it is the name of.
        let (what, known) = match path.parent().filter(|_| self.is_tag(path)) {
            Some(parent) => (parent.last().to_owned(), self.node(&parent).and_then(Node::variants)),
            None => (path.last().to_owned(), node.variants()),
        };
        let known: Vec<String> = match known {
            Some((_, variants)) => variants.into_keys().map(str::to_owned).collect(),
            None => schema::choices_of(node),
        };
        for value in &setting.values {
            let is_known = |text: &str| known.iter().any(|choice| choice == text);
            if let Some(text) = value.as_str().filter(|text| !known.is_empty() && !is_known(text)) {
                return Err(Error::unknown(&what, text, known.iter().map(String::as_str)));
            }
        }
        Ok(())
    }

    fn config(&self, combination: &Combination<'_>, axes: &Axes<'_>) -> Result<Value> {
        let mut given = Map::new();
        let mut beside = Map::new();
        let keys: BTreeSet<&str> = combination.keys().map(|path| path.first()).collect();
        for key in keys {
            let path = Path::from(key);
            let tables = Tables { parameters: self, combination, axes };
            let value = tables.value(&path, self.defaults.get(key), &mut beside)?;
            given.insert(key.to_owned(), value);
        }
        given.extend(beside);
        (self.build)(&given)
    }

    /// The error of the first parameter that is not usable even by itself, with its place; `error`
    /// itself if only their combination is at fault.
    fn blame(&self, combination: &Combination<'_>, axes: &Axes<'_>, error: Error) -> Error {
        for path in combination.keys() {
            // A parameter is nothing without the name of what it belongs to.
            let alone: Combination<'_> = combination
                .iter()
                .filter(|(other, _)| *other == path || path.is_below(other) || self.is_tag(other))
                .map(|(path, value)| (*path, *value))
                .collect();
            if let (Err(error), Some((key, setting))) = (self.config(&alone, axes), axes.get(*path))
            {
                return setting.locate(key, error);
            }
        }
        error
    }
}

/// One component among others of its kind: its name, and its parameters with their types.
fn variant(name: &str, summary: &str, schema: Schema) -> Value {
    let mut schema = inlined(schema.as_value(), schema.as_value());
    schema["description"] = summary.into();
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]["name"] = json!({ "type": "string", "const": name });
    schema
}

/// Is the value of that parameter a list, so that an array is not an axis?
pub(crate) fn takes_list(key: &Key) -> bool {
    match key {
        Key::Analysis(parameter) => ParameterSet::analysis(&Analysis::default())
            .is_ok_and(|parameters| parameters.is_list(&Path::from(parameter.as_str()))),
        _ => ParameterSet::of(key).is_some_and(|(parameters, path)| parameters.is_list(path)),
    }
}

/// Several values of a parameter of the analysis that is a list are that list: it has no axes.
pub(crate) fn as_one_list(key: &Key, values: Vec<Value>) -> Vec<Value> {
    let is_list = matches!(key, Key::Analysis(_)) && takes_list(key);
    if is_list && !values.iter().any(Value::is_array) { vec![Value::Array(values)] } else { values }
}

fn over(defaults: &Map<String, Value>, given: &Map<String, Value>) -> Value {
    let mut all = defaults.clone();
    all.extend(given.clone());
    Value::Object(all)
}

/// The parameters in `config`, and those that it leaves out while they are at their default, with
/// the default that `schema` states.
fn parameters_of(config: &impl serde::Serialize, schema: &Schema) -> Result<Map<String, Value>> {
    let Value::Object(mut map) = to_value(config)? else {
        return Err(Error::contract("a config must be a struct with named fields"));
    };
    map.remove("name");
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(default) = property.get("default") {
            map.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
    Ok(map)
}

fn to_value(config: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(config)
        .map_err(|error| Error::contract(format!("a config cannot be written: {error}")))
}

fn from_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value)
        .map_err(|error| Error::usage(text::of_wrong_type(&error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Source;
    use serde_json::json;

    fn expand(parameter: &str, values: Vec<Value>) -> Result<Vec<Value>> {
        let path = Path::new(parameter.split('.'));
        let key = Key::Training(path.clone());
        let setting = Setting::new(values, Source::Environment("HARNESS_TEST"));
        ParameterSet::training().unwrap().expand(&BTreeMap::from([(path, (&key, &setting))]))
    }

    #[test]
    fn each_value_of_an_axis_gives_a_whole_config() {
        let configs = expand("epochs", vec![json!(1), json!(2)]).unwrap();
        assert_eq!(configs.len(), 2);
        assert_eq!(configs[1]["epochs"], 2);
        assert_eq!(configs[1]["batch_size"], Training::default().batch_size);
    }

    /// Every parameter is known, whether files leave it out at its default or not, and that
    /// default is the real one.
    #[test]
    fn defaults_that_are_not_written_are_known() {
        let parameters = ParameterSet::training().unwrap();
        assert_eq!(parameters.defaults()["precision"], "f32");
        let all = from_value::<Training>(Value::Object(parameters.defaults().clone())).unwrap();
        assert_eq!(all, Training::default());
        assert!(parameters.parameters().iter().all(|parameter| !parameter.default.is_null()));
        let configs = expand("precision", vec![json!("f32"), json!("bf16")]).unwrap();
        assert_eq!(configs[0], to_value(&Training::default()).unwrap());
        assert_eq!(configs[1]["precision"], "bf16");
    }

    #[test]
    fn errors_say_what_where_and_what_is_near() {
        let error = |parameter, value| expand(parameter, vec![value]).unwrap_err().to_string();
        assert!(error("epoch", json!(1)).contains("did you mean 'epochs'"));
        assert!(error("optimizer", json!("adaam")).contains("did you mean 'adam'"));
        assert_eq!(error("epochs", json!(0)), "HARNESS_TEST: epochs = 0 must be at least 1");
        let wrong = error("learning_rate", json!("fast"));
        assert_eq!(wrong, "HARNESS_TEST: expected a number, not 'fast'");
        let half = error("epochs", json!(1.5));
        assert!(half.ends_with("expected a whole number from 0 on, not 1.5"), "{half}");
    }
}
