//! Does nothing. Cargo ignores build dependencies of a crate without a build script.

fn main() {
    // Without a line like this, any change in the folder would run it again.
    println!("cargo::rerun-if-changed=build.rs");
}
