//! What multiplies in prunable layers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// With what prunable layers compute.
///
/// Products are added in another order, so it changes results by rounding and belongs to a trial as the
/// precision does.
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
pub enum BackendKind {
    /// Dense arithmetic on weights that are 0 where nothing is active: no faster than a dense network.
    #[default]
    Masked,
    /// Kernels that multiply by active weights only, on the CPU with 32-bit floats.
    Sparse,
    /// These kernels in the layers that are sparse enough for them to pay, dense arithmetic in others.
    Auto,
}

impl BackendKind {
    /// Is it the default? Files leave it out then, so that trials keep the ids they had before
    /// there was a choice.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// As in files, such as `masked`.
impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Masked => "masked",
            Self::Sparse => "sparse",
            Self::Auto => "auto",
        })
    }
}

/// What a [`BackendKind`] came to in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerBackend {
    /// Dense arithmetic on a masked weight.
    Masked,
    /// Kernels that multiply by active weights only.
    Sparse,
}

/// As in files, such as `masked`.
impl fmt::Display for LayerBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Masked => "masked",
            Self::Sparse => "sparse",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_name_a_backend_as_it_is_displayed() {
        for backend in [BackendKind::Masked, BackendKind::Sparse, BackendKind::Auto] {
            assert_eq!(serde_json::to_value(backend).unwrap(), backend.to_string());
        }
        for backend in [LayerBackend::Masked, LayerBackend::Sparse] {
            assert_eq!(serde_json::to_value(backend).unwrap(), backend.to_string());
        }
    }
}
