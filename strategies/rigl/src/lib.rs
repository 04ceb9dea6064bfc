//! RigL: drop the weakest connections, grow where the gradient is largest.

use dst_core::{Exchange, Growth, Result, Shared, Strategy, View};
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
    #[serde(flatten, with = "Shared::<Rigl>")]
    #[schemars(with = "Shared<Rigl>")]
    exchange: Exchange,
}

impl Default for Rigl {
    fn default() -> Self {
        Self { exchange: Exchange { replaces_step: true, ..Exchange::STEPS } }
    }
}

#[typetag::serde(name = "rigl")]
impl Strategy for Rigl {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn reads_gradient(&self) -> bool {
        true
    }

    fn growth(&self, view: &View<'_>) -> Result<Growth> {
        Ok(Growth::Largest(view.gradient()?.abs()))
    }
}

dst_core::strategy_plugin! {
    Rigl,
    name: "rigl",
    title: "RigL",
    paper: "Evci, Gale, Menick, Castro & Elsen (2020), Rigging the Lottery: Making All Tickets Winners",
    bibtex: include_str!("../paper.bib"),
    summary: "Drops the weakest connections and grows where the dense gradient is largest.",
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_conformance::{Bench, step};
    use dst_core::{BatchUse, Curve, InitialMask, Moments, Regrowth, Span};

    #[test]
    fn keeps_the_contract() {
        dst_conformance::check(&Rigl {
            exchange: Exchange { interval: Span::Steps(5), ..Rigl::default().exchange },
        });
    }

    #[test]
    fn keeps_the_contract_in_every_variant() {
        let base =
            Rigl { exchange: Exchange { interval: Span::Steps(5), ..Rigl::default().exchange } };
        for variant in [
            Rigl { exchange: Exchange { replaces_step: false, ..base.exchange.clone() } },
            Rigl { exchange: Exchange { growth_batches: 3, ..base.exchange.clone() } },
            Rigl {
                exchange: Exchange {
                    growth_batches: 2,
                    replaces_step: false,
                    ..base.exchange.clone()
                },
            },
            Rigl {
                exchange: Exchange {
                    regrowth: Regrowth::Forbidden,
                    moments: Moments::Keep,
                    ..base.exchange.clone()
                },
            },
            Rigl { exchange: Exchange { start: InitialMask::Magnitude, ..base.exchange.clone() } },
            Rigl { exchange: Exchange { grow_new_first: true, ..base.exchange.clone() } },
            Rigl { exchange: Exchange { dense_last_layer: true, ..base.exchange.clone() } },
            Rigl { exchange: Exchange { start: InitialMask::Snip, ..base.exchange.clone() } },
            Rigl {
                exchange: Exchange {
                    regrowth: Regrowth::Reinitialised,
                    moments: Moments::ResetAll,
                    ..base.exchange.clone()
                },
            },
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
            exchange: Exchange {
                drop_fraction: 0.5,
                decay: Curve::Constant,
                interval: Span::Steps(10),
                ..Rigl::default().exchange
            },
        };
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, -6.0, 0.0, 1.0, 2.0, -8.0]);
        assert_eq!(bench.after_backward(&rigl, &step(9)), BatchUse::Weights);
        assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);
        assert_eq!(bench.after_backward(&rigl, &step(10)), BatchUse::Topology);
        assert_eq!(bench.active(), [1, 1, 1, 0, 0, 1]);
        assert_eq!(bench.weights(), [4.0, -1.0, 3.0, 0.0, 0.0, 0.0]);

        let strict =
            Rigl { exchange: Exchange { regrowth: Regrowth::Forbidden, ..rigl.exchange.clone() } };
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
        bench.init(
            &Rigl {
                exchange: Exchange { start: InitialMask::Magnitude, ..Rigl::default().exchange },
            },
            0.5,
        );
        assert_eq!(bench.active(), [1, 0, 1, 0, 0, 1]);
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.5, 6.0], [1; 6]);
        bench.set_gradient([0.0, -6.0, 0.0, 1.0, 2.0, -1.0]);
        bench.init(
            &Rigl { exchange: Exchange { start: InitialMask::Snip, ..Rigl::default().exchange } },
            0.5,
        );
        assert_eq!(bench.active(), [0, 1, 0, 1, 0, 1]);
        assert_eq!(bench.weights(), [0.0, -1.0, 0.0, -2.0, 0.0, 6.0]);
    }

    /// With two growth batches the mean gradient decides: entry 4 leads by 5 + 2, entry 5 has 6.
    #[test]
    fn grows_by_the_mean_of_several_gradients() {
        let rigl = Rigl {
            exchange: Exchange {
                drop_fraction: 0.25,
                decay: Curve::Constant,
                interval: Span::Steps(10),
                growth_batches: 2,
                ..Rigl::default().exchange
            },
        };
        let mut bench = Bench::new([4.0, 3.0, 3.0, 0.5, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, 0.0, 0.0, 0.0, 5.0, 0.0]);
        assert_eq!(bench.after_backward(&rigl, &step(9)), BatchUse::Weights);
        bench.set_gradient([0.0, 0.0, 0.0, 0.0, 2.0, -6.0]);
        assert_eq!(bench.after_backward(&rigl, &step(10)), BatchUse::Topology);
        assert_eq!(bench.active(), [1, 1, 1, 0, 1, 0]);
    }

    #[test]
    fn an_update_may_follow_the_step() {
        let rigl = Rigl {
            exchange: Exchange {
                drop_fraction: 0.25,
                decay: Curve::Constant,
                interval: Span::Steps(10),
                replaces_step: false,
                ..Rigl::default().exchange
            },
        };
        let mut bench = Bench::new([4.0, 3.0, 3.0, 0.5, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
        assert_eq!(bench.after_backward(&rigl, &step(10)), BatchUse::Weights);
        assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);
        bench.after_step(&rigl, &step(10));
        assert_eq!(bench.active(), [1, 1, 1, 0, 0, 1]);
    }
}
