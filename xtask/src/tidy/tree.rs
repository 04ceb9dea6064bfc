//! The files of the workspace that are, or could be, committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, cannot};

/// A snapshot of the file names under a root, with `/` between folders, sorted.
pub(super) struct Tree {
    root: PathBuf,
    /// Path and size in bytes.
    files: BTreeMap<String, u64>,
}

/// A crate of the workspace.
pub(super) struct Package {
    /// `strategies/rigl`
    pub(super) folder: String,
    pub(super) name: String,
    pub(super) manifest: toml::Table,
}

impl Tree {
    /// What git tracks or would track; without git, everything but the usual outputs.
    ///
    /// # Errors
    /// When `root` cannot be read.
    pub(super) fn of(root: &Path) -> Result<Self> {
        let mut names = Vec::new();
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output();
        match listed {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout);
                names.extend(text.split('\0').filter(|n| !n.is_empty()).map(str::to_owned));
            }
            _ => walk(root, "", &mut names)?,
        }
        // A file that git tracks may be deleted in the work tree.
        let files = names.into_iter().filter_map(|name| {
            let size = fs::metadata(root.join(&name)).ok()?.len();
            Some((name, size))
        });
        Ok(Tree { root: root.to_path_buf(), files: files.collect() })
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub(super) fn files_with_sizes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|(name, &size)| (name.as_str(), size))
    }

    /// Files whose name ends with `ending`.
    pub(super) fn ending(&self, ending: &str) -> impl Iterator<Item = &str> {
        self.files().filter(move |name| name.ends_with(ending))
    }

    /// The content of a file; empty when it is missing or no text.
    pub(super) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).unwrap_or_default()
    }

    /// Is there such a file or folder, tracked or not?
    pub(super) fn exists(&self, name: &str) -> bool {
        self.root.join(name).exists()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// The crates of the workspace, sorted by folder. A manifest that does not parse is
    /// cargo's to report.
    pub(super) fn packages(&self) -> Vec<Package> {
        self.ending("/Cargo.toml")
            .filter_map(|path| {
                let manifest: toml::Table = self.text(path).parse().ok()?;
                let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
                let folder = path.strip_suffix("/Cargo.toml")?.to_owned();
                Some(Package { folder, name, manifest })
            })
            .collect()
    }

    /// The names of the folders directly under `parent` that hold files.
    pub(super) fn folders(&self, parent: &str) -> Vec<String> {
        let mut folders: Vec<String> = self
            .files()
            .filter_map(|name| name.strip_prefix(parent)?.strip_prefix('/')?.split_once('/'))
            .map(|(folder, _)| folder.to_owned())
            .collect();
        folders.dedup();
        folders
    }
}

/// Folders that no tree has in git.
const OUTPUTS: [&str; 4] = ["target", "runs", ".git", ".libtorch"];

fn walk(root: &Path, folder: &str, names: &mut Vec<String>) -> Result {
    let path = root.join(folder);
    let entries = fs::read_dir(&path).map_err(|e| cannot("read", &path, &e))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let inside = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        // A link is neither: what it leads to is looked at elsewhere or lies outside.
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_file() {
            names.push(inside);
        } else if kind.is_dir() && !OUTPUTS.contains(&name.as_str()) {
            walk(root, &inside, names)?;
        }
    }
    Ok(())
}

/// The line, from 1, of the first line of `text` that `is` accepts; 1 when there is none.
pub(super) fn line_where(text: &str, is: impl Fn(&str) -> bool) -> usize {
    text.lines().position(is).map_or(1, |index| index + 1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// A tree with the given files; the folder lives as long as the first value.
    pub(crate) fn tree(files: &[(&str, &str)]) -> (Scratch, Tree) {
        let scratch = Scratch::new().unwrap();
        for (name, content) in files {
            let path = scratch.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let tree = Tree::of(scratch.path()).unwrap();
        (scratch, tree)
    }

    #[test]
    fn outputs_are_left_out_and_folders_are_listed_once() {
        let (_scratch, tree) = tree(&[
            ("strategies/set/src/lib.rs", ""),
            ("strategies/set/Cargo.toml", "[package]\nname = \"strategy-set\"\n"),
            ("strategies/README.md", ""),
            ("target/release/x.rs", ""),
        ]);
        let names: Vec<&str> = tree.files().collect();
        assert_eq!(
            names,
            ["strategies/README.md", "strategies/set/Cargo.toml", "strategies/set/src/lib.rs"]
        );
        assert_eq!(tree.folders("strategies"), ["set"]);
        assert_eq!(tree.packages()[0].name, "strategy-set");
    }
}
