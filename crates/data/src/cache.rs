//! What is slow to make from files, kept on the disk: token ids of texts, pixels of photos.
//!
//! A cache file is named by the digest of all that it depends on and ends with the digest of
//! what it holds. One that is damaged or of another version is passed over and written anew; a
//! folder that cannot be written is done without.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::file::hexadecimal;

/// A SHA-256 sum.
pub type Sum = [u8; 32];

/// The sum of bytes.
pub fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

/// Things of one kind that are kept.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What a file begins with: the kind and its version.
    pub magic: &'static [u8],
    /// The ending of its files.
    pub ending: &'static str,
}

/// The folder `name` of `HARNESS_CACHE`, or of `dst-harness` in the cache folder of the system; none if
/// there is no home.
pub fn folder(name: &str) -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(given) = variable("HARNESS_CACHE") {
        return Some(PathBuf::from(given).join(name));
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
    base.map(|base| base.join("dst-harness").join(name))
}

impl Kind {
    /// What is kept under `key`, if the file is there and whole.
    pub fn read(&self, folder: &Path, key: &Sum) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(folder, key)).ok()?;
        let (contents, digest) = bytes.split_last_chunk::<32>()?;
        if sum(contents) != *digest
            || contents.strip_prefix(self.magic)?.strip_prefix(key).is_none()
        {
            return None;
        }
        bytes.truncate(bytes.len() - 32);
        bytes.drain(..self.magic.len() + key.len());
        Some(bytes)
    }

    /// Keeps bytes under `key`, the parts one after another. Without a folder that can be written nothing is
    /// kept.
    pub fn write(&self, folder: &Path, key: &Sum, parts: &[&[u8]]) {
        let path = self.path(folder, key);
        // Another process may write the same file: each has its own until it is whole.
        let own = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = fs::create_dir_all(folder)
            .and_then(|()| self.write_parts(&own, key, parts))
            .and_then(|()| fs::rename(&own, &path));
        if written.is_err() {
            // It may not exist at all, so there is nothing to say if it cannot be removed.
            let _ = fs::remove_file(&own);
        }
    }

    fn write_parts(&self, path: &Path, key: &Sum, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = io::BufWriter::new(fs::File::create(path)?);
        let mut hash = Sha256::new();
        for part in [self.magic, key].iter().chain(parts) {
            hash.update(part);
            file.write_all(part)?;
        }
        file.write_all(&hash.finalize())?;
        file.flush()
    }

    fn path(&self, folder: &Path, key: &Sum) -> PathBuf {
        folder.join(format!("{}.{}", hexadecimal(&key[..16]), self.ending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { magic: b"test 1\n", ending: "test" };

    #[test]
    fn damage_and_foreign_keys_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("new");
        let key = sum(b"key");
        assert_eq!(KIND.read(&at, &key), None);
        KIND.write(&at, &key, &[b"some content ", b"that is kept"]);
        assert_eq!(KIND.read(&at, &key).as_deref(), Some(&b"some content that is kept"[..]));
        assert_eq!(fs::read_dir(&at).unwrap().count(), 1);

        let file = KIND.path(&at, &key);
        let whole = fs::read(&file).unwrap();
        for position in [0, 10, 50, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            fs::write(&file, &damaged).unwrap();
            assert_eq!(KIND.read(&at, &key), None, "byte {position}");
        }
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(KIND.read(&at, &key), None);
        // The file of another key, or of another version, under this name.
        fs::write(KIND.path(&at, &sum(b"other")), &whole).unwrap();
        assert_eq!(KIND.read(&at, &sum(b"other")), None);
        fs::write(&file, &whole).unwrap();
        assert_eq!(Kind { magic: b"test 2\n", ..KIND }.read(&at, &key), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        KIND.write(&file, &sum(b"key"), &[]);
        assert_eq!(KIND.read(&file, &sum(b"key")), None);
    }
}
