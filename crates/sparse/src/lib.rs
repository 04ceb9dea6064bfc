//! A [`Backend`](dst_core::Backend) whose layers multiply by their active weights only, on the CPU.
//!
//! Forward and backward passes are those of [`dst_kernels`], which become nodes of libtorch's graph
//! through [`dst_autograd`]. Pooling and batch normalisation have kernels of their own;
//! the rest of a network (activations, sums, the loss) stays libtorch's, and works on tensors whose samples
//! lie innermost in memory as on any others.
//!
//! A layer computes densely, as [`DenseBackend`](dst_core::DenseBackend) does, where kernels cannot: on
//! other devices, in other precisions, and before a topology was chosen.

mod backend;
mod choice;
mod layer;
mod layout;
mod norm;
mod openmp;
mod pooling;

pub use backend::SparseBackend;
pub use choice::{backend, check, lacking, pays};
