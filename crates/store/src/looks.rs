//! `looks.json`: after how many seeds verdicts were shown.
//!
//! Who looks at verdicts, adds seeds and looks again makes more false claims than planned; a report can
//! say so only if somebody remembers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dst_analysis::{LOST_LOOKS, Seen};
use dst_record::{Error, Result};

use crate::file::{self, Durability};

pub(crate) const LOOKS: &str = "looks.json";

/// The looks that are remembered. A file that cannot be read is no reason to stop: then it is remembered
/// that looks are [lost](LOST_LOOKS).
///
/// # Errors
/// If the system refuses to read.
pub(crate) fn read(root: &Path) -> Result<Seen> {
    match parse(root) {
        Err(error) if error.kind() == crate::DATA => Ok(lost()),
        seen => seen,
    }
}

/// The looks that are remembered.
///
/// # Errors
/// If the system refuses to read, or the file is damaged.
pub(crate) fn parse(root: &Path) -> Result<Seen> {
    let Some(bytes) = file::read_bytes(&path(root))? else { return Ok(Seen::new()) };
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::data(format!("these are no looks at verdicts: {error}"))
            .at(path(root).display().to_string())
    })
}

pub(crate) fn path(root: &Path) -> PathBuf {
    root.join(LOOKS)
}

fn lost() -> Seen {
    Seen::from([(LOST_LOOKS.to_owned(), BTreeSet::new())])
}

/// Remembers looks beside those that are there. A damaged file is set aside.
///
/// # Errors
/// If the system refuses.
pub(crate) fn remember(root: &Path, looks: &Seen) -> Result<()> {
    let mut all = match parse(root) {
        Err(error) if error.kind() == crate::DATA => return begin_anew(root, looks),
        all => all?,
    };
    let before = all.clone();
    for (key, counts) in looks {
        all.entry(key.clone()).or_default().extend(counts);
    }
    if all == before {
        return Ok(());
    }
    file::replace(&root.join(LOOKS), &super::to_json(&all)?, Durability::Synced)
}

/// Sets a damaged file aside, and remembers that what it held is lost, and these looks.
///
/// # Errors
/// If the system refuses.
pub(crate) fn begin_anew(root: &Path, looks: &Seen) -> Result<()> {
    crate::trial::move_aside(&path(root), "damaged")?;
    let mut all = lost();
    all.extend(looks.clone());
    file::replace(&path(root), &super::to_json(&all)?, Durability::Synced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_add_up_and_damage_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let looks = |key: &str, count: usize| Seen::from([(key.to_owned(), [count].into())]);
        remember(root.path(), &looks("a", 5)).unwrap();
        remember(root.path(), &looks("a", 8)).unwrap();
        remember(root.path(), &looks("b", 8)).unwrap();
        let all = read(root.path()).unwrap();
        assert_eq!(all["a"], [5, 8].into());
        assert_eq!(all["b"], [8].into());
        std::fs::write(root.path().join(LOOKS), b"{\xff").unwrap();
        assert_eq!(read(root.path()).unwrap(), lost());
        remember(root.path(), &looks("a", 9)).unwrap();
        let all = read(root.path()).unwrap();
        assert_eq!(all["a"], [9].into());
        assert!(all.contains_key(LOST_LOOKS), "{all:?}");
        assert!(root.path().join("looks.json.damaged-1").is_file());
    }
}
