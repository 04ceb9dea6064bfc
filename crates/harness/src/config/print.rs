//! The effective settings as a grid file.

use std::fmt::Write;

use dst_analysis::Analysis;
use dst_core::Result;
use serde_json::Value;

use super::parameters::{Axes, Family, takes_list};
use super::setting::{Key, PLAIN_KEYS, Setting, Source, quoted};
use super::{Effective, trials};

/// A grid file that gives the same trials; a comment on each line says where its value came from.
///
/// # Errors
/// If a name is unknown.
pub(super) fn to_toml(effective: &Effective) -> Result<String> {
    let mut text = String::from("# The settings in force, and where each came from.\n");
    let execution = effective.execution()?;
    for key in PLAIN_KEYS {
        match effective.settings.plain(key.name) {
            Some(Setting { values, source, .. }) => {
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
                    "models" => "the model of each data set".to_owned(),
                    _ => "none".to_owned(),
                };
                // As a comment, because writing it down would fix it for other machines.
                let entry = format!("# {} = {derived}", key.name);
                let _ = writeln!(text, "{entry:40}  # default");
            }
        }
    }
    table(&mut text, "training", &Family::training()?, &effective.axes_of_training());
    let analysis = effective.axes(|key| match key {
        Key::Analysis(parameter) => Some(parameter),
        _ => None,
    });
    table(&mut text, "analysis", &Family::analysis(&Analysis::default())?, &analysis);
    for name in trials::model_names(&effective.settings)? {
        let axes = effective.axes_of_model(name);
        table(&mut text, &format!("model.{name}"), &Family::model(name)?, &axes);
    }
    for name in trials::dataset_names(&effective.settings)? {
        let axes = effective.axes_of_dataset(name);
        let place = format!("dataset.{}", quoted(name));
        table(&mut text, &place, &Family::dataset(name)?, &axes);
        let own = effective.axes_of_training_on(name);
        if !own.is_empty() {
            let _ = writeln!(text, "\n[{place}.training]");
            own.iter().for_each(|(parameter, axis)| entry(&mut text, parameter, *axis));
        }
    }
    for name in trials::strategy_names(&effective.settings)? {
        let axes = effective.axes_of_strategy(name);
        table(&mut text, &format!("strategy.{name}"), &Family::strategy(name)?, &axes);
    }
    Ok(text)
}

fn table(text: &mut String, name: &str, family: &Family, axes: &Axes<'_>) {
    if family.defaults().is_empty() {
        return;
    }
    let _ = writeln!(text, "\n[{name}]");
    for (parameter, default) in family.defaults() {
        match axes.get(parameter.as_str()) {
            Some(axis) => entry(text, parameter, *axis),
            None => line(text, parameter, default, &Source::Default),
        }
    }
}

fn entry(text: &mut String, parameter: &str, (key, setting): (&Key, &Setting)) {
    let value = match &setting.values[..] {
        // An array would be read back as an axis.
        [one] if !one.is_array() || takes_list(key) => one.clone(),
        several => Value::from(several),
    };
    line(text, parameter, &value, &setting.source);
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
