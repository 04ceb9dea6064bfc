//! Files of texts, and how one is cut into parts.

use std::path::{Path, PathBuf};

use dst_core::{Error, Result, text};
use dst_data::file;
use dst_data::split_files::{self, SplitFiles};

/// Endings of texts, in the order in which they are looked for.
const ENDINGS: [&str; 3] = ["txt", "txt.gz", "txt.zst"];

/// A text larger than this, unpacked, is taken for a mistake: all of it lies in main memory, and a processor
/// would train on it for weeks.
const LARGEST: u64 = 1 << 30;

/// For who has more.
const TOO_LARGE: &str = "name a part of it: head -n 1000000 FILE > part.txt keeps the first million lines (of a \
                         compressed file, zcat FILE | head -n 1000000)";

/// The file, or those of the folder.
///
/// # Errors
/// If the folder has no text for training.
pub(crate) fn find(place: &Path) -> Result<SplitFiles> {
    SplitFiles::find(place, &ENDINGS)
}

/// Training, validation and test, and the digest of the files, made of what was read. What no file gives is
/// cut off the end of the training text, the test last, by these shares of it.
///
/// # Errors
/// As [`read`].
pub(crate) fn parts(
    files: &SplitFiles,
    validation: f64,
    test: f64,
) -> Result<([String; 3], String)> {
    let (mut train, of_train) = summed(&files.train)?;
    let bytes = train.len() as f64;
    let mut part = |file: &Option<PathBuf>, share: f64| match file {
        Some(file) => summed(file).map(|(text, sum)| (text, Some(sum))),
        None => {
            let wanted = train.len().saturating_sub((bytes * share).round() as usize);
            Ok((train.split_off(boundary(&train, wanted)), None))
        }
    };
    let (test, of_test) = part(&files.test, test)?;
    let (validation, of_validation) = part(&files.validation, validation)?;
    let digest = split_files::digest(&of_train, of_validation.as_deref(), of_test.as_deref());
    Ok(([train, validation, test], digest))
}

/// The first place at or behind `byte` where a character begins, or the end.
fn boundary(text: &str, byte: usize) -> usize {
    (byte..text.len()).find(|place| text.is_char_boundary(*place)).unwrap_or(text.len())
}

/// Reads a whole file.
///
/// # Errors
/// If it cannot be read, is empty, too large or no UTF-8, naming it.
pub(crate) fn read(path: &Path) -> Result<String> {
    Ok(summed(path)?.0)
}

/// As [`read`], with the SHA-256 of the unpacked file.
fn summed(path: &Path) -> Result<(String, String)> {
    let at = |error: Error| error.at(path.display().to_string());
    let bytes = file::contents(path, LARGEST, TOO_LARGE)?;
    let text = text::decode(&bytes, path).map_err(at)?;
    match text.is_empty() {
        true => Err(at(Error::data("it is empty").hint("name a file with a text in it"))),
        false => Ok((text, file::sha256(&bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut_in_two() {
        let text = "aäb";
        assert_eq!([0, 1, 2, 3, 4, 9].map(|byte| boundary(text, byte)), [0, 1, 3, 3, 4, 4]);
    }
}
