//! A crate that is built alone gets the same features of third-party crates as in a build of the
//! whole workspace, or those are compiled again for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use super::tree::Tree;
use super::{Finding, finding};
use crate::{Result, cargo};

const HACK: &str = "crates/workspace-hack/Cargo.toml";

/// Who depends on this one gets the features of the crate `workspace-hack` with it.
const CORE: &str = "dst-core";

/// Where the crates lie that people edit and test alone. What depends on the whole harness, such as
/// `tests`, unites all features by itself.
const EDITED: [&str; 4] = ["crates/", "datasets/", "models/", "strategies/"];

/// Features by package and version. A package has several sets if build scripts and macros want
/// others than programs.
type Features = BTreeMap<String, BTreeSet<BTreeSet<String>>>;

/// Every crate on top of `dst-core` is built alone with the features of the whole workspace.
///
/// # Errors
/// If Cargo cannot tell them.
pub(super) fn united(workspace: &Path, tree: &Tree) -> Result<Vec<Finding>> {
    let whole = features(&listed(workspace, &["--workspace"])?);
    let mut findings = Vec::new();
    let edited = |folder: &str| EDITED.iter().any(|parent| folder.starts_with(parent));
    for package in tree.packages().into_iter().filter(|package| edited(&package.folder)) {
        let alone = listed(workspace, &["--package", &package.name])?;
        // The others work without libtorch, and are to be small rather than quick to build.
        if alone.lines().any(|line| line.starts_with(&format!("{CORE} "))) {
            findings.extend(missing(&package.name, &features(&alone), &whole));
        }
    }
    Ok(findings)
}

/// Packages and their features as `cargo tree` lists them, one pair a line.
fn listed(workspace: &Path, selection: &[&str]) -> Result<String> {
    let mut tree = cargo::command(workspace);
    tree.args(["tree", "--locked", "--prefix", "none", "--format", "{p} [{f}]"])
        .args(["--edges", "normal,build,dev"])
        .args(selection)
        .stderr(Stdio::inherit());
    let output = tree.output().map_err(|e| format!("cargo tree does not start: {e}"))?;
    if !output.status.success() {
        return Err("cargo tree failed; its reason stands above".to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Those of crates from a registry, from lines `serde v1.0.229 [default,std]`. Crates of the
/// workspace have their folder behind the version, macros a word, and repetitions a star.
fn features(listed: &str) -> Features {
    let mut features = Features::new();
    for line in listed.lines() {
        let Some((package, set)) = line.split_once(" [") else { continue };
        let set = set.split(']').next().unwrap_or_default();
        if !package.contains(" (/") {
            let set = set.split(',').filter(|feature| !feature.is_empty()).map(str::to_owned);
            features.entry(package.to_owned()).or_default().insert(set.collect());
        }
    }
    features
}

/// What `package` alone lacks of the features of the `whole` workspace.
fn missing(package: &str, alone: &Features, whole: &Features) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (dependency, sets) in alone {
        let wanted = whole.get(dependency);
        let unknown = sets.iter().filter(|set| wanted.is_none_or(|sets| !sets.contains(*set)));
        for set in unknown {
            let lacks: BTreeSet<&str> = wanted
                .into_iter()
                .flatten()
                .flat_map(|wanted| wanted.difference(set))
                .map(String::as_str)
                .collect();
            let lacks = Vec::from_iter(lacks).join(", ");
            findings.push(finding(
                HACK,
                1,
                format!(
                    "{package} built alone has {dependency} without the features {lacks} of the \
                     whole workspace, and compiles it again: add them here"
                ),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_crates_from_a_registry_are_read() {
        let listed = "strategy-rigl v0.1.0 (/w/strategies/rigl) []\n\
                      dst-core v0.1.0 (/w/crates/core) []\n\
                      serde v1.0.229 [default,std]\n\
                      serde_derive v1.0.229 (proc-macro) [default]\n\
                      syn v2.0.119 [full]\n\
                      syn v2.0.119 [full,visit] (*)\n\n";
        let set = |text: &[&str]| text.iter().map(|&feature| feature.to_owned()).collect();
        let expected: Features = [
            ("serde v1.0.229".to_owned(), BTreeSet::from([set(&["default", "std"])])),
            ("serde_derive v1.0.229 (proc-macro)".to_owned(), BTreeSet::from([set(&["default"])])),
            ("syn v2.0.119".to_owned(), BTreeSet::from([set(&["full"]), set(&["full", "visit"])])),
        ]
        .into();
        assert_eq!(features(listed), expected);
    }

    #[test]
    fn a_crate_with_fewer_features_than_the_workspace_is_found() {
        let whole = features("serde v1 [default,std]\nsyn v2 [full]\nsyn v2 [full,visit]\n");
        let alone = features("serde v1 [std]\nsyn v2 [full]\n");
        let found = missing("strategy-x", &alone, &whole);
        let found: Vec<String> = found.iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/workspace-hack/Cargo.toml:1: strategy-x built alone has serde v1 without the \
                 features default of the whole workspace, and compiles it again: add them here"
            ]
        );
        assert!(missing("strategy-x", &whole, &whole).is_empty());
    }
}
