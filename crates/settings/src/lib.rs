//! What a grid means: settings of all sources become trials and how to run them.
//!
//! Flags win over `HARNESS_*` variables, those over the grid file, that over the grid that ships, and
//! that over defaults. [`CommandLine`] holds what was typed, [`ResolvedSettings`] what is in force, and
//! [`GridConfig`] what that means.
//!
//! Names of strategies, models and data sets are those of the plug-ins that the program links: this
//! crate knows none of them.

mod analysis;
pub mod axis;
mod command_line;
mod environment;
mod execution;
mod file;
mod grid;
mod key;
mod models;
mod parameters;
mod path;
mod plain_key;
mod print;
mod resolved;
mod schema;
mod setting;
mod settings;
pub mod shipped;
mod trials;

pub use command_line::CommandLine;
pub use environment::mistyped;
pub use execution::{DEFAULT_STORE, ExecutionConfig, Place};
pub use grid::GridConfig;
pub use parameters::ParameterSet;
pub use resolved::ResolvedSettings;
pub use schema::{Choice, Parameter};
pub use trials::DatasetConfig;

/// The parameter of strategies that says how often connections change: a default that never comes in a
/// training is replaced, what somebody set is not.
pub const INTERVAL: &str = "interval";

#[cfg(test)]
mod tests;
