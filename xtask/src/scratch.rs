//! A temporary folder that goes away with its owner.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Result;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A folder `<parent>/<PREFIX><pid>-<n>`, removed with all it holds on drop.
///
/// A killed process leaves its folder behind; [`sweep`] removes such leftovers.
pub(crate) struct Scratch(PathBuf);

/// The first characters of every scratch folder's name.
const PREFIX: &str = "xtask-tmp-";

impl Scratch {
    /// A new folder under the system's folder for temporary files.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub(crate) fn new() -> Result<Self> {
        Self::within(&std::env::temp_dir())
    }

    /// A new folder inside `parent`, so that its content can be renamed to a sibling.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub(crate) fn within(parent: &Path) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{PREFIX}{}-{count}", std::process::id()));
        // A former process may have had the same id.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).map_err(|e| crate::cannot("create", &path, &e))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes the scratch folders that killed runs left in `parent`. Only for the holder of a
/// lock on `parent`: it would remove the folder of a living run too.
pub(crate) fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let path = entry.path();
            // The rename of a link is atomic, but a kill between making and renaming it leaves one.
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_goes_with_its_owner_and_sweep_takes_leftovers() {
        let outer = Scratch::new().unwrap();
        let inner = Scratch::within(outer.path()).unwrap();
        let kept = inner.path().to_path_buf();
        fs::write(inner.join("file"), "x").unwrap();
        drop(inner);
        assert!(!kept.exists());

        fs::create_dir(outer.join("xtask-tmp-1-0")).unwrap();
        fs::write(outer.join("xtask-tmp-1-0/half.whl"), "x").unwrap();
        fs::create_dir(outer.join("2.13.0-cpu")).unwrap();
        sweep(outer.path());
        assert!(!outer.join("xtask-tmp-1-0").exists());
        assert!(outer.join("2.13.0-cpu").exists());
    }
}
