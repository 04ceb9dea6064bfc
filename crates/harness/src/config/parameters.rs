//! Parameters of plug-ins, of training and of the analysis: from axes to checked configs.

use std::collections::BTreeMap;

use dst_analysis::Analysis;
use dst_core::plugin::{self, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_core::{Error, Result, Training};
use schemars::{Schema, schema_for};
use serde_json::{Map, Value};

use super::setting::{Key, Setting, Source};
use crate::schema;

/// Makes a complete config from some of its parameters.
type Build = Box<dyn Fn(&Map<String, Value>) -> Result<Value>>;

/// Something with parameters.
pub(crate) struct Family {
    defaults: Map<String, Value>,
    schema: Schema,
    build: Build,
}

/// Axes of one family by key.
pub(crate) type Axes<'a> = BTreeMap<&'a str, (&'a Key, &'a Setting)>;

impl Family {
    /// The strategy `name`.
    pub(crate) fn strategy(name: &str) -> Result<Self> {
        let plugin = StrategyPlugin::find(name)?;
        Ok(Self {
            defaults: defaults_of_strategy(plugin)?,
            schema: (plugin.schema)(),
            build: Box::new(|given| {
                let strategy = plugin::strategy(plugin.name, given)?;
                to_value(&strategy)
            }),
        })
    }

    /// The architecture `name`.
    pub(crate) fn model(name: &str) -> Result<Self> {
        let plugin = ModelPlugin::find(name)?;
        Ok(Self {
            defaults: parameters_of(&(plugin.default)(), &(plugin.schema)())?,
            schema: (plugin.schema)(),
            build: Box::new(|given| to_value(&plugin::architecture(plugin.name, given)?)),
        })
    }

    /// The data set `name`. Its configs hold only the options that are not at their default, as
    /// a specification does.
    pub(crate) fn dataset(name: &str) -> Result<Self> {
        let plugin = DatasetPlugin::find(name)?;
        Ok(Self {
            defaults: plugin.options.default()?,
            schema: plugin.options.schema(),
            build: Box::new(|given| plugin::dataset_options(plugin.name, given).map(Value::Object)),
        })
    }

    /// How trials train.
    pub(crate) fn training() -> Result<Self> {
        let schema = schema_for!(Training);
        let defaults = parameters_of(&Training::default(), &schema)?;
        let base = defaults.clone();
        Ok(Self {
            defaults,
            schema,
            build: Box::new(move |given| {
                let training: Training = from_value(over(&base, given))?;
                training.validate()?;
                to_value(&training)
            }),
        })
    }

    /// How trials are compared, with `defaults` for what is not set.
    pub(crate) fn analysis(defaults: &Analysis) -> Result<Self> {
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

    /// The default of every parameter.
    pub(crate) fn defaults(&self) -> &Map<String, Value> {
        &self.defaults
    }

    /// The parameters with types and documentation.
    pub(crate) fn parameters(&self) -> Vec<schema::Parameter> {
        schema::parameters(&self.schema, &self.defaults)
    }

    /// Every combination of the axes as a complete, checked config.
    ///
    /// # Errors
    /// If a key is unknown, or a value is of the wrong type or out of range; the error says
    /// which one and where it came from.
    pub(crate) fn expand(&self, axes: &Axes<'_>) -> Result<Vec<Value>> {
        let described = self.parameters();
        for (parameter, (key, setting)) in axes {
            let located = |error: Error| locate(error, key, setting);
            if !self.defaults.contains_key(*parameter) {
                let known = self.defaults.keys().map(String::as_str);
                return Err(located(Error::unknown("parameter", parameter, known)));
            }
            if setting.values.is_empty() {
                return Err(located(Error::usage(format!("{parameter} has no value"))));
            }
            for value in &setting.values {
                check_choice(&described, parameter, value).map_err(located)?;
            }
        }
        let mut combinations = vec![Map::new()];
        for (parameter, (_, setting)) in axes {
            combinations = combinations
                .iter()
                .flat_map(|combination| {
                    setting.values.iter().map(|value| {
                        let mut longer = combination.clone();
                        longer.insert((*parameter).to_owned(), value.clone());
                        longer
                    })
                })
                .collect();
        }
        combinations
            .iter()
            .map(|combination| {
                (self.build)(combination).map_err(|error| self.blame(combination, axes, error))
            })
            .collect()
    }

    /// The error of the first parameter that is not usable even alone, with its place; `error`
    /// itself if only their combination is at fault.
    fn blame(&self, combination: &Map<String, Value>, axes: &Axes<'_>, error: Error) -> Error {
        for (parameter, value) in combination {
            let alone = Map::from_iter([(parameter.clone(), value.clone())]);
            if let (Err(error), Some((key, setting))) =
                ((self.build)(&alone), axes.get(parameter.as_str()))
            {
                return locate(error, key, setting);
            }
        }
        error
    }
}

fn locate(error: Error, key: &Key, setting: &Setting) -> Error {
    match setting.source {
        // What was typed names the key already.
        Source::Flag(_) => error.at(setting.source.to_string()),
        _ => error.at(key.to_string()).at(setting.source.to_string()),
    }
}

/// Suggests the nearest of the few values that a parameter takes.
fn check_choice(described: &[schema::Parameter], name: &str, value: &Value) -> Result<()> {
    let Some(parameter) = described.iter().find(|parameter| parameter.name == name) else {
        return Ok(());
    };
    let choices = || parameter.choices.iter().map(|choice| choice.value.as_str());
    match value.as_str() {
        Some(text) if choices().count() > 0 && choices().all(|choice| choice != text) => {
            Err(Error::unknown(name, text, choices()))
        }
        _ => Ok(()),
    }
}

/// The parameters of a strategy with their defaults.
pub(crate) fn defaults_of_strategy(plugin: &StrategyPlugin) -> Result<Map<String, Value>> {
    parameters_of(&(plugin.default)(), &(plugin.schema)())
}

/// Is the value of that parameter a list, so that an array is not an axis?
pub(crate) fn takes_list(key: &Key) -> bool {
    let (family, parameter) = match key {
        Key::Strategy(name, parameter) => (Family::strategy(name), parameter),
        Key::Model(name, parameter) => (Family::model(name), parameter),
        Key::Dataset(name, parameter) => (Family::dataset(name), parameter),
        Key::Training(parameter) | Key::TrainingOn(_, parameter) => (Family::training(), parameter),
        Key::Analysis(parameter) => (Family::analysis(&Analysis::default()), parameter),
        Key::Plain(_) => return false,
    };
    // An unknown name is reported later, with a suggestion.
    family.is_ok_and(|family| family.defaults.get(parameter).is_some_and(Value::is_array))
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
    serde_json::from_value(value).map_err(|error| Error::usage(for_people(&error.to_string())))
}

/// An error of serde without the types of Rust.
fn for_people(error: &str) -> String {
    let words = [
        ("expected u32", "expected a whole number from 0 on"),
        ("expected u64", "expected a whole number from 0 on"),
        ("expected usize", "expected a whole number from 0 on"),
        ("expected i64", "expected a whole number"),
        ("expected f64", "expected a number"),
    ];
    words.iter().fold(error.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expand(parameter: &str, values: Vec<Value>) -> Result<Vec<Value>> {
        let key = Key::Training(parameter.to_owned());
        let setting = Setting::new(values, Source::Environment("HARNESS_TEST"));
        Family::training().unwrap().expand(&BTreeMap::from([(parameter, (&key, &setting))]))
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
        let family = Family::training().unwrap();
        assert_eq!(family.defaults()["precision"], "f32");
        let all = from_value::<Training>(Value::Object(family.defaults().clone())).unwrap();
        assert_eq!(all, Training::default());
        assert!(family.parameters().iter().all(|parameter| !parameter.default.is_null()));
        let configs = expand("precision", vec![json!("f32"), json!("bf16")]).unwrap();
        assert_eq!(configs[0], to_value(&Training::default()).unwrap());
        assert_eq!(configs[1]["precision"], "bf16");
    }

    #[test]
    fn errors_say_what_where_and_what_is_near() {
        let error = |parameter, value| expand(parameter, vec![value]).unwrap_err().to_string();
        assert!(error("epoch", json!(1)).contains("did you mean 'epochs'"));
        assert!(error("optimizer", json!("adaam")).contains("did you mean 'adam'"));
        assert_eq!(
            error("epochs", json!(0)),
            "HARNESS_TEST: training.epochs: epochs = 0 must be at least 1"
        );
        let wrong = error("learning_rate", json!("fast"));
        assert!(wrong.starts_with("HARNESS_TEST: training.learning_rate: invalid type"), "{wrong}");
        assert!(wrong.ends_with("expected a number"), "{wrong}");
        let half = error("epochs", json!(1.5));
        assert!(half.ends_with("expected a whole number from 0 on"), "{half}");
    }
}
