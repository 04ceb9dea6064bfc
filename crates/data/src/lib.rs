//! Where the bytes of data sets and trained models come from.
//!
//! - [`mod@file`]: plain, gzip and zstd files, read once, counted and hashed;
//! - [`parquet`]: columns of parquet files by their names;
//! - [`image`]: images inside them;
//! - [`split_files`]: data of users in one file, or in one for each split;
//! - [`hub`]: the Hugging Face Hub, its cache on this machine, and fetching;
//! - [`cache`]: what is slow to make from them;
//! - [`Source`]: which of the two a data set was found in;
//! - [`testing`]: small files of all these kinds.
//!
//! Only [`hub::fetch`] uses the network. Everything else reads files, so a trial never waits for
//! a server.

pub mod cache;
pub mod file;
pub mod hub;
pub mod image;
pub mod parquet;
pub mod pickle;
pub mod shards;
mod source;
pub mod split_files;
pub mod testing;

pub use source::Source;
