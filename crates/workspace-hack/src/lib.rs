//! Nothing: this crate only unites features; see its `Cargo.toml`.
