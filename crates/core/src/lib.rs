//! The vocabulary of dynamic sparse training: what a strategy, a model, a data set and a
//! report are, and the machinery that they share.
//!
//! A *strategy* decides when connections change, by which scores and how many. Everything it
//! changes lives in the [`Topology`], which selects, applies, resets and records. Plug-in
//! crates depend on this crate alone and register themselves through [`plugin`].
//!
//! Densities and sparsities are fractions in [0, 1]; `density = 1 − sparsity`. The code counts
//! in densities, people type sparsities, and the conversion happens at the edge.

pub mod architecture;
pub mod dataset;
pub mod density;
pub mod device;
pub mod exchange;
pub mod flops;
pub mod graph;
pub mod layers;
mod mask;
pub mod options;
pub mod origin;
pub mod own_data;
pub mod plugin;
pub mod precision;
pub mod probe;
pub mod redistribution;
pub mod schedule;
pub mod seed;
pub mod selection;
pub mod split;
pub mod strategy;
pub mod topology;
pub mod weight;

/// What a trial is and what it measured; re-exported so that plug-ins depend on this crate alone.
pub use dst_record::{
    BackendKind, Confusion, CowArc, Error, ErrorKind, Keep, LayerBackend, LayerMask, Metric,
    NetworkRecord, NetworkWeights, Precision, Predictions, Result, Span, Task, Training,
    correlation, error, file, label, mask_sample, measure, metric, network, network_weights,
    predictions, record, registry, text, training, utc,
};

pub use architecture::{Architecture, Backend, DenseBackend, Input, InputShape, Model, Pass};
pub use dataset::{Batch, DataSources, Dataset, HubCache, HubFiles, RawInputs, Split, UserSamples};
pub use density::Distribution;
pub use exchange::{Counts, Exchange, Keys, Rewiring, Shared, View};
pub use graph::{Activation, Graph, Operations, PictureModel, PictureNetwork};
pub use layers::{
    BatchNorm2d, Builder, Conv2d, Convolution, DenseLinear, Embedding, LayerNorm, Linear,
    Parameter, Parameters, Pooling, Start,
};
pub use options::{DatasetOptions, NoOptions, OptionsType};
pub use origin::FromCrate;
pub use own_data::OwnData;
pub use probe::{Forward, Inputs, Probe};
pub use schedule::{Curve, Phases, Timing};
pub use seed::SeedStreams;
pub use split::SplitOptions;
pub use strategy::{BatchUse, Forecast, GradientScope, Rewinds, Step, Strategy};
pub use topology::{Growth, InitialMask, Layer, Moments, Regrowth, Topology};
pub use weight::{StepOperands, Weight};

/// What the macros of this crate expand to; not part of its interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use schemars;
}

/// Re-exported so that plug-ins use the tensor library that this crate was built with.
pub use tch;
