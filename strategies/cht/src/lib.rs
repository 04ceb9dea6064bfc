//! CHT and CHTs: connections grow where the network of a layer predicts links.

mod chains;
mod links;
mod rule;

use dst_core::{Curve, Distribution, Exchange, Forecast, Keys, Probe, Result, Shared, Span, Step};
use dst_core::{Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use links::Score;
pub use rule::{Removal, Rule};

/// Cannistraci-Hebb training (Zhang, Zhao, Wu, Muscoloni & Cannistraci 2024).
///
/// Every `interval`, each layer drops the fraction f(t) of its active weights that count least. What
/// then leads to a neuron that nothing leaves, or leaves one that nothing leads to, goes too (chain
/// removal). As many connections grow where CH3-L3 predicts them from the layer's connections alone:
/// where many short paths run through nodes with few links to elsewhere. No gradient of inactive
/// weights is read. A layer whose connections return nearly all in an update is fixed from then on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cht {
    #[serde(flatten, with = "Shared::<Cht>")]
    #[schemars(with = "Shared<Cht>")]
    exchange: Exchange,
    #[serde(flatten)]
    rule: Rule,
}

/// The soft rule of Cannistraci-Hebb training (Zhang, Zhao, Liao, Wu, Michieli & Cannistraci 2024).
///
/// As [`Cht`], but connections are drawn at random in proportion to their scores, so that growth does
/// not settle in few places; see [`Removal`] for the same with removals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Chts {
    #[serde(flatten, with = "Shared::<Chts>")]
    #[schemars(with = "Shared<Chts>")]
    exchange: Exchange,
    #[serde(flatten)]
    rule: Rule,
}

/// The schedule of both: once an epoch, ever less until three quarters of the training.
fn schedule() -> Exchange {
    Exchange {
        distribution: Distribution::Uniform,
        decay: Curve::Cosine,
        interval: Span::Epochs(1.0),
        ..Exchange::STEPS
    }
}

/// Implements a method of this crate: both are one, but for how they grow. `typetag` takes no generic type.
macro_rules! method {
    ($method:ident, $name:literal, $growth:expr) => {
        impl Default for $method {
            fn default() -> Self {
                Self { exchange: schedule(), rule: Rule::default() }
            }
        }

        #[typetag::serde(name = $name)]
        impl Strategy for $method {
            fn exchange(&self) -> Option<&Exchange> {
                Some(&self.exchange)
            }

            fn keys() -> Keys {
                // An update follows the step, and what it drops may return.
                Keys {
                    absent: &["growth_batches", "replaces_step", "regrowth", "grow_new_first"],
                    ..Keys::ALL
                }
            }

            fn validate(&self) -> Result<()> {
                self.exchange.validate()?;
                self.rule.validate()
            }

            fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
                self.exchange.init(topology, probe)?;
                rule::start(topology);
                Ok(())
            }

            fn updates(&self, start: &Step) -> Forecast {
                Forecast::AtMost(self.exchange.updates(start))
            }

            fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
                self.rule.after_step(&self.exchange, $growth, step, topology)
            }
        }
    };
}

method!(Cht, "cht", rule::Growth::Best);
method!(Chts, "chts", rule::Growth::Sampled);

dst_core::strategy_plugin! {
    Cht,
    name: "cht",
    title: "CHT",
    paper: "Zhang, Zhao, Wu, Muscoloni & Cannistraci (2024), Epitopological Learning and Cannistraci-Hebb Network Shape Intelligence Brain-Inspired Theory for Ultra-Sparse Advantage in Deep Learning",
    bibtex: include_str!("../paper.bib"),
    summary: "Drops the weakest connections and grows where the layer's network predicts links.",
    brief: "distribution = 'erk'",
}

dst_core::strategy_plugin! {
    Chts,
    name: "chts",
    title: "CHTs",
    paper: "Zhang, Zhao, Liao, Wu, Michieli & Cannistraci (2024), Brain-Inspired Sparse Training in MLP and Transformers with Network Science Modeling via Cannistraci-Hebb Soft Rule",
    bibtex: include_str!("../soft.bib"),
    summary: "CHT whose connections are drawn in proportion to the predictions.",
}

#[cfg(test)]
mod tests;
