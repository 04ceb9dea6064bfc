//! Data of users in one file, or in one for each split.

use std::fs;
use std::path::{Path, PathBuf};

use dst_core::{Error, Result};

use crate::file;

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitFiles {
    /// Everything, or what is for training.
    pub train: PathBuf,
    /// What is for validation, if there is such a file.
    pub validation: Option<PathBuf>,
    /// What is for the test, if there is such a file.
    pub test: Option<PathBuf>,
}

impl SplitFiles {
    /// The file, or those of the folder: `train`, `validation` (or `valid`, `val`, `dev`) and `test` with one
    /// of `endings`, of which the first is the usual one, capitals or not.
    ///
    /// # Errors
    /// If the folder has no file for training, or several that would be the same split, or cannot be read.
    pub fn find(place: &Path, endings: &[&str]) -> Result<Self> {
        if !place.is_dir() {
            return Ok(Self { train: place.to_owned(), validation: None, test: None });
        }
        let refused = |error: std::io::Error| Error::io("read", place, &error);
        let mut present = Vec::new();
        for entry in fs::read_dir(place).map_err(refused)? {
            let path = entry.map_err(refused)?.path();
            // What cannot be looked at is not taken for absent.
            if !fs::metadata(&path).is_ok_and(|about| about.is_dir()) {
                present.push(path);
            }
        }
        present.sort();
        let find = |names: &[&str]| -> Result<Option<PathBuf>> {
            let is_named = |path: &&PathBuf| {
                let own = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
                let split = own.split_once('.').filter(|(stem, _)| names.contains(stem));
                split.is_some_and(|(_, ending)| endings.contains(&ending))
            };
            let named: Vec<&PathBuf> = present.iter().filter(is_named).collect();
            match named[..] {
                [] => Ok(None),
                [one] => Ok(Some(one.clone())),
                [one, other, ..] => Err(Error::data(format!(
                    "both {} and {} would be the file for {}",
                    one.display(),
                    other.display(),
                    names[0]
                ))
                .hint("move one of them away")),
            }
        };
        let train = find(&["train", "training"])?.ok_or_else(|| {
            let usual = endings.first().copied().unwrap_or_default();
            Error::data(format!("{} has no train.{usual}", place.display())).hint(format!(
                "name a file, or a folder with train.{usual} and, if there are some, validation.{usual} \
                 and test.{usual}"
            ))
        })?;
        let validation = find(&["validation", "valid", "val", "dev"])?;
        Ok(Self { train, validation, test: find(&["test", "testing"])? })
    }

    /// [`digest`] of the unpacked contents.
    ///
    /// # Errors
    /// As [`file::sha256_of_contents`].
    pub fn digest(&self) -> Result<String> {
        let sum =
            |path: &Option<PathBuf>| path.as_deref().map(file::sha256_of_contents).transpose();
        let train = file::sha256_of_contents(&self.train)?;
        let (validation, test) = (sum(&self.validation)?, sum(&self.test)?);
        Ok(digest(&train, validation.as_deref(), test.as_deref()))
    }
}

/// The digest of files with these sums, whatever they are called and however they are packed.
pub fn digest(train: &str, validation: Option<&str>, test: Option<&str>) -> String {
    let sums = [(Some(train), "train"), (validation, "validation"), (test, "test")];
    file::digest(sums.into_iter().filter_map(|(sum, name)| Some((sum?, name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDINGS: [&str; 2] = ["txt", "txt.gz"];

    #[test]
    fn a_folder_has_up_to_three_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let found = || SplitFiles::find(folder.path(), &ENDINGS);
        let error = found().unwrap_err().to_string();
        assert!(error.contains("has no train.txt"), "{error}");
        assert!(error.contains("validation.txt and test.txt"), "{error}");
        for name in ["train.txt.gz", "valid.txt.gz", "Test.TXT", "other.txt"] {
            fs::write(path(name), name).unwrap();
        }
        fs::create_dir(path("val.txt")).unwrap();
        let files = SplitFiles {
            train: path("train.txt.gz"),
            validation: Some(path("valid.txt.gz")),
            test: Some(path("Test.TXT")),
        };
        assert_eq!(found().unwrap(), files);
        // Of two, nobody knows which is meant.
        fs::write(path("dev.txt"), "").unwrap();
        let error = found().unwrap_err().to_string();
        assert!(error.contains("dev.txt and ") && error.contains("for validation"), "{error}");
        let alone = SplitFiles::find(&path("other.txt"), &ENDINGS).unwrap();
        assert_eq!(alone, SplitFiles { train: path("other.txt"), validation: None, test: None });
    }

    /// Stored results name data by it: no later version may have another.
    #[test]
    fn the_digest_is_of_contents_and_roles() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("train.txt", "a"), ("val.txt", "b"), ("test.txt", "c")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let sums = ["a", "b", "c"].map(|text| file::sha256(text.as_bytes()));
        let [a, b, c] = sums.each_ref().map(String::as_str);
        let files = SplitFiles::find(folder.path(), &ENDINGS).unwrap();
        let listed = format!("{a}  train\n{b}  validation\n{c}  test\n");
        assert_eq!(files.digest().unwrap(), file::sha256(listed.as_bytes()));
        assert_eq!(
            digest(a, None, Some(c)),
            file::sha256(format!("{a}  train\n{c}  test\n").as_bytes())
        );
    }
}
