//! Settings from environment variables.

use dst_core::Result;

use crate::axis;
use crate::parameters::as_one_list;
use crate::plain_key::PLAIN_KEYS;
use crate::setting::{Key, Setting, SettingLayer, Source};

/// Keys of tables that have a variable and a flag of their own.
pub(crate) const SHORTCUTS: &[(&str, &str)] = &[
    ("training.epochs", "HARNESS_EPOCHS"),
    ("training.batch_size", "HARNESS_BATCH_SIZE"),
    ("training.learning_rate", "HARNESS_LEARNING_RATE"),
    ("training.precision", "HARNESS_PRECISION"),
    ("training.backend", "HARNESS_BACKEND"),
    ("training.optimizer", "HARNESS_OPTIMIZER"),
    ("training.schedule", "HARNESS_SCHEDULE"),
    ("analysis.margin", "HARNESS_MARGIN"),
    ("analysis.alpha", "HARNESS_ALPHA"),
    ("analysis.control", "HARNESS_CONTROL"),
];

/// What the environment sets.
///
/// # Errors
/// If a value cannot be read.
pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<SettingLayer> {
    let mut layer = SettingLayer::new();
    for key in PLAIN_KEYS {
        if let Some(text) = get(key.variable).filter(|text| !text.is_empty()) {
            layer.push(key.setting(&text, Source::Environment(key.variable))?);
        }
    }
    for (path, variable) in SHORTCUTS {
        if let Some(text) = get(variable).filter(|text| !text.is_empty()) {
            let values = axis::values(&text).map_err(|error| error.at(*variable))?;
            let (key, source) = (Key::typed(path)?, Source::Environment(variable));
            let values = as_one_list(&key, values);
            layer.push((key, Setting::new(values, source)));
        }
    }
    Ok(layer)
}

/// Variables of ours that are read elsewhere.
const OTHERS: [&str; 2] = ["HARNESS_CACHE", "HARNESS_COMMIT"];

/// Variables that begin as ours do and mean nothing, each with the one that may be meant.
pub fn mistyped(variables: impl Iterator<Item = String>) -> Vec<(String, Option<&'static str>)> {
    let known: Vec<&'static str> = PLAIN_KEYS
        .iter()
        .map(|key| key.variable)
        .chain(SHORTCUTS.iter().map(|(_, variable)| *variable))
        .collect();
    variables
        .filter(|name| name.starts_with("HARNESS_") && !name.starts_with("HARNESS_TEST"))
        .filter(|name| !known.contains(&name.as_str()) && !OTHERS.contains(&name.as_str()))
        .map(|name| {
            // The shared prefix makes short names look near: HARNESS_HOME is not HARNESS_SEEDS.
            let is_close =
                |meant: &&str| dst_core::error::nearest(&name[8..], &[&meant[8..]]).is_some();
            let meant = dst_core::error::nearest(&name, &known).filter(is_close);
            (name, meant)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_look_mistyped_are_noticed() {
        let typed = ["HARNESS_STRATEGY", "HARNESS_SEEDS", "HARNESS_HOME", "SEED", "HARNESS_CACHE"];
        let found = mistyped(typed.into_iter().map(str::to_owned));
        let expected = [("HARNESS_STRATEGY", Some("HARNESS_STRATEGIES")), ("HARNESS_HOME", None)];
        assert_eq!(found, expected.map(|(typed, meant)| (typed.to_owned(), meant)));
    }

    #[test]
    fn the_environment_is_read_by_the_same_rules() {
        let get = |name: &str| (name == "HARNESS_SEEDS").then(|| "0..2".to_owned());
        let layer = read(get).unwrap();
        assert_eq!(layer.len(), 1);
        assert_eq!(layer[0].1.values, [0, 1]);
        let error = read(|name| (name == "HARNESS_JOBS").then(|| "no".to_owned()));
        let error = error.unwrap_err().to_string();
        assert_eq!(error, "HARNESS_JOBS: 'no' is not a whole number from 1 on");
    }
}
