//! No dependency asks for a newer Rust than the workspace does. That our own code does not use newer interfaces is
//! checked by Clippy, which reads the same `rust-version`.

use std::path::Path;

use serde_json::Value;

use super::{Finding, finding};
use crate::{Result, cargo};

/// Asks cargo what every crate wants.
///
/// # Errors
/// If Cargo cannot tell.
pub(super) fn kept(workspace: &Path) -> Result<Vec<Finding>> {
    let metadata = cargo::metadata(workspace, &[])?;
    Ok(newer(&metadata))
}

fn newer(metadata: &Value) -> Vec<Finding> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wants = |package: &Value| package["rust_version"].as_str().map(parts);
    let ours =
        packages.iter().filter(|package| package["source"].is_null()).filter_map(wants).min();
    let mut findings = Vec::new();
    for package in packages.iter().filter(|package| wants(package) > ours) {
        let of = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let what = format!(
            "{} {} wants Rust {}, and the workspace promises less: choose an older one, or raise rust-version in \
             Cargo.toml and docs/start.md",
            of("name"),
            of("version"),
            of("rust_version")
        );
        findings.push(finding("Cargo.lock", 1, what));
    }
    findings
}

/// `1.89` as numbers, with nothing as zero.
fn parts(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_crate_that_wants_more_is_found() {
        let package = |name: &str, source: Value, rust: Value| json!({"name": name, "version": "1.0.0", "source": source, "rust_version": rust});
        let metadata = json!({"packages": [
            package("ours", Value::Null, json!("1.89")),
            package("older", json!("registry"), json!("1.9.1")),
            package("same", json!("registry"), json!("1.89.0")),
            package("silent", json!("registry"), Value::Null),
            package("newer", json!("registry"), json!("1.89.1")),
        ]});
        let found: Vec<String> = newer(&metadata).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("Cargo.lock:1: newer 1.0.0 wants Rust 1.89.1, "), "{found:?}");
    }
}
