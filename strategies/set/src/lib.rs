//! SET: drop the weakest connections, grow at random.

use dst_core::plugin::StrategyPlugin;
use dst_core::strategy::check;
use dst_core::tch::{Kind, Tensor};
use dst_core::topology::{Growth, Layer};
use dst_core::{
    Curve, Distribution, Moments, Probe, Regrowth, Result, Span, StartBy, Step, Strategy, Timing,
    Topology, Verdict, selection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which active weights an update drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Drop {
    /// Those with the smallest magnitude, whatever their sign.
    #[default]
    Magnitude,
    /// The fraction of the positive weights and, separately, of the negative weights that are
    /// nearest to 0 (Mocanu et al. 2018).
    BySign,
}

/// Sparse evolutionary training (Mocanu, Mocanu, Stone, Nguyen, Gibescu & Liotta 2018,
/// Algorithm 1).
///
/// Every `interval`, each layer drops the fraction `drop_fraction` of its active weights that lie
/// nearest to 0 and grows as many connections uniformly at random.
///
/// The defaults are the paper's schedule, once an epoch at a constant fraction ("SET-epoch");
/// later papers run it like RigL, every 100 steps with a decaying fraction until 75 % of
/// training ("SET-step"). The update happens after the first step of an epoch. New weights start
/// from 0, where the paper draws them like starting weights; a zero lets the gradient choose the
/// sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Set {
    /// How the connections are shared among layers.
    pub distribution: Distribution,
    /// By what the first topology is chosen.
    #[serde(skip_serializing_if = "StartBy::is_random")]
    #[schemars(extend("default" = "random"))]
    pub start: StartBy,
    /// Fraction ζ of a layer's active weights that an update replaces, in [0, 1].
    pub drop_fraction: f64,
    /// How the fraction decays until `end`.
    pub decay: Curve,
    /// Which weights are dropped.
    pub drop: Drop,
    /// The distance between updates.
    pub interval: Span,
    /// The first update; one interval after the start unless given.
    pub begin: Option<Span>,
    /// No updates from here on.
    pub end: Span,
    /// Whether a connection may be dropped and grown in one update.
    pub regrowth: Regrowth,
    /// What happens to the optimiser's moments.
    pub moments: Moments,
}

impl Default for Set {
    fn default() -> Self {
        Self {
            distribution: Distribution::Erk,
            start: StartBy::Random,
            drop_fraction: 0.3,
            decay: Curve::Constant,
            drop: Drop::Magnitude,
            interval: Span::Epochs(1.0),
            begin: None,
            end: Span::Fraction(1.0),
            regrowth: Regrowth::Reinitialised,
            moments: Moments::ZeroNewborn,
        }
    }
}

impl Set {
    fn timing(&self) -> Timing {
        Timing { interval: self.interval, begin: self.begin, end: self.end }
    }

    /// How many weights to drop, and scores of which the smallest go.
    fn weakest(&self, layer: &Layer, fraction: f64) -> Result<(usize, Tensor)> {
        let magnitude = layer.magnitude();
        match self.drop {
            Drop::Magnitude => Ok(((fraction * layer.active_count() as f64) as usize, magnitude)),
            Drop::BySign => {
                let positive = layer.active().logical_and(&layer.weight().gt(0.0));
                let negative = layer.active().logical_and(&positive.logical_not());
                let share = |side: &Tensor| (fraction * selection::count(side) as f64) as usize;
                let (up, down) = (share(&positive), share(&negative));
                let chosen = selection::bottom_k(&magnitude, Some(&positive), up)?
                    .logical_or(&selection::bottom_k(&magnitude, Some(&negative), down)?);
                Ok((up + down, chosen.logical_not().to_kind(Kind::Float)))
            }
        }
    }
}

#[typetag::serde(name = "set")]
impl Strategy for Set {
    fn validate(&self) -> Result<()> {
        check::fraction("drop_fraction", self.drop_fraction)?;
        self.interval.check_interval("interval")
    }

    fn updates(&self, start: &Step) -> Option<usize> {
        Some(self.timing().updates(start, Verdict::Apply))
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        topology.moments = self.moments;
        topology.allocate(self.distribution)?;
        topology.activate_by(self.start, probe)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !self.timing().is_due(step) {
            return Ok(());
        }
        let fraction = self.decay.at(self.drop_fraction, 0.0, self.timing().progress(step));
        for layer in topology.layers_mut() {
            let (count, scores) = self.weakest(layer, fraction)?;
            layer.drop_and_grow(count, &scores, count, &Growth::Random, self.regrowth)?;
        }
        Ok(())
    }
}

inventory::submit! {
    StrategyPlugin {
        name: "set",
        title: "SET",
        paper: "Mocanu, Mocanu, Stone, Nguyen, Gibescu & Liotta (2018), Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network science",
        bibtex: include_str!("../paper.bib"),
        summary: "Drops the weakest connections and grows as many at random.",
        grid: include_str!("../grid.toml"),
        renamed: &[],
        baseline: false,
        default: || Box::new(Set::default()),
        schema: || schemars::schema_for!(Set),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_conformance::{Bench, step};

    #[test]
    fn keeps_the_contract_in_every_variant() {
        let often = Set { interval: Span::Steps(5), ..Set::default() };
        for variant in [
            Set::default(),
            often.clone(),
            Set { drop: Drop::BySign, ..often.clone() },
            Set { start: StartBy::Snip, ..often.clone() },
            Set { start: StartBy::MagnitudeGlobal, ..often.clone() },
            Set { regrowth: Regrowth::Forbidden, moments: Moments::ResetAll, ..often.clone() },
            Set { decay: Curve::Cosine, end: Span::Fraction(0.75), ..often },
        ] {
            dst_conformance::check(&variant);
        }
    }

    /// Six weights, five active, drop fraction 0.4: the two smallest magnitudes, entries 1 and
    /// 4, go. Regrowth is forbidden and one entry is free, so only one goes and entry 5 comes.
    #[test]
    fn drops_the_smallest_magnitudes() {
        let set = Set {
            drop_fraction: 0.4,
            interval: Span::Steps(10),
            regrowth: Regrowth::Forbidden,
            ..Set::default()
        };
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 1.5, 0.0], [1, 1, 1, 1, 1, 0]);
        bench.after_step(&set, &step(9));
        assert_eq!(bench.active(), [1, 1, 1, 1, 1, 0]);
        bench.after_step(&set, &step(10));
        assert_eq!(bench.active(), [1, 0, 1, 1, 1, 1]);
        assert_eq!(bench.weights(), [4.0, 0.0, 3.0, -2.0, 1.5, 0.0]);
    }

    /// By sign: half of the positives {4, 1} and half of the negatives {-3, -2}: entries 1 and
    /// 3 go, although -2 is not among the two smallest magnitudes of {4, 1, -3, -2, …}. Only
    /// entries 4 and 5 are free.
    #[test]
    fn drops_by_sign() {
        let set = Set {
            drop_fraction: 0.5,
            drop: Drop::BySign,
            interval: Span::Steps(10),
            regrowth: Regrowth::Forbidden,
            ..Set::default()
        };
        let mut bench = Bench::new([4.0, 1.0, -3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.after_step(&set, &step(10));
        assert_eq!(bench.active(), [1, 0, 1, 0, 1, 1]);
    }

    #[test]
    fn growth_depends_on_the_seed_alone() {
        let grown = |seed| {
            let set = Set { interval: Span::Steps(10), drop_fraction: 0.5, ..Set::default() };
            let weights = [4.0, 1.0, 0.0, 0.0, 0.0, 0.0];
            let mut bench = Bench::with_seed(weights, [1, 1, 0, 0, 0, 0], seed);
            bench.after_step(&set, &step(10));
            bench.active()
        };
        assert_eq!(grown(1), grown(1));
        assert!((2..20).any(|seed| grown(seed) != grown(1)));
    }
}
