//! N:M sparsity with SR-STE: of every M inputs of a neuron, the N with the largest weights.

use dst_core::tch::Tensor;
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nm {
    /// Inputs of one group (M in the paper).
    group: usize,
    /// How strongly inactive weights are pulled towards 0 (λ_W in the paper).
    decay: f64,
    /// What happens in layers whose inputs are no whole number of groups.
    remainder: Remainder,
}

/// How a layer is treated whose inputs are no whole number of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Remainder {
    /// Groups run along all weights of a neuron, and the last one is shorter.
    Shorter,
    /// It stays dense, because hardware needs whole groups.
    Dense,
}

impl Default for Nm {
    fn default() -> Self {
        Self { group: 4, decay: 2e-4, remainder: Remainder::Shorter }
    }
}

/// The groups of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Groups {
    /// They run along the inputs, at each place of a kernel.
    AlongInputs,
    /// They run along all weights of a neuron; so many of the last, shorter one are active.
    AlongWeights { whole: i64, rest: i64, kept_of_rest: usize },
    /// None: the layer stays dense.
    None,
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

    fn groups(&self, layer: &Layer, kept: usize) -> Groups {
        if (layer.shape()[1] as usize).is_multiple_of(self.group) {
            return Groups::AlongInputs;
        }
        if self.remainder == Remainder::Dense {
            return Groups::None;
        }
        let fan_in = layer.size() / layer.shape()[0] as usize;
        let rest = fan_in % self.group;
        let share = (rest * kept) as f64 / self.group as f64;
        // A neuron with less than one group keeps a connection.
        let least = usize::from(fan_in < self.group);
        Groups::AlongWeights {
            whole: (fan_in - rest) as i64,
            rest: rest as i64,
            kept_of_rest: (share.round() as usize).max(least),
        }
    }

    /// The largest weights of every group; `None` in a layer that stays dense.
    fn chosen(&self, layer: &Layer, kept: usize) -> Result<Option<Tensor>> {
        let scores = layer.magnitude();
        Ok(match self.groups(layer, kept) {
            Groups::None => None,
            Groups::AlongInputs => Some(selection::top_n_of_m(&scores, kept, self.group)?),
            Groups::AlongWeights { whole, rest, kept_of_rest } => {
                let rows = scores.reshape([layer.shape()[0], whole + rest]);
                let mut parts = Vec::new();
                if whole > 0 {
                    let part = rows.narrow(1, 0, whole);
                    parts.push(selection::top_n_of_m(&part, kept, self.group)?);
                }
                if rest > 0 {
                    let counts = vec![kept_of_rest; rows.size()[0] as usize];
                    parts.push(selection::top_k_rows(&rows.narrow(1, whole, rest), None, &counts)?);
                }
                Some(Tensor::f_cat(&parts, 1)?.f_reshape(scores.size())?)
            }
        })
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
        for layer in topology.layers_mut() {
            let Some(active) = self.chosen(layer, kept)? else { continue };
            layer.set_target(selection::count(&active))?;
            layer.keep_inactive();
            layer.set_trainable(Some(active.ones_like()))?;
            layer.activate(&active)?;
        }
        Ok(())
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
        for layer in topology.layers_mut() {
            if let Some(active) = self.chosen(layer, kept)? {
                layer.activate(&active)?;
            }
        }
        Ok(())
    }
}

dst_core::strategy_plugin! {
    Nm,
    name: "nm",
    title: "SR-STE",
    paper: "Zhou, Ma, Zhu, Liu, Zhang, Yuan, Sun & Li (2021), Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch",
    bibtex: include_str!("../paper.bib"),
    summary: "Keeps the largest N of every M weights and trains all behind the mask.",
    reaches: "Densities n / `group`, so with groups of four the sparsities 0.25, 0.5 and 0.75. Layers whose inputs are no whole number of groups end near the density, or stay dense; see `remainder`.",
}

#[cfg(test)]
mod tests;
