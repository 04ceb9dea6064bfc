//! Models: a multi-layer perceptron and LeNet-5.
//!
//! Each architecture is a plain config that registers itself under its name. A config is
//! checked when the network is built, against the input and the task of the data set, before
//! any weight is drawn.

mod check;
mod lenet;
mod mlp;

pub use lenet::{Activation, LeNet5, Pooling};
pub use mlp::Mlp;
