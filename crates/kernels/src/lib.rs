//! Linear layers and convolutions with unstructured sparse weights on the CPU, f32; slices in,
//! slices out.
//!
//! No tensors, no gradient tape: a layer is a [`Pattern`] (which weights are active, at one
//! [`Geometry`]), and its values are a slice that the caller owns, in row-major order of the mask.
//! Passes take a [`Workspace`], which holds threads and memory.
//!
//! | what | where |
//! | --- | --- |
//! | output | [`Pattern::forward`] |
//! | gradient of the input | [`Pattern::input_gradient`] |
//! | gradient of active weights, and of all | [`Pattern::weight_gradient`], [`Pattern::dense_weight_gradient`] |
//! | gradient of the bias | [`Pattern::bias_gradient`] |
//! | values out of a dense weight and into it | [`Pattern::gather`], [`Pattern::scatter`] |
//! | values and moments after a change of the mask | [`Refit`] |
//! | pooling | [`Pool2d`] |
//! | batch normalisation | [`BatchNorm`] |
//! | layouts | [`to_samples_innermost`], [`from_samples_innermost`] |
//!
//! # Layout
//! Activations have the samples innermost, `[channels, height, width, batch]`, so that one weight
//! multiplies neighbouring floats. Convert once at the edges of a network and stay in the layout:
//! elementwise functions do not see it, and the two conversions of a layer can cost as much as its
//! passes.
//!
//! # Bits
//! Every result is the same, bit for bit, for any instruction set and any number of threads.
//! Outputs and gradients of inputs do not depend on the batch around a sample either. Products
//! are added with fused multiplications in the order of the weight, and each thread computes
//! rows of its own.
//!
//! # Unsafe code
//! Intrinsics and unchecked reads are in the modules `vector`, `multiply`, `correlate`, `windows` and
//! `channel`, and in a few lines of `layout`. Each entry to them checks lengths and the largest offset of
//! a list before it starts; lists can be built in `list` only.

mod channel;
mod correlate;
mod error;
mod geometry;
mod instructions;
mod layout;
mod list;
mod multiply;
mod norm;
mod passes;
mod pattern;
mod plane;
mod pool;
mod refit;
mod team;
mod tile;
mod vector;
mod windows;
mod workspace;

pub use error::Error;
pub use geometry::{Conv2d, Geometry};
pub use instructions::Instructions;
pub use layout::{from_samples_innermost, to_samples_innermost};
pub use norm::{BatchNorm, Moments};
pub use pattern::Pattern;
pub use pool::{Pool2d, Pooling};
pub use refit::Refit;
pub use team::Team;
pub use workspace::Workspace;

// Products of sizes that were checked as 32 bits must not overflow.
const _: () = assert!(usize::BITS >= 64, "kernels need a processor of 64 bits");
