//! The models of a grid: architectures by name, and whole networks, which a file or a table describes.
//!
//! What a file says is part of a trial, and its path is not. So a file is read when trials are made, and
//! nobody needs it afterwards.

use std::path::Path;

use dst_core::plugin::{self, ModelPlugin, Plugin};
use dst_core::record::name_of;
use dst_core::{CowArc, Error, Result, text};
use serde_json::{Map, Value};
use toml::Table;

use crate::axis;
use crate::parameters::ParameterSet;
use crate::settings::Settings;

/// What stands before the path of a file.
const FILE: &str = "file:";

/// The parameter that is the name of a file unless it says otherwise.
const TITLE: &str = "title";

/// A model of a grid.
#[derive(Debug, Clone)]
pub(crate) enum GridModel {
    /// An architecture, of which settings are parameters.
    Named(&'static ModelPlugin),
    /// A whole network: its config, which has every parameter.
    Whole(CowArc<Value>),
}

impl GridModel {
    /// As a grid file has it, without a path.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Named(plugin) => plugin.name.into(),
            Self::Whole(config) => Value::clone(config),
        }
    }
}

/// The models that the grid names, each once; none if every data set has its own. Files are read.
///
/// # Errors
/// If a name is unknown, a file cannot be read or describes no network, or two networks have one title.
pub(crate) fn models(settings: &Settings) -> Result<Vec<GridModel>> {
    let Some(setting) = settings.plain("models") else { return Ok(Vec::new()) };
    let located = |error: Error| error.at(setting.source.to_string());
    // What was written beside what it means.
    let mut models: Vec<(String, GridModel)> = Vec::new();
    for value in &setting.values {
        let (written, model) = model(value).map_err(located)?;
        if models.iter().any(|(_, known)| known.value() == model.value()) {
            continue;
        }
        if let GridModel::Whole(config) = &model {
            check_title(&written, config, &models).map_err(located)?;
        }
        models.push((written, model));
    }
    Ok(models.into_iter().map(|(_, model)| model).collect())
}

/// Names of the architectures whose parameters are settings. No file is read.
///
/// # Errors
/// If one is unknown.
pub(crate) fn named(settings: &Settings) -> Result<Vec<&'static str>> {
    let Some(setting) = settings.plain("models") else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    let texts = setting.values.iter().filter_map(Value::as_str);
    for text in texts.filter(|text| !is_file(text)) {
        let plugin = find(text).map_err(|error| error.at(setting.source.to_string()))?;
        if !names.contains(&plugin.name) {
            names.push(plugin.name);
        }
    }
    Ok(names)
}

/// The architecture of that name.
///
/// # Errors
/// If there is none; if it is the path of a file, how to name that.
fn find(text: &str) -> Result<&'static ModelPlugin> {
    ModelPlugin::find(text).map_err(|error| {
        // Who mistypes what stands before the path sees it, too.
        let path = text.rsplit(':').next().unwrap_or(text);
        let path = if Path::new(text).is_file() { text } else { path };
        match Path::new(path).extension().is_some_and(|ending| ending == "toml") {
            true => error
                .hint(format!("did you mean {FILE}{path}? a network in a file is named that way")),
            false => error,
        }
    })
}

/// Does the text name a file that describes a network?
pub(crate) fn is_file(text: &str) -> bool {
    text.starts_with(FILE)
}

/// What one value of the key `models` means, and how it was written.
fn model(value: &Value) -> Result<(String, GridModel)> {
    let config = match value {
        Value::Object(table) => whole(table)?,
        _ => {
            let text = value.as_str().unwrap_or_default();
            match text.strip_prefix(FILE) {
                Some(path) => file(path)?,
                None => {
                    return Ok((text.to_owned(), GridModel::Named(find(text)?)));
                }
            }
        }
    };
    let written = value.as_str().unwrap_or("a table").to_owned();
    Ok((written, GridModel::Whole(config.into())))
}

/// The network of a table in the place of a name: `{ name = "mlp", hidden = [100] }`.
fn whole(table: &Map<String, Value>) -> Result<Value> {
    let Some(name) = table.get("name").and_then(Value::as_str) else {
        return Err(Error::usage("the table of a model has no name").hint(
            "write for example models = [{ name = \"mlp\", hidden = [100] }], or the name alone",
        ));
    };
    ParameterSet::model(name)?.complete(table)
}

/// The network that the file at `path` describes.
fn file(path: &str) -> Result<Value> {
    if path.is_empty() {
        return Err(Error::usage(format!("'{FILE}' names no file"))
            .hint(format!("write for example {FILE}net.toml")));
    }
    let path = Path::new(path);
    let text = text::read(path).map_err(|error| match path.exists() {
        true => error,
        false => error.hint("a relative path begins in the folder where the command is typed"),
    })?;
    described(&text, path).map_err(|error| error.at(path.display().to_string()))
}

/// The network that a text describes. It is called by the name of its file unless it has a title.
fn described(text: &str, path: &Path) -> Result<Value> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| syntax(text, &error))?;
    let name = plugin::model_of_files()?.name;
    let parameters = ParameterSet::model(name)?;
    let known = parameters.defaults();
    let mut given = Map::new();
    for (key, value) in &table {
        if !known.contains_key(key) {
            return Err(Error::unknown("key", key, known.keys().map(String::as_str))
                .also(&format!("`harness describe {name}` shows what such a file looks like")));
        }
        given.insert(key.clone(), axis::json(value).map_err(|error| error.at(key.as_str()))?);
    }
    if known.contains_key(TITLE) && !given.contains_key(TITLE) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        given.insert(TITLE.to_owned(), stem.into());
    }
    parameters.complete(&given)
}

/// What is no TOML, with its line and column.
fn syntax(text: &str, error: &toml::de::Error) -> Error {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error::usage(error.message().to_owned()).at(format!("line {line}, column {column}"))
}

/// Reports tell networks with titles apart by these.
fn check_title(written: &str, config: &Value, earlier: &[(String, GridModel)]) -> Result<()> {
    let Some(title) = title_of(config) else { return Ok(()) };
    let hint =
        "reports tell networks apart by their titles: write another title = \"…\" into the file";
    if title != name_of(config) && ModelPlugin::all()?.iter().any(|plugin| plugin.name == title) {
        return Err(Error::usage(format!(
            "{written} is called '{title}', which is the name of a model that the harness has"
        ))
        .hint(hint));
    }
    let twin = earlier.iter().find(|(_, other)| match other {
        GridModel::Whole(other) => title_of(other) == Some(title),
        GridModel::Named(_) => false,
    });
    match twin {
        None => Ok(()),
        Some((other, _)) => Err(Error::usage(format!(
            "{other} and {written} are both called '{title}', and they are two networks"
        ))
        .hint(hint)),
    }
}

fn title_of(config: &Value) -> Option<&str> {
    config.get(TITLE).and_then(Value::as_str)
}
