//! Chains: connections that lead nowhere after an update dropped others.

use dst_core::tch::Tensor;
use dst_core::{Result, Topology};

/// Takes out of `kept` (`Bool`, by layer) what leads to a neuron that no connection leaves, and what
/// leaves a neuron that no connection leads to, until there are none: where the model says which layer
/// feeds which. Layers that are not `open` stay as they are.
pub(crate) fn remove(topology: &Topology, open: &[bool], kept: &mut [Tensor]) -> Result<()> {
    let layers = topology.layers();
    let mut forwards: Vec<usize> = (0..layers.len()).collect();
    forwards.sort_by_key(|index| layers[*index].declared());
    // From the output to the input, what nobody reads; and back, what gets no input. What the second
    // pass takes ends at neurons that the first has seen without readers, or without input already.
    for index in forwards.iter().rev().copied() {
        let Some(reader) = topology.reader(index).filter(|_| open[index]) else {
            continue;
        };
        let read = leaving(&kept[reader], kept[index].size()[0])?;
        kept[index] = kept[index].logical_and(&by_output(&read, &kept[index])?);
    }
    for index in forwards {
        let Some(feeder) = topology.feeder(index).filter(|_| open[index]) else {
            continue;
        };
        let fed = kept[feeder].f_reshape([kept[feeder].size()[0], -1])?.f_any_dim(1, false)?;
        kept[index] = kept[index].logical_and(&by_input(&fed, &kept[index])?);
    }
    Ok(())
}

/// Which of the `neurons` that a layer reads are read (`Bool`, `[neurons]`). One neuron may be several
/// inputs that lie side by side: the pixels of a channel.
fn leaving(reader: &Tensor, neurons: i64) -> Result<Tensor> {
    let by_neuron = reader.f_reshape([reader.size()[0], neurons, -1])?;
    Ok(by_neuron.f_any_dim(2, false)?.f_any_dim(0, false)?)
}

/// A value for every output, for all that belongs to it.
fn by_output(neurons: &Tensor, like: &Tensor) -> Result<Tensor> {
    let rows = neurons.f_reshape([-1, 1])?;
    Ok(rows
        .f_expand([-1, like.numel() as i64 / neurons.size()[0]], false)?
        .f_reshape(like.size())?)
}

/// A value for every neuron that is read, for all that reads it.
fn by_input(neurons: &Tensor, like: &Tensor) -> Result<Tensor> {
    let (outputs, count) = (like.size()[0], neurons.size()[0]);
    let each = like.numel() as i64 / (outputs * count);
    let columns = neurons.f_reshape([1, -1, 1])?;
    Ok(columns.f_expand([outputs, count, each], false)?.f_reshape(like.size())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::tch::{Device, Kind};
    use dst_core::{Builder, Parameters, SeedStreams};

    fn mask(bits: &[u8], shape: &[i64]) -> Tensor {
        Tensor::from_slice(bits).to_kind(Kind::Bool).reshape(shape)
    }

    fn bits(mask: &Tensor) -> Vec<u8> {
        Vec::try_from(mask.to_kind(Kind::Uint8).flatten(0, -1)).unwrap()
    }

    /// `conv` has two filters on one channel and feeds `fc` through two pixels a channel; `fc` has two
    /// neurons and feeds `out`.
    fn removed(conv: [u8; 2], fc: [u8; 8], out: [u8; 2], open: [bool; 3]) -> [Vec<u8>; 3] {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(7);
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        builder.conv2d("conv", 1, 2, 1, 0);
        builder.linear("fc", 4, 2);
        builder.linear("out", 2, 1);
        builder.chain(&["conv", "fc", "out"]);
        let topology = Topology::new(&parameters, 0.5, &streams).unwrap();
        let mut kept = [mask(&conv, &[2, 1, 1, 1]), mask(&fc, &[2, 4]), mask(&out, &[1, 2])];
        remove(&topology, &open, &mut kept).unwrap();
        kept.map(|kept| bits(&kept))
    }

    #[test]
    fn complete_paths_stay() {
        let (conv, fc, out) = ([1, 0], [1, 1, 0, 0, 0, 0, 0, 0], [1, 0]);
        assert_eq!(removed(conv, fc, out, [true; 3]), [conv.to_vec(), fc.to_vec(), out.to_vec()]);
    }

    /// Nothing reads the second neuron of `fc`, so its links go, and with them the second filter.
    #[test]
    fn what_nobody_reads_goes_back_to_the_input() {
        let found = removed([1, 1], [0, 1, 0, 0, 0, 0, 1, 1], [1, 0], [true; 3]);
        assert_eq!(found, [vec![1, 0], vec![0, 1, 0, 0, 0, 0, 0, 0], vec![1, 0]]);
    }

    /// The first filter has no input, so the links from its pixels go, and the first neuron of `fc` with
    /// them.
    #[test]
    fn what_gets_no_input_goes_on_to_the_output() {
        let found = removed([0, 1], [1, 1, 0, 0, 1, 0, 0, 1], [1, 1], [true; 3]);
        assert_eq!(found, [vec![0, 1], vec![0, 0, 0, 0, 0, 0, 0, 1], vec![0, 1]]);
    }

    /// A closed layer keeps links that lead nowhere, and they count as links for the others.
    #[test]
    fn closed_layers_stay_as_they_are() {
        let fc = [0, 1, 0, 0, 0, 0, 1, 1];
        let found = removed([1, 1], fc, [1, 0], [true, false, true]);
        assert_eq!(found, [vec![1, 1], fc.to_vec(), vec![1, 0]]);
    }
}
