//! Where a new crate goes: into a clone of the harness, or into a project of its own.

use std::path::{Path, PathBuf};

use dst_core::{Error, Result, text};
use toml::Table;

use super::write;

/// Where plug-ins are listed in a clone; being a dependency of the harness links them.
const HARNESS: &str = "crates/harness/Cargo.toml";

/// What lines of a list of plug-ins begin with, beside those of the new crate's kind.
const PLUG_INS: [&str; 5] = ["# Plug-ins", "dst-models", "dataset-", "model-", "strategy-"];

/// A clone of the harness.
#[derive(Debug)]
pub(super) struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The one in `folder`.
    pub(super) fn at(folder: &Path) -> Option<Self> {
        let is_one = folder.join(HARNESS).is_file() && folder.join("strategies").is_dir();
        is_one.then(|| Self { root: folder.to_owned() })
    }

    /// The one in `folder`, which a user named.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn named(folder: &Path) -> Result<Self> {
        // As Cargo spells it there.
        let real = folder.canonicalize().map_err(|error| Error::io("find", folder, &error))?;
        Self::at(&real).ok_or_else(|| {
            Error::usage(format!("{} is not a clone of the harness", folder.display()))
                .hint("name the folder with `crates/` and `strategies/` in it")
        })
    }

    /// The one that this program was built from.
    ///
    /// # Errors
    /// If it is not there any more.
    pub(super) fn of_program() -> Result<Self> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(""));
        Self::at(root).ok_or_else(|| {
            Error::usage(format!(
                "the clone that this harness was built from is not in {} any more",
                root.display()
            ))
            .hint("name a clone with --workspace DIR")
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// One of its files in TOML.
    ///
    /// # Errors
    /// If it cannot be read or is no TOML.
    pub(super) fn table(&self, file: &str) -> Result<Table> {
        let path = self.root.join(file);
        let text = text::read(&path)?;
        text.parse().map_err(|error: toml::de::Error| {
            Error::usage(error.message().to_owned()).at(path.display().to_string())
        })
    }
}

/// What a new crate becomes a part of.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder with `strategies/`, `datasets/` and `models/` in it.
    pub(super) root: PathBuf,
    /// The manifest that lists plug-ins.
    pub(super) manifest: PathBuf,
    /// From the manifest's folder to the root.
    pub(super) up: &'static str,
    /// Is it a project outside the clone?
    pub(super) is_project: bool,
}

impl From<&Checkout> for Place {
    fn from(clone: &Checkout) -> Self {
        let root = clone.root.clone();
        Self { manifest: root.join(HARNESS), root, up: "../../", is_project: false }
    }
}

impl Place {
    /// The clone or project in `folder`; none if there is neither.
    pub(super) fn at(folder: &Path) -> Option<Self> {
        if let Some(clone) = Checkout::at(folder) {
            return Some(Self::from(&clone));
        }
        let manifest = folder.join("Cargo.toml");
        let table: Table = std::fs::read_to_string(&manifest).ok()?.parse().ok()?;
        let has_harness = table.get("dependencies").is_some_and(|d| d.get("harness").is_some());
        let is_project = has_harness && table.contains_key("workspace");
        is_project.then(|| Self { root: folder.to_owned(), manifest, up: "", is_project })
    }

    /// The clone or project that the current folder lies in.
    ///
    /// # Errors
    /// If it lies in neither.
    pub(super) fn around_here() -> Result<Self> {
        let here = write::absolute(Path::new("."))?;
        here.ancestors().find_map(Self::at).ok_or_else(|| {
            Error::usage(format!("{} is not in a clone of the harness", here.display())).hint(
                "go to one, name it with --workspace DIR, or let --project DIR make a project of \
                 your own, with a binary that has the harness's plug-ins and yours",
            )
        })
    }
}

/// `manifest` with `line` among its dependencies whose names begin with `prefix`, in their order,
/// or behind the other plug-ins. `None` if there are none, so that nobody knows where it belongs.
pub(super) fn with_line(manifest: &str, prefix: &str, line: &str) -> Option<String> {
    let lines: Vec<&str> = manifest.lines().collect();
    let start = lines.iter().position(|line| line.trim() == "[dependencies]")? + 1;
    let length = lines[start..].iter().position(|line| line.starts_with('['));
    let section = &lines[start..length.map_or(lines.len(), |length| start + length)];
    let later = section.iter().position(|other| other.starts_with(prefix) && *other > line);
    let last = || {
        let is_one = |other: &&str| other.starts_with(prefix);
        let of_kind = section.iter().rposition(is_one);
        let listed = |other: &&str| PLUG_INS.iter().any(|prefix| other.starts_with(prefix));
        of_kind.or_else(|| section.iter().rposition(listed)).map(|place| place + 1)
    };
    let (before, after) = lines.split_at(start + later.or_else(last)?);
    let all = before.iter().copied().chain([line]).chain(after.iter().copied());
    Some(all.map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_in_order() {
        let text = "[dependencies]\nstrategy-a.x\nstrategy-c.x\nother\n\n[x]\nstrategy-z.x\n";
        let with = |line| with_line(text, "strategy-", line).unwrap();
        let expected =
            |middle: &str| format!("[dependencies]\n{middle}other\n\n[x]\nstrategy-z.x\n");
        let between = "strategy-a.x\nstrategy-b.x\nstrategy-c.x\n";
        assert_eq!(with("strategy-b.x"), expected(between));
        let behind = "strategy-a.x\nstrategy-c.x\nstrategy-d.x\n";
        assert_eq!(with("strategy-d.x"), expected(behind));
    }

    #[test]
    fn the_first_of_a_kind_goes_behind_the_other_plug_ins() {
        let text = "[dependencies]\nharness.x\n# Plug-ins. …\n\n[build-dependencies]\ny\n";
        let one = with_line(text, "model-", "model-a.x").unwrap();
        let expected =
            "[dependencies]\nharness.x\n# Plug-ins. …\nmodel-a.x\n\n[build-dependencies]\ny\n";
        assert_eq!(one, expected);
        let two = with_line(&one, "dataset-", "dataset-b.x").unwrap();
        assert!(two.contains("model-a.x\ndataset-b.x\n\n"), "{two}");
        for text in ["other\n", "[dependencies]\nother\n"] {
            assert_eq!(with_line(text, "model-", "model-a.x"), None);
        }
    }
}
