//! Token ids on disk, so that a text is tokenised once.
//!
//! A cache file is named by the digest of all that it depends on and ends with the digest of
//! what it holds. One that is damaged or of another version is passed over and written anew; a
//! folder that cannot be written is done without.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use dst_data::file::hexadecimal;
use sha2::{Digest, Sha256};

use crate::encoded::Encoded;

const MAGIC: &[u8] = b"dst glue tokens 1\n";

/// A SHA-256 sum.
pub(crate) type Sum = [u8; 32];

pub(crate) fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

/// `HARNESS_CACHE`, or `dst-harness` in the cache folder of the system; none if there is no home.
pub(crate) fn folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(given) = variable("HARNESS_CACHE") {
        return Some(PathBuf::from(given).join("glue"));
    }
    let home = || variable("HOME").map(PathBuf::from);
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        // The XDG specification: relative paths are to be ignored.
        let given = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        given.or_else(|| home().map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("dst-harness/glue"))
}

/// The rows kept under `key`, if the file is there and whole.
pub(crate) fn read(folder: &Path, key: &Sum) -> Option<Encoded> {
    let bytes = fs::read(path(folder, key)).ok()?;
    let (contents, digest) = bytes.split_last_chunk::<32>()?;
    if sum(contents) != *digest {
        return None;
    }
    Encoded::from_bytes(contents.strip_prefix(MAGIC)?.strip_prefix(key)?)
}

/// Keeps rows under `key`. Without a folder that can be written nothing is kept.
pub(crate) fn write(folder: &Path, key: &Sum, encoded: &Encoded) {
    let mut bytes = [MAGIC, key].concat();
    bytes.extend(encoded.to_bytes());
    bytes.extend(sum(&bytes));
    let path = path(folder, key);
    // Another process may write the same file: each has its own until it is whole.
    let own = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&own, bytes))
        .and_then(|()| fs::rename(&own, &path));
    if written.is_err() {
        // It may not exist at all, so there is nothing to say if it cannot be removed.
        let _ = fs::remove_file(&own);
    }
}

fn path(folder: &Path, key: &Sum) -> PathBuf {
    folder.join(format!("{}.tokens", hexadecimal(&key[..16])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_and_foreign_keys_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("new");
        let mut encoded = Encoded::default();
        encoded.push(&[1, 2, 3], 3);
        encoded.labels = vec![0.5];
        let key = sum(b"key");
        assert_eq!(read(&at, &key), None);
        write(&at, &key, &encoded);
        assert_eq!(read(&at, &key).as_ref(), Some(&encoded));
        assert_eq!(fs::read_dir(&at).unwrap().count(), 1);

        let file = path(&at, &key);
        let whole = fs::read(&file).unwrap();
        for position in [0, 20, 60, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            fs::write(&file, &damaged).unwrap();
            assert_eq!(read(&at, &key), None, "byte {position}");
        }
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(read(&at, &key), None);
        // The file of another key under this name.
        fs::write(path(&at, &sum(b"other")), &whole).unwrap();
        assert_eq!(read(&at, &sum(b"other")), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        write(&file, &sum(b"key"), &Encoded::default());
        assert_eq!(read(&file, &sum(b"key")), None);
    }
}
