//! `cargo xtask licences`: which crates of others the harness contains, with the texts of their licences.
//!
//! Whoever hands on a binary has to hand on these texts. The file is made when a binary is, and is not kept
//! in the repository: it would change with every line of `Cargo.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Result, cannot, cargo, note};

/// What the file is called; the wheel takes every `LICENSE-*` of the clone's root.
const FILE: &str = "LICENSE-THIRD-PARTY";

/// The binary's crate.
const ROOT: &str = "harness";

/// How names of files begin, in any case, that hold a licence or what must be handed on with it.
const LICENCE_FILES: [&str; 6] =
    ["license", "licence", "copying", "notice", "copyright", "unlicense"];

/// Writes the file to the root of the workspace.
///
/// # Errors
/// When cargo fails, or a crate says nothing of its licence.
pub(crate) fn run(workspace: &Path) -> Result {
    let text = text(workspace)?;
    let file = workspace.join(FILE);
    fs::write(&file, text).map_err(|e| cannot("write", &file, &e))?;
    note!("{}", file.display());
    Ok(())
}

/// The content of the file.
///
/// # Errors
/// As for [`run`].
pub(crate) fn text(workspace: &Path) -> Result<String> {
    let metadata = cargo::metadata(workspace, &["--filter-platform", &platform()?])?;
    Ok(written(&foreign(&metadata)?))
}

/// What this machine is to a compiler.
fn platform() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output();
    let output = output.map_err(|e| format!("rustc does not start: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}

/// A crate of somebody else.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Foreign {
    /// Name and version.
    title: String,
    licence: String,
    address: String,
    /// Texts of its files.
    texts: Vec<String>,
}

/// Crates from a registry that the root reaches by ordinary dependencies.
fn foreign(metadata: &Value) -> Result<BTreeSet<Foreign>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|p| (text(&p["id"]), p)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|n| (text(&n["id"]), n)).collect();
    let root = packages.iter().find(|(_, package)| package["name"] == ROOT);
    let mut open = vec![root.ok_or_else(|| format!("there is no crate {ROOT}"))?.0.clone()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        for dependency in nodes.get(&id).map(|node| list(&node["deps"])).unwrap_or_default() {
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    let mut found = BTreeSet::new();
    for package in seen.iter().filter_map(|id| packages.get(id)) {
        if package["source"].is_null() {
            continue;
        }
        let title = format!("{} {}", text(&package["name"]), text(&package["version"]));
        let manifest = text(&package["manifest_path"]);
        let texts = texts_in(Path::new(&manifest).parent().unwrap_or(Path::new("")));
        let licence = match package["license"].as_str() {
            Some(licence) => licence.to_owned(),
            None if !texts.is_empty() => "see below".to_owned(),
            None => return Err(format!("{title} says nothing of its licence: find out")),
        };
        found.insert(Foreign { title, licence, address: text(&package["repository"]), texts });
    }
    Ok(found)
}

/// Texts of the licence files in a folder.
fn texts_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|p| p.is_file()).collect();
    files.sort();
    let is_licence = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        LICENCE_FILES.iter().any(|start| name.starts_with(start))
    };
    let licences = files.iter().filter(|path| is_licence(path));
    licences
        .filter_map(|path| Some(String::from_utf8_lossy(&fs::read(path).ok()?).trim().to_owned()))
        .collect()
}

/// The list, and each text once with the crates that have it.
fn written(crates: &BTreeSet<Foreign>) -> String {
    let mut out = format!("The harness contains these {} crates of others.\n\n", crates.len());
    let mut texts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Foreign { title, licence, address, texts: own } in crates {
        let lacks = if own.is_empty() { "; its package has no text of it" } else { "" };
        let _ = writeln!(out, "{title}: {licence}{lacks}  {address}");
        own.iter().for_each(|text| texts.entry(text).or_default().push(title));
    }
    for (text, titles) in texts {
        let _ = write!(out, "\n{}\n{}\n\n{text}\n", "=".repeat(78), titles.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use serde_json::json;

    #[test]
    fn crates_of_others_are_listed_and_each_text_stands_once() {
        let scratch = Scratch::new().unwrap();
        for (name, text) in [("a", "Do what you want.\n"), ("b", "Do what you want."), ("c", "")] {
            fs::create_dir(scratch.join(name)).unwrap();
            if !text.is_empty() {
                fs::write(scratch.join(name).join("LICENSE-MIT"), text).unwrap();
            }
            fs::write(scratch.join(name).join("lib.rs"), "code").unwrap();
        }
        let package = |name: &str, source: Value| {
            let manifest = scratch.join(name).join("Cargo.toml");
            json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": source,
                   "repository": format!("of {name}"), "manifest_path": manifest})
        };
        let needs = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let registry = json!("registry");
        let metadata = json!({
            "packages": [
                package("harness", Value::Null), package("ours", Value::Null),
                package("a", registry.clone()), package("b", registry.clone()),
                package("c", registry.clone()), package("tests-only", registry.clone()),
            ],
            "resolve": {"nodes": [
                {"id": "harness", "deps": [needs("ours", Value::Null), needs("tests-only", json!("dev"))]},
                {"id": "ours", "deps": [needs("a", Value::Null), needs("c", Value::Null)]},
                {"id": "a", "deps": [needs("b", Value::Null)]},
            ]},
        });
        let text = written(&foreign(&metadata).unwrap());
        assert_eq!(
            text,
            format!(
                "The harness contains these 3 crates of others.\n\n\
                 a 1.0.0: MIT  of a\n\
                 b 1.0.0: MIT  of b\n\
                 c 1.0.0: MIT; its package has no text of it  of c\n\
                 \n{}\na 1.0.0, b 1.0.0\n\nDo what you want.\n",
                "=".repeat(78)
            )
        );
    }

    #[test]
    fn a_crate_without_a_licence_is_an_error() {
        let metadata = json!({
            "packages": [
                {"id": "h", "name": "harness", "version": "1.0.0", "source": null, "manifest_path": "/no/Cargo.toml"},
                {"id": "x", "name": "x", "version": "1.0.0", "source": "registry", "manifest_path": "/no/Cargo.toml"},
            ],
            "resolve": {"nodes": [{"id": "h", "deps": [{"pkg": "x", "dep_kinds": [{"kind": null}]}]}]},
        });
        assert_eq!(
            foreign(&metadata).unwrap_err(),
            "x 1.0.0 says nothing of its licence: find out"
        );
    }
}
