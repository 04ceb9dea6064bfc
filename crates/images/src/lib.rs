//! Data sets of images that lie in main memory as bytes.
//!
//! - [`ImageDataset`]: the data set itself, whatever its files were;
//! - [`Samples`]: the images and labels of a split;
//! - [`Normalisation`]: from bytes to the numbers that a network sees;
//! - [`Augmentation`]: random changes of training images;
//! - [`idx`]: the format of MNIST's files.

pub mod augmentation;
mod dataset;
pub mod idx;
mod normalisation;
mod samples;

pub use augmentation::Augmentation;
pub use dataset::{ImageDataset, ReadImages, UserImages};
pub use normalisation::Normalisation;
pub use samples::Samples;
