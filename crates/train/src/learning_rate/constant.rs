//! A learning rate that stays.

use dst_core::Step;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Schedule;

/// Always the same.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Constant {}

impl Schedule for Constant {
    fn factor(&self, _: &Step, _: u64) -> f64 {
        1.0
    }
}

crate::schedule_plugin! {
    Constant,
    name: "constant",
    title: "Constant",
    paper: "",
    summary: "Always the same.",
}
