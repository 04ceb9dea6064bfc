//! SynFlow: prunes before training, without data, what carries the least flow.

use dst_core::strategy::check;
use dst_core::tch::{Kind, Tensor};
use dst_core::{Error, ErrorKind, Inputs, Probe, Result, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Iteratively conserving synaptic flow (Tanaka, Kunin, Yamins & Ganguli 2020, Algorithm 1).
///
/// The score of a weight is |w · ∂R/∂w|, where R is the sum of the outputs for an input of ones when
/// all parameters are replaced by their magnitudes. In every round the largest scores of the whole
/// network stay; the density falls geometrically to that to reach, and the scores are those of the
/// network as pruned so far, which keeps a layer from losing all its connections. The topology is
/// static from then on.
///
/// Biases and norms are part of R, as in the reference implementation, but not pruned. Data sets of
/// texts have no input of ones and are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Synflow {
    /// Rounds of pruning.
    rounds: u64,
}

impl Default for Synflow {
    fn default() -> Self {
        Self { rounds: 100 }
    }
}

#[typetag::serde(name = "synflow")]
impl Strategy for Synflow {
    fn validate(&self) -> Result<()> {
        check::at_least_one("rounds", self.rounds)
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        for round in 1..=self.rounds {
            let mut scores = Vec::new();
            probe.forward(topology, Inputs::Ones, &mut |pass| {
                let flow = pass.gradients(&pass.output.sum(Kind::Double), false)?;
                let products = flow.iter().zip(&pass.weights);
                scores = products.map(|(gradient, weight)| gradient * weight.detach()).collect();
                Ok(())
            })?;
            let share = round as f64 / self.rounds as f64;
            let count = topology.density().powf(share) * topology.size() as f64;
            topology.activate_globally(&scaled(&scores)?, count.round() as usize)?;
        }
        Ok(())
    }
}

/// The scores in 32 bits, the largest being 1: their range may be beyond those, their order is not.
fn scaled(scores: &[Tensor]) -> Result<Vec<Tensor>> {
    let largest = scores.iter().map(|score| score.max().double_value(&[])).fold(0.0, f64::max);
    if largest > 0.0 && largest.is_finite() {
        return Ok(scores.iter().map(|score| (score / largest).to_kind(Kind::Float)).collect());
    }
    Err(Error::new(ErrorKind::Diverged, format!("the largest synaptic flow is {largest}"))
        .hint("choose a network that lets a signal through, or another strategy"))
}

dst_core::strategy_plugin! {
    Synflow,
    name: "synflow",
    title: "SynFlow",
    paper: "Tanaka, Kunin, Yamins & Ganguli (2020), Pruning neural networks without any data by iteratively conserving synaptic flow",
    bibtex: include_str!("../paper.bib"),
    summary: "Prunes before training, without data, the weights that carry the least flow.",
    reaches: "Every sparsity that leaves each layer a connection, of networks whose input is no text. One threshold for the whole network shares the connections.",
    brief: "rounds = 10",
}

#[cfg(test)]
mod tests;
