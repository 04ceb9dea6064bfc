//! Data of users in one file, or in one for each split.

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
    /// The file, or those of the folder: `train`, `validation` (or `valid`, `val`) and `test` with one of
    /// `endings`, of which the first is the usual one and an earlier one comes first.
    ///
    /// # Errors
    /// If the folder has no file for training.
    pub fn find(place: &Path, endings: &[&str]) -> Result<Self> {
        if !place.is_dir() {
            return Ok(Self { train: place.to_owned(), validation: None, test: None });
        }
        let find = |names: &[&str]| {
            let mut files = names.iter().flat_map(|name| {
                endings.iter().map(move |ending| place.join(format!("{name}.{ending}")))
            });
            files.find(|path| path.is_file())
        };
        let train = find(&["train"]).ok_or_else(|| {
            let usual = endings.first().copied().unwrap_or_default();
            Error::data(format!("{} has no train.{usual}", place.display())).hint(format!(
                "name a file, or a folder with train.{usual} and, if there are some, validation.{usual} \
                 and test.{usual}"
            ))
        })?;
        Ok(Self { train, validation: find(&["validation", "valid", "val"]), test: find(&["test"]) })
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
    use std::fs;

    const ENDINGS: [&str; 2] = ["txt", "txt.gz"];

    #[test]
    fn a_folder_has_up_to_three_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let found = || SplitFiles::find(folder.path(), &ENDINGS);
        let error = found().unwrap_err().to_string();
        assert!(error.contains("has no train.txt"), "{error}");
        assert!(error.contains("validation.txt and test.txt"), "{error}");
        for name in ["train.txt.gz", "val.txt", "valid.txt.gz", "other.txt"] {
            fs::write(path(name), name).unwrap();
        }
        let files = SplitFiles {
            train: path("train.txt.gz"),
            validation: Some(path("valid.txt.gz")),
            test: None,
        };
        assert_eq!(found().unwrap(), files);
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
