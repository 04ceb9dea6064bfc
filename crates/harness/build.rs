//! Names every plug-in that `Cargo.toml` lists, so that listing one is enough to link it.
//!
//! A crate that is a dependency but named nowhere in code is not linked and registers nothing,
//! silently.

use std::path::Path;
use std::{env, fs};

/// What names of plug-in crates begin with.
const PREFIXES: [&str; 4] = ["dst-models", "strategy-", "dataset-", "report-"];

fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    let manifest = fs::read_to_string("Cargo.toml").expect("Cargo builds a crate in its folder");
    let plugins: String = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| PREFIXES.iter().any(|prefix| line.starts_with(prefix)))
        .filter_map(|line| line.split([' ', '.', '=']).next())
        .map(|name| format!("use {} as _;\n", name.replace('-', "_")))
        .collect();
    let folder = env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR");
    fs::write(Path::new(&folder).join("plugins.rs"), plugins).expect("OUT_DIR can be written");
}
