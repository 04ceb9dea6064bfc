//! Linear layers and convolutions with unstructured sparse weights on the CPU, f32.
#![allow(missing_docs)]

mod error;
mod geometry;
mod instructions;
mod kernel;
mod list;
mod passes;
mod pattern;
mod plane;
mod vector;
mod workspace;

pub use error::Error;
pub use geometry::{Conv2d, Geometry};
pub use instructions::Instructions;
pub use pattern::Pattern;
pub use workspace::Workspace;
