//! What can be set.

use dst_core::Result;
use dst_core::options::DatasetOptions;
use dst_core::strategy::check::at_least_one;
use dst_texts::options::check_max_length;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens of a row unless another number is given: few sentences of GLUE have more.
const MAX_LENGTH: u32 = 128;

/// Options of every task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Options {
    /// Tokens of the longest row, special ones included, from 8 to 512; longer rows are cut, in
    /// training and in the test.
    pub max_length: u32,
    /// Train on so many rows only, the same for every seed; all if none is given. Numbers of a
    /// part are not comparable with published ones.
    pub train_samples: Option<u32>,
    /// A `tokenizer.json` or a `vocab.txt`, or a folder that holds one: ids mean something only to
    /// the model that was trained with them. Texts are lowered unless it, or a
    /// `tokenizer_config.json` beside it, says otherwise. If none is given, the one beside the
    /// model's weights, or else that of bert-base-uncased.
    pub vocabulary: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_length: MAX_LENGTH, train_samples: None, vocabulary: None }
    }
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        check_max_length(self.max_length)?;
        self.train_samples.map_or(Ok(()), |count| at_least_one("train_samples", count.into()))
    }
}

impl Options {
    /// Tokens of the longest row.
    pub(crate) fn length(&self) -> usize {
        self.max_length as usize
    }

    /// What tells cached token ids from those with other options: nothing by default, so that
    /// files cached before there were options are found.
    pub(crate) fn cache_key(&self) -> Vec<u8> {
        match self.max_length {
            MAX_LENGTH => Vec::new(),
            other => format!("\0{other}").into_bytes(),
        }
    }
}
