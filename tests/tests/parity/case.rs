//! What `generate.py` writes.

use std::collections::BTreeMap;

use dst_core::tch::Tensor;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One list of bits for each layer, in layer order; 1 is active.
pub(crate) type Masks = Vec<Vec<u8>>;

#[derive(Debug, Deserialize)]
pub(crate) struct Suite {
    pub(crate) cases: Vec<Case>,
    /// Methods without a case, and why they have none.
    pub(crate) without: BTreeMap<String, String>,
}

impl Suite {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("cases.json")).expect("cases.json is that of generate.py")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) method: String,
    /// `owner/repository, file`, or a publication.
    pub(crate) reference: String,
    /// What is compared, in words.
    pub(crate) compared: String,
    /// Where we chose another rule, in words; empty if nowhere.
    pub(crate) difference: String,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) density: f64,
    pub(crate) per_epoch: u64,
    pub(crate) epochs: u32,
    /// `[out, in]` of each layer; each reads the one before.
    pub(crate) shapes: Vec<[i64; 2]>,
    /// Masks before the first round.
    pub(crate) start: Masks,
    /// Is the mask that `init` chooses compared? Then there is one round, whose numbers it sees.
    pub(crate) looks_at_start: bool,
    /// The function between its layers.
    pub(crate) between: Between,
    /// What a look at the network shows to it.
    pub(crate) samples: Option<Samples>,
    #[serde(default)]
    pub(crate) learning_rate: f64,
    /// The slot in which the method keeps the signs of all connections; numbers of rounds are multiplied by
    /// them.
    pub(crate) signs: Option<String>,
    pub(crate) rounds: Vec<Round>,
}

impl Case {
    pub(crate) fn title(&self) -> String {
        format!("{} beside {}", self.method, self.reference)
    }
}

/// What a network has between its layers, for methods that look at it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Between {
    Relu,
    Tanh,
}

impl Between {
    pub(crate) fn function(self) -> fn(&Tensor) -> Tensor {
        match self {
            Self::Relu => Tensor::relu,
            Self::Tanh => Tensor::tanh,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Samples {
    /// `[samples, inputs]`.
    pub(crate) inputs: Vec<Vec<f64>>,
    pub(crate) classes: Vec<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Round {
    pub(crate) step: u64,
    /// Masks before the round, where those after the last one are not to be used: they may be random.
    pub(crate) start: Option<Masks>,
    pub(crate) weights: Vec<Vec<f32>>,
    pub(crate) gradients: Vec<Vec<f32>>,
    /// Masks after the round, or if some of it is drawn, what the update certainly keeps.
    pub(crate) expected: Masks,
    pub(crate) drawn: Option<Drawn>,
    /// Values after the round of the weights that the update keeps.
    pub(crate) values: Option<Vec<Vec<f32>>>,
}

/// What an update draws besides what it keeps.
#[derive(Debug, Deserialize)]
pub(crate) struct Drawn {
    /// Places from which it draws.
    pub(crate) from: Masks,
    /// Active weights of each layer afterwards.
    pub(crate) counts: Vec<usize>,
    /// How likely each place is, for layers that draw one; empty for others.
    #[serde(default)]
    pub(crate) odds: Vec<Vec<f64>>,
    /// The value of what is drawn.
    #[serde(default)]
    pub(crate) newborn: f32,
}
