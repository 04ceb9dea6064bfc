//! GraSP: prunes before training what the gradient flow needs least.

use dst_core::strategy::check;
use dst_core::tch::{Kind, Reduction, Tensor};
use dst_core::{Error, Inputs, Probe, Result, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gradient signal preservation (Wang, Zhang & Grosse 2020).
///
/// The score of a weight is −w · (Hg), with the gradient g and the Hessian H of the loss at the starting
/// weights: the first-order effect of its removal on the squared norm of g. The largest scores of the
/// whole network are removed, and the topology is static from then on.
///
/// Data sets without classes are refused, and so is a choice that would leave a layer without any
/// connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grasp {
    /// Training samples of every class that are looked at, at least 1.
    samples_per_class: u64,
    /// Outputs are divided by this positive number before the loss, which makes it smoother.
    temperature: f64,
}

impl Default for Grasp {
    fn default() -> Self {
        Self { samples_per_class: 25, temperature: 200.0 }
    }
}

/// libtorch's default, which no class number has.
const IGNORED_CLASS: i64 = -100;

impl Grasp {
    /// w · (Hg), which is large for weights that stay.
    fn scores(&self, topology: &Topology, probe: &mut dyn Probe) -> Result<Vec<Tensor>> {
        let samples = usize::try_from(self.samples_per_class).unwrap_or(usize::MAX);
        let mut scores = Vec::new();
        probe.forward(topology, Inputs::PerClass(samples), &mut |pass| {
            let target = pass.target.as_ref();
            let target = target.ok_or_else(|| Error::contract("a sample has no class"))?;
            let loss = (&pass.output / self.temperature).f_cross_entropy_loss(
                target,
                None::<Tensor>,
                Reduction::Mean,
                IGNORED_CLASS,
                0.0,
            )?;
            let gradients = pass.gradients(&loss, true)?;
            let products = gradients.iter().map(|g| (g * g.detach()).sum(Kind::Float));
            let norm = products.reduce(|sum, product| sum + product);
            let norm = norm.ok_or_else(|| Error::contract("there is no layer to prune"))?;
            let curvature = pass.gradients(&norm, false)?;
            let weights = pass.weights.iter().map(Tensor::detach);
            scores = weights.zip(curvature).map(|(weight, hg)| weight * hg).collect();
            Ok(())
        })?;
        Ok(scores)
    }
}

#[typetag::serde(name = "grasp")]
impl Strategy for Grasp {
    fn validate(&self) -> Result<()> {
        check::at_least_one("samples_per_class", self.samples_per_class)?;
        if self.temperature > 0.0 && self.temperature.is_finite() {
            return Ok(());
        }
        Err(Error::usage(format!("temperature = {} is not a positive number", self.temperature)))
    }

    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        let scores = self.scores(topology, probe)?;
        let active = (topology.density() * topology.size() as f64).round() as usize;
        topology.activate_globally(&scores, active)
    }
}

dst_core::strategy_plugin! {
    Grasp,
    name: "grasp",
    title: "GraSP",
    paper: "Wang, Zhang & Grosse (2020), Picking Winning Tickets Before Training by Preserving Gradient Flow",
    bibtex: include_str!("../paper.bib"),
    summary: "Prunes before training the weights that the gradient flow needs least.",
    reaches: "Every sparsity at which the choice leaves each layer a connection. One threshold for the whole network shares them unless `global` is off.",
}

#[cfg(test)]
mod tests;
