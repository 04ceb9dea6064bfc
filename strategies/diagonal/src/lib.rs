//! Diagonal: a weight is a union of wrapped diagonals, which are exchanged as a whole.

use dst_core::selection::Groups;
use dst_core::{Exchange, Keys, Probe, Result, Rewiring, Shared, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Training of diagonally sparse networks, after DynaDiag (Tyagi, Iyer, Renninger, Kanan & Zhu 2025).
///
/// A matrix of m × n weights consists of max(m, n) diagonals of min(m, n) entries, which wrap around. A
/// layer has as many of them as come nearest to its density, at least one. Every `interval` it drops the
/// fraction f(t) of its diagonals whose weights are smallest and grows as many where the dense
/// gradients are largest, by sums that are worked out in double precision. A convolution is a matrix of
/// `[out, in · height · width]`.
///
/// The paper instead learns an importance for every diagonal by gradient descent through a soft top-k;
/// see the README.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Diagonal {
    #[serde(flatten, with = "Shared::<Diagonal>")]
    #[schemars(with = "Shared<Diagonal>")]
    exchange: Exchange,
}

impl Default for Diagonal {
    fn default() -> Self {
        Self { exchange: Exchange { replaces_step: true, ..Exchange::STEPS } }
    }
}

#[typetag::serde(name = "diagonal")]
impl Strategy for Diagonal {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        // What starts and returns are whole diagonals.
        Keys { absent: &["start", "regrowth", "grow_new_first"], ..Keys::ALL }
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        self.exchange.allocate(topology)?;
        let mut layers = topology.layers_mut().iter_mut();
        layers.try_for_each(|layer| layer.activate_groups(Groups::Diagonals))
    }

    fn reads_gradient(&self) -> bool {
        true
    }

    fn rewire(&self, layer: &mut Rewiring<'_, '_>) -> Result<()> {
        let magnitude = layer.view().layer.magnitude();
        let gradient = layer.view().gradient()?.abs();
        layer.exchange_groups(Groups::Diagonals, &magnitude, &gradient)
    }
}

dst_core::strategy_plugin! {
    Diagonal,
    name: "diagonal",
    title: "Diagonal",
    paper: "after Tyagi, Iyer, Renninger, Kanan & Zhu (2025), Dynamic Sparse Training of Diagonally Sparse Networks",
    bibtex: include_str!("../paper.bib"),
    summary: "Keeps whole diagonals of every weight and exchanges them as RigL exchanges connections.",
    reaches: "Every layer has a whole number of diagonals and at least one, so small layers end near their density.",
    brief: "distribution = 'uniform'\ndrop_fraction = 0.5\ndecay = 'constant'",
}

#[cfg(test)]
mod tests;
