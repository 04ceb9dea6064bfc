//! Every plug-in is linked and described. A crate that is not linked registers nothing, and
//! nothing says so.

use super::tree::{Tree, line_where};
use super::{Finding, finding};

const KINDS: [&str; 4] = ["strategies", "datasets", "models", "reports"];
const HARNESS: &str = "crates/harness/Cargo.toml";

/// Each plug-in crate is a dependency of the harness, whose build script names it in code.
pub(super) fn linked(tree: &Tree) -> Vec<Finding> {
    let harness: toml::Table = tree.text(HARNESS).parse().unwrap_or_default();
    let listed = |name: &str| harness.get("dependencies").is_some_and(|d| d.get(name).is_some());
    let mut findings = Vec::new();
    for package in tree.packages() {
        let Some((kind, _)) = package.folder.split_once('/') else {
            continue;
        };
        if !KINDS.contains(&kind) {
            continue;
        }
        let name = &package.name;
        if !listed(name) {
            let line = line_where(&tree.text(HARNESS), |l| l.trim() == "[dependencies]");
            let what = format!(
                "{name} is not linked and registers nothing: add `{name} = {{ path = \"../../{}\" }}`",
                package.folder
            );
            findings.push(finding(HARNESS, line, what));
        }
    }
    findings
}

/// Each plug-in folder has what a reader and the harness expect in it.
pub(super) fn documented(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in KINDS {
        for folder in tree.folders(kind) {
            let mut expected = vec!["Cargo.toml", "README.md"];
            if kind == "strategies" {
                expected.push("grid.toml");
            }
            for name in expected {
                let path = format!("{kind}/{folder}/{name}");
                if !tree.contains(&path) {
                    findings.push(finding(&path, 1, "is missing: write it"));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::tests::tree;

    #[test]
    fn an_unlinked_plug_in_is_found() {
        let (_scratch, tree) = tree(&[
            (
                HARNESS,
                "[package]\nname = \"harness\"\n[dependencies]\nstrategy-set = { path = \"../../strategies/set\" }\n",
            ),
            ("strategies/set/Cargo.toml", "[package]\nname = \"strategy-set\"\n"),
            ("reports/csv/Cargo.toml", "[package]\nname = \"report-csv\"\n"),
            ("crates/core/Cargo.toml", "[package]\nname = \"dst-core\"\n"),
        ]);
        let found: Vec<String> = linked(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            ["crates/harness/Cargo.toml:3: report-csv is not linked and registers nothing: \
                 add `report-csv = { path = \"../../reports/csv\" }`"]
        );
    }

    #[test]
    fn a_plug_in_without_its_papers_is_found() {
        let (_scratch, tree) = tree(&[
            ("strategies/set/Cargo.toml", ""),
            ("strategies/set/README.md", ""),
            ("strategies/set/grid.toml", ""),
            ("strategies/new/src/lib.rs", ""),
            ("datasets/mnist/Cargo.toml", ""),
        ]);
        let paths: Vec<String> = documented(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(
            paths,
            [
                "strategies/new/Cargo.toml",
                "strategies/new/README.md",
                "strategies/new/grid.toml",
                "datasets/mnist/README.md"
            ]
        );
    }
}
