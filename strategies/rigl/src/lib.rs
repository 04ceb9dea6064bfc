//! RigL: drop the weakest connections, grow where the gradient is largest.

use dst_core::plugin::StrategyPlugin;
use dst_core::strategy::check;
use dst_core::tch::Tensor;
use dst_core::topology::{Growth, Layer};
use dst_core::{
    Curve, Distribution, Moments, Probe, Regrowth, Result, Span, StartBy, Step, Strategy, Timing,
    Topology, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rigged lottery (Evci, Gale, Menick, Castro & Elsen 2020, Algorithm 1).
///
/// Every `interval`, each layer drops the fraction f(t) of its active weights that have the
/// smallest magnitude and grows as many where the dense gradient is largest. f(t) decays from
/// `drop_fraction` to 0 at `end`.
///
/// Differences from the reference implementation: ties are broken by index instead of noise,
/// and the first update comes after one interval (`begin = "0 steps"` restores theirs).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rigl {
    /// How the connections are shared among layers.
    pub distribution: Distribution,
    /// By what the first topology is chosen.
    #[serde(skip_serializing_if = "StartBy::is_random")]
    #[schemars(extend("default" = "random"))]
    pub start: StartBy,
    /// Fraction of a layer's active weights that the first update replaces, in [0, 1].
    pub drop_fraction: f64,
    /// How the fraction decays until `end`.
    pub decay: Curve,
    /// The distance between updates.
    pub interval: Span,
    /// The first update; one interval after the start unless given.
    pub begin: Option<Span>,
    /// No updates from here on.
    pub end: Span,
    /// An update consumes its batch and takes the place of the optimiser step; otherwise both
    /// happen.
    pub replaces_step: bool,
    /// Batches whose mean gradient decides what grows, the last one being the update's own.
    pub growth_batches: u64,
    /// Whether a connection may be dropped and grown in one update.
    pub regrowth: Regrowth,
    /// What happens to the optimiser's moments.
    pub moments: Moments,
}

impl Default for Rigl {
    fn default() -> Self {
        Self {
            distribution: Distribution::Erk,
            start: StartBy::Random,
            drop_fraction: 0.3,
            decay: Curve::Cosine,
            interval: Span::Steps(100),
            begin: None,
            end: Span::Fraction(0.75),
            replaces_step: true,
            growth_batches: 1,
            regrowth: Regrowth::Allowed,
            moments: Moments::ZeroNewborn,
        }
    }
}

/// Slot: the sum of dense gradients while a growth window is open.
const GRADIENTS: &str = "gradients";

impl Rigl {
    fn timing(&self) -> Timing {
        Timing { interval: self.interval, begin: self.begin, end: self.end }
    }

    fn exchange(&self, step: &Step, layer: &mut Layer, gradient: &Tensor) -> Result<()> {
        let fraction = self.decay.at(self.drop_fraction, 0.0, self.timing().progress(step));
        let count = (fraction * layer.active_count() as f64) as usize;
        let (weak, strong) = (layer.magnitude(), gradient.abs());
        layer.drop_and_grow(count, &weak, count, &Growth::Largest(&strong), self.regrowth)
    }
}

#[typetag::serde(name = "rigl")]
impl Strategy for Rigl {
    fn validate(&self) -> Result<()> {
        check::fraction("drop_fraction", self.drop_fraction)?;
        self.interval.check_interval("interval")?;
        check::at_least_one("growth_batches", self.growth_batches)
    }

    fn updates(&self, start: &Step) -> Option<usize> {
        let verdict = if self.replaces_step { Verdict::Skip } else { Verdict::Apply };
        Some(self.timing().updates(start, verdict))
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        topology.moments = self.moments;
        topology.allocate(self.distribution)?;
        topology.activate_by(self.start, probe)
    }

    fn wants_dense_gradient(&self, step: &Step) -> bool {
        self.timing().is_due_within(step, self.growth_batches - 1)
    }

    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<Verdict> {
        if !self.wants_dense_gradient(step) {
            return Ok(Verdict::Apply);
        }
        let exchanges = self.replaces_step && self.timing().is_due(step);
        for layer in topology.layers_mut() {
            let gradient = match layer.take_slot(GRADIENTS) {
                Some(earlier) => earlier + layer.dense_gradient()?,
                None => layer.dense_gradient()?,
            };
            if exchanges {
                self.exchange(step, layer, &gradient)?;
            } else {
                // Copied, because the gradient's storage is used again by the next batch.
                layer.set_slot(GRADIENTS, gradient.copy());
            }
        }
        Ok(if exchanges { Verdict::Skip } else { Verdict::Apply })
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if self.replaces_step || !self.timing().is_due(step) {
            return Ok(());
        }
        for layer in topology.layers_mut() {
            if let Some(gradient) = layer.take_slot(GRADIENTS) {
                self.exchange(step, layer, &gradient)?;
            }
        }
        Ok(())
    }
}

inventory::submit! {
    StrategyPlugin {
        name: "rigl",
        title: "RigL",
        paper: "Evci, Gale, Menick, Castro & Elsen (2020), Rigging the Lottery: Making All Tickets Winners",
        bibtex: include_str!("../paper.bib"),
        summary: "Drops the weakest connections and grows where the dense gradient is largest.",
        grid: include_str!("../grid.toml"),
        renamed: &[],
        baseline: false,
        default: || Box::new(Rigl::default()),
        schema: || schemars::schema_for!(Rigl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_conformance::{Bench, step};

    #[test]
    fn keeps_the_contract() {
        dst_conformance::check(&Rigl { interval: Span::Steps(5), ..Rigl::default() });
    }

    #[test]
    fn keeps_the_contract_in_every_variant() {
        let base = Rigl { interval: Span::Steps(5), ..Rigl::default() };
        for variant in [
            Rigl { replaces_step: false, ..base.clone() },
            Rigl { growth_batches: 3, ..base.clone() },
            Rigl { growth_batches: 2, replaces_step: false, ..base.clone() },
            Rigl { regrowth: Regrowth::Forbidden, moments: Moments::Keep, ..base.clone() },
            Rigl { start: StartBy::Magnitude, ..base.clone() },
            Rigl { start: StartBy::Snip, ..base.clone() },
            Rigl { regrowth: Regrowth::Reinitialised, moments: Moments::ResetAll, ..base },
        ] {
            dst_conformance::check(&variant);
        }
    }

    /// Six weights, four active, drop fraction 0.5: two go and two come.
    ///
    /// | entry    | 0 | 1 | 2 | 3 | 4 | 5 |
    /// |----------|---|---|---|---|---|---|
    /// | weight   | 4 |-1 | 3 |-2 | · | · |
    /// | gradient | 0 |-6 | 0 | 1 | 2 |-8 |
    ///
    /// Entries 1 and 3 have the smallest magnitudes. Of the free entries 1, 3, 4 and 5, the
    /// largest gradients are those of 5 and 1: entry 1 returns with its value.
    #[test]
    fn drops_small_weights_and_grows_large_gradients() {
        let rigl = Rigl {
            drop_fraction: 0.5,
            decay: Curve::Constant,
            interval: Span::Steps(10),
            ..Rigl::default()
        };
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, -6.0, 0.0, 1.0, 2.0, -8.0]);
        assert_eq!(bench.after_backward(&rigl, &step(9)), Verdict::Apply);
        assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);
        assert_eq!(bench.after_backward(&rigl, &step(10)), Verdict::Skip);
        assert_eq!(bench.active(), [1, 1, 1, 0, 0, 1]);
        assert_eq!(bench.weights(), [4.0, -1.0, 3.0, 0.0, 0.0, 0.0]);

        let strict = Rigl { regrowth: Regrowth::Forbidden, ..rigl };
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, -6.0, 0.0, 1.0, 2.0, -8.0]);
        bench.after_backward(&strict, &step(10));
        assert_eq!(bench.active(), [1, 0, 1, 0, 1, 1]);
    }

    /// Half of six weights are to stay. The largest magnitudes are those of entries 5, 0 and 2;
    /// |w · g| is 0, 6, 0, 2, 1, 6.
    #[test]
    fn starts_from_a_pruned_dense_network() {
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.5, 6.0], [1; 6]);
        bench.set_gradient([0.0, -6.0, 0.0, 1.0, 2.0, -1.0]);
        bench.init(&Rigl { start: StartBy::Magnitude, ..Rigl::default() }, 0.5);
        assert_eq!(bench.active(), [1, 0, 1, 0, 0, 1]);
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.5, 6.0], [1; 6]);
        bench.set_gradient([0.0, -6.0, 0.0, 1.0, 2.0, -1.0]);
        bench.init(&Rigl { start: StartBy::Snip, ..Rigl::default() }, 0.5);
        assert_eq!(bench.active(), [0, 1, 0, 1, 0, 1]);
        assert_eq!(bench.weights(), [0.0, -1.0, 0.0, -2.0, 0.0, 6.0]);
    }

    /// With two growth batches the mean gradient decides: entry 4 leads by 5 + 2, entry 5 has 6.
    #[test]
    fn grows_by_the_mean_of_several_gradients() {
        let rigl = Rigl {
            drop_fraction: 0.25,
            decay: Curve::Constant,
            interval: Span::Steps(10),
            growth_batches: 2,
            ..Rigl::default()
        };
        let mut bench = Bench::new([4.0, 3.0, 3.0, 0.5, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, 0.0, 0.0, 0.0, 5.0, 0.0]);
        assert_eq!(bench.after_backward(&rigl, &step(9)), Verdict::Apply);
        bench.set_gradient([0.0, 0.0, 0.0, 0.0, 2.0, -6.0]);
        assert_eq!(bench.after_backward(&rigl, &step(10)), Verdict::Skip);
        assert_eq!(bench.active(), [1, 1, 1, 0, 1, 0]);
    }

    #[test]
    fn an_update_may_follow_the_step() {
        let rigl = Rigl {
            drop_fraction: 0.25,
            decay: Curve::Constant,
            interval: Span::Steps(10),
            replaces_step: false,
            ..Rigl::default()
        };
        let mut bench = Bench::new([4.0, 3.0, 3.0, 0.5, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
        assert_eq!(bench.after_backward(&rigl, &step(10)), Verdict::Apply);
        assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);
        bench.after_step(&rigl, &step(10));
        assert_eq!(bench.active(), [1, 1, 1, 0, 0, 1]);
    }
}
