//! Options of data sets: what can be set without making it another data set.
//!
//! A data set declares a struct; the harness sees its fields, their defaults and documentation,
//! and never its type.

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::text;

/// Options by name.
pub type OptionValues = Map<String, Value>;

/// The options of a data set: a struct of named fields, each with a default.
///
/// Implementors need not look for unknown keys or fill in defaults: values reach them complete.
pub trait DatasetOptions: Default + Serialize + DeserializeOwned + JsonSchema {
    /// Are all values in range? Yes by default. Called before any file is looked for.
    ///
    /// # Errors
    /// With the first option that is out of range.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// For a data set without options.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoOptions {}

impl DatasetOptions for NoOptions {}

/// Which options a data set has: a [`DatasetOptions`] without its type.
#[derive(Debug, Clone, Copy)]
pub struct OptionsType {
    default: fn() -> Result<OptionValues>,
    schema: fn() -> Schema,
    checked: fn(&OptionValues) -> Result<OptionValues>,
}

impl OptionsType {
    /// The options `T`.
    pub const fn of<T: DatasetOptions>() -> Self {
        Self {
            default: || written(&T::default()),
            schema: || schema_for!(T),
            checked: |options| {
                let options: T = read(options)?;
                options.validate()?;
                written(&options)
            },
        }
    }

    /// Every option with its default.
    ///
    /// # Errors
    /// If the options are not a struct with named fields.
    pub fn default(&self) -> Result<OptionValues> {
        (self.default)()
    }

    /// Names, types and documentation.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// `given` over the defaults, in range and written in one way: 15 and 15.0 become the same.
    ///
    /// # Errors
    /// If an option is unknown (the nearest is suggested), of the wrong type or out of range.
    pub(crate) fn complete(&self, given: &OptionValues) -> Result<OptionValues> {
        let mut options = self.default()?;
        for (key, value) in given {
            if !options.contains_key(key) {
                return Err(Error::unknown("option", key, options.keys().map(String::as_str)));
            }
            options.insert(key.clone(), value.clone());
        }
        (self.checked)(&options)
    }
}

/// The options as the type that the data set declared; for [`load`](crate::plugin::DatasetPlugin).
///
/// # Errors
/// If a value is of the wrong type.
pub fn read<T: DatasetOptions>(options: &OptionValues) -> Result<T> {
    serde_json::from_value(Value::Object(options.clone()))
        .map_err(|error| Error::usage(text::of_wrong_type(&error.to_string())))
}

fn written(options: &impl Serialize) -> Result<OptionValues> {
    match serde_json::to_value(options) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::contract("options must be a struct with named fields")),
        Err(error) => Err(Error::contract(format!("options cannot be written: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Turned {
        degrees: f64,
        samples: Option<u32>,
    }

    impl Default for Turned {
        fn default() -> Self {
            Self { degrees: 5.0, samples: None }
        }
    }

    impl DatasetOptions for Turned {
        fn validate(&self) -> Result<()> {
            match self.degrees {
                degrees if degrees >= 0.0 => Ok(()),
                degrees => Err(Error::usage(format!("degrees = {degrees} is negative"))),
            }
        }
    }

    fn complete(given: Value) -> Result<Value> {
        let given = given.as_object().unwrap();
        OptionsType::of::<Turned>().complete(given).map(Value::Object)
    }

    #[test]
    fn values_are_completed_and_written_in_one_way() {
        assert_eq!(complete(json!({})).unwrap(), json!({ "degrees": 5.0, "samples": null }));
        let whole = complete(json!({ "degrees": 15, "samples": 2 })).unwrap();
        assert_eq!(whole.to_string(), r#"{"degrees":15.0,"samples":2}"#);
        let options: Turned = read(whole.as_object().unwrap()).unwrap();
        assert_eq!(options, Turned { degrees: 15.0, samples: Some(2) });
    }

    #[test]
    fn unknown_and_unusable_options_are_refused() {
        let error = |given| complete(given).unwrap_err().to_string();
        assert!(error(json!({ "degree": 1 })).contains("did you mean 'degrees'"));
        assert_eq!(error(json!({ "degrees": -1 })), "degrees = -1 is negative");
        let negative = error(json!({ "samples": -1 }));
        assert!(negative.starts_with("expected a whole number from 0 on, not"), "{negative}");
        assert!(OptionsType::of::<NoOptions>().default().unwrap().is_empty());
    }
}
