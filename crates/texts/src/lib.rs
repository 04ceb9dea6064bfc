//! Data sets of texts, or pairs of texts, as token ids of BERT's word pieces.
//!
//! - [`TextDataset`]: the data set itself, whatever its files were;
//! - [`TextRows`]: texts with their labels, before they are tokenised;
//! - [`Vocabulary`]: where it is found, and how texts are read with it;
//! - [`options`]: those that every data set of texts has;
//! - [`Encoded`]: the token ids of a file, and [`kept`], which keeps them on the disk;
//! - [`testing`]: a small vocabulary.

mod batches;
mod cache;
mod dataset;
mod encoded;
pub mod options;
pub mod testing;
mod user_texts;
pub mod vocabulary;
mod wordpiece;

pub use cache::{cache_folder, kept};
pub use dataset::{TextDataset, TextPart};
pub use encoded::Encoded;
pub use user_texts::TableFormat;
pub use vocabulary::Vocabulary;

/// Texts and labels in the order of a file.
#[derive(Debug, PartialEq)]
pub struct TextRows<'a> {
    /// The first or only text of each row.
    pub first: Vec<&'a str>,
    /// As many as `first` for pairs, none otherwise.
    pub second: Vec<&'a str>,
    /// Class numbers or scores.
    pub labels: Vec<f32>,
}
