//! Files that users name. A pipe that nobody writes to would be waited for, and a device has no end.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Opens a file to read it.
///
/// # Errors
/// If it is a folder, a pipe or a device, or the system refuses.
pub fn open(path: &Path) -> Result<File> {
    let refused = |error: std::io::Error| Error::io("read", path, &error);
    let kind = fs::metadata(path).map_err(refused)?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "this is a folder" } else { "this is a pipe or a device" };
        return Err(Error::data(format!("{what}, and no file"))
            .at(path.display().to_string())
            .hint("write what it should hold into a file, and name that one"));
    }
    File::open(path).map_err(refused)
}

/// The bytes of a file.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|error| Error::io("read", path, &error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn only_files_are_read() {
        assert!(
            !read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")))
                .unwrap()
                .is_empty()
        );
        let words = |path: &str| read(Path::new(path)).unwrap_err().to_string();
        assert!(words("/dev/zero").contains("/dev/zero: this is a pipe or a device, and no file"));
        assert!(words("/").contains("this is a folder"));
        assert_eq!(read(Path::new("/no/such/file")).unwrap_err().kind(), ErrorKind::Io);
    }
}
