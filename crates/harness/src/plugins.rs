//! The plug-ins that this binary links: those that `Cargo.toml` lists.
//!
//! `build.rs` writes a line `use strategy_x as _;` for each, because a dependency that no code
//! names is not linked and registers nothing, and beside it the digest of its sources.
//! `cargo xtask tidy` and a test compare the list with the folders.

include!(concat!(env!("OUT_DIR"), "/plugins.rs"));
