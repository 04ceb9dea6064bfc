//! Block: RigL on whole blocks of a weight.

use dst_core::selection::Groups;
use dst_core::strategy::check;
use dst_core::tch::Tensor;
use dst_core::{Exchange, Keys, Probe, Result, Rewiring, Shared, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the entries of a block add up to, in double precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Their magnitudes.
    #[default]
    L1,
    /// Their squares, so that one large entry counts more than several small ones.
    L2,
}

/// Drop-and-grow after RigL (Evci et al. 2020) on blocks of `height` × `width` weights, which are active
/// or inactive as a whole: a structure that kernels and caches can use.
///
/// Every `interval`, each layer drops the fraction f(t) of its blocks that have the smallest weights and
/// grows as many where the dense gradients are largest. A convolution is a matrix of
/// `[out, in · height · width]`. In a layer that blocks do not divide they are smaller.
///
/// A layer has a whole number of blocks, the one nearest to its density, but at least one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Block {
    #[serde(flatten, with = "Shared::<Block>")]
    #[schemars(with = "Shared<Block>")]
    exchange: Exchange,
    /// Rows of a block, outputs of the layer, at least 1.
    height: usize,
    /// Columns of a block, inputs of one output, at least 1.
    width: usize,
    /// What the entries of a block add up to, weights and gradients alike.
    norm: Norm,
}

impl Default for Block {
    fn default() -> Self {
        let exchange = Exchange { replaces_step: true, ..Exchange::STEPS };
        Self { exchange, height: 4, width: 4, norm: Norm::L1 }
    }
}

impl Block {
    fn blocks(&self) -> Groups {
        Groups::Blocks { height: self.height, width: self.width }
    }

    fn score(&self, tensor: &Tensor) -> Tensor {
        match self.norm {
            Norm::L1 => tensor.abs(),
            Norm::L2 => tensor.square(),
        }
    }
}

#[typetag::serde(name = "block")]
impl Strategy for Block {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        // What starts and returns are whole blocks.
        Keys { absent: &["start", "regrowth", "grow_new_first"], ..Keys::ALL }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate()?;
        check::at_least_one("height", self.height as u64)?;
        check::at_least_one("width", self.width as u64)
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        self.exchange.allocate(topology)?;
        topology.layers_mut().iter_mut().try_for_each(|layer| layer.activate_groups(self.blocks()))
    }

    fn reads_gradient(&self) -> bool {
        true
    }

    fn rewire(&self, layer: &mut Rewiring<'_, '_>) -> Result<()> {
        let weights = self.score(&layer.view().layer.values());
        let gradients = self.score(layer.view().gradient()?);
        layer.exchange_groups(self.blocks(), &weights, &gradients)
    }
}

dst_core::strategy_plugin! {
    Block,
    name: "block",
    title: "RigL on blocks",
    paper: "after Evci, Gale, Menick, Castro & Elsen (2020), Rigging the Lottery: Making All Tickets Winners",
    bibtex: include_str!("../paper.bib"),
    summary: "RigL on blocks of weights that are active or inactive as a whole.",
    reaches: "Every layer has a whole number of blocks and at least one, so small layers end near their density.",
    brief: "distribution = 'uniform'\nheight = 2\nwidth = 4",
}

#[cfg(test)]
mod tests;
