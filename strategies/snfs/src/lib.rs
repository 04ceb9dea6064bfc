//! SNFS: drop the weakest connections, grow where the momentum is largest, and move connections
//! to the layers with the most of it.

mod redistribution;

use dst_core::plugin::StrategyPlugin;
use dst_core::strategy::check;
use dst_core::tch::{Kind, Tensor};
use dst_core::topology::{Growth, Layer};
use dst_core::{
    Curve, Distribution, Error, Moments, Probe, Regrowth, Result, Span, StartBy, Step, Strategy,
    Timing, Topology, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use redistribution::Candidate;

/// What decides how many of the removed connections each layer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Redistribution {
    /// The mean magnitude of the momentum of its active weights.
    #[default]
    Momentum,
    /// The mean magnitude of its active weights.
    Magnitude,
    /// Each layer grows what it dropped (how later papers run the method).
    None,
}

/// Sparse networks from scratch by sparse momentum (Dettmers & Zettlemoyer 2019, Algorithm 1).
///
/// Every `interval`, each layer drops the fraction `prune_rate` of its active weights that have
/// the smallest magnitude. As many connections grow in the whole network: layers share them by
/// the mean magnitude of the momentum of their active weights, and within a layer they grow
/// where the momentum is largest. The rate decays from `prune_rate` to `final_prune_rate`.
///
/// The momentum is an exponential mean of dense gradients that the strategy keeps itself; the
/// reference reads the optimiser's buffer. Counts are exact, where the reference starts from a
/// random number of connections and corrects for what it missed. The update happens after the
/// first step of an epoch instead of the last of the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snfs {
    /// How the connections are shared among layers at the start.
    pub distribution: Distribution,
    /// By what the first topology is chosen.
    #[serde(skip_serializing_if = "StartBy::is_random")]
    #[schemars(extend("default" = "random"))]
    pub start: StartBy,
    /// Fraction of a layer's active weights that the first update drops, in [0, 1].
    pub prune_rate: f64,
    /// The fraction that is dropped at `end`, in [0, 1].
    pub final_prune_rate: f64,
    /// How the fraction decays until `end`.
    pub decay: Curve,
    /// The distance between updates.
    pub interval: Span,
    /// The first update; one interval after the start unless given.
    pub begin: Option<Span>,
    /// No updates from here on.
    pub end: Span,
    /// Decay of the mean of gradients, in [0, 1); 0 follows the last gradient alone.
    pub momentum: f64,
    /// What decides how many of the removed connections each layer gets.
    pub redistribution: Redistribution,
    /// Whether a connection may be dropped and grown in one update.
    pub regrowth: Regrowth,
    /// What happens to the optimiser's moments.
    pub moments: Moments,
}

impl Default for Snfs {
    fn default() -> Self {
        Self {
            distribution: Distribution::Uniform,
            start: StartBy::Random,
            prune_rate: 0.5,
            final_prune_rate: 0.005,
            decay: Curve::Cosine,
            interval: Span::Epochs(1.0),
            begin: None,
            end: Span::Fraction(1.0),
            momentum: 0.9,
            redistribution: Redistribution::Momentum,
            regrowth: Regrowth::Allowed,
            moments: Moments::ZeroNewborn,
        }
    }
}

/// Slot: the exponential mean of dense gradients.
const MOMENTUM: &str = "momentum";

/// Layers with a smaller share of free positions than this drop less if they are to grow more
/// than the average layer (reference code).
const NEARLY_DENSE: f64 = 0.2;

impl Snfs {
    fn timing(&self) -> Timing {
        Timing { interval: self.interval, begin: self.begin, end: self.end }
    }

    /// What a layer deserves, in any unit.
    fn merit(&self, layer: &Layer) -> Result<f64> {
        let score = match self.redistribution {
            Redistribution::Momentum => momentum(layer)?.abs(),
            Redistribution::Magnitude => layer.magnitude(),
            Redistribution::None => return Ok(0.0),
        };
        let sum = (score * layer.active()).sum(Kind::Double).double_value(&[]);
        Ok(sum / layer.active_count() as f64)
    }

    /// Every layer's counts for an update that drops the fraction `rate`.
    fn candidates(&self, layers: &[Layer], rate: f64) -> Result<Vec<Candidate>> {
        let merits: Vec<f64> =
            layers.iter().map(|layer| self.merit(layer)).collect::<Result<_>>()?;
        let mean = merits.iter().sum::<f64>() / merits.len() as f64;
        Ok(layers
            .iter()
            .zip(merits)
            .map(|(layer, merit)| {
                let (size, active) = (layer.size(), layer.active_count());
                let free = 1.0 - layer.density();
                let rate = if free < NEARLY_DENSE && merit > mean { rate.min(free) } else { rate };
                let removed = ((rate * active as f64).ceil() as usize).min(active);
                Candidate { size, active, removed, merit }
            })
            .collect())
    }
}

/// The mean of gradients of a layer, in the weight's shape.
fn momentum(layer: &Layer) -> Result<&Tensor> {
    layer.slot(MOMENTUM).ok_or_else(|| {
        Error::contract("there is no momentum before the first backward pass")
            .at(layer.name().to_owned())
    })
}

#[typetag::serde(name = "snfs")]
impl Strategy for Snfs {
    fn validate(&self) -> Result<()> {
        check::fraction("prune_rate", self.prune_rate)?;
        check::fraction("final_prune_rate", self.final_prune_rate)?;
        self.interval.check_interval("interval")?;
        if (0.0..1.0).contains(&self.momentum) {
            return Ok(());
        }
        Err(Error::usage(format!("momentum = {} is not in [0, 1)", self.momentum)))
    }

    fn updates(&self, start: &Step) -> Option<usize> {
        Some(self.timing().updates(start, Verdict::Apply))
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        topology.moments = self.moments;
        topology.allocate(self.distribution)?;
        topology.activate_by(self.start, probe)
    }

    fn wants_dense_gradient(&self, step: &Step) -> bool {
        step.index < step.steps_in(self.end)
    }

    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<Verdict> {
        if !self.wants_dense_gradient(step) {
            return Ok(Verdict::Apply);
        }
        for layer in topology.layers_mut() {
            let gradient = layer.dense_gradient()?;
            let mut mean = match layer.take_slot(MOMENTUM) {
                Some(mean) => mean,
                None => gradient.zeros_like(),
            };
            let _ = mean.f_lerp_(&gradient, 1.0 - self.momentum)?;
            layer.set_slot(MOMENTUM, mean);
        }
        Ok(Verdict::Apply)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !self.timing().is_due(step) {
            return Ok(());
        }
        let progress = self.timing().progress(step);
        let rate = self.decay.at(self.prune_rate, self.final_prune_rate, progress);
        let candidates = self.candidates(topology.layers(), rate)?;
        let grown = redistribution::grown(&candidates);
        for ((layer, candidate), grown) in
            topology.layers_mut().iter_mut().zip(candidates).zip(grown)
        {
            layer.set_target(candidate.active - candidate.removed + grown)?;
            let (weak, strong) = (layer.magnitude(), momentum(layer)?.abs());
            // All that the target allows: fewer may be dropped where none may return.
            let (most, growth) = (layer.size(), Growth::Largest(&strong));
            layer.drop_and_grow(candidate.removed, &weak, most, &growth, self.regrowth)?;
        }
        Ok(())
    }
}

inventory::submit! {
    StrategyPlugin {
        name: "snfs",
        title: "SNFS",
        paper: "Dettmers & Zettlemoyer (2019), Sparse Networks from Scratch: Faster Training without Losing Performance",
        bibtex: include_str!("../paper.bib"),
        summary: "Drops the weakest connections and grows by momentum, in the layers that have the most.",
        grid: include_str!("../grid.toml"),
        renamed: &[],
        baseline: false,
        default: || Box::new(Snfs::default()),
        schema: || schemars::schema_for!(Snfs),
    }
}

#[cfg(test)]
mod tests;
