//! AC/DC: sparse and dense phases in turn.

use dst_core::{Forecast, Moments, Phases, Probe, Result, Span, Step, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Alternating compressed and decompressed training (Peste, Iofinova, Vladu & Alistarh 2021).
///
/// Training begins dense. Every sparse phase begins with keeping the largest magnitudes of the whole
/// network; every dense phase lets all weights train again, those that were pruned from 0 and with an
/// optimiser without memory. The last phase is sparse and keeps its connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcDc {
    /// The length of the first, dense phase.
    warmup: Span,
    /// The length of a sparse phase.
    sparse_phase: Span,
    /// The length of a dense phase after the first.
    dense_phase: Span,
    /// The network is sparse for good from here on.
    end: Span,
}

impl Default for AcDc {
    fn default() -> Self {
        Self {
            warmup: Span::Fraction(0.05),
            sparse_phase: Span::Fraction(0.1),
            dense_phase: Span::Fraction(0.1),
            end: Span::Fraction(0.85),
        }
    }
}

impl AcDc {
    /// The phases of a training; those with an odd number are sparse.
    fn phases(&self, step: &Step) -> Phases {
        let steps = |span: Span| step.steps_in(span);
        let (end, mut begin) = (steps(self.end), steps(self.warmup));
        let mut begins = Vec::new();
        while begin < end {
            begins.push(begin);
            let lengths = [self.dense_phase, self.sparse_phase];
            begin += steps(lengths[begins.len() % 2]).max(1);
        }
        if begins.len().is_multiple_of(2) {
            begins.push(end);
        }
        Phases::new(step, begins.into_iter().map(Span::Steps))
    }
}

#[typetag::serde(name = "ac-dc")]
impl Strategy for AcDc {
    fn validate(&self) -> Result<()> {
        self.sparse_phase.check_interval("sparse_phase")?;
        self.dense_phase.check_interval("dense_phase")
    }

    fn init(&self, _: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        Ok(())
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(self.phases(start).count() - 1)
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let is_dense = self.phases(step).index(step).is_multiple_of(2);
        let kept = (topology.density() * topology.size() as f64).round();
        if is_dense { 1.0 } else { kept / topology.size() as f64 }
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let Some(phase) = self.phases(step).beginning(step) else { return Ok(()) };
        if phase % 2 == 0 {
            topology.moments = Moments::ResetAll;
            return topology.start_dense();
        }
        topology.moments = Moments::ZeroNewborn;
        let kept = topology.density() * topology.size() as f64;
        topology.keep_largest(kept.round() as usize)
    }
}

dst_core::strategy_plugin! {
    AcDc,
    name: "ac-dc",
    title: "AC/DC",
    paper: "Peste, Iofinova, Vladu & Alistarh (2021), AC/DC: Alternating Compressed/DeCompressed Training of Deep Neural Networks",
    bibtex: include_str!("../paper.bib"),
    summary: "Trains sparse and dense in turn, and ends sparse.",
    reaches: "Every sparsity; one threshold for the whole network shares the connections.",
    redistributes: true,
}

#[cfg(test)]
mod tests;
