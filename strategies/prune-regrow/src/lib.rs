//! Prune and regrow from a dense start, the method of the experiment plan.

use dst_core::plugin::StrategyPlugin;
use dst_core::strategy::check;
use dst_core::tch::Tensor;
use dst_core::topology::{Growth, Layer};
use dst_core::{
    Distribution, Moments, Probe, Regrowth, Result, Span, Step, Strategy, Timing, Topology, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// By which score an update removes connections; the lowest go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// |w|.
    #[default]
    Weight,
    /// |g|.
    Gradient,
    /// |w · g|, the first-order effect of removal on the loss.
    Product,
}

/// Shrinks a dense network to its target by alternating pruning and regrowth, then goes on
/// exchanging connections at constant count.
///
/// Every `interval`, each layer removes the fraction `prune_rate` of its active weights with the
/// lowest score and regrows the fraction `regrow_rate` of what it removed where the gradient is
/// largest. Once that would fall below the layer's target, it regrows up to the target instead.
/// With both rates at 0.2 a layer keeps 84 % at an update, so a sparsity of 0.5 is reached at the
/// fourth. An update consumes its batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PruneRegrow {
    /// How the connections of the target are shared among layers.
    pub distribution: Distribution,
    /// Fraction of a layer's active weights that an update removes, in [0, 1].
    pub prune_rate: f64,
    /// Fraction of the removed weights that is regrown until the target is reached, in [0, 1].
    pub regrow_rate: f64,
    /// Which weights are removed.
    pub criterion: Criterion,
    /// The distance between updates.
    pub interval: Span,
    /// The first update; one interval after the start unless given.
    pub begin: Option<Span>,
    /// No updates from here on.
    pub end: Span,
    /// Whether a connection may be removed and regrown in one update.
    pub regrowth: Regrowth,
    /// What happens to the optimiser's moments.
    pub moments: Moments,
}

impl Default for PruneRegrow {
    fn default() -> Self {
        Self {
            distribution: Distribution::Uniform,
            prune_rate: 0.2,
            regrow_rate: 0.2,
            criterion: Criterion::Weight,
            interval: Span::Epochs(10.0),
            begin: None,
            end: Span::Fraction(1.0),
            regrowth: Regrowth::Reinitialised,
            moments: Moments::ZeroNewborn,
        }
    }
}

impl PruneRegrow {
    fn timing(&self) -> Timing {
        Timing { interval: self.interval, begin: self.begin, end: self.end }
    }

    /// How many of a layer's weights an update removes, and how many are active after it.
    fn counts(&self, active: usize, target: usize) -> (usize, usize) {
        let removed = (self.prune_rate * active as f64) as usize;
        let regrown = (self.regrow_rate * removed as f64) as usize;
        (removed, target.max(active - removed + regrown))
    }

    fn update(&self, layer: &mut Layer, target: usize) -> Result<()> {
        let gradient = layer.dense_gradient()?.abs();
        let scores: Tensor = match self.criterion {
            Criterion::Weight => layer.magnitude(),
            Criterion::Gradient => gradient.shallow_clone(),
            Criterion::Product => layer.magnitude() * &gradient,
        };
        let (removed, next) = self.counts(layer.active_count(), target);
        layer.set_target(next)?;
        layer.drop_and_grow(removed, &scores, removed, &Growth::Largest(&gradient), self.regrowth)
    }
}

/// Name of the value that holds a layer's final target.
fn final_target(layer: &Layer) -> String {
    format!("final_target/{}", layer.name())
}

/// How many weights of a layer are active in the end if there are enough updates.
fn target_of(topology: &Topology, layer: &Layer) -> usize {
    topology.value(&final_target(layer)).unwrap_or_default() as usize
}

#[typetag::serde(name = "prune-regrow")]
impl Strategy for PruneRegrow {
    fn validate(&self) -> Result<()> {
        check::fraction("prune_rate", self.prune_rate)?;
        check::fraction("regrow_rate", self.regrow_rate)?;
        self.interval.check_interval("interval")
    }

    fn updates(&self, start: &Step) -> Option<usize> {
        Some(self.timing().updates(start, Verdict::Skip))
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.moments = self.moments;
        topology.allocate(self.distribution)?;
        let targets: Vec<(String, usize)> =
            topology.layers().iter().map(|layer| (final_target(layer), layer.target())).collect();
        for (name, target) in targets {
            topology.set_value(&name, target as f64);
        }
        topology.layers_mut().iter_mut().try_for_each(|layer| layer.set_target(layer.size()))
    }

    fn final_density(&self, start: &Step, topology: &Topology) -> f64 {
        let updates = self.timing().updates(start, Verdict::Skip);
        let active = topology.layers().iter().map(|layer| {
            let target = target_of(topology, layer);
            (0..updates).fold(layer.active_count(), |active, _| self.counts(active, target).1)
        });
        active.sum::<usize>() as f64 / topology.size() as f64
    }

    fn wants_dense_gradient(&self, step: &Step) -> bool {
        self.timing().is_due(step)
    }

    fn after_backward(&self, step: &Step, topology: &mut Topology) -> Result<Verdict> {
        if !self.timing().is_due(step) {
            return Ok(Verdict::Apply);
        }
        for index in 0..topology.layers().len() {
            let target = target_of(topology, &topology.layers()[index]);
            self.update(&mut topology.layers_mut()[index], target)?;
        }
        Ok(Verdict::Skip)
    }
}

inventory::submit! {
    StrategyPlugin {
        name: "prune-regrow",
        title: "Prune and regrow",
        paper: "the experiment plan of this project",
        bibtex: "",
        summary: "Shrinks a dense network by pruning and partial regrowth, then exchanges connections.",
        grid: include_str!("../grid.toml"),
        renamed: &[],
        baseline: false,
        default: || Box::new(PruneRegrow::default()),
        schema: || schemars::schema_for!(PruneRegrow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_conformance::{Bench, step};

    #[test]
    fn keeps_the_contract_in_every_variant() {
        let often = PruneRegrow {
            interval: Span::Steps(3),
            end: Span::Fraction(0.5),
            prune_rate: 0.5,
            ..PruneRegrow::default()
        };
        for variant in [
            often.clone(),
            PruneRegrow { criterion: Criterion::Gradient, ..often.clone() },
            PruneRegrow { criterion: Criterion::Product, ..often.clone() },
            PruneRegrow { regrowth: Regrowth::Forbidden, ..often.clone() },
            PruneRegrow { distribution: Distribution::Erk, regrow_rate: 0.5, ..often },
        ] {
            dst_conformance::check(&variant);
        }
    }

    /// Six weights, rates 0.5: three go and one returns (half of three, rounded down), where
    /// the gradient is largest.
    ///
    /// | entry    | 0 | 1 | 2 | 3 | 4 | 5 |
    /// |----------|---|---|---|---|---|---|
    /// | weight   | 6 |-1 | 5 |-2 | 4 | 3 |
    /// | gradient | 0 |-7 | 0 | 1 | 9 | 2 |
    ///
    /// By |w| entries 1, 3 and 5 go and entry 1 returns, from 0. The second update removes two
    /// of four (1 and 4) and would leave 3: the target of the layer, met exactly.
    #[test]
    fn shrinks_to_its_target_and_stays_there() {
        let strategy = PruneRegrow {
            prune_rate: 0.5,
            regrow_rate: 0.5,
            interval: Span::Steps(10),
            ..PruneRegrow::default()
        };
        let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
        bench.init(&strategy, 0.5);
        assert_eq!(bench.active(), [1; 6]);
        bench.set_gradient([0.0, -7.0, 0.0, 1.0, 9.0, 2.0]);
        assert_eq!(bench.after_backward(&strategy, &step(10)), Verdict::Skip);
        assert_eq!(bench.active(), [1, 1, 1, 0, 1, 0]);
        assert_eq!(bench.weights(), [6.0, 0.0, 5.0, 0.0, 4.0, 0.0]);
        for index in [20, 30, 40] {
            bench.set_gradient([0.0, -7.0, 0.0, 1.0, 9.0, 2.0]);
            bench.after_backward(&strategy, &step(index));
            assert_eq!(bench.active().iter().sum::<u8>(), 3, "step {index}");
        }
    }

    /// One epoch of a hundred batches: every update takes half of the weights that are left,
    /// rounded down.
    #[test]
    fn foresees_where_a_short_training_ends() {
        let ends = |interval, sparsity| {
            let strategy = PruneRegrow {
                prune_rate: 0.5,
                regrow_rate: 0.0,
                interval: Span::Steps(interval),
                ..PruneRegrow::default()
            };
            let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
            bench.init(&strategy, sparsity);
            let start = Step { per_epoch: 100, epochs: 1, ..step(0) };
            strategy.final_density(&start, bench.topology())
        };
        assert_eq!(ends(40, 0.5), 0.5);
        assert_eq!(ends(60, 0.8), 0.5);
        // Of 6 there stay 3, then 2, then 1.
        assert_eq!(ends(40, 0.8), 2.0 / 6.0);
        assert_eq!(ends(20, 0.8), 1.0 / 6.0);
        assert_eq!(ends(100, 0.5), 1.0);
    }

    /// By |g| entries 0, 2 and 3 have the least, by |w·g| entries 0, 2 and 3 (products 0, 7, 0,
    /// 2, 36, 6) too; by |w| it is 1, 3 and 5.
    #[test]
    fn removes_by_the_chosen_score() {
        for (criterion, survivors) in [
            (Criterion::Weight, [1, 0, 1, 0, 1, 0]),
            (Criterion::Gradient, [0, 1, 0, 0, 1, 1]),
            (Criterion::Product, [0, 1, 0, 0, 1, 1]),
        ] {
            let strategy = PruneRegrow {
                prune_rate: 0.5,
                regrow_rate: 0.0,
                criterion,
                interval: Span::Steps(10),
                ..PruneRegrow::default()
            };
            let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
            bench.init(&strategy, 0.5);
            bench.set_gradient([0.0, -7.0, 0.0, 1.0, 9.0, 2.0]);
            bench.after_backward(&strategy, &step(10));
            assert_eq!(bench.active(), survivors, "{criterion:?}");
        }
    }
}
