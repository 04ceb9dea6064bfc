//! `looks.json`: after how many seeds verdicts were shown.
//!
//! Who looks at verdicts, adds seeds and looks again makes more false claims than planned; a report can
//! say so only if somebody remembers.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use dst_analysis::Seen;
use dst_core::{Error, Result};

use super::file::{self, Durability};

const LOOKS: &str = "looks.json";

/// The looks that are remembered; a file that cannot be read is no reason to stop, and begins anew.
///
/// # Errors
/// If the system refuses to read.
pub(super) fn read(root: &Path) -> Result<Seen> {
    let path = root.join(LOOKS);
    match fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Seen::new()),
        Err(error) => Err(Error::io("read", &path, &error)),
    }
}

/// Remembers looks beside those that are there.
///
/// # Errors
/// If the system refuses.
pub(super) fn remember(root: &Path, looks: &Seen) -> Result<()> {
    let mut all = read(root)?;
    let before = all.clone();
    for (key, counts) in looks {
        all.entry(key.clone()).or_default().extend(counts);
    }
    if all == before {
        return Ok(());
    }
    file::replace(&root.join(LOOKS), &super::to_json(&all)?, Durability::Synced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_add_up_and_damage_stops_nothing() {
        let root = tempfile::tempdir().unwrap();
        let looks = |key: &str, count: usize| Seen::from([(key.to_owned(), [count].into())]);
        remember(root.path(), &looks("a", 5)).unwrap();
        remember(root.path(), &looks("a", 8)).unwrap();
        remember(root.path(), &looks("b", 8)).unwrap();
        let all = read(root.path()).unwrap();
        assert_eq!(all["a"], [5, 8].into());
        assert_eq!(all["b"], [8].into());
        fs::write(root.path().join(LOOKS), b"{\xff").unwrap();
        assert!(read(root.path()).unwrap().is_empty());
    }
}
