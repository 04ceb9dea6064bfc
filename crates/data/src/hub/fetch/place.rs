//! Where a fetched file lies in the cache.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use dst_core::{Error, ErrorKind, Result};

use super::Remote;
use crate::file::{sha256, sha256_of_file};

/// The place of one file, held against other processes.
pub(super) struct Place {
    blobs: PathBuf,
    /// The name of the blob; none if it is the digest of what arrives.
    name: Option<String>,
    part: PathBuf,
    link: PathBuf,
    /// From the folder of the link to that of the blobs.
    way: PathBuf,
    _lock: File,
}

impl Place {
    /// Holds the place of a file in the folder of its repository.
    ///
    /// # Errors
    /// If another process holds it, or the cache cannot be written.
    pub(super) fn claim(folder: &Path, commit: &str, file: &Remote) -> Result<Self> {
        let blobs = folder.join("blobs");
        let link = folder.join("snapshots").join(commit).join(&file.path);
        // As other tools of Hugging Face have them.
        let cache = folder.parent().unwrap_or(folder);
        let locks = cache.join(".locks").join(folder.file_name().unwrap_or_default());
        for folder in [&blobs, &locks, &link.parent().unwrap_or(folder).to_owned()] {
            fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
        }
        let name = file.sha256.clone().or_else(|| file.git_hash.clone());
        // Before it has arrived, a file without a digest is known by its commit and path.
        let known = format!("{commit}/{}", file.path);
        let begun = name.clone().unwrap_or_else(|| sha256(known.as_bytes()));
        let lock = locks.join(format!("{begun}.lock"));
        let held = File::create(&lock).map_err(|error| Error::io("create", &lock, &error))?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::Io,
                    format!("another process fetches it, which holds {}", lock.display()),
                )
                .hint("wait for that one, then start again"));
            }
            // Some network file systems cannot lock; then two processes fetch it twice.
            Err(TryLockError::Error(_)) => {}
        }
        let above = Path::new(&file.path).components().count() + 1;
        let way = (0..above).map(|_| "..").collect::<PathBuf>().join("blobs");
        let part = blobs.join(format!("{begun}.part"));
        Ok(Self { blobs, name, part, link, way, _lock: held })
    }

    /// What has arrived so far.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Is the blob there already, for another commit?
    pub(super) fn is_there(&self, size: Option<u64>) -> bool {
        let blob = self.name.as_ref().map(|name| self.blobs.join(name));
        let found = blob.and_then(|blob| fs::metadata(blob).ok());
        found.is_some_and(|found| found.is_file() && size.is_none_or(|size| size == found.len()))
    }

    /// Gives what arrived its names.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub(super) fn publish(self) -> Result<()> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => sha256_of_file(&self.part)?,
        };
        let blob = self.blobs.join(&name);
        if self.part.exists() {
            fs::rename(&self.part, &blob).map_err(|error| Error::io("write", &blob, &error))?;
        }
        // A link that leads nowhere is in the way.
        if self.link.symlink_metadata().is_ok() {
            let _ = fs::remove_file(&self.link);
        }
        // Some file systems have no links.
        if std::os::unix::fs::symlink(self.way.join(&name), &self.link).is_ok() {
            return Ok(());
        }
        let copied = fs::copy(&blob, &self.link);
        copied.map(|_| ()).map_err(|error| Error::io("write", &self.link, &error))
    }
}
