//! Which crate may depend on which.

use super::tree::{Package, Tree, line_where};
use super::{Finding, finding};

/// The crates of this workspace that one may depend on.
struct Arrows {
    /// In `[dependencies]`.
    uses: &'static [&'static str],
    /// In `[dev-dependencies]`, besides.
    tests_use: &'static [&'static str],
}

/// The arrows of a crate, by its folder; `None` where everything is allowed.
fn allowed(folder: &str) -> Option<Arrows> {
    const REPORTS: &[&str] = &["dst-analysis", "dst-figures", "dst-record", "dst-stats"];
    const TEST_HELP: &[&str] = &["dst-conformance", "dst-train", "dst-models"];
    let (uses, tests_use): (&[&str], &[&str]) = match folder {
        "crates/figures"
        | "crates/kernels"
        | "crates/record"
        | "crates/sources"
        | "crates/stats"
        | "crates/workspace-hack"
        | "xtask" => (&[], &[]),
        "crates/core" => (&["dst-record", "workspace-hack"], &[]),
        "crates/autograd" => (&["dst-record", "workspace-hack"], &[]),
        "crates/sparse" => {
            (&["dst-autograd", "dst-core", "dst-kernels"], &["dst-models", "dst-train"])
        }
        "crates/data" => (&["dst-core"], &[]),
        "crates/images" | "crates/tables" => (&["dst-core", "dst-data"], &[]),
        // Users' texts are in tables.
        "crates/texts" => (&["dst-core", "dst-data", "dst-tables"], &[]),
        "crates/analysis" => (&["dst-figures", "dst-record", "dst-stats"], &[]),
        "crates/store" => (&["dst-analysis", "dst-record"], &[]),
        "crates/executor" => (&["dst-record", "dst-store"], &[]),
        // Golden trainings are of both backends, and the backend is tested in trainings.
        "crates/train" => (&["dst-core"], &["dst-models", "dst-sparse"]),
        // Weights come from the Hub's cache too.
        "crates/models" => (&["dst-core", "dst-data"], &["dst-train"]),
        // Tests of grids name plug-ins.
        "crates/settings" => (
            &["dst-analysis", "dst-core", "dst-data", "dst-executor", "dst-sparse", "dst-train"],
            &[
                "dataset-cifar10",
                "dataset-cifar100",
                "dataset-glue",
                "dataset-mnist",
                "dst-models",
                "strategy-dense",
                "strategy-prune-regrow",
                "strategy-rigl",
                "strategy-set",
                "strategy-snfs",
            ],
        ),
        "crates/conformance" => (&["dst-core", "dst-sparse", "dst-train"], &["dst-models"]),
        "benches" | "crates/harness" | "tests" => return None,
        // Its tests compare all forms of the report.
        "reports/significance" => (
            REPORTS,
            &["report-csv", "report-html", "report-json", "report-latex", "report-markdown"],
        ),
        _ if folder.starts_with("reports/") => (REPORTS, &[]),
        _ if folder.starts_with("datasets/") => {
            (&["dst-core", "dst-data", "dst-images", "dst-tables", "dst-texts"], TEST_HELP)
        }
        // Strategies; and whatever is new, until it has a line of its own.
        _ => (&["dst-core"], TEST_HELP),
    };
    Some(Arrows { uses, tests_use })
}

/// Crates that must stay free of tch: they run before libtorch exists, or without it.
const WITHOUT_TCH: [&str; 9] = [
    "crates/analysis",
    "crates/executor",
    "crates/figures",
    "crates/kernels",
    "crates/sources",
    "crates/stats",
    "crates/store",
    "crates/workspace-hack",
    "xtask",
];

/// Dependency arrows point inward.
pub(super) fn dependencies(tree: &Tree) -> Vec<Finding> {
    let packages = tree.packages();
    let names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &packages {
        for (table, dependency) in dependencies_of(package) {
            if dependency == "tch" && WITHOUT_TCH.contains(&package.folder.as_str()) {
                let what = "depends on tch, but must work without libtorch: remove it".to_owned();
                findings.push(at(tree, package, &dependency, what));
            }
            let Some(arrows) = allowed(&package.folder) else {
                continue;
            };
            let dev = table == "dev-dependencies";
            let fine = arrows.uses.contains(&dependency.as_str())
                || dev && arrows.tests_use.contains(&dependency.as_str());
            if !fine && names.contains(&dependency.as_str()) {
                let permitted = match (arrows.uses, dev) {
                    ([], false) => "none".to_owned(),
                    (uses, false) => uses.join(", "),
                    (uses, true) => [uses, arrows.tests_use].concat().join(", "),
                };
                let what = format!(
                    "{} has {dependency} in [{table}], where of this workspace it may have {permitted}: \
                     move what they share inward, or record the new arrow in ARCHITECTURE.md and here",
                    package.name
                );
                findings.push(at(tree, package, &dependency, what));
            }
        }
    }
    findings
}

/// (table, name) of each dependency, of those for one platform too.
fn dependencies_of(package: &Package) -> Vec<(&'static str, String)> {
    let target = package.manifest.get("target").and_then(|t| t.as_table());
    let platforms = target.into_iter().flat_map(|t| t.values()).filter_map(|t| t.as_table());
    let mut found = Vec::new();
    for tables in std::iter::once(&package.manifest).chain(platforms) {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = tables.get(table).and_then(|t| t.as_table());
            for (key, value) in entries.into_iter().flatten() {
                let renamed = value.get("package").and_then(|p| p.as_str());
                found.push((table, renamed.unwrap_or(key).to_owned()));
            }
        }
    }
    found
}

fn at(tree: &Tree, package: &Package, dependency: &str, what: String) -> Finding {
    let path = format!("{}/Cargo.toml", package.folder);
    let starts = |line: &str| {
        let rest = line.trim_start().strip_prefix(dependency);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    finding(&path, line_where(&tree.text(&path), starts), what)
}

/// Every crate takes the workspace's lints.
pub(super) fn lints(tree: &Tree) -> Vec<Finding> {
    let takes = |package: &Package| {
        let lints = package.manifest.get("lints")?;
        lints.get("workspace")?.as_bool()
    };
    tree.packages()
        .iter()
        .filter(|package| takes(package) != Some(true))
        .map(|package| {
            let path = format!("{}/Cargo.toml", package.folder);
            let what = "does not take the workspace's lints: add `[lints]` and `workspace = true`";
            finding(&path, 1, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::tests::tree;

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n\n[lints]\nworkspace = true\n\n{rest}")
    }

    fn findings(folder: &str, name: &str, rest: &str) -> Vec<String> {
        let (_scratch, tree) = tree(&[
            (&format!("{folder}/Cargo.toml"), &manifest(name, rest)),
            ("crates/core/Cargo.toml", &manifest("dst-core", "")),
            ("crates/stats/Cargo.toml", &manifest("dst-stats", "")),
            ("crates/train/Cargo.toml", &manifest("dst-train", "")),
            ("crates/harness/Cargo.toml", &manifest("harness", "")),
        ]);
        dependencies(&tree).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_strategy_knows_core_and_tests_with_the_loop() {
        let fine = "[dependencies]\ndst-core.workspace = true\nserde.workspace = true\n\
                    [dev-dependencies]\ndst-train.workspace = true\n";
        assert_eq!(findings("strategies/x", "strategy-x", fine), [""; 0]);
        let wrong = "[dependencies]\ndst-core.workspace = true\ndst-train = { path = \"../..\" }\n";
        assert_eq!(
            findings("strategies/x", "strategy-x", wrong),
            [
                "strategies/x/Cargo.toml:9: strategy-x has dst-train in [dependencies], where of this \
                 workspace it may have dst-core: move what they share inward, or record the new arrow \
                 in ARCHITECTURE.md and here"
            ]
        );
    }

    #[test]
    fn only_reports_know_statistics_and_nobody_knows_the_harness() {
        let stats = "[dependencies]\ndst-stats.workspace = true\n";
        assert!(findings("reports/x", "report-x", stats).is_empty());
        assert_eq!(findings("datasets/x", "dataset-x", stats).len(), 1);
        let harness = "[dev-dependencies]\nharness.workspace = true\n";
        assert_eq!(findings("reports/x", "report-x", harness).len(), 1);
        assert!(findings("tests", "end-to-end", harness).is_empty());
        let platform =
            "[target.'cfg(unix)'.dependencies]\nh = { package = \"harness\", path = \"x\" }\n";
        assert_eq!(findings("strategies/x", "strategy-x", platform).len(), 1);
    }

    #[test]
    fn data_sets_and_models_read_files_and_strategies_do_not() {
        let data = "[dependencies]\ndst-data.workspace = true\n";
        let with_data = |folder: &str| {
            let (_scratch, tree) = tree(&[
                (&format!("{folder}/Cargo.toml"), &manifest("x", data)),
                ("crates/data/Cargo.toml", &manifest("dst-data", "")),
            ]);
            dependencies(&tree).len()
        };
        assert_eq!(["datasets/x", "crates/models"].map(with_data), [0, 0]);
        assert_eq!(["strategies/x", "reports/x", "crates/core"].map(with_data), [1, 1, 1]);
    }

    #[test]
    fn xtask_works_without_libtorch() {
        let found = findings("xtask", "xtask", "[dependencies]\ntch.workspace = true\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("xtask/Cargo.toml:8: depends on tch"), "{found:?}");
    }

    #[test]
    fn lints_are_taken() {
        let (_scratch, tree) = tree(&[
            ("crates/a/Cargo.toml", &manifest("a", "")),
            ("crates/b/Cargo.toml", "[package]\nname = \"b\"\n"),
            ("crates/c/Cargo.toml", "[package]\nname = \"c\"\n[lints]\nworkspace = false\n"),
        ]);
        let paths: Vec<String> = lints(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(paths, ["crates/b/Cargo.toml", "crates/c/Cargo.toml"]);
    }
}
