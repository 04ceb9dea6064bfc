//! Keys without a table, such as `seeds`.

use dst_core::{Error, Keep, Result};
use serde_json::Value;

use crate::axis;
use crate::setting::{Key, Setting, Source};

/// A key without a table, and how it is given elsewhere.
pub(crate) struct PlainKey {
    /// As in a grid file.
    pub(crate) name: &'static str,
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// Reads its list of values.
    pub(crate) parse: fn(&str) -> Result<Vec<Value>>,
    /// Is one value enough?
    pub(crate) single: bool,
}

/// All keys without a table.
pub(crate) const PLAIN_KEYS: &[PlainKey] = &[
    PlainKey { name: "grid", variable: "HARNESS_GRID", parse: text, single: true },
    PlainKey {
        name: "strategies",
        variable: "HARNESS_STRATEGIES",
        parse: axis::names,
        single: false,
    },
    PlainKey { name: "datasets", variable: "HARNESS_DATASETS", parse: axis::names, single: false },
    PlainKey { name: "models", variable: "HARNESS_MODELS", parse: axis::models, single: false },
    PlainKey {
        name: "sparsity",
        variable: "HARNESS_SPARSITY",
        parse: axis::sparsities,
        single: false,
    },
    PlainKey {
        name: "inference_flops",
        variable: "HARNESS_INFERENCE_FLOPS",
        parse: axis::inference_shares,
        single: false,
    },
    PlainKey {
        name: "training_flops",
        variable: "HARNESS_TRAINING_FLOPS",
        parse: axis::training_shares,
        single: false,
    },
    PlainKey { name: "seeds", variable: "HARNESS_SEEDS", parse: axis::seeds, single: false },
    PlainKey { name: "store", variable: "HARNESS_STORE", parse: text, single: true },
    PlainKey { name: "data_dir", variable: "HARNESS_DATA", parse: text, single: true },
    PlainKey { name: "hub_revision", variable: "HARNESS_HUB_REVISION", parse: text, single: true },
    PlainKey { name: "device", variable: "HARNESS_DEVICE", parse: text, single: true },
    PlainKey { name: "jobs", variable: "HARNESS_JOBS", parse: count, single: true },
    PlainKey { name: "threads", variable: "HARNESS_THREADS", parse: count, single: true },
    PlainKey { name: "timeout", variable: "HARNESS_TIMEOUT", parse: text, single: true },
    PlainKey { name: "keep", variable: "HARNESS_KEEP", parse: keep, single: true },
    PlainKey { name: "executor", variable: "HARNESS_EXECUTOR", parse: executor, single: true },
    PlainKey { name: "slurm", variable: "HARNESS_SLURM", parse: text, single: true },
];

/// The key that says in another way what this one says: the sparsity is given, or chosen for its cost.
pub(crate) fn rival(name: &str) -> Option<&'static str> {
    match name {
        "sparsity" => Some("inference_flops"),
        "inference_flops" => Some("sparsity"),
        _ => None,
    }
}

/// The plain key of that name.
///
/// # Errors
/// If there is none; the nearest is suggested.
pub(crate) fn plain(name: &str) -> Result<&'static PlainKey> {
    PLAIN_KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        let tables = ["training", "analysis", "strategy", "model", "dataset"];
        Error::unknown("key", name, PLAIN_KEYS.iter().map(|key| key.name).chain(tables))
    })
}

impl PlainKey {
    /// The setting that `text` gives.
    ///
    /// # Errors
    /// If it cannot be read, or one value is expected and several are given.
    pub(crate) fn setting(&self, text: &str, source: Source) -> Result<(Key, Setting)> {
        let located = |error: Error| match source {
            // Whoever reads the file names it.
            Source::File(_) | Source::Shipped(_) => error.at(self.name),
            _ => error.at(source.to_string()),
        };
        let values = (self.parse)(text).map_err(located)?;
        if self.single && values.len() != 1 {
            return Err(located(Error::usage(format!("{} takes one value", self.name))));
        }
        Ok((Key::Plain(self.name), Setting::new(values, source)))
    }
}

fn text(text: &str) -> Result<Vec<Value>> {
    if text.is_empty() {
        return Err(Error::usage("a value is missing"));
    }
    Ok(vec![Value::from(text)])
}

fn keep(text: &str) -> Result<Vec<Value>> {
    Ok(vec![Value::from(Keep::parse(text.trim())?.to_string())])
}

fn executor(text: &str) -> Result<Vec<Value>> {
    let known = ["local", "slurm"];
    match known.iter().find(|name| **name == text.trim()) {
        Some(name) => Ok(vec![Value::from(*name)]),
        None => Err(Error::unknown("executor", text, known)),
    }
}

fn count(text: &str) -> Result<Vec<Value>> {
    match text.trim().parse::<u32>() {
        Ok(count) if count > 0 => Ok(vec![Value::from(count)]),
        _ => Err(Error::usage(format!("'{text}' is not a whole number from 1 on"))),
    }
}
