//! `store.json`, the file that names the format of a store, and what is a store without it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dst_record::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::file::{self, Durability};
use crate::looks::LOOKS;
use crate::{DATA, GRIDS, Store, is_id, names, to_json, trial};

/// The format that this version writes and the newest that it reads.
const FORMAT: u32 = 1;

/// The file that names it.
pub(crate) const MARKER: &str = "store.json";

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Marker {
    format: u32,
}

impl Store {
    /// Is the folder marked as a store?
    pub fn is_at(folder: &Path) -> bool {
        folder.join(MARKER).is_file()
    }

    /// Opens a store that exists. Trials without the file that names its format are one too.
    ///
    /// # Errors
    /// If there is none, or it is of a newer format.
    pub fn open(root: &Path) -> Result<Self> {
        match read_marker(root)? {
            Some(Marker { format }) if format > FORMAT => Err(Error::usage(format!(
                "{} has format {format}, and this version reads up to {FORMAT}",
                root.display(),
            ))
            .hint("use the newer harness that wrote it, or another --store")),
            Some(_) => Ok(Self { root: root.to_owned() }),
            None if holds_trials(root)? => Ok(Self { root: root.to_owned() }),
            None => {
                let what = if root.is_dir() { "is no run store" } else { "does not exist" };
                Err(Error::usage(format!("{} {what}", root.display()))
                    .hint("pass --store with the folder of a grid, or start a grid to make one"))
            }
        }
    }

    /// Opens a store, making it if the folder is absent or empty, and checks that it can be
    /// written. The file that names its format is written anew where trials lack it.
    ///
    /// # Errors
    /// If the folder holds something else, is a file, or cannot be written.
    pub fn create(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => not_a_folder(root),
            _ => unwritable(Error::io("create", root, &error)),
        })?;
        if read_marker(root)?.is_none() {
            if !holds_trials(root)? {
                refuse_foreign(root)?;
            }
            let path = root.join(MARKER);
            // One that is no marker is replaced: what it should say is known. It may have come from
            // another grid meanwhile.
            if path.exists() && read_marker(root)?.is_none() {
                trial::move_aside(&path, "damaged")?;
            }
            let mut bytes = to_json(&Marker { format: FORMAT })?;
            bytes.push(b'\n');
            file::create(&path, &bytes, Durability::Synced)?;
        }
        let store = Self::open(root)?;
        tempfile::NamedTempFile::new_in(root)
            .map_err(|error| unwritable(Error::io("write to", root, &error)))?;
        Ok(store)
    }

    /// The store at `root`, if there is one yet; makes nothing.
    ///
    /// # Errors
    /// If [`Store::create`] would not take the folder.
    pub fn open_if_there(root: &Path) -> Result<Option<Self>> {
        if read_marker(root)?.is_some() || holds_trials(root)? {
            return Self::open(root).map(Some);
        }
        if root.is_dir() {
            refuse_foreign(root)?;
        } else if root.exists() {
            return Err(not_a_folder(root));
        }
        Ok(None)
    }
}

fn not_a_folder(root: &Path) -> Error {
    Error::usage(format!("{} is not a folder", root.display()))
        .hint("pass another place with --store")
}

/// The marker of a store; none if there is none, or it is no marker.
pub(crate) fn read_marker(root: &Path) -> Result<Option<Marker>> {
    match file::read_bytes(&root.join(MARKER)) {
        // Only the format is looked at: what else a newer version keeps here is its own affair.
        Ok(bytes) => Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok())),
        Err(error) if error.kind() == DATA => Ok(None),
        // A folder that is a file.
        Err(_) if !root.is_dir() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Is there a folder of a trial with its specification?
fn holds_trials(root: &Path) -> Result<bool> {
    if !root.is_dir() {
        return Ok(false);
    }
    let is_trial = |name: &String| is_id(name) && root.join(name).join("spec.json").exists();
    Ok(names(root)?.iter().any(is_trial))
}

/// Refuses a folder that is in use for something else.
fn refuse_foreign(root: &Path) -> Result<()> {
    // Another grid may be making the store at this moment; its file has a hidden name. A marker that is
    // none is replaced, and an empty folder with the name of a trial is nobody's work.
    let is_empty = |name: &String| {
        is_id(name) && names(&root.join(name)).is_ok_and(|inside| inside.is_empty())
    };
    let is_ours = |name: &String| {
        if is_empty(name) {
            return true;
        }
        name.starts_with(".store.json.")
            || name == MARKER
            || name.starts_with("store.json.damaged-")
    };
    match names(root)?.into_iter().find(|name| !is_ours(name)) {
        None => Ok(()),
        // The other grid was faster.
        Some(_) if read_marker(root)?.is_some() => Ok(()),
        Some(name) => Err(Error::usage(format!(
            "{} is not a run store and not empty: it holds {name}",
            root.display()
        ))
        .hint("pass a new or empty folder with --store")),
    }
}
/// The folder is there or could be, and nothing can be written.
fn unwritable(error: Error) -> Error {
    error.also("pass a place where you may write with --store")
}
/// The store that needs a path, or what would be there, for itself: its marker, and all that it keeps of
/// grids and trials. Reports and files of others may lie beside them.
pub fn store_that_needs(path: &Path) -> Option<PathBuf> {
    let path = resolved(path);
    let root = path.ancestors().skip(1).find(|folder| Store::is_at(folder))?;
    let first = path.strip_prefix(root).ok()?.components().next()?;
    let name = first.as_os_str().to_str()?;
    let is_own = is_id(name) || [GRIDS, MARKER, LOOKS].contains(&name);
    is_own.then(|| root.to_owned())
}

/// An absolute path with all links followed that there are, a last one to nothing included.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let followed = match fs::read_link(&path) {
        Ok(link) if !path.exists() => path.parent().unwrap_or(Path::new("/")).join(link),
        _ => path,
    };
    let real = followed.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    let Some((folder, real)) = real else { return followed };
    match followed.strip_prefix(folder) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    }
}
