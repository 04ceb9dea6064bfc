//! What a trial is and what it measured, as plain data: its specification, its course, its outcome
//! and its predictions, with the metrics and measures that they have, and the one error type of the
//! workspace.
//!
//! There are no tensors here, so a store can be read and a report written on a machine without
//! libtorch.

pub mod backend;
pub mod confusion;
pub mod correlation;
pub mod cow_arc;
pub mod error;
pub mod file;
pub mod keep;
pub mod label;
pub mod mask_sample;
pub mod measure;
pub mod metric;
pub mod network;
pub mod network_weights;
pub mod precision;
pub mod predictions;
pub mod record;
pub mod registry;
mod scores;
pub mod span;
pub mod task;
pub mod text;
pub mod training;
pub mod utc;

pub use backend::{BackendKind, LayerBackend};
pub use confusion::Confusion;
pub use cow_arc::CowArc;
pub use error::{Error, ErrorKind, Result};
pub use keep::Keep;
pub use mask_sample::LayerMask;
pub use metric::Metric;
pub use network::NetworkRecord;
pub use network_weights::NetworkWeights;
pub use precision::Precision;
pub use predictions::Predictions;
pub use registry::Plugin;
pub use span::Span;
pub use task::Task;
pub use training::Training;
