//! Placeholder of a build in progress.
fn main() {}
