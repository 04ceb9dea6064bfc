//! What plug-in crates a binary links, and digests of their sources: for build scripts.
//!
//! A result belongs to the code that made it. The digest of a plug-in is a SHA-256 of what its
//! compiler reads, as tokens:
//!
//! - the modules reached from `src/lib.rs`, and `build.rs`; files that they include, as bytes;
//! - the same of every crate that it depends on by a path, except the [`COMMON`] ones, whose
//!   changes have other names.
//!
//! Comments, documentation, layout, lint levels, tests, and the texts in the record that registers
//! a plug-in do not count. All that one crate holds has one digest: `dst-models` holds every
//! architecture of the workspace, so a change in one of them is a change in all. Versions of
//! crates from a registry do not count, nor do modules that a macro declares.
//!
//! A binary that links plug-ins of its own gets their digests recorded by a build script
//!
//! ```no_run
//! fn main() -> std::io::Result<()> {
//!     dst_sources::write_plugins(&["strategy-"], &[])
//! }
//! ```
//!
//! and one line in its `main.rs`, in place of a `use strategy_x as _;` for each:
//!
//! ```text
//! include!(concat!(env!("OUT_DIR"), "/plugins.rs"));
//! ```

mod manifest;
mod modules;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

use manifest::Manifest;

/// Crates whose sources are in no digest: the numbers of core and training have a version of their
/// own, and what `dst-data` reads has the digest of the data.
pub const COMMON: [&str; 4] = ["dst-core", "dst-data", "dst-record", "dst-train"];

/// The sources of one crate and of those that it is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// SHA-256, 64 hexadecimal digits.
    pub digest: String,
    /// Every file that was read.
    pub files: BTreeSet<PathBuf>,
}

impl Sources {
    /// Reads those of the crate in `folder`.
    ///
    /// # Errors
    /// If a file cannot be read or is no Rust, naming it.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut crates = BTreeMap::new();
        let mut files = BTreeSet::new();
        collect(folder, &mut crates, &mut files)?;
        let mut all = Sha256::new();
        for (package, digest) in crates {
            all.update(package.as_bytes());
            all.update([0]);
            all.update(digest);
        }
        Ok(Self { digest: hexadecimal(&all.finalize()), files })
    }
}

/// Digests of a crate and what it depends on, by package.
fn collect(
    folder: &Path,
    crates: &mut BTreeMap<String, Vec<u8>>,
    files: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    let manifest = Manifest::read(folder)?;
    if crates.contains_key(&manifest.package) {
        return Ok(());
    }
    let mut hash = Sha256::new();
    files.insert(folder.join("Cargo.toml"));
    for root in [manifest.root.clone(), folder.join("build.rs")] {
        if root.exists() {
            modules::update(&root, &mut hash, files)?;
        }
    }
    crates.insert(manifest.package.clone(), hash.finalize().to_vec());
    for dependency in manifest.dependencies() {
        if !COMMON.contains(&dependency.package.as_str())
            && let Some(folder) = &dependency.folder
        {
            collect(folder, crates, files)?;
        }
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The whole of a build script: writes `plugins.rs` into `OUT_DIR`, for the crate that is built.
///
/// It names every dependency in its `Cargo.toml` that begins with one of these prefixes, because a
/// crate that no code names is not linked and registers nothing, silently. Those of `trained` take
/// part in trainings: the digests of their sources are registered with the harness. Those of
/// `others`, such as reports, are only linked.
///
/// # Errors
/// If a file cannot be read or written, or is no Rust.
pub fn write_plugins(trained: &[&str], others: &[&str]) -> io::Result<()> {
    let variable = |name: &str| {
        let value = env::var_os(name).map(PathBuf::from);
        value.ok_or_else(|| io::Error::other(format!("{name} is set in build scripts only")))
    };
    let (code, files) = plugins(&variable("CARGO_MANIFEST_DIR")?, trained, others)?;
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    fs::write(variable("OUT_DIR")?.join("plugins.rs"), code)
}

/// The text of `plugins.rs` for the crate in `folder`, and the files that it was made from.
fn plugins(
    folder: &Path,
    trained: &[&str],
    others: &[&str],
) -> io::Result<(String, BTreeSet<PathBuf>)> {
    let begins = |name: &str, prefixes: &[&str]| prefixes.iter().any(|p| name.starts_with(p));
    let manifest = Manifest::read(folder)?;
    let mut files = BTreeSet::from([folder.join("Cargo.toml")]);
    let mut code = String::new();
    for dependency in manifest.dependencies() {
        let package = &dependency.package;
        let takes_part = begins(package, trained);
        if !takes_part && !begins(package, others) {
            continue;
        }
        code.push_str(&format!("use {} as _;\n", library_name(&dependency.name)));
        // A crate from a registry has a version in place of sources that change.
        if let (true, Some(folder)) = (takes_part, &dependency.folder) {
            let library = Manifest::read(folder)?.library;
            let sources = Sources::of(folder)?;
            files.extend(sources.files);
            code.push_str(&format!(
                "harness::inventory::submit! {{ harness::code::Sources {{ package: {package:?}, \
                 library: {library:?}, digest: {:?} }} }}\n",
                sources.digest
            ));
        }
    }
    Ok((code, files))
}

/// What code calls a package.
fn library_name(package: &str) -> String {
    package.replace('-', "_")
}

#[cfg(test)]
mod tests;
