//! Choosing the first topology.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Layer, Topology};
use crate::error::Result;
use crate::probe::Probe;
use crate::selection;

/// By what the first topology is chosen from the dense network, whose weights are drawn at
/// random or were loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitialMask {
    /// Uniformly at random in every layer.
    #[default]
    Random,
    /// The largest |w| of every layer: one-shot pruning of a trained network (Han et al. 2015).
    Magnitude,
    /// The largest |w| of all layers together; how many a layer keeps follows from that.
    MagnitudeGlobal,
    /// The largest |w · g| of every layer, with the gradient of one batch: the effect of a
    /// removal on the loss (Lee et al. 2019), per layer as Evci et al. (2020) run it.
    Snip,
    /// The largest |w · g| of all layers together, as Lee et al. (2019) choose; how many a layer
    /// keeps follows from that.
    SnipGlobal,
}

impl InitialMask {
    /// Is it the default? Strategies do not write the default into their configs, so that
    /// trials from before there was a choice keep their ids.
    pub fn is_random(&self) -> bool {
        *self == Self::Random
    }

    fn is_global(self) -> bool {
        matches!(self, Self::MagnitudeGlobal | Self::SnipGlobal)
    }
}

impl Topology {
    /// Chooses the first topology: the target count in every layer, or with a global choice as
    /// many as all targets together, which then follow. Called in
    /// [`Strategy::init`](crate::Strategy::init) after [`Topology::allocate`]; looks at one batch
    /// if it needs gradients.
    ///
    /// # Errors
    /// If a weight or gradient is not a number, `probe` fails, or a global choice would leave a
    /// layer without any connection.
    pub fn activate_by(&mut self, start: InitialMask, probe: &mut dyn Probe) -> Result<()> {
        if start == InitialMask::Random {
            return self.activate_random();
        }
        let mut scores: Vec<Tensor> = self.layers.iter().map(Layer::magnitude).collect();
        if matches!(start, InitialMask::Snip | InitialMask::SnipGlobal) {
            for (score, gradient) in scores.iter_mut().zip(probe.gradients(1)?) {
                *score *= gradient.abs();
            }
        }
        if start.is_global() {
            let active = self.layers.iter().map(Layer::target).sum();
            self.activate_globally(&scores, active)?;
            self.layers.iter_mut().for_each(|layer| layer.final_target = layer.target);
            return Ok(());
        }
        for (layer, scores) in self.layers.iter_mut().zip(&scores) {
            let chosen = selection::top_k(scores, None, layer.target)
                .map_err(|error| error.at(layer.name.clone()))?;
            layer.activate(&chosen)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Builder, Parameters};
    use crate::seed::SeedStreams;
    use crate::{Distribution, Error};
    use tch::{Device, Kind};

    /// Layer `a [1, 6]` with weights 4, -1, 3, -2, 0.5, 6 and `b [1, 2]` with 0.1, 5, each to keep
    /// half.
    fn topology() -> Topology {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(7);
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        for (name, weights) in [("a", &[4.0f32, -1.0, 3.0, -2.0, 0.5, 6.0][..]), ("b", &[0.1, 5.0])]
        {
            let layer = builder.linear(name, weights.len() as i64, 1);
            layer.weight.dense().detach().copy_(&Tensor::from_slice(weights).reshape([1, -1]));
        }
        let mut topology = Topology::new(&parameters, 0.5, &streams).unwrap();
        topology.allocate(Distribution::Uniform).unwrap();
        topology
    }

    /// Gradients 0, -9, 2, -5, 0, 1 of `a` and 7, 0 of `b`.
    struct OneBatch;

    impl Probe for OneBatch {
        fn gradients(&mut self, batches: usize) -> Result<Vec<Tensor>> {
            assert_eq!(batches, 1);
            let row = |values: &[f32]| Tensor::from_slice(values).reshape([1, -1]);
            Ok(vec![row(&[0.0, -9.0, 2.0, -5.0, 0.0, 1.0]), row(&[7.0, 0.0])])
        }
    }

    /// Fails if it is asked.
    struct NoBatch;

    impl Probe for NoBatch {
        fn gradients(&mut self, _: usize) -> Result<Vec<Tensor>> {
            Err(Error::data("there is no batch"))
        }
    }

    fn chosen(start: InitialMask, probe: &mut dyn Probe) -> Vec<Vec<u8>> {
        let mut topology = topology();
        topology.activate_by(start, probe).unwrap();
        topology.start().unwrap();
        assert_eq!(topology.active_count(), 4, "the total is kept");
        topology
            .layers()
            .iter()
            .map(|layer| Vec::try_from(layer.active().to_kind(Kind::Uint8).flatten(0, -1)).unwrap())
            .collect()
    }

    #[test]
    fn magnitude_keeps_the_largest_weights_of_every_layer() {
        let chosen = chosen(InitialMask::Magnitude, &mut NoBatch);
        assert_eq!(chosen, [vec![1, 0, 1, 0, 0, 1], vec![0, 1]]);
    }

    /// |w · g| is 0, 9, 6, 10, 0, 6 and 0.7, 0; of the two sixes the first stays.
    #[test]
    fn snip_keeps_the_largest_products_of_every_layer() {
        let chosen = chosen(InitialMask::Snip, &mut OneBatch);
        assert_eq!(chosen, [vec![0, 1, 1, 1, 0, 0], vec![1, 0]]);
    }

    /// One threshold: 6, 5, 4 and 3 are the largest weights.
    #[test]
    fn a_global_choice_moves_the_targets() {
        let both = chosen(InitialMask::MagnitudeGlobal, &mut NoBatch);
        assert_eq!(both, [vec![1, 0, 1, 0, 0, 1], vec![0, 1]]);
        let mut topology = topology();
        let _ = topology.layers()[1].weight().values().fill_(3.5);
        topology.activate_by(InitialMask::MagnitudeGlobal, &mut NoBatch).unwrap();
        let targets: Vec<usize> = topology.layers().iter().map(Layer::target).collect();
        assert_eq!(targets, [2, 2], "4 and 6, and both 3.5");
    }

    /// The products 10, 9, 6 and 6 all lie in the first layer.
    #[test]
    fn a_global_choice_that_cuts_the_network_is_an_error() {
        let error = topology().activate_by(InitialMask::SnipGlobal, &mut OneBatch).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Collapsed);
        assert!(error.to_string().starts_with("b.weight: no connection"), "{error}");
    }

    #[test]
    fn random_looks_at_nothing_and_a_failed_probe_is_reported() {
        assert_eq!(chosen(InitialMask::Random, &mut NoBatch).concat().len(), 8);
        let error = topology().activate_by(InitialMask::Snip, &mut NoBatch).unwrap_err();
        assert_eq!(error.to_string(), "there is no batch");
        let mut broken = topology();
        let _ = broken.layers_mut()[0].weight().values().fill_(f64::NAN);
        let error = broken.activate_by(InitialMask::Magnitude, &mut NoBatch).unwrap_err();
        assert!(error.to_string().starts_with("a.weight: "), "{error}");
    }
}
