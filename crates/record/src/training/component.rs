//! A part of a training that is chosen by name and has parameters of its own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::flat::{OPTIMIZER, SCHEDULE};

/// An optimiser or a schedule of the learning rate: its name and its parameters.
///
/// Which names there are, which parameters they have and in what range is known to their code, in
/// `dst-train` or another crate that registers some; here they are plain data. In files it is a table,
/// `{ "name": "rmsprop", "alpha": 0.9 }`, of which a bare name is the short form.
///
/// ```
/// use dst_record::training::Component;
///
/// let optimizer = Component::optimizer("sgd").with("momentum", 0.8);
/// assert_eq!(optimizer.parameters["momentum"], 0.8);
/// assert_eq!(optimizer.parameters["nesterov"], false);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its name in the registry.
    pub name: String,
    /// Its parameters by key.
    pub parameters: Map<String, Value>,
    /// Values of the flat form that this component does not read, such as Adam's `momentum`, if they
    /// are not at their default. They do nothing, and are kept because the id of a trial that was
    /// stored with them hashes them.
    pub(super) unread: Map<String, Value>,
}

impl Component {
    /// The optimiser of that name. One that the flat form knows has all its parameters, at the
    /// defaults of that form; any other has none, which stands for its own defaults.
    pub fn optimizer(name: &str) -> Self {
        OPTIMIZER.component(name)
    }

    /// The schedule of the learning rate of that name, as [`Component::optimizer`].
    pub fn schedule(name: &str) -> Self {
        SCHEDULE.component(name)
    }

    /// A component of a name with parameters.
    pub fn new(name: impl Into<String>, parameters: Map<String, Value>) -> Self {
        Self { name: name.into(), parameters, unread: Map::new() }
    }

    /// The same with a parameter set.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(key.to_owned(), value.into());
        self
    }

    /// The table of name and parameters.
    pub fn table(&self) -> Map<String, Value> {
        let mut table = self.parameters.clone();
        table.insert("name".to_owned(), self.name.as_str().into());
        table
    }
}

impl Serialize for Component {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.table().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self::new(name, Map::new())),
            Value::Object(mut table) => match table.remove("name") {
                Some(Value::String(name)) => Ok(Self::new(name, table)),
                Some(other) => Err(D::Error::custom(format_args!("name = {other} is not a text"))),
                None => Err(D::Error::custom("the table has no name")),
            },
            other => Err(D::Error::custom(format_args!("{other} is neither a name nor a table"))),
        }
    }
}

impl JsonSchema for Component {
    fn schema_name() -> Cow<'static, str> {
        "Component".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "name": { "type": "string" } },
            "required": ["name"],
        })
    }
}
