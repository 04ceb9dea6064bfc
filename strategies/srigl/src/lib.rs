//! SRigL: RigL with equally many connections for every neuron, and neurons that go.

use dst_core::strategy::check;
use dst_core::tch::Tensor;
use dst_core::{
    Exchange, Keys, Layer, Probe, Result, Rewiring, Shared, Strategy, Topology, selection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod neurons;

/// Dynamic sparse training with structured sparsity (Lasby, Golubeva, Evci, Nica & Ioannou 2024).
///
/// As RigL, an update drops the smallest weights of a layer and grows the largest gradients, but
/// afterwards every neuron has the same number of connections (constant fan-in). A neuron for which
/// fewer than `ablation` of that number are salient, among the weights that stay and the gradients
/// that would grow, loses all its connections, and the others share them. The output layer, the last
/// that the model declares, keeps its neurons.
///
/// Differences from the reference implementation: a layer keeps its number of connections exactly, so
/// that the fan-in of its neurons may differ by one; a neuron that has more than its share loses its
/// smallest weights, where the reference sorts a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Srigl {
    #[serde(flatten, with = "Shared::<Srigl>")]
    #[schemars(with = "Shared<Srigl>")]
    exchange: Exchange,
    /// A neuron with fewer salient connections than this share of the fan-in is ablated, in [0, 1]
    /// (γ_sal in the paper); 0 ablates none.
    ablation: f64,
}

impl Default for Srigl {
    fn default() -> Self {
        Self { exchange: Exchange { replaces_step: true, ..Exchange::STEPS }, ablation: 0.3 }
    }
}

#[typetag::serde(name = "srigl")]
impl Strategy for Srigl {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        // What starts and returns follows from the structure.
        Keys { absent: &["start", "regrowth", "grow_new_first"], ..Keys::ALL }
    }

    fn validate(&self) -> Result<()> {
        self.exchange.validate_as(Self::keys())?;
        check::fraction("ablation", self.ablation)
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        self.exchange.allocate(topology)?;
        for layer in topology.layers_mut() {
            let all = layer.active().ones_like();
            let fan_in =
                neurons::fan_in(layer.target(), &vec![true; outputs(layer)], inputs(layer));
            let active = selection::random_k_rows(&all, &fan_in, layer.rng())?;
            layer.activate(&active)?;
        }
        Ok(())
    }

    fn reads_gradient(&self) -> bool {
        true
    }

    fn rewire(&self, layer: &mut Rewiring<'_, '_>) -> Result<()> {
        let (kept, grown) = self.choice(layer)?;
        layer.update().retain(&kept);
        layer.update().connect(&grown)
    }
}

impl Srigl {
    /// The connections that stay and those that come.
    fn choice(&self, layer: &Rewiring<'_, '_>) -> Result<(Tensor, Tensor)> {
        let (view, counts) = (layer.view(), layer.counts());
        let (weights, gradient) = (view.layer.magnitude(), view.gradient()?.abs());
        let stay = view.layer.active_count() - counts.drop;
        let strong = selection::top_k(&weights, Some(view.active), stay)?;
        let wanted = selection::top_k(&gradient, Some(&strong.logical_not()), counts.drop)?;
        let salient = selection::row_counts(&strong.logical_or(&wanted))?;

        let present = selection::row_counts(view.active)?;
        let alive = match view.layer.is_output() {
            true => vec![true; present.len()],
            false => neurons::alive(&salient, &present, self.ablation, inputs(view.layer)),
        };
        let fan_in = neurons::fan_in(counts.target, &alive, inputs(view.layer));
        let strong_counts = selection::row_counts(&strong)?;
        let stays: Vec<usize> =
            fan_in.iter().zip(strong_counts).map(|(most, count)| count.min(*most)).collect();
        let kept = selection::top_k_rows(&weights, Some(&strong), &stays)?;
        let missing: Vec<usize> =
            fan_in.iter().zip(&stays).map(|(fan_in, stays)| fan_in - stays).collect();
        let grown = selection::top_k_rows(&gradient, Some(&kept.logical_not()), &missing)?;
        Ok((kept, grown))
    }
}

/// Neurons of a layer.
fn outputs(layer: &Layer) -> usize {
    layer.shape()[0] as usize
}

/// Connections that a neuron of the layer could have.
fn inputs(layer: &Layer) -> usize {
    layer.size() / outputs(layer)
}

dst_core::strategy_plugin! {
    Srigl,
    name: "srigl",
    title: "SRigL",
    paper: "Lasby, Golubeva, Evci, Nica & Ioannou (2024), Dynamic Sparse Training with Structured Sparsity",
    bibtex: include_str!("../paper.bib"),
    summary: "RigL with equally many connections for every neuron; neurons with few are ablated.",
}

#[cfg(test)]
mod tests;
