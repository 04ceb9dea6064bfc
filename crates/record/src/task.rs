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
}

impl Task {
    /// The width of a model's last layer.
    pub fn outputs(self) -> i64 {
        match self {
            Self::Classification { classes } => classes,
            Self::Regression => 1,
        }
    }
}
