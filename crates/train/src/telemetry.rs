//! What is recorded about the connections of a network while it trains, for every method alike.
//!
//! [`Records`](dst_core::topology::Records) count changes at every commit and [`Ages`] the times between
//! them; the rest is looked at once an epoch, or at the end. All of it may take 1 % of the time of an epoch
//! (`benches/telemetry.rs`).

use dst_core::mask_sample::{self, LayerMask};
use dst_core::record::LayerRecord;
use dst_core::topology::Churn;
use dst_core::{Backend, Result, Topology};
use tch::{Device, Tensor};

pub use crate::connection_ages::Ages;

/// A row for every layer at the end of `epoch`, 0 before the first step, computed with `backend`. Churn
/// begins anew with it.
pub fn layer_records(
    topology: &mut Topology,
    backend: &dyn Backend,
    epoch: u32,
) -> Vec<LayerRecord> {
    let mut records = Vec::with_capacity(topology.layers().len());
    for index in 0..topology.layers().len() {
        let neurons = topology.neurons(index);
        let layer = &mut topology.layers_mut()[index];
        let Churn { born, regrown, dropped } = layer.take_churn();
        records.push(LayerRecord {
            epoch,
            layer: layer.name().to_owned(),
            shape: in_words(&layer.shape()),
            size: layer.size() as u64,
            active: layer.active_count() as u64,
            born,
            dropped,
            ever_active_share: layer.ever_active_share(),
            regrown: Some(regrown),
            neurons_without_input: Some(neurons.without_input as u64),
            neurons_without_output: neurons.without_output.map(|count| count as u64),
            backend: (epoch > 0).then(|| backend.last_used(layer.weight())),
        });
    }
    records
}

/// The active sets at their sampled [`places`](mask_sample::places), a mask for every layer.
///
/// # Errors
/// If libtorch refuses.
pub fn masks(topology: &Topology) -> Result<Vec<LayerMask>> {
    let masks = topology.layers().iter().map(|layer| {
        let size = layer.size() as u64;
        let places = mask_sample::places(layer.name(), &in_words(&layer.shape()), size);
        let places: Vec<i64> = places.into_iter().map(|place| place as i64).collect();
        let active = layer.active();
        let places = Tensor::from_slice(&places).f_to_device(active.device())?;
        let bits = active.f_reshape([-1])?.f_index_select(0, &places)?.f_to_device(Device::Cpu)?;
        LayerMask::new(layer.name(), size, &Vec::<bool>::try_from(bits)?)
    });
    masks.collect()
}

/// A shape as records write it, such as `120x400`.
fn in_words(shape: &[i64]) -> String {
    shape.iter().map(i64::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::{Builder, Parameters, SeedStreams};
    use tch::Kind;

    #[test]
    fn masks_are_the_active_sets_at_their_places() {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(7);
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        builder.linear("fc1", 100, 90);
        builder.linear("fc2", 3, 2);
        let mut topology = Topology::new(&parameters, 0.5, &streams).unwrap();
        let bits: Vec<bool> = (0..9000).map(|place| place % 7 < 2).collect();
        let active = Tensor::from_slice(&bits).reshape([90, 100]);
        topology.layers_mut()[0].activate(&active).unwrap();
        let small = Tensor::from_slice(&[1u8, 0, 0, 1, 1, 0]).to_kind(Kind::Bool).reshape([2, 3]);
        topology.layers_mut()[1].activate(&small).unwrap();

        let masks = masks(&topology).unwrap();
        let places = mask_sample::places("fc1.weight", "90x100", 9000);
        let expected: Vec<bool> = places.iter().map(|place| bits[*place as usize]).collect();
        assert_eq!(masks[0], LayerMask::new("fc1.weight", 9000, &expected).unwrap());
        assert_eq!((masks[1].layer(), masks[1].bits()), ("fc2.weight", &[0b01_1001][..]));
    }
}
