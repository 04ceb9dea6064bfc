//! Lottery tickets: train, prune, rewind, and train again.

use dst_core::strategy::check;
use dst_core::{Error, Forecast, Probe, Result, Rewinds, Span, Step, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Iterative magnitude pruning with rewinding (Frankle & Carbin 2019).
///
/// The training is divided into rounds of equal length. After every round but the last, the smallest
/// magnitudes of the whole network are pruned, and the weights that are left begin anew from what they
/// were at `rewind_to`, with the optimiser and the learning rate of then. The density falls
/// geometrically, and is the one to reach in the last round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lottery {
    /// How often the network is pruned. The training is divided into one round more.
    rounds: u32,
    /// Weights are rewound to what they were after so many epochs, rounded to whole ones: 0 is their
    /// start, a later moment is what Frankle et al. (2020) need for larger networks.
    rewind_to: Span,
}

impl Default for Lottery {
    fn default() -> Self {
        Self { rounds: 4, rewind_to: Span::Epochs(0.0) }
    }
}

#[typetag::serde(name = "lottery")]
impl Strategy for Lottery {
    fn validate(&self) -> Result<()> {
        check::at_least_one("rounds", self.rounds.into())?;
        if self.rounds <= 100 {
            return Ok(());
        }
        Err(Error::usage(format!("rounds = {} must be at most 100", self.rounds)))
    }

    fn init(&self, _: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        Ok(())
    }

    /// A round after the first begins at the first batch of an epoch; none if there are too few epochs
    /// for all rounds.
    fn rewinds(&self, step: &Step) -> Option<Rewinds> {
        let to = (step.steps_in(self.rewind_to) as f64 / step.per_epoch as f64).round() as u32;
        // The first round has all its epochs, the others those from `to` on.
        let round = (step.epochs + self.rounds * to) / (self.rounds + 1);
        let later = round.checked_sub(to).filter(|later| *later > 0)?;
        Some(Rewinds { to, at: (0..self.rounds).map(|index| round + index * later).collect() })
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(self.rewinds(start).map_or(0, |rewinds| rewinds.at.len()))
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let at = self.rewinds(step).map_or_else(Vec::new, |rewinds| rewinds.at);
        let rounds = at.iter().filter(|at| **at <= step.epoch).count();
        self.kept(rounds, topology) as f64 / topology.size() as f64
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let Some(rewinds) = self.rewinds(step) else { return Ok(()) };
        let begins = |at: &u32| step.offset == 0 && *at == step.epoch;
        let Some(round) = rewinds.at.iter().position(begins) else { return Ok(()) };
        topology.keep_largest(self.kept(round + 1, topology))
    }
}

impl Lottery {
    /// Connections that are left after so many rounds of pruning.
    fn kept(&self, rounds: usize, topology: &Topology) -> usize {
        let share = rounds as f64 / f64::from(self.rounds);
        (topology.density().powf(share) * topology.size() as f64).round() as usize
    }
}

dst_core::strategy_plugin! {
    Lottery,
    name: "lottery",
    title: "Lottery tickets",
    paper: "Frankle & Carbin (2019), The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks",
    bibtex: include_str!("../paper.bib"),
    summary: "Trains, prunes the weakest weights, rewinds the others and trains again.",
    reaches: "Every sparsity, if there is an epoch at least for each round; with fewer epochs the network stays dense. One threshold for the whole network shares the connections.",
    brief: "rounds = 2",
    redistributes: true,
}

#[cfg(test)]
mod tests;
