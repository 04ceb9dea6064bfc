//! Where data lie that users bring. Trials name what the data are, and these files where they were found:
//! they belong to the machine, and to nobody with whom results are shared.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use dst_record::{Error, Result};

use crate::file::{self, Durability};
use crate::{Store, names};

/// A file for each name that trials have for data, with the path: grids that start at once write different
/// files, or the same.
const FOLDER: &str = "own-data";

impl Store {
    /// Remembers these places beside those that are known; a new one takes the place of an old one.
    ///
    /// # Errors
    /// If the system refuses, or a path is not UTF-8.
    pub fn remember_own_data(&self, places: &BTreeMap<String, PathBuf>) -> Result<()> {
        let folder = self.root().join(FOLDER);
        if !places.is_empty() {
            fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, &error))?;
        }
        for (name, place) in places {
            let place = place.to_str().ok_or_else(|| {
                Error::usage("the path is not UTF-8, so that no file can name it")
                    .at(place.display().to_string())
                    .hint("rename the folder, or name it through a link")
            })?;
            file::replace(&folder.join(name), place.as_bytes(), Durability::Synced)?;
        }
        Ok(())
    }

    /// The places that are known.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn own_data(&self) -> Result<BTreeMap<String, PathBuf>> {
        let folder = self.root().join(FOLDER);
        let mut places = BTreeMap::new();
        if !folder.is_dir() {
            return Ok(places);
        }
        // Hidden ones are not whole yet.
        for name in names(&folder)?.into_iter().filter(|name| !name.starts_with('.')) {
            if let Some(place) = file::read_optional(&folder.join(&name))? {
                places.insert(name, PathBuf::from(place));
            }
        }
        Ok(places)
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
        // Whoever looks through a store is not confused by it.
        assert_eq!(store.verify().unwrap(), []);
        assert!(store.ids().unwrap().is_empty());
    }
}
