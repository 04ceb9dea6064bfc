//! When connections were born, and how old they were when they were dropped.

use std::collections::BTreeMap;

use dst_core::record::AgeRecord;
use dst_core::selection::with_bytes;
use dst_core::topology::Change;
use dst_core::{Error, Result, Topology};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::snapshot::Tensors;

/// The births of all layers and the ages of what was dropped.
///
/// Time is counted in batches used, whether they went into the weights or the topology.
#[derive(Debug)]
pub struct Ages {
    /// In the order of the topology.
    layers: Vec<LayerAges>,
}

#[derive(Debug, Default)]
struct LayerAges {
    /// Batches used when each entry was last born (`Int`, shape of the weight). None as long as
    /// all that is active was there at the start, so that a static topology costs nothing. Changed in
    /// place: checkpoints share it only while they are written.
    births: Option<Tensor>,
    /// Dropped connections by age in whole epochs.
    dropped: Vec<u64>,
}

/// The part that is not tensors, by layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgesState(BTreeMap<String, LayerState>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerState {
    /// Is there a tensor of births?
    births: bool,
    dropped: Vec<u64>,
}

impl Ages {
    /// At the start: whatever is active was born there.
    pub fn new(topology: &Topology) -> Self {
        Self { layers: topology.layers().iter().map(|_| LayerAges::default()).collect() }
    }

    /// Notes what a commit changed after `used` batches.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn note(&mut self, change: &Change, used: u64, per_epoch: u64) -> Result<()> {
        let layer = &mut self.layers[change.layer];
        let ages = layer.by_epoch(&change.dropped, used, per_epoch)?;
        layer.dropped.resize(layer.dropped.len().max(ages.len()), 0);
        for (sum, count) in layer.dropped.iter_mut().zip(ages) {
            *sum += count;
        }
        let births = match layer.births.take() {
            None if !bool::try_from(change.born.f_any()?)? => return Ok(()),
            None => change.born.f_zeros_like()?.f_to_kind(Kind::Int)?,
            Some(births) => births,
        };
        layer.births = Some(with_births(births, &change.born, used)?);
        Ok(())
    }

    /// Connections by layer and age after `used` batches, without ages that no connection has.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn records(
        &self,
        topology: &Topology,
        used: u64,
        per_epoch: u64,
    ) -> Result<Vec<AgeRecord>> {
        let mut records = Vec::new();
        for (ages, layer) in self.layers.iter().zip(topology.layers()) {
            let active = ages.by_epoch(layer.active(), used, per_epoch)?;
            let count = |counts: &[u64], age: usize| counts.get(age).copied().unwrap_or(0);
            for age in 0..active.len().max(ages.dropped.len()) {
                let (dropped, active) = (count(&ages.dropped, age), count(&active, age));
                if dropped + active > 0 {
                    let layer = layer.name().to_owned();
                    records.push(AgeRecord { layer, age_epochs: age as u32, dropped, active });
                }
            }
        }
        Ok(records)
    }

    /// All that must survive a restart; tensors are shared.
    pub(crate) fn save(&self, topology: &Topology, tensors: &mut Tensors) -> AgesState {
        let layers = topology.layers().iter().zip(&self.layers).map(|(layer, ages)| {
            if let Some(births) = &ages.births {
                tensors.insert(key(layer.name()), births.shallow_clone());
            }
            let dropped = ages.dropped.clone();
            (layer.name().to_owned(), LayerState { births: ages.births.is_some(), dropped })
        });
        AgesState(layers.collect())
    }

    /// What [`Ages::save`] gave.
    ///
    /// # Errors
    /// If a layer is missing or of another shape.
    pub(crate) fn restore(
        topology: &Topology,
        tensors: &Tensors,
        saved: &AgesState,
    ) -> Result<Self> {
        let layers = topology.layers().iter().map(|layer| {
            let name = layer.name();
            let missing = || Error::data("the checkpoint does not know its births").at(name);
            let state = saved.0.get(name).ok_or_else(missing)?;
            let births = match state.births {
                false => None,
                true => {
                    let births = tensors.get(&key(name)).ok_or_else(missing)?;
                    if births.size() != layer.shape() || births.kind() != Kind::Int {
                        return Err(Error::data("the births do not fit").at(name));
                    }
                    Some(births.f_to_device(layer.active().device())?.copy())
                }
            };
            Ok(LayerAges { births, dropped: state.dropped.clone() })
        });
        Ok(Self { layers: layers.collect::<Result<_>>()? })
    }
}

impl LayerAges {
    /// Number of connections of `mask` (`Bool`) by their age in whole epochs.
    fn by_epoch(&self, mask: &Tensor, used: u64, per_epoch: u64) -> Result<Vec<u64>> {
        let Some(births) = &self.births else {
            let count = mask.f_sum(Kind::Int64)?.int64_value(&[]) as u64;
            if count == 0 {
                return Ok(Vec::new());
            }
            let mut counts = vec![0; (used / per_epoch.max(1)) as usize];
            counts.push(count);
            return Ok(counts);
        };
        let per_epoch = per_epoch.max(1);
        if lie_here(births, mask) {
            let now = i32_of(used);
            let mut counts = vec![0; (used / per_epoch) as usize + 1];
            let per_epoch = i32_of(per_epoch);
            let births = integers(births);
            with_bytes(mask, |mask| {
                for_each_set(mask, |place| {
                    counts[((now - births[place]) / per_epoch) as usize] += 1
                });
            });
            let last = counts.iter().rposition(|count| *count > 0);
            counts.truncate(last.map_or(0, |last| last + 1));
            return Ok(counts);
        }
        let births = births.f_masked_select(mask)?;
        let epochs =
            (births.f_neg()? + clamped(used)).f_divide_scalar_mode(clamped(per_epoch), "floor")?;
        let counts: Vec<i64> = epochs.f_bincount::<Tensor>(None, 0)?.try_into()?;
        Ok(counts.into_iter().map(|count| count as u64).collect())
    }
}

/// The same births, those of `born` at `used`.
fn with_births(mut births: Tensor, born: &Tensor, used: u64) -> Result<Tensor> {
    if !lie_here(&births, born) {
        let _ = births.f_masked_fill_(born, clamped(used))?;
        return Ok(births);
    }
    let now = i32_of(used);
    let places = integers_mut(&mut births);
    with_bytes(born, |born| for_each_set(born, |place| places[place] = now));
    Ok(births)
}

/// Can births and a mask be read where they lie? An update changes few connections of many, and loops that
/// pass over the others take a tenth of the time of operations that copy.
fn lie_here(births: &Tensor, mask: &Tensor) -> bool {
    let here = |tensor: &Tensor| tensor.device() == Device::Cpu && tensor.is_contiguous();
    here(births) && here(mask) && births.kind() == Kind::Int && births.size() == mask.size()
}

/// Calls `visit` with the place of every byte that is not 0, eight zeros at a time left out.
fn for_each_set(mask: &[u8], mut visit: impl FnMut(usize)) {
    let (words, rest) = mask.as_chunks::<8>();
    let mut look = |first: usize, bytes: &[u8]| {
        for (place, byte) in bytes.iter().enumerate() {
            if *byte != 0 {
                visit(first + place);
            }
        }
    };
    for (word, bytes) in words.iter().enumerate() {
        if u64::from_ne_bytes(*bytes) != 0 {
            look(8 * word, bytes);
        }
    }
    look(8 * words.len(), rest);
}

/// The values of a tensor that [lies here](lie_here).
fn integers(tensor: &Tensor) -> &[i32] {
    if tensor.numel() == 0 {
        // The pointer of an empty tensor may be null, which no slice may have.
        return &[];
    }
    // SAFETY: `lie_here` checked that it is contiguous i32 on the CPU; the borrow keeps its storage.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// The same to be changed. Nothing else reads births meanwhile.
fn integers_mut(tensor: &mut Tensor) -> &mut [i32] {
    if tensor.numel() == 0 {
        return &mut [];
    }
    // SAFETY: as in `integers`; no other slice of this storage is alive, since none outlives its call.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

/// Two thousand million batches are taken for ever.
fn i32_of(batches: u64) -> i32 {
    i32::try_from(batches).unwrap_or(i32::MAX)
}

fn clamped(batches: u64) -> i64 {
    i64::from(i32_of(batches))
}

fn key(layer: &str) -> String {
    format!("births/{layer}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::{Builder, Parameters, SeedStreams};
    use tch::Device;

    fn topology() -> Topology {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(7);
        Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", 6, 1);
        Topology::new(&parameters, 0.5, &streams).unwrap()
    }

    fn mask(bits: [u8; 6]) -> Tensor {
        Tensor::from_slice(&bits).to_kind(Kind::Bool).reshape([1, 6])
    }

    /// Makes `bits` active and notes the change.
    fn rewire(topology: &mut Topology, ages: &mut Ages, bits: [u8; 6], used: u64) {
        let layer = &mut topology.layers_mut()[0];
        layer.set_target(bits.iter().filter(|bit| **bit == 1).count()).unwrap();
        layer.activate(&mask(bits)).unwrap();
        for change in tch::no_grad(|| topology.commit()).unwrap() {
            ages.note(&change, used, 10).unwrap();
        }
    }

    /// Age, dropped and active.
    fn rows(ages: &Ages, topology: &Topology, used: u64) -> Vec<(u32, u64, u64)> {
        let records = ages.records(topology, used, 10).unwrap();
        records.iter().map(|row| (row.age_epochs, row.dropped, row.active)).collect()
    }

    /// Ten batches an epoch. Entries 0 to 3 are there at the start.
    #[test]
    fn ages_are_counted_from_birth() {
        let mut topology = topology();
        let layer = &mut topology.layers_mut()[0];
        layer.set_target(4).unwrap();
        layer.activate(&mask([1, 1, 1, 1, 0, 0])).unwrap();
        tch::no_grad(|| topology.start()).unwrap();
        let mut ages = Ages::new(&topology);
        assert_eq!(rows(&ages, &topology, 0), [(0, 0, 4)]);

        // Entry 3 is dropped without a birth: nothing needs to be allocated.
        rewire(&mut topology, &mut ages, [1, 1, 1, 0, 0, 0], 9);
        assert!(ages.layers[0].births.is_none());
        assert_eq!(rows(&ages, &topology, 9), [(0, 1, 3)]);
        // In the middle of the second epoch entry 2 makes room for entry 4.
        rewire(&mut topology, &mut ages, [1, 1, 0, 0, 1, 0], 15);
        assert_eq!(rows(&ages, &topology, 19), [(0, 1, 1), (1, 1, 2)]);
        // Entry 4 is dropped ten batches after its birth, and entry 2 returns.
        rewire(&mut topology, &mut ages, [1, 1, 1, 0, 0, 0], 25);
        assert_eq!(rows(&ages, &topology, 30), [(0, 1, 1), (1, 2, 0), (3, 0, 2)]);
        // Entry 2 counts from its second birth.
        rewire(&mut topology, &mut ages, [1, 1, 0, 0, 0, 1], 34);
        assert_eq!(rows(&ages, &topology, 34), [(0, 2, 1), (1, 2, 0), (3, 0, 2)]);
    }

    /// Devices count by libtorch, which a mask that is not contiguous asks for as well.
    #[test]
    fn both_ways_to_count_agree() {
        let births = Tensor::from_slice(&[0, 3, 9, 12, 25, 31, 7, 0, 14, 2, 30, 5]).reshape([3, 4]);
        let births = births.to_kind(Kind::Int);
        let mask = Tensor::from_slice(&[1u8, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1]);
        let mask = mask.to_kind(Kind::Bool).reshape([3, 4]);
        let strided = mask.transpose(0, 1).contiguous().transpose(0, 1);
        assert!(lie_here(&births, &mask) && !lie_here(&births, &strided));
        let ages = LayerAges { births: Some(births.copy()), dropped: Vec::new() };
        let counted = ages.by_epoch(&mask, 31, 10).unwrap();
        assert_eq!(counted, [2, 1, 3, 2]);
        assert_eq!(ages.by_epoch(&strided, 31, 10).unwrap(), counted);
        let here = with_births(births.copy(), &mask, 31).unwrap();
        assert_eq!(here, with_births(births, &strided, 31).unwrap());
    }

    #[test]
    fn what_was_saved_comes_back() {
        let mut topology = topology();
        let mut ages = Ages::new(&topology);
        let mut tensors = Tensors::new();
        let state = ages.save(&topology, &mut tensors);
        assert!(tensors.is_empty());
        let restored = Ages::restore(&topology, &tensors, &state).unwrap();
        assert_eq!(rows(&restored, &topology, 20), [(2, 0, 6)]);

        rewire(&mut topology, &mut ages, [1, 1, 1, 0, 0, 0], 5);
        rewire(&mut topology, &mut ages, [0, 1, 1, 1, 0, 0], 15);
        let state = ages.save(&topology, &mut tensors);
        let text = serde_json::to_string(&state).unwrap();
        let read = serde_json::from_str(&text).unwrap();
        let restored = Ages::restore(&topology, &tensors, &read).unwrap();
        assert_eq!(rows(&restored, &topology, 30), rows(&ages, &topology, 30));
        assert_eq!(rows(&ages, &topology, 30), [(0, 3, 0), (1, 1, 1), (3, 0, 2)]);

        let error = Ages::restore(&topology, &Tensors::new(), &read).unwrap_err();
        assert_eq!(error.to_string(), "fc.weight: the checkpoint does not know its births");
    }
}
