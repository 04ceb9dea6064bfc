//! Static sparsity: connections are chosen at random once.

use dst_core::{Exchange, Forecast, Keys, Shared, Span, Step, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A random sparse network that never changes (Liu et al. 2022): the baseline of every method that
/// moves connections.
///
/// The connections are shared among the layers by `distribution`, and drawn uniformly in each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Static {
    #[serde(flatten, with = "Shared::<Static>")]
    #[schemars(with = "Shared<Static>")]
    exchange: Exchange,
}

impl Default for Static {
    fn default() -> Self {
        // No update is due in a training of no length.
        Self { exchange: Exchange { end: Span::Steps(0), ..Exchange::STEPS } }
    }
}

#[typetag::serde(name = "static")]
impl Strategy for Static {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        Keys {
            absent: &[
                "drop_fraction",
                "final_drop_fraction",
                "decay",
                "interval",
                "begin",
                "end",
                "replaces_step",
                "growth_batches",
                "regrowth",
                "grow_new_first",
                "moments",
            ],
            ..Keys::ALL
        }
    }

    fn updates(&self, _: &Step) -> Forecast {
        Forecast::Never
    }
}

dst_core::strategy_plugin! {
    Static,
    name: "static",
    title: "Static",
    paper: "Liu, Chen, Chen, Shen, Mocanu, Wang & Pechenizkiy (2022), The Unreasonable Effectiveness of Random Pruning: Return of the Most Naive Baseline for Sparse Training",
    bibtex: include_str!("../paper.bib"),
    summary: "Trains a random sparse network whose connections never change.",
}

#[cfg(test)]
mod tests;
