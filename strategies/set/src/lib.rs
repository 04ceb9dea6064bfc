//! SET: drop the weakest connections, grow at random.

use dst_core::tch::{Kind, Tensor};
use dst_core::{Counts, Exchange, Keys, Regrowth, Result, Shared, Strategy, View, selection};
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
/// Every `interval`, each layer drops the fraction `drop_fraction` (ζ in the paper) of its active
/// weights that lie nearest to 0 and grows as many connections uniformly at random.
///
/// The defaults are the paper's schedule, once an epoch at a constant fraction ("SET-epoch");
/// later papers run it like RigL, every 100 steps with a decaying fraction until 75 % of
/// training ("SET-step"). The update happens after the first step of an epoch. New weights start
/// from 0, where the paper draws them like starting weights; a zero lets the gradient choose the
/// sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Set {
    #[serde(flatten, with = "Shared::<Set>")]
    #[schemars(with = "Shared<Set>")]
    exchange: Exchange,
    /// Which weights are dropped.
    drop: Drop,
}

impl Default for Set {
    fn default() -> Self {
        let exchange = Exchange { regrowth: Regrowth::Reinitialised, ..Exchange::EPOCHS };
        Self { exchange, drop: Drop::Magnitude }
    }
}

#[typetag::serde(name = "set")]
impl Strategy for Set {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        Keys { absent: &["growth_batches"], later: &["replaces_step"], ..Keys::ALL }
    }

    fn counts(&self, layers: &[View<'_>]) -> Result<Vec<Counts>> {
        let counts = |view: &View<'_>| match self.drop {
            Drop::Magnitude => Ok(view.exchange(view.count())),
            Drop::BySign => Ok(view.exchange(selection::count(&view.nearest_by_sign()?))),
        };
        layers.iter().map(counts).collect()
    }

    fn weakest(&self, view: &View<'_>) -> Result<Tensor> {
        match self.drop {
            Drop::Magnitude => Ok(view.layer.magnitude()),
            Drop::BySign => Ok(view.nearest_by_sign()?.logical_not().to_kind(Kind::Float)),
        }
    }
}

dst_core::strategy_plugin! {
    Set,
    name: "set",
    title: "SET",
    paper: "Mocanu, Mocanu, Stone, Nguyen, Gibescu & Liotta (2018), Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network science",
    bibtex: include_str!("../paper.bib"),
    summary: "Drops the weakest connections and grows as many at random.",
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_conformance::{Bench, step};
    use dst_core::{Curve, InitialMask, Moments, Span};

    #[test]
    fn keeps_the_contract_in_every_variant() {
        let often = Set {
            exchange: Exchange { interval: Span::Steps(5), ..Set::default().exchange },
            ..Set::default()
        };
        for variant in [
            Set::default(),
            often.clone(),
            Set { drop: Drop::BySign, ..often.clone() },
            Set {
                exchange: Exchange { start: InitialMask::Snip, ..often.exchange.clone() },
                ..often.clone()
            },
            Set {
                exchange: Exchange {
                    start: InitialMask::MagnitudeGlobal,
                    ..often.exchange.clone()
                },
                ..often.clone()
            },
            Set {
                exchange: Exchange {
                    regrowth: Regrowth::Forbidden,
                    moments: Moments::ResetAll,
                    ..often.exchange.clone()
                },
                ..often.clone()
            },
            Set {
                exchange: Exchange {
                    replaces_step: true,
                    grow_new_first: true,
                    layer_densities: [("fc3.weight".to_owned(), 1.0)].into(),
                    ..often.exchange.clone()
                },
                ..often.clone()
            },
            Set {
                exchange: Exchange {
                    decay: Curve::Cosine,
                    end: Span::Fraction(0.75),
                    ..often.exchange.clone()
                },
                ..often
            },
        ] {
            dst_conformance::check(&variant);
        }
    }

    /// Six weights, five active, drop fraction 0.4: the two smallest magnitudes, entries 1 and
    /// 4, go. Regrowth is forbidden and one entry is free, so only one goes and entry 5 comes.
    #[test]
    fn drops_the_smallest_magnitudes() {
        let set = Set {
            exchange: Exchange {
                drop_fraction: 0.4,
                interval: Span::Steps(10),
                regrowth: Regrowth::Forbidden,
                ..Set::default().exchange
            },
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
            exchange: Exchange {
                drop_fraction: 0.5,
                interval: Span::Steps(10),
                regrowth: Regrowth::Forbidden,
                ..Set::default().exchange
            },
            drop: Drop::BySign,
        };
        let mut bench = Bench::new([4.0, 1.0, -3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.after_step(&set, &step(10));
        assert_eq!(bench.active(), [1, 0, 1, 0, 1, 1]);
    }

    #[test]
    fn what_reads_no_gradient_has_no_growth_batches() {
        let set = serde_json::json!({ "name": "set", "growth_batches": 3 });
        let error = serde_json::from_value::<Box<dyn Strategy>>(set).unwrap_err().to_string();
        assert!(error.contains("unknown field `growth_batches`"), "{error}");
    }

    #[test]
    fn growth_depends_on_the_seed_alone() {
        let grown = |seed| {
            let set = Set {
                exchange: Exchange {
                    interval: Span::Steps(10),
                    drop_fraction: 0.5,
                    ..Set::default().exchange
                },
                ..Set::default()
            };
            let weights = [4.0, 1.0, 0.0, 0.0, 0.0, 0.0];
            let mut bench = Bench::with_seed(weights, [1, 1, 0, 0, 0, 0], seed);
            bench.after_step(&set, &step(10));
            bench.active()
        };
        assert_eq!(grown(1), grown(1));
        assert!((2..20).any(|seed| grown(seed) != grown(1)));
    }
}
