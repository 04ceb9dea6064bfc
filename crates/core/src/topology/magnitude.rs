//! One threshold for the weights of several layers.

use tch::Tensor;

use super::Layer;
use crate::error::{Error, ErrorKind, Result};
use crate::selection;

/// How many connections every layer keeps if the `total` largest |w| of all active weights stay,
/// whatever their layers. Ties go to the earlier layer.
///
/// Every layer keeps at least one, and the others make room for it: a training that prunes as it goes
/// on is not to end in the middle because of one small layer.
///
/// # Errors
/// If a weight is not a number, or `total` is smaller than the number of layers or larger than that
/// of the active weights.
pub fn count_largest(layers: &[&Layer], total: usize) -> Result<Vec<usize>> {
    if total < layers.len() {
        return Err(Error::new(
            ErrorKind::Collapsed,
            format!("{total} connections are fewer than one for each of {} layers", layers.len()),
        )
        .hint("choose a lower sparsity or a wider model"));
    }
    let mut counts = vec![1; layers.len()];
    let mut open: Vec<usize> = (0..layers.len()).collect();
    while !open.is_empty() {
        let largest = total - (layers.len() - open.len());
        let inside = count_each(open.iter().map(|index| layers[*index]), largest)?;
        if !inside.contains(&0) {
            open.iter().zip(inside).for_each(|(index, count)| counts[*index] = count);
            break;
        }
        let mut inside = inside.into_iter();
        open.retain(|_| inside.next() != Some(0));
    }
    Ok(counts)
}

/// How many of the `total` largest |w| lie in each layer.
fn count_each<'a>(
    layers: impl Iterator<Item = &'a Layer> + Clone,
    total: usize,
) -> Result<Vec<usize>> {
    let magnitudes = layers.clone().map(|layer| match layer.is_dense() {
        true => layer.magnitude().flatten(0, -1),
        false => selection::gather(&layer.values(), layer.active()).abs_(),
    });
    let largest = selection::top_k(&Tensor::cat(&magnitudes.collect::<Vec<_>>(), 0), None, total)?;
    let mut start = 0;
    let count = |layer: &Layer| {
        let length = layer.active_count() as i64;
        let part = largest.narrow(0, start, length);
        start += length;
        selection::count(&part)
    };
    Ok(layers.map(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topology;
    use crate::layers::{Builder, Parameters};
    use crate::seed::SeedStreams;
    use tch::Device;

    /// Layers `a`, `b`, … with these weights.
    fn topology(weights: &[&[f32]]) -> Topology {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(0);
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        for (name, weights) in ["a", "b", "c"].iter().zip(weights) {
            let layer = builder.linear(name, weights.len() as i64, 1);
            layer.weight.values().copy_(&Tensor::from_slice(weights).reshape([1, -1]));
        }
        Topology::new(&parameters, 0.5, &streams).unwrap()
    }

    fn counts(topology: &Topology, total: usize) -> Result<Vec<usize>> {
        count_largest(&topology.layers().iter().collect::<Vec<_>>(), total)
    }

    #[test]
    fn one_threshold_serves_all_layers() {
        let topology = topology(&[&[4.0, -1.0, 3.0], &[-5.0, 2.0], &[3.0, 0.0]]);
        assert_eq!(counts(&topology, 7).unwrap(), [3, 2, 2]);
        assert_eq!(counts(&topology, 5).unwrap(), [2, 2, 1]);
        // 5, 4 and the first of the two threes.
        assert_eq!(counts(&topology, 3).unwrap(), [1, 1, 1], "`c` would be empty");
        assert!(counts(&topology, 8).is_err());
    }

    /// Of 9, 8, 7 and 6 in the first layer three stay when the others keep their largest.
    #[test]
    fn every_layer_keeps_one() {
        let topology = topology(&[&[9.0, 8.0, 7.0, 6.0], &[0.5, 0.1], &[0.0, 0.2]]);
        assert_eq!(counts(&topology, 5).unwrap(), [3, 1, 1]);
        let error = counts(&topology, 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Collapsed);
    }

    /// Weights that are 0 are tied, and no more than the total stay or go.
    #[test]
    fn counts_are_exact_among_equal_weights() {
        let topology = topology(&[&[4.0, 0.0, 0.0, 0.0], &[0.0, 3.0]]);
        assert_eq!(counts(&topology, 4).unwrap(), [3, 1]);
    }

    #[test]
    fn inactive_weights_do_not_count() {
        let mut topology = topology(&[&[1.0, 2.0], &[9.0, 8.0]]);
        let first = Tensor::from_slice(&[true, false]).reshape([1, 2]);
        topology.layers_mut()[1].keep_inactive();
        topology.layers_mut()[1].activate(&first).unwrap();
        assert_eq!(counts(&topology, 2).unwrap(), [1, 1]);
        assert!(counts(&topology, 4).is_err());
    }
}
