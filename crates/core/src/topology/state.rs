//! Saving and restoring a topology, for checkpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::layer::Trainable;
use super::records::{Churn, Records};
use super::{Moments, Topology};
use crate::error::{Error, Result};
use crate::selection;

/// The part of a topology that is not tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopologyState {
    density: f64,
    moments: Moments,
    values: BTreeMap<String, f64>,
    /// Position of the stream in 32-bit words, as text because JSON numbers are too small.
    stream: String,
    layers: BTreeMap<String, LayerState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerState {
    target: usize,
    final_target: usize,
    /// States from before it was kept lack it; no method of theirs reads it.
    #[serde(default)]
    initial_target: usize,
    stream: String,
    born: u64,
    /// States from before it was counted lack it.
    #[serde(default)]
    regrown: u64,
    dropped: u64,
    slots: Vec<String>,
    trainable: bool,
    /// Are there values behind the mask? States from before there could be lack it.
    #[serde(default)]
    kept: bool,
}

pub(super) fn save(topology: &Topology) -> (Vec<(String, Tensor)>, TopologyState) {
    let mut tensors = Vec::new();
    let mut layers = BTreeMap::new();
    for layer in &topology.layers {
        let name = &layer.name;
        tensors.push((format!("active/{name}"), layer.active.shallow_clone()));
        tensors.push((format!("ever_active/{name}"), layer.records.ever_active.shallow_clone()));
        if let Some(trainable) = &layer.trainable {
            tensors.push((format!("trainable/{name}"), trainable.mask.shallow_clone()));
        }
        let kept = layer.weight.keeps_inactive();
        if kept {
            tensors.push((format!("values/{name}"), layer.values()));
        }
        for (slot, tensor) in &layer.slots {
            tensors.push((format!("slot/{slot}/{name}"), tensor.shallow_clone()));
        }
        let state = LayerState {
            target: layer.target,
            final_target: layer.final_target,
            initial_target: layer.initial_target,
            stream: layer.rng.get_word_pos().to_string(),
            born: layer.records.churn.born,
            regrown: layer.records.churn.regrown,
            dropped: layer.records.churn.dropped,
            slots: layer.slots.keys().cloned().collect(),
            trainable: layer.trainable.is_some(),
            kept,
        };
        layers.insert(name.clone(), state);
    }
    let state = TopologyState {
        density: topology.density,
        moments: topology.moments,
        values: topology.values.clone(),
        stream: topology.rng.get_word_pos().to_string(),
        layers,
    };
    (tensors, state)
}

pub(super) fn restore(
    topology: &mut Topology,
    tensors: &BTreeMap<String, Tensor>,
    saved: &TopologyState,
) -> Result<()> {
    if saved.density != topology.density || saved.layers.len() != topology.layers.len() {
        return Err(Error::data("the checkpoint is of another model or sparsity"));
    }
    topology.moments = saved.moments;
    topology.values = saved.values.clone();
    topology.rng.set_word_pos(position(&saved.stream)?);
    for layer in &mut topology.layers {
        let name = layer.name.clone();
        let state = saved
            .layers
            .get(&name)
            .ok_or_else(|| Error::data(format!("the checkpoint has no layer {name}")))?;
        let device = layer.active.device();
        let tensor = |key: String| {
            tensors
                .get(&key)
                .map(|tensor| tensor.to_device(device))
                .ok_or_else(|| Error::data(format!("the checkpoint has no tensor {key}")))
        };
        let active = tensor(format!("active/{name}"))?;
        if active.size() != layer.shape() || selection::count(&active) != state.target {
            return Err(Error::data("the active set does not fit").at(name));
        }
        let ever_active = tensor(format!("ever_active/{name}"))?;
        let trainable = state.trainable.then(|| tensor(format!("trainable/{name}"))).transpose()?;
        layer.trainable = trainable.map(Trainable::new);
        let values = state.kept.then(|| tensor(format!("values/{name}"))).transpose()?;
        match values {
            Some(values) if values.size() == layer.shape() => layer.weight.keep(values),
            Some(_) => return Err(Error::data("the kept values do not fit").at(name)),
            None => layer.weight.project(),
        }
        layer.slots = state
            .slots
            .iter()
            .map(|slot| Ok((slot.clone(), tensor(format!("slot/{slot}/{name}"))?)))
            .collect::<Result<_>>()?;
        layer.active_count = state.target;
        layer.target = state.target;
        layer.final_target = state.final_target;
        layer.initial_target = state.initial_target;
        layer.active = active;
        layer.weight.advance_revision();
        layer.rng.set_word_pos(position(&state.stream)?);
        let LayerState { born, regrown, dropped, .. } = *state;
        layer.records = Records { ever_active, churn: Churn { born, regrown, dropped } };
    }
    Ok(())
}

fn position(text: &str) -> Result<u128> {
    text.parse().map_err(|_| Error::data(format!("'{text}' is not a position in a stream")))
}
