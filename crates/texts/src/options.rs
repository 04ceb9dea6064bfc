//! Options that every data set of texts has: `max_length` and `vocabulary`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use dst_core::{DataSources, Error, Result};

use crate::vocabulary::{self, Vocabulary};

/// Fewer tokens leave nothing of a pair; BERT has no places for more.
const LENGTHS: RangeInclusive<u32> = 8..=512;

/// Can rows have so many tokens, special ones included?
///
/// # Errors
/// If not.
pub fn check_max_length(max_length: u32) -> Result<()> {
    if LENGTHS.contains(&max_length) {
        return Ok(());
    }
    let (least, most) = (LENGTHS.start(), LENGTHS.end());
    Err(Error::usage(format!("max_length = {max_length} is not from {least} to {most}")))
}

/// Where the vocabulary is that the option `vocabulary` of a data set names, or else the one that
/// [`vocabulary::find`] finds.
///
/// # Errors
/// If there is none.
pub fn find_vocabulary(
    dataset: &str,
    option: Option<&str>,
    sources: &DataSources,
) -> Result<PathBuf> {
    match option {
        Some(given) => vocabulary::given(given),
        None => vocabulary::find(dataset, sources),
    }
}

/// Opens what [`find_vocabulary`] found, and says what a user should hear of it: ids mean something only to
/// the model that was trained with them.
///
/// # Errors
/// If it is not usable.
pub fn open_vocabulary(
    path: PathBuf,
    dataset: &str,
    option: Option<&str>,
    sources: &DataSources,
) -> Result<(Vocabulary, Vec<String>)> {
    let name_another = format!("--set {dataset}.vocabulary=FILE");
    // Whoever names a vocabulary knows why.
    let of_weights = sources.model_folder.as_deref().filter(|_| option.is_none());
    let beside = of_weights.is_some_and(|folder| path.parent() == Some(folder));
    let vocabulary = Vocabulary::open(path).map_err(|error| match beside {
        true => error.also(&format!(
            "it is read because it lies beside the model's weights; {name_another} names another"
        )),
        false => error,
    })?;
    let path = vocabulary.path.display();
    let warning = match of_weights {
        Some(folder) if !beside => Some(format!(
            "{} has weights and no vocabulary, so {dataset} is read with {path}: if the model was trained \
             with another, pass {name_another}",
            folder.display(),
        )),
        None if option.is_none() && !vocabulary.is_usual() => Some(format!(
            "{path} has {} tokens and is not the vocabulary of bert-base-uncased",
            vocabulary.size
        )),
        _ => None,
    };
    Ok((vocabulary, warning.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::small;

    #[test]
    fn lengths_have_bounds() {
        assert!([8, 128, 512].into_iter().all(|length| check_max_length(length).is_ok()));
        for length in [0, 7, 513] {
            let error = check_max_length(length).unwrap_err().to_string();
            assert_eq!(error, format!("max_length = {length} is not from 8 to 512"));
        }
    }

    #[test]
    fn users_hear_of_a_vocabulary_that_may_be_the_wrong_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = small(folder.path()).path;
        let said = |option, folder: Option<&std::path::Path>| {
            let sources = DataSources {
                model_folder: folder.map(std::path::Path::to_path_buf),
                ..DataSources::default()
            };
            open_vocabulary(path.clone(), "data", option, &sources).unwrap().1.concat()
        };
        assert!(
            said(None, None)
                .ends_with("has 10 tokens and is not the vocabulary of bert-base-uncased")
        );
        let weights = said(None, Some(folder.path()));
        assert!(
            weights.contains("has weights and no vocabulary, so data is read with"),
            "{weights}"
        );
        assert!(weights.ends_with("pass --set data.vocabulary=FILE"), "{weights}");
        // Beside the weights, or named.
        assert_eq!(said(None, path.parent()), "");
        assert_eq!(said(Some("vocab.txt"), None), "");
        assert_eq!(said(Some("vocab.txt"), Some(folder.path())), "");
    }
}
