//! Published results: every folder of `results/` gives its report again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{Sandbox, workspace};

/// What a packed store is called, after a prefix that its tables have too.
const STORE: &str = "store.tar.xz";

/// Tables that must be the same, byte by byte.
const TABLES: [&str; 2] = ["summary.csv", "comparisons.csv"];

/// Packed stores of `results/`, with the prefix of their names.
fn stores() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in fs::read_dir(workspace().join("results")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(prefix) = name.strip_suffix(STORE) {
                found.push((folder.clone(), prefix.to_owned()));
            }
        }
    }
    found.sort();
    found
}

/// The folder with `store.json` below another.
fn root(folder: &Path) -> PathBuf {
    if folder.join("store.json").is_file() {
        return folder.to_owned();
    }
    let inner = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    inner.into_iter().find(|path| path.join("store.json").is_file()).expect("a store was packed")
}

#[test]
fn every_published_store_gives_its_tables_again() {
    let stores = stores();
    assert!(stores.len() >= 3, "{stores:?}");
    for (folder, prefix) in stores {
        let sandbox = Sandbox::new();
        let unpacked = sandbox.path("unpacked");
        fs::create_dir(&unpacked).unwrap();
        let archive = folder.join(format!("{prefix}{STORE}"));
        let tar = Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(&unpacked).status();
        if !tar.is_ok_and(|status| status.success()) {
            println!("skipped: no tar with xz");
            return;
        }
        let store = root(&unpacked);
        let store = store.to_str().unwrap();
        let _ = sandbox.run_with("store verify --store", &[store]).well();
        // Of all trials, or of the grid that the store was published with.
        let is_same =
            ["report --all --out all --store", "report --out last --store"].iter().any(|line| {
                let said = sandbox.run_with(line, &[store]);
                let out = if line.contains("--all") { "all" } else { "last" };
                said.code == Some(0)
                    && TABLES.iter().all(|table| {
                        let published = fs::read(folder.join(format!("{prefix}{table}"))).unwrap();
                        published == fs::read(sandbox.path(&format!("{out}/{table}"))).unwrap()
                    })
            });
        assert!(
            is_same,
            "`harness report` writes other tables than {prefix}{TABLES:?} in {}",
            folder.display()
        );
    }
}
