//! Prune and regrow from a dense start, the method of the experiment plan.

use dst_core::strategy::check;
use dst_core::tch::Tensor;
use dst_core::{
    Counts, Curve, Distribution, Exchange, Growth, Keys, Probe, Regrowth, Result, Shared, Span,
    Step, Strategy, Topology, View,
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
    #[serde(flatten, with = "Shared::<PruneRegrow>")]
    #[schemars(with = "Shared<PruneRegrow>")]
    exchange: Exchange,
    /// Fraction of the removed weights that is regrown until the target is reached, in [0, 1].
    regrow_rate: f64,
    /// Which weights are removed.
    criterion: Criterion,
}

impl Default for PruneRegrow {
    fn default() -> Self {
        let exchange = Exchange {
            distribution: Distribution::Uniform,
            drop_fraction: 0.2,
            decay: Curve::Constant,
            interval: Span::Epochs(10.0),
            end: Span::Fraction(1.0),
            replaces_step: true,
            regrowth: Regrowth::Reinitialised,
            ..Exchange::STEPS
        };
        Self { exchange, regrow_rate: 0.2, criterion: Criterion::Weight }
    }
}

impl PruneRegrow {
    /// What an update does to a layer of `active` weights that removes the fraction `rate`.
    fn shrunk(&self, rate: f64, active: usize, target: usize) -> Counts {
        let removed = (rate * active as f64) as usize;
        let regrown = (self.regrow_rate * removed as f64) as usize;
        Counts { drop: removed, target: target.max(active - removed + regrown) }
    }
}

#[typetag::serde(name = "prune-regrow")]
impl Strategy for PruneRegrow {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        Keys {
            absent: &["start"],
            later: &["decay", "replaces_step", "growth_batches"],
            renamed: &[("drop_fraction", "prune_rate")],
        }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate_as(Self::keys())?;
        check::fraction("regrow_rate", self.regrow_rate)
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        self.exchange.allocate(topology)?;
        topology.start_dense()
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let mut updates = self.exchange.update_steps(step);
        updates.truncate(self.exchange.passed(step));
        let active = topology.layers().iter().map(|layer| {
            updates.iter().fold(layer.active_count(), |active, step| {
                self.shrunk(self.exchange.fraction(step), active, layer.final_target()).target
            })
        });
        active.sum::<usize>() as f64 / topology.size() as f64
    }

    fn reads_gradient(&self) -> bool {
        true
    }

    fn counts(&self, layers: &[View<'_>]) -> Result<Vec<Counts>> {
        let counts = |view: &View<'_>| {
            self.shrunk(view.fraction, view.layer.active_count(), view.layer.final_target())
        };
        Ok(layers.iter().map(counts).collect())
    }

    fn weakest(&self, view: &View<'_>) -> Result<Tensor> {
        let magnitude = view.layer.magnitude();
        Ok(match self.criterion {
            Criterion::Weight => magnitude,
            Criterion::Gradient => view.gradient()?.abs(),
            Criterion::Product => magnitude * view.gradient()?.abs(),
        })
    }

    fn growth(&self, view: &View<'_>) -> Result<Growth> {
        Ok(Growth::Largest(view.gradient()?.abs()))
    }
}

dst_core::strategy_plugin! {
    PruneRegrow,
    name: "prune-regrow",
    title: "Prune and regrow",
    paper: "the experiment plan of this project",
    bibtex: "",
    summary: "Shrinks a dense network by pruning and partial regrowth, then exchanges connections.",
    brief: "prune_rate = 0.5",
    reaches: "Every sparsity, if the updates are enough to come down to it: each leaves 1 − `prune_rate` · (1 − `regrow_rate`) of a layer.",
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_conformance::{Bench, step};
    use dst_core::BatchUse;

    #[test]
    fn keeps_the_contract_in_every_variant() {
        let often = PruneRegrow {
            exchange: Exchange {
                interval: Span::Steps(3),
                end: Span::Fraction(0.5),
                drop_fraction: 0.5,
                ..PruneRegrow::default().exchange
            },
            ..PruneRegrow::default()
        };
        for variant in [
            often.clone(),
            PruneRegrow { criterion: Criterion::Gradient, ..often.clone() },
            PruneRegrow { criterion: Criterion::Product, ..often.clone() },
            PruneRegrow {
                exchange: Exchange { regrowth: Regrowth::Forbidden, ..often.exchange.clone() },
                ..often.clone()
            },
            PruneRegrow {
                exchange: Exchange {
                    growth_batches: 2,
                    replaces_step: false,
                    dense_last_layer: true,
                    ..often.exchange.clone()
                },
                ..often.clone()
            },
            PruneRegrow {
                exchange: Exchange { distribution: Distribution::Erk, ..often.exchange.clone() },
                regrow_rate: 0.5,
                ..often
            },
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
            exchange: Exchange {
                drop_fraction: 0.5,
                interval: Span::Steps(10),
                ..PruneRegrow::default().exchange
            },
            regrow_rate: 0.5,
            ..PruneRegrow::default()
        };
        let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
        bench.init(&strategy, 0.5);
        assert_eq!(bench.active(), [1; 6]);
        bench.set_gradient([0.0, -7.0, 0.0, 1.0, 9.0, 2.0]);
        assert_eq!(bench.after_backward(&strategy, &step(10)), BatchUse::Topology);
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
                exchange: Exchange {
                    drop_fraction: 0.5,
                    interval: Span::Steps(interval),
                    ..PruneRegrow::default().exchange
                },
                regrow_rate: 0.0,
                ..PruneRegrow::default()
            };
            let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
            bench.init(&strategy, sparsity);
            let start = Step { per_epoch: 100, epochs: 1, ..step(0) };
            strategy.density_at(&start.last(), bench.topology())
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
                exchange: Exchange {
                    drop_fraction: 0.5,
                    interval: Span::Steps(10),
                    ..PruneRegrow::default().exchange
                },
                regrow_rate: 0.0,
                criterion,
            };
            let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
            bench.init(&strategy, 0.5);
            bench.set_gradient([0.0, -7.0, 0.0, 1.0, 9.0, 2.0]);
            bench.after_backward(&strategy, &step(10));
            assert_eq!(bench.active(), survivors, "{criterion:?}");
        }
    }
}
