//! Activations of feed-forward networks.

use std::fmt;

use dst_core::tch::Tensor;
use dst_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An activation, by its name in Hugging Face's `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BertActivation {
    /// Hendrycks and Gimpel 2016, by the error function.
    #[default]
    Gelu,
    /// Its approximation by tanh; also `gelu_pytorch_tanh` and `gelu_fast`, which differ in rounding.
    #[serde(alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluNew,
    /// max(0, x)
    Relu,
}

impl BertActivation {
    /// The key in a `config.json`.
    pub(super) const KEY: &str = "hidden_act";

    /// Files leave it out then, so that trials keep the ids they had before there was a choice.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// # Errors
    /// If it is another.
    pub(super) fn from_config(value: &Value) -> Result<Self> {
        Self::deserialize(value).map_err(|_| {
            Error::usage(format!(
                "hidden_act is {value}, and only gelu, gelu_new and relu are known"
            ))
        })
    }

    pub(super) fn forward(self, signal: &Tensor) -> Tensor {
        match self {
            Self::Gelu => signal.gelu("none"),
            Self::GeluNew => signal.gelu("tanh"),
            Self::Relu => signal.relu(),
        }
    }
}

impl fmt::Display for BertActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gelu => "gelu",
            Self::GeluNew => "gelu_new",
            Self::Relu => "relu",
        })
    }
}
