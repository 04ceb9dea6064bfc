//! Files that appear whole or not at all.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use dst_record::{Error, Result};

/// Should a file outlive a power cut?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It reaches the disk before the call returns.
    Synced,
    /// It can be made again, so the system may write it when it likes.
    Cached,
}

/// Replaces `path` by a file with these bytes. Readers see the old file or the new one.
///
/// # Errors
/// If the system refuses; nothing is left behind then.
pub fn replace(path: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
    let beside = write_beside(path, bytes, durability)?;
    if let Err(error) = fs::rename(&beside, path) {
        let _ = fs::remove_file(&beside);
        let error = Error::io("write", path, &error);
        return Err(if path.is_dir() { error.hint("move that folder away") } else { error });
    }
    sync_folder(path, durability)
}

/// Writes the file that a user named: whole or not at all, through links, and into a device or a pipe
/// without taking its place.
///
/// # Errors
/// If it is a folder or a file that a store needs, or the system refuses.
pub fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let at = path.display().to_string();
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => {
            return Err(Error::usage("this is a folder").at(at).hint("name a file in it"));
        }
        Ok(about) if !about.is_file() => {
            let written = OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|mut file| file.write_all(bytes));
            return written.map_err(|error| Error::io("write", path, &error));
        }
        _ => {}
    }
    let target = crate::marker::resolved(path);
    if let Some(store) = crate::store_that_needs(&target) {
        return Err(Error::usage(format!("this is a place of the store {}", store.display()))
            .at(at)
            .hint("name a file outside of it"));
    }
    replace(&target, bytes, Durability::Synced)
}

/// Creates `path` with these bytes unless it exists. Of several callers, in whatever processes
/// and machines, exactly one is told that it did.
///
/// # Errors
/// If the system refuses, or the file system cannot do this.
pub fn create(path: &Path, bytes: &[u8], durability: Durability) -> Result<bool> {
    let beside = write_beside(path, bytes, durability)?;
    let created = publish(&beside, path);
    let _ = fs::remove_file(&beside);
    match created {
        Ok(true) => sync_folder(path, durability).map(|()| true),
        Ok(false) => Ok(false),
        Err(error) => Err(Error::io("create", path, &error)),
    }
}

/// Gives the file a second name that must be new. Unlike a rename this never overwrites.
fn publish(beside: &Path, path: &Path) -> io::Result<bool> {
    match fs::hard_link(beside, path) {
        Ok(()) => Ok(true),
        // NFS may repeat a request that succeeded and then report that the name exists; the
        // number of names tells.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(fs::metadata(beside)?.nlink() == 2)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        Err(error) if error.kind() == ErrorKind::StorageFull => Err(error),
        // File systems without hard links, such as FAT.
        Err(_) => match rename_to_new_name(beside, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        },
    }
}

#[cfg(target_os = "linux")]
fn rename_to_new_name(from: &Path, to: &Path) -> io::Result<()> {
    let from = CString::new(from.as_os_str().as_bytes())?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    // SAFETY: both are strings that end in 0 and outlive the call.
    let failed = unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn rename_to_new_name(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "the file system has no hard links"))
}

fn write_beside(path: &Path, bytes: &[u8], durability: Durability) -> Result<PathBuf> {
    let (beside, mut file) = loop {
        let beside = beside(path);
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => break (beside, file),
            // Left by a process that was killed; its number has come round again.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("write", path, &error)),
        }
    };
    let written = file.write_all(bytes).and_then(|()| match durability {
        Durability::Synced => file.sync_all(),
        Durability::Cached => Ok(()),
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        Error::io("write", path, &error)
    })?;
    Ok(beside)
}

/// A hidden name in the same folder that no other process uses.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let host = crate::lease::host();
    path.with_file_name(format!(".{name}.{host}.{}.{count}", std::process::id()))
}

/// A name is on the disk only when its folder is.
fn sync_folder(path: &Path, durability: Durability) -> Result<()> {
    if durability == Durability::Cached {
        return Ok(());
    }
    // A bare name has a parent, which is empty.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot sync folders.
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
            Err(Error::io("write", folder, &error))
        }
        _ => Ok(()),
    }
}

/// Reads a text file; `None` if there is none.
///
/// # Errors
/// As [`read_bytes`], or if the bytes are not UTF-8.
pub fn read_optional(path: &Path) -> Result<Option<String>> {
    let Some(bytes) = read_bytes(path)? else { return Ok(None) };
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| Error::data("this is not a text file").at(path.display().to_string()))
}

/// Reads a file; `None` if there is none.
///
/// # Errors
/// If it is something else than a file, such as a pipe that nobody writes to, or the system refuses.
pub fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    // What cannot be asked for, such as below a folder that may not be read, is not taken for absent.
    let is_absent =
        || matches!(fs::metadata(path), Err(error) if error.kind() == ErrorKind::NotFound);
    let in_the_way = |what: &str| Error::data(what).at(path.display().to_string()).hint(REPAIR);
    if is_absent() {
        return match fs::symlink_metadata(path) {
            Ok(about) if about.is_symlink() => Err(in_the_way("this is a link to nothing")),
            _ => Ok(None),
        };
    }
    if matches!(fs::metadata(path), Err(error) if error.kind() == ErrorKind::NotADirectory) {
        return Err(in_the_way("a file stands where its folder belongs"));
    }
    match dst_record::file::read(path) {
        // It went away meanwhile.
        Err(_) if is_absent() => Ok(None),
        read => read.map(Some),
    }
}

const REPAIR: &str = "`harness store repair` sets it aside";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_named_is_written_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "old").unwrap();
        for (link, target) in [("link", "old"), ("to-come", "new")] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
            save(&at(link), b"bytes").unwrap();
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
            assert_eq!(fs::read(at(target)).unwrap(), b"bytes");
        }
        // A device takes the bytes and stays one.
        let null = at("null");
        std::os::unix::fs::symlink("/dev/null", &null).unwrap();
        save(&null, b"bytes").unwrap();
        assert!(!fs::metadata(&null).unwrap().is_file());
        assert!(save(folder.path(), b"").unwrap_err().to_string().contains("this is a folder"));

        let store = crate::Store::create(&at("runs")).unwrap();
        let trial = crate::testing::spec("set", 0);
        store.add(&trial).unwrap();
        for name in ["store.json", "looks.json", "grids/x.json", &format!("{}/x", trial.id())] {
            let error = save(&store.root().join(name), b"").unwrap_err().to_string();
            assert!(error.contains("this is a place of the store"), "{error}");
        }
        save(&store.root().join("mine.onnx"), b"").unwrap();
    }

    #[test]
    fn what_stands_in_the_way_is_not_taken_for_absent() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
        fs::write(at("file"), "").unwrap();
        for (name, expected) in [("link", "a link to nothing"), ("file/x", "a file stands where")] {
            let error = read_bytes(&at(name)).unwrap_err();
            assert_eq!(error.kind(), dst_record::ErrorKind::Data);
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(read_bytes(&at("absent")).unwrap(), None);
    }

    #[test]
    fn one_of_many_creates_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        let winners: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|index| {
                    let path = &path;
                    scope.spawn(move || {
                        let text = format!("writer {index}");
                        create(path, text.as_bytes(), Durability::Cached).unwrap().then_some(text)
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(fs::read_to_string(&path).unwrap(), winners[0]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn a_rename_without_hard_links_does_not_overwrite() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "a").unwrap();
        rename_to_new_name(&a, &b).unwrap();
        fs::write(&a, "again").unwrap();
        let error = rename_to_new_name(&a, &b).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&b).unwrap(), "a");
    }

    #[test]
    fn only_what_is_absent_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert_eq!(read_bytes(&file).unwrap(), None);
        fs::write(&file, "text").unwrap();
        assert_eq!(read_optional(&file).unwrap().as_deref(), Some("text"));
        let refused = |path: &Path| read_bytes(path).unwrap_err().kind();
        assert_eq!(refused(&file.join("below")), dst_record::ErrorKind::Data);
        assert_eq!(refused(folder.path()), dst_record::ErrorKind::Data);
    }

    #[test]
    fn a_folder_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("runs"), "").unwrap();
        let path = folder.path().join("runs/result.json");
        let error = replace(&path, b"{}", Durability::Synced).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("cannot write ") && text.contains("runs/result.json"), "{text}");
    }
}
