//! The values of a key, and where they came from.

use std::fmt;
use std::path::PathBuf;

use dst_core::Error;
use serde_json::Value;

pub(crate) use crate::key::{EVERY, Key};

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody set it.
    Default,
    /// A grid that ships with the harness.
    Shipped(String),
    /// A grid file.
    File(PathBuf),
    /// An environment variable.
    Environment(&'static str),
    /// The command line; what was typed.
    Flag(String),
    /// It follows from other settings; why.
    Derived(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Shipped(name) => write!(f, "grid {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(typed) => f.write_str(typed),
            Self::Derived(why) => write!(f, "because {why}"),
        }
    }
}

/// The values of one key: one, or several as an axis of the grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// In the order given.
    pub(crate) values: Vec<Value>,
    /// Where they came from.
    pub(crate) source: Source,
    /// The group of data sets that it was given for, or [`EVERY`] for all strategies, if it was not
    /// given for its key by name.
    pub(crate) group: Option<String>,
    /// Of two settings, the one of the stronger source has the higher rank.
    pub(crate) rank: usize,
    /// Was it given by a key from before components had parameters of their own, such as
    /// `training.momentum`? Those were shared by all components, and each read its own.
    pub(crate) is_old_spelling: bool,
}

impl Setting {
    pub(crate) fn new(values: Vec<Value>, source: Source) -> Self {
        Self { values, source, group: None, rank: 0, is_old_spelling: false }
    }

    /// The error with the place that the value came from.
    pub(crate) fn locate(&self, key: &Key, error: Error) -> Error {
        match self.source {
            // What was typed names the key already.
            Source::Flag(_) | Source::Environment(_) => error.at(self.source.to_string()),
            _ => error.at(key.to_string()).at(self.source.to_string()),
        }
    }

    pub(crate) fn of_group(&self, name: &str) -> Self {
        Self { group: Some(name.to_owned()), ..self.clone() }
    }
}

/// Settings that came together, such as all of one file.
pub(crate) type SettingLayer = Vec<(Key, Setting)>;
