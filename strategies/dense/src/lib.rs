//! The dense network: nothing is pruned. Others are compared with it.

use dst_core::Strategy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Trains every connection. It has no parameters and ignores the sparsity to reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dense {}

#[typetag::serde(name = "dense")]
impl Strategy for Dense {}

dst_core::strategy_plugin! {
    Dense,
    name: "dense",
    title: "Dense",
    paper: "the baseline",
    bibtex: "",
    summary: "Trains every connection; others are compared with it.",
    baseline: true,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        dst_conformance::check(&Dense::default());
    }
}
