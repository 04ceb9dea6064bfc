//! Token ids on disk, so that a text is tokenised once; see [`dst_data::cache`].

use std::path::{Path, PathBuf};

use dst_core::Result;
use dst_data::cache::{self, Kind, Sum};

use crate::encoded::Encoded;

const TOKENS: Kind = Kind { magic: b"dst glue tokens 1\n", ending: "tokens" };

/// Where they are kept; none if there is no home.
pub fn cache_folder() -> Option<PathBuf> {
    // The name is that of the first data set that had a cache, and its files stay useful.
    cache::folder("glue")
}

/// The token ids under `key`, the sum of all that they depend on: from the cache, or made and put there.
///
/// # Errors
/// As `encode`.
pub fn kept(
    key: &Sum,
    cache: Option<&Path>,
    encode: impl FnOnce() -> Result<Encoded>,
) -> Result<Encoded> {
    if let Some(kept) = cache.and_then(|folder| read(folder, key)) {
        return Ok(kept);
    }
    let encoded = encode()?;
    if let Some(folder) = cache {
        write(folder, key, &encoded);
    }
    Ok(encoded)
}

/// The rows kept under `key`, if the file is there and whole.
fn read(folder: &Path, key: &Sum) -> Option<Encoded> {
    Encoded::from_bytes(&TOKENS.read(folder, key)?)
}

/// Keeps rows under `key`. Without a folder that can be written nothing is kept.
fn write(folder: &Path, key: &Sum, encoded: &Encoded) {
    TOKENS.write(folder, key, &[&encoded.to_bytes()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_data::cache::sum;

    #[test]
    fn rows_are_found_under_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut encoded = Encoded::default();
        encoded.push(&[1, 2, 3], 3);
        encoded.labels = vec![0.5];
        let key = sum(b"key");
        assert_eq!(read(folder.path(), &key), None);
        write(folder.path(), &key, &encoded);
        assert_eq!(read(folder.path(), &key), Some(encoded));
        assert_eq!(read(folder.path(), &sum(b"other")), None);
    }
}
