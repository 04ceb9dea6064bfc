//! The numbers that a training computes with.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How prunable layers multiply, in training and in evaluation.
///
/// Weights, gradients, moments, norms, softmax and the loss are 32-bit floats whatever it is. It
/// changes results, so it belongs to a trial as the learning rate does.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 32-bit floats of which an NVIDIA accelerator reads 10 bits of the mantissa when it
    /// multiplies matrices and convolves (TensorFloat-32). There is no such thing on a CPU.
    Tf32,
    /// Products of bfloat16 copies of weights and inputs, added up in 32 bits. A processor without
    /// instructions for them is slower than with `f32`, not faster.
    Bf16,
}

impl Precision {
    /// Is it the default? Files leave it out then, so that trials keep the ids they had before
    /// there was a choice.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// As in files, such as `bf16`.
impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_name_a_precision_as_it_is_displayed() {
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            assert_eq!(serde_json::to_value(precision).unwrap(), precision.to_string());
        }
    }
}
