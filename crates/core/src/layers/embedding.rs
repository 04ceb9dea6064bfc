//! Embeddings, dense or prunable.

use tch::Tensor;

use super::Builder;
use super::builder::Draw;

/// A table of vectors, one for each id.
#[derive(Debug)]
pub struct Embedding {
    /// `[count, width]`.
    pub weight: Tensor,
}

impl Embedding {
    /// `Int64 […] → […, width]`. Ids in range are the caller's duty.
    ///
    /// # Panics
    /// If libtorch refuses an id.
    pub fn forward(&self, ids: &Tensor) -> Tensor {
        Tensor::embedding(&self.weight, ids, -1, false, false)
    }
}

impl Builder<'_> {
    /// A dense table of `count` vectors of `width`, started normal around 0 with the standard
    /// deviation `deviation`.
    pub fn embedding(&mut self, name: &str, count: i64, width: i64, deviation: f64) -> Embedding {
        let draw = Draw::Normal(deviation);
        Embedding { weight: self.dense(&format!("{name}.weight"), &[count, width], draw) }
    }

    /// Like [`Builder::embedding`], but its values can be pruned. Looking vectors up multiplies
    /// nothing, so it has no positions and costs no operations.
    pub fn prunable_embedding(
        &mut self,
        name: &str,
        count: i64,
        width: i64,
        deviation: f64,
    ) -> Embedding {
        let draw = Draw::Normal(deviation);
        let weight = self.prunable(&format!("{name}.weight"), &[count, width], draw);
        // No backend looks vectors up, so that this weight is never compact and its leaf never another.
        Embedding { weight: weight.dense() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::Distribution;
    use crate::flops;
    use crate::layers::Parameters;
    use crate::seed::SeedStreams;
    use crate::topology::Topology;
    use tch::{Device, Kind};

    #[test]
    fn ids_look_up_rows_of_a_dense_table() {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        let table = builder.embedding("words", 5, 3, 0.02);
        let ids = Tensor::from_slice(&[4i64, 0, 4, 1]).reshape([2, 2]);
        let vectors = table.forward(&ids);
        assert_eq!(vectors.size(), [2, 2, 3]);
        assert_eq!(vectors.get(0).get(0), table.weight.get(4));
        vectors.sum(Kind::Float).backward();
        let rows = table.weight.grad().sum_dim_intlist(1i64, false, Kind::Float);
        assert_eq!(Vec::<f32>::try_from(rows).unwrap(), [3.0, 3.0, 0.0, 0.0, 6.0]);
        assert_eq!((parameters.count(), parameters.prunable().count()), (15, 0));
    }

    /// What a topology zeroes, the table does not give.
    #[test]
    fn a_prunable_table_is_looked_up_as_it_was_pruned() {
        let streams = SeedStreams::new(0);
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        let table = builder.prunable_embedding("words", 5, 4, 0.02);
        let mut topology = Topology::new(&parameters, 0.25, &streams).unwrap();
        topology.allocate(Distribution::Uniform).unwrap();
        topology.activate_random().unwrap();
        topology.start().unwrap();
        let every = table.forward(&Tensor::arange(5, (Kind::Int64, Device::Cpu)));
        assert_eq!(every.count_nonzero(None::<i64>).int64_value(&[]), 5);
        assert_eq!((topology.size(), flops::dense_inference(&topology)), (20, 0.0));
    }
}
