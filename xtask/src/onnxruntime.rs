//! onnxruntime, by which a test computes exported networks.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scratch::Scratch;
use crate::{Result, cannot, note, pip};

/// What `examples/onnx.py` imports. The newest is what users have.
const PACKAGES: [&str; 3] = ["onnxruntime", "numpy", "pillow"];

/// The folder for `PYTHONPATH`, filled by pip unless it is there.
///
/// # Errors
/// When there is no pip, or it reaches no index.
pub(crate) fn ensure(workspace: &Path) -> Result<PathBuf> {
    let folder = workspace.join("target/onnxruntime");
    // Made by one rename, so it is whole if it is there.
    if folder.is_dir() {
        return Ok(folder);
    }
    let scratch = Scratch::within(&workspace.join("target"))?;
    note!("installing {} into {}", PACKAGES.join(", "), folder.display());
    let packages = scratch.join("packages");
    pip::run("install onnxruntime", |pip| {
        pip.args(["install", "--target"]).arg(&packages).args(PACKAGES);
    })?;
    match fs::rename(&packages, &folder) {
        // Another run may have been faster.
        Err(e) if !folder.is_dir() => Err(cannot("create", &folder, &e)),
        _ => Ok(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed_again() {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.join("target/onnxruntime");
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(ensure(scratch.path()).unwrap(), folder);
    }
}
