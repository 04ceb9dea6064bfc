//! The form in which trainings were written before optimisers and schedules were components: the
//! names under one key, and the parameters of all of them beside it.
//!
//! This is history and does not grow. A component that it can express is written in it, so that ids
//! and stored results stay; any other is written as a table.

use serde_json::{Map, Value};

use super::Component;
use crate::error::{Error, Result};
use crate::span::Span;

/// How one kind of component was written.
pub(super) struct Form {
    /// The key under which a component is a table.
    pub(super) table: &'static str,
    /// The key under which its name alone was.
    pub(super) name_key: &'static str,
    /// The component that a training has by default.
    default: &'static str,
    /// The parameters of all components, with their defaults.
    parameters: &'static [(&'static str, Flat)],
    /// The components, with the parameters that each reads.
    components: &'static [(&'static str, &'static [&'static str])],
}

/// A default of the flat form, which also says of what type values are.
#[derive(Clone, Copy)]
enum Flat {
    Number(f64),
    Truth(bool),
    Length(Span),
}

pub(super) const OPTIMIZER: Form = Form {
    table: "optimizer",
    name_key: "optimizer",
    default: "adam",
    parameters: &[
        ("weight_decay", Flat::Number(0.0)),
        ("momentum", Flat::Number(0.9)),
        ("nesterov", Flat::Truth(false)),
        ("beta1", Flat::Number(0.9)),
        ("beta2", Flat::Number(0.999)),
        ("epsilon", Flat::Number(1e-8)),
    ],
    components: &[
        ("sgd", &["weight_decay", "momentum", "nesterov"]),
        ("adam", &["weight_decay", "beta1", "beta2", "epsilon"]),
        ("adamw", &["weight_decay", "beta1", "beta2", "epsilon"]),
    ],
};

pub(super) const SCHEDULE: Form = Form {
    table: "schedule",
    name_key: "learning_rate_shape",
    default: "constant",
    parameters: &[("decay", Flat::Number(0.1)), ("decay_every", Flat::Length(Span::Epochs(30.0)))],
    components: &[
        ("constant", &[]),
        ("step", &["decay", "decay_every"]),
        ("cosine", &[]),
        ("exponential", &["decay"]),
    ],
};

/// Where a key of the flat form is now: `momentum` at `["optimizer", "momentum"]`,
/// `learning_rate_shape` at `["schedule", "name"]`; none if it is no such key.
pub fn path_of(key: &str) -> Option<[&'static str; 2]> {
    [&OPTIMIZER, &SCHEDULE].into_iter().find_map(|form| {
        if key == form.name_key {
            return Some([form.table, "name"]);
        }
        let (own, _) = form.parameters.iter().find(|(own, _)| *own == key)?;
        Some([form.table, own])
    })
}

/// The key of the flat form of a place below a component: `momentum` of `optimizer.momentum`,
/// `learning_rate_shape` of `schedule.name`; none if there was none.
pub fn old_spelling_of(table: &str, key: &str) -> Option<&'static str> {
    let form = [&OPTIMIZER, &SCHEDULE].into_iter().find(|form| form.table == table)?;
    if key == "name" {
        return Some(form.name_key);
    }
    form.parameters.iter().find(|(own, _)| *own == key).map(|(own, _)| *own)
}

impl Form {
    /// The parameters that a component of the flat form reads; none if it has no such component.
    fn reads(&self, name: &str) -> Option<&'static [&'static str]> {
        self.components.iter().find(|(known, _)| *known == name).map(|(_, reads)| *reads)
    }

    /// The component of that name with the defaults of this form, if it has any.
    pub(super) fn component(&self, name: &str) -> Component {
        let mut component = Component::new(name, Map::new());
        let reads = self.reads(name).unwrap_or_default();
        for (key, default) in self.parameters.iter().filter(|(key, _)| reads.contains(key)) {
            component.parameters.insert((*key).to_owned(), default.value());
        }
        component
    }

    pub(super) fn default_component(&self) -> Component {
        self.component(self.default)
    }

    /// Refuses a value that a component does not read as it would be refused where it is read.
    ///
    /// # Errors
    /// If it is out of range, naming the key.
    pub(super) fn validate(&self, component: &Component) -> Result<()> {
        for (key, value) in &component.unread {
            let number = value.as_f64().unwrap_or(0.0);
            let is_usable = match key.as_str() {
                "momentum" | "beta1" | "beta2" => (0.0..1.0).contains(&number),
                "weight_decay" => number >= 0.0,
                "epsilon" => number > 0.0,
                "decay" => number > 0.0 && number <= 1.0,
                "decay_every" => {
                    value.as_str().unwrap_or_default().parse::<Span>()?.check_interval(key)?;
                    true
                }
                _ => true,
            };
            if !is_usable {
                return Err(Error::usage(format!("{key} = {number} is out of its range"))
                    .hint(format!("{} does not read it: leave it out", component.name)));
            }
        }
        Ok(())
    }

    /// Writes a component: flat if this form can, as a table otherwise.
    pub(super) fn write(&self, component: &Component, map: &mut Map<String, Value>) {
        let reads = self.reads(&component.name);
        let is_flat =
            |reads: &[&str]| component.parameters.keys().all(|key| reads.contains(&key.as_str()));
        if !reads.is_some_and(is_flat) {
            map.insert(self.table.to_owned(), Value::Object(component.table()));
            return;
        }
        map.insert(self.name_key.to_owned(), component.name.as_str().into());
        for (key, default) in self.parameters {
            let value = component.parameters.get(*key).or_else(|| component.unread.get(*key));
            let value = value.cloned().unwrap_or_else(|| default.value());
            map.insert((*key).to_owned(), value);
        }
    }

    /// Takes a component out of a map, in whatever form it is there; none if its name is not.
    ///
    /// # Errors
    /// If it is there in both forms, or a value is of the wrong type.
    pub(super) fn read(&self, map: &mut Map<String, Value>) -> Result<Option<Component>> {
        let named = map.remove(self.name_key);
        let given = match (named, self.name_key == self.table) {
            (named, true) => named,
            (named, false) => match (named, map.remove(self.table)) {
                (Some(_), Some(_)) => {
                    let Self { name_key, table, .. } = self;
                    return Err(Error::usage(format!("{name_key} stands beside {table}"))
                        .hint("they are two spellings of one setting: leave one out")
                        .at("training"));
                }
                (named, table) => table.or(named),
            },
        };
        let mut flat = Map::new();
        for (key, default) in self.parameters {
            if let Some(value) = map.remove(*key) {
                let value = default.read(&value).map_err(|error| error.at(*key))?;
                flat.insert((*key).to_owned(), value);
            }
        }
        let mut component = match given {
            // Parameters alone: those of the component that a training has by default.
            None if flat.is_empty() => return Ok(None),
            None => self.default_component(),
            Some(Value::String(name)) => self.component(&name),
            Some(value) => {
                let table: Component = serde_json::from_value(value)
                    .map_err(|error| Error::usage(error.to_string()).at(self.table))?;
                let mut whole = self.component(&table.name);
                for (key, value) in table.parameters {
                    if flat.contains_key(&key) {
                        return Err(Error::usage(format!(
                            "{key} stands in {0} and beside it",
                            self.table
                        ))
                        .hint("leave one of them out"));
                    }
                    let typed = self.parameters.iter().find(|(own, _)| *own == key);
                    let value = match typed.filter(|_| whole.parameters.contains_key(&key)) {
                        Some((_, default)) => {
                            default.read(&value).map_err(|error| error.at(key.clone()))?
                        }
                        None => value,
                    };
                    whole.parameters.insert(key, value);
                }
                whole
            }
        };
        let reads = self.reads(&component.name);
        for (key, value) in flat {
            let default = self.parameters.iter().find(|(own, _)| *own == key);
            let is_default = default.is_some_and(|(_, default)| default.value() == value);
            match reads {
                Some(reads) if reads.contains(&key.as_str()) => {
                    component.parameters.insert(key, value);
                }
                // A component that came later has no trials from that time.
                Some(_) if !is_default => {
                    component.unread.insert(key, value);
                }
                _ => {}
            }
        }
        Ok(Some(component))
    }

    /// Puts the parameters of a table under keys of their own: those of the flat form where there is
    /// one of that name, `<table>.<key>` otherwise.
    pub(super) fn spread(&self, table: Map<String, Value>, settings: &mut Map<String, Value>) {
        for (key, value) in table {
            if key == "name" {
                continue;
            }
            let is_known = self.parameters.iter().any(|(own, _)| *own == key);
            let key = if is_known { key } else { format!("{}.{key}", self.table) };
            settings.insert(key, value);
        }
    }
}

impl Flat {
    fn value(self) -> Value {
        match self {
            Self::Number(number) => number.into(),
            Self::Truth(truth) => truth.into(),
            Self::Length(span) => span.to_string().into(),
        }
    }

    /// The value in the one way in which it is written: 1 becomes 1.0, and 100 "100 steps".
    fn read(self, value: &Value) -> Result<Value> {
        let wrong = |wanted: &str| Error::usage(format!("{value} is not {wanted}"));
        match self {
            Self::Number(_) => match value.as_f64() {
                Some(number) => Ok(number.into()),
                None => Err(wrong("a number")),
            },
            Self::Truth(_) => match value {
                Value::Bool(truth) => Ok((*truth).into()),
                _ => Err(wrong("true or false")),
            },
            Self::Length(_) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Ok(text.parse::<Span>()?.to_string().into())
            }
        }
    }
}
