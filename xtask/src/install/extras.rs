//! Completions, manual pages and licences.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::program::Program;
use super::{failed, home};
use crate::{Result, note};

/// Shells with the files, below `share`, in which they look for the completions of `harness`.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "bash-completion/completions/harness"),
    ("zsh", "zsh/site-functions/_harness"),
    ("fish", "fish/vendor_completions.d/harness.fish"),
];

/// Where `man` looks, below `share`.
const PAGES: &str = "man/man1";

/// Licences of the crates that the program contains, below `share`.
const LICENCES: &str = "doc/dst-harness/LICENSE-THIRD-PARTY";

/// Lets the program write completions and pages below `share`, adds the licences, and tells which files these are.
pub(super) fn write(program: &Program, licences: &str, share: &Path) -> Result<BTreeSet<PathBuf>> {
    let write = |file: &str, text: &str| {
        let file = share.join(file);
        let folder = file.parent().unwrap_or(share);
        fs::create_dir_all(folder).map_err(|e| failed("create", folder, &e))?;
        fs::write(&file, text).map_err(|e| failed("write", &file, &e))
    };
    for (shell, file) in COMPLETIONS {
        write(file, &program.ask(&["completions", shell])?)?;
    }
    write(LICENCES, licences)?;
    let pages = share.join(PAGES);
    fs::create_dir_all(&pages).map_err(|e| failed("create", &pages, &e))?;
    let path = pages.to_str().ok_or_else(|| format!("{} is no text", pages.display()))?;
    program.ask(&["man", path])?;
    let mut written = BTreeSet::new();
    list(share, Path::new(""), &mut written);
    Ok(written)
}

/// Files in and below a folder, by their paths from it.
fn list(root: &Path, folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
        let path = folder.join(entry.file_name());
        match entry.path().is_dir() {
            true => list(root, &path, files),
            false => drop(files.insert(path)),
        }
    }
}

/// Copies the files to `share`, each by one rename, and removes those there that only former installations had.
pub(super) fn publish(
    from: &Path,
    share: &Path,
    files: &BTreeSet<PathBuf>,
    former: impl Iterator<Item = PathBuf>,
) -> Result {
    for file in files {
        let goal = share.join(file);
        let folder = goal.parent().unwrap_or(share);
        fs::create_dir_all(folder).map_err(|e| failed("create", folder, &e))?;
        let name = goal.file_name().unwrap_or_default().to_string_lossy();
        let new = folder.join(format!(".{name}.new"));
        fs::copy(from.join(file), &new)
            .and_then(|_| fs::rename(&new, &goal))
            .map_err(|e| failed("write", &goal, &e))?;
    }
    let mut stale = BTreeSet::new();
    former.for_each(|folder| list(&folder, Path::new(""), &mut stale));
    for file in stale.difference(files) {
        // What somebody removed already is gone as it should be.
        let _ = fs::remove_file(share.join(file));
    }
    Ok(())
}

/// Says what is left to do so that shells find everything.
pub(super) fn advise(to: &Path) {
    let folder = to.join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bin = folder.display();
    if !std::env::split_paths(&path).any(|entry| entry == folder) {
        note!("  Put it on PATH, for example in ~/.profile: export PATH=\"{bin}:$PATH\"");
    }
    let share = to.join("share");
    let share = share.display();
    note!(
        "  zsh completes it with this in ~/.zshrc, before compinit: fpath+=(\"{share}/zsh/site-functions\")"
    );
    if home().is_none_or(|home| to != home.join(".local")) {
        let [(_, bash), _, (_, fish)] = COMPLETIONS;
        note!("  bash does with this in ~/.bashrc: source \"{share}/{bash}\"");
        note!("  fish does with this in its config.fish: source \"{share}/{fish}\"");
    }
    let versions = to.join("lib/dst-harness");
    note!("  To remove it: rm -r \"{bin}/harness\" \"{}\"", versions.display());
    note!("  Completions, manual pages and licences stay in \"{share}\".");
}
