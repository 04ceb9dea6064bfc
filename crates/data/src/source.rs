//! Where a data set was found: in its own files or in the cache of the Hub.

use std::fmt;
use std::path::PathBuf;

use dst_core::{DataSources, HubFiles, Result};

use crate::file;
use crate::hub::{Snapshot, cached_instead};

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Its own files, in an order that the data set knows.
    Files(Vec<PathBuf>),
    /// What the Hub has instead.
    Hub(Snapshot),
}

impl Source {
    /// The data set's own files if all were found, else what the cache has of `wanted`. `name` is
    /// that of the data set.
    ///
    /// # Errors
    /// If neither is there: the message says what was looked for in both places.
    pub fn find(
        own: Result<Vec<PathBuf>>,
        sources: &DataSources,
        wanted: Option<&HubFiles>,
        name: &str,
    ) -> Result<Self> {
        match (own, wanted) {
            (Ok(paths), _) => Ok(Self::Files(paths)),
            (Err(missing), None) => Err(missing),
            (Err(missing), Some(wanted)) => {
                cached_instead(missing, sources, wanted, name).map(Self::Hub)
            }
        }
    }
}

/// The folders of the files or the commit of the Hub, for people.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(paths) => f.write_str(&file::folders(paths)),
            Self::Hub(snapshot) => snapshot.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::Error;

    const WANTED: HubFiles = HubFiles { repository: "datasets/a/b", files: &["x.parquet"] };

    #[test]
    fn own_files_come_first_and_missing_ones_are_named_with_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let hub = dst_core::HubCache { folder: folder.path().into(), revision: "main".into() };
        let sources = DataSources { hub: Some(hub), ..DataSources::default() };
        let find = |own, wanted| Source::find(own, &sources, wanted, "digits");
        let own = vec![PathBuf::from("data/digits/train"), PathBuf::from("data/digits/test")];
        let found = find(Ok(own.clone()), Some(&WANTED)).unwrap();
        assert_eq!(found, Source::Files(own));
        assert_eq!(found.to_string(), "data/digits");

        let missing = || Err(Error::data("train was not found"));
        assert_eq!(find(missing(), None).unwrap_err().to_string(), "train was not found");
        let neither = find(missing(), Some(&WANTED)).unwrap_err().to_string();
        for part in ["train was not found", "a/b is not in the cache", "data fetch digits"] {
            assert!(neither.contains(part), "{neither}");
        }
    }

    #[test]
    fn the_commit_of_the_hub_is_told() {
        let commit = "0123".to_owned();
        let repository = WANTED.repository.to_owned();
        let found = Source::Hub(Snapshot { repository, commit, files: Vec::new() });
        assert_eq!(found.to_string(), "datasets/a/b at 0123");
    }
}
