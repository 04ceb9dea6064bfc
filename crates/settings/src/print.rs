//! The resolved settings as a grid file.

use std::fmt::Write;

use dst_analysis::Analysis;
use dst_core::Result;
use dst_core::training::old_spelling_of;
use serde_json::Value;

use crate::analysis::axes_of;
use crate::models::{self, GridModel};
use crate::parameters::{Axes, ParameterSet, takes_list};
use crate::path::{Path, quoted};
use crate::plain_key::PLAIN_KEYS;
use crate::setting::{Key, Setting, Source};
use crate::{INTERVAL, Place, ResolvedSettings, trials};

/// A grid file that gives the same trials; a comment on each line says where its value came from.
///
/// # Errors
/// If a name is unknown.
pub(crate) fn to_toml(resolved: &ResolvedSettings) -> Result<String> {
    let mut text = String::from("# The settings in force, and where each came from.\n");
    let execution = resolved.execution()?;
    for key in PLAIN_KEYS {
        match resolved.settings.plain(key.name) {
            Some(Setting { values, source, .. }) => {
                // Whole networks in the place of their files, which may change or go.
                let values: Vec<Value> = match key.name {
                    "models" => {
                        models::models(&resolved.settings)?.iter().map(GridModel::value).collect()
                    }
                    _ => values.clone(),
                };
                let value = match &values[..] {
                    [one] if key.single => one.clone(),
                    several => Value::from(several),
                };
                line(&mut text, key.name, &value, source);
            }
            None => {
                let derived = match key.name {
                    "jobs" => execution.jobs.to_string(),
                    "threads" => execution.threads.to_string(),
                    "executor" => match execution.place {
                        Place::Local => "\"local\"".to_owned(),
                        Place::Slurm(_) => "\"slurm\"".to_owned(),
                    },
                    "models" => "the model of each data set".to_owned(),
                    "sparsity" => "chosen for inference_flops".to_owned(),
                    _ => "none".to_owned(),
                };
                // As a comment, because writing it down would fix it for other machines.
                let entry = format!("# {} = {derived}", key.name);
                let _ = writeln!(text, "{entry:40}  # default");
            }
        }
    }
    table(&mut text, "training", &ParameterSet::training()?, &resolved.axes_of_training(), &[]);
    let base = Analysis::default();
    let analysis = resolved.analysis_settings(&base)?;
    table(&mut text, "analysis", &ParameterSet::analysis(&base)?, &axes_of(&analysis), &[]);
    for name in trials::model_names(&resolved.settings)? {
        let axes = resolved.axes_of_model(name);
        let place = format!("model.{}", quoted(name));
        table(&mut text, &place, &ParameterSet::model(name)?, &axes, &[]);
    }
    for name in trials::dataset_names(&resolved.settings)? {
        let axes = resolved.axes_of_dataset(name);
        let place = format!("dataset.{}", quoted(name));
        table(&mut text, &place, &ParameterSet::dataset(name)?, &axes, &[]);
        trainings(&mut text, &place, &resolved.axes_of_training_on(name));
    }
    for name in trials::strategy_names(&resolved.settings)? {
        let axes = resolved.axes_of_strategy(name);
        let place = format!("strategy.{name}");
        table(&mut text, &place, &ParameterSet::strategy(name)?, &axes, &[INTERVAL]);
        trainings(&mut text, &place, &resolved.axes_of_training_for(name));
    }
    Ok(text)
}

/// A table of parameters. What is called as one of `fitted` and was not set is a comment, because writing it
/// down would keep it from being fitted to the training.
fn table(
    text: &mut String,
    name: &str,
    parameters: &ParameterSet,
    axes: &Axes<'_>,
    fitted: &[&str],
) {
    if parameters.defaults().is_empty() {
        return;
    }
    let _ = writeln!(text, "\n[{name}]");
    for (parameter, default) in parameters.defaults() {
        let path = Path::from(parameter.as_str());
        if fitted.contains(&parameter.as_str()) && default.is_string() && !axes.contains_key(&path)
        {
            let entry = format!("# {parameter} = {default}");
            let _ = writeln!(
                text,
                "{entry:40}  # default; a share of trainings in which it never comes"
            );
            continue;
        }
        parameter_lines(text, &path, default, parameters, axes);
    }
}

/// A parameter, and what is set below it. Of a table, each parameter has a line of its own.
fn parameter_lines(
    text: &mut String,
    path: &Path,
    default: &Value,
    parameters: &ParameterSet,
    axes: &Axes<'_>,
) {
    if let Some(axis) = axes.get(path) {
        return entry(text, path, *axis);
    }
    let below: Vec<_> = axes.iter().filter(|(other, _)| other.is_below(path)).collect();
    let tag = parameters.node(path).and_then(|node| node.variants()).map(|(tag, _)| tag);
    let Some((tag, Value::Object(table))) = tag.map(|tag| (tag, default)) else {
        if below.is_empty() {
            line(text, &path.to_string(), default, &Source::Default);
        }
        return below.into_iter().for_each(|(path, axis)| entry(text, path, *axis));
    };
    let named = path.child(tag);
    // With another name, or several, defaults are others.
    let is_default = match axes.get(&named) {
        None => true,
        Some((_, setting)) => matches!(&setting.values[..], [name] if table.get(tag) == Some(name)),
    };
    let defaults = table.iter().map(|(key, value)| (path.child(key), value));
    let defaults = defaults.filter(|(path, _)| *path == named || is_default);
    for (path, default) in defaults.filter(|(path, _)| !axes.contains_key(path)) {
        line(text, &path.to_string(), default, &Source::Default);
    }
    below.into_iter().for_each(|(path, axis)| entry(text, path, *axis));
}

/// How trials of one data set or strategy train, as far as that was set.
fn trainings(text: &mut String, place: &str, own: &Axes<'_>) {
    if !own.is_empty() {
        let _ = writeln!(text, "\n[{place}.training]");
        own.iter().for_each(|(path, axis)| entry(text, path, *axis));
    }
}

fn entry(text: &mut String, path: &Path, (key, setting): (&Key, &Setting)) {
    // An old spelling means something else where a component has no such parameter.
    let old = setting.is_old_spelling.then(|| old_spelling_of(path.first(), path.last()));
    let name = old.flatten().map_or_else(|| path.to_string(), str::to_owned);
    let value = match &setting.values[..] {
        // An array would be read back as an axis.
        [one] if !one.is_array() || takes_list(key) => one.clone(),
        several => Value::from(several),
    };
    line(text, &name, &value, &setting.source);
}

fn line(text: &mut String, key: &str, value: &Value, source: &Source) {
    let source = source.to_string().replace('\n', " ");
    let entry = match toml::Value::try_from(value) {
        Ok(value) => format!("{key} = {value}"),
        // TOML has no word for nothing.
        Err(_) => format!("# {key} = none"),
    };
    let _ = writeln!(text, "{entry:40}  # {source}");
}
