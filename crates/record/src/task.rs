//! What a model is to predict.

use serde::{Deserialize, Serialize};

/// What a model is to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One of several classes: outputs are logits `[batch, classes]`, targets `Int64 [batch]`.
    Classification {
        /// How many.
        classes: i64,
    },
    /// A number: outputs `[batch, 1]`, targets `Float [batch]`.
    Regression,
    /// The token that follows each token of a text: outputs are logits `[batch, length, vocabulary]`,
    /// targets `Int64 [batch, length]`. The output at a position may depend on tokens up to it only.
    NextToken {
        /// Distinct tokens.
        vocabulary: i64,
    },
}

impl Task {
    /// The width of a model's last layer.
    pub fn outputs(self) -> i64 {
        match self {
            Self::Classification { classes } => classes,
            Self::Regression => 1,
            Self::NextToken { vocabulary } => vocabulary,
        }
    }
}
