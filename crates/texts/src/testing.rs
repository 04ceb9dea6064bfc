//! A small vocabulary, for the tests of data sets.
//!
//! Everything here panics if it cannot write: a test has nothing better to do.

use std::fs;
use std::path::Path;

use dst_core::{DataSources, Result};

use crate::vocabulary::{FOLDER, Vocabulary, find};

/// The vocabulary that `glue/rte` finds.
///
/// # Errors
/// If it finds none.
pub fn found(sources: &DataSources) -> Result<Vocabulary> {
    Vocabulary::open(find("glue/rte", sources)?)
}

/// A vocabulary of ten tokens in `folder/bert-base-uncased`.
///
/// # Panics
/// If it cannot be written.
pub fn small(folder: &Path) -> Vocabulary {
    let at = folder.join(FOLDER);
    fs::create_dir_all(&at).expect("a folder is made");
    let tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##b\n.\nc\n";
    fs::write(at.join("vocab.txt"), tokens).expect("a file is written");
    found(&DataSources { data_dir: Some(folder.to_path_buf()), ..DataSources::default() })
        .expect("the vocabulary is whole")
}
