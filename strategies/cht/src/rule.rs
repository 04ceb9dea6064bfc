//! The update of CHT and CHTs.

use dst_core::strategy::check;
use dst_core::tch::{Kind, Tensor};
use dst_core::{
    Error, Exchange, Growth as Grown, Layer, Regrowth, Result, Step, Topology, selection,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Score, chains};

/// By what an update removes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// The smallest |w|.
    #[default]
    Magnitude,
    /// The smallest relative importance, |w| as a share of all at the same input plus |w| as a share of
    /// all at the same output.
    RelativeImportance,
    /// What stays is drawn in proportion to |w| to the power T, which rises from 1 to 3.
    SampledMagnitude,
    /// The same with the relative importance.
    SampledRelativeImportance,
}

/// What CHT and CHTs have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rule {
    /// How paths of length 3 are added up to the score of a connection.
    pub(crate) score: Score,
    /// By what connections are removed.
    pub(crate) removal: Removal,
    /// Connections that lead nowhere are removed too, where the model says which layer feeds which.
    pub(crate) remove_chains: bool,
    /// A layer is fixed after an update in which this share of its new connections had just been
    /// removed, in (0, 1].
    pub(crate) early_stop: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            score: Score::Path,
            removal: Removal::Magnitude,
            remove_chains: true,
            early_stop: 0.9,
        }
    }
}

/// How an update chooses by scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    Best,
    Sampled,
}

/// The number under which it is kept whether a layer is fixed.
fn fixed(layer: &Layer) -> String {
    format!("fixed/{}", layer.name())
}

/// No layer is fixed at first.
pub(crate) fn start(topology: &mut Topology) {
    for name in topology.layers().iter().map(fixed).collect::<Vec<_>>() {
        topology.set_value(&name, 0.0);
    }
}

impl Rule {
    pub(crate) fn validate(&self) -> Result<()> {
        check::fraction("early_stop", self.early_stop)?;
        if self.early_stop > 0.0 {
            return Ok(());
        }
        Err(Error::usage("early_stop = 0 would fix every layer at once")
            .hint("write 1 for a layer that is fixed only when all its connections return"))
    }

    /// Removes from all layers, so that chains can be followed, and then lets each grow.
    pub(crate) fn after_step(
        &self,
        exchange: &Exchange,
        growth: Growth,
        step: &Step,
        topology: &mut Topology,
    ) -> Result<()> {
        let timing = exchange.timing();
        if !timing.is_due(step) {
            return Ok(());
        }
        let open: Vec<bool> = topology
            .layers()
            .iter()
            .map(|layer| !layer.is_dense() && topology.value(&fixed(layer)) != Some(1.0))
            .collect();
        let fraction = exchange.fraction(step);
        let temperature = 1.0 + 2.0 * timing.progress(step);
        let mut kept = Vec::with_capacity(open.len());
        for (layer, is_open) in topology.layers_mut().iter_mut().zip(&open) {
            let all = || Ok(layer.active().shallow_clone());
            kept.push(if *is_open { self.kept(layer, fraction, temperature) } else { all() }?);
        }
        if self.remove_chains {
            chains::remove(topology, &open, &mut kept)?;
        }
        for index in (0..open.len()).filter(|index| open[*index]) {
            let layer = &mut topology.layers_mut()[index];
            if self.regrow(layer, &kept[index], growth)? >= self.early_stop {
                let name = fixed(layer);
                topology.set_value(&name, 1.0);
            }
        }
        Ok(())
    }

    /// What stays of a layer, before chains are followed.
    fn kept(&self, layer: &mut Layer, fraction: f64, temperature: f64) -> Result<Tensor> {
        let active = layer.active().shallow_clone();
        let count = layer.active_count() - (fraction * layer.active_count() as f64) as usize;
        let scores = match self.removal {
            Removal::Magnitude | Removal::SampledMagnitude => layer.magnitude(),
            Removal::RelativeImportance | Removal::SampledRelativeImportance => importance(layer)?,
        };
        let kept = match self.removal {
            Removal::Magnitude | Removal::RelativeImportance => {
                selection::top_k(&scores, Some(&active), count)
            }
            Removal::SampledMagnitude | Removal::SampledRelativeImportance => selection::sample_k(
                &scores.pow_tensor_scalar(temperature),
                &active,
                count,
                layer.rng(),
            ),
        };
        kept.map_err(|error| error.at(layer.name().to_owned()))
    }

    /// Lets a layer grow back to its number of connections; returns the share of those that return.
    fn regrow(&self, layer: &mut Layer, kept: &Tensor, growth: Growth) -> Result<f64> {
        let removed = layer.active().logical_and(&kept.logical_not());
        let count = selection::count(&removed);
        let scores = self.score.of(kept)?;
        layer.update(Regrowth::Allowed, |update| {
            update.retain(kept);
            match growth {
                Growth::Best => {
                    let free = kept.logical_not();
                    let predicted = selection::count(&scores.gt(0.0).logical_and(&free));
                    update.grow_at_most(predicted, &Grown::Largest(scores))?;
                    // Where no path leads, the lowest index would be no better than any other.
                    update.grow(&Grown::Random)
                }
                Growth::Sampled => update.grow(&Grown::Sampled(scores)),
            }
        })?;
        let returned = selection::count(&removed.logical_and(layer.active()));
        Ok(if count == 0 { 0.0 } else { returned as f64 / count as f64 })
    }
}

/// The share of a weight in the magnitudes of its column plus that in those of its row.
fn importance(layer: &Layer) -> Result<Tensor> {
    let shape = layer.shape();
    let magnitude = layer.magnitude().reshape([shape[0], -1]);
    let share = |dim: i64| {
        // Weights that have just grown may be all that there is, and 0.
        let sum = magnitude.f_sum_dim_intlist([dim].as_slice(), true, Kind::Float)?;
        Ok::<_, Error>(&magnitude / sum.clamp_min(f64::from(f32::MIN_POSITIVE)))
    };
    Ok((share(0)? + share(1)?).reshape(shape))
}
