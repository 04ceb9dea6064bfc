//! N:M sparsity with SR-STE: of every M inputs of a neuron, the N with the largest weights.

use dst_core::{
    BatchUse, Error, Forecast, GradientScope, Layer, Moments, Probe, Result, Step, Strategy,
    Topology, selection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// N:M sparsity from scratch with SR-STE (Zhou, Ma, Zhu, Liu, Zhang, Yuan, Sun & Li 2021).
///
/// Of every `group` consecutive inputs of a neuron (of a convolution: input channels at one place of
/// the kernel) the largest weights are active, as many as the density to reach takes. All weights
/// keep their values and move by the gradient that the active ones get (a straight-through
/// estimator); those that are not active are pulled towards 0 besides, so that the choice settles.
/// The choice is made anew after every step.
///
/// The sparsity must leave a whole number of every group: 0.25, 0.5 and 0.75 for groups of four.
/// Layers whose inputs are no whole number of groups stay dense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nm {
    /// Inputs of one group (M in the paper).
    group: usize,
    /// How strongly inactive weights are pulled towards 0 (λ_W in the paper).
    decay: f64,
}

impl Default for Nm {
    fn default() -> Self {
        Self { group: 4, decay: 2e-4 }
    }
}

impl Nm {
    /// The active weights of every group.
    fn kept(&self, density: f64) -> Result<usize> {
        let share = density * self.group as f64;
        let kept = share.round();
        if kept >= 1.0 && (share - kept).abs() < 1e-9 {
            return Ok(kept as usize);
        }
        let sparsities =
            (0..self.group).map(|zeros| format!("{:.4}", zeros as f64 / self.group as f64));
        let sparsities: Vec<String> = sparsities
            .map(|text| text.trim_end_matches('0').trim_end_matches('.').to_owned())
            .collect();
        Err(Error::usage(format!(
            "sparsity {:.4} leaves {share:.2} of every {} weights, which is no whole number above 0",
            1.0 - density,
            self.group
        ))
        .at("nm")
        .hint(format!("with groups of {} there are {}", self.group, sparsities.join(", "))))
    }

    /// Are the inputs of the layer a whole number of groups?
    fn fits(&self, layer: &Layer) -> bool {
        (layer.shape()[1] as usize).is_multiple_of(self.group)
    }

    fn choose(&self, layer: &mut Layer, kept: usize) -> Result<()> {
        if !self.fits(layer) {
            return Ok(());
        }
        let active = selection::top_n_of_m(&layer.magnitude(), kept, self.group)?;
        layer.activate(&active)
    }
}

#[typetag::serde(name = "nm")]
impl Strategy for Nm {
    fn validate(&self) -> Result<()> {
        if self.group < 2 {
            return Err(Error::usage(format!("group = {} is less than 2", self.group)));
        }
        if self.decay >= 0.0 && self.decay.is_finite() {
            return Ok(());
        }
        Err(Error::usage(format!("decay = {} is not a positive number or 0", self.decay)))
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        let kept = self.kept(topology.density())?;
        topology.moments = Moments::Keep;
        for layer in topology.layers_mut().iter_mut().filter(|layer| self.fits(layer)) {
            layer.set_target(layer.size() / self.group * kept)?;
            layer.keep_inactive();
            layer.set_trainable(Some(layer.active().ones_like()))?;
            self.choose(layer, kept)?;
        }
        Ok(())
    }

    fn final_density(&self, _: &Step, topology: &Topology) -> f64 {
        topology.active_count() as f64 / topology.size() as f64
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(start.total() as usize)
    }

    fn gradient_scope(&self, _: &Step) -> GradientScope {
        GradientScope::Trainable
    }

    fn after_backward(&self, _: &Step, topology: &mut Topology) -> Result<BatchUse> {
        for layer in topology.layers_mut() {
            let inactive = layer.values().masked_fill(layer.active(), 0.0);
            layer.add_gradient(&(inactive * self.decay))?;
        }
        Ok(BatchUse::Weights)
    }

    fn after_step(&self, _: &Step, topology: &mut Topology) -> Result<()> {
        let kept = self.kept(topology.density())?;
        topology.layers_mut().iter_mut().try_for_each(|layer| self.choose(layer, kept))
    }
}

dst_core::strategy_plugin! {
    Nm,
    name: "nm",
    title: "SR-STE",
    paper: "Zhou, Ma, Zhu, Liu, Zhang, Yuan, Sun & Li (2021), Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch",
    bibtex: include_str!("../paper.bib"),
    summary: "Keeps the largest N of every M weights and trains all behind the mask.",
}

#[cfg(test)]
mod tests;
