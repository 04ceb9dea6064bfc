//! Where data lie that users bring. Trials name what the data are, and this file where they were found:
//! it belongs to the machine, and to nobody with whom results are shared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dst_record::{Error, Result};

use crate::file::{self, Durability};
use crate::{Store, to_json};

/// Paths by the names that trials have for the data.
pub(crate) const FILE: &str = "own-data.json";

impl Store {
    /// Remembers these places beside those that are known; a new one takes the place of an old one.
    ///
    /// # Errors
    /// If the system refuses, or a path is not UTF-8.
    pub fn remember_own_data(&self, places: &BTreeMap<String, PathBuf>) -> Result<()> {
        let known = self.own_data()?;
        let mut all = known.clone();
        all.extend(places.iter().map(|(name, place)| (name.clone(), place.clone())));
        if all == known {
            return Ok(());
        }
        if let Some(place) = all.values().find(|place| place.to_str().is_none()) {
            return Err(Error::usage("the path is not UTF-8, so that no file can name it")
                .at(place.display().to_string())
                .hint("rename the folder, or name it through a link"));
        }
        let mut bytes = to_json(&all)?;
        bytes.push(b'\n');
        file::replace(&self.own_data_file(), &bytes, Durability::Synced)
    }

    /// The places that are known; none of a file that cannot be read as such, since the next grid writes
    /// it anew.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn own_data(&self) -> Result<BTreeMap<String, PathBuf>> {
        let bytes = file::read_bytes(&self.own_data_file())?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    fn own_data_file(&self) -> PathBuf {
        Path::new(self.root()).join(FILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_remembered_and_the_last_counts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        assert!(store.own_data().unwrap().is_empty());
        let places = |pairs: &[(&str, &str)]| -> BTreeMap<String, PathBuf> {
            pairs.iter().map(|(name, place)| ((*name).to_owned(), PathBuf::from(place))).collect()
        };
        store.remember_own_data(&places(&[("csv:a@1", "/a.csv"), ("csv:b@2", "/b.csv")])).unwrap();
        store.remember_own_data(&places(&[("csv:a@1", "/moved/a.csv")])).unwrap();
        let known = store.own_data().unwrap();
        assert_eq!(known, places(&[("csv:a@1", "/moved/a.csv"), ("csv:b@2", "/b.csv")]));
        std::fs::write(store.root().join(FILE), "{").unwrap();
        assert!(store.own_data().unwrap().is_empty());
    }
}
