//! Neurons: the rows of a layer, and what leads to them and away from them.

use tch::{Kind, Tensor};

use super::Topology;
use crate::mask::{is_host, with_bytes};

/// How many neurons of a layer take no part: rows of a matrix, filters of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neurons {
    /// All of them.
    pub count: usize,
    /// Those that no active connection leads to: they give their bias, whatever the input is.
    pub without_input: usize,
    /// Those that no active connection leads away from; `None` if it is not known which layer they
    /// feed ([`Builder::chain`](crate::Builder::chain)).
    pub without_output: Option<usize>,
}

impl Topology {
    /// The layer whose outputs are the inputs of the layer `index`, by its own index: only where the
    /// model declares it ([`Builder::chain`](crate::Builder::chain)).
    pub fn feeder(&self, index: usize) -> Option<usize> {
        self.feeders[index]
    }

    /// The layer that the layer `index` feeds, the other way round.
    pub fn reader(&self, index: usize) -> Option<usize> {
        self.feeders.iter().position(|feeder| *feeder == Some(index))
    }

    /// How many active connections lead to every neuron of the layer `index` (`Int64`, `[out]`).
    pub fn incoming(&self, index: usize) -> Tensor {
        let active = self.layers[index].active();
        active.reshape([active.size()[0], -1]).sum_dim_intlist([1].as_slice(), false, Kind::Int64)
    }

    /// How many active connections lead away from every neuron of the layer `index` (`Int64`,
    /// `[out]`), if it is known which layer it feeds.
    pub fn outgoing(&self, index: usize) -> Option<Tensor> {
        let active = self.layers[self.reader(index)?].active();
        let neurons = self.layers[index].shape()[0];
        // [out, in, …] → [out, neuron, inputs of the neuron and pixels].
        let by_neuron = active.reshape([active.size()[0], neurons, -1]);
        Some(by_neuron.sum_dim_intlist([0, 2].as_slice(), false, Kind::Int64))
    }

    /// Counts the neurons of the layer `index` that take no part.
    pub fn neurons(&self, index: usize) -> Neurons {
        let count = self.layers[index].shape()[0] as usize;
        let reader = self.reader(index).map(|reader| self.layers[reader].active());
        let active = self.layers[index].active();
        let is_here = |mask: &Tensor| is_host(mask, Kind::Bool);
        if is_here(active) && reader.is_none_or(is_here) {
            // Libtorch would count in 64 bits what is looked at for zeros only.
            return Neurons {
                count,
                without_input: with_bytes(active, |bytes| empty_groups(bytes, count)),
                without_output: reader.map(|mask| {
                    let outputs = mask.size()[0] as usize;
                    with_bytes(mask, |bytes| empty_groups(&union_of_rows(bytes, outputs), count))
                }),
            };
        }
        let zeros = |counts: Tensor| counts.eq(0).sum(Kind::Int64).int64_value(&[]) as usize;
        Neurons {
            count,
            without_input: zeros(self.incoming(index)),
            without_output: self.outgoing(index).map(zeros),
        }
    }
}

/// How many of `count` groups of equal length hold no set entry.
fn empty_groups(bytes: &[u8], count: usize) -> usize {
    let length = (bytes.len() / count.max(1)).max(1);
    bytes.chunks(length).filter(|group| !group.contains(&1)).count()
}

/// What is set in any of `rows` rows.
fn union_of_rows(bytes: &[u8], rows: usize) -> Vec<u8> {
    let length = (bytes.len() / rows.max(1)).max(1);
    let mut union = vec![0; length];
    for row in bytes.chunks(length) {
        for (any, byte) in union.iter_mut().zip(row) {
            *any |= byte;
        }
    }
    union
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Builder, Parameters};
    use crate::seed::SeedStreams;
    use tch::Device;

    /// `conv` with 2 filters on 1 channel, 1 × 1, feeds `fc` of 3 outputs through 2 pixels a channel;
    /// `fc` feeds nothing that is declared.
    fn topology(conv: [u8; 2], fc: [u8; 12]) -> Topology {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(7);
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        builder.conv2d("conv", 1, 2, 1, 0);
        builder.linear("fc", 4, 3);
        builder.chain(&["conv", "fc"]);
        let mut topology = Topology::new(&parameters, 0.5, &streams).unwrap();
        for (layer, mask) in topology.layers_mut().iter_mut().zip([&conv[..], &fc[..]]) {
            let mask = Tensor::from_slice(mask).to_kind(Kind::Bool).reshape(layer.shape());
            layer.activate(&mask).unwrap();
        }
        topology
    }

    #[test]
    fn a_channel_is_read_through_all_its_pixels() {
        let topology = topology([1, 0], [0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!((topology.feeder(0), topology.feeder(1)), (None, Some(0)));
        assert_eq!((topology.reader(0), topology.reader(1)), (Some(1), None));
        let counts = |tensor: Tensor| Vec::<i64>::try_from(tensor).unwrap();
        assert_eq!(counts(topology.incoming(0)), [1, 0]);
        assert_eq!(counts(topology.outgoing(0).unwrap()), [2, 1]);
        assert_eq!(counts(topology.incoming(1)), [1, 2, 0]);
        let (first, last) = (topology.neurons(0), topology.neurons(1));
        assert_eq!(first, Neurons { count: 2, without_input: 1, without_output: Some(0) });
        assert_eq!(last, Neurons { count: 3, without_input: 1, without_output: None });
    }

    /// Devices count by libtorch, and the CPU by its bytes.
    #[test]
    fn what_is_counted_is_what_has_no_connection() {
        let topology = topology([1, 0], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for index in 0..2 {
            let zeros = |counts: Tensor| counts.eq(0).sum(Kind::Int64).int64_value(&[]) as usize;
            let neurons = topology.neurons(index);
            assert_eq!(neurons.without_input, zeros(topology.incoming(index)));
            assert_eq!(neurons.without_output, topology.outgoing(index).map(zeros));
        }
    }

    #[test]
    fn a_channel_that_nothing_reads_is_counted() {
        let topology = topology([1, 1], [1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0]);
        assert_eq!(topology.neurons(0).without_output, Some(1));
    }

    #[test]
    #[should_panic(expected = "fc.weight has 3 outputs and head.weight 4 inputs")]
    fn layers_that_do_not_fit_are_no_chain() {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(7), Device::Cpu);
        builder.linear("fc", 4, 3);
        builder.linear("head", 4, 3);
        builder.chain(&["fc", "head"]);
    }
}
