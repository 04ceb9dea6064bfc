//! Files of a new crate or project, which appears whole or not at all.

use std::fs;
use std::path::{Component, Path, PathBuf};

use dst_core::{Error, Result};

/// Lets `fill` write into a folder beside `folder`, and gives it that name at the end. `folder` is
/// empty or not there.
///
/// # Errors
/// If `fill` fails or the system refuses; nothing is left behind then.
pub(super) fn whole(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::create_dir_all(&beside)
        .map_err(|error| Error::io("create", &beside, &error))
        .and_then(|()| fill(&beside))
        .and_then(|()| {
            fs::rename(&beside, folder).map_err(|error| Error::io("create", folder, &error))
        });
    if written.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    written
}

/// Writes a text, and makes the folder that it lies in.
///
/// # Errors
/// If the system refuses.
pub(super) fn file(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    fs::write(path, text).map_err(|error| Error::io("write", path, &error))
}

/// The path from the root of the system, without `.` and `..`.
///
/// # Errors
/// If there is no current folder.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?;
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    Ok(plain)
}

/// A path that a TOML file can hold.
///
/// # Errors
/// If it is no UTF-8.
pub(super) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::usage(format!("the path {} is not UTF-8", path.display()))
            .hint("Cargo cannot read it; move the folder to another one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("a/new");
        let failed = whole(&new, |beside| {
            file(&beside.join("b/c"), "text")?;
            Err(Error::usage("no"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 0);
        whole(&new, |beside| file(&beside.join("b/c"), "text")).unwrap();
        assert_eq!(fs::read_to_string(new.join("b/c")).unwrap(), "text");
        // An empty folder may be there, and a full one not.
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        whole(&empty, |beside| file(&beside.join("c"), "text")).unwrap();
        let error = whole(&empty, |beside| file(&beside.join("d"), "text")).unwrap_err();
        assert!(error.to_string().starts_with("cannot create"), "{error}");
        assert!(!empty.join("d").exists());
    }

    #[test]
    fn paths_lose_their_dots() {
        assert_eq!(absolute(Path::new("/a/./b/../c/")).unwrap(), Path::new("/a/c"));
        assert_eq!(absolute(Path::new("/../a")).unwrap(), Path::new("/a"));
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute(Path::new("x/../y")).unwrap(), here.join("y"));
    }
}
