//! Half a cosine.

use std::f64::consts::PI;

use dst_core::Step;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Schedule, since};

/// Half a cosine from the learning rate to 0 (Loshchilov & Hutter 2017, without restarts). It spans what
/// warm-up leaves and would reach 0 at the batch after the last.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Cosine {}

impl Schedule for Cosine {
    fn factor(&self, step: &Step, warmup: u64) -> f64 {
        let (done, all) = since(warmup, step);
        0.5 * (1.0 + (PI * done / all).cos())
    }
}

crate::schedule_plugin! {
    Cosine,
    name: "cosine",
    title: "Cosine",
    paper: "Loshchilov & Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts",
    summary: "Half a cosine from the learning rate to 0.",
}
