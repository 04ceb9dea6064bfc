//! Grid files in TOML, and those that ship with the harness, which are written the same way.

use std::path::Path;

use dst_core::text;

use dst_core::{Error, Result};
use toml::{Table, Value};

use crate::axis;
use crate::parameters::as_one_list;
use crate::path::{Path as KeyPath, quoted};
use crate::plain_key::plain;
use crate::setting::{Key, Setting, SettingLayer, Source};
use crate::{parameters, shipped as ships};

/// Reads the grid file at `path`.
///
/// # Errors
/// If it cannot be read, is not TOML, or has an unknown key.
pub(crate) fn read(path: &Path) -> Result<SettingLayer> {
    let text = text::read(path).map_err(|error| {
        let name = path.to_string_lossy();
        match !path.exists() && ships::GRIDS.iter().any(|grid| *grid.name == *name) {
            true => error.hint(format!("did you mean --grid {name}? it ships with the harness")),
            false => error,
        }
    })?;
    parse(&text, &Source::File(path.to_owned()))
        .map_err(|error| error.at(path.display().to_string()))
}

/// The settings of the grid `name` that ships.
///
/// # Errors
/// If there is no such grid; the nearest is suggested.
pub(crate) fn shipped(name: &str) -> Result<SettingLayer> {
    let grid = ships::find(name)?;
    parse(grid.text, &Source::Shipped(name.to_owned()))
}

fn parse(text: &str, source: &Source) -> Result<SettingLayer> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        Error::usage(error.message().to_owned()).at(format!("line {line}"))
    })?;
    let mut layer = SettingLayer::new();
    for (key, value) in &table {
        match key.as_str() {
            "training" => {
                entries(key, value, &mut layer, source, |key| Key::Training(path(key)))?;
            }
            "analysis" => entries(key, value, &mut layer, source, Key::Analysis)?,
            "strategy" | "model" | "dataset" => {
                for (name, parameters) in sub_table(key, value)? {
                    let place = format!("{key}.{name}");
                    let mut parameters = sub_table(&place, parameters)?.clone();
                    if key != "model"
                        && let Some(training) = parameters.remove("training")
                    {
                        let place = format!("{key}.{}.training", quoted(name));
                        entries(&place, &training, &mut layer, source, |parameter| {
                            let (name, path) = (name.clone(), path(parameter));
                            match key.as_str() {
                                "strategy" => Key::TrainingFor(name, path),
                                _ => Key::TrainingOn(name, path),
                            }
                        })?;
                    }
                    let parameters = Value::Table(parameters);
                    entries(&place, &parameters, &mut layer, source, |parameter| {
                        let (name, path) = (name.clone(), path(parameter));
                        match key.as_str() {
                            "strategy" => Key::Strategy(name, path),
                            "model" => Key::Model(name, path),
                            _ => Key::Dataset(name, path),
                        }
                    })?;
                }
            }
            _ => layer.push(plain(key)?.setting(&joined(key, value)?, source.clone())?),
        }
    }
    Ok(layer)
}

/// TOML has split the path: what is below is in the value.
fn path(key: String) -> KeyPath {
    KeyPath::new([key])
}

fn entries(
    place: &str,
    value: &Value,
    layer: &mut SettingLayer,
    source: &Source,
    key: impl Fn(String) -> Key,
) -> Result<()> {
    for (parameter, value) in sub_table(place, value)? {
        let key = key(parameter.clone());
        let values = match value {
            // An array is an axis, unless the parameter itself is a list.
            Value::Array(list) if !is_one_list(&key, list) => list.iter().map(axis::json).collect(),
            _ => axis::json(value).map(|value| vec![value]),
        };
        let values = values.map_err(|error| error.at(key.to_string()))?;
        let values = as_one_list(&key, values);
        layer.push((key, Setting::new(values, source.clone())));
    }
    Ok(())
}

/// Is the array one value of a parameter that takes a list? Then its elements are no lists.
fn is_one_list(key: &Key, list: &[Value]) -> bool {
    let nested = list.iter().any(Value::is_array);
    !nested && parameters::takes_list(key)
}

fn sub_table<'a>(place: &str, value: &'a Value) -> Result<&'a Table> {
    value.as_table().ok_or_else(|| {
        Error::usage(format!("{place} is a {}, not a table", value.type_str()))
            .hint(format!("write [{place}] on a line of its own"))
    })
}

/// The value of a plain key as it would be typed on the command line.
fn joined(key: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        // A model may be a table with all its parameters.
        Value::Table(_) if key == "models" => Ok(value.to_string()),
        Value::Array(list) => {
            // An address, `format:PATH`, may have any path, and stands in its quotes already.
            let whole = |value: &Value| {
                let text = joined(key, value)?;
                let is_address = value.is_str() && text.contains(':');
                Ok(match is_address && text.contains([',', '[', '{']) {
                    true if !text.contains('"') => format!("\"{text}\""),
                    true => format!("'{text}'"),
                    false => text,
                })
            };
            let texts: Result<Vec<String>> = list.iter().map(whole).collect();
            Ok(texts?.join(","))
        }
        _ => Err(Error::usage(format!("{key} cannot be a {}", value.type_str()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source() -> Source {
        Source::Shipped("test".to_owned())
    }

    #[test]
    fn plain_keys_read_like_flags() {
        let layer = parse("seeds = \"0..2\"\nsparsity = [0.5, 0]", &source()).unwrap();
        let found: Vec<_> =
            layer.iter().map(|(key, setting)| (key.to_string(), &setting.values)).collect();
        let seeds = ("seeds".to_owned(), &vec![json!(0), json!(1)]);
        let sparsity = ("sparsity".to_owned(), &vec![json!(0.5), json!(0.0)]);
        assert!(found.contains(&seeds) && found.contains(&sparsity), "{found:?}");
    }

    #[test]
    fn a_path_in_an_array_may_have_commas() {
        let layer = parse("datasets = [\"csv:a,b.csv\", \"mnist\"]", &source()).unwrap();
        assert_eq!(layer[0].1.values, ["csv:a,b.csv", "mnist"]);
    }

    #[test]
    fn arrays_in_tables_are_axes() {
        let layer = parse("[training]\nlearning_rate = [0.1, 0.2]", &source()).unwrap();
        assert_eq!(layer[0].0, Key::Training("learning_rate".into()));
        assert_eq!(layer[0].1.values, [0.1, 0.2]);
    }

    #[test]
    fn errors_name_the_line_or_the_key() {
        let error = |text: &str| parse(text, &source()).unwrap_err().to_string();
        assert!(error("a = 1\nb = = 2").starts_with("line 2: "), "{}", error("a = 1\nb = = 2"));
        assert!(error("sparsty = 0.5").contains("did you mean 'sparsity'"));
        assert!(error("training = 3").contains("write [training]"));
        assert!(error("sparsity = [nan]").contains("sparsity NaN is not in [0, 1)"));
        assert!(error("[training]\nepochs = 2026-01-01").contains("training.epochs: 2026-01-01"));
    }
}
